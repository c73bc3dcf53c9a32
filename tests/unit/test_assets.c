/* test_assets.c -- the page's files are in the program, whole. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dashboard/dashboard.h"

static const struct dashboard_asset *get(const char *path)
{
	const struct dashboard_asset *asset = dashboard_find(span_of(path));

	if (!asset)
		fail_msg("%s is not there", path);
	return asset;
}

static void holds_the_page_and_what_it_loads(void **state)
{
	static const struct {
		const char *path, *type, *part;
	} wanted[] = {
	    {"/", "text/html; charset=utf-8", "</html>\n"},
	    {"/assets/page.css", "text/css; charset=utf-8", "color-scheme"},
	    {"/assets/parts.css", "text/css; charset=utf-8", ".hero"},
	    {"/assets/page.js", "text/javascript; charset=utf-8", "import"},
	    {"/assets/chart.js", "text/javascript; charset=utf-8", "MIT"},
	    {"/assets/icon.svg", "image/svg+xml", "</svg>"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		const struct dashboard_asset *asset = get(wanted[i].path);

		assert_string_equal(asset->type, wanted[i].type);
		assert_true(span_find(asset->bytes, span_of(wanted[i].part),
				0) != SIZE_MAX);
	}
}

static void finds_nothing_else(void **state)
{
	static const char *const paths[] = {"", "/index.html", "/assets/",
	    "/assets/index.html", "/assets/page", "/assets/../page.css",
	    "/assets/page.css/", "//assets/page.css"};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (dashboard_find(span_of(paths[i])))
			fail_msg("\"%s\" is there", paths[i]);
}

/* The HTML must not need what the policy forbids. */
static void keeps_scripts_and_styles_out_of_the_html(void **state)
{
	struct span html = get("/")->bytes;

	(void)state;
	assert_int_equal(span_find(html, SPAN("style="), 0), SIZE_MAX);
	assert_int_equal(span_find(html, SPAN("<style"), 0), SIZE_MAX);
	assert_int_equal(span_find(html, SPAN("<script>"), 0), SIZE_MAX);
	assert_int_equal(span_find(html, SPAN("onclick"), 0), SIZE_MAX);
	assert_int_equal(span_find(html, SPAN("://"), 0), SIZE_MAX);
}

static void has_a_tag_of_its_own_for_each(void **state)
{
	const char *a = get("/assets/page.css")->etag;
	const char *b = get("/assets/page.js")->etag;

	(void)state;
	assert_int_equal(strlen(a), 34);
	assert_int_equal(a[0], '"');
	assert_int_equal(a[33], '"');
	assert_string_not_equal(a, b);
}

static void tells_whether_a_browser_has_it_already(void **state)
{
	static const struct dashboard_asset asset = {.etag = "\"abc\""};
	static const struct {
		const char *tags;
		bool is_fresh;
	} cases[] = {
	    {"\"abc\"", true},
	    {"W/\"abc\"", true},
	    {"\"x\", \"abc\"", true},
	    {"\"x\" ,W/\"abc\" ", true},
	    {"*", true},
	    {"\"abd\"", false},
	    {"abc", false},
	    {"\"ab\"", false},
	    {"", false},
	    {",", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (dashboard_is_fresh(&asset, span_of(cases[i].tags)) !=
		    cases[i].is_fresh)
			fail_msg("%s", cases[i].tags);
	assert_false(dashboard_is_fresh(&asset, span_make(NULL, 0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(holds_the_page_and_what_it_loads),
	    cmocka_unit_test(finds_nothing_else),
	    cmocka_unit_test(keeps_scripts_and_styles_out_of_the_html),
	    cmocka_unit_test(has_a_tag_of_its_own_for_each),
	    cmocka_unit_test(tells_whether_a_browser_has_it_already),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
