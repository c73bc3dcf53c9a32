/* headers.c -- which headers pass, and which change an answer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/headers.h"

#define LEN(list) (sizeof(list) / sizeof((list)[0]))

static bool is_one_of(struct span name, const struct span *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_eq_nocase(name, names[i]))
			return true;
	return false;
}

/* The providers' own families. */
bool header_shapes_answer(struct span name)
{
	static const struct span prefixes[] = {
	    SPAN("openai-"), SPAN("anthropic-")};

	for (size_t i = 0; i < LEN(prefixes); i++)
		if (span_eq_nocase(
			span_head(name, prefixes[i].len), prefixes[i]))
			return true;
	return false;
}

bool header_goes_upstream(struct span name)
{
	static const struct span names[] = {SPAN("content-type"),
	    SPAN("accept"), SPAN("user-agent"), SPAN("traceparent"),
	    SPAN("tracestate"), SPAN("baggage"), SPAN("idempotency-key")};

	return is_one_of(name, names, LEN(names)) || header_shapes_answer(name);
}

bool header_comes_back(struct span name)
{
	static const struct span names[] = {SPAN("content-type"),
	    SPAN("content-encoding"), SPAN("retry-after"),
	    SPAN("x-request-id")};
	const struct span limits = SPAN("x-ratelimit-");

	return is_one_of(name, names, LEN(names)) ||
	       header_shapes_answer(name) ||
	       span_eq_nocase(span_head(name, limits.len), limits);
}
