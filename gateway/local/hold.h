/* hold.h -- whether an answer that is held back is good enough to give. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_HOLD_H
#define GATEWAY_LOCAL_HOLD_H

#include "base/base.h"
#include "router/router.h"

/*
 * An answer that may be escalated is held back until as many tokens are written
 * as the policy says, or until it has ended. Then, or as soon as it runs in
 * circles, it is released or given up; what was released is never taken back.
 * Pure: the caller says how the answer stands.
 */
enum hold_verdict {
	HOLD_ON,
	HOLD_RELEASED,
	HOLD_GIVEN_UP,
};

/* Why one is given up. */
enum hold_reason {
	HOLD_UNSURE,    /* confidence below the mark */
	HOLD_LOOP,      /* it says the same over and over */
	HOLD_CUT,       /* it ended by length where a schema was asked for */
	HOLD_DISAGREED, /* too few of several answers say the same */
	HOLD_REASONS,
};

/* "unsure", "loop", "cut", "disagreed". */
const char *hold_reason_name(enum hold_reason reason);

struct hold_view {
	int64_t tokens;    /* written */
	double confidence; /* 0 to 1 */
	bool is_looping;
	bool has_ended;
	bool is_cut; /* ended, by length, inside of a schema */
};

/* Sets <reason> when it is HOLD_GIVEN_UP. */
enum hold_verdict hold_judge(const struct router_escalate *rule,
    const struct hold_view *view, enum hold_reason *reason);

/* --- loops -----------------------------------------------------------------
 */

/*
 * A text loops when its end is one run of at most HOLD_PERIOD_MAX tokens again
 * and again: at least HOLD_TIMES times, and over at least HOLD_SPAN tokens, so
 * that a line of dashes or three rows of a table are none. Zeroed, it is empty.
 */
enum {
	HOLD_PERIOD_MAX = 64,
	HOLD_TIMES = 4,
	HOLD_SPAN = 24,
};

struct hold_loop {
	uint64_t n; /* tokens seen */
	uint32_t recent[HOLD_PERIOD_MAX];
	uint32_t alike[HOLD_PERIOD_MAX]; /* [p - 1]: so many in a row are what
					    stood p before */
};

/* Adds a token; whether the text loops now. */
bool hold_sees_loop(struct hold_loop *loop, uint32_t token);

/* --- agreement --------------------------------------------------------------
 */

/*
 * Which of <texts> (n, at most HOLD_SAMPLES_MAX) at least <agree> of them say,
 * the first of these, or SIZE_MAX. Two say the same when they are equal JSON,
 * whatever the order of members and the white space, or equal but for ASCII
 * case, punctuation and white space. A text without a pointer agrees with
 * nothing, nor does one for which <scratch> has no memory.
 */
enum {
	HOLD_SAMPLES_MAX = 16
};
size_t hold_agreed(
    const struct span *texts, size_t n, size_t agree, struct arena *scratch);

#endif
