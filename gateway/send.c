/* send.c -- one attempt: on record first, then sent. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/request.h"

#include <stdatomic.h>

#include "gateway/headers.h"
#include "gateway/relay.h"
#include "gateway/source.h"

/* --- which candidate
 * ---------------------------------------------------------- */

bool attempt_admit(struct request *request, size_t from)
{
	int64_t now = loop_now_ns(request->worker->loop);

	for (size_t i = from; i < request->decision.n_eligible; i++) {
		size_t model = request->decision.candidates[i].model;

		if (!upstream_may_try(request->snapshot->upstreams[model], now))
			continue;
		request->candidate = i;
		request->is_probe =
		    upstream_is_probed(request->snapshot->upstreams[model]);
		return true;
	}
	return false;
}

static enum step_result refuse_all_open(struct request *request)
{
	size_t model = request->decision.candidates[0].model;
	int64_t wait =
	    atomic_load(&request->snapshot->upstreams[model]->retry_at_ns) -
	    loop_now_ns(request->worker->loop);
	int64_t seconds = wait > 0 ? (wait + NS_PER_S - 1) / NS_PER_S : 1;

	return request_refuse_with(request, 502,
	    &(struct dialect_error){
		.message = arena_printf(request->arena,
		    "The upstream of %s has failed repeatedly and is not asked "
		    "for %lld s; no other candidate is left.",
		    request->config->models[model].name, (long long)seconds),
		.type = "upstream_error",
		.code = "upstream_unreachable",
	    },
	    (struct http1_header){SPAN("retry-after"),
		span_of(
		    arena_printf(request->arena, "%lld", (long long)seconds))});
}

/* --- reserve: nothing is sent that is not on record
 * ------------------------------ */

static enum result put_on_record(struct request *request, struct error *err)
{
	struct attempt *attempt = &request->attempt;
	const struct ledger_reserve reserve = {
	    .request = request->id,
	    .attempt = attempt->id,
	    .utc_ns = clock_utc_ns(),
	    .attempt_number = request->attempts,
	    .kind = attempt->model->local ? LEDGER_LOCAL : LEDGER_UPSTREAM,
	    .key = request->key->name,
	    .model = attempt->model->name,
	    .rule = request->decision.rule,
	    .task = request_task(request),
	    .estimated_cost_nano =
		request->decision.candidates[request->candidate]
		    .estimated_cost_nano,
	};

	return ledger_reserve(request->worker->ledger, &reserve, err);
}

static enum step_result reserve(struct request *request)
{
	struct attempt *attempt = &request->attempt;
	struct error err;

	if (request->attempts == 0 && !attempt_admit(request, 0))
		return refuse_all_open(request);
	size_t model = request->decision.candidates[request->candidate].model;

	attempt_drop(request);
	*attempt = (struct attempt){
	    .id = ledger_id_new(clock_utc_ns()),
	    .model = &request->config->models[model],
	    .model_index = model,
	    .upstream = request->snapshot->upstreams[model],
	    .is_probe = request->is_probe,
	};
	memcpy(attempt->id_text, "att_", 4);
	ledger_id_format(&attempt->id, attempt->id_text + 4);
	buf_init(&attempt->held, RELAY_HOLD);
	sse_init(&attempt->splitter, RELAY_EVENT_MAX);
	request->has_attempt = true;
	request->attempts++;
	if (put_on_record(request, &err) != OK) {
		upstream_said_nothing(attempt->upstream);
		request_note_ledger(request, &err);
		return request_refuse(request, 503, &request_ledger_error);
	}
	attempt->is_reserved = true;
	atomic_fetch_add_explicit(
	    &attempt->upstream->in_flight, 1, memory_order_relaxed);
	metric_add(attempt->upstream->flight, 1);
	return request_go(request, &step_send);
}

/* --- send
 * ---------------------------------------------------------------------------
 */

static bool write_passed_headers(const struct http1_head *head, struct buf *out)
{
	bool ok = true;
	bool has_type = false;

	for (size_t i = 0; ok && i < head->n_headers; i++) {
		const struct http1_header *header = &head->headers[i];

		if (!header_goes_upstream(header->name))
			continue;
		has_type |= span_eq_nocase(header->name, SPAN("content-type"));
		ok = http1_write_header(out, header->name, header->value);
	}
	return ok && (has_type || http1_write_header(out, SPAN("content-type"),
				      SPAN("application/json")));
}

static bool write_credentials(
    const struct config_provider *provider, struct buf *out)
{
	if (!provider->api_key)
		return true;
	return buf_append(out, SPAN("authorization: Bearer ")) &&
	       buf_append(out, secret_reveal(provider->api_key)) &&
	       buf_append(out, SPAN("\r\n"));
}

/* The head of the upstream request, in the request's arena. */
static struct span write_head(struct request *request, size_t body_len)
{
	const struct config_provider *provider =
	    request->attempt.model->provider;
	const struct http1_head *head = exchange_request(request->exchange);
	struct buf *out = &request->worker->text;
	char length[24];
	bool ok;

	buf_consume(out, SIZE_MAX);
	ok = buf_append(out, SPAN("POST ")) &&
	     buf_append(out, span_of(provider->path)) &&
	     buf_append(out, span_of(endpoint_path(request->endpoint))) &&
	     buf_append(out, SPAN(" HTTP/1.1\r\nhost: ")) &&
	     buf_append(out, span_of(provider->authority)) &&
	     buf_append(out, SPAN("\r\n")) &&
	     write_credentials(provider, out) &&
	     write_passed_headers(head, out) &&
	     http1_write_header(
		 out, SPAN("accept-encoding"), SPAN("identity")) &&
	     http1_write_header(out, SPAN("x-request-id"),
		 span_of(request->attempt.id_text)) &&
	     http1_write_header(
		 out, SPAN("content-length"), span_decimal(body_len, length)) &&
	     buf_append(out, SPAN("\r\n"));
	return ok ? arena_copy(request->arena, buf_span(out))
		  : span_make(NULL, 0);
}

static void note_sent(struct request *request)
{
	struct attempt *attempt = &request->attempt;

	attempt->started_ns = loop_now_ns(request->worker->loop);
	if (request->attempts == 1)
		metric_observe(request->worker->overhead,
		    clock_mono_ns() - request->body_read_ns);
	log_debug(request->id_text, "sent", "attempt=%s model=%s",
	    attempt->id_text, attempt->model->name);
}

/* A model in this process is asked as an upstream would be. */
static enum step_result ask_local(struct request *request)
{
	struct attempt *attempt = &request->attempt;
	const struct router_candidate *candidate =
	    &request->decision.candidates[request->candidate];

	request->asks_usage =
	    request->dialect.stream && !request->dialect.has_include_usage;
	note_sent(request);
	attempt->local = local_call_new(request->worker->loop,
	    &(struct local_call_options){
		.model = request->snapshot->locals[attempt->model_index],
		.config = attempt->model,
		.request = &request->dialect,
		.request_id = span_of(request->id_text),
		.tenant = span_of(request->key->name),
		.asks_usage = request->asks_usage,
		.escalate = candidate->escalate,
		.handler = &source_local_handler,
		.arg = request,
	    });
	return request_go(request, &step_relay);
}

static enum step_result send_attempt(struct request *request)
{
	struct attempt *attempt = &request->attempt;
	const struct config_provider *provider = attempt->model->provider;
	struct span *pieces =
	    arena_alloc(request->arena, DIALECT_PIECES_MAX * sizeof(*pieces));
	struct span head;
	size_t n = 0;
	size_t len = 0;

	if (attempt->model->local)
		return ask_local(request);
	request->asks_usage = provider->stream_usage &&
			      request->dialect.stream &&
			      !request->dialect.has_include_usage;
	if (pieces)
		n = dialect_edit_request(&request->dialect,
		    span_of(attempt->model->upstream), request->asks_usage,
		    request->arena, pieces);
	for (size_t i = 0; i < n; i++)
		len += pieces[i].len;
	head = write_head(request, len);
	if (n == 0 || !head.ptr) {
		attempt_settle(request, LEDGER_REFUSED);
		return request_refuse(request, 500, &request_internal_error);
	}
	note_sent(request);
	attempt->call = call_start(request->worker->client,
	    &(struct call_request){
		.origin = provider->origin,
		.head = head,
		.body = pieces,
		.n_body = n,
	    },
	    &source_call_handler, request);
	return request_go(request, &step_relay);
}

void attempt_drop(struct request *request)
{
	struct attempt *attempt = &request->attempt;

	if (!request->has_attempt)
		return;
	source_drop(attempt);
	buf_free(&attempt->held);
	sse_free(&attempt->splitter);
	request->events &= ~(unsigned)(EVENT_HEAD | EVENT_DONE | EVENT_FAILED);
}

const struct request_step step_reserve = {"reserve", reserve};
const struct request_step step_send = {"send", send_attempt};
