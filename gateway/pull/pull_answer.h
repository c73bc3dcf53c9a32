/* pull_answer.h -- what a hub's status and headers mean for a pull. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PULL_PULL_ANSWER_H
#define GATEWAY_PULL_PULL_ANSWER_H

#include "net/net.h"

/* Pure: heads in, verdicts out. */
enum pull_verdict {
	PULL_FINE,
	PULL_LATER, /* may be tried again, after what it asked for */
	PULL_NEVER,
};

/* What was asked, for messages. */
struct pull_question {
	const char *repo, *revision;
	const char *page;  /* the model's, for people */
	const char *path;  /* a file's, or NULL */
	bool has_token;    /* was sent */
	bool is_elsewhere; /* another host than the hub's has answered */
};

/*
 * Judges a final status but 200, 206 and 416, which are PULL_FINE. <err> says
 * what it means and what to do, whichever verdict.
 */
enum pull_verdict pull_judge(const struct http1_head *head,
    const struct pull_question *question, struct error *err);

/*
 * How long the server asks to be left alone, in ns: Retry-After in seconds, or
 * "t=" of RateLimit as the hub sends it; 0: it does not say. Source: RFC 9110
 * 10.2.3, draft-ietf-httpapi-ratelimit-headers.
 */
int64_t pull_asked_wait(const struct http1_head *head);

/*
 * The wait before try <failures> + 1 in ns: half a second, doubled each time,
 * at most 30 s; <asked> where that is longer. -1: no further try, since there
 * were <tries>, or it asks for more than two minutes.
 */
int64_t pull_backoff(unsigned failures, unsigned tries, int64_t asked);

/* An entity tag without W/ and quotes: the linked file's before the answer's;
 * empty: none. Borrowed from the head. */
struct span pull_linked_etag(const struct http1_head *head);
struct span pull_etag(const struct http1_head *head);

/* The linked file's size; -1: not said. */
int64_t pull_linked_size(const struct http1_head *head);

/*
 * "bytes 5-9/10" of a 206: false when it is ill-formed. *size is -1 for "*".
 * Source: RFC 9110 14.4.
 */
bool pull_content_range(
    const struct http1_head *head, int64_t *first, int64_t *size);

#endif
