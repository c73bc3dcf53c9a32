/* pull_answer.c -- what a hub's status and headers mean for a pull. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pull/pull_answer.h"

#include "gateway/pull/pull_name.h"

#define FIRST_WAIT (NS_PER_S / 2)
#define LONGEST_WAIT (30 * NS_PER_S)
#define LONGEST_ASKED (120 * NS_PER_S)

static bool is_code(const struct http1_head *head, struct span code)
{
	return span_eq(http1_header(head, SPAN("x-error-code")), code);
}

/* The hub has no such thing, or does not show it to us. */
static void say_refused(const struct http1_head *head,
    const struct pull_question *q, struct error *err)
{
	if (is_code(head, SPAN("GatedRepo")) || head->status == 403)
		error_set(err,
		    "%s is gated, and the hub refuses it (%d): accept its "
		    "licence on %s, and set HF_TOKEN to a token of that "
		    "account%s",
		    q->repo, head->status, q->page,
		    q->has_token ? " (the one that is set is not enough)" : "");
	else if (q->has_token)
		error_set(err,
		    "the hub does not accept HF_TOKEN (%d), or does not show "
		    "%s to it: look at %s with that account",
		    head->status, q->repo, q->page);
	else
		error_set(err,
		    "the hub shows no model %s to everybody (%d): check the "
		    "name; if it is private or gated, accept its licence on "
		    "%s and set HF_TOKEN",
		    q->repo, head->status, q->page);
}

static void say_missing(const struct http1_head *head,
    const struct pull_question *q, struct error *err)
{
	if (is_code(head, SPAN("RevisionNotFound")))
		error_set(err, "the hub has no revision \"%s\" of %s",
		    q->revision, q->repo);
	else if (q->path)
		error_set(err, "the hub has no file %.300s in %s (404)",
		    q->path, q->repo);
	else
		error_set(err, "the hub has no model %s (404)", q->repo);
}

enum pull_verdict pull_judge(const struct http1_head *head,
    const struct pull_question *q, struct error *err)
{
	switch (head->status) {
	case 200:
	case 206:
	case 416:
		return PULL_FINE;
	case 401:
	case 403:
		/* A signed address that has run out: the hub gives another. */
		if (q->is_elsewhere)
			break;
		say_refused(head, q, err);
		return PULL_NEVER;
	case 404:
		say_missing(head, q, err);
		return PULL_NEVER;
	case 408:
	case 429:
	case 500:
	case 502:
	case 503:
	case 504:
		break;
	default:
		error_set(err, "the hub answered %d %s for %.300s",
		    head->status, http1_reason(head->status),
		    q->path ? q->path : q->repo);
		return PULL_NEVER;
	}
	error_set(err, "%s answered %d %s",
	    q->is_elsewhere ? "the server that the hub sends to" : "the hub",
	    head->status, http1_reason(head->status));
	return PULL_LATER;
}

int64_t pull_asked_wait(const struct http1_head *head)
{
	struct span after = http1_header(head, SPAN("retry-after"));
	struct span limit = http1_header(head, SPAN("ratelimit"));
	size_t at = span_find(limit, SPAN(";t="), 0);
	uint64_t seconds = 0, reset = 0;

	if (after.ptr && !span_to_u64(after, &seconds))
		seconds = 0;
	if (at != SIZE_MAX && head->status == 429) {
		limit = span_from(limit, at + 3);
		if (!span_to_u64(
			span_head(limit, span_find(limit, SPAN(";"), 0)),
			&reset))
			reset = 0;
	}
	seconds = seconds > reset ? seconds : reset;
	return (int64_t)(seconds < 86400 ? seconds : 86400) * NS_PER_S;
}

int64_t pull_backoff(unsigned failures, unsigned tries, int64_t asked)
{
	int64_t wait = FIRST_WAIT;

	if (failures >= tries || asked > LONGEST_ASKED)
		return -1;
	for (unsigned i = 1; i < failures && wait < LONGEST_WAIT; i++)
		wait *= 2;
	if (wait > LONGEST_WAIT)
		wait = LONGEST_WAIT;
	return asked > wait ? asked : wait;
}

static struct span bare_etag(struct span etag)
{
	if (span_starts_with(etag, SPAN("W/")))
		etag = span_from(etag, 2);
	if (etag.len >= 2 && etag.ptr[0] == '"' &&
	    etag.ptr[etag.len - 1] == '"')
		etag = span_make(etag.ptr + 1, etag.len - 2);
	return etag;
}

struct span pull_linked_etag(const struct http1_head *head)
{
	return bare_etag(http1_header(head, SPAN("x-linked-etag")));
}

struct span pull_etag(const struct http1_head *head)
{
	struct span linked = pull_linked_etag(head);

	return linked.len > 0 ? linked
			      : bare_etag(http1_header(head, SPAN("etag")));
}

int64_t pull_linked_size(const struct http1_head *head)
{
	uint64_t size;

	if (!span_to_u64(http1_header(head, SPAN("x-linked-size")), &size) ||
	    size > INT64_MAX)
		return -1;
	return (int64_t)size;
}

bool pull_content_range(
    const struct http1_head *head, int64_t *first, int64_t *size)
{
	struct span value = http1_header(head, SPAN("content-range"));
	size_t dash = span_find(value, SPAN("-"), 0);
	size_t slash = span_find(value, SPAN("/"), 0);
	uint64_t a, b, all = 0;
	struct span total = span_from(value, slash + 1);
	bool is_open = span_eq(total, SPAN("*"));

	if (!span_starts_with(value, SPAN("bytes ")) || dash == SIZE_MAX ||
	    slash == SIZE_MAX || dash > slash ||
	    !span_to_u64(span_make(value.ptr + 6, dash - 6), &a) ||
	    !span_to_u64(
		span_make(value.ptr + dash + 1, slash - dash - 1), &b) ||
	    (!is_open && (!span_to_u64(total, &all) || b >= all)) || a > b ||
	    b >= INT64_MAX || all > INT64_MAX)
		return false;
	*first = (int64_t)a;
	*size = is_open ? -1 : (int64_t)all;
	return true;
}
