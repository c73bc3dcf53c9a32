/* pull_get.c -- one small answer of the hub, whole. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pull/pull_get.h"

#include <stdio.h>

#include "gateway/pull/pull_fetch.h"

struct getting {
	struct pull_hub *hub;
	struct pull_get *get;
	struct buf *body;
	struct error *err;
	struct pull_fetch fetch;
	struct deadline wait;
	struct deadline limit; /* of one try: the answer is small */
	unsigned failures;
	enum result result;
};

static void end(struct getting *g, enum result result)
{
	g->result = result;
	pull_fetch_stop(&g->fetch);
	loop_stop(g->hub->loop);
}

/* The reason is set. */
static void try_again(struct getting *g, int64_t asked_ns)
{
	int64_t wait = pull_backoff(++g->failures, g->get->tries, asked_ns);

	pull_fetch_stop(&g->fetch);
	deadline_clear(&g->limit);
	if (wait < 0) {
		if (asked_ns > 0)
			error_prefix(g->err, "asked to wait %lld s",
			    (long long)(asked_ns / NS_PER_S));
		end(g, FAILED);
		return;
	}
	fprintf(stderr, "%s: again in %.1f s\n", g->err->text,
	    (double)wait / (double)NS_PER_S);
	deadline_after(&g->wait, wait);
}

static void get_head(const struct http1_head *head, void *arg)
{
	struct getting *g = arg;
	struct pull_question question = g->get->question;

	question.is_elsewhere = g->fetch.is_elsewhere;
	g->get->is_reached = true;
	g->get->is_unknown = head->status == 404 || head->status == 401;
	switch (pull_judge(head, &question, g->err)) {
	case PULL_LATER:
		try_again(g, pull_asked_wait(head));
		return;
	case PULL_NEVER:
		end(g, FAILED);
		return;
	case PULL_FINE:
		break;
	}
	if (head->status != 200) {
		error_set(g->err, "the hub answered %d", head->status);
		end(g, FAILED);
	}
}

static void get_data(struct span bytes, void *arg)
{
	struct getting *g = arg;

	if (buf_append(g->body, bytes))
		return;
	error_set(
	    g->err, "the hub's answer has more than %zu bytes", g->body->max);
	end(g, FAILED);
}

static void get_done(void *arg)
{
	end(arg, OK);
}

static void get_failure(bool may_retry, const char *detail, void *arg)
{
	struct getting *g = arg;

	error_set(g->err, "%s", detail);
	if (may_retry)
		try_again(g, 0);
	else
		end(g, FAILED);
}

static const struct pull_fetch_handler fetch_handler = {
    .on_head = get_head,
    .on_data = get_data,
    .on_done = get_done,
    .on_failed = get_failure,
};

static void ask(void *arg)
{
	struct getting *g = arg;

	buf_free(g->body);
	deadline_after(&g->limit, 4 * g->hub->timeout_ns);
	pull_fetch_start(&g->fetch, g->get->target, 0);
}

static void give_up(void *arg)
{
	struct getting *g = arg;

	error_set(g->err, "the hub's answer is not done in %lld s",
	    (long long)(4 * g->hub->timeout_ns / NS_PER_S));
	try_again(g, 0);
}

enum result pull_get(struct pull_hub *hub, struct pull_get *get,
    struct buf *body, struct error *err)
{
	struct getting g = {
	    .hub = hub,
	    .get = get,
	    .body = body,
	    .err = err,
	    .result = FAILED,
	};

	deadline_init(&g.wait, hub->loop, ask, &g);
	deadline_init(&g.limit, hub->loop, give_up, &g);
	pull_fetch_init(&g.fetch, hub, &fetch_handler, &g);
	ask(&g);
	loop_run(hub->loop);
	pull_fetch_free(&g.fetch);
	deadline_free(&g.wait);
	deadline_free(&g.limit);
	return g.result;
}
