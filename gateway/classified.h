/* classified.h -- what was found out about a request, for its next time. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_CLASSIFIED_H
#define GATEWAY_CLASSIFIED_H

#include "dialect/dialect.h"
#include "router/router.h"

/*
 * Features are a pure function of a request's bytes, so those of a request
 * that comes again need not be found again: half of what a cache hit would
 * cost. One worker's table, of a fixed size: a place is chosen by the SHA-256
 * of endpoint and body, and the last who came has it.
 */
struct classified;

struct classified *classified_new(void);
void classified_free(struct classified **classified);

/* The place of a request, to be passed to the two functions below. */
struct sha256 classified_key(enum endpoint endpoint, struct span body);

/* Fills both and returns true when the same bytes were here before. */
bool classified_find(const struct classified *classified,
    const struct sha256 *key, int64_t *prompt_tokens,
    struct router_features *features);
void classified_keep(struct classified *classified, const struct sha256 *key,
    int64_t prompt_tokens, const struct router_features *features);

#endif
