/* rope.h -- rotary positions: the frequencies of every variant. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_MODEL_ROPE_H
#define LOCAL_MODEL_ROPE_H

#include "local/model/config.h"

/*
 * Pair i of a head's turning dimensions is rotated by position times
 * frequency i. The variants differ in the frequencies, and some scale cosine
 * and sine. Frequencies and angles are computed in F32, step by step as
 * transformers does (modeling_rope_utils), since at position 100,000 a last
 * bit is a hundredth of a radian.
 */
struct rope {
	uint32_t dims;     /* of a head, that turn; even; 0: none */
	float *freqs;      /* (dims / 2) */
	float *long_freqs; /* (dims / 2) LongRoPE's, or NULL */
	uint32_t original; /* positions past which the long ones are used */
	float attention;   /* factor of cosine and sine */
};

/* The frequencies that <settings> mean, in <arena>; FAILED past its maximum. */
enum result rope_make(const struct rope_settings *settings, struct arena *arena,
    struct rope *rope, struct error *err) must_check;

/*
 * Cosines and sines of one position, (dims / 2) each. <is_long> chooses
 * LongRoPE's long frequencies.
 */
void rope_angles(const struct rope *rope, uint32_t position, bool is_long,
    float *cosines, float *sines);

/*
 * Turns one head, x (>= 2 * half), in place: pairs are (i, i + half), or the
 * neighbours (2i, 2i + 1) when <in_pairs>.
 */
struct rope_turn {
	const float *cosines, *sines; /* (half) */
	uint32_t half;
	bool in_pairs;
};
void rope_apply(const struct rope_turn *turn, float *x);

#endif
