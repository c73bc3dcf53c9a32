/* test_buf.c -- a buffer against a plain array, its maximum and its growth. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

static void starts_empty_and_holds_no_memory(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 100);
	assert_null(buf.data);
	assert_int_equal(buf_len(&buf), 0);
	assert_null(buf_span(&buf).ptr);
	assert_true(buf_append(&buf, SPAN("")));
	assert_null(buf.data);
	buf_consume(&buf, 5);
	buf_free(&buf);
}

static void refuses_what_would_pass_its_maximum(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 5);
	assert_true(buf_append(&buf, SPAN("abc")));
	assert_false(buf_append(&buf, SPAN("def")));
	assert_false(buf_printf(&buf, "%s", "def"));
	assert_null(buf_reserve(&buf, 3));
	assert_null(buf_reserve(&buf, SIZE_MAX));
	assert_true(span_eq(buf_span(&buf), SPAN("abc")));
	assert_true(buf_printf(&buf, "%s", "de"));
	assert_true(span_eq(buf_span(&buf), SPAN("abcde")));
	buf_consume(&buf, 2);
	assert_true(buf_append(&buf, SPAN("fg")));
	assert_true(span_eq(buf_span(&buf), SPAN("cdefg")));
	buf_free(&buf);
}

static void formats_up_to_the_last_byte_of_its_maximum(void **state)
{
	char letters[1025];
	struct buf buf;

	(void)state;
	memset(letters, 'x', 1024);
	letters[1024] = '\0';
	buf_init(&buf, 1024);
	assert_true(buf_printf(&buf, "%s", letters));
	assert_int_equal(buf_len(&buf), 1024);
	assert_memory_equal(buf_span(&buf).ptr, letters, 1024);
	assert_false(buf_printf(&buf, "y"));
	buf_consume(&buf, 1);
	assert_true(buf_printf(&buf, "y"));
	assert_true(span_ends_with(buf_span(&buf), SPAN("xy")));
	buf_free(&buf);
}

static void moves_to_the_front_when_that_avoids_growing(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 4096);
	assert_non_null(buf_reserve(&buf, 500));
	buf_commit(&buf, 500);
	assert_int_equal(buf.cap, 512);
	memcpy(buf.data + 490, "0123456789", 10);
	buf_consume(&buf, 490);
	assert_non_null(buf_reserve(&buf, 502));
	assert_int_equal(buf.cap, 512);
	assert_true(span_eq(buf_span(&buf), SPAN("0123456789")));
	assert_non_null(buf_reserve(&buf, 503));
	assert_int_equal(buf.cap, 1024);
	assert_true(span_eq(buf_span(&buf), SPAN("0123456789")));
	buf_free(&buf);
}

static void gives_its_memory_back_only_when_empty(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 100);
	assert_true(buf_append(&buf, SPAN("ab")));
	buf_consume(&buf, 1);
	buf_release_if_empty(&buf);
	assert_true(span_eq(buf_span(&buf), SPAN("b")));
	buf_consume(&buf, 99);
	assert_int_equal(buf_len(&buf), 0);
	buf_release_if_empty(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.max, 100);
}

/* A reproducible stream of numbers. */
static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 8;
}

static void holds_what_a_plain_array_would(void **state)
{
	static char stream[400000];
	size_t written = 0, consumed = 0;
	uint32_t seed = 1;
	struct buf buf;

	(void)state;
	for (size_t i = 0; i < sizeof(stream); i++)
		stream[i] = (char)next_random(&seed);
	buf_init(&buf, 3000);
	while (written + 700 < sizeof(stream)) {
		size_t n = next_random(&seed) % 700;
		bool fits = written - consumed + n <= 3000;

		assert_int_equal(
		    buf_append(&buf, span_make(stream + written, n)), fits);
		written += fits ? n : 0;
		n = next_random(&seed) % 700;
		if (n > written - consumed)
			n = written - consumed;
		buf_consume(&buf, n);
		consumed += n;
		assert_true(span_eq(buf_span(&buf),
		    span_make(stream + consumed, written - consumed)));
		assert_in_range(buf.cap, 0, 3001);
	}
	buf_free(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(starts_empty_and_holds_no_memory),
	    cmocka_unit_test(refuses_what_would_pass_its_maximum),
	    cmocka_unit_test(formats_up_to_the_last_byte_of_its_maximum),
	    cmocka_unit_test(moves_to_the_front_when_that_avoids_growing),
	    cmocka_unit_test(gives_its_memory_back_only_when_empty),
	    cmocka_unit_test(holds_what_a_plain_array_would),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
