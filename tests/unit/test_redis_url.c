/* test_redis_url.c -- URLs of Redis: their parts, their mistakes, no secrets.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "cache/redis_url.h"

struct row {
	const char *text;
	const char *shown;
	const char *user, *password; /* NULL: none */
};

static void assert_secret(const struct secret *secret, const char *text)
{
	struct span s;

	assert_int_equal(secret != NULL, text != NULL);
	if (!secret || !text)
		return;
	s = secret_reveal(secret);
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.ptr, text, s.len);
}

static void reads_every_part(void **state)
{
	static const struct row rows[] = {
	    {"redis://h", "redis://h:6379/0", NULL, NULL},
	    {"redis://h/", "redis://h:6379/0", NULL, NULL},
	    {"REDIS://h", "redis://h:6379/0", NULL, NULL},
	    {"redis://127.0.0.1:6380/3", "redis://127.0.0.1:6380/3", NULL,
		NULL},
	    {"redis://[::1]", "redis://[::1]:6379/0", NULL, NULL},
	    {"redis://[fe80::1.2.3.4]:1/1048576",
		"redis://[fe80::1.2.3.4]:1/1048576", NULL, NULL},
	    {"redis://a_b-c.d:65535", "redis://a_b-c.d:65535/0", NULL, NULL},
	    {"redis://:pw@h", "redis://h:6379/0", NULL, "pw"},
	    {"redis://me:pw@h:1/2", "redis://h:1/2", "me", "pw"},
	    {"redis://me@h", "redis://h:6379/0", "me", NULL},
	    {"redis://me:@h", "redis://h:6379/0", "me", ""},
	    {"redis://:@h", "redis://h:6379/0", NULL, ""},
	    {"redis://@h", "redis://h:6379/0", NULL, NULL},
	    {"redis://a:b:c@h", "redis://h:6379/0", "a", "b:c"},
	    {"redis://a:b@c@h", "redis://h:6379/0", "a", "b@c"},
	    {"redis://%61:%2f%3A%40%25@h", "redis://h:6379/0", "a", "/:@%"},
	    {"unix:///run/redis.sock", "unix:///run/redis.sock?db=0", NULL,
		NULL},
	    {"unix:///run/a%20b?db=15", "unix:///run/a b?db=15", NULL, NULL},
	    {"unix://me:p%40@/s", "unix:///s?db=0", "me", "p@"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		struct redis_url *url =
		    redis_url_parse(span_of(rows[i].text), &err);

		if (!url)
			fail_msg("%s: %s", rows[i].text, err.text);
		assert_string_equal(redis_url_text(url), rows[i].shown);
		assert_secret(url->user, rows[i].user);
		assert_secret(url->password, rows[i].password);
		redis_url_free(&url);
		assert_null(url);
	}
}

static void names_the_place_of_a_mistake(void **state)
{
	static const struct {
		const char *text;
		int place;
		const char *part;
	} rows[] = {
	    {"", 1, "redis://"},
	    {"h:6379", 1, "redis://"},
	    {"http://h", 1, "redis://"},
	    {"redis:/h", 1, "redis://"},
	    {"redis://", 9, "host"},
	    {"redis:///1", 9, "host"},
	    {"redis://:6379", 9, "host"},
	    {"redis://a b", 10, "character"},
	    {"redis://h:", 11, "port"},
	    {"redis://h:0", 11, "port"},
	    {"redis://h:65536", 11, "port"},
	    {"redis://h:+1", 11, "port"},
	    {"redis://h:6379x", 11, "port"},
	    {"redis://h/x", 11, "database"},
	    {"redis://h/1048577", 11, "database"},
	    {"redis://h/1/", 11, "database"},
	    {"redis://h/-1", 11, "database"},
	    {"redis://h?db=1", 10, "parameters"},
	    {"redis://h/1?x", 11, "database"},
	    {"redis://[::1", 9, "]"},
	    {"redis://[]", 9, "host"},
	    {"redis://[::1]6379", 14, ":port"},
	    {"redis://[::g]", 12, "character"},
	    {"redis://a%2@h", 10, "%25"},
	    {"redis://:%@h", 10, "%25"},
	    {"redis://:%zz@h", 10, "%25"},
	    {"unix://", 8, "path"},
	    {"unix:///", 8, "path"},
	    {"unix://host/run", 8, "host"},
	    {"unix:///a%00b", 8, "NUL"},
	    {"unix:///a?database=1", 10, "?db=N"},
	    {"unix:///a?db=", 14, "database"},
	    {"unix:///a?db=x", 14, "database"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		char *place = NULL;

		assert_null(redis_url_parse(span_of(rows[i].text), &err));
		place = strstr(err.text, "character ");
		assert_non_null(place);
		if (strtol(place + 10, NULL, 10) != rows[i].place ||
		    !strstr(err.text, rows[i].part))
			fail_msg("%s: %s", rows[i].text, err.text);
	}
}

/* Each of these is wrong in another way that moves the password about. */
static void never_quotes_a_password(void **state)
{
	static const char *const texts[] = {
	    "rediss//:s3cret@h",
	    "s3cret",
	    "redis://:s3cret/x@h",
	    "redis://:s3cret?x@h",
	    "redis://:s3cret#@h:x",
	    "redis://u:s3cret@h:port",
	    "redis://u:s3cret@h/db",
	    "redis://u:s3cret%@h",
	    "redis://u:s3cret@",
	    "redis://u@s3cret@a b",
	    "unix://u:s3cret@h/path",
	    "unix://u:s3cret@/p?x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct error err = {0};

		assert_null(redis_url_parse(span_of(texts[i]), &err));
		assert_null(strstr(err.text, "s3cret"));
	}
}

static void bounds_what_it_is_given(void **state)
{
	static char text[8192];
	struct redis_url *url;
	struct error err = {0};

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "redis://:", 9);
	assert_null(redis_url_parse(span_make(text, sizeof(text)), &err));
	assert_non_null(strstr(err.text, "too long"));
	memcpy(text + 4094, "@h", 2);
	url = redis_url_parse(span_make(text, 4096), &err);
	assert_non_null(url);
	assert_int_equal(secret_reveal(url->password).len, 4094 - 9);
	redis_url_free(&url);
	memcpy(text, "redis://", 8);
	memset(text + 8, 'a', 254);
	assert_null(redis_url_parse(span_make(text, 8 + 254), &err));
	url = redis_url_parse(span_make(text, 8 + 253), &err);
	assert_non_null(url);
	redis_url_free(&url);
	memcpy(text, "unix:///", 8);
	assert_null(redis_url_parse(span_make(text, 7 + 108), &err));
	url = redis_url_parse(span_make(text, 7 + 107), &err);
	assert_non_null(url);
	redis_url_free(&url);
}

static void takes_tls_where_it_was_built_in(void **state)
{
	struct error err = {0};
	struct redis_url *url = redis_url_parse(SPAN("rediss://h:1"), &err);

	(void)state;
	if (redis_has_tls()) {
		assert_non_null(url);
		assert_string_equal(redis_url_text(url), "rediss://h:1/0");
	} else {
		assert_null(url);
		assert_non_null(strstr(err.text, "hiredis_ssl"));
	}
	redis_url_free(&url);
}

static void is_equal_in_every_part(void **state)
{
	static const char *const texts[] = {
	    "redis://h",
	    "redis://g",
	    "redis://h:1",
	    "redis://h/1",
	    "redis://u@h",
	    "redis://:p@h",
	    "redis://u:p@h",
	    "redis://u:q@h",
	    "unix:///h",
	    "unix:///h?db=1",
	};
	const size_t n = sizeof(texts) / sizeof(texts[0]);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n; k++) {
			struct redis_url *a, *b;

			a = redis_url_parse(span_of(texts[i]), NULL);
			b = redis_url_parse(span_of(texts[k]), NULL);
			assert_int_equal(redis_url_eq(a, b), i == k);
			redis_url_free(&a);
			redis_url_free(&b);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_every_part),
	    cmocka_unit_test(names_the_place_of_a_mistake),
	    cmocka_unit_test(never_quotes_a_password),
	    cmocka_unit_test(bounds_what_it_is_given),
	    cmocka_unit_test(takes_tls_where_it_was_built_in),
	    cmocka_unit_test(is_equal_in_every_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
