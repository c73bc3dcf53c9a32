/* pull_get.h -- one small answer of the hub, whole. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PULL_PULL_GET_H
#define GATEWAY_PULL_PULL_GET_H

#include "gateway/pull/pull_answer.h"
#include "gateway/pull/pull_hub.h"

struct pull_get {
	const char *target;
	struct pull_question question;
	unsigned tries;  /* in a row */
	bool is_reached; /* set: the hub has answered, whatever it said */
	bool is_unknown; /* set: it answered 404, or 401 */
};

/*
 * Runs the hub's loop until its answer to <get> is in <body>, which states its
 * maximum, or until it is given up. Tries again where that makes sense.
 */
enum result pull_get(struct pull_hub *hub, struct pull_get *get,
    struct buf *body, struct error *err) must_check;

#endif
