/* keep.c -- an answer on its way is kept, and shared with who attends. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/keep.h"

#include "gateway/look_up.h"

static struct seat *leading(const struct request *request)
{
	return keep_leads(request) ? request->cache.seat : NULL;
}

static void end_flight(
    struct request *request, const struct flight_result *result)
{
	flight_end(request->cache.seat, result);
	seat_leave(&request->cache.seat);
}

/* --- as it comes
 * ---------------------------------------------------------------------- */

void keep_begin(struct request *request, enum cache_form form)
{
	struct seat *seat = leading(request);

	if (seat)
		flight_begin(seat, form, request->attempt.model->name);
}

void keep_events(
    struct request *request, enum flight_piece_kind kind, struct span events)
{
	struct seat *seat = leading(request);

	if (seat && events.len > 0 && !flight_add(seat, kind, events))
		keep_scattered(request);
}

/* --- whole
 * ------------------------------------------------------------------------ */

/* An answer like those that INTERFACE says are never stored is shared only. */
static bool is_worth_keeping(const struct request *request)
{
	const struct attempt *attempt = &request->attempt;

	return request->cache.may_keep && attempt->status == 200 &&
	       attempt->is_keepable;
}

static void describe(const struct request *request, struct cache_answer *answer)
{
	/* The request's own amounts have attempts that failed in them. */
	const struct ledger_usage *billed = &request->attempt.billed;

	answer->input_tokens = billed->input_tokens;
	answer->cached_tokens = billed->cached_tokens;
	answer->output_tokens = billed->output_tokens;
	answer->stored_utc_ns = clock_utc_ns();
	answer->expires_utc_ns =
	    answer->stored_utc_ns + request->config->cache.ttl;
	memcpy(answer->attempt, request->attempt.id.bytes,
	    sizeof(answer->attempt));
}

/* Under the model that gave it, which a fallback makes another key. */
static void store(struct request *request, const struct cache_answer *answer,
    struct cache_entry *entry)
{
	struct worker *worker = request->worker;
	struct answer_cache *cache = request->snapshot->cache;
	struct cache_entry *own = NULL;

	if (!is_worth_keeping(request) ||
	    answer->body.len > (size_t)request->config->cache.entry_max) {
		metric_add(cache->not_kept, 1);
		return;
	}
	if (request->candidate != 0) {
		struct sha256 key;

		if (!look_up_key(request, request->candidate, &key))
			return;
		own = cache_entry_new(&key, answer);
		entry = own;
	}
	metric_add(memory_store_put(cache->memory, entry) ? cache->kept
							  : cache->not_kept,
	    1);
	if (worker->redis)
		redis_store_put(worker->redis, entry);
	cache_entry_unref(&own);
}

static void land(struct request *request, const struct cache_answer *answer)
{
	struct cache_entry *entry =
	    cache_entry_new(&request->cache.key, answer);

	store(request, answer, entry);
	end_flight(request, &(struct flight_result){
				.end = FLIGHT_LANDED,
				.entry = entry,
				.is_estimated = request->attempt.is_estimated,
				.status = request->attempt.status,
			    });
	cache_entry_unref(&entry);
}

void keep_json(struct request *request, struct span body)
{
	struct cache_answer answer = {.form = CACHE_JSON, .body = body};

	if (!leading(request))
		return;
	describe(request, &answer);
	keep_begin(request, CACHE_JSON);
	land(request, &answer);
}

/* The usage-only event's place; false when another stands apart from it. */
static bool mark_usage(struct cache_answer *answer, size_t at, size_t len)
{
	if (answer->usage_len == 0)
		answer->usage_at = (uint32_t)at;
	else if (answer->usage_at + answer->usage_len != at)
		return false;
	answer->usage_len += (uint32_t)len;
	return true;
}

/* The log's pieces as one body, with the places of those not for everybody. */
static bool gather(struct request *request, struct span last, struct buf *body,
    struct cache_answer *answer)
{
	const struct flight_piece *piece = flight_log(request->cache.seat);

	for (; piece; piece = piece->next) {
		if (piece->kind == FLIGHT_USAGE &&
		    !mark_usage(answer, buf_len(body), piece->bytes.len))
			request->attempt.is_keepable = false;
		if (!buf_append(body, piece->bytes))
			return false;
	}
	answer->done_at = (uint32_t)buf_len(body);
	if (!buf_append(body, last))
		return false;
	answer->body = buf_span(body);
	return true;
}

void keep_stream(struct request *request, struct span last)
{
	struct cache_answer answer = {.form = CACHE_EVENTS};
	struct buf body;

	if (!leading(request))
		return;
	buf_init(&body, 2 * FLIGHT_LOG_MAX);
	describe(request, &answer);
	if (gather(request, last, &body, &answer))
		land(request, &answer);
	else
		keep_scattered(request);
	buf_free(&body);
}

/* --- not whole
 * ---------------------------------------------------------------------- */

static void end_without(
    struct request *request, enum flight_end end, int status, struct span body)
{
	if (!leading(request))
		return;
	end_flight(request, &(struct flight_result){
				.end = end,
				.status = status,
				.body = body,
			    });
}

void keep_failed(struct request *request, int status, struct span body)
{
	end_without(request, FLIGHT_FAILED, status, body);
}

void keep_refused(struct request *request, int status, struct span body)
{
	end_without(request, FLIGHT_REFUSED, status, body);
}

void keep_scattered(struct request *request)
{
	end_without(request, FLIGHT_SCATTERED, 0, SPAN(""));
}

bool keep_goes_on(struct request *request)
{
	struct seat *seat = leading(request);

	return seat && !request->worker->is_closing && !flight_abandon(seat);
}

bool keep_is_shared(const struct request *request)
{
	struct seat *seat = leading(request);

	return seat && flight_attendants(seat) > 0;
}
