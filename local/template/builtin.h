/* builtin.h -- what the tables of filters, tests, methods and functions share.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TEMPLATE_BUILTIN_H
#define LOCAL_TEMPLATE_BUILTIN_H

#include "local/template/run.h"

/*
 * Each built-in function is a row: its name, its parameters in Jinja's or
 * Python's order and by their names there, how many of them must be given, a
 * rule where several rows share a function, and the function. A parameter
 * that Python takes by place only has a slash before its name.
 */
static inline bool is_given(const struct builtin_call *call, size_t place)
{
	return call->values[place].kind != VALUE_MISSING;
}

/* Given and not None. */
static inline bool is_set(const struct builtin_call *call, size_t place)
{
	return call->values[place].kind != VALUE_MISSING &&
	       call->values[place].kind != VALUE_NONE;
}

/* A flag, false when it was not given. */
static inline bool flag_of(const struct builtin_call *call, size_t place)
{
	return jinja_is_true(&call->values[place]);
}

/* The row called <name>; NULL. */
const struct builtin *jinja_builtin_find(
    const struct builtin *rows, size_t n, struct span name);

/* Filters that work on sequences (filters_list.c), their number in *n. */
const struct builtin *jinja_list_filters(size_t *n);

/*
 * What strings have as a method and as a filter (strings.c): the range of
 * <rule> STRIP_..., and str.replace.
 */
bool jinja_replace(struct run *run, const struct text *text,
    const struct text *pair[2], int64_t count, struct value *out) must_check;
bool jinja_strip(struct run *run, const struct text *text,
    const struct value *chars, enum strip_ends ends,
    struct value *out) must_check;

/* str.join(): the str() of each item where <takes_all>, else strings only. */
bool jinja_join(struct run *run, const struct text *separator,
    const struct items *items, bool takes_all, struct value *out) must_check;

/* The lines of str.splitlines(): the end of that at <from>, the next's start.
 */
size_t jinja_line_end(struct span text, size_t from, size_t *next);

#endif
