/* sample.c -- choosing the next token, and how sure the model was. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/sample.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "local/draw.h"
#include "local/logits.h"

struct sampler {
	struct sample_options options;
	struct sample_bias *biases; /* (n_biases) */
	uint32_t vocab;
	uint32_t *chosen; /* (vocab) times that each was */
	uint8_t *is_seen; /* (vocab) in the prompt or chosen */
	uint32_t *seen;   /* (n_seen) those that are, room for vocab */
	uint32_t n_seen;
	float *bent; /* (vocab) logits as mask and options left them */
	struct draw *draw;
	uint64_t state;
};

/* A number in [0, 1). Source: splitmix64, Steele, Lea and Flood, 2014. */
static double next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	z ^= z >> 31;
	return (double)(z >> 11) * 0x1p-53;
}

enum result sample_check(
    const struct sample_options *o, uint32_t vocab, struct error *err)
{
	const struct {
		const char *name;
		double value, min, max;
	} ranges[] = {
	    {"temperature", (double)o->temperature, 0, 100},
	    {"top_p", (double)o->top_p, 0, 1},
	    {"min_p", (double)o->min_p, 0, 1},
	    {"repetition_penalty", (double)o->repetition, 0, 100},
	    {"frequency_penalty", (double)o->frequency, -100, 100},
	    {"presence_penalty", (double)o->presence, -100, 100},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (ranges[i].value >= ranges[i].min &&
		    ranges[i].value <= ranges[i].max)
			continue;
		error_set(err, "%s must be %g to %g, got %g", ranges[i].name,
		    ranges[i].min, ranges[i].max, ranges[i].value);
		return FAILED;
	}
	for (size_t i = 0; i < o->n_biases; i++) {
		if (o->biases[i].token < vocab && !isnan(o->biases[i].bias))
			continue;
		error_set(err,
		    "logit_bias: token %u is not below %u, or its bias is "
		    "not a number",
		    o->biases[i].token, vocab);
		return FAILED;
	}
	return OK;
}

struct sampler *sampler_new(
    const struct sample_options *options, uint32_t vocab, struct error *err)
{
	struct sampler *s;

	if (sample_check(options, vocab, err) != OK)
		return NULL;
	s = mem_new(struct sampler);
	s->options = *options;
	s->vocab = vocab;
	s->state = options->seed;
	s->chosen = mem_zalloc(vocab * sizeof(*s->chosen));
	s->is_seen = mem_zalloc(vocab);
	s->seen = mem_alloc(vocab * sizeof(*s->seen));
	s->bent = mem_alloc(vocab * sizeof(*s->bent));
	s->draw = draw_new(vocab);
	s->biases = mem_alloc(options->n_biases * sizeof(*s->biases));
	if (options->n_biases)
		memcpy(s->biases, options->biases,
		    options->n_biases * sizeof(*s->biases));
	return s;
}

void sampler_free(struct sampler **sampler)
{
	struct sampler *s = *sampler;

	if (!s)
		return;
	free(s->chosen);
	free(s->is_seen);
	free(s->seen);
	free(s->bent);
	draw_free(&s->draw);
	free(s->biases);
	free(s);
	*sampler = NULL;
}

void sampler_see(struct sampler *s, const uint32_t *tokens, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (tokens[i] >= s->vocab || s->is_seen[tokens[i]])
			continue;
		s->is_seen[tokens[i]] = 1;
		s->seen[s->n_seen++] = tokens[i];
	}
}

float sample_logprob(const float *logits, uint32_t vocab, uint32_t token)
{
	return (
	    float)((double)logits[token] - logits_look(logits, vocab).total);
}

/* Whether <a> is the likelier one, for ties the lower id. */
static bool is_before(struct sample_top a, struct sample_top b)
{
	return a.logprob > b.logprob ||
	       (a.logprob >= b.logprob && a.token < b.token);
}

uint32_t sample_top(
    const float *logits, uint32_t vocab, uint32_t k, struct sample_top *out)
{
	double total = k ? logits_look(logits, vocab).total : 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < vocab && k; i++) {
		struct sample_top c = {i, logits[i]};
		uint32_t at = n;

		if (isnan(c.logprob))
			continue;
		while (at > 0 && is_before(c, out[at - 1]))
			at--;
		if (at == k)
			continue;
		n = n < k ? n + 1 : k;
		memmove(out + at + 1, out + at, (n - 1 - at) * sizeof(*out));
		out[at] = c;
	}
	for (uint32_t i = 0; i < n; i++)
		out[i].logprob = (float)((double)out[i].logprob - total);
	return n;
}

static void penalise(struct sampler *s, uint32_t token)
{
	const struct sample_options *o = &s->options;
	float *logit = &s->bent[token];

	if (o->repetition > 0)
		*logit = *logit > 0 ? *logit / o->repetition
				    : *logit * o->repetition;
	if (s->chosen[token])
		*logit -= o->presence + o->frequency * (float)s->chosen[token];
}

/* Whether the options leave every logit as it is. */
static bool leaves_logits(const struct sample_options *o)
{
	bool has_penalties = (o->repetition > 0 && o->repetition != 1) ||
			     o->frequency != 0 || o->presence != 0;

	return !has_penalties && o->n_biases == 0;
}

/* The logits of those whom the mask allows; nobody else has a chance. */
static void copy_allowed(
    struct sampler *s, const float *logits, const struct sample_mask *mask)
{
	for (uint32_t i = 0; i < s->vocab; i++)
		s->bent[i] = -INFINITY;
	for (size_t w = 0; w < mask->n_words; w++) {
		for (uint32_t left = mask->words[w]; left; left &= left - 1) {
			uint32_t token =
			    (uint32_t)w * 32 + (uint32_t)__builtin_ctz(left);

			if (token < s->vocab)
				s->bent[token] = logits[token];
		}
	}
}

/* The logits as the mask and the options leave them. */
static const float *bend(
    struct sampler *s, const float *logits, const struct sample_mask *mask)
{
	bool has_options = !leaves_logits(&s->options);

	if (!mask && !has_options)
		return logits;
	if (mask)
		copy_allowed(s, logits, mask);
	else
		memcpy(s->bent, logits, s->vocab * sizeof(*logits));
	for (size_t k = 0; k < s->options.n_biases; k++)
		s->bent[s->biases[k].token] += s->biases[k].bias;
	for (uint32_t i = 0; has_options && i < s->n_seen; i++)
		penalise(s, s->seen[i]);
	return s->bent;
}

/*
 * A draw multiplies logits by one over the temperature: below this the product
 * may be no float, and long before it a draw finds the likeliest.
 */
#define COLDEST 1e-30F

/* The token; what the model thought is in <view>. */
static uint32_t choose(struct sampler *s, const float *logits,
    const struct sample_mask *mask, const struct logits_view *view)
{
	const struct sample_options *o = &s->options;
	const float *bent = bend(s, logits, mask);
	struct logits_view best = *view;

	if (bent != logits)
		best = logits_best(bent, s->vocab);
	if (!(best.max > -INFINITY))
		return view->likeliest;
	if (!(o->temperature > COLDEST) || isinf(best.max))
		return best.likeliest;
	return draw_token(s->draw, bent, best.max,
	    &(struct draw_limits){
		.temperature = o->temperature,
		.top_p = o->top_p,
		.min_p = o->min_p,
		.top_k = o->top_k,
	    },
	    next_random(&s->state));
}

struct sample_choice sampler_choose(
    struct sampler *s, const float *logits, const struct sample_mask *mask)
{
	struct logits_mask among = {
	    mask ? mask->words : NULL, mask ? mask->n_words : 0};
	double share;
	struct logits_view view =
	    logits_look_among(logits, s->vocab, &among, &share);
	struct sample_choice choice = {
	    .margin = INFINITY,
	    .entropy = (float)view.entropy,
	    .likeliest = view.likeliest,
	    .is_masked = mask != NULL,
	    .removed = mask && share < 1 ? (float)(1 - share) : 0,
	};

	if (view.second > -INFINITY)
		choice.margin = view.max - view.second;
	choice.token = choose(s, logits, mask, &view);
	choice.logprob = (float)((double)logits[choice.token] - view.total);
	s->chosen[choice.token]++;
	sampler_see(s, &choice.token, 1);
	return choice;
}

struct sample_choice sampler_next(struct sampler *s, const float *logits)
{
	return sampler_choose(s, logits, NULL);
}

const float sample_steps[SAMPLE_STEPS] = {
    0.05f, 0.1f, 0.2f, 0.4f, 0.8f, 1.6f, 3.2f, 6.4f, INFINITY};

static unsigned step_of(float margin)
{
	unsigned i = 0;

	while (i + 1 < SAMPLE_STEPS && margin > sample_steps[i])
		i++;
	return i;
}

void sample_summarise(
    struct sample_summary *sum, const struct sample_choice *choice)
{
	double window = 0;
	uint32_t n;

	sum->recent[sum->n % SAMPLE_WINDOW] = choice->logprob;
	sum->n++;
	sum->sum_logprob += (double)choice->logprob;
	if (isfinite(choice->margin))
		sum->sum_margin += (double)choice->margin;
	sum->sum_entropy += (double)choice->entropy;
	if (sum->n <= SAMPLE_FIRST)
		sum->sum_first += (double)choice->logprob;
	sum->margins[step_of(choice->margin)]++;
	n = sum->n < SAMPLE_WINDOW ? sum->n : SAMPLE_WINDOW;
	for (uint32_t i = 0; i < n; i++)
		window += (double)sum->recent[i];
	window /= n;
	if (sum->n == 1 || choice->logprob < sum->min_logprob)
		sum->min_logprob = choice->logprob;
	/* While there are fewer than a window's tokens, their mean counts. */
	if (sum->n <= SAMPLE_WINDOW || window < (double)sum->min_window)
		sum->min_window = (float)window;
}

void sample_summarise_mask(
    struct sample_summary *sum, const struct sample_choice *choice)
{
	if (!choice->is_masked)
		return;
	sum->n_masked++;
	sum->sum_removed += (double)choice->removed;
}

double sample_mean_removed(const struct sample_summary *summary)
{
	return summary->n_masked ? summary->sum_removed / summary->n_masked
				 : -1;
}

double sample_margin(const struct sample_summary *summary, double q)
{
	double left = q * summary->n, low = 0;

	for (unsigned i = 0; i + 1 < SAMPLE_STEPS && summary->n > 0; i++) {
		double n = summary->margins[i];
		double high = (double)sample_steps[i];

		if (n > 0 && n >= left)
			return low + (high - low) * (left / n);
		left -= n;
		low = high;
	}
	return low * (summary->n > 0);
}

double sample_mean_logprob(const struct sample_summary *summary)
{
	return summary->n ? summary->sum_logprob / summary->n : 0;
}
