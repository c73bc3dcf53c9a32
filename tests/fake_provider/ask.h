/* ask.h -- what a request's body asks for. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_PROVIDER_ASK_H
#define FAKE_PROVIDER_ASK_H

#include "base/base.h"

/*
 * The members of the three inference endpoints' bodies that change an answer.
 * Spans point into the body or its arena. What real servers would refuse is
 * refused with the same status and error object.
 */
enum endpoint {
	ENDPOINT_CHAT,
	ENDPOINT_TEXT, /* /v1/completions */
	ENDPOINT_EMBEDDINGS,
};

enum answer_format {
	FORMAT_TEXT,
	FORMAT_JSON_OBJECT,
	FORMAT_JSON_SCHEMA,
};

#define ASK_STOPS_MAX 4
#define ASK_CHOICES_MAX 128
#define ASK_DIMENSIONS_MAX 4096

struct ask {
	enum endpoint endpoint;
	struct arena *arena;
	struct json_doc doc;
	struct span model;
	bool is_stream;
	bool wants_usage; /* stream_options.include_usage */
	bool wants_logprobs;
	unsigned top_logprobs; /* 0..20 */
	unsigned n;            /* choices of each prompt */
	unsigned prompts;      /* or inputs; 1 for chat */
	int64_t max_tokens;    /* -1: no limit given */
	struct span stops[ASK_STOPS_MAX];
	unsigned n_stops;
	struct span last_text; /* of the last user message, prompt or input */
	uint64_t prompt_tokens;
	uint32_t tool; /* the function object to be called, or JSON_NONE */
	enum answer_format format;
	uint32_t schema; /* of FORMAT_JSON_SCHEMA */
	uint32_t inputs; /* the node of prompt or input */
	bool is_base64;
	unsigned dimensions;
};

/* What is wrong with a request; the texts are static or in the arena. */
struct ask_fault {
	int status;
	const char *message;
	const char *param; /* NULL: null */
	const char *code;  /* NULL: null */
};

/*
 * Reads <body>, whose endpoint and arena stand in <ask>, the rest of which is
 * zero; false with <fault> set.
 */
bool ask_read(
    struct ask *ask, struct span body, struct ask_fault *fault) must_check;

/* Tokens of <bytes> of text: one for each 4 whole bytes, at least 1. */
uint64_t ask_tokens(uint64_t bytes);

#endif
