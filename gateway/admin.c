/* admin.c -- the admin port: one row a URL. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/admin.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/ready.h"

enum {
	ANSWER_MAX = 8 << 20
};

/* --- who may ask
 * ------------------------------------------------------------------ */

static struct span without_port(struct span host)
{
	size_t end = host.len;

	if (host.len > 0 && host.ptr[0] == '[') {
		size_t close = span_find(host, SPAN("]"), 0);

		return span_head(host, close == SIZE_MAX ? 0 : close + 1);
	}
	for (size_t i = 0; i < host.len; i++)
		if (host.ptr[i] == ':')
			end = i;
	return span_head(host, end);
}

static bool is_address(struct span host)
{
	if (host.len > 0 && host.ptr[0] == '[')
		return true;
	for (size_t i = 0; i < host.len; i++)
		if ((host.ptr[i] < '0' || host.ptr[i] > '9') &&
		    host.ptr[i] != '.')
			return false;
	return host.len > 0;
}

/*
 * A page of another site must not reach us through the browser of someone who
 * may: names that we do not know are refused (a name can be made to point
 * here), and so is another site's Origin.
 */
static bool is_our_name(const struct gateway *gateway, struct span host)
{
	const struct config *config = gateway->snapshot->config;

	host = without_port(host);
	if (is_address(host) || span_eq_nocase(host, SPAN("localhost")))
		return true;
	for (size_t i = 0; i < config->n_admin_hosts; i++)
		if (span_eq_nocase(host, span_of(config->admin_hosts[i])))
			return true;
	return false;
}

static bool is_our_origin(const struct http1_head *head)
{
	struct span origin = http1_header(head, SPAN("origin"));
	size_t at;

	if (!origin.ptr)
		return true;
	at = span_find(origin, SPAN("://"), 0);
	return at != SIZE_MAX &&
	       span_eq_nocase(span_from(origin, at + 3), head->host);
}

/* --- answers
 * ------------------------------------------------------------------------ */

static const struct http1_header no_store = {
    {"cache-control", 13},
    {"no-store", 8},
};

void admin_answer(
    struct exchange *exchange, int status, struct span type, struct span body)
{
	const struct http1_header headers[] = {
	    {SPAN("content-type"), type},
	    no_store,
	    {SPAN("x-content-type-options"), SPAN("nosniff")},
	};

	exchange_answer(exchange, status, headers,
	    sizeof(headers) / sizeof(headers[0]), body);
}

void admin_answer_csv(
    struct exchange *exchange, const char *file, struct span body)
{
	char disposition[128];
	const struct http1_header headers[] = {
	    {SPAN("content-type"), SPAN("text/csv; charset=utf-8")},
	    {SPAN("content-disposition"),
		span_make(disposition,
		    (size_t)snprintf(disposition, sizeof(disposition),
			"attachment; filename=\"%.64s\"", file))},
	    no_store,
	    {SPAN("x-content-type-options"), SPAN("nosniff")},
	};

	exchange_answer(
	    exchange, 200, headers, sizeof(headers) / sizeof(headers[0]), body);
}

static void refuse(
    struct exchange *exchange, int status, const struct dialect_error *error)
{
	admin_answer(exchange, status, SPAN("application/json"),
	    dialect_write_error(error, exchange_arena(exchange)));
}

void admin_refuse(struct exchange *exchange, int status, const char *code,
    const char *message)
{
	const struct dialect_error error = {
	    .message = message,
	    .type = status < 500 ? "invalid_request_error" : "server_error",
	    .code = code,
	};

	refuse(exchange, status, &error);
}

void admin_refuse_parameter(
    struct exchange *exchange, const char *parameter, const char *message)
{
	const struct dialect_error error = {
	    .message = message,
	    .type = "invalid_request_error",
	    .param = parameter,
	    .code = "invalid_parameter",
	};

	refuse(exchange, 400, &error);
}

void admin_refuse_unreadable(
    struct gateway *gateway, struct exchange *exchange, const struct error *err)
{
	log_error(NULL, "projection_unreadable", "why=\"%s\"", err->text);
	projection_doubt(gateway->projection);
	admin_refuse(exchange, 503, "projection_unreadable",
	    "The figures cannot be read now; see the log, and try again.");
}

bool admin_read_format(struct exchange *exchange, bool *is_csv)
{
	struct span format = admin_query(exchange_request(exchange)->query,
	    SPAN("format"), exchange_arena(exchange));

	*is_csv = span_eq(format, SPAN("csv"));
	if (*is_csv || format.len == 0 || span_eq(format, SPAN("json")))
		return true;
	admin_refuse_parameter(
	    exchange, "format", "format must be json or csv.");
	return false;
}

/* --- routes
 * ----------------------------------------------------------------------------
 */

static void answer_metrics(
    struct gateway *gateway, struct exchange *exchange, struct span rest)
{
	struct buf out;

	(void)rest;
	buf_init(&out, ANSWER_MAX);
	if (gateway->snapshot->cache)
		answer_cache_count(gateway->snapshot->cache);
	local_models_count(gateway->locals);
	process_metrics_read(&gateway->process);
	if (metrics_write(gateway->metrics, &out))
		admin_answer(exchange, 200,
		    SPAN("text/plain; version=0.0.4; charset=utf-8"),
		    buf_span(&out));
	else
		admin_refuse(exchange, 500, "too_large",
		    "The metrics are larger than 8 MiB.");
	buf_free(&out);
}

static void answer_health(
    struct gateway *gateway, struct exchange *exchange, struct span rest)
{
	(void)gateway;
	(void)rest;
	admin_answer(exchange, 200, SPAN("application/json"),
	    SPAN("{\"status\": \"ok\"}\n"));
}

static void answer_ready(
    struct gateway *gateway, struct exchange *exchange, struct span rest)
{
	struct buf out;
	int status;

	(void)rest;
	buf_init(&out, ANSWER_MAX);
	status =
	    ready_write(gateway->snapshot, gateway->is_draining, false, &out);
	admin_answer(
	    exchange, status, SPAN("application/json"), buf_span(&out));
	buf_free(&out);
}

static void answer_reload(
    struct gateway *gateway, struct exchange *exchange, struct span rest)
{
	struct mistakes *mistakes = mistakes_new();
	enum result result = gateway_reload(gateway, mistakes);
	struct buf out;
	bool ok;

	(void)rest;
	buf_init(&out, ANSWER_MAX);
	if (result == OK) {
		ok = buf_printf(&out, "{\"generation\": %llu}\n",
		    (unsigned long long)gateway->snapshot->config->generation);
	} else {
		ok = buf_append(&out, SPAN("{\"mistakes\": ["));
		for (size_t i = 0; ok && i < mistakes_count(mistakes); i++)
			ok = (i == 0 || buf_append(&out, SPAN(", "))) &&
			     json_write_string(
				 &out, span_of(mistakes_line(mistakes, i)));
		ok = ok && buf_append(&out, SPAN("]}\n"));
	}
	if (ok)
		admin_answer(exchange, result == OK ? 200 : 422,
		    SPAN("application/json"), buf_span(&out));
	buf_free(&out);
	mistakes_free(&mistakes);
}

static const struct admin_route routes[] = {
    {"GET", "/", false, admin_answer_page},
    {"GET", "/assets/", true, admin_answer_page},
    {"GET", "/metrics", false, answer_metrics},
    {"GET", "/healthz", false, answer_health},
    {"GET", "/readyz", false, answer_ready},
    {"POST", "/api/reload", false, answer_reload},
    {"GET", "/api/overview", false, admin_answer_overview},
    {"GET", "/api/breakdown", false, admin_answer_breakdown},
    {"GET", "/api/summary", false, admin_answer_summary},
    {"GET", "/api/spend", false, admin_answer_spend},
    {"GET", "/api/requests", false, admin_answer_requests},
    {"GET", "/api/requests/", true, admin_answer_request},
};

static const struct admin_route *find_route(struct span path, struct span *rest)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		struct span own = span_of(routes[i].path);

		*rest = span_from(path, own.len);
		if (span_eq(path, own) ||
		    (routes[i].is_prefix && span_starts_with(path, own)))
			return &routes[i];
	}
	return NULL;
}

static void on_request(struct exchange *exchange, void *arg)
{
	struct gateway *gateway = arg;
	const struct http1_head *head = exchange_request(exchange);
	const struct admin_route *route;
	struct span method = head->method;
	struct span rest;

	if (!is_our_name(gateway, head->host)) {
		admin_refuse(exchange, 403, "unknown_host",
		    "The admin port answers to addresses, localhost and the "
		    "names in admin_hosts.");
		return;
	}
	if (!is_our_origin(head)) {
		admin_refuse(exchange, 403, "foreign_origin",
		    "Another site's page may not ask the admin port.");
		return;
	}
	route = find_route(head->path, &rest);
	if (!route) {
		admin_refuse(exchange, 404, "unknown_url",
		    "The admin port has /, /metrics, /healthz, /readyz, "
		    "/api/reload, /api/overview, /api/breakdown, "
		    "/api/summary, /api/spend, /api/requests.");
		return;
	}
	if (span_eq(method, SPAN("HEAD")))
		method = SPAN("GET");
	if (!span_eq(method, span_of(route->method))) {
		const struct http1_header allow = {
		    SPAN("allow"), span_of(route->method)};

		exchange_answer(exchange, 405, &allow, 1, SPAN(""));
		return;
	}
	route->run(gateway, exchange, rest);
}

static void on_head(struct exchange *exchange, void *arg)
{
	(void)exchange;
	(void)arg;
}

static void on_drained(struct exchange *exchange, void *arg)
{
	(void)exchange;
	(void)arg;
}

static void on_over(
    struct exchange *exchange, enum exchange_over why, void *arg)
{
	(void)why;
	(void)arg;
	admin_forget(exchange);
}

static struct span refusal_body(
    int status, const char *reason, struct arena *arena, void *arg)
{
	const struct dialect_error error = {
	    .message = reason,
	    .type = "invalid_request_error",
	    .code = "bad_request",
	};

	(void)status;
	(void)arg;
	return dialect_write_error(&error, arena);
}

const struct server_handler admin_handler = {
    .on_head = on_head,
    .on_request = on_request,
    .on_drained = on_drained,
    .on_over = on_over,
    .refusal_body = refusal_body,
};
