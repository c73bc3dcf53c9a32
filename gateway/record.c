/* record.c -- a request's line in the log, the ring and the metrics. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/request.h"

#include <stdio.h>

static const char *describe_end(const struct request *request)
{
	if (request->over == EXCHANGE_GONE || request->over == EXCHANGE_STALLED)
		return ledger_outcome_name(LEDGER_CLIENT_GONE);
	if (request->attempts == 0 && !request->cache.model)
		return NULL;
	return ledger_outcome_name(request->outcome);
}

static struct span text_or_none(const char *text)
{
	return text ? span_of(text) : span_make(NULL, 0);
}

static struct line make_line(struct request *request, int64_t now)
{
	const struct http1_head *head = exchange_request(request->exchange);
	const struct amounts *amounts = &request->amounts;
	int64_t started = request->started_ns;
	const struct attempt *attempt = &request->attempt;
	bool tried = request->has_attempt;

	return (struct line){
	    .utc_ns = request->utc_ns,
	    .id = span_of(request->id_text),
	    .peer = span_of(request->peer ? request->peer
					  : exchange_peer(request->exchange)),
	    .key = text_or_none(request->key ? request->key->name : NULL),
	    .method = span_head(head->method, 16),
	    .path = span_head(head->path, 256),
	    .status = request->status,
	    .model = text_or_none(request->cache.model ? request->cache.model
				  : tried              ? attempt->model->name
						       : NULL),
	    .rule = text_or_none(
		request->is_decided ? request->decision.rule : NULL),
	    .cache = text_or_none(
		request->is_decided ? request_cache_name(request) : NULL),
	    .outcome = text_or_none(describe_end(request)),
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
	    .held = text_or_none(request->escalation.model),
	    .escalated = text_or_none(request->escalation.why),
	    .confidence = request->escalation.confidence,
	    .held_ns = request->escalation.held_ns,
	    .is_masked = request->masking.is_there,
	    .removed = request->masking.removed,
	};
}

/* The story of the decision, for the request's own page. */
static void tell(const struct request *request, struct line_story *story)
{
	const struct router_decision *decision = &request->decision;

	story->is_decided = request->is_decided;
	story->n_reasons = 0;
	story->n_candidates = 0;
	if (!request->is_decided)
		return;
	story->features = request->features;
	for (size_t i = 0; i < decision->n_reasons && i < LINE_REASONS; i++)
		story->reasons[story->n_reasons++] =
		    span_of(decision->reasons[i]);
	for (size_t i = 0; i < decision->n_candidates && i < LINE_CANDIDATES;
	     i++) {
		const struct router_candidate *one = &decision->candidates[i];

		story->candidates[i] =
		    span_of(request->config->models[one->model].name);
		story->verdicts[i] = text_or_none(one->reason);
		story->n_candidates++;
	}
}

static void count(const struct request *request, const struct line *line)
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
	if (request->status == 200 && request->cache.model) {
		metric_add(
		    request->snapshot->upstreams[request->cache.model_index]
			->requests_ok[slot],
		    1);
		return;
	}
	if (request->status == 200 && request->has_attempt) {
		metric_add(request->attempt.upstream->requests_ok[slot], 1);
		return;
	}
	snprintf(status, sizeof(status), "%d", request->status);
	metric_add(metrics_get(worker->metrics, METRIC_REQUESTS,
		       (const char *const[]){endpoint,
			   line->model.ptr ? line->model.ptr : "", status}),
	    1);
}

void request_record(struct request *request)
{
	/* What begins and ends in one turn of the loop took its time too. */
	int64_t now = clock_mono_ns();
	struct line line = make_line(request, now);
	struct line_story story;

	access_log_write(request->worker->access_log, &line);
	/* Probes and listings are not what people look for. */
	if (request->has_endpoint) {
		tell(request, &story);
		recent_add(request->worker->recent, &line, &story);
	}
	count(request, &line);
}
