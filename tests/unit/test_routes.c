/* test_routes.c -- which row a path and a method find. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/routes.h"

/* <rest> NULL: no row. */
static void finds(const char *path, const char *row, const char *rest)
{
	struct span left = SPAN("");
	const struct route *route = route_find(span_of(path), &left);

	if (!row) {
		if (route)
			fail_msg("%s finds %s", path, route->path);
		return;
	}
	if (!route || strcmp(route->path, row) || !span_eq(left, span_of(rest)))
		fail_msg("%s finds %s and \"%.*s\"", path,
		    route ? route->path : "nothing", SPAN_FMT(left));
}

static void finds_each_endpoint(void **state)
{
	struct span rest;

	(void)state;
	finds("/v1/chat/completions", "/v1/chat/completions", "");
	finds("/v1/completions", "/v1/completions", "");
	finds("/v1/embeddings", "/v1/embeddings", "");
	finds("/v1/models", "/v1/models", "");
	finds("/healthz", "/healthz", "");
	finds("/readyz", "/readyz", "");
	assert_int_equal(route_find(SPAN("/v1/embeddings"), &rest)->endpoint,
	    ENDPOINT_EMBEDDINGS);
	assert_int_equal(route_find(SPAN("/v1/completions"), &rest)->endpoint,
	    ENDPOINT_COMPLETIONS);
}

static void finds_the_api_without_its_version(void **state)
{
	(void)state;
	finds("/chat/completions", "/v1/chat/completions", "");
	finds("/embeddings", "/v1/embeddings", "");
	finds("/models", "/v1/models", "");
	finds("/models/up/small", "/v1/models/", "up/small");
}

static void hands_on_what_follows_a_prefix(void **state)
{
	(void)state;
	finds("/v1/models/up/small", "/v1/models/", "up/small");
	finds("/v1/models/a", "/v1/models/", "a");
	finds("/v1/models//", "/v1/models/", "/");
}

static void finds_nothing_else(void **state)
{
	static const char *const paths[] = {"", "/", "/v1", "/v1/", "*",
	    "/v1/models/", "/models/", "/v1/chat/completions/",
	    "/v1/chat/completion", "/V1/models", "/v1/v1/models", "/v1/healthz",
	    "/metrics", "/api/reload", "/v1//models"};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		finds(paths[i], NULL, NULL);
}

static void takes_whole_methods_only(void **state)
{
	struct span rest;
	const struct route *chat =
	    route_find(SPAN("/v1/chat/completions"), &rest);
	const struct route *models = route_find(SPAN("/v1/models"), &rest);

	(void)state;
	assert_true(route_takes(chat, SPAN("POST")));
	assert_false(route_takes(chat, SPAN("GET")));
	assert_false(route_takes(chat, SPAN("POS")));
	assert_false(route_takes(chat, SPAN("post")));
	assert_false(route_takes(chat, SPAN("")));
	assert_true(route_takes(models, SPAN("GET")));
	assert_true(route_takes(models, SPAN("HEAD")));
	assert_false(route_takes(models, SPAN("GET HEAD")));
	assert_false(route_takes(models, SPAN("POST")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_each_endpoint),
	    cmocka_unit_test(finds_the_api_without_its_version),
	    cmocka_unit_test(hands_on_what_follows_a_prefix),
	    cmocka_unit_test(finds_nothing_else),
	    cmocka_unit_test(takes_whole_methods_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
