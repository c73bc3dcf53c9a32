/* turns.c -- whose turn it is: busy time, shared by weight. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/scheduler/turns.h"

void turn_come(struct turn *turn, uint64_t taken_at)
{
	if (turn->at < taken_at)
		turn->at = taken_at;
}

bool turn_is_before(const struct turn *turn, const struct turn *other)
{
	return turn->at < other->at;
}

/* A step that the clock did not see is not free either. */
void turn_charge(struct turn *turn, uint64_t busy_ns)
{
	turn->at += busy_ns / turn->weight + 1;
}
