/* test_csv.c -- fields as RFC 4180 and spreadsheets want them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/csv.h"

static void assert_text(struct span text, const char *wanted)
{
	struct buf buf;
	struct csv csv;

	buf_init(&buf, 1024);
	csv_init(&csv, &buf);
	csv_text(&csv, text);
	assert_false(csv.is_full);
	if (!span_eq(buf_span(&buf), span_of(wanted)))
		fail_msg("%.*s, not %s", SPAN_FMT(buf_span(&buf)), wanted);
	buf_free(&buf);
}

static void only_fields_that_need_quotes_get_them(void **state)
{
	(void)state;
	assert_text(SPAN("plain words"), "plain words");
	assert_text(SPAN(""), "");
	assert_text(SPAN("a,b"), "\"a,b\"");
	assert_text(SPAN("a\"b"), "\"a\"\"b\"");
	assert_text(SPAN("a\nb"), "\"a\nb\"");
	assert_text(SPAN("a\rb"), "\"a\rb\"");
	assert_text(SPAN("\""), "\"\"\"\"");
}

static void no_text_is_a_formula(void **state)
{
	(void)state;
	assert_text(SPAN("=1+1"), "'=1+1");
	assert_text(SPAN("+1"), "'+1");
	assert_text(SPAN("-1"), "'-1");
	assert_text(SPAN("@sum"), "'@sum");
	assert_text(SPAN("\tx"), "'\tx");
	assert_text(SPAN("\rx"), "\"'\rx\"");
	assert_text(SPAN("=a,\"b\""), "\"'=a,\"\"b\"\"\"");
	assert_text(SPAN("a=1"), "a=1");
}

static void rows_have_commas_between_and_end_with_crlf(void **state)
{
	static const char *const words[] = {"name", "cost", "ms"};
	struct buf buf;
	struct csv csv;

	(void)state;
	buf_init(&buf, 1024);
	csv_init(&csv, &buf);
	csv_row(&csv, words, 3);
	csv_text(&csv, SPAN("a"));
	csv_int(&csv, -5);
	csv_ms(&csv, 1234567);
	csv_end_row(&csv);
	csv_text(&csv, SPAN(""));
	csv_amount(&csv, MONEY_UNPRICED);
	csv_ms(&csv, -1);
	csv_end_row(&csv);
	assert_true(span_eq(
	    buf_span(&buf), SPAN("name,cost,ms\r\na,-5,1.234\r\n,,\r\n")));
	buf_free(&buf);
}

static void a_full_buffer_is_noticed(void **state)
{
	struct buf buf;
	struct csv csv;

	(void)state;
	buf_init(&buf, 4);
	csv_init(&csv, &buf);
	csv_text(&csv, SPAN("abc"));
	assert_false(csv.is_full);
	csv_int(&csv, 12);
	assert_true(csv.is_full);
	buf_free(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_fields_that_need_quotes_get_them),
	    cmocka_unit_test(no_text_is_a_formula),
	    cmocka_unit_test(rows_have_commas_between_and_end_with_crlf),
	    cmocka_unit_test(a_full_buffer_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
