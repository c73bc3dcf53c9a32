/* test_sampling.c -- a model's own sampling, where it shapes an answer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/local/sampling.h"

static const struct config_sampling cold = {
    .temperature = 0.25F,
    .top_p = 0.5F,
    .min_p = 0.125F,
    .repetition = 1.5F,
    .top_k = 40,
};

/* Asserts what <sampling> adds to a chat with these members; NULL: to any. */
static void assert_adds(const struct config_sampling *sampling,
    const char *members, const char *wanted)
{
	struct dialect_refusal why;
	struct dialect_request request;
	struct arena arena;
	struct buf out;
	const char *body;

	arena_init(&arena, 1 << 20);
	buf_init(&out, 1 << 10);
	body = arena_printf(&arena,
	    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
	    "\"content\":\"x\"}]%s}",
	    members ? members : "");
	assert_true(dialect_read_request(
	    ENDPOINT_CHAT, span_of(body), &arena, &request, &why));
	assert_true(sampling_write(sampling, members ? &request : NULL, &out));
	assert_true(buf_append(&out, span_make("", 1)));
	assert_string_equal(buf_span(&out).ptr, wanted);
	buf_free(&out);
	arena_free(&arena);
}

static void what_the_api_has_anyway_adds_nothing(void **state)
{
	(void)state;
	assert_adds(&config_plain_sampling, NULL, "");
	assert_adds(&config_plain_sampling, "", "");
	assert_adds(&config_plain_sampling, ",\"temperature\":0", "");
}

static void what_a_request_leaves_unsaid_is_added(void **state)
{
	static const char all[] = "\ntemperature=0.25\ntop_p=0.5\nmin_p=0.125"
				  "\ntop_k=40\nrepetition_penalty=1.5";

	(void)state;
	assert_adds(&cold, NULL, all);
	assert_adds(&cold, "", all);
	assert_adds(&cold, ",\"temperature\":null,\"top_k\":null", all);
	assert_adds(&cold, ",\"temperature\":1,\"top_k\":3",
	    "\ntop_p=0.5\nmin_p=0.125\nrepetition_penalty=1.5");
	assert_adds(&cold,
	    ",\"temperature\":1,\"top_k\":3,\"top_p\":1,\"min_p\":0,"
	    "\"repetition_penalty\":1",
	    "");
}

static void a_greedy_answer_feels_only_penalties(void **state)
{
	(void)state;
	assert_adds(&cold, ",\"temperature\":0", "\nrepetition_penalty=1.5");
	assert_adds(&cold, ",\"temperature\":0,\"repetition_penalty\":1", "");
}

static void says_when_there_is_no_room(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 20);
	assert_false(sampling_write(&cold, NULL, &out));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_the_api_has_anyway_adds_nothing),
	    cmocka_unit_test(what_a_request_leaves_unsaid_is_added),
	    cmocka_unit_test(a_greedy_answer_feels_only_penalties),
	    cmocka_unit_test(says_when_there_is_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
