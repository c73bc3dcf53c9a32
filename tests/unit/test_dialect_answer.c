/* test_dialect_answer.c -- answers, chunks, usage and our own errors. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "dialect/dialect.h"

#define MEMORY_MAX ((size_t)1 << 20)

static int setup(void **state)
{
	struct arena *arena = mem_new(struct arena);

	arena_init(arena, MEMORY_MAX);
	*state = arena;
	return 0;
}

static int teardown(void **state)
{
	struct arena *arena = *state;

	arena_free(arena);
	free(arena);
	return 0;
}

static struct dialect_chunk read_chunk(struct arena *arena, const char *data)
{
	struct dialect_stream stream = {0};
	struct dialect_chunk chunk;

	dialect_read_chunk(
	    ENDPOINT_CHAT, span_of(data), arena, &stream, &chunk);
	return chunk;
}

static struct dialect_answer read_answer(
    struct arena *arena, enum endpoint endpoint, const char *body)
{
	struct dialect_answer answer;

	dialect_read_answer(endpoint, span_of(body), arena, &answer);
	return answer;
}

/* The usage of a chat answer that says nothing but <usage>. */
static struct dialect_usage read_usage(struct arena *arena, const char *usage)
{
	char *body =
	    arena_printf(arena, "{\"choices\":[],\"usage\":%s}", usage);

	assert_non_null(body);
	return read_answer(arena, ENDPOINT_CHAT, body).usage;
}

#define UNKNOWN (-1)

/* <input> and <output> may be UNKNOWN. */
static void check_usage(struct dialect_usage usage, int64_t input,
    int64_t cached, int64_t output, bool is_odd)
{
	assert_int_equal(usage.has_input, input != UNKNOWN);
	if (usage.has_input) {
		assert_int_equal(usage.input_tokens, input);
		assert_int_equal(usage.cached_tokens, cached);
	}
	assert_int_equal(usage.has_output, output != UNKNOWN);
	if (usage.has_output)
		assert_int_equal(usage.output_tokens, output);
	assert_int_equal(usage.is_odd, is_odd);
}

/* --- usage
 * -------------------------------------------------------------------- */

static void takes_cached_tokens_out_of_the_prompt(void **state)
{
	check_usage(read_usage(*state,
			"{\"prompt_tokens\":100,\"completion_tokens\":20,"
			"\"total_tokens\":120,"
			"\"prompt_tokens_details\":{\"cached_tokens\":64}}"),
	    36, 64, 20, false);
	check_usage(read_usage(*state,
			"{\"prompt_tokens\":64,\"completion_tokens\":20,"
			"\"prompt_tokens_details\":{\"cached_tokens\":64}}"),
	    0, 64, 20, false);
}

static void knows_the_other_names_of_cached_tokens(void **state)
{
	check_usage(read_usage(*state,
			"{\"prompt_tokens\":100,\"completion_tokens\":20,"
			"\"prompt_cache_hit_tokens\":60,"
			"\"prompt_cache_miss_tokens\":40}"),
	    40, 60, 20, false);
	check_usage(read_usage(*state,
			"{\"prompt_tokens\":100,\"completion_tokens\":20,"
			"\"cached_tokens\":10}"),
	    90, 10, 20, false);
	check_usage(read_usage(*state,
			"{\"prompt_tokens\":100,\"completion_tokens\":20,"
			"\"prompt_tokens_details\":{\"cached_tokens\":60},"
			"\"prompt_cache_hit_tokens\":60}"),
	    40, 60, 20, false);
}

static void takes_missing_details_for_no_cache(void **state)
{
	struct dialect_usage usage = read_usage(*state,
	    "{\"prompt_tokens\":7,\"completion_tokens\":3,"
	    "\"prompt_tokens_details\":null,\"completion_tokens_details\":{}}");

	check_usage(usage, 7, 0, 3, false);
	assert_false(usage.has_cached);
}

static void marks_details_larger_than_the_whole(void **state)
{
	check_usage(read_usage(*state,
			"{\"prompt_tokens\":10,\"completion_tokens\":5,"
			"\"prompt_tokens_details\":{\"cached_tokens\":11}}"),
	    10, 11, 5, true);
	check_usage(
	    read_usage(*state,
		"{\"prompt_tokens\":10,\"completion_tokens\":5,"
		"\"completion_tokens_details\":{\"reasoning_tokens\":6}}"),
	    10, 0, 11, true);
}

static void gives_no_discount_for_a_broken_cached_count(void **state)
{
	check_usage(read_usage(*state,
			"{\"prompt_tokens\":10,\"completion_tokens\":5,"
			"\"prompt_tokens_details\":{\"cached_tokens\":-4}}"),
	    10, 0, 5, true);
}

static void counts_reasoning_once(void **state)
{
	/* Inside of the completion, as OpenAI has it. */
	check_usage(
	    read_usage(*state,
		"{\"prompt_tokens\":10,\"completion_tokens\":50,"
		"\"total_tokens\":60,"
		"\"completion_tokens_details\":{\"reasoning_tokens\":30}}"),
	    10, 0, 50, false);
	/* Beside it, as xAI has it: the total says so. */
	check_usage(
	    read_usage(*state,
		"{\"prompt_tokens\":10,\"completion_tokens\":50,"
		"\"total_tokens\":90,"
		"\"completion_tokens_details\":{\"reasoning_tokens\":30}}"),
	    10, 0, 80, false);
	check_usage(
	    read_usage(*state,
		"{\"prompt_tokens\":10,\"completion_tokens\":0,"
		"\"total_tokens\":40,"
		"\"completion_tokens_details\":{\"reasoning_tokens\":30}}"),
	    10, 0, 30, false);
}

static void bills_a_total_that_nothing_explains_as_output(void **state)
{
	check_usage(
	    read_usage(*state, "{\"prompt_tokens\":10,\"completion_tokens\":5,"
			       "\"total_tokens\":22}"),
	    10, 0, 12, true);
	check_usage(
	    read_usage(*state, "{\"prompt_tokens\":10,\"completion_tokens\":5,"
			       "\"total_tokens\":12}"),
	    10, 0, 5, false);
}

static void takes_whole_numbers_however_written(void **state)
{
	check_usage(read_usage(*state,
			"{\"prompt_tokens\":2953.0,\"completion_tokens\":4e3}"),
	    2953, 0, 4000, false);
	check_usage(
	    read_usage(*state, "{\"prompt_tokens\":9223372036854775807,"
			       "\"completion_tokens\":9223372036854775807,"
			       "\"total_tokens\":9223372036854775807}"),
	    INT64_MAX, 0, INT64_MAX, false);
}

static void takes_nothing_else_for_a_count(void **state)
{
	static const char *const values[] = {
	    "-1", "0.5", "\"12\"", "true", "9223372036854775808", "[]", "1e99"};
	struct arena *arena = *state;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		check_usage(read_usage(arena, arena_printf(arena,
						  "{\"prompt_tokens\":%s,"
						  "\"completion_tokens\":5}",
						  values[i])),
		    UNKNOWN, 0, 5, true);
		check_usage(read_usage(arena, arena_printf(arena,
						  "{\"prompt_tokens\":5,"
						  "\"completion_tokens\":%s}",
						  values[i])),
		    5, 0, UNKNOWN, true);
	}
}

static void tells_zero_from_missing(void **state)
{
	check_usage(
	    read_usage(*state, "{\"prompt_tokens\":0,\"completion_tokens\":0,"
			       "\"total_tokens\":0}"),
	    0, 0, 0, false);
	check_usage(read_usage(*state,
			"{\"prompt_tokens\":5,\"completion_tokens\":null}"),
	    5, 0, UNKNOWN, false);
	check_usage(read_usage(*state, "null"), UNKNOWN, 0, UNKNOWN, false);
	check_usage(read_usage(*state, "{}"), UNKNOWN, 0, UNKNOWN, false);
}

static void reads_embeddings_as_input_only(void **state)
{
	struct dialect_answer a;

	a = read_answer(*state, ENDPOINT_EMBEDDINGS,
	    "{\"object\":\"list\",\"data\":[{\"embedding\":[0.5,-1]}],"
	    "\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}");
	check_usage(a.usage, 8, 0, 0, false);
	assert_true(a.is_finished);
	a = read_answer(*state, ENDPOINT_EMBEDDINGS,
	    "{\"data\":[],\"usage\":{\"total_tokens\":69}}");
	check_usage(a.usage, 69, 0, 0, true);
	a = read_answer(*state, ENDPOINT_EMBEDDINGS, "{\"data\":[]}");
	check_usage(a.usage, UNKNOWN, 0, 0, false);
}

/* --- usage over a stream
 * ------------------------------------------------------- */

static struct dialect_usage merge_all(
    struct arena *arena, const char *const *usages)
{
	struct dialect_usage all = {0};

	for (; *usages; usages++) {
		struct dialect_chunk chunk = read_chunk(
		    arena, arena_printf(arena, "{\"choices\":[],\"usage\":%s}",
			       *usages));

		dialect_usage_merge(&all, &chunk.usage);
	}
	return all;
}

#define MERGE(state, ...)                                                      \
	merge_all(state, (const char *const[]){__VA_ARGS__, NULL})

static void takes_the_last_value_of_a_stream(void **state)
{
	check_usage(
	    MERGE(*state, "{\"prompt_tokens\":9,\"completion_tokens\":1}",
		"{\"prompt_tokens\":9,\"completion_tokens\":2}",
		"{\"prompt_tokens\":10,\"completion_tokens\":7}"),
	    10, 0, 7, false);
	check_usage(
	    MERGE(*state, "{\"prompt_tokens\":0,\"completion_tokens\":0}",
		"{\"prompt_tokens\":9,\"completion_tokens\":2}"),
	    9, 0, 2, false);
}

static void lets_null_erase_nothing(void **state)
{
	check_usage(
	    MERGE(*state, "{\"prompt_tokens\":9,\"completion_tokens\":2}",
		"null"),
	    9, 0, 2, false);
	check_usage(MERGE(*state,
			"{\"prompt_tokens\":9,\"completion_tokens\":2,"
			"\"prompt_tokens_details\":{\"cached_tokens\":4}}",
			"{\"prompt_tokens\":10,\"completion_tokens\":null,"
			"\"prompt_tokens_details\":null}"),
	    6, 4, 2, false);
}

static void forgets_an_odd_usage_when_a_whole_one_follows(void **state)
{
	static const char odd[] =
	    "{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":99}";

	check_usage(
	    MERGE(*state, odd, "{\"prompt_tokens\":9,\"completion_tokens\":3}"),
	    9, 0, 3, false);
	check_usage(
	    MERGE(*state, odd, "{\"completion_tokens\":3}"), 9, 0, 3, true);
}

static void marks_a_last_count_that_is_none(void **state)
{
	check_usage(
	    MERGE(*state, "{\"prompt_tokens\":9,\"completion_tokens\":2}",
		"{\"prompt_tokens\":9,\"completion_tokens\":-2}"),
	    9, 0, 2, true);
}

static void finds_usage_where_providers_put_it(void **state)
{
	struct dialect_chunk c;

	c = read_chunk(*state,
	    "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],"
	    "\"x_groq\":{\"id\":\"r\",\"usage\":{\"prompt_tokens\":3,"
	    "\"completion_tokens\":4}}}");
	assert_true(c.has_usage);
	assert_false(c.is_usage_only);
	check_usage(c.usage, 3, 0, 4, false);
	c = read_chunk(*state,
	    "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\","
	    "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}]}");
	check_usage(c.usage, 3, 0, 4, false);
	c = read_chunk(*state,
	    "{\"choices\":[],\"x_groq\":{\"usage\":{\"prompt_tokens\":1}},"
	    "\"us\\u0061ge\":{\"prompt_tokens\":3,\"completion_tokens\":4}}");
	check_usage(c.usage, 3, 0, 4, false);
}

/* --- chunks
 * -------------------------------------------------------------------- */

#define DELTA(delta)                                                           \
	"{\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"choices\":[{"    \
	"\"index\":0,\"delta\":" delta                                         \
	",\"finish_reason\":null}],\"usage\":null}"

static void reads_a_content_delta(void **state)
{
	struct dialect_chunk c =
	    read_chunk(*state, DELTA("{\"content\":\"a\\n\\u00e9\"}"));

	assert_true(c.is_json);
	assert_true(c.has_content);
	assert_int_equal(c.output_bytes, 4);
	assert_false(c.is_done);
	assert_false(c.is_error);
	assert_false(c.has_tool_calls);
	assert_false(c.has_finish);
	assert_false(c.has_usage);
	assert_false(c.is_usage_only);
}

static void knows_what_is_content(void **state)
{
	static const struct {
		const char *data;
		size_t bytes;
	} cases[] = {
	    {DELTA("{\"content\":\"a\"}"), 1},
	    {DELTA("{\"content\":\"\",\"refusal\":\"no\"}"), 2},
	    {DELTA("{\"content\":null,\"reasoning_content\":\"hm\"}"), 2},
	    {DELTA("{\"reasoning\":\"hm\"}"), 2},
	    {DELTA("{\"reasoning\":\"hm\",\"reasoning_content\":\"hm\"}"), 2},
	    {DELTA("{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\","
		   "\"arguments\":\"\"}}]}"),
		1},
	    {DELTA("{\"tool_calls\":[{\"index\":0,\"function\":{"
		   "\"arguments\":\"{\\\"a\"}}]}"),
		3},
	    {DELTA("{\"tool_calls\":[{\"custom\":{\"name\":\"f\",\"input\":"
		   "\"ab\"}}]}"),
		3},
	    {DELTA("{\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}}"),
		3},
	    {DELTA("{\"audio\":{\"id\":\"a\",\"transcript\":\"hi\"}}"), 2},
	    {DELTA("{\"content\":[{\"type\":\"text\",\"text\":\"abc\"},{"
		   "\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\","
		   "\"text\":\"de\"}]}]}"),
		5},
	    {"{\"choices\":[{\"text\":\"abc\",\"index\":0}]}", 3},
	    {"{\"choices\":[{\"delta\":{}},{\"delta\":{\"content\":\"b\"}}]}",
		1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dialect_chunk c = read_chunk(*state, cases[i].data);

		if (!c.has_content || c.output_bytes != cases[i].bytes)
			fail_msg("%s: content %d, %zu bytes", cases[i].data,
			    c.has_content, c.output_bytes);
	}
}

static void knows_what_is_no_content(void **state)
{
	static const char *const cases[] = {
	    DELTA("{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}"),
	    DELTA("{}"),
	    DELTA("null"),
	    DELTA(
		"{\"content\":null,\"tool_calls\":[],\"function_call\":null}"),
	    DELTA("{\"audio\":{},\"reasoning\":\"\"}"),
	    "{\"choices\":[{\"text\":\"\"}]}",
	    "{\"choices\":[],\"prompt_filter_results\":[{\"content\":\"x\"}]}",
	    "{\"choices\":[]}",
	    "{\"choices\":null}",
	    "{}",
	    "[]",
	    "\"content\"",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dialect_chunk c = read_chunk(*state, cases[i]);

		if (c.has_content || c.output_bytes || !c.is_json)
			fail_msg("%s: content", cases[i]);
	}
}

static void tells_tool_calls_from_text(void **state)
{
	assert_true(read_chunk(
	    *state, DELTA("{\"content\":\"a\",\"tool_calls\":[{\"index\":0}]}"))
			.has_tool_calls);
	assert_true(
	    read_chunk(*state, DELTA("{\"function_call\":{\"name\":\"f\"}}"))
		.has_tool_calls);
	assert_false(
	    read_chunk(*state, DELTA("{\"tool_calls\":null}")).has_tool_calls);
}

static void knows_the_chunk_that_holds_usage_only(void **state)
{
	struct dialect_chunk c;

	c = read_chunk(*state, "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,"
			       "\"completion_tokens\":4}}");
	assert_true(c.is_usage_only);
	check_usage(c.usage, 3, 0, 4, false);
	/* Mistral: usage in the finishing chunk, which the client needs. */
	c = read_chunk(*state,
	    "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],"
	    "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}");
	assert_true(c.has_usage);
	assert_true(c.has_finish);
	assert_false(c.is_usage_only);
	/* Azure: no choices yet, and no usage either. */
	c = read_chunk(*state,
	    "{\"choices\":[],\"prompt_filter_results\":[],\"usage\":null}");
	assert_false(c.is_usage_only);
	assert_false(c.has_usage);
	c = read_chunk(*state, "{\"usage\":{\"prompt_tokens\":3}}");
	assert_false(c.is_usage_only);
	c = read_chunk(*state,
	    "{\"error\":{},\"choices\":[],\"usage\":{\"prompt_tokens\":3}}");
	assert_false(c.is_usage_only);
}

static void knows_the_end_and_what_is_no_json(void **state)
{
	assert_true(read_chunk(*state, "[DONE]").is_done);
	assert_true(read_chunk(*state, " [DONE]\r").is_done);
	assert_false(read_chunk(*state, "[DONE]").is_json);
	assert_false(read_chunk(*state, "[DONE").is_done);
	assert_false(read_chunk(*state, "[DONE").is_json);
	assert_false(read_chunk(*state, "").is_json);
	assert_false(read_chunk(*state, "{\"choices\":[").is_json);
}

static void knows_errors_of_every_shape(void **state)
{
	static const char *const errors[] = {
	    "{\"error\":{\"message\":\"overloaded\"}}",
	    "{\"error\":\"overloaded\"}",
	    "{\"error\":{}}",
	    ("{\"id\":\"x\",\"choices\":[{\"delta\":{\"content\":\"\"},"
	     "\"finish_reason\":\"error\"}],\"error\":{\"code\":502}}"),
	    "{\"object\":\"error\",\"message\":\"no\",\"code\":400}",
	    "[{\"error\":{\"code\":429}}]",
	};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		assert_true(read_chunk(*state, errors[i]).is_error);
		assert_true(
		    read_answer(*state, ENDPOINT_CHAT, errors[i]).is_error);
	}
	assert_false(
	    read_chunk(*state, "{\"error\":null,\"choices\":[]}").is_error);
	assert_false(
	    read_chunk(*state, DELTA("{\"content\":\"error\"}")).is_error);
}

/* --- whole answers
 * --------------------------------------------------------------- */

static void reads_a_whole_answer(void **state)
{
	struct dialect_answer a = read_answer(*state, ENDPOINT_CHAT,
	    "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":"
	    "\"four\",\"refusal\":null},\"finish_reason\":\"stop\"},"
	    "{\"message\":{\"content\":\"4\"},\"finish_reason\":\"length\"}],"
	    "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,"
	    "\"total_tokens\":5}}");

	assert_true(a.is_json);
	assert_true(a.is_finished);
	assert_false(a.is_error);
	assert_false(a.has_tool_calls);
	assert_int_equal(a.output_bytes, 5);
	check_usage(a.usage, 3, 0, 2, false);
}

static void is_finished_when_every_choice_is(void **state)
{
	assert_false(read_answer(*state, ENDPOINT_CHAT,
	    "{\"choices\":[{\"finish_reason\":\"stop\"},"
	    "{\"finish_reason\":null}]}")
			 .is_finished);
	assert_false(
	    read_answer(*state, ENDPOINT_CHAT, "{\"choices\":[]}").is_finished);
	assert_true(read_answer(*state, ENDPOINT_COMPLETIONS,
	    "{\"choices\":[{\"text\":\"a\",\"finish_reason\":\"stop\"}]}")
			.is_finished);
	assert_false(
	    read_answer(*state, ENDPOINT_EMBEDDINGS, "{}").is_finished);
}

static void reads_tool_calls_and_usage_of_errors(void **state)
{
	struct dialect_answer a = read_answer(*state, ENDPOINT_CHAT,
	    "{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[{"
	    "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
	    "\"finish_reason\":\"tool_calls\"}]}");

	assert_true(a.has_tool_calls);
	assert_int_equal(a.output_bytes, 3);
	a = read_answer(*state, ENDPOINT_CHAT,
	    "{\"error\":{\"message\":\"x\"},\"usage\":{\"prompt_tokens\":5,"
	    "\"completion_tokens\":7,\"total_tokens\":12}}");
	assert_true(a.is_error);
	check_usage(a.usage, 5, 0, 7, false);
}

static void says_when_an_answer_is_no_json(void **state)
{
	struct arena small;
	struct dialect_answer a =
	    read_answer(*state, ENDPOINT_CHAT, "<html>502</html>");

	assert_false(a.is_json);
	assert_false(a.usage.has_output);
	arena_init(&small, 64);
	a = read_answer(&small, ENDPOINT_EMBEDDINGS, "{\"data\":[1,2,3,4,5]}");
	assert_false(a.is_json);
	arena_free(&small);
}

/* --- our own errors
 * ---------------------------------------------------------------- */

static void writes_errors_as_clients_expect_them(void **state)
{
	const struct dialect_error error = {
	    .message = "no \"such\" model\n",
	    .type = "invalid_request_error",
	    .code = "model_not_found",
	};
	struct span body = dialect_write_error(&error, *state);

	assert_true(span_eq(
	    body, SPAN("{\"error\":{\"message\":\"no \\\"such\\\" model\\n\","
		       "\"type\":\"invalid_request_error\",\"param\":null,"
		       "\"code\":\"model_not_found\"}}")));
}

static void writes_no_error_without_memory(void **state)
{
	const struct dialect_error error = {.message = "m", .type = "t"};
	struct arena none;

	(void)state;
	arena_init(&none, 0);
	assert_null(dialect_write_error(&error, &none).ptr);
	arena_free(&none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(takes_cached_tokens_out_of_the_prompt),
	    TEST(knows_the_other_names_of_cached_tokens),
	    TEST(takes_missing_details_for_no_cache),
	    TEST(marks_details_larger_than_the_whole),
	    TEST(gives_no_discount_for_a_broken_cached_count),
	    TEST(counts_reasoning_once),
	    TEST(bills_a_total_that_nothing_explains_as_output),
	    TEST(takes_whole_numbers_however_written),
	    TEST(takes_nothing_else_for_a_count),
	    TEST(tells_zero_from_missing),
	    TEST(reads_embeddings_as_input_only),
	    TEST(takes_the_last_value_of_a_stream),
	    TEST(lets_null_erase_nothing),
	    TEST(forgets_an_odd_usage_when_a_whole_one_follows),
	    TEST(marks_a_last_count_that_is_none),
	    TEST(finds_usage_where_providers_put_it),
	    TEST(reads_a_content_delta),
	    TEST(knows_what_is_content),
	    TEST(knows_what_is_no_content),
	    TEST(tells_tool_calls_from_text),
	    TEST(knows_the_chunk_that_holds_usage_only),
	    TEST(knows_the_end_and_what_is_no_json),
	    TEST(knows_errors_of_every_shape),
	    TEST(reads_a_whole_answer),
	    TEST(is_finished_when_every_choice_is),
	    TEST(reads_tool_calls_and_usage_of_errors),
	    TEST(says_when_an_answer_is_no_json),
	    TEST(writes_errors_as_clients_expect_them),
	    TEST(writes_no_error_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
