/* suggested.c -- the sampling that a checkpoint suggests for itself. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/base.h"
#include "local/engine/beside.h"
#include "local/generate.h"

#define FILE_NAME "generation_config.json"
#define FILE_LEN_MAX ((size_t)1 << 20)

static enum result read_value(const struct json_doc *doc, const char *name,
    const double range[2], double *out, struct error *err)
{
	uint32_t node = json_find(doc, 0, span_of(name));
	double value;

	if (node == JSON_NONE || json_is(doc, node, JSON_NULL))
		return OK;
	if (!json_is(doc, node, JSON_NUMBER) ||
	    !json_double(doc, node, &value) || !(value >= range[0]) ||
	    !(value <= range[1])) {
		error_set(
		    err, "\"%s\" must be %g to %g", name, range[0], range[1]);
		return FAILED;
	}
	*out = value;
	return OK;
}

/*
 * Without "do_sample" the values are meant, as other servers read them; false
 * is greedy whatever stands beside it, true draws at temperature 1 unless
 * another is said. Source: transformers, GenerationConfig.
 */
static enum result read_values(const struct json_doc *doc,
    struct sample_options *sample, struct error *err)
{
	uint32_t draws = json_find(doc, 0, SPAN("do_sample"));
	double temperature = (double)sample->temperature;
	double top_p = (double)sample->top_p, min_p = (double)sample->min_p;
	double repetition = (double)sample->repetition;
	double top_k = (double)sample->top_k;

	if (json_is(doc, draws, JSON_TRUE))
		temperature = 1;
	if (read_value(doc, "temperature", (const double[]){0, 100},
		&temperature, err) != OK ||
	    read_value(doc, "top_p", (const double[]){0, 1}, &top_p, err) !=
		OK ||
	    read_value(doc, "min_p", (const double[]){0, 1}, &min_p, err) !=
		OK ||
	    read_value(doc, "repetition_penalty", (const double[]){0.01, 100},
		&repetition, err) != OK ||
	    read_value(
		doc, "top_k", (const double[]){-1, 1 << 28}, &top_k, err) != OK)
		return FAILED;
	if (json_is(doc, draws, JSON_FALSE))
		temperature = 0;
	sample->temperature = (float)temperature;
	sample->top_p = (float)top_p;
	sample->min_p = (float)min_p;
	sample->repetition = (float)repetition;
	sample->top_k = top_k > 0 ? (uint32_t)top_k : 0;
	return OK;
}

static enum result read_text(
    struct span text, struct sample_options *sample, struct error *err)
{
	enum result result = FAILED;
	struct json_fault fault;
	struct json_doc doc;
	struct arena arena;

	arena_init(&arena, 8 * FILE_LEN_MAX);
	if (!json_parse(text, &arena, &doc, &fault))
		error_set(err, "is not JSON: byte %zu: %s", fault.offset,
		    fault.reason);
	else if (!json_is(&doc, 0, JSON_OBJECT))
		error_set(err, "must be an object");
	else
		result = read_values(&doc, sample, err);
	arena_free(&arena);
	return result;
}

enum result generate_suggested(
    const char *path, struct sample_options *sample, struct error *err)
{
	char *folder = beside_folder(path);
	struct span text = {0};
	enum result result = AGAIN;

	if (folder)
		result =
		    beside_read(folder, FILE_NAME, FILE_LEN_MAX, &text, err);
	if (result == AGAIN) {
		error_set(err, "%s has no " FILE_NAME, path);
	} else if (result == OK) {
		result = read_text(text, sample, err);
		if (result != OK)
			error_prefix(err, "%s/" FILE_NAME, folder);
	}
	beside_free(&text);
	free(folder);
	return result;
}
