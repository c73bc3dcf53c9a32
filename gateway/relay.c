/* relay.c -- copies one answer to one client, or falls back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/relay.h"
#include "gateway/headers.h"
#include "gateway/keep.h"
#include "gateway/look_up.h"
#include "gateway/source.h"

#include <stdio.h>

/* --- what the source tells
 * ----------------------------------------------------------- */

static struct span find_header(const struct relay_head *head, struct span name)
{
	for (size_t i = 0; i < head->n_headers; i++) {
		if (span_eq_nocase(head->headers[i].name, name))
			return head->headers[i].value;
	}
	return span_make(NULL, 0);
}

static bool is_event_stream(const struct relay_head *head)
{
	struct span type = find_header(head, SPAN("content-type"));
	const struct span name = SPAN("text/event-stream");

	return span_eq_nocase(span_head(type, name.len), name);
}

static bool is_encoded(const struct relay_head *head)
{
	struct span coding = find_header(head, SPAN("content-encoding"));

	return coding.len > 0 && !span_eq_nocase(coding, SPAN("identity"));
}

void relay_take_head(struct request *request, const struct relay_head *head)
{
	struct attempt *attempt = &request->attempt;
	const size_t room = sizeof(attempt->back) / sizeof(attempt->back[0]);

	attempt->status = head->status;
	attempt->is_encoded = is_encoded(head);
	attempt->length = head->length;
	if (is_event_stream(head) && !attempt->is_encoded)
		attempt->relay = RELAY_STREAM;
	else
		attempt->relay = RELAY_JSON;
	for (size_t i = 0; i < head->n_headers && attempt->n_back < room; i++)
		if (header_comes_back(head->headers[i].name))
			attempt
			    ->back[attempt->n_back++] = (struct http1_header){
			    arena_copy(request->arena, head->headers[i].name),
			    arena_copy(request->arena, head->headers[i].value),
			};
	request_event(request, EVENT_HEAD);
}

/* Its client has left, and then the answer became one not to share. */
static bool goes_on_for_nobody(const struct request *request)
{
	return request->is_headless && !keep_leads(request);
}

void relay_take_data(struct request *request, struct span bytes)
{
	struct attempt *attempt = &request->attempt;

	if ((request->is_over && !request->is_headless) || attempt->is_settled)
		return;
	if (attempt->relay == RELAY_STREAM)
		relay_stream_feed(request, bytes);
	else
		relay_body_feed(request, bytes);
	if (attempt->saw_error || attempt->saw_done || attempt->is_too_long ||
	    goes_on_for_nobody(request))
		request_event(request, 0);
}

void relay_take_done(struct request *request)
{
	request_event(request, EVENT_DONE);
}

static void note_failure(struct attempt *attempt, enum attempt_failure failure,
    const char *how, const char *detail)
{
	attempt->failure = failure;
	attempt->how = how;
	snprintf(attempt->detail, sizeof(attempt->detail), "%s", detail);
}

void relay_take_failure(struct request *request, enum attempt_failure failure,
    const char *how, const char *detail)
{
	note_failure(&request->attempt, failure, how, detail);
	request_event(request, EVENT_FAILED);
}

/* --- shared by both shapes
 * ---------------------------------------------------------- */

size_t relay_headers(const struct request *request,
    struct http1_header headers[40], bool with_amounts)
{
	const struct attempt *attempt = &request->attempt;
	size_t n = request_headers(request, headers, with_amounts);

	for (size_t i = 0; i < attempt->n_back; i++)
		headers[n++] = attempt->back[i];
	return n;
}

void relay_throttle(struct request *request)
{
	if (source_is_there(&request->attempt) &&
	    exchange_is_full(request->exchange) && !keep_is_shared(request))
		source_pause(&request->attempt);
}

/* --- when an attempt fails
 * ------------------------------------------------------------ */

static bool is_retryable(int status)
{
	return status == 401 || status == 403 || status == 408 ||
	       status == 409 || status == 429 || status >= 500 ||
	       (status >= 300 && status < 400);
}

/*
 * Another candidate, while the client has not seen a byte, nor, where it has
 * left, those who attend.
 */
static bool falls_back(struct request *request)
{
	if (request->attempt.saw_content || request->attempt.is_released ||
	    exchange_has_begun(request->exchange) ||
	    !attempt_admit(request, request->candidate + 1))
		return false;
	metric_add(request->attempt.upstream->fallbacks, 1);
	log_info(request->id_text, "fallback", "attempt=%s model=%s status=%d",
	    request->attempt.id_text, request->attempt.model->name,
	    request->attempt.status);
	return true;
}

bool relay_has_next(const struct request *request)
{
	const struct router_decision *decision = &request->decision;
	int64_t now = loop_now_ns(request->worker->loop);

	if (exchange_has_begun(request->exchange))
		return false;
	for (size_t i = request->candidate + 1; i < decision->n_eligible; i++) {
		size_t model = decision->candidates[i].model;

		if (upstream_looks_healthy(
			request->snapshot->upstreams[model], now))
			return true;
	}
	return false;
}

static enum step_result go_back(struct request *request)
{
	source_let_go(&request->attempt);
	return look_up_again(request);
}

/* The client has part of a stream: say so in it, and leave it unfinished. */
static enum step_result break_off(struct request *request)
{
	struct attempt *attempt = &request->attempt;
	bool late = attempt->failure == ATTEMPT_LATE;
	const struct dialect_error error = {
	    .message =
		late ? "The upstream fell silent before the answer was whole."
		     : "The upstream broke off before the answer was whole.",
	    .type = "upstream_error",
	    .code = late ? "upstream_timeout" : "upstream_failed",
	};

	struct span body = dialect_write_error(&error, request->arena);

	if (attempt->relay == RELAY_STREAM && !attempt->saw_error) {
		exchange_write(request->exchange, SPAN("data: "));
		exchange_write(request->exchange, body);
		exchange_write(request->exchange, SPAN("\n\n"));
	}
	keep_failed(request, late ? 504 : 502, body);
	exchange_cut(request->exchange);
	return request_go(request, &step_finish);
}

static enum step_result refuse_failed(struct request *request)
{
	struct attempt *attempt = &request->attempt;
	bool late = attempt->failure == ATTEMPT_LATE;
	bool away = attempt->status == 0 && attempt->failure == ATTEMPT_AWAY;

	return request_refuse(request, late ? 504 : 502,
	    &(struct dialect_error){
		.message = arena_printf(request->arena,
		    "The upstream of %s %s.", attempt->model->name,
		    late   ? "did not answer in time"
		    : away ? "could not be reached"
			   : "gave no usable answer"),
		.type = "upstream_error",
		.code = late   ? "upstream_timeout"
			: away ? "upstream_unreachable"
			       : "upstream_failed",
	    });
}

static void note_end(const struct request *request)
{
	const struct attempt *attempt = &request->attempt;

	if (attempt->failure == ATTEMPT_UNSURE)
		log_info(request->id_text, "escalated",
		    "attempt=%s model=%s why=\"%s\"", attempt->id_text,
		    attempt->model->name, attempt->detail);
	else
		log_warn(request->id_text, "attempt_failed",
		    "attempt=%s model=%s how=%s why=\"%s\"", attempt->id_text,
		    attempt->model->name, attempt->how, attempt->detail);
}

/* No answer came, or not to its end. */
static enum step_result fail(struct request *request)
{
	static const enum ledger_outcome outcomes[] = {
	    [ATTEMPT_AWAY] = LEDGER_UPSTREAM_DIED,
	    [ATTEMPT_LATE] = LEDGER_TIMED_OUT,
	    [ATTEMPT_BROKEN] = LEDGER_UPSTREAM_DIED,
	    [ATTEMPT_UNSURE] = LEDGER_ESCALATED,
	};
	struct attempt *attempt = &request->attempt;

	note_end(request);
	attempt_settle(request, outcomes[attempt->failure]);
	if (falls_back(request))
		return go_back(request);
	if (exchange_has_begun(request->exchange))
		return break_off(request);
	if (attempt->error_body.ptr) {
		struct http1_header headers[9];
		size_t n = request_headers(request, headers, false);

		headers[n++] = (struct http1_header){
		    SPAN("content-type"), SPAN("application/json")};
		request->status = 502;
		exchange_answer(
		    request->exchange, 502, headers, n, attempt->error_body);
		keep_failed(request, 502, attempt->error_body);
		return request_go(request, &step_finish);
	}
	return refuse_failed(request);
}

static enum step_result refuse_credentials(struct request *request)
{
	return request_refuse(request, 502,
	    &(struct dialect_error){
		.message = arena_printf(request->arena,
		    "The upstream of %s did not accept this gateway's own "
		    "credentials; whoever runs it has been told.",
		    request->attempt.model->name),
		.type = "upstream_error",
		.code = "upstream_credentials",
	    });
}

/* A head that makes this candidate's answer unwanted. */
static enum step_result refuse_status(struct request *request)
{
	struct attempt *attempt = &request->attempt;
	int status = attempt->status;
	bool is_credential = status == 401 || status == 403;

	if (is_credential) {
		metric_add(attempt->upstream->credentials, 1);
		log_error(request->id_text, "upstream_credentials_refused",
		    "model=%s provider=%s status=%d", attempt->model->name,
		    attempt->model->provider->name, status);
	}
	if (falls_back(request)) {
		attempt_settle(request, LEDGER_REFUSED);
		return go_back(request);
	}
	if (!is_credential && status >= 400)
		return STEP_WAIT; /* its own status and body are the answer */
	attempt_settle(request, LEDGER_REFUSED);
	source_let_go(attempt);
	if (is_credential)
		return refuse_credentials(request);
	return refuse_failed(request);
}

/* --- the step
 * ------------------------------------------------------------------------- */

static enum step_result take_head(struct request *request)
{
	struct attempt *attempt = &request->attempt;

	if (attempt->status >= 400 && attempt->relay == RELAY_STREAM)
		attempt->relay = RELAY_JSON;
	if (is_retryable(attempt->status))
		return refuse_status(request);
	return STEP_WAIT;
}

static enum step_result take_end(struct request *request)
{
	struct attempt *attempt = &request->attempt;

	if (attempt->relay != RELAY_STREAM)
		return request_go(request, &step_settle);
	if (attempt->saw_finish) {
		relay_stream_end(request);
		return request_go(request, &step_finish);
	}
	note_failure(attempt, ATTEMPT_BROKEN, call_failure_name(CALL_CLOSED),
	    "the stream ended without a finish_reason or [DONE]");
	return fail(request);
}

/*
 * A client that has left ends its attempt, but for those who attend. What its
 * own slowness held back goes on for them.
 */
static bool is_nobody_left(struct request *request, unsigned events)
{
	bool has_news = request->is_headless && (events & EVENT_FLIGHT);

	if (!(events & EVENT_GONE) && !has_news && !goes_on_for_nobody(request))
		return false;
	request->is_headless = keep_goes_on(request);
	return !request->is_headless;
}

static enum step_result relay(struct request *request)
{
	struct attempt *attempt = &request->attempt;
	unsigned events = request->events;

	request->events &=
	    ~(unsigned)(EVENT_HEAD | EVENT_DRAINED | EVENT_FLIGHT | EVENT_GONE);
	if (attempt->saw_done) {
		source_let_go(attempt);
		return request_go(request, &step_finish);
	}
	if (is_nobody_left(request, events)) {
		attempt_settle(request, LEDGER_CLIENT_GONE);
		return request_go(request, &step_finish);
	}
	if (attempt->saw_error || attempt->is_too_long) {
		note_failure(attempt, ATTEMPT_BROKEN,
		    call_failure_name(CALL_CLOSED),
		    attempt->saw_error ? "an error event in the stream"
				       : "an event larger than the limit");
		return fail(request);
	}
	if (events & (EVENT_DRAINED | EVENT_FLIGHT | EVENT_GONE))
		source_resume(attempt);
	if (events & EVENT_HEAD) {
		enum step_result result = take_head(request);

		if (result != STEP_WAIT)
			return result;
	}
	if (events & EVENT_FAILED)
		return fail(request);
	if (events & EVENT_DONE)
		return take_end(request);
	return STEP_WAIT;
}

/* --- settle, and give a held answer
 * ------------------------------------------------------ */

/*
 * An error that another try may mend is no answer to those who attend, and of
 * what is neither an error nor a plain answer they get their own.
 */
static void share(struct request *request)
{
	int status = request->attempt.status;
	struct span body = buf_span(&request->attempt.held);

	if (is_retryable(status))
		keep_failed(request, status, body);
	else if (status >= 400)
		keep_refused(request, status, body);
	else if (status != 200)
		keep_scattered(request);
	else
		keep_json(request, body);
}

static enum step_result settle(struct request *request)
{
	struct attempt *attempt = &request->attempt;
	struct http1_header headers[40];
	bool is_error = attempt->status >= 400;
	size_t n;

	relay_body_read_usage(request);
	if (request->first_token_ns == 0 && !is_error)
		request->first_token_ns = loop_now_ns(request->worker->loop);
	attempt_settle(request, is_error ? LEDGER_REFUSED : LEDGER_COMPLETED);
	request->status = attempt->status;
	if (attempt->relay == RELAY_PLAIN) {
		exchange_end(request->exchange);
		return request_go(request, &step_finish);
	}
	n = relay_headers(request, headers, true);
	exchange_answer(request->exchange, attempt->status, headers, n,
	    buf_span(&attempt->held));
	share(request);
	return request_go(request, &step_finish);
}

static enum step_result finish(struct request *request)
{
	(void)request;
	return STEP_OVER;
}

const struct request_step step_relay = {"relay", relay};
const struct request_step step_settle = {"settle", settle};
const struct request_step step_finish = {"finish", finish};
