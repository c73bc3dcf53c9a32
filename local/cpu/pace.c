/* pace.c -- tries both ways, keeps to the faster. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/pace.h"

#define MS 1000000

/* A caller was late that waited so long, and longer than it worked. */
#define LATE MS

/* A look takes so many times what was waited, within bounds. */
#define LOOK 16
#define LOOK_MIN (20 * MS)
#define LOOK_MAX (100 * MS)

/* And its outcome is kept to for so many looks. */
#define KEEP 10

static void enter(struct pace *pace, enum pace_stage stage, int64_t now)
{
	bool is_kept = stage == PACE_ALONE || stage == PACE_TOGETHER;

	pace->stage = stage;
	pace->end = now + pace->look * (is_kept ? KEEP : 1);
	if (stage == PACE_TRY_ALONE) {
		pace->alone = pace->together = (struct pace_rate){0};
		pace->was_late = false;
	}
}

/* Without tasks a way was not tried, which says nothing for it. */
static bool alone_was_faster(const struct pace *pace)
{
	const struct pace_rate *a = &pace->alone, *t = &pace->together;

	if (!a->tasks || !t->tasks)
		return t->tasks == 0;
	return (double)a->took / (double)a->tasks <
	       (double)t->took / (double)t->tasks;
}

static enum pace_stage decide(const struct pace *pace)
{
	if (alone_was_faster(pace))
		return PACE_ALONE;
	return pace->was_late ? PACE_TOGETHER : PACE_CALM;
}

bool pace_is_alone(struct pace *pace, int64_t now)
{
	if (pace->stage != PACE_CALM && now >= pace->end) {
		switch (pace->stage) {
		case PACE_TRY_ALONE:
			enter(pace, PACE_TRY_TOGETHER, now);
			break;
		case PACE_TRY_TOGETHER:
			enter(pace, decide(pace), now);
			break;
		default:
			enter(pace, PACE_TRY_ALONE, now);
			break;
		}
	}
	return pace->stage == PACE_TRY_ALONE || pace->stage == PACE_ALONE;
}

static void add(struct pace_rate *rate, const struct pace_job *job)
{
	rate->took += job->worked + job->waited;
	rate->tasks += job->tasks;
}

void pace_note(struct pace *pace, const struct pace_job *job)
{
	bool is_late = job->waited >= LATE && job->waited >= job->worked;

	switch (pace->stage) {
	case PACE_CALM:
		if (!is_late)
			break;
		pace->look = LOOK * job->waited;
		if (pace->look < LOOK_MIN)
			pace->look = LOOK_MIN;
		if (pace->look > LOOK_MAX)
			pace->look = LOOK_MAX;
		enter(pace, PACE_TRY_ALONE,
		    job->began + job->worked + job->waited);
		break;
	case PACE_TRY_ALONE:
		add(&pace->alone, job);
		break;
	case PACE_TRY_TOGETHER:
		add(&pace->together, job);
		pace->was_late = pace->was_late || is_late;
		break;
	default:
		break;
	}
}
