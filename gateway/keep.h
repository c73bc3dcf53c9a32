/* keep.h -- an answer on its way is kept, and shared with who attends. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_KEEP_H
#define GATEWAY_KEEP_H

#include "gateway/request.h"

/*
 * The leader's side of a flight. Each function is harmless for a request that
 * leads none, so the relay calls them wherever it writes to its client.
 */

/* Whether the request leads a flight, whose answer is to be kept. */
static inline bool keep_leads(const struct request *request)
{
	return request->cache.seat && seat_leads(request->cache.seat);
}

/* A stream has begun, or its events go on. */
void keep_begin(struct request *request, enum cache_form form);
void keep_events(
    struct request *request, enum flight_piece_kind kind, struct span events);

/*
 * The answer is whole and settled: an entry is made of it, given to who
 * attends, and stored where it may be. <last>: what ends the stream.
 */
void keep_stream(struct request *request, struct span last);
void keep_json(struct request *request, struct span body);

/* It will not be whole, or not one to share. */
void keep_failed(struct request *request, int status, struct span body);
void keep_refused(struct request *request, int status, struct span body);
void keep_scattered(struct request *request);

/*
 * The client is gone. True: others attend, so it goes on without; false: there
 * is nobody left to go on for.
 */
bool keep_goes_on(struct request *request);

/* Others wait for the answer: a client that does not read may not stop it. */
bool keep_is_shared(const struct request *request);

#endif
