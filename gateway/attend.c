/* attend.c -- goes along with an equal request's answer as it comes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/look_up.h"
#include "gateway/relay.h"

/* --- as it comes
 * ---------------------------------------------------------------------- */

static void begin(struct request *request)
{
	struct http1_header headers[12];
	size_t n = hit_headers(request, headers, true, false);

	request->status = 200;
	request->first_token_ns = loop_now_ns(request->worker->loop);
	exchange_begin(request->exchange, 200, headers, n, -1);
}

/* Writes what is there and the client takes; false: it takes no more now. */
static bool pass_on(struct request *request)
{
	struct exchange *exchange = request->exchange;
	const struct flight_piece *piece;

	while (!exchange_is_full(exchange)) {
		piece = flight_read(request->cache.seat);
		if (!piece)
			return true;
		if (piece->kind == FLIGHT_USAGE &&
		    !request->dialect.has_include_usage)
			continue;
		if (!exchange_has_begun(exchange))
			begin(request);
		exchange_write(exchange, piece->bytes);
	}
	return false;
}

/* --- how it ends
 * ---------------------------------------------------------------------- */

static enum step_result break_off(struct request *request)
{
	static const struct dialect_error error = {
	    .message = "The upstream broke off before the answer was whole.",
	    .type = "upstream_error",
	    .code = "upstream_failed",
	};

	exchange_write(request->exchange, SPAN("data: "));
	exchange_write(
	    request->exchange, dialect_write_error(&error, request->arena));
	exchange_write(request->exchange, SPAN("\n\n"));
	hit_settle(request, LEDGER_UPSTREAM_DIED);
	exchange_cut(request->exchange);
	return request_go(request, &step_finish);
}

static enum step_result take_whole(
    struct request *request, const struct flight_view *view)
{
	struct request_cache *cache = &request->cache;
	struct cache_answer answer;

	cache->entry = cache_entry_ref(view->result->entry);
	cache->is_estimated = view->result->is_estimated;
	if (!exchange_has_begun(request->exchange))
		return request_go(request, &step_hit);
	cache_entry_answer(cache->entry, &answer);
	hit_settle(request, LEDGER_COMPLETED);
	relay_write_amounts(request);
	exchange_write(
	    request->exchange, span_from(answer.body, answer.done_at));
	exchange_end(request->exchange);
	return request_go(request, &step_finish);
}

/* The answer is not one to share: asks for itself. */
static enum step_result ask_alone(struct request *request)
{
	seat_leave(&request->cache.seat);
	request->cache.is_lone = true;
	request->cache.model = NULL;
	request->cache.state = CACHE_BYPASS;
	return request_go(request, &step_board);
}

static enum step_result pass_error(
    struct request *request, const struct flight_result *result)
{
	struct http1_header headers[12];
	size_t n;

	request->cache.model = NULL;
	request->cache.state = CACHE_MISS;
	metric_add(request->snapshot->cache->misses, 1);
	n = request_headers(request, headers, false);
	headers[n++] = (struct http1_header){
	    SPAN("content-type"), SPAN("application/json")};
	if (result->status == 0)
		return request_refuse(request, 502,
		    &(struct dialect_error){
			.message = "The upstream gave no usable answer.",
			.type = "upstream_error",
			.code = "upstream_failed",
		    });
	request->status = result->status;
	exchange_answer(
	    request->exchange, result->status, headers, n, result->body);
	return request_go(request, &step_finish);
}

static enum step_result take_end(
    struct request *request, const struct flight_view *view)
{
	bool has_begun = exchange_has_begun(request->exchange);

	if (view->end == FLIGHT_LANDED)
		return take_whole(request, view);
	if (has_begun)
		return break_off(request);
	if (view->end == FLIGHT_SCATTERED)
		return ask_alone(request);
	return pass_error(request, view->result);
}

/* --- the step
 * ------------------------------------------------------------------------- */

/* A client that left was given part of an answer, or nothing. */
static enum step_result leave(struct request *request)
{
	if (exchange_has_begun(request->exchange))
		hit_settle(request, LEDGER_CLIENT_GONE);
	return request_go(request, &step_finish);
}

/*
 * Who led has failed, and it is this one's turn to try. Redis is asked, since
 * the other may have left before it was.
 */
static enum step_result take_over(struct request *request)
{
	request->cache.state = CACHE_BYPASS;
	return request_go(request, &step_fetch);
}

/*
 * The name of the model that answers. One that this configuration does not
 * have, after a reload on the way, stands for the model that was decided on.
 */
static void name_model(struct request *request, const char *name)
{
	struct request_cache *cache = &request->cache;

	cache->model = name;
	cache->model_index = config_find_model(request->config, span_of(name));
	if (cache->model_index == SIZE_MAX)
		cache->model_index = request->decision.candidates[0].model;
}

static enum step_result attend(struct request *request)
{
	struct request_cache *cache = &request->cache;
	struct flight_view view;

	request->events &= ~(unsigned)(EVENT_FLIGHT | EVENT_DRAINED);
	if (seat_leads(cache->seat))
		return take_over(request);
	flight_look(cache->seat, &view);
	if (view.has_begun && !cache->model)
		name_model(request, view.model);
	cache->source = CACHE_COALESCED;
	cache->state = CACHE_HIT;
	if (request->events & EVENT_GONE)
		return leave(request);
	if (view.has_begun && view.form == CACHE_EVENTS &&
	    request->dialect.stream && !pass_on(request))
		return STEP_WAIT;
	if (view.end == FLIGHT_FLYING)
		return STEP_WAIT;
	return take_end(request, &view);
}

const struct request_step step_attend = {"attend", attend};
