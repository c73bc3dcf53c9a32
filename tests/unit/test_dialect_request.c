/* test_dialect_request.c -- requests read and refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "dialect/dialect.h"

#define MEMORY_MAX ((size_t)1 << 22)

struct fixture {
	struct arena arena;
	struct dialect_request request;
	struct dialect_refusal refusal;
};

static int setup(void **state)
{
	struct fixture *f = mem_new(struct fixture);

	arena_init(&f->arena, MEMORY_MAX);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	arena_free(&f->arena);
	free(f);
	return 0;
}

static const struct dialect_request *read_as(
    struct fixture *f, enum endpoint endpoint, const char *body)
{
	if (!dialect_read_request(
		endpoint, span_of(body), &f->arena, &f->request, &f->refusal))
		fail_msg(
		    "refused: %s: %s", f->refusal.code, f->refusal.message);
	return &f->request;
}

static const struct dialect_request *read_chat(
    struct fixture *f, const char *body)
{
	return read_as(f, ENDPOINT_CHAT, body);
}

static void check_refused(struct fixture *f, enum endpoint endpoint,
    struct span body, const char *code, const char *param)
{
	if (dialect_read_request(
		endpoint, body, &f->arena, &f->request, &f->refusal))
		fail_msg("accepted: %.*s", SPAN_FMT(body));
	assert_string_equal(f->refusal.code, code);
	if (param)
		assert_string_equal(f->refusal.param, param);
	else
		assert_null(f->refusal.param);
	assert_true(f->refusal.message[0] != '\0');
}

static void refuses_chat(
    struct fixture *f, const char *body, const char *code, const char *param)
{
	check_refused(f, ENDPOINT_CHAT, span_of(body), code, param);
}

static void check_text(struct span text, const char *expected)
{
	if (!span_eq(text, span_of(expected)))
		fail_msg(
		    "got \"%.*s\", expected \"%s\"", SPAN_FMT(text), expected);
}

static void check_range(const struct dialect_request *request,
    struct byte_range range, const char *expected)
{
	check_text(
	    span_make(request->body.ptr + range.at, range.len), expected);
}

/* --- what decides -----------------------------------------------------------
 */

static void reads_the_smallest_request(void **state)
{
	const struct dialect_request *r =
	    read_chat(*state, "{\"model\":\"m\"}");

	check_text(r->model, "m");
	check_range(r, r->model_at, "\"m\"");
	assert_false(r->stream);
	assert_false(r->has_include_usage);
	assert_int_equal(r->choices, 1);
	assert_int_equal(r->output_limit, -1);
	assert_int_equal(r->prompts, 1);
	assert_int_equal(r->turns, 0);
	assert_int_equal(r->n_parts, 0);
	assert_int_equal(r->last_user.len, 0);
	assert_int_equal(r->members_from, 1);
	assert_true(r->has_members);
	assert_int_equal(r->stream_options_at.len, 0);
}

static void reads_every_member_that_decides(void **state)
{
	const struct dialect_request *r = read_chat(*state,
	    " {\"stream\" : true, \"n\":3, \"max_tokens\":12.0,"
	    "\"max_completion_tokens\":2e3, \"temperature\":0.0,"
	    "\"tools\":[{\"type\":\"function\"}],"
	    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{}},"
	    "\"stream_options\":{\"include_usage\":true},"
	    "\"modalities\":[\"text\",\"audio\"],\"model\":\"a/b\"}");

	check_text(r->model, "a/b");
	assert_true(r->stream);
	assert_true(r->has_include_usage);
	assert_int_equal(r->choices, 3);
	assert_int_equal(r->output_limit, 2000);
	assert_true(r->is_deterministic);
	assert_true(r->has_tools);
	assert_int_equal(r->tool_bytes, strlen("[{\"type\":\"function\"}]"));
	assert_true(r->has_json_schema);
	assert_false(r->has_json_object);
	assert_true(r->schema_bytes > 0);
	assert_true(r->has_audio);
	assert_int_equal(r->members_from, 2);
	assert_true(r->stream_options_has_members);
	check_range(r, r->include_usage_at, "true");
	check_range(r, r->stream_options_at, "{\"include_usage\":true}");
}

static void takes_null_for_absent(void **state)
{
	const struct dialect_request *r = read_chat(*state,
	    "{\"model\":\"m\",\"stream\":null,\"n\":null,\"max_tokens\":null,"
	    "\"tools\":null,\"functions\":[],\"response_format\":null,"
	    "\"messages\":null,\"temperature\":null,\"stream_options\":null}");

	assert_false(r->stream);
	assert_int_equal(r->choices, 1);
	assert_int_equal(r->output_limit, -1);
	assert_false(r->has_tools);
	assert_int_equal(r->tool_bytes, 0);
	assert_false(r->is_deterministic);
	check_range(r, r->stream_options_at, "null");
	assert_int_equal(r->include_usage_at.len, 0);
}

static void sees_requests_that_do_more_than_ask(void **state)
{
	static const struct {
		const char *member;
		bool has_side_effects;
	} cases[] = {
	    {"\"store\":true", true},
	    {"\"store\":1", true},
	    {"\"st\\u006fre\":true", true},
	    {"\"store\":false", false},
	    {"\"store\":null", false},
	    {"\"background\":true", true},
	    {"\"background\":false", false},
	    {"\"web_search_options\":{}", true},
	    {"\"web_search_options\":null", false},
	    {"\"audio\":{\"voice\":\"x\"}", true},
	    {"\"audio\":null", false},
	    {"\"modalities\":[\"text\",\"audio\"]", true},
	    {"\"modalities\":[\"text\"]", false},
	    {"\"metadata\":{\"store\":true}", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char body[128];
		const struct dialect_request *r;

		snprintf(body, sizeof(body), "{\"model\":\"m\",%s}",
		    cases[i].member);
		r = read_chat(*state, body);
		assert_int_equal(
		    r->has_side_effects, cases[i].has_side_effects);
	}
}

static void knows_members_by_their_decoded_names(void **state)
{
	const struct dialect_request *r = read_chat(
	    *state, "{\"mod\\u0065l\":\"gpt\\u002d4\",\"str\\u0065am\":true}");

	check_text(r->model, "gpt-4");
	check_range(r, r->model_at, "\"gpt\\u002d4\"");
	assert_true(r->stream);
}

static void lets_pass_what_it_does_not_know(void **state)
{
	const struct dialect_request *r = read_chat(*state,
	    "{\"model\":\"m\",\"top_k\":\"many\",\"metadata\":{\"a\":1,\"a\":2},"
	    "\"temperature\":\"hot\",\"prompt\":5,\"best_of\":\"x\"}");

	assert_false(r->is_deterministic);
	assert_int_equal(r->choices, 1);
}

static void is_deterministic_only_at_temperature_0(void **state)
{
	assert_true(read_chat(*state, "{\"model\":\"m\",\"temperature\":0}")
			->is_deterministic);
	assert_true(read_chat(*state, "{\"model\":\"m\",\"temperature\":-0.0}")
			->is_deterministic);
	assert_false(
	    read_chat(*state, "{\"model\":\"m\",\"temperature\":0.0001}")
		->is_deterministic);
	assert_false(read_chat(*state, "{\"model\":\"m\"}")->is_deterministic);
}

static void takes_the_larger_of_two_limits(void **state)
{
	assert_int_equal(
	    read_chat(*state,
		"{\"model\":\"m\",\"max_completion_tokens\":5,\"max_tokens\":9}")
		->output_limit,
	    9);
	assert_int_equal(read_chat(*state, "{\"model\":\"m\",\"max_tokens\":0}")
			     ->output_limit,
	    0);
	assert_int_equal(read_as(*state, ENDPOINT_COMPLETIONS,
			     "{\"model\":\"m\",\"n\":2,\"best_of\":5}")
			     ->choices,
	    5);
}

/* --- what the model reads ----------------------------------------------------
 */

static void reads_messages_in_order(void **state)
{
	const struct dialect_request *r = read_chat(*state,
	    "{\"model\":\"m\",\"messages\":["
	    "{\"role\":\"developer\",\"content\":\"be brief\"},"
	    "{\"role\":\"user\",\"content\":\"one\\ntwo\"},"
	    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":"
	    "\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\","
	    "\"arguments\":\"{\\\"a\\\":1}\"}}]},"
	    "{\"role\":\"tool\",\"content\":\"42\"},"
	    "{\"role\":\"critic\",\"content\":\"hm\"}]}");

	assert_int_equal(r->n_parts, 6);
	assert_int_equal(r->parts[0].role, ROLE_SYSTEM);
	check_text(r->parts[0].text, "be brief");
	assert_int_equal(r->parts[1].role, ROLE_USER);
	check_text(r->parts[1].text, "one\ntwo");
	assert_int_equal(r->parts[2].role, ROLE_ASSISTANT);
	check_text(r->parts[2].text, "f");
	check_text(r->parts[3].text, "{\"a\":1}");
	assert_int_equal(r->parts[4].role, ROLE_TOOL);
	assert_int_equal(r->parts[5].role, ROLE_OTHER);
	assert_int_equal(r->turns, 2);
	check_text(r->last_user, "one\ntwo");
}

static void joins_the_parts_of_the_last_user_message(void **state)
{
	const struct dialect_request *r = read_chat(*state,
	    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"old\"},"
	    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
	    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:,\"}},"
	    "{\"type\":\"input_audio\",\"input_audio\":{}},"
	    "{\"type\":\"text\",\"text\":\"\"},"
	    "{\"type\":\"text\",\"text\":\"\\u00e9\"}]},"
	    "{\"role\":\"assistant\",\"content\":\"no\"}]}");

	check_text(r->last_user, "a\n\xc3\xa9");
	assert_int_equal(r->n_parts, 4);
	assert_int_equal(r->turns, 3);
	assert_true(r->has_images);
	assert_true(r->has_audio);
	assert_int_equal(r->image_count, 1);
}

static void keeps_many_messages(void **state)
{
	struct fixture *f = *state;
	struct buf buf;
	const struct dialect_request *r;

	buf_init(&buf, 1 << 20);
	assert_true(buf_append(&buf, SPAN("{\"model\":\"m\",\"messages\":[")));
	for (int i = 0; i < 1000; i++)
		assert_true(
		    buf_printf(&buf, "%s{\"role\":\"user\",\"content\":\"%d\"}",
			i ? "," : "", i));
	assert_true(buf_append(&buf, SPAN("]}\0")));
	r = read_chat(f, buf_span(&buf).ptr);
	assert_int_equal(r->n_parts, 1000);
	assert_int_equal(r->turns, 1000);
	check_text(r->parts[17].text, "17");
	check_text(r->last_user, "999");
	buf_free(&buf);
}

static void reads_prompts_of_every_shape(void **state)
{
	const struct dialect_request *r;

	r = read_as(*state, ENDPOINT_COMPLETIONS,
	    "{\"model\":\"m\",\"prompt\":\"once\",\"stream\":true}");
	check_text(r->last_user, "once");
	assert_int_equal(r->turns, 1);
	assert_int_equal(r->prompts, 1);
	assert_true(r->stream);
	r = read_as(*state, ENDPOINT_COMPLETIONS,
	    "{\"model\":\"m\",\"prompt\":[\"a\",\"b\"]}");
	check_text(r->last_user, "a\nb");
	assert_int_equal(r->prompts, 2);
	r = read_as(*state, ENDPOINT_COMPLETIONS,
	    "{\"model\":\"m\",\"prompt\":[1,2,3]}");
	assert_int_equal(r->prompt_token_ids, 3);
	assert_int_equal(r->prompts, 1);
	assert_int_equal(r->n_parts, 0);
	r = read_as(*state, ENDPOINT_EMBEDDINGS,
	    "{\"model\":\"m\",\"input\":[[1,2],[3]],\"stream\":true}");
	assert_int_equal(r->prompt_token_ids, 3);
	assert_int_equal(r->prompts, 2);
	assert_false(r->stream);
}

/* --- refusals
 * ----------------------------------------------------------------- */

static void refuses_what_is_not_json(void **state)
{
	refuses_chat(*state, "", "invalid_json", NULL);
	refuses_chat(*state, "{\"model\":\"m\",}", "invalid_json", NULL);
	refuses_chat(*state, "{\"model\":\"m\"} x", "invalid_json", NULL);
	refuses_chat(*state, "[]", "invalid_json", NULL);
	refuses_chat(*state, "\"model\"", "invalid_json", NULL);
}

static void names_the_byte_that_is_wrong(void **state)
{
	struct fixture *f = *state;

	refuses_chat(f, "{\"model\":\"m\",}", "invalid_json", NULL);
	assert_non_null(strstr(f->refusal.message, "byte 13"));
}

static void refuses_double_keys_where_they_decide(void **state)
{
	static const char *const bodies[][2] = {
	    {"{\"Model\":\"cheap\",\"model\":\"big\"}", "model"},
	    {"{\"model\":\"a\",\"mod\\u0065l\":\"b\"}", "mod\\u0065l"},
	    {"{\"model\":\"a\",\"N\":1,\"n\":9}", "n"},
	    {"{\"model\":\"a\",\"unknown\":1,\"unknown\":2}", "unknown"},
	    {"{\"model\":\"a\",\"stream_options\":{\"include_usage\":true,"
	     "\"include_usage\":false}}",
		"stream_options"},
	    {"{\"model\":\"a\",\"response_format\":{\"type\":\"text\",\"Type\":"
	     "\"json_object\"}}",
		"response_format"},
	    {"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"role\":\"tool\"}]}",
		"messages"},
	    {"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":"
	     "[{\"type\":\"text\",\"text\":\"a\",\"TEXT\":\"b\"}]}]}",
		"messages[0].content"},
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		refuses_chat(
		    *state, bodies[i][0], "duplicate_key", bodies[i][1]);
}

static void leaves_double_keys_elsewhere_alone(void **state)
{
	read_chat(*state,
	    "{\"model\":\"a\",\"metadata\":{\"x\":1,\"x\":2},"
	    "\"tools\":[{\"function\":{\"parameters\":{\"a\":1,\"A\":2}}}]}");
}

static void refuses_a_missing_model(void **state)
{
	const char *code = "missing_required_parameter";

	refuses_chat(*state, "{}", code, "model");
	refuses_chat(*state, "{\"model\":\"\"}", code, "model");
	refuses_chat(*state, "{\"model\":null}", code, "model");
}

static void refuses_keys_that_other_servers_would_read(void **state)
{
	static const char *const bodies[][2] = {
	    {"{\"MODEL\":\"m\"}", "model"},
	    {"{\"model\":\"m\",\"Stream\":true}", "stream"},
	    {"{\"model\":\"m\",\"\\u004e\":100}", "n"},
	    {"{\"model\":\"m\",\"stream_optionS\":null}", "stream_options"},
	    {"{\"model\":\"m\",\"stream_options\":{\"Include_Usage\":false}}",
		"stream_options"},
	    {"{\"model\":\"m\",\"response_format\":{\"TYPE\":\"text\"}}",
		"response_format"},
	    {"{\"model\":\"m\",\"messages\":[{\"Role\":\"user\"}]}",
		"messages"},
	    {"{\"model\":\"m\",\"messages\":[{\"content\":[{\"Text\":\"\"}]}]}",
		"messages[0].content"},
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		refuses_chat(
		    *state, bodies[i][0], "unknown_parameter", bodies[i][1]);
	/* Elsewhere, and where it decides nothing, case is the client's own. */
	read_chat(*state,
	    "{\"model\":\"m\",\"Prompt\":1,\"metadata\":{\"Model\":\"x\"}}");
}

static void refuses_a_model_with_control_characters(void **state)
{
	refuses_chat(*state, "{\"model\":\"cheap\\u0000big\"}", "invalid_value",
	    "model");
	refuses_chat(*state, "{\"model\":\"a\\nb\"}", "invalid_value", "model");
}

static void refuses_wrong_types(void **state)
{
	static const char *const bodies[][2] = {
	    {"{\"model\":5}", "model"},
	    {"{\"model\":[\"m\"]}", "model"},
	    {"{\"model\":\"m\",\"stream\":\"true\"}", "stream"},
	    {"{\"model\":\"m\",\"stream\":1}", "stream"},
	    {"{\"model\":\"m\",\"stream_options\":true}", "stream_options"},
	    {"{\"model\":\"m\",\"stream_options\":{\"include_usage\":\"no\"}}",
		"stream_options.include_usage"},
	    {"{\"model\":\"m\",\"n\":\"2\"}", "n"},
	    {"{\"model\":\"m\",\"max_tokens\":[]}", "max_tokens"},
	    {"{\"model\":\"m\",\"max_completion_tokens\":true}",
		"max_completion_tokens"},
	    {"{\"model\":\"m\",\"messages\":{}}", "messages"},
	    {"{\"model\":\"m\",\"messages\":[\"hi\"]}", "messages"},
	    {"{\"model\":\"m\",\"messages\":[{},{\"content\":5}]}",
		"messages[1].content"},
	    {"{\"model\":\"m\",\"messages\":[{\"content\":[7]}]}",
		"messages[0].content"},
	    {"{\"model\":\"m\",\"tools\":{}}", "tools"},
	    {"{\"model\":\"m\",\"functions\":\"f\"}", "functions"},
	    {"{\"model\":\"m\",\"response_format\":\"json\"}",
		"response_format"},
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		refuses_chat(
		    *state, bodies[i][0], "invalid_type", bodies[i][1]);
	check_refused(*state, ENDPOINT_COMPLETIONS,
	    SPAN("{\"model\":\"m\",\"prompt\":5}"), "invalid_type", "prompt");
	check_refused(*state, ENDPOINT_EMBEDDINGS,
	    SPAN("{\"model\":\"m\",\"input\":{}}"), "invalid_type", "input");
}

static void refuses_counts_that_are_none(void **state)
{
	static const char *const values[] = {
	    "-1", "1.5", "9223372036854775808", "1e40"};
	char body[128];

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(body, sizeof(body), "{\"model\":\"m\",\"n\":%s}",
		    values[i]);
		refuses_chat(*state, body, "invalid_value", "n");
		snprintf(body, sizeof(body),
		    "{\"model\":\"m\",\"max_tokens\":%s}", values[i]);
		refuses_chat(*state, body, "invalid_value", "max_tokens");
	}
}

/* However little memory there is, the answer is a refusal or the whole truth.
 */
static void refuses_when_memory_runs_out(void **state)
{
	static const char body[] =
	    "{\"model\":\"m\\u0031\",\"messages\":[{\"role\":\"user\","
	    "\"content\":[{\"type\":\"text\",\"text\":\"a\\u0062\"},"
	    "{\"type\":\"text\",\"text\":\"c\"}]}]}";
	struct fixture *f = *state;
	size_t refused = 0;
	bool is_read = false;

	for (size_t max = 0; !is_read && max < MEMORY_MAX; max += 16) {
		struct arena arena;

		arena_init(&arena, max);
		is_read = dialect_read_request(ENDPOINT_CHAT, span_of(body),
		    &arena, &f->request, &f->refusal);
		if (is_read) {
			check_text(f->request.model, "m1");
			check_text(f->request.last_user, "ab\nc");
		} else {
			assert_non_null(f->refusal.code);
			refused++;
		}
		arena_free(&arena);
	}
	assert_true(is_read);
	assert_true(refused > 10);
}

static void names_endpoints_and_paths(void **state)
{
	(void)state;
	assert_string_equal(endpoint_name(ENDPOINT_CHAT), "chat");
	assert_string_equal(endpoint_path(ENDPOINT_CHAT), "/chat/completions");
	assert_string_equal(
	    endpoint_path(ENDPOINT_COMPLETIONS), "/completions");
	assert_string_equal(endpoint_name(ENDPOINT_EMBEDDINGS), "embeddings");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(reads_the_smallest_request),
	    TEST(reads_every_member_that_decides),
	    TEST(takes_null_for_absent),
	    TEST(sees_requests_that_do_more_than_ask),
	    TEST(knows_members_by_their_decoded_names),
	    TEST(lets_pass_what_it_does_not_know),
	    TEST(is_deterministic_only_at_temperature_0),
	    TEST(takes_the_larger_of_two_limits),
	    TEST(reads_messages_in_order),
	    TEST(joins_the_parts_of_the_last_user_message),
	    TEST(keeps_many_messages),
	    TEST(reads_prompts_of_every_shape),
	    TEST(refuses_what_is_not_json),
	    TEST(names_the_byte_that_is_wrong),
	    TEST(refuses_double_keys_where_they_decide),
	    TEST(leaves_double_keys_elsewhere_alone),
	    TEST(refuses_a_missing_model),
	    TEST(refuses_keys_that_other_servers_would_read),
	    TEST(refuses_a_model_with_control_characters),
	    TEST(refuses_wrong_types),
	    TEST(refuses_counts_that_are_none),
	    TEST(refuses_when_memory_runs_out),
	    TEST(names_endpoints_and_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
