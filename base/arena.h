/* arena.h -- memory that is dropped as a whole, one arena to a request. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/error.h"
#include "base/span.h"

/*
 * A bump allocator over a chain of blocks. Nothing taken from an arena is
 * freed by itself; arena_reset drops it all and keeps the first block for the
 * next user, arena_free gives everything back. Allocation fails (NULL) only
 * past the arena's maximum: running out of memory ends the process, since no
 * part of it can go on honestly.
 */
struct arena_block;

struct arena {
	struct arena_block *first;
	struct arena_block *current;
	size_t used; /* bytes handed out since the last reset */
	size_t max;  /* bytes that may be handed out */
};

/*
 * An empty arena that may hand out <max> bytes, counted in steps of 16;
 * allocates nothing yet.
 */
void arena_init(struct arena *arena, size_t max);

/* Gives every block back; the arena stays usable. */
void arena_free(struct arena *arena);

/* Drops what was handed out, keeps the first block. */
void arena_reset(struct arena *arena);

/* <len> bytes aligned to 16, not zeroed; NULL past the maximum. */
void *arena_alloc(struct arena *arena, size_t len) must_check;

/* The same, zeroed. */
void *arena_zalloc(struct arena *arena, size_t len) must_check;

/* A copy that is also NUL-terminated; ptr NULL past the maximum. */
struct span arena_copy(struct arena *arena, struct span s);

/* A formatted, NUL-terminated string; NULL past the maximum. */
char *arena_printf(struct arena *arena, const char *fmt, ...) printf_like(2, 3);

#define arena_new(arena, type) ((type *)arena_zalloc((arena), sizeof(type)))

#endif
