/* stream_hub.c -- what the streams of one loop share, and its turn's end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/stream_hub.h"

#include <assert.h>
#include <stdlib.h>

#include "net/loop_priv.h"
#include "net/stream_priv.h"

/* How often all are settled before the loop asks for events again. */
#define SETTLE_ROUNDS 4

struct stream_hub *stream_hub_get(struct loop *loop)
{
	struct stream_hub *hub = loop_hub(loop);

	if (hub)
		return hub;
	hub = mem_new(struct stream_hub);
	list_init(&hub->work);
	list_init(&hub->partings);
	hub->scratch = mem_alloc(STREAM_SCRATCH);
	loop_set_hub(loop, hub);
	return hub;
}

void stream_hub_free(struct stream_hub **hub_ptr)
{
	struct stream_hub *hub = *hub_ptr;

	if (!hub)
		return;
	stream_end_partings(&hub->partings);
	assert(hub->streams == 0);
	chain_pool_free(&hub->pool);
	free(hub->scratch);
	free(hub);
	*hub_ptr = NULL;
}

/*
 * Settling one stream may give work to another (a relay reads here and writes
 * there), so there are some rounds; what is left then waits for the next turn,
 * which does not sleep.
 */
void stream_hub_settle(struct stream_hub *hub)
{
	for (int i = 0; i < SETTLE_ROUNDS && stream_hub_has_work(hub); i++) {
		struct list round = hub->work;
		struct list *link;

		round.prev->next = &round;
		round.next->prev = &round;
		list_init(&hub->work);
		while ((link = list_pop_front(&round)))
			stream_settle(container_of(link, struct stream, work));
	}
}
