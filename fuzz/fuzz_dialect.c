/* fuzz_dialect.c -- any bytes as request, answer, chunk and prompt. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect.h"

#include <assert.h>
#include <stdlib.h>

/*
 * Beyond not crashing: an edited request reads back with the upstream's model
 * and with usage asked for where it streams, and what an answer claims is
 * within what its bytes can hold.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MEMORY_MAX ((size_t)1 << 24)
#define UPSTREAM SPAN("up \"1\"")

static void check_usage(const struct dialect_usage *usage)
{
	assert(usage->input_tokens >= 0);
	assert(usage->cached_tokens >= 0);
	assert(usage->output_tokens >= 0);
}

static struct span edit(
    const struct dialect_request *request, struct arena *arena)
{
	struct span pieces[DIALECT_PIECES_MAX];
	struct span whole = {0};
	size_t n, len = 0;
	char *at;

	n = dialect_edit_request(request, UPSTREAM, true, arena, pieces);
	assert(n >= 1 && n <= DIALECT_PIECES_MAX);
	for (size_t i = 0; i < n; i++)
		len += pieces[i].len;
	at = arena_alloc(arena, len);
	assert(at);
	whole = span_make(at, len);
	for (size_t i = 0; i < n; i++) {
		memcpy(at, pieces[i].ptr, pieces[i].len);
		at += pieces[i].len;
	}
	return whole;
}

static void check_request(
    enum endpoint endpoint, struct span body, struct arena *arena)
{
	struct dialect_request request, again;
	struct dialect_refusal refusal;

	if (!dialect_read_request(endpoint, body, arena, &request, &refusal)) {
		assert(refusal.code && refusal.message[0]);
		return;
	}
	for (size_t i = 0; i < request.n_parts; i++)
		assert(request.parts[i].text.len > 0);
	assert(dialect_read_request(
	    endpoint, edit(&request, arena), arena, &again, &refusal));
	assert(span_eq(again.model, UPSTREAM));
	assert(again.stream == request.stream);
	assert(again.has_include_usage || !again.stream);
	assert(again.n_parts == request.n_parts);
}

static void check_answers(
    enum endpoint endpoint, struct span body, struct arena *arena)
{
	struct dialect_answer answer;
	struct dialect_stream stream = {0};
	struct dialect_chunk chunk, again;
	struct dialect_usage merged;

	dialect_read_answer(endpoint, body, arena, &answer);
	dialect_read_chunk(endpoint, body, arena, &stream, &chunk);
	/* The second time it may be held against itself. */
	dialect_read_chunk(endpoint, body, arena, &stream, &again);
	assert(again.is_json == chunk.is_json);
	assert(again.has_content == chunk.has_content);
	assert(again.output_bytes == chunk.output_bytes);
	assert(again.output_estimate == chunk.output_estimate);
	assert(answer.is_json == chunk.is_json);
	assert(answer.output_bytes == chunk.output_bytes);
	assert(answer.output_bytes <= body.len);
	assert(!chunk.is_usage_only || (chunk.has_usage && !chunk.has_content));
	check_usage(&answer.usage);
	check_usage(&chunk.usage);
	merged = answer.usage;
	dialect_usage_merge(&merged, &chunk.usage);
	check_usage(&merged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	enum endpoint endpoint;
	struct arena arena;
	struct span body;

	if (len == 0)
		return 0;
	/* The first byte is printable in the corpus: '0', '1' or '2'. */
	endpoint = (enum endpoint)(data[0] % ENDPOINT_COUNT);
	body = span_make((const char *)data + 1, len - 1);
	arena_init(&arena, MEMORY_MAX);
	check_request(endpoint, body, &arena);
	check_answers(endpoint, body, &arena);
	assert(dialect_estimate_tokens(body) <= 2 * (int64_t)len);
	arena_free(&arena);
	return 0;
}
