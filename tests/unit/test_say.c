/* test_say.c -- local answers: a stream says what the object says. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "cache/cache.h"
#include "gateway/local/say.h"

static const struct say_usage usage = {
    .prompt_tokens = 30,
    .cached_tokens = 16,
    .completion_tokens = 9,
    .reasoning_tokens = 4,
};

static struct say *begin(
    enum endpoint endpoint, bool is_stream, bool has_logprobs)
{
	return say_new(&(struct say_options){
	    .endpoint = endpoint,
	    .is_stream = is_stream,
	    .tells_usage = true,
	    .says_null = true,
	    .has_logprobs = has_logprobs,
	    .n_choices = 2,
	    .id = SPAN("chatcmpl-1"),
	    .model = SPAN("local/\"odd\""),
	    .fingerprint = SPAN("fp_0"),
	    .created = 1700000000,
	    .max = 1 << 20,
	});
}

#define TEXT(of, said)                                                         \
	((struct reply_part){.kind = REPLY_##of, .text = SPAN(said)})

static const struct reply_part call = {
    .kind = REPLY_CALL,
    .id = SPAN("call_1"),
    .name = SPAN("get_weather"),
};
static const struct reply_part second_call = {
    .kind = REPLY_CALL,
    .call = 1,
    .id = SPAN("call_2"),
    .name = SPAN("tell"),
};

static void part(struct say *say, uint32_t choice, struct reply_part one)
{
	assert_true(say_part(say, choice, &one));
}

/* Everything that chat can say. */
static void say_chat(struct say *say)
{
	for (uint32_t i = 0; i < 2; i++)
		assert_true(say_begin(say, i));
	part(say, 0, TEXT(REASONING, "let me \"think\""));
	part(say, 1, TEXT(CONTENT, "na\xc3\xafve\n"));
	part(say, 0, TEXT(REASONING, " twice\t"));
	part(say, 0, TEXT(CONTENT, "I ask."));
	part(say, 0, call);
	part(say, 0, TEXT(ARGUMENTS, "{\"city\": \"Z\xc3"));
	part(say, 0, TEXT(ARGUMENTS, "rich\"}"));
	part(say, 0, (struct reply_part){.kind = REPLY_CALL_END});
	part(say, 0, second_call);
	part(say, 0,
	    (struct reply_part){
		.kind = REPLY_ARGUMENTS, .call = 1, .text = SPAN("{}")});
	part(say, 1, TEXT(CONTENT, " end"));
	assert_true(say_finish(say, 1, "length"));
	assert_true(say_finish(say, 0, "tool_calls"));
	assert_true(say_end(say, &usage));
}

static struct span text_of(struct say *say)
{
	return buf_span(say_bytes(say));
}

/* Both as canonical JSON, so that only what they say counts. */
static void must_join_to(
    enum endpoint endpoint, struct say *stream, struct say *whole)
{
	struct arena arena;
	struct buf joined;
	struct json_doc a, b;
	struct json_fault fault;

	arena_init(&arena, 1 << 24);
	buf_init(&joined, 1 << 20);
	assert_true(dialect_join(endpoint, text_of(stream), &arena, &joined));
	assert_true(json_parse(buf_span(&joined), &arena, &a, &fault));
	assert_true(json_parse(text_of(whole), &arena, &b, &fault));
	struct span x = cache_canonical(&a, &arena);
	struct span y = cache_canonical(&b, &arena);

	if (!span_eq(x, y))
		fail_msg("joined %.*s\nwhole  %.*s", SPAN_FMT(x), SPAN_FMT(y));
	buf_free(&joined);
	arena_free(&arena);
}

static void a_chat_stream_joins_to_the_object(void **state)
{
	struct say *stream = begin(ENDPOINT_CHAT, true, false);
	struct say *whole = begin(ENDPOINT_CHAT, false, false);

	(void)state;
	say_chat(stream);
	say_chat(whole);
	must_join_to(ENDPOINT_CHAT, stream, whole);
	say_free(&stream);
	say_free(&whole);
}

/* --- logprobs ---------------------------------------------------------------
 */

static void say_tokens(struct say *say)
{
	const struct say_token tops[] = {
	    {.bytes = SPAN("a"), .logprob = -0.5f},
	    {.bytes = SPAN("\xe2"), .logprob = -1.0f / 0.0f},
	};
	const struct say_token tokens[] = {
	    {.bytes = SPAN("a"), .logprob = -0.5f, .tops = tops, .n_tops = 2},
	    {.bytes = SPAN("\xe2\x82"), .logprob = -2, .tops = tops},
	};

	for (uint32_t i = 0; i < 2; i++)
		assert_true(say_begin(say, i));
	assert_true(say_logprobs(say, 0, tokens, 1));
	part(say, 0, TEXT(CONTENT, "a"));
	assert_true(say_logprobs(say, 0, tokens + 1, 1));
	assert_true(say_logprobs(say, 0, tokens, 1));
	part(say, 0, TEXT(CONTENT, "b"));
	assert_true(say_logprobs(say, 1, tokens, 2));
	part(say, 1, TEXT(CONTENT, "c"));
	assert_true(say_finish(say, 0, "stop"));
	assert_true(say_finish(say, 1, "stop"));
	assert_true(say_end(say, &usage));
}

static void logprobs_join_in_both_shapes(void **state)
{
	const enum endpoint endpoints[] = {ENDPOINT_CHAT, ENDPOINT_COMPLETIONS};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct say *stream = begin(endpoints[i], true, true);
		struct say *whole = begin(endpoints[i], false, true);

		say_tokens(stream);
		say_tokens(whole);
		must_join_to(endpoints[i], stream, whole);
		say_free(&stream);
		say_free(&whole);
	}
}

static void says_the_bytes_of_part_of_a_character(void **state)
{
	struct say *say = begin(ENDPOINT_CHAT, false, true);

	(void)state;
	say_tokens(say);
	assert_true(span_find(text_of(say),
			SPAN("{\"token\":\"\xef\xbf\xbd\xef\xbf\xbd\","
			     "\"logprob\":-2,\"bytes\":[226,130],"),
			0) != SIZE_MAX);
	assert_true(
	    span_find(text_of(say), SPAN("\"logprob\":-9999,"), 0) != SIZE_MAX);
	say_free(&say);
}

static void completions_tell_where_each_token_stands(void **state)
{
	struct say *say = begin(ENDPOINT_COMPLETIONS, false, true);

	(void)state;
	say_tokens(say);
	assert_true(span_find(text_of(say), SPAN("\"text_offset\":[0,1,2]"),
			0) != SIZE_MAX);
	say_free(&say);
}

/* --- frames ------------------------------------------------------------------
 */

static void a_silent_answer_is_empty_and_beside_a_call_null(void **state)
{
	struct say *say = begin(ENDPOINT_CHAT, false, false);

	(void)state;
	part(say, 0, call);
	part(say, 0, TEXT(ARGUMENTS, "{}"));
	assert_true(say_finish(say, 0, "tool_calls"));
	assert_true(say_finish(say, 1, "stop"));
	assert_true(say_end(say, &usage));
	assert_true(
	    span_find(text_of(say),
		SPAN("\"content\":null,\"tool_calls\":[{\"id\":"
		     "\"call_1\",\"type\":\"function\",\"function\":{"
		     "\"name\":\"get_weather\",\"arguments\":\"{}\"}}]"),
		0) != SIZE_MAX);
	assert_true(
	    span_find(text_of(say), SPAN("\"content\":\"\"}"), 0) != SIZE_MAX);
	say_free(&say);
}

static void an_answer_past_its_maximum_says_so(void **state)
{
	static char much[1 << 20];
	struct say *say = begin(ENDPOINT_CHAT, true, false);
	struct reply_part one = {
	    .kind = REPLY_CONTENT, .text = {.ptr = much, .len = sizeof(much)}};

	(void)state;
	memset(much, 'x', sizeof(much));
	assert_false(say_part(say, 0, &one));
	say_free(&say);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_chat_stream_joins_to_the_object),
	    cmocka_unit_test(logprobs_join_in_both_shapes),
	    cmocka_unit_test(says_the_bytes_of_part_of_a_character),
	    cmocka_unit_test(completions_tell_where_each_token_stands),
	    cmocka_unit_test(a_silent_answer_is_empty_and_beside_a_call_null),
	    cmocka_unit_test(an_answer_past_its_maximum_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
