/* arena.c -- a bump allocator over a chain of blocks. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif

/*
 * Under AddressSanitizer what is not handed out is poisoned, and a gap stands
 * between two allocations, so that an overrun or a use after arena_reset is
 * found as it would be with malloc.
 */
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#define GAP ((size_t)16)
#else
#define GAP ((size_t)0)
#define ASAN_POISON_MEMORY_REGION(ptr, len) ((void)(ptr), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(ptr, len) ((void)(ptr), (void)(len))
#endif

#define ALIGNMENT ((size_t)16)
#define FIRST_BLOCK ((size_t)4096)
#define LARGEST_BLOCK ((size_t)65536)

/* Ordinary blocks double from 4 KiB to 64 KiB, this header included. */
struct arena_block {
	struct arena_block *next;
	size_t cap;  /* bytes in data */
	size_t used; /* bytes of data handed out, gaps included */
	_Alignas(16) char data[];
};

static size_t round_up(size_t len)
{
	return (len + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

void arena_init(struct arena *arena, size_t max)
{
	if (max > SIZE_MAX / 2)
		max = SIZE_MAX / 2;
	*arena = (struct arena){.max = round_up(max)};
}

static void free_chain(struct arena_block *block)
{
	while (block) {
		struct arena_block *next = block->next;

		ASAN_UNPOISON_MEMORY_REGION(block->data, block->cap);
		free(block);
		block = next;
	}
}

void arena_free(struct arena *arena)
{
	free_chain(arena->first);
	arena_init(arena, arena->max);
}

void arena_reset(struct arena *arena)
{
	struct arena_block *first = arena->first;

	arena->used = 0;
	arena->current = first;
	if (!first)
		return;
	free_chain(first->next);
	first->next = NULL;
	first->used = 0;
	ASAN_POISON_MEMORY_REGION(first->data, first->cap);
}

/*
 * A new block with room for <cap> bytes. The chain's order means nothing but
 * for its first block, which a reset keeps, so others go in behind that.
 */
static struct arena_block *add_block(struct arena *arena, size_t cap)
{
	struct arena_block *block = mem_alloc(sizeof(*block) + cap);

	block->next = NULL;
	block->cap = cap;
	block->used = 0;
	ASAN_POISON_MEMORY_REGION(block->data, block->cap);
	if (!arena->first) {
		arena->first = block;
	} else {
		block->next = arena->first->next;
		arena->first->next = block;
	}
	return block;
}

/* The block that has room for <len> bytes, made when there is none. */
static struct arena_block *block_for(struct arena *arena, size_t len)
{
	struct arena_block *current = arena->current;
	size_t size;

	if (!current) {
		current = add_block(arena, FIRST_BLOCK - sizeof(*current));
		arena->current = current;
	}
	if (len <= current->cap - current->used)
		return current;
	size = (current->cap + sizeof(*current)) * 2;
	if (size > LARGEST_BLOCK)
		size = LARGEST_BLOCK;
	if (len > size - sizeof(*current))
		return add_block(arena, len);
	arena->current = add_block(arena, size - sizeof(*current));
	return arena->current;
}

void *arena_alloc(struct arena *arena, size_t len)
{
	size_t rounded = round_up(len ? len : 1);
	struct arena_block *block;
	char *ptr;

	if (len > arena->max || rounded > arena->max - arena->used)
		return NULL;
	block = block_for(arena, rounded + GAP);
	ptr = block->data + block->used;
	block->used += rounded + GAP;
	arena->used += rounded;
	ASAN_UNPOISON_MEMORY_REGION(ptr, len);
	return ptr;
}

void *arena_zalloc(struct arena *arena, size_t len)
{
	void *ptr = arena_alloc(arena, len);

	if (ptr && len > 0)
		memset(ptr, 0, len);
	return ptr;
}

struct span arena_copy(struct arena *arena, struct span s)
{
	char *ptr = s.len < SIZE_MAX ? arena_alloc(arena, s.len + 1) : NULL;

	if (!ptr)
		return span_make(NULL, 0);
	if (s.len > 0)
		memcpy(ptr, s.ptr, s.len);
	ptr[s.len] = '\0';
	return span_make(ptr, s.len);
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0)
		return NULL;
	text = arena_alloc(arena, (size_t)len + 1);
	if (!text)
		return NULL;
	va_start(args, fmt);
	vsnprintf(text, (size_t)len + 1, fmt, args);
	va_end(args);
	return text;
}
