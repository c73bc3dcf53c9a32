/* relay.h -- an upstream's answer on its way to the client. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_RELAY_H
#define GATEWAY_RELAY_H

#include "gateway/request.h"

/* --- what a source tells ----------------------------------------------------
 */

/* An answer's head; borrowed. */
struct relay_head {
	int status;
	const struct http1_header *headers; /* (n_headers) */
	size_t n_headers;
	int64_t length; /* of the body; -1: not known */
};
void relay_take_head(struct request *request, const struct relay_head *head);
void relay_take_data(struct request *request, struct span bytes);
void relay_take_done(struct request *request);

/* <how> lives for ever, <detail> is for people. */
void relay_take_failure(struct request *request, enum attempt_failure failure,
    const char *how, const char *detail);

/* --- which candidate --------------------------------------------------------
 */

/*
 * Takes the first candidate from <from> on whose breaker lets an attempt
 * through; false when none is left.
 */
bool attempt_admit(struct request *request, size_t from);

/* Whether another candidate looks as if it could answer instead. */
bool relay_has_next(const struct request *request);

/* --- the two shapes of an answer, fed with its bytes
 * --------------------------- */

/* An answer held whole, and passed on as it comes when it is too large. */
void relay_body_feed(struct request *request, struct span bytes);

/* A stream of events. False: it went wrong before content (saw_error). */
void relay_stream_feed(struct request *request, struct span bytes);

/* Begins the client's answer to a stream and writes what was held. */
void relay_stream_release(struct request *request);

/* The upstream ended a good stream without [DONE]. */
void relay_stream_end(struct request *request);

/* The comment before the last event that tells a stream's amounts. */
void relay_write_amounts(struct request *request);

/* Usage from the whole or the end of a JSON answer. */
void relay_body_read_usage(struct request *request);

/* x-sluice-... and the upstream's own headers; returns their number. */
size_t relay_headers(const struct request *request,
    struct http1_header headers[40], bool with_amounts);

/* Pauses the source while the client does not read. */
void relay_throttle(struct request *request);

#endif
