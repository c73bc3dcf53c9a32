/* test_json_out.c -- the quick writer against the strict reader. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/json_out.h"

static void assert_text(const struct json_out *out, const char *wanted)
{
	struct span text = json_out_text(out);

	assert_false(out->is_full);
	assert_int_equal(text.len, strlen(wanted));
	assert_memory_equal(text.ptr, wanted, text.len);
}

static void writes_members_with_commas(void **state)
{
	char memory[200];
	struct json_out out;

	(void)state;
	json_out_init(&out, memory, sizeof(memory));
	json_out_open(&out, '{');
	json_out_name(&out, SPAN("a"));
	json_out_int(&out, INT64_MIN);
	json_out_name(&out, SPAN("b"));
	json_out_open(&out, '[');
	json_out_next(&out);
	json_out_string(&out, SPAN("x\"\\\n\x01"));
	json_out_next(&out);
	json_out_decimal(&out, -1205, 3);
	json_out_close(&out, ']');
	json_out_name(&out, SPAN("c"));
	json_out_decimal(&out, 7, 3);
	json_out_close(&out, '}');
	assert_text(&out,
	    "{\"a\": -9223372036854775808, \"b\": [\"x\\\"\\\\\\n\\u0001\", "
	    "-1.205], \"c\": 0.007}");
}

static void replaces_ill_formed_text(void **state)
{
	char memory[64];
	struct json_out out;

	(void)state;
	json_out_init(&out, memory, sizeof(memory));
	json_out_string(&out, SPAN("\xc3\xa9\xff"
				   "z"));
	assert_text(&out, "\"\xc3\xa9\xef\xbf\xbdz\"");
}

static void says_when_it_is_full(void **state)
{
	char memory[8];
	struct json_out out;

	(void)state;
	json_out_init(&out, memory, sizeof(memory));
	json_out_string(&out, SPAN("too long for that"));
	assert_true(out.is_full);
}

static void every_byte_reads_back(void **state)
{
	char memory[2048];
	char bytes[128];
	struct json_out out;
	struct json_fault fault;
	struct json_doc doc;
	struct arena arena;

	(void)state;
	for (int i = 0; i < 128; i++)
		bytes[i] = (char)i;
	json_out_init(&out, memory, sizeof(memory));
	json_out_string(&out, span_make(bytes, sizeof(bytes)));
	arena_init(&arena, 1 << 16);
	assert_true(json_parse(json_out_text(&out), &arena, &doc, &fault));
	assert_true(span_eq(
	    json_text(&doc, 0, &arena), span_make(bytes, sizeof(bytes))));
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_members_with_commas),
	    cmocka_unit_test(replaces_ill_formed_text),
	    cmocka_unit_test(says_when_it_is_full),
	    cmocka_unit_test(every_byte_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
