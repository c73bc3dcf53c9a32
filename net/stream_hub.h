/* stream_hub.h -- inside net/: what the streams of one loop share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_STREAM_HUB_H
#define NET_STREAM_HUB_H

#include "net/chain.h"

/*
 * Memory that is dear is there once for a loop, not once for a stream: what is
 * read arrives in one piece of it, and what waits to be written lies in blocks
 * of one pool. The hub also keeps the streams that are to be looked after at
 * the turn's end. The loop owns it and drives it; the functions that take a hub
 * accept NULL, since a loop has none before its first stream.
 */
#define STREAM_SCRATCH ((size_t)65536) /* bytes read at once at most */

struct loop;

struct stream_hub {
	struct list work;     /* streams to be looked after at the turn's end */
	struct list partings; /* streams without an owner: stream_end.c */
	struct chain_pool pool;
	char *scratch;  /* STREAM_SCRATCH bytes */
	size_t streams; /* that have a socket, or are about to */
};

/* The loop's hub, made with its first stream. */
struct stream_hub *stream_hub_get(struct loop *loop);

/* Ends what is still parting; no stream may have an owner. */
void stream_hub_free(struct stream_hub **hub);

/* At the turn's end: reads what was left, and sends what was written. */
void stream_hub_settle(struct stream_hub *hub);

static inline bool stream_hub_has_work(const struct stream_hub *hub)
{
	return hub && !list_is_empty(&hub->work);
}

#endif
