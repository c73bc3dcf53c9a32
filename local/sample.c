/* sample.c -- choosing the next token, and how sure the model was. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/sample.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct candidate {
	uint32_t token;
	float logit;
};

struct sampler {
	struct sample_options options;
	struct sample_bias *biases; /* (n_biases) */
	uint32_t vocab;
	uint32_t *chosen;             /* (vocab) times that each was */
	uint8_t *seen;                /* (vocab) in the prompt or chosen */
	bool is_touched;              /* some token is seen */
	struct candidate *candidates; /* (vocab) */
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
	s->seen = mem_zalloc(vocab);
	s->candidates = mem_alloc(vocab * sizeof(*s->candidates));
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
	free(s->seen);
	free(s->candidates);
	free(s->biases);
	free(s);
	*sampler = NULL;
}

void sampler_see(struct sampler *s, const uint32_t *tokens, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (tokens[i] >= s->vocab)
			continue;
		s->seen[tokens[i]] = 1;
		s->is_touched = true;
	}
}

/* log(sum(exp(logits))), and the largest logit. */
static double log_sum(const float *logits, uint32_t n, float *max)
{
	double sum = 0;

	*max = -INFINITY;
	for (uint32_t i = 0; i < n; i++)
		*max = logits[i] > *max ? logits[i] : *max;
	for (uint32_t i = 0; i < n; i++) {
		if (logits[i] <= *max)
			sum += (double)expf(logits[i] - *max);
	}
	return (double)*max + log(sum);
}

float sample_logprob(const float *logits, uint32_t vocab, uint32_t token)
{
	float max;

	return (float)((double)logits[token] - log_sum(logits, vocab, &max));
}

/* Before: the better of two candidates, for ties the lower id. */
static bool is_before(struct candidate a, struct candidate b)
{
	return a.logit > b.logit || (a.logit >= b.logit && a.token < b.token);
}

uint32_t sample_top(
    const float *logits, uint32_t vocab, uint32_t k, struct sample_top *out)
{
	float max;
	double total = log_sum(logits, vocab, &max);
	uint32_t n = 0;

	for (uint32_t i = 0; i < vocab && k; i++) {
		struct candidate c = {i, logits[i]};
		uint32_t at = n;

		if (isnan(c.logit))
			continue;
		while (
		    at > 0 && is_before(c, (struct candidate){out[at - 1].token,
					       out[at - 1].logprob}))
			at--;
		if (at == k)
			continue;
		n = n < k ? n + 1 : k;
		memmove(out + at + 1, out + at, (n - 1 - at) * sizeof(*out));
		out[at] = (struct sample_top){i, c.logit};
	}
	for (uint32_t i = 0; i < n; i++)
		out[i].logprob = (float)((double)out[i].logprob - total);
	return n;
}

/* What the model thought, before any option. */
static struct sample_choice observe(const float *logits, uint32_t vocab)
{
	struct sample_choice choice = {.margin = INFINITY};
	float first, second = -INFINITY;
	double total = log_sum(logits, vocab, &first), entropy = 0;
	bool found = false;

	for (uint32_t i = 0; i < vocab; i++) {
		double logprob = (double)logits[i] - total;

		if (!found && logits[i] >= first) {
			choice.likeliest = i;
			found = true;
		} else if (logits[i] > second) {
			second = logits[i];
		}
		if (logprob > -700)
			entropy -= exp(logprob) * logprob;
	}
	if (second > -INFINITY)
		choice.margin = first - second;
	choice.entropy = (float)entropy;
	return choice;
}

static void penalise(const struct sampler *s, struct candidate *c)
{
	const struct sample_options *o = &s->options;

	if (!s->seen[c->token])
		return;
	if (o->repetition > 0)
		c->logit = c->logit > 0 ? c->logit / o->repetition
					: c->logit * o->repetition;
	if (s->chosen[c->token])
		c->logit -=
		    o->presence + o->frequency * (float)s->chosen[c->token];
}

/* The candidates as the options left them, those that are numbers. */
static uint32_t collect(struct sampler *s, const float *logits)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->vocab; i++)
		s->candidates[i] = (struct candidate){i, logits[i]};
	for (size_t i = 0; i < s->options.n_biases; i++)
		s->candidates[s->biases[i].token].logit += s->biases[i].bias;
	for (uint32_t i = 0; i < s->vocab; i++) {
		struct candidate c = s->candidates[i];

		if (s->is_touched)
			penalise(s, &c);
		if (c.logit > -INFINITY)
			s->candidates[n++] = c;
	}
	return n;
}

static uint32_t find_best(const struct candidate *c, uint32_t n)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < n; i++) {
		if (is_before(c[i], c[best]))
			best = i;
	}
	return c[best].token;
}

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return is_before(*x, *y) ? -1 : is_before(*y, *x);
}

/* Keeps the likeliest, sorted, that top_k, top_p and min_p leave. */
static uint32_t narrow(
    const struct sample_options *o, struct candidate *c, uint32_t n)
{
	double sum = 0, kept = 0, top_p = (double)o->top_p;
	uint32_t k = 0;

	qsort(c, n, sizeof(*c), compare_candidates);
	if (o->top_k && o->top_k < n)
		n = o->top_k;
	for (uint32_t i = 0; i < n; i++)
		sum += exp((double)(c[i].logit - c[0].logit));
	if (!(top_p > 0))
		top_p = 1;
	for (k = 0; k < n && kept < top_p * sum; k++) {
		double weight = exp((double)(c[k].logit - c[0].logit));

		if (weight < (double)o->min_p)
			break;
		kept += weight;
	}
	return k ? k : 1;
}

static uint32_t draw(struct sampler *s, uint32_t n)
{
	const struct sample_options *o = &s->options;
	struct candidate *c = s->candidates;
	double sum = 0, at;

	for (uint32_t i = 0; i < n; i++)
		c[i].logit /= o->temperature;
	n = narrow(o, c, n);
	for (uint32_t i = 0; i < n; i++)
		sum += exp((double)(c[i].logit - c[0].logit));
	at = next_random(&s->state) * sum;
	for (uint32_t i = 0; i < n; i++) {
		at -= exp((double)(c[i].logit - c[0].logit));
		if (at < 0)
			return c[i].token;
	}
	return c[n - 1].token;
}

struct sample_choice sampler_next(struct sampler *s, const float *logits)
{
	struct sample_choice choice = observe(logits, s->vocab);
	uint32_t n = collect(s, logits);

	if (n == 0)
		choice.token = choice.likeliest;
	else if (s->options.temperature > 0)
		choice.token = draw(s, n);
	else
		choice.token = find_best(s->candidates, n);
	choice.logprob = sample_logprob(logits, s->vocab, choice.token);
	s->chosen[choice.token]++;
	s->seen[choice.token] = 1;
	s->is_touched = true;
	return choice;
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
