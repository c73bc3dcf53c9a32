/* answer.c -- our own answers, and the headers that every answer carries. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/keep.h"
#include "gateway/request.h"

const struct dialect_error request_internal_error = {
    .message = "The gateway ran out of room for this request.",
    .type = "server_error",
    .code = "internal_error",
};

const struct dialect_error request_ledger_error = {
    .message = "The ledger cannot take this request, so it was not sent; see "
	       "the gateway's log.",
    .type = "server_error",
    .code = "ledger_unavailable",
};

const struct dialect_error request_draining_error = {
    .message = "This gateway is shutting down; try again.",
    .type = "server_error",
    .code = "draining",
};

void request_note_ledger(const struct request *request, const struct error *err)
{
	metric_add(request->worker->ledger_failures, 1);
	log_error(request->id_text, "ledger_refused", "why=\"%s\"", err->text);
}

const char *request_task(const struct request *request)
{
	return router_task_name(request->features.task);
}

void request_measure(
    const struct request *request, struct ledger_settle *settle)
{
	settle->duration_ns = clock_mono_ns() - request->started_ns;
	if (request->first_token_ns != 0)
		settle->first_token_ns =
		    request->first_token_ns - request->started_ns;
}

struct span request_money(const struct request *request, int64_t nano)
{
	char text[MONEY_TEXT_MAX];
	size_t len = money_format(nano, text);

	return arena_copy(request->arena, span_make(text, len));
}

const char *request_cache_name(const struct request *request)
{
	static const char *const names[] = {
	    [CACHE_BYPASS] = "bypass",
	    [CACHE_MISS] = "miss",
	    [CACHE_HIT] = "hit",
	};

	return names[request->cache.state];
}

size_t request_headers(const struct request *request,
    struct http1_header headers[8], bool with_amounts)
{
	const struct amounts *amounts = &request->amounts;
	size_t n = 0;

	headers[n++] = (struct http1_header){
	    SPAN("x-sluice-request-id"), span_of(request->id_text)};
	if (!request->is_decided)
		return n;
	if (request->cache.model)
		headers[n++] = (struct http1_header){
		    SPAN("x-sluice-model"), span_of(request->cache.model)};
	else if (request->has_attempt)
		headers[n++] = (struct http1_header){SPAN("x-sluice-model"),
		    span_of(request->attempt.model->name)};
	headers[n++] = (struct http1_header){
	    SPAN("x-sluice-rule"), span_of(request->decision.rule)};
	headers[n++] = (struct http1_header){
	    SPAN("x-sluice-cache"), span_of(request_cache_name(request))};
	if (!with_amounts)
		return n;
	headers[n++] = (struct http1_header){SPAN("x-sluice-cost-usd"),
	    request_money(request, amounts->cost_nano)};
	headers[n++] = (struct http1_header){SPAN("x-sluice-baseline-usd"),
	    request_money(request, amounts->baseline_nano)};
	headers[n++] = (struct http1_header){SPAN("x-sluice-saved-usd"),
	    request_money(request, amounts->saved_nano)};
	return n;
}

enum step_result request_refuse_with(struct request *request, int status,
    const struct dialect_error *error, struct http1_header extra)
{
	struct http1_header headers[10];
	size_t n = request_headers(request, headers, false);
	struct span body = dialect_write_error(error, request->arena);

	headers[n++] = (struct http1_header){
	    SPAN("content-type"), SPAN("application/json")};
	if (extra.name.len > 0)
		headers[n++] = extra;
	request->status = status;
	if (!request->is_over && !exchange_has_begun(request->exchange))
		exchange_answer(request->exchange, status, headers, n, body);
	keep_failed(request, status, body);
	return request_go(request, &step_finish);
}

enum step_result request_refuse(
    struct request *request, int status, const struct dialect_error *error)
{
	return request_refuse_with(
	    request, status, error, (struct http1_header){SPAN(""), SPAN("")});
}
