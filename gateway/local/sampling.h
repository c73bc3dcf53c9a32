/* sampling.h -- what a model's configuration has to do with an answer. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_SAMPLING_H
#define GATEWAY_LOCAL_SAMPLING_H

#include "dialect/dialect.h"
#include "gateway/config.h"

/*
 * Appends those of <sampling>'s values that shape the answer to <request>:
 * which differ from what an API has without them, which the request leaves
 * unsaid, and, where it asks for temperature 0, which a greedy choice feels.
 * Nothing for most requests, so that they are the same question with and
 * without it. NULL: to any request. False: no room.
 */
bool sampling_write(const struct config_sampling *sampling,
    const struct dialect_request *request, struct buf *out) must_check;

#endif
