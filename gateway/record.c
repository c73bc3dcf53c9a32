/* record.c -- a request's line in the log, the ring and the metrics. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/request.h"

#include <stdio.h>

static const char *describe_end(const struct request *request)
{
	if (request->over == EXCHANGE_GONE || request->over == EXCHANGE_STALLED)
		return ledger_outcome_name(LEDGER_CLIENT_GONE);
	if (request->attempts == 0)
		return NULL;
	return ledger_outcome_name(request->outcome);
}

static struct access_line make_line(struct request *request, int64_t now)
{
	const struct http1_head *head = exchange_request(request->exchange);
	const struct amounts *amounts = &request->amounts;
	int64_t started = exchange_started_ns(request->exchange);
	const struct attempt *attempt = &request->attempt;
	bool tried = request->has_attempt;

	return (struct access_line){
	    .utc_ns = request->utc_ns,
	    .id = request->id_text,
	    .peer = exchange_peer(request->exchange),
	    .key = request->key ? request->key->name : NULL,
	    .method =
		arena_copy(request->arena, span_head(head->method, 16)).ptr,
	    .path = span_head(head->path, 256),
	    .status = request->status,
	    .model = tried ? attempt->model->name : NULL,
	    .rule = request->is_decided ? request->decision.rule : NULL,
	    .cache = request->is_decided ? "bypass" : NULL,
	    .outcome = describe_end(request),
	    .stream = request->dialect.stream,
	    .attempts = request->attempts,
	    .input_tokens = amounts->input_tokens,
	    .cached_tokens = amounts->cached_tokens,
	    .output_tokens = amounts->output_tokens,
	    .is_estimated = amounts->is_estimated,
	    .cost_nano = amounts->cost_nano,
	    .baseline_nano = amounts->baseline_nano,
	    .saved_nano = amounts->saved_nano,
	    .duration_ns = now - started,
	    .first_token_ns = request->first_token_ns
				  ? request->first_token_ns - started
				  : -1,
	    .upstream_ns =
		tried && attempt->started_ns ? now - attempt->started_ns : -1,
	};
}

/* The story of the decision, for the request's own page. */
static bool write_detail(const struct request *request,
    const struct access_line *line, struct buf *out)
{
	const struct router_decision *decision = &request->decision;
	const struct router_features *features = &request->features;
	bool ok = access_line_write_json(line, out);

	if (!ok || !request->is_decided)
		return ok;
	out->end--; /* its closing brace */
	ok = buf_printf(out,
	    ", \"features\": {\"tokens\": %lld, \"task\": \"%s\", "
	    "\"language\": \"%s\", \"turns\": %lld, \"difficulty\": %.3f}, "
	    "\"reasons\": [",
	    (long long)features->tokens, router_task_name(features->task),
	    features->language, (long long)features->turns,
	    features->difficulty);
	for (size_t i = 0; ok && i < decision->n_reasons; i++)
		ok = (i == 0 || buf_append(out, SPAN(", "))) &&
		     json_write_string(out, span_of(decision->reasons[i]));
	ok = ok && buf_append(out, SPAN("], \"candidates\": ["));
	for (size_t i = 0; ok && i < decision->n_candidates; i++) {
		const struct router_candidate *one = &decision->candidates[i];
		const char *name = request->config->models[one->model].name;

		ok = buf_append(out,
			 i ? SPAN(", {\"model\": ") : SPAN("{\"model\": ")) &&
		     json_write_string(out, span_of(name)) &&
		     buf_append(out, SPAN(", \"reason\": ")) &&
		     json_write_string(out, span_of(one->reason)) &&
		     buf_append(out, SPAN("}"));
	}
	return ok && buf_append(out, SPAN("]}"));
}

static void remember(struct request *request, const struct access_line *line)
{
	struct buf *text = &request->worker->text;
	size_t brief_len;

	buf_consume(text, SIZE_MAX);
	if (!access_line_write_json(line, text))
		return;
	brief_len = buf_len(text);
	if (!write_detail(request, line, text))
		return;
	recent_add(request->worker->recent, span_of(request->id_text),
	    request->utc_ns, span_head(buf_span(text), brief_len),
	    span_from(buf_span(text), brief_len));
}

static void count(const struct request *request, const struct access_line *line)
{
	struct worker *worker = request->worker;
	const char *endpoint =
	    request->has_endpoint ? endpoint_name(request->endpoint) : "other";
	size_t slot =
	    request->has_endpoint ? (size_t)request->endpoint : ENDPOINT_COUNT;
	char status[12];

	metric_observe(worker->duration[slot], line->duration_ns);
	if (request->over == EXCHANGE_GONE || request->over == EXCHANGE_STALLED)
		metric_add(worker->gone, 1);
	if (request->status == 200 && request->has_attempt) {
		metric_add(request->attempt.upstream->requests_ok[slot], 1);
		return;
	}
	snprintf(status, sizeof(status), "%d", request->status);
	metric_add(metrics_get(worker->metrics, METRIC_REQUESTS,
		       (const char *const[]){
			   endpoint, line->model ? line->model : "", status}),
	    1);
}

void request_record(struct request *request)
{
	int64_t now = loop_now_ns(request->worker->loop);
	struct access_line line = make_line(request, now);

	access_log_write(request->worker->access_log, &line);
	/* Probes and listings are not what people look for. */
	if (request->has_endpoint)
		remember(request, &line);
	count(request, &line);
}
