/* config_sampling.c -- how a local model samples where a request says nothing.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/config_reader.h"
#include "gateway/config_tables.h"
#include "local/local.h"

#define NANO 1000000000

const struct config_sampling config_plain_sampling = {
    .temperature = 1, .top_p = 1, .min_p = 0, .repetition = 1, .top_k = 0};

static void take_suggested(const struct config_reader *reader,
    const struct yaml_node *at, struct config_local *local)
{
	struct config_sampling *s = &local->sampling;
	struct sample_options sample = {
	    .temperature = s->temperature,
	    .top_p = s->top_p,
	    .min_p = s->min_p,
	    .repetition = s->repetition,
	    .top_k = s->top_k,
	};
	struct error err;

	if (generate_suggested(local->path, &sample, &err) != OK) {
		config_complain(reader, at, "\"sampling\": %s", err.text);
		return;
	}
	*s = (struct config_sampling){
	    .temperature = sample.temperature,
	    .top_p = sample.top_p,
	    .min_p = sample.min_p,
	    .repetition = sample.repetition,
	    .top_k = sample.top_k,
	};
}

struct bound {
	const char *key, *text;
	double min, max;
};

static void read_decimal(const struct config_reader *reader,
    const struct yaml_node *map, const struct bound *bound, float *out)
{
	const struct yaml_node *at = yaml_get(map, bound->key);
	int64_t nano;
	double value;

	if (!at || at->kind != YAML_SCALAR)
		return; /* absent, or a mistake already */
	if (money_parse_price(span_of(bound->text), &nano, NULL) == OK) {
		value = (double)nano / NANO;
		if (value >= bound->min && value <= bound->max) {
			*out = (float)value;
			return;
		}
	}
	config_complain(reader, at,
	    "\"%s\" must be %g to %g, a plain decimal, got \"%.60s\"",
	    bound->key, bound->min, bound->max, bound->text);
}

static void read_map(const struct config_reader *reader,
    const struct yaml_node *map, struct config_sampling *s)
{
	struct config_sampling_text text = {0};

	settings_read(&config_sampling_table, &reader->source, map, &text);
	read_decimal(reader, map,
	    &(struct bound){"temperature", text.temperature, 0, 2},
	    &s->temperature);
	read_decimal(
	    reader, map, &(struct bound){"top_p", text.top_p, 0, 1}, &s->top_p);
	read_decimal(
	    reader, map, &(struct bound){"min_p", text.min_p, 0, 1}, &s->min_p);
	read_decimal(reader, map,
	    &(struct bound){
		"repetition_penalty", text.repetition_penalty, 0.01, 10},
	    &s->repetition);
	s->top_k = (uint32_t)text.top_k;
	settings_free(&config_sampling_table, &text);
}

void config_read_sampling(const struct config_reader *reader,
    const struct yaml_node *node, struct config_local *local)
{
	const struct yaml_node *at = yaml_get(node, "sampling");

	local->sampling = config_plain_sampling;
	if (!at || !local->identity)
		return; /* a checkpoint that cannot be read is mistake enough */
	if (local->is_encoder)
		config_complain(reader, at,
		    "\"sampling\": %s is an encoder: it writes no text",
		    local->path);
	else if (at->kind != YAML_SCALAR)
		read_map(reader, at, &local->sampling);
	else if (span_eq(at->text, SPAN("model")))
		take_suggested(reader, at, local);
	else
		config_complain(reader, at,
		    "\"sampling\" must be model or {temperature, top_p, top_k, "
		    "min_p, repetition_penalty}, got \"%.*s\"",
		    SPAN_FMT(span_head(at->text, 60)));
}
