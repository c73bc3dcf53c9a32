/* redis_writes.c -- entries that wait to be sent to Redis. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/redis_writes.h"

#include <assert.h>
#include <stdlib.h>

struct redis_write {
	struct redis_write *next;
	struct cache_entry *entry;
};

void redis_writes_init(struct redis_writes *writes, size_t pending_max)
{
	*writes = (struct redis_writes){.pending_max = pending_max};
	writes->end = &writes->first;
}

bool redis_writes_add(
    struct redis_writes *writes, struct cache_entry *entry, int64_t now_ns)
{
	size_t bytes = cache_entry_bytes(entry).len;
	struct redis_write *write;

	if (now_ns < writes->until_ns || bytes > writes->pending_max ||
	    writes->pending > writes->pending_max - bytes)
		return false;
	write = mem_new(struct redis_write);
	write->entry = cache_entry_ref(entry);
	*writes->end = write;
	writes->end = &write->next;
	writes->pending += bytes;
	return true;
}

struct cache_entry *redis_writes_next(struct redis_writes *writes)
{
	struct redis_write *write = writes->first;
	struct cache_entry *entry;

	if (!write)
		return NULL;
	writes->first = write->next;
	if (!writes->first)
		writes->end = &writes->first;
	entry = write->entry;
	free(write);
	return entry;
}

void redis_writes_over(struct redis_writes *writes, size_t bytes)
{
	assert(bytes <= writes->pending);
	writes->pending -= bytes;
}

size_t redis_writes_drop(struct redis_writes *writes)
{
	struct cache_entry *entry;
	size_t n = 0;

	for (; (entry = redis_writes_next(writes)); n++) {
		redis_writes_over(writes, cache_entry_bytes(entry).len);
		cache_entry_unref(&entry);
	}
	return n;
}

bool redis_writes_stored(struct redis_writes *writes)
{
	bool is_end = writes->pause_ns != 0;

	writes->pause_ns = 0;
	return is_end;
}

/* Those that were on their way when a pause began do not make it longer. */
bool redis_writes_refused(struct redis_writes *writes, int64_t now_ns)
{
	int64_t pause = writes->pause_ns * 2;

	if (now_ns < writes->until_ns)
		return false;
	if (pause < REDIS_WRITES_PAUSE_MIN)
		pause = REDIS_WRITES_PAUSE_MIN;
	if (pause > REDIS_WRITES_PAUSE_MAX)
		pause = REDIS_WRITES_PAUSE_MAX;
	writes->pause_ns = pause;
	writes->until_ns = now_ns + pause;
	return true;
}
