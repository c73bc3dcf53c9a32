/* hit.c -- an answer from before, in the form that was asked for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "gateway/look_up.h"
#include "gateway/relay.h"

enum {
	ANSWER_MAX = 64 << 20
};

/* --- money
 * ------------------------------------------------------------------------ */

/*
 * What the request would have cost now: at the policy's baseline, or, where
 * the model was named, at that model.
 */
static int64_t would_have_cost(const struct request *request, size_t model,
    const struct ledger_usage *usage)
{
	size_t compared =
	    request->decision.is_pinned ? model : request->decision.baseline;

	if (compared == SIZE_MAX)
		return MONEY_UNPRICED;
	return ledger_cost(&request->config->models[compared].price, usage);
}

static const enum ledger_source sources[CACHE_SOURCES] = {
    [CACHE_FROM_MEMORY] = LEDGER_SOURCE_MEMORY,
    [CACHE_FROM_NEAR] = LEDGER_SOURCE_NEAR,
    [CACHE_FROM_REDIS] = LEDGER_SOURCE_REDIS,
    [CACHE_COALESCED] = LEDGER_SOURCE_COALESCED,
};

static bool put_on_record(struct request *request, struct ledger_settle *settle,
    const uint8_t answer_of[16])
{
	struct ledger_reserve reserve = {
	    .request = request->id,
	    .attempt = ledger_id_new(settle->utc_ns),
	    .utc_ns = settle->utc_ns,
	    .attempt_number = request->attempts + 1,
	    .kind = LEDGER_CACHE_HIT,
	    .key = request->key->name,
	    .model = request->cache.model,
	    .rule = request->decision.rule,
	    .task = request_task(request),
	    .source = sources[request->cache.source],
	};
	struct error err;

	memcpy(reserve.answer_of.bytes, answer_of, 16);
	if (ledger_reserve(request->worker->ledger, &reserve, &err) != OK) {
		request_note_ledger(request, &err);
		return false;
	}
	settle->attempt = reserve.attempt;
	ledger_settle(request->worker->ledger, settle);
	return true;
}

static void count(
    const struct request *request, size_t model, const struct amounts *amounts)
{
	const struct snapshot *snapshot = request->snapshot;
	struct upstream *upstream;

	metric_add(snapshot->cache->hits[request->cache.source], 1);
	if (amounts->baseline_nano == MONEY_UNPRICED)
		return;
	upstream = snapshot->upstreams[model];
	metric_add(upstream->baseline, amounts->baseline_nano);
	metric_add(upstream->saved, amounts->saved_nano);
}

bool hit_settle(struct request *request, enum ledger_outcome outcome)
{
	struct request_cache *cache = &request->cache;
	struct amounts amounts;
	size_t model = cache->model_index;
	struct cache_answer answer = {0};
	struct ledger_usage usage;
	struct ledger_settle settle;

	if (cache->entry)
		cache_entry_answer(cache->entry, &answer);
	usage = (struct ledger_usage){
	    .input_tokens = answer.input_tokens,
	    .cached_tokens = answer.cached_tokens,
	    .output_tokens = answer.output_tokens,
	};
	amounts = (struct amounts){
	    .input_tokens = usage.input_tokens,
	    .cached_tokens = usage.cached_tokens,
	    .output_tokens = usage.output_tokens,
	    .is_estimated = cache->is_estimated,
	    .baseline_nano = would_have_cost(request, model, &usage),
	};
	amounts.saved_nano = money_saved(amounts.baseline_nano, 0);
	settle = (struct ledger_settle){
	    .utc_ns = clock_utc_ns(),
	    .outcome = outcome,
	    .status = outcome == LEDGER_COMPLETED ? 200 : 0,
	    .input_tokens = usage.input_tokens,
	    .cached_tokens = usage.cached_tokens,
	    .output_tokens = usage.output_tokens,
	    .is_estimated = amounts.is_estimated,
	    .baseline_nano = amounts.baseline_nano,
	    .saved_nano = amounts.saved_nano,
	};
	request_measure(request, &settle);
	request->outcome = outcome;
	if (!put_on_record(request, &settle, answer.attempt))
		return false;
	amounts_add(&request->amounts, &amounts);
	count(request, model, &amounts);
	return true;
}

/* --- what is sent
 * ---------------------------------------------------------------------- */

size_t hit_headers(struct request *request, struct http1_header *headers,
    bool is_stream, bool with_amounts)
{
	size_t n = request_headers(request, headers, with_amounts);

	headers[n++] = (struct http1_header){SPAN("content-type"),
	    is_stream ? SPAN("text/event-stream; charset=utf-8")
		      : SPAN("application/json")};
	if (is_stream) {
		headers[n++] = (struct http1_header){
		    SPAN("cache-control"), SPAN("no-cache")};
		headers[n++] = (struct http1_header){
		    SPAN("x-accel-buffering"), SPAN("no")};
	}
	return n;
}

/* RFC 9111 5.1, of an answer that was kept. */
static struct http1_header age_of(
    const struct request *request, const struct cache_answer *answer)
{
	int64_t age = (request->utc_ns - answer->stored_utc_ns) / NS_PER_S;

	return (struct http1_header){
	    SPAN("age"), span_of(arena_printf(request->arena, "%lld",
			     (long long)(age > 0 ? age : 0)))};
}

/* A stream's parts: what everybody is sent, usage for who asked, the end. */
struct parts {
	struct span before, usage, between, last;
};

static struct span slice(struct span text, size_t from, size_t to)
{
	return span_head(span_from(text, from), to - from);
}

static void cut_stream(
    struct span body, const struct cache_answer *answer, struct parts *parts)
{
	size_t usage =
	    answer->usage_len > 0 ? answer->usage_at : answer->done_at;
	size_t after = usage + answer->usage_len;

	parts->before = slice(body, 0, usage);
	parts->usage = slice(body, usage, after);
	parts->between = slice(body, after, answer->done_at);
	parts->last = slice(body, answer->done_at, body.len);
}

static bool find_parts(struct request *request,
    const struct cache_answer *answer, struct buf *memory, struct parts *parts)
{
	struct dialect_marks marks;
	struct cache_answer split = {0};

	if (answer->form == CACHE_EVENTS) {
		cut_stream(answer->body, answer, parts);
		return true;
	}
	if (!dialect_split(&request->dialect, answer->body,
		&request->worker->scratch, memory, &marks))
		return false;
	split.usage_at = (uint32_t)marks.usage.at;
	split.usage_len = (uint32_t)marks.usage.len;
	split.done_at = (uint32_t)marks.done.at;
	cut_stream(buf_span(memory), &split, parts);
	return true;
}

static void send_stream(struct request *request,
    const struct cache_answer *answer, const struct parts *parts)
{
	struct exchange *exchange = request->exchange;
	struct http1_header headers[13];
	size_t n = hit_headers(request, headers, true, false);

	headers[n++] = age_of(request, answer);
	request->status = 200;
	exchange_begin(exchange, 200, headers, n, -1);
	exchange_write(exchange, parts->before);
	if (request->dialect.has_include_usage)
		exchange_write(exchange, parts->usage);
	exchange_write(exchange, parts->between);
	relay_write_amounts(request);
	exchange_write(exchange, parts->last);
	exchange_end(exchange);
}

static void send_json(struct request *request,
    const struct cache_answer *answer, struct span body)
{
	struct http1_header headers[13];
	size_t n = hit_headers(request, headers, false, true);

	headers[n++] = age_of(request, answer);
	request->status = 200;
	exchange_answer(request->exchange, 200, headers, n, body);
}

/*
 * An answer that cannot be put into the form that is asked for is none: the
 * upstream is asked after all.
 */
static enum step_result give_up(struct request *request)
{
	struct request_cache *cache = &request->cache;

	log_warn(request->id_text, "answer_not_replayed",
	    "text=\"an answer from before cannot take the other form\"");
	cache_entry_unref(&cache->entry);
	cache->state = CACHE_MISS;
	cache->model = NULL;
	cache->may_keep = false;
	metric_add(request->snapshot->cache->misses, 1);
	return request_go(request, &step_reserve);
}

static bool find_body(struct request *request,
    const struct cache_answer *answer, struct buf *memory, struct span *body)
{
	*body = answer->body;
	if (answer->form == CACHE_JSON)
		return true;
	if (!dialect_join(request->endpoint, answer->body,
		&request->worker->scratch, memory))
		return false;
	*body = buf_span(memory);
	return true;
}

static enum step_result answer(struct request *request,
    const struct cache_answer *found, struct buf *memory)
{
	bool streams = request->dialect.stream;
	struct parts parts;
	struct span body;

	arena_reset(&request->worker->scratch);
	if (streams ? !find_parts(request, found, memory, &parts)
		    : !find_body(request, found, memory, &body))
		return give_up(request);
	/* Most hits begin and end in one turn of the loop. */
	request->first_token_ns = clock_mono_ns();
	if (!hit_settle(request, LEDGER_COMPLETED))
		return request_refuse(request, 503, &request_ledger_error);
	if (streams)
		send_stream(request, found, &parts);
	else
		send_json(request, found, body);
	return request_go(request, &step_finish);
}

static enum step_result hit(struct request *request)
{
	struct cache_answer found;
	enum step_result result;
	struct buf memory;

	if (request->events & EVENT_GONE)
		return request_go(request, &step_finish);
	cache_entry_answer(request->cache.entry, &found);
	buf_init(&memory, ANSWER_MAX);
	result = answer(request, &found, &memory);
	buf_free(&memory);
	return result;
}

const struct request_step step_hit = {"hit", hit};
