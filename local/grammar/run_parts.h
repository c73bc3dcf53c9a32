/* run_parts.h -- what spots may come to, for the files of run*.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_GRAMMAR_RUN_PARTS_H
#define LOCAL_GRAMMAR_RUN_PARTS_H

#include "local/grammar/run.h"

/* The object, or the array, that a spot is in. */
static inline const struct object_node *object_of(
    const struct run *run, const struct spot *s)
{
	return &grammar_node(run->grammar, s->node)->object;
}

static inline const struct array_node *array_of(
    const struct run *run, const struct spot *s)
{
	return &grammar_node(run->grammar, s->node)->array;
}

/* Whether a property may follow when those before <index> are past. */
bool run_has_member(const struct run *run, const struct spot *s);

/* Whether an item may follow <count> others. */
bool run_has_item(const struct run *run, const struct spot *s);

#endif
