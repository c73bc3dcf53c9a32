/* look_up.h -- what makes a request's key, and whether it has one. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOOK_UP_H
#define GATEWAY_LOOK_UP_H

#include "gateway/request.h"

/*
 * The key under which the answer of candidate number <candidate> is kept;
 * false when there is no room to make it.
 */
bool look_up_key(
    struct request *request, size_t candidate, struct sha256 *key) must_check;

/*
 * After a candidate that failed or was given up: the next one's answer from
 * before, where memory has it, or the step that asks it. An answer is kept
 * under the model that gave it, and only now is that one known.
 */
enum step_result look_up_again(struct request *request);

/* Leaves the flight, forgets Redis, gives the entry back. */
void look_up_drop(struct request *request);

/* --- hit.c
 * -------------------------------------------------------------------------- */

/*
 * Settles a hit: the model's usage at its price of now is the baseline, its row
 * goes into the ledger. False: the ledger takes no row, and the request must
 * be refused.
 */
bool hit_settle(struct request *request, enum ledger_outcome outcome);

/* Headers of an answer from before into <headers> (room for 12). */
size_t hit_headers(struct request *request, struct http1_header *headers,
    bool is_stream, bool with_amounts);

#endif
