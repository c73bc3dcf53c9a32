/* test_dialect_stream.c -- an event read by likeness is read the same. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "dialect/dialect.h"

#define HEAD                                                                   \
	"{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"choices\":"     \
	"[{\"index\":0,\"delta\":{\"content\":\""
#define TAIL "\"},\"finish_reason\":null}],\"usage\":null}"

/* Events that may follow one another; most are not like the first. */
static const char *const events[] = {
    HEAD "Hello" TAIL,
    HEAD " world" TAIL,
    HEAD "" TAIL,
    HEAD "\xe4\xb8\xad\xe6\x96\x87" TAIL,
    HEAD "\xff" TAIL,
    HEAD "a\\nb" TAIL,
    HEAD "a\nb" TAIL,
    HEAD "x\",\"tool_calls\":[{\"index\":0}],\"refusal\":\"y" TAIL,
    HEAD "x\"},\"finish_reason\":\"stop\",\"logprobs\":{\"a\":\"" TAIL,
    "{\"choices\":[{\"delta\":{\"content\":\"a\",\"content\":\"b\"}}]}",
    "{\"choices\":[{\"delta\":{\"reasoning\":\"a\"}}]}",
    "{\"choices\":[{\"delta\":{\"reasoning\":\"bc\"}}]}",
    "{\"choices\":[{\"text\":\"\"}]}",
    "{\"choices\":[{\"text\":\"some\"}]}",
    "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
    ("{\"choices\":[],\"usage\":{\"prompt_tokens\":3,"
     "\"completion_tokens\":2}}"),
    "{\"error\":{\"message\":\"x\"}}",
    "[DONE]",
    "not json",
    "",
};

enum {
	N_EVENTS = sizeof(events) / sizeof(events[0])
};

static struct dialect_chunk read_alone(const char *data, struct arena *arena)
{
	struct dialect_stream stream = {0};
	struct dialect_chunk chunk;

	dialect_read_chunk(
	    ENDPOINT_CHAT, span_of(data), arena, &stream, &chunk);
	return chunk;
}

static void assert_same(
    const struct dialect_chunk *a, const struct dialect_chunk *b)
{
	assert_int_equal(a->is_done, b->is_done);
	assert_int_equal(a->is_json, b->is_json);
	assert_int_equal(a->is_error, b->is_error);
	assert_int_equal(a->has_content, b->has_content);
	assert_int_equal(a->has_tool_calls, b->has_tool_calls);
	assert_int_equal(a->has_finish, b->has_finish);
	assert_int_equal(a->has_usage, b->has_usage);
	assert_int_equal(a->is_usage_only, b->is_usage_only);
	assert_int_equal(a->output_bytes, b->output_bytes);
	assert_int_equal(a->output_estimate, b->output_estimate);
	assert_int_equal(a->has_audio, b->has_audio);
	assert_int_equal(a->is_cut, b->is_cut);
	assert_int_equal(a->choices, b->choices);
	assert_int_equal(a->finished, b->finished);
	assert_int_equal(a->usage.has_output, b->usage.has_output);
	assert_int_equal(a->usage.output_tokens, b->usage.output_tokens);
}

static void reads_any_event_after_any_other_the_same(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < N_EVENTS; i++) {
		for (size_t j = 0; j < N_EVENTS; j++) {
			struct dialect_stream stream = {0};
			struct dialect_chunk alone, after;

			arena_reset(&arena);
			alone = read_alone(events[j], &arena);
			dialect_read_chunk(ENDPOINT_CHAT, span_of(events[i]),
			    &arena, &stream, &after);
			dialect_read_chunk(ENDPOINT_CHAT, span_of(events[j]),
			    &arena, &stream, &after);
			assert_same(&after, &alone);
		}
	}
	arena_free(&arena);
}

static void does_not_remember_what_is_too_long(void **state)
{
	static char data[2000];
	struct dialect_stream stream = {0};
	struct dialect_chunk chunk;
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	snprintf(data, sizeof(data), "{\"id\":\"%01000d\",%s", 0,
	    &(HEAD "a" TAIL)[1]);
	dialect_read_chunk(
	    ENDPOINT_CHAT, span_of(data), &arena, &stream, &chunk);
	assert_true(chunk.is_json);
	assert_true(chunk.has_content);
	assert_int_equal(stream.head_len, 0);
	arena_free(&arena);
}

static void takes_nothing_from_the_arena_for_an_event_like_the_last(
    void **state)
{
	struct dialect_stream stream = {0};
	struct dialect_chunk chunk;
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	dialect_read_chunk(
	    ENDPOINT_CHAT, span_of(events[0]), &arena, &stream, &chunk);
	arena_reset(&arena);
	dialect_read_chunk(
	    ENDPOINT_CHAT, span_of(events[1]), &arena, &stream, &chunk);
	assert_true(chunk.has_content);
	assert_int_equal(chunk.output_bytes, 6);
	assert_int_equal(arena.used, 0);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_any_event_after_any_other_the_same),
	    cmocka_unit_test(does_not_remember_what_is_too_long),
	    cmocka_unit_test(
		takes_nothing_from_the_arena_for_an_event_like_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
