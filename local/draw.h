/* draw.h -- one of many tokens by chance. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_DRAW_H
#define LOCAL_DRAW_H

#include <stdint.h>

/*
 * Logits over a temperature are log-probabilities but for a constant. A draw
 * takes the token on which a share of all weight falls that chance gave: tokens
 * by their ids where all may be drawn, by likelihood where only the likeliest
 * may. The first way is one walk over the logits, the second sorts as many as
 * may be drawn.
 */
struct draw_limits {
	float temperature; /* above 0 */
	float top_p;       /* the likeliest that reach it; 0 or 1: all */
	float min_p;       /* those of so many times the likeliest's; 0: all */
	uint32_t top_k;    /* the likeliest; 0: all */
};

struct draw;

struct draw *draw_new(uint32_t vocab);
void draw_free(struct draw **draw);

/*
 * A token of logits (vocab), whose largest is <max>, a number; <chance> is of
 * 0 to 1, without 1. Logits that are no numbers are never drawn.
 */
uint32_t draw_token(struct draw *draw, const float *logits, float max,
    const struct draw_limits *limits, double chance);

#endif
