/* test_secret.c -- a secret holds its own copy and is gone when freed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/secret.h"

static void reveals_a_copy_of_its_text(void **state)
{
	char text[] = "sk-\0-key";
	struct secret *secret = secret_new(span_make(text, 8));

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_true(span_eq(secret_reveal(secret), SPAN("sk-\0-key")));
	secret_free(&secret);
	assert_null(secret);
	secret_free(&secret);
}

static void may_be_empty(void **state)
{
	struct secret *secret = secret_new(span_make(NULL, 0));

	(void)state;
	assert_int_equal(secret_reveal(secret).len, 0);
	secret_free(&secret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reveals_a_copy_of_its_text),
	    cmocka_unit_test(may_be_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
