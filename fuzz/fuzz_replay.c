/* fuzz_replay.c -- any bytes as a kept answer, given in its other form. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect.h"

#include <assert.h>

/*
 * Beyond not crashing: an answer that was split reads as a stream of JSON whose
 * marks are where they are found, and joins to an answer that says as much; one
 * that was joined says no more than its events did; and an
 * answer that was split and joined may find its members in another order when
 * that is done again, but then no more changes.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define ARENA_MAX ((size_t)1 << 24)
#define OUT_MAX ((size_t)1 << 22)

struct kept {
	enum endpoint endpoint;
	bool has_usage;
	struct arena arena;
};

/* The other form; ptr NULL when it is refused. */
static struct span join(struct kept *kept, struct span events)
{
	struct span text = {0};
	struct buf out;

	buf_init(&out, OUT_MAX);
	if (dialect_join(kept->endpoint, events, &kept->arena, &out))
		text = arena_copy(&kept->arena, buf_span(&out));
	else
		assert(buf_len(&out) == 0);
	buf_free(&out);
	return text;
}

static struct span split(struct kept *kept, struct span answer)
{
	const struct dialect_request request = {
	    .endpoint = kept->endpoint,
	    .has_include_usage = kept->has_usage,
	};
	struct dialect_marks marks, found;
	struct span text = {0};
	struct buf out;

	buf_init(&out, OUT_MAX);
	if (dialect_split(&request, answer, &kept->arena, &out, &marks)) {
		text = arena_copy(&kept->arena, buf_span(&out));
		assert(
		    dialect_find_marks(kept->endpoint, buf_span(&out), &found));
		assert(memcmp(&marks, &found, sizeof(marks)) == 0);
		assert(marks.done.at + marks.done.len == buf_len(&out));
	} else {
		assert(buf_len(&out) == 0 && marks.done.len == 0);
	}
	buf_free(&out);
	return text;
}

static struct dialect_answer read_answer(
    const struct kept *kept, struct span text)
{
	struct dialect_answer answer;
	struct arena arena;

	arena_init(&arena, ARENA_MAX);
	dialect_read_answer(kept->endpoint, text, &arena, &answer);
	arena_free(&arena);
	return answer;
}

/* The output of all events, by lines that begin with "data: ". */
static size_t count_output(const struct kept *kept, struct span stream)
{
	struct dialect_stream state = {0};
	struct dialect_chunk chunk;
	struct span line;
	struct arena arena;
	size_t output = 0;

	arena_init(&arena, ARENA_MAX);
	while (span_split(&stream, '\n', &line)) {
		if (line.len == 0)
			continue;
		assert(span_starts_with(line, SPAN("data: ")));
		arena_reset(&arena);
		dialect_read_chunk(
		    kept->endpoint, span_from(line, 6), &arena, &state, &chunk);
		assert(chunk.is_done || (chunk.is_json && !chunk.is_error));
		output += chunk.output_bytes;
	}
	arena_free(&arena);
	return output;
}

/* What was joined once comes back the same; ptr NULL when it does not fit. */
static struct span check_again(struct kept *kept, struct span answer)
{
	struct span stream = split(kept, answer), joined;
	struct dialect_answer before, after;

	if (!stream.ptr)
		return stream;
	before = read_answer(kept, answer);
	assert(before.is_finished && !before.is_error);
	/* Reasoning that differs under two names counts once in an answer. */
	assert(count_output(kept, stream) >= before.output_bytes);
	joined = join(kept, stream);
	if (!joined.ptr)
		return joined;
	after = read_answer(kept, joined);
	assert(after.is_json && after.is_finished && !after.is_error);
	assert(after.output_bytes == before.output_bytes);
	return joined;
}

static void check_answer(struct kept *kept, struct span answer)
{
	struct span texts[3] = {check_again(kept, answer)};

	for (int i = 1; i < 3 && texts[i - 1].ptr; i++)
		texts[i] = check_again(kept, texts[i - 1]);
	if (!texts[2].ptr)
		return;
	assert(texts[0].len == texts[1].len);
	assert(span_eq(texts[1], texts[2]));
}

static void check_stream(struct kept *kept, struct span stream)
{
	struct span answer = join(kept, stream);
	struct dialect_answer read;
	struct dialect_marks marks;

	if (dialect_find_marks(kept->endpoint, stream, &marks)) {
		assert(marks.usage.at + marks.usage.len <= stream.len);
		assert(marks.done.at + marks.done.len <= stream.len);
	}
	if (!answer.ptr)
		return;
	read = read_answer(kept, answer);
	assert(read.is_json && read.is_finished && !read.is_error);
	check_answer(kept, answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct kept kept;
	struct span text;

	if (len == 0)
		return 0;
	/* The first byte is printable in the corpus: '0' to '7'. */
	kept.endpoint = data[0] & 1 ? ENDPOINT_COMPLETIONS : ENDPOINT_CHAT;
	kept.has_usage = data[0] & 4;
	text = span_make((const char *)data + 1, len - 1);
	arena_init(&kept.arena, ARENA_MAX);
	if (data[0] & 2)
		check_stream(&kept, text);
	else
		check_answer(&kept, text);
	arena_free(&kept.arena);
	return 0;
}
