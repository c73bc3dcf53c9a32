/* source.h -- where an attempt's answer comes from. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_SOURCE_H
#define GATEWAY_SOURCE_H

#include "gateway/local/call.h"
#include "gateway/request.h"

/*
 * The relay does not know who answers an attempt. A source tells it a head,
 * bytes and an end through the functions of relay.h, and is held back, let go
 * or dropped by those below. All are harmless for an attempt whose source has
 * nothing more to say.
 */

/* Both kinds tell the relay so; their argument is the request. */
extern const struct call_handler source_call_handler;
extern const struct local_call_handler source_local_handler;

bool source_is_there(const struct attempt *attempt);

/* No bytes for now, and again. */
void source_pause(struct attempt *attempt);
void source_resume(struct attempt *attempt);

/* Nobody listens any more; what it holds may be of use to it yet. */
void source_let_go(struct attempt *attempt);

/* Ends it now. */
void source_drop(struct attempt *attempt);

/* Whether any of the request reached whoever answers, so that it may bill. */
bool source_was_asked(const struct attempt *attempt);

#endif
