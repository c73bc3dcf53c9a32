/* ready.h -- whether requests can be answered, and how local models stand. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_READY_H
#define GATEWAY_READY_H

#include "gateway/snapshot.h"

/*
 * The body of /readyz: {"status": "ok"}, "draining", or, where every model that
 * serves an endpoint is local and none is ready, "loading" or "failed"; with
 * "local" where there are any. Returns the HTTP status, 200 or 503: a local
 * model that is not there yet keeps nobody waiting while others can answer.
 * With <for_anybody> it names models and their state and nothing else.
 */
int ready_write(const struct snapshot *snapshot, bool is_draining,
    bool for_anybody, struct buf *out);

/*
 * `, "local": [...]` of how each local model stands, nothing where there are
 * none; false past the buffer's maximum.
 */
bool ready_write_locals(const struct snapshot *snapshot, bool for_anybody,
    struct buf *out) must_check;

#endif
