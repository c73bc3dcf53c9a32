/* loop_priv.h -- a loop's insides, for net/ and its tests. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_LOOP_PRIV_H
#define NET_LOOP_PRIV_H

#include "net/loop.h"

struct stream_hub; /* what the loop's streams share: stream_hub.h */

#define LOOP_FOREVER INT64_C(-1)

/*
 * One turn, which waits for events at most <max_wait_ns> (0: not at all).
 * loop_run is a sequence of these; tests drive them one by one.
 */
void loop_turn(struct loop *loop, int64_t max_wait_ns);

/* The hub, NULL until a stream was made; the loop owns it once set. */
struct stream_hub *loop_hub(const struct loop *loop);
void loop_set_hub(struct loop *loop, struct stream_hub *hub);

#endif
