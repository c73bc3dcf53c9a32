/* classified.h -- what was found out about a request, for its next time. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_CLASSIFIED_H
#define GATEWAY_CLASSIFIED_H

#include "dialect/dialect.h"
#include "router/router.h"

/*
 * Features are a pure function of a request's bytes, so those of a request
 * that comes again need not be found again: half of what a cache hit would
 * cost. One worker's table, of a fixed size: a place is chosen by a hash of 128
 * bits over endpoint and body, and the last who came has it. The hash is fast
 * and not a cryptographic one; its seeds are secret and of this process, so
 * that nobody can make two requests that share a place's features.
 */
struct classified;

struct classified *classified_new(void);
void classified_free(struct classified **classified);

/* What the two functions below know a request by. */
struct classified_key {
	uint64_t halves[2];
};
struct classified_key classified_key(const struct classified *classified,
    enum endpoint endpoint, struct span body);

/* Fills both and returns true when the same bytes were here before. */
bool classified_find(const struct classified *classified,
    const struct classified_key *key, int64_t *prompt_tokens,
    struct router_features *features);
void classified_keep(struct classified *classified,
    const struct classified_key *key, int64_t prompt_tokens,
    const struct router_features *features);

#endif
