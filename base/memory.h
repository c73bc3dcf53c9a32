/* memory.h -- allocation that cannot fail. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

/*
 * Out of memory ends the process with a message: every buffer here is bounded,
 * so running out means that the machine itself is in trouble, and a gateway
 * that goes on after losing a ledger row would be worse than one restarted.
 */

/* <len> bytes (0 gives a pointer too), not zeroed; the caller's, to free(). */
void *mem_alloc(size_t len);

/* The same, zeroed. */
void *mem_zalloc(size_t len);

/* mem_alloc that begins on a line of the processor's cache, 64 bytes. */
void *mem_alloc_lines(size_t len);

/* realloc() that cannot fail; 0 bytes shrink and never free. */
void *mem_realloc(void *ptr, size_t len);

/* A copy of a C string; the caller's, to free(). */
char *mem_strdup(const char *text);

/* One zeroed object of <type>. */
#define mem_new(type) ((type *)mem_zalloc(sizeof(type)))

#endif
