/* rope.c -- rotary positions: the frequencies of every variant. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/model/rope.h"

#include <math.h>

/* theta^(2i / dims), rounded to F32 as torch's pow does. */
static float wave(const struct rope_settings *s, uint32_t i)
{
	float exponent = (float)(2 * i) / (float)s->dims;

	return (float)pow(s->theta, (double)exponent);
}

static void plain(const struct rope_settings *s, float *freqs)
{
	for (uint32_t i = 0; i < s->dims / 2; i++)
		freqs[i] = 1 / wave(s, i);
}

static void linear(const struct rope_settings *s, float *freqs)
{
	plain(s, freqs);
	for (uint32_t i = 0; i < s->dims / 2; i++)
		freqs[i] /= (float)s->factor;
}

/* Long waves are stretched, short ones kept, those between blended. */
static void llama3(const struct rope_settings *s, float *freqs)
{
	float longest = (float)(s->original / s->low_freq);
	float shortest = (float)(s->original / s->high_freq);

	plain(s, freqs);
	for (uint32_t i = 0; i < s->dims / 2; i++) {
		float length = 2 * (float)M_PI / freqs[i], smooth;

		if (length < shortest)
			continue;
		if (length > longest) {
			freqs[i] /= (float)s->factor;
			continue;
		}
		smooth = ((float)s->original / length - (float)s->low_freq) /
			 (float)(s->high_freq - s->low_freq);
		freqs[i] = (1 - smooth) * freqs[i] / (float)s->factor +
			   smooth * freqs[i];
	}
}

/* The dimension that turns <rotations> times over the training's length. */
static double yarn_bound(const struct rope_settings *s, double rotations)
{
	return s->dims * log(s->original / (rotations * 2 * M_PI)) /
	       (2 * log(s->theta));
}

static void yarn(const struct rope_settings *s, float *freqs)
{
	double low = yarn_bound(s, s->beta_fast > 0 ? s->beta_fast : 32);
	double high = yarn_bound(s, s->beta_slow > 0 ? s->beta_slow : 1);

	if (!s->keeps_fraction) {
		low = floor(low);
		high = ceil(high);
	}
	low = fmax(low, 0);
	high = fmin(high, s->dims - 1);
	if (low == high)
		high += 0.001;
	for (uint32_t i = 0; i < s->dims / 2; i++) {
		float ramp = ((float)i - (float)low) / (float)(high - low);
		float keep = 1 - fminf(fmaxf(ramp, 0), 1);
		float length = wave(s, i);

		freqs[i] = 1 / ((float)s->factor * length) * (1 - keep) +
			   1 / length * keep;
	}
}

static void divided(
    const struct rope_settings *s, const float *factors, float *freqs)
{
	for (uint32_t i = 0; i < s->dims / 2; i++)
		freqs[i] = 1 / (factors[i] * wave(s, i));
}

static double mscale(double factor, double m)
{
	return factor <= 1 ? 1 : 0.1 * m * log(factor) + 1;
}

static double attention_of(const struct rope_settings *s)
{
	if (s->attention > 0)
		return s->attention;
	if (s->type == ROPE_YARN && s->mscale > 0 && s->mscale_all > 0)
		return mscale(s->factor, s->mscale) /
		       mscale(s->factor, s->mscale_all);
	if (s->type == ROPE_YARN)
		return mscale(s->factor, 1);
	if (s->type == ROPE_LONG && s->factor > 1 && s->original > 1)
		return sqrt(1 + log(s->factor) / log(s->original));
	return 1;
}

enum result rope_make(const struct rope_settings *s, struct arena *arena,
    struct rope *rope, struct error *err)
{
	size_t bytes = s->dims / 2 * sizeof(float);

	*rope = (struct rope){.dims = s->type == ROPE_NONE ? 0 : s->dims};
	if (!rope->dims)
		return OK;
	rope->attention = (float)attention_of(s);
	rope->original = (uint32_t)s->original;
	rope->freqs = arena_alloc(arena, bytes);
	if (s->type == ROPE_LONG)
		rope->long_freqs = arena_alloc(arena, bytes);
	if (!rope->freqs || (s->type == ROPE_LONG && !rope->long_freqs)) {
		error_set(err, "the model's settings are too large");
		return FAILED;
	}
	switch (s->type) {
	case ROPE_LINEAR:
		linear(s, rope->freqs);
		break;
	case ROPE_LLAMA3:
		llama3(s, rope->freqs);
		break;
	case ROPE_YARN:
		yarn(s, rope->freqs);
		break;
	case ROPE_LONG:
		divided(s, s->short_factors, rope->freqs);
		divided(s, s->long_factors, rope->long_freqs);
		break;
	case ROPE_DIVIDED:
		divided(s, s->short_factors, rope->freqs);
		break;
	case ROPE_NONE:
	case ROPE_PLAIN:
		plain(s, rope->freqs);
		break;
	}
	return OK;
}

void rope_angles(const struct rope *rope, uint32_t position, bool is_long,
    float *cosines, float *sines)
{
	const float *freqs =
	    is_long && rope->long_freqs ? rope->long_freqs : rope->freqs;

	for (uint32_t i = 0; i < rope->dims / 2; i++) {
		float angle = (float)position * freqs[i];

		cosines[i] = cosf(angle) * rope->attention;
		sines[i] = sinf(angle) * rope->attention;
	}
}

void rope_apply(const struct rope_turn *turn, float *x)
{
	uint32_t half = turn->half;
	uint32_t step = turn->in_pairs ? 2 : 1,
		 apart = turn->in_pairs ? 1 : half;

	for (uint32_t i = 0; i < half; i++) {
		float *a = x + i * step, *b = a + apart;
		float u = *a, v = *b;

		*a = u * turn->cosines[i] - v * turn->sines[i];
		*b = v * turn->cosines[i] + u * turn->sines[i];
	}
}
