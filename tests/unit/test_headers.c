/* test_headers.c -- which headers pass, and which stay here. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/headers.h"

static void credentials_and_cookies_go_nowhere(void **state)
{
	static const struct span names[] = {SPAN("authorization"),
	    SPAN("api-key"), SPAN("x-api-key"), SPAN("cookie"),
	    SPAN("set-cookie"), SPAN("connection"), SPAN("host"),
	    SPAN("x-forwarded-for"), SPAN(""), SPAN("openai")};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_false(header_goes_upstream(names[i]));
		assert_false(header_comes_back(names[i]));
		assert_false(header_shapes_answer(names[i]));
	}
}

static void the_providers_own_pass_both_ways_and_shape_answers(void **state)
{
	static const struct span names[] = {SPAN("openai-beta"),
	    SPAN("OpenAI-Organization"), SPAN("ANTHROPIC-BETA")};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_true(header_goes_upstream(names[i]));
		assert_true(header_comes_back(names[i]));
		assert_true(header_shapes_answer(names[i]));
	}
}

static void others_pass_one_way(void **state)
{
	(void)state;
	assert_true(header_goes_upstream(SPAN("Traceparent")));
	assert_false(header_comes_back(SPAN("traceparent")));
	assert_true(header_comes_back(SPAN("X-RateLimit-Remaining-Tokens")));
	assert_false(header_goes_upstream(SPAN("x-ratelimit-limit")));
	assert_true(header_goes_upstream(SPAN("Content-Type")));
	assert_false(header_shapes_answer(SPAN("content-type")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(credentials_and_cookies_go_nowhere),
	    cmocka_unit_test(
		the_providers_own_pass_both_ways_and_shape_answers),
	    cmocka_unit_test(others_pass_one_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
