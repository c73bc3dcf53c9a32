/* ask_options.c -- sampling and limits of a request. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>

#include "gateway/local/ask_parts.h"

/* --- numbers -------------------------------------------------------------- */

static bool read_number(
    struct asker *a, const char *name, const double range[2], double *out)
{
	uint32_t node = ask_find(a, span_of(name));
	double value;

	if (node == JSON_NONE)
		return true;
	if (!json_is(a->doc, node, JSON_NUMBER))
		return ask_refuse(a, "invalid_type", name,
		    "Invalid type for '%s': expected a number.", name);
	if (!json_double(a->doc, node, &value) || !(value >= range[0]) ||
	    !(value <= range[1]))
		return ask_refuse(a, "invalid_value", name,
		    "Invalid value for '%s': expected %g to %g.", name,
		    range[0], range[1]);
	*out = value;
	return true;
}

static bool read_whole(
    struct asker *a, const char *name, const int64_t range[2], int64_t *out)
{
	uint32_t node = ask_find(a, span_of(name));
	int64_t value;

	if (node == JSON_NONE)
		return true;
	if (json_is(a->doc, node, JSON_NUMBER) &&
	    json_int(a->doc, node, &value) && value >= range[0] &&
	    value <= range[1]) {
		*out = value;
		return true;
	}
	if (range[1] == INT64_MAX)
		return ask_refuse(a, "invalid_value", name,
		    "Invalid value for '%s': expected a whole number, %lld or "
		    "more.",
		    name, (long long)range[0]);
	return ask_refuse(a, "invalid_value", name,
	    "Invalid value for '%s': expected a whole number from %lld to "
	    "%lld.",
	    name, (long long)range[0], (long long)range[1]);
}

static bool read_flag(struct asker *a, const char *name, bool *out)
{
	uint32_t node = ask_find(a, span_of(name));

	if (node == JSON_NONE)
		return true;
	if (!json_is(a->doc, node, JSON_TRUE) &&
	    !json_is(a->doc, node, JSON_FALSE))
		return ask_refuse(a, "invalid_type", name,
		    "Invalid type for '%s': expected a boolean.", name);
	*out = json_is(a->doc, node, JSON_TRUE);
	return true;
}

static bool read_sampling(struct asker *a)
{
	struct sample_options *sample = &a->ask->generate.sample;
	const struct config_sampling *usual = &a->source->sampling;
	double temperature = (double)usual->temperature;
	double top_p = (double)usual->top_p, min_p = (double)usual->min_p;
	double repetition = (double)usual->repetition;
	double frequency = 0, presence = 0;
	int64_t top_k = usual->top_k;

	if (!read_number(
		a, "temperature", (const double[]){0, 2}, &temperature) ||
	    !read_number(a, "top_p", (const double[]){0, 1}, &top_p) ||
	    !read_number(a, "min_p", (const double[]){0, 1}, &min_p) ||
	    !read_number(
		a, "frequency_penalty", (const double[]){-2, 2}, &frequency) ||
	    !read_number(
		a, "presence_penalty", (const double[]){-2, 2}, &presence) ||
	    !read_number(a, "repetition_penalty", (const double[]){0.01, 10},
		&repetition) ||
	    !read_whole(a, "top_k", (const int64_t[]){-1, INT32_MAX}, &top_k))
		return false;
	sample->temperature = (float)temperature;
	/* 0 of the mass is its likeliest token. */
	sample->top_p = top_p > 0 ? (float)top_p : 1e-9f;
	sample->min_p = (float)min_p;
	sample->frequency = (float)frequency;
	sample->presence = (float)presence;
	sample->repetition = (float)repetition;
	sample->top_k = top_k > 0 ? (uint32_t)top_k : 0;
	return true;
}

static bool read_seed(struct asker *a)
{
	uint32_t node = ask_find(a, SPAN("seed"));
	int64_t seed;

	if (node == JSON_NONE)
		return true;
	if (!json_int(a->doc, node, &seed))
		return ask_refuse(a, "invalid_value", "seed",
		    "Invalid value for 'seed': expected a whole number.");
	a->ask->has_seed = true;
	a->ask->generate.sample.seed = (uint64_t)seed;
	return true;
}

/* --- bias -------------------------------------------------------------------
 */

static bool refuse_bias(struct asker *a)
{
	return ask_refuse(a, "invalid_value", "logit_bias",
	    "Invalid value for 'logit_bias': expected an object of token ids "
	    "below %u, each with a number from -100 to 100.",
	    a->source->parts->info.vocab);
}

static bool read_bias(struct asker *a)
{
	const struct json_doc *doc = a->doc;
	struct sample_options *sample = &a->ask->generate.sample;
	uint32_t node = ask_find(a, SPAN("logit_bias"));
	struct sample_bias *biases;
	uint32_t key;

	if (node == JSON_NONE)
		return true;
	if (!json_is(doc, node, JSON_OBJECT))
		return refuse_bias(a);
	biases = arena_alloc(
	    &a->ask->arena, (json_count(doc, node) + 1) * sizeof(*biases));
	if (!biases)
		return refuse_bias(a);
	for (key = json_first(doc, node); key != JSON_NONE;
	     key = ask_next_key(doc, node, key)) {
		struct span name = ask_text(a, key);
		uint64_t id;
		double bias;

		if (!span_to_u64(name, &id) ||
		    id >= a->source->parts->info.vocab ||
		    !json_double(doc, key + 1, &bias) || !(bias >= -100) ||
		    !(bias <= 100))
			return refuse_bias(a);
		biases[sample->n_biases++] = (struct sample_bias){
		    .token = (uint32_t)id, .bias = (float)bias};
	}
	sample->biases = biases;
	return true;
}

/* --- stop strings ------------------------------------------------------------
 */

static bool refuse_stop(struct asker *a)
{
	return ask_refuse(a, "invalid_value", "stop",
	    "Invalid value for 'stop': expected a text, or a list of at most "
	    "%d, each of 1 to %d bytes.",
	    GENERATE_STOPS_MAX, GENERATE_STOP_LEN_MAX);
}

static bool add_stop(struct asker *a, uint32_t node, struct span *stops)
{
	struct generate_options *generate = &a->ask->generate;
	struct span text;

	if (!json_is(a->doc, node, JSON_STRING) ||
	    generate->n_stops == GENERATE_STOPS_MAX)
		return refuse_stop(a);
	text = ask_text(a, node);
	if (text.len == 0 || text.len > GENERATE_STOP_LEN_MAX)
		return refuse_stop(a);
	stops[generate->n_stops++] = text;
	return true;
}

static bool read_stops(struct asker *a)
{
	uint32_t node = ask_find(a, SPAN("stop"));
	struct span *stops;

	if (node == JSON_NONE)
		return true;
	stops =
	    arena_alloc(&a->ask->arena, GENERATE_STOPS_MAX * sizeof(*stops));
	if (!stops)
		return refuse_stop(a);
	a->ask->generate.stops = stops;
	if (!json_is(a->doc, node, JSON_ARRAY))
		return add_stop(a, node, stops);
	json_for_each(a->doc, node, item) {
		if (!add_stop(a, item, stops))
			return false;
	}
	return true;
}

/* --- how much ----------------------------------------------------------------
 */

/* What OpenAI writes at most when a completion does not say. */
#define COMPLETION_TOKENS 16

static bool read_limits(struct asker *a)
{
	static const int64_t range[2] = {1, INT64_MAX};
	bool is_chat = a->source->request->endpoint == ENDPOINT_CHAT;
	int64_t limit = is_chat ? UINT32_MAX : COMPLETION_TOKENS;
	int64_t newer = INT64_MAX;

	if (!read_whole(a, "max_tokens", range, &limit) ||
	    (is_chat && !read_whole(a, "max_completion_tokens", range, &newer)))
		return false;
	if (newer < limit)
		limit = newer;
	a->ask->generate.max_tokens =
	    limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
	return true;
}

static bool read_choices(struct asker *a)
{
	static const int64_t range[2] = {1, ASK_CHOICES_MAX};
	int64_t choices = 1, best = 0;

	if (!read_whole(a, "n", range, &choices))
		return false;
	best = choices;
	if (a->source->request->endpoint == ENDPOINT_COMPLETIONS &&
	    !read_whole(a, "best_of", range, &best))
		return false;
	if (best != choices)
		return ask_refuse_unsupported(
		    a, "best_of", "it writes as many answers as it gives, n");
	a->ask->choices = (uint32_t)choices;
	return true;
}

static bool read_logprobs(struct asker *a)
{
	static const int64_t range[2] = {0, ASK_TOPS_MAX};
	struct ask *ask = a->ask;
	int64_t tops = -1;

	if (a->source->request->endpoint == ENDPOINT_COMPLETIONS) {
		if (!read_whole(a, "logprobs", range, &tops))
			return false;
		ask->has_logprobs = tops >= 0;
		ask->n_tops = tops > 0 ? (uint32_t)tops : 0;
		return true;
	}
	if (!read_flag(a, "logprobs", &ask->has_logprobs) ||
	    !read_whole(a, "top_logprobs", range, &tops))
		return false;
	if (tops > 0 && !ask->has_logprobs)
		return ask_refuse(a, "invalid_value", "top_logprobs",
		    "'top_logprobs' needs 'logprobs' to be true.");
	ask->n_tops = tops > 0 ? (uint32_t)tops : 0;
	return true;
}

/* --- what cannot be done
 * ------------------------------------------------------
 */

/* Members that would change the answer if they could be obeyed. */
static const struct {
	const char *name;
	const char *why;
} unsupported[] = {
    {"functions", "use 'tools'"},
    {"function_call", "use 'tool_choice'"},
    {"audio", "it writes text"},
    {"web_search_options", "it searches nowhere"},
};

static bool is_off(const struct asker *a, uint32_t node)
{
	struct span raw;

	if (node == JSON_NONE || json_is(a->doc, node, JSON_FALSE))
		return true;
	raw = json_raw(a->doc, node);
	return span_eq(raw, SPAN("\"\"")) || span_eq(raw, SPAN("[]"));
}

static bool check_members(struct asker *a)
{
	bool echoes = false;

	for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]);
	     i++) {
		if (!is_off(a, ask_find(a, span_of(unsupported[i].name))))
			return ask_refuse_unsupported(
			    a, unsupported[i].name, unsupported[i].why);
	}
	if (a->source->request->has_audio)
		return ask_refuse_unsupported(
		    a, "modalities", "it reads and writes text");
	if (a->source->request->endpoint == ENDPOINT_CHAT)
		return true;
	if (!is_off(a, ask_find(a, SPAN("suffix"))))
		return ask_refuse_unsupported(
		    a, "suffix", "it writes on from the prompt's end");
	if (!read_flag(a, "echo", &echoes))
		return false;
	return !echoes || ask_refuse_unsupported(
			      a, "echo", "the prompt is not given back");
}

bool ask_read_options(struct asker *a)
{
	return check_members(a) && read_sampling(a) && read_seed(a) &&
	       read_bias(a) && read_stops(a) && read_limits(a) &&
	       read_choices(a) && read_logprobs(a);
}
