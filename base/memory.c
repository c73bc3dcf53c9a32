/* memory.c -- allocation that cannot fail. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Nothing here may allocate, so the message is a literal and stdio is not
 * used. abort() leaves a core from which the culprit can be told.
 */
static void *check(void *ptr)
{
	static const char message[] =
	    "sluice: out of memory; give the process more or lower its limits\n";

	if (ptr)
		return ptr;
	if (write(STDERR_FILENO, message, sizeof(message) - 1) < 0)
		abort();
	abort();
}

#define LINE 64

/* malloc(0) may answer NULL, which would read as a failure. */
static size_t at_least_one(size_t len)
{
	return len ? len : 1;
}

void *mem_alloc(size_t len)
{
	return check(malloc(at_least_one(len)));
}

void *mem_zalloc(size_t len)
{
	return check(calloc(1, at_least_one(len)));
}

void *mem_alloc_lines(size_t len)
{
	if (len > SIZE_MAX - LINE)
		return check(NULL);
	return check(
	    aligned_alloc(LINE, (at_least_one(len) + LINE - 1) / LINE * LINE));
}

void *mem_realloc(void *ptr, size_t len)
{
	return check(realloc(ptr, at_least_one(len)));
}

char *mem_strdup(const char *text)
{
	size_t len = strlen(text) + 1;

	return memcpy(mem_alloc(len), text, len);
}
