/* mistakes.h -- every mistake of a file, with its place, in one run. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_MISTAKES_H
#define BASE_MISTAKES_H

#include "base/error.h"
#include "base/span.h"

/*
 * A reader of configuration does not stop at the first mistake: it adds them
 * here and goes on. A line is "FILE:LINE:COLUMN: what is wrong, what was
 * expected, the nearest known name". The list is bounded (100 lines of 1,023
 * bytes); past the bound a last line says how many more there were.
 */
struct mistakes;

struct mistakes *mistakes_new(void);
void mistakes_free(struct mistakes **mistakes);

/* <line> and <column> count from 1; line 0 leaves both out. A file's mistakes
 * are kept in the order of their places. */
void mistakes_add(struct mistakes *mistakes, const char *file, unsigned line,
    unsigned column, const char *fmt, ...) printf_like(5, 6);

size_t mistakes_count(const struct mistakes *mistakes);

/* Mistake <i>, NUL-terminated, owned by the list; i < mistakes_count. */
const char *mistakes_line(const struct mistakes *mistakes, size_t i);

/*
 * The known name nearest to <name> by edit distance (at most a third of its
 * length and 3 edits; two neighbours swapped are one; ASCII case ignored), or
 * NULL. The first of <known> (n) wins among equals; names above 64 bytes are
 * not looked at. Borrowed from <known>.
 */
const char *mistakes_nearest(
    struct span name, const char *const *known, size_t n);

#endif
