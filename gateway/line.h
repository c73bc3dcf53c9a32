/* line.h -- what is told of a request when it is over. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LINE_H
#define GATEWAY_LINE_H

#include "router/router.h"

/*
 * A line is a plain value whose texts are borrowed from the request: the
 * access log writes it as JSON at once, the ring of recent requests keeps a
 * packed copy and writes JSON when somebody asks. Never a prompt or a key.
 */
struct line {
	int64_t utc_ns;
	struct span id;
	struct span peer;
	struct span key; /* its name; ptr NULL: left out, as for all texts */
	struct span method;
	struct span path;
	struct span model;
	struct span rule;
	struct span task;
	struct span cache;
	struct span outcome;
	int status;
	bool stream;
	unsigned attempts;
	int64_t input_tokens, cached_tokens, output_tokens;
	bool is_estimated;
	int64_t cost_nano, baseline_nano, saved_nano; /* may be unpriced */
	int64_t duration_ns;
	int64_t first_token_ns; /* -1: none */
	int64_t upstream_ns;    /* of the last attempt; -1: none */
	/* A local answer that was held back: ptr NULL for none. */
	struct span held;      /* its model */
	struct span escalated; /* why it was given up, if it was */
	double confidence;     /* 0..1 */
	int64_t held_ns;
	/* A local answer that a schema held. */
	bool is_masked;
	double removed; /* mean share of probability that it took, 0..1 */
};

enum {
	LINE_REASONS = 8,
	LINE_CANDIDATES = 8,
	LINE_TEXT_MAX = 8192
};

/* Why it went where it went: for the request's own page. */
struct line_story {
	bool is_decided;
	struct router_features features;
	size_t n_reasons;
	struct span reasons[LINE_REASONS];
	size_t n_candidates;
	struct span candidates[LINE_CANDIDATES]; /* names */
	struct span verdicts[LINE_CANDIDATES];   /* reasons in words */
};

/*
 * One JSON object. <story> NULL: the line alone, with how many attempts there
 * were; else without, since their list follows.
 */
void line_write_json(const struct line *line, const struct line_story *story,
    struct json_out *out);

#endif
