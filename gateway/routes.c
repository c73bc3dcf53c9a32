/* routes.c -- the data port's URLs: one row each. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/routes.h"

#include "gateway/ready.h"

static enum step_result serve_endpoint(
    struct request *request, const struct route *route, struct span rest)
{
	(void)rest;
	request->endpoint = route->endpoint;
	request->has_endpoint = true;
	return request_go(request, &step_authorise);
}

enum step_result route_options(struct request *request, const char *allowed)
{
	const struct http1_header allow = {SPAN("allow"), span_of(allowed)};

	request->status = 204;
	exchange_answer(request->exchange, 204, &allow, 1, SPAN(""));
	return request_go(request, &step_finish);
}

static enum step_result serve_models(
    struct request *request, const struct route *route, struct span rest)
{
	enum step_result result = step_authorise.run(request);

	(void)route;
	if (!request->key || request->status)
		return result;
	return models_answer(request, rest);
}

static enum step_result serve_health(
    struct request *request, const struct route *route, struct span rest)
{
	const struct http1_header type = {
	    SPAN("content-type"), SPAN("application/json")};
	struct buf *out = &request->worker->text;

	(void)rest;
	buf_consume(out, SIZE_MAX);
	request->status = 200;
	if (span_eq(span_of(route->path), SPAN("/readyz")))
		request->status = ready_write(
		    request->snapshot, request->worker->is_draining, true, out);
	exchange_answer(request->exchange, request->status, &type, 1,
	    buf_len(out) ? buf_span(out) : SPAN("{\"status\": \"ok\"}\n"));
	return request_go(request, &step_finish);
}

static const struct route routes[] = {
    {"/v1/chat/completions", false, "POST", "POST, OPTIONS", ENDPOINT_CHAT,
	serve_endpoint},
    {"/v1/completions", false, "POST", "POST, OPTIONS", ENDPOINT_COMPLETIONS,
	serve_endpoint},
    {"/v1/embeddings", false, "POST", "POST, OPTIONS", ENDPOINT_EMBEDDINGS,
	serve_endpoint},
    {"/v1/models", false, "GET HEAD", "GET, HEAD, OPTIONS", ENDPOINT_CHAT,
	serve_models},
    {"/v1/models/", true, "GET HEAD", "GET, HEAD, OPTIONS", ENDPOINT_CHAT,
	serve_models},
    {"/healthz", false, "GET HEAD", "GET, HEAD, OPTIONS", ENDPOINT_CHAT,
	serve_health},
    {"/readyz", false, "GET HEAD", "GET, HEAD, OPTIONS", ENDPOINT_CHAT,
	serve_health},
};

static bool matches(
    const struct route *route, struct span path, struct span *rest)
{
	struct span own = span_of(route->path);

	*rest = SPAN("");
	if (!route->is_prefix)
		return span_eq(path, own);
	if (!span_starts_with(path, own) || path.len == own.len)
		return false;
	*rest = span_from(path, own.len);
	return true;
}

const struct route *route_find(struct span path, struct span *rest)
{
	const size_t n = sizeof(routes) / sizeof(routes[0]);

	for (size_t i = 0; i < n; i++)
		if (matches(&routes[i], path, rest))
			return &routes[i];
	for (size_t i = 0; i < n; i++) {
		struct route bare = routes[i];

		if (!span_starts_with(span_of(bare.path), SPAN("/v1/")))
			continue;
		bare.path += 3;
		if (matches(&bare, path, rest))
			return &routes[i];
	}
	return NULL;
}

bool route_takes(const struct route *route, struct span method)
{
	struct span words = span_of(route->methods);
	struct span word;

	while (span_split(&words, ' ', &word))
		if (span_eq(word, method))
			return true;
	return false;
}
