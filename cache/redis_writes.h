/* redis_writes.h -- inside cache/: entries that wait to be sent to Redis. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CACHE_REDIS_WRITES_H
#define CACHE_REDIS_WRITES_H

#include "cache/entry.h"

/*
 * Writes give way: they wait here, by reference, until what was appended to the
 * connection before has left, so that a look-up has at most one value in front
 * of it. Their bytes are bounded from the moment they are taken until Redis has
 * answered. An error (no memory, a read-only replica) pauses them, for a second
 * that doubles up to half a minute: look-ups go on.
 *
 * Pure: time is given. One thread's.
 */
#define REDIS_WRITES_PAUSE_MIN (1 * NS_PER_S)
#define REDIS_WRITES_PAUSE_MAX (30 * NS_PER_S)

struct redis_write;

struct redis_writes {
	struct redis_write *first, **end; /* the queue */
	size_t pending;                   /* bytes taken and not over */
	size_t pending_max;
	int64_t pause_ns; /* of the last error; 0: the last one succeeded */
	int64_t until_ns;
};

/* It must stay where it is. */
void redis_writes_init(struct redis_writes *writes, size_t pending_max);

/* Takes a reference; false in a pause and past the maximum. */
bool redis_writes_add(
    struct redis_writes *writes, struct cache_entry *entry, int64_t now_ns);

/* The oldest one, with its reference, or NULL; its bytes stay pending. */
struct cache_entry *redis_writes_next(struct redis_writes *writes);

/* What had <bytes> was answered, or never will be. */
void redis_writes_over(struct redis_writes *writes, size_t bytes);

/* Drops those that wait; how many. */
size_t redis_writes_drop(struct redis_writes *writes);

/* Redis stored one. True: that ends a time of errors. */
bool redis_writes_stored(struct redis_writes *writes);

/* Redis refused one. True: a pause begins, of pause_ns. */
bool redis_writes_refused(struct redis_writes *writes, int64_t now_ns);

#endif
