/* embeddings.c -- vectors for inputs, and the list of models. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_provider/embeddings.h"

#include <assert.h>
#include <math.h>

#include "tests/fake_provider/out.h"
#include "tests/fake_provider/provider.h"
#include "tests/fake_provider/words.h"

/* <vector> (n): uniform in each dimension, then scaled to length 1. */
static void fill_vector(float *vector, unsigned n, struct span input)
{
	struct words words = words_from(hash_fast(input, 0));
	double sum = 0, scale;

	for (unsigned i = 0; i < n; i++) {
		double value =
		    (double)(words_number(&words) >> 11) * 0x1p-52 - 1;

		vector[i] = (float)value;
		sum += value * value;
	}
	scale = sum > 0 ? 1 / sqrt(sum) : 0;
	for (unsigned i = 0; i < n; i++)
		vector[i] = (float)((double)vector[i] * scale);
}

static void write_vector(
    const float *vector, unsigned n, bool is_base64, struct buf *out)
{
	if (is_base64) {
		OUT(out, "\"");
		out_base64(
		    out, span_make((const char *)vector, n * sizeof(*vector)));
		OUT(out, "\"");
		return;
	}
	OUT(out, "[");
	for (unsigned i = 0; i < n; i++) {
		bool fits = buf_printf(
		    out, i > 0 ? ",%.9g" : "%.9g", (double)vector[i]);

		assert(fits);
	}
	OUT(out, "]");
}

static void write_one(
    const struct ask *ask, uint32_t input, unsigned index, struct buf *out)
{
	float vector[ASK_DIMENSIONS_MAX];

	fill_vector(vector, ask->dimensions, json_raw(&ask->doc, input));
	if (index > 0)
		OUT(out, ",");
	OUT(out, "{\"object\":\"embedding\",\"index\":");
	out_u64(out, index);
	OUT(out, ",\"embedding\":");
	write_vector(vector, ask->dimensions, ask->is_base64, out);
	OUT(out, "}");
}

void embeddings_write(
    const struct ask *ask, const struct directives *directives, struct buf *out)
{
	int64_t tokens =
	    directive_or(directives->wrong_usage, (int64_t)ask->prompt_tokens);
	uint32_t first = json_first(&ask->doc, ask->inputs);
	unsigned index = 0;

	OUT(out, "{\"object\":\"list\",\"data\":[");
	if (first == JSON_NONE || json_is(&ask->doc, first, JSON_NUMBER)) {
		write_one(ask, ask->inputs, 0, out);
	} else {
		json_for_each(&ask->doc, ask->inputs, input)
			write_one(ask, input, index++, out);
	}
	OUT(out, "],\"model\":");
	out_string(out, ask->model);
	if (!directive_is_set(directives->no_usage)) {
		OUT(out, ",\"usage\":{\"prompt_tokens\":");
		out_i64(out, tokens);
		OUT(out, ",\"total_tokens\":");
		out_i64(out, tokens);
		OUT(out, "}");
	}
	OUT(out, "}\n");
}

bool models_have(struct span models, struct span model)
{
	struct span name;

	while (span_split(&models, ',', &name)) {
		if (name.len > 0 && span_eq(name, model))
			return true;
	}
	return false;
}

void models_write_one(struct span model, struct buf *out)
{
	OUT(out, "{\"id\":");
	out_string(out, model);
	OUT(out, ",\"object\":\"model\",\"created\":" PROVIDER_CREATED
		 ",\"owned_by\":\"simulated\"}");
}

void models_write_list(struct span models, struct buf *out)
{
	bool is_first = true;
	struct span name;

	OUT(out, "{\"object\":\"list\",\"data\":[");
	while (span_split(&models, ',', &name)) {
		if (name.len == 0)
			continue;
		if (!is_first)
			OUT(out, ",");
		models_write_one(name, out);
		is_first = false;
	}
	OUT(out, "]}\n");
}
