/* mistakes.c -- every mistake of a file, and the name that was meant. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mistakes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#define LINES_MAX 100 /* a file that is not YAML at all would fill a screen */
#define LINE_LEN_MAX ((size_t)1024)

struct entry {
	char *text;
	size_t file_len; /* of the file's name, with which the text begins */
	unsigned line;
	unsigned column;
};

struct mistakes {
	struct entry entries[LINES_MAX];
	size_t n;
	size_t dropped;
	char last[64]; /* "... and N more mistakes" */
};

struct mistakes *mistakes_new(void)
{
	return mem_new(struct mistakes);
}

void mistakes_free(struct mistakes **mistakes)
{
	if (!*mistakes)
		return;
	for (size_t i = 0; i < (*mistakes)->n; i++)
		free((*mistakes)->entries[i].text);
	free(*mistakes);
	*mistakes = NULL;
}

/* Whether <a> stands before <b> in one file; what has no place stays put. */
static bool is_before(const struct entry *a, const struct entry *b)
{
	if (a->line == 0 || b->line == 0 || a->file_len != b->file_len ||
	    memcmp(a->text, b->text, a->file_len) != 0)
		return false;
	return a->line < b->line ||
	       (a->line == b->line && a->column < b->column);
}

/* Readers look at sections in their own order; people read from the top. */
static void insert(struct mistakes *mistakes, struct entry entry)
{
	size_t i = mistakes->n++;

	for (; i > 0 && is_before(&entry, &mistakes->entries[i - 1]); i--)
		mistakes->entries[i] = mistakes->entries[i - 1];
	mistakes->entries[i] = entry;
}

void mistakes_add(struct mistakes *mistakes, const char *file, unsigned line,
    unsigned column, const char *fmt, ...)
{
	char text[LINE_LEN_MAX];
	size_t len;
	va_list args;

	if (mistakes->n == LINES_MAX) {
		mistakes->dropped++;
		snprintf(mistakes->last, sizeof(mistakes->last),
		    "... and %zu more mistake%s", mistakes->dropped,
		    mistakes->dropped == 1 ? "" : "s");
		return;
	}
	if (line > 0)
		snprintf(text, sizeof(text), "%s:%u:%u: ", file, line, column);
	else
		snprintf(text, sizeof(text), "%s: ", file);
	len = strlen(text);
	va_start(args, fmt);
	vsnprintf(text + len, sizeof(text) - len, fmt, args);
	va_end(args);
	insert(mistakes, (struct entry){
			     .text = mem_strdup(text),
			     .file_len = strlen(file),
			     .line = line,
			     .column = column,
			 });
}

size_t mistakes_count(const struct mistakes *mistakes)
{
	return mistakes->n + (mistakes->dropped > 0);
}

const char *mistakes_line(const struct mistakes *mistakes, size_t i)
{
	assert(i < mistakes_count(mistakes));
	return i < mistakes->n ? mistakes->entries[i].text : mistakes->last;
}

/* --- the nearest name ------------------------------------------------------
 */

#define NAME_LEN_MAX 64
#define EDITS_MAX 3

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/*
 * Edits (insert, delete, replace, swap two neighbours) from <a> to <b>, both
 * at most NAME_LEN_MAX long: row i of the usual table holds the distances of
 * a's first i bytes to each beginning of b, and a swap looks two rows back.
 */
static unsigned count_edits(struct span a, struct span b)
{
	unsigned rows[3][NAME_LEN_MAX + 1];

	for (unsigned j = 0; j <= b.len; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *above = rows[(i + 2) % 3];
		const unsigned *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			char x = fold(a.ptr[i - 1]), y = fold(b.ptr[j - 1]);

			row[j] = least(above[j - 1] + (x != y),
			    least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && x == fold(b.ptr[j - 2]) &&
			    y == fold(a.ptr[i - 2]))
				row[j] = least(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[a.len % 3][b.len];
}

const char *mistakes_nearest(
    struct span name, const char *const *known, size_t n)
{
	const char *nearest = NULL;
	unsigned best;

	if (name.len == 0 || name.len > NAME_LEN_MAX)
		return NULL;
	best = least(EDITS_MAX, (unsigned)name.len / 3) + 1;
	for (size_t i = 0; i < n; i++) {
		struct span candidate = span_of(known[i]);
		unsigned edits;

		if (candidate.len > NAME_LEN_MAX)
			continue;
		edits = count_edits(name, candidate);
		if (edits < best) {
			best = edits;
			nearest = known[i];
		}
	}
	return nearest;
}
