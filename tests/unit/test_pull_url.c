/* test_pull_url.c -- URLs of hubs, and where redirects lead. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/pull/pull_url.h"

static void assert_url(const struct pull_url *url, bool is_tls,
    const char *host, uint16_t port, const char *target)
{
	assert_int_equal(url->is_tls, is_tls);
	assert_string_equal(url->host, host);
	assert_int_equal(url->port, port);
	assert_string_equal(url->target, target);
}

static void assert_read(const char *text, bool is_tls, const char *host,
    uint16_t port, const char *target)
{
	struct pull_url url;

	if (!pull_url_read(&url, span_of(text)))
		fail_msg("%s was refused", text);
	assert_url(&url, is_tls, host, port, target);
	pull_url_free(&url);
}

static void reads_urls(void **state)
{
	(void)state;
	assert_read("https://Hub.Example", true, "hub.example", 443, "/");
	assert_read("HTTP://a:81/b/c?d=e", false, "a", 81, "/b/c?d=e");
	assert_read("https://a?q", true, "a", 443, "/?q");
	assert_read("https://[::1]:8443/x", true, "::1", 8443, "/x");
	assert_read("https://[::1]", true, "::1", 443, "/");
	assert_read("https://a/b#c", true, "a", 443, "/b");
	assert_read(
	    "https://a/%2F?s=%22~{}|", true, "a", 443, "/%2F?s=%22~{}|");
}

static void refuses_what_is_no_url_of_ours(void **state)
{
	static const char *const wrong[] = {"", "a", "ftp://a", "https:/a",
	    "https://", "https:///a", "https://u@a", "https://u:p@a/",
	    "https://a:", "https://a:0", "https://a:65536", "https://a:1x",
	    "https://[::1", "https://[a]", "https://[::1]x", "https://a b",
	    "https://a/\xc3\xa9", "https://a/\r\nx: y", "#", "https://#"};
	struct pull_url url;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (pull_url_read(&url, span_of(wrong[i])))
			fail_msg("\"%s\" was taken", wrong[i]);
		assert_null(url.host);
		assert_null(url.target);
	}
}

static void follows_redirects(void **state)
{
	static const struct {
		const char *location;
		bool is_tls;
		const char *host;
		uint16_t port;
		const char *target;
	} rows[] = {
	    {"/x?y", true, "hub", 8443, "/x?y"},
	    {"//cdn/x", true, "cdn", 443, "/x"},
	    {"https://cdn:1/x", true, "cdn", 1, "/x"},
	    {"http://cdn", false, "cdn", 80, "/"},
	};
	struct pull_url base, url;

	(void)state;
	assert_true(pull_url_read(&base, SPAN("https://hub:8443/a/b")));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(
		    pull_url_follow(&url, &base, span_of(rows[i].location)));
		assert_url(&url, rows[i].is_tls, rows[i].host, rows[i].port,
		    rows[i].target);
		pull_url_free(&url);
	}
	assert_false(pull_url_follow(&url, &base, SPAN("")));
	assert_false(pull_url_follow(&url, &base, SPAN("x")));
	assert_false(pull_url_follow(&url, &base, SPAN("../x")));
	assert_false(pull_url_follow(&url, &base, SPAN("//")));
	assert_false(pull_url_follow(&url, &base, SPAN("/a b")));
	assert_false(pull_url_follow(&url, &base, span_make(NULL, 0)));
	pull_url_free(&base);
}

static bool same(const char *a, const char *b)
{
	struct pull_url x, y;
	bool is_same;

	assert_true(pull_url_read(&x, span_of(a)));
	assert_true(pull_url_read(&y, span_of(b)));
	is_same = pull_url_is_same_origin(&x, &y);
	pull_url_free(&x);
	pull_url_free(&y);
	return is_same;
}

static void an_origin_is_scheme_host_and_port(void **state)
{
	(void)state;
	assert_true(same("https://a/x", "https://A:443/y"));
	assert_false(same("https://a", "http://a"));
	assert_false(same("https://a", "http://a:443"));
	assert_false(same("https://a", "https://a:444"));
	assert_false(same("https://a", "https://a.b"));
	assert_false(same("https://127.0.0.1", "https://localhost"));
}

static void knows_this_machine(void **state)
{
	static const struct {
		const char *text;
		bool is_loopback;
	} rows[] = {{"http://localhost", true}, {"http://127.0.0.1", true},
	    {"http://127.9.9.9:1", true}, {"http://[::1]", true},
	    {"http://0.0.0.0", false}, {"http://128.0.0.1", false},
	    {"http://localhost.example", false}, {"http://127.0.0.1.a", false},
	    {"http://[::2]", false}};
	struct pull_url url;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(pull_url_read(&url, span_of(rows[i].text)));
		assert_int_equal(
		    pull_url_is_loopback(&url), rows[i].is_loopback);
		pull_url_free(&url);
	}
}

static void writes_what_host_says(void **state)
{
	static const char *const rows[][2] = {{"https://a", "a"},
	    {"https://a:80", "a:80"}, {"http://a:80", "a"},
	    {"https://[::1]:5/", "[::1]:5"}, {"https://[::1]/", "[::1]"}};
	struct pull_url url;
	struct buf buf;

	(void)state;
	buf_init(&buf, 100);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(pull_url_read(&url, span_of(rows[i][0])));
		assert_true(pull_url_write_authority(&url, &buf));
		assert_true(span_eq(buf_span(&buf), span_of(rows[i][1])));
		pull_url_free(&url);
		buf_free(&buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_urls),
	    cmocka_unit_test(refuses_what_is_no_url_of_ours),
	    cmocka_unit_test(follows_redirects),
	    cmocka_unit_test(an_origin_is_scheme_host_and_port),
	    cmocka_unit_test(knows_this_machine),
	    cmocka_unit_test(writes_what_host_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
