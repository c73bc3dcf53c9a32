/* sampling.c -- what a model's configuration has to do with an answer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/sampling.h"

static bool is_said(const struct dialect_request *request, const char *name)
{
	uint32_t node;

	if (!request)
		return false;
	node = json_find(&request->doc, 0, span_of(name));
	return node != JSON_NONE && !json_is(&request->doc, node, JSON_NULL);
}

bool sampling_write(const struct config_sampling *s,
    const struct dialect_request *request, struct buf *out)
{
	const struct config_sampling *plain = &config_plain_sampling;
	bool is_greedy = request && request->is_deterministic;
	const struct {
		const char *name;
		double value, usual;
		bool narrows; /* a draw, and no greedy choice */
	} rows[] = {
	    {"temperature", (double)s->temperature, (double)plain->temperature,
		true},
	    {"top_p", (double)s->top_p, (double)plain->top_p, true},
	    {"min_p", (double)s->min_p, (double)plain->min_p, true},
	    {"top_k", s->top_k, plain->top_k, true},
	    {"repetition_penalty", (double)s->repetition,
		(double)plain->repetition, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool is_usual = rows[i].value >= rows[i].usual &&
				rows[i].value <= rows[i].usual;

		if (is_usual || (is_greedy && rows[i].narrows) ||
		    is_said(request, rows[i].name))
			continue;
		if (!buf_printf(out, "\n%s=%.9g", rows[i].name, rows[i].value))
			return false;
	}
	return true;
}
