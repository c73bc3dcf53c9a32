/* pace.h -- whether a thread works alone while others are kept from helping. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CPU_PACE_H
#define LOCAL_CPU_PACE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Where more threads want to run than there are processors, one that was taken
 * off its processor in a task holds the job up until it is on again, for as
 * long as several slices of others. Jobs follow each other every some ten
 * microseconds, so several threads may then be slower than one; or not, where
 * the scheduler is kind. That is measured: after a job that was late the caller
 * works alone for a while, then together for as long, and then in the way that
 * took less time for a task, ten times as long, before it looks again. A look
 * in which together was faster and nothing late ends it.
 *
 * Times are nanoseconds of one clock. Not for several threads at once.
 */
struct pace_rate {
	int64_t took;
	uint64_t tasks;
};

enum pace_stage {
	PACE_CALM,         /* together, nothing was late */
	PACE_TRY_ALONE,    /* to be measured */
	PACE_TRY_TOGETHER, /* to be measured */
	PACE_ALONE,        /* was faster */
	PACE_TOGETHER,     /* was faster */
};

/* Zero is the beginning. */
struct pace {
	enum pace_stage stage;
	bool was_late; /* in this look */
	int64_t end;   /* of the stage; none of PACE_CALM */
	int64_t look;  /* how long each way is tried */
	struct pace_rate alone, together;
};

/* A job that is over. */
struct pace_job {
	int64_t began, worked, waited; /* the caller, then for the others */
	uint32_t tasks;
};

/* Whether the job that begins at <now> is the caller's alone. */
bool pace_is_alone(struct pace *pace, int64_t now);

/* What became of it. */
void pace_note(struct pace *pace, const struct pace_job *job);

#endif
