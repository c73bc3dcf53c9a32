/* sample.c -- choosing the next token, and how sure the model was. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/sample.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "local/logits.h"

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

float sample_logprob(const float *logits, uint32_t vocab, uint32_t token)
{
	return (
	    float)((double)logits[token] - logits_look(logits, vocab).total);
}

/* Before: the better of two candidates, for ties the lower id. */
static bool is_before(struct candidate a, struct candidate b)
{
	return a.logit > b.logit || (a.logit >= b.logit && a.token < b.token);
}

uint32_t sample_top(
    const float *logits, uint32_t vocab, uint32_t k, struct sample_top *out)
{
	double total = k ? logits_look(logits, vocab).total : 0;
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

/* Whether the options leave every logit as it is. */
static bool leaves_logits(const struct sample_options *o)
{
	bool has_penalties = (o->repetition > 0 && o->repetition != 1) ||
			     o->frequency != 0 || o->presence != 0;

	return !has_penalties && o->n_biases == 0;
}

/* Appends candidate <token>; what is not a number is none. */
static uint32_t add_candidate(
    struct sampler *s, const float *logits, uint32_t token, uint32_t n)
{
	if (logits[token] > -INFINITY)
		s->candidates[n++] = (struct candidate){token, logits[token]};
	return n;
}

static uint32_t collect_allowed(
    struct sampler *s, const float *logits, const struct sample_mask *mask)
{
	uint32_t n = 0;

	for (size_t w = 0; w < mask->n_words; w++) {
		for (uint32_t left = mask->words[w]; left; left &= left - 1) {
			uint32_t token =
			    (uint32_t)w * 32 + (uint32_t)__builtin_ctz(left);

			if (token < s->vocab)
				n = add_candidate(s, logits, token, n);
		}
	}
	return n;
}

static void bend(struct sampler *s, uint32_t n)
{
	struct candidate *c = s->candidates;

	for (size_t k = 0; k < s->options.n_biases; k++) {
		uint32_t low = 0, high = n, token = s->biases[k].token;

		/* They are in the order of their ids. */
		while (low < high) {
			uint32_t middle = low + (high - low) / 2;

			if (c[middle].token < token)
				low = middle + 1;
			else
				high = middle;
		}
		if (low < n && c[low].token == token)
			c[low].logit += s->biases[k].bias;
	}
	for (uint32_t i = 0; i < n && s->is_touched; i++)
		penalise(s, &c[i]);
}

/* The candidates as the mask and the options left them. */
static uint32_t collect(
    struct sampler *s, const float *logits, const struct sample_mask *mask)
{
	uint32_t n = 0, kept = 0;

	if (mask)
		n = collect_allowed(s, logits, mask);
	else
		for (uint32_t i = 0; i < s->vocab; i++)
			n = add_candidate(s, logits, i, n);
	if (leaves_logits(&s->options))
		return n;
	bend(s, n);
	for (uint32_t i = 0; i < n; i++) {
		if (s->candidates[i].logit > -INFINITY)
			s->candidates[kept++] = s->candidates[i];
	}
	return kept;
}

static uint32_t find_best(const struct candidate *c, uint32_t n)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < n; i++) {
		if (is_before(c[i], c[best]))
			best = i;
	}
	return best;
}

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return is_before(*x, *y) ? -1 : is_before(*y, *x);
}

/*
 * Candidates that are sorted as far as somebody looks: few draws go past the
 * likeliest handful, and a vocabulary takes long to sort.
 */
struct ranking {
	struct candidate *c; /* (n), the first <sorted> of them in order */
	uint32_t n, sorted;
	float best;  /* logit */
	float reach; /* below it, so far */
	float scale; /* 1 / temperature */
};

#define REACH_FIRST 4.0F
#define REACH_LAST 100.0F

static void sort_more(struct ranking *r)
{
	uint32_t from = r->sorted;

	while (r->sorted == from && from < r->n) {
		float floor = r->best - r->reach;

		if (r->reach > REACH_LAST)
			floor = -INFINITY;
		for (uint32_t i = from; i < r->n; i++) {
			struct candidate c = r->c[i];

			if (c.logit * r->scale < floor)
				continue;
			r->c[i] = r->c[r->sorted];
			r->c[r->sorted++] = c;
		}
		r->reach *= 2;
	}
	qsort(r->c + from, r->sorted - from, sizeof(*r->c), compare_candidates);
}

/* exp(logit - best) of candidate <i> in the order of likelihood. */
static double weight_at(struct ranking *r, uint32_t i)
{
	while (i >= r->sorted)
		sort_more(r);
	return exp((double)(r->c[i].logit * r->scale - r->best));
}

/* The weights of all; sums of floats go by blocks. */
static double sum_weights(const struct ranking *r)
{
	float block[256];
	double sum = 0;

	for (uint32_t i = 0; i < r->n;) {
		uint32_t n = 0;

		for (; n < 256 && i < r->n; i++)
			block[n++] = r->c[i].logit * r->scale;
		sum += logits_sum(block, n, r->best);
	}
	return sum;
}

/* How many top_k, top_p and min_p leave, and their weight. */
static uint32_t narrow(
    const struct sample_options *o, struct ranking *r, double *kept)
{
	double sum = 0, top_p = (double)o->top_p, weight;
	uint32_t n = r->n, k;

	if (o->top_k && o->top_k < n)
		n = o->top_k;
	for (uint32_t i = 0; i < n && n < r->n; i++)
		sum += weight_at(r, i);
	if (n == r->n)
		sum = sum_weights(r);
	*kept = sum;
	if (!(top_p > 0 && top_p < 1) && !(o->min_p > 0))
		return n;
	*kept = 0;
	for (k = 0; k < n; k++) {
		weight = weight_at(r, k);
		if (k > 0 && (weight < (double)o->min_p ||
				 (top_p > 0 && *kept >= top_p * sum)))
			break;
		*kept += weight;
	}
	return k;
}

static uint32_t draw(struct sampler *s, uint32_t n)
{
	const struct sample_options *o = &s->options;
	struct ranking r = {
	    .c = s->candidates,
	    .n = n,
	    .reach = REACH_FIRST,
	    .scale = 1 / o->temperature,
	};
	double kept, at;

	r.best = r.c[find_best(r.c, n)].logit * r.scale;
	n = narrow(o, &r, &kept);
	at = next_random(&s->state) * kept;
	for (uint32_t i = 0; i + 1 < n; i++) {
		at -= weight_at(&r, i);
		if (at < 0)
			return r.c[i].token;
	}
	(void)weight_at(&r, n - 1);
	return r.c[n - 1].token;
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
	bool is_cold = !(s->options.temperature > COLDEST);
	uint32_t n;

	if (is_cold && !mask && leaves_logits(&s->options))
		return view->likeliest;
	n = collect(s, logits, mask);
	if (n == 0)
		return view->likeliest;
	return is_cold ? s->candidates[find_best(s->candidates, n)].token
		       : draw(s, n);
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
	s->seen[choice.token] = 1;
	s->is_touched = true;
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
