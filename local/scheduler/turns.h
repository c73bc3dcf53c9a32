/* turns.h -- whose turn it is: busy time, shared by weight. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_SCHEDULER_TURNS_H
#define LOCAL_SCHEDULER_TURNS_H

#include "base/base.h"

/*
 * Stride scheduling: who takes turns stands at the busy time that it has had by
 * its weight, and who stands furthest back is next. So two that are always busy
 * get time as their weights are, whatever one step of each takes, and neither
 * is ever further from its share than one step. There is no clock in here.
 */
struct turn {
	uint64_t at;     /* busy ns by weight */
	uint32_t weight; /* at least 1 */
};

/*
 * Somebody who was idle has work again: it starts where the one stands that was
 * taken last, at <taken_at>, or where it is when that is further on. Time that
 * it did not ask for is not owed to it, and what it had in advance not
 * forgiven.
 */
void turn_come(struct turn *turn, uint64_t taken_at);

/* Whether <turn> goes before <other>; who was looked at first where equal. */
bool turn_is_before(const struct turn *turn, const struct turn *other);

/* A step of <busy_ns> is over. */
void turn_charge(struct turn *turn, uint64_t busy_ns);

#endif
