/* request.c -- the machine, and its steps up to the first attempt. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/request.h"

#include <stdio.h>

#include "gateway/keep.h"
#include "gateway/look_up.h"
#include "gateway/routes.h"

/* More steps than any life has: a loop among them would be a mistake. */
enum {
	STEPS_AT_ONCE = 200
};

/*
 * The last thing that is done with a request. At the worker's end nobody who
 * attends, on whichever worker, is to ask in its place.
 */
static void retire(struct request *request)
{
	request_record(request);
	classes_drop(request);
	attempt_drop(request);
	if (request->worker->is_closing && keep_leads(request))
		keep_refused(request, 503,
		    dialect_write_error(
			&request_draining_error, request->arena));
	look_up_drop(request);
	metric_add(request->worker->in_flight, -1);
	snapshot_unref(&request->snapshot);
	exchange_release(request->exchange);
}

/* Its client is gone, and others wait for its answer. */
static void go_on_headless(struct request *request)
{
	request->peer = arena_printf(
	    request->arena, "%s", exchange_peer(request->exchange));
	exchange_hold(request->exchange);
	list_push_back(&request->worker->headless, &request->headless);
}

static void end_headless(struct request *request)
{
	list_remove(&request->headless);
	list_init(&request->headless);
	retire(request);
}

void request_end_headless(struct worker *worker)
{
	list_for_each_safe(link, &worker->headless) {
		struct request *request =
		    container_of(link, struct request, headless);

		attempt_settle(request, LEDGER_CLIENT_GONE);
		request->step = &step_finish;
		end_headless(request);
	}
}

static void run(struct request *request)
{
	enum step_result result = STEP_GO;

	if (request->is_running)
		return;
	request->is_running = true;
	for (int i = 0; result == STEP_GO && i < STEPS_AT_ONCE; i++)
		result = request->step->run(request);
	request->is_running = false;
	if (!list_is_empty(&request->headless) && request->step == &step_finish)
		end_headless(request);
}

void request_event(struct request *request, unsigned event)
{
	request->events |= event;
	run(request);
}

/* --- the exchange's events ---------------------------------------------------
 */

static void on_head(struct exchange *exchange, void *arg)
{
	struct worker *worker = arg;
	struct arena *arena = exchange_arena(exchange);
	struct request *request = arena_new(arena, struct request);

	if (!request) {
		exchange_cut(exchange);
		return;
	}
	request->worker = worker;
	request->exchange = exchange;
	request->arena = arena;
	request->snapshot = snapshot_ref(worker->snapshot);
	request->config = request->snapshot->config;
	request->step = &step_route;
	request->outcome = LEDGER_COMPLETED;
	list_init(&request->headless);
	request->utc_ns = clock_utc_ns();
	request->started_ns = exchange_started_ns(exchange);
	request->id = ledger_id_new(request->utc_ns);
	memcpy(request->id_text, "req_", 4);
	ledger_id_format(&request->id, request->id_text + 4);
	metric_add(worker->in_flight, 1);
	exchange_set_user(exchange, request);
	run(request);
}

static void on_request(struct exchange *exchange, void *arg)
{
	struct request *request = exchange_user(exchange);

	(void)arg;
	if (request)
		request_event(request, EVENT_BODY);
}

static void on_drained(struct exchange *exchange, void *arg)
{
	struct request *request = exchange_user(exchange);

	(void)arg;
	if (request)
		request_event(request, EVENT_DRAINED);
}

static void on_over(
    struct exchange *exchange, enum exchange_over why, void *arg)
{
	struct request *request = exchange_user(exchange);

	(void)arg;
	if (!request)
		return;
	request->is_over = true;
	request->over = why;
	if (why != EXCHANGE_DONE)
		request->events |= EVENT_GONE;
	run(request);
	exchange_set_user(exchange, NULL);
	if (request->is_headless && request->step != &step_finish)
		go_on_headless(request);
	else
		retire(request);
}

static struct span refusal_body(
    int status, const char *reason, struct arena *arena, void *arg)
{
	const char *code = status == 413   ? "request_too_large"
			   : status == 431 ? "headers_too_large"
			   : status == 408 ? "request_timeout"
			   : status == 414 ? "uri_too_long"
					   : "bad_request";
	const struct dialect_error error = {
	    .message = reason,
	    .type = "invalid_request_error",
	    .code = code,
	};

	(void)arg;
	return dialect_write_error(&error, arena);
}

const struct server_handler request_handler = {
    .on_head = on_head,
    .on_request = on_request,
    .on_drained = on_drained,
    .on_over = on_over,
    .refusal_body = refusal_body,
};

/* --- route: what the path and the method ask for
 * ------------------------------- */

static enum step_result route(struct request *request)
{
	const struct http1_head *head = exchange_request(request->exchange);
	struct span rest;
	const struct route *found = route_find(head->path, &rest);

	if (span_eq(head->path, SPAN("*")))
		return route_options(request, "GET, HEAD, POST, OPTIONS");
	if (!found)
		return request_refuse(request, 404,
		    &(struct dialect_error){
			.message = arena_printf(request->arena,
			    "Unknown request URL: %.*s %.*s. The API is under "
			    "/v1: chat/completions, completions, embeddings, "
			    "models.",
			    SPAN_FMT(head->method),
			    SPAN_FMT(span_head(head->path, 200))),
			.type = "invalid_request_error",
			.code = "unknown_url",
		    });
	if (span_eq(head->method, SPAN("OPTIONS")))
		return route_options(request, found->allow);
	if (!route_takes(found, head->method))
		return request_refuse_with(request, 405,
		    &(struct dialect_error){
			.message = arena_printf(request->arena,
			    "%.*s is not a method of this URL; use %s.",
			    SPAN_FMT(span_head(head->method, 32)),
			    found->allow),
			.type = "invalid_request_error",
			.code = "method_not_allowed",
		    },
		    (struct http1_header){
			SPAN("allow"), span_of(found->allow)});
	return found->run(request, found, rest);
}

/* --- authorise: whose key it is
 * -------------------------------------------------- */

static struct span presented_key(const struct http1_head *head)
{
	struct span value = http1_header(head, SPAN("authorization"));

	if (value.ptr) {
		if (value.len > 7 &&
		    span_eq_nocase(span_head(value, 7), SPAN("bearer ")))
			return span_trim(span_from(value, 7));
		return SPAN("");
	}
	value = http1_header(head, SPAN("api-key"));
	if (!value.ptr)
		value = http1_header(head, SPAN("x-api-key"));
	return value;
}

static enum step_result authorise(struct request *request)
{
	struct span key = presented_key(exchange_request(request->exchange));
	struct sha256 digest = hash_sha256(key);

	if (key.len > 0)
		request->key = config_find_key(request->config, &digest);
	if (!request->key)
		return request_refuse_with(request, 401,
		    &(struct dialect_error){
			.message =
			    key.len > 0
				? "Incorrect API key provided. Ask whoever runs "
				  "this gateway for a key."
				: "Incorrect API key provided: none was sent. Send "
				  "it as Authorization: Bearer KEY, api-key or "
				  "x-api-key.",
			.type = "invalid_request_error",
			.code = "invalid_api_key",
		    },
		    (struct http1_header){
			SPAN("www-authenticate"), SPAN("Bearer")});
	if (request->worker->is_draining)
		return request_refuse_with(request, 503,
		    &request_draining_error,
		    (struct http1_header){SPAN("retry-after"), SPAN("1")});
	return request_go(request, &step_read);
}

/* --- read: wait for the body
 * ------------------------------------------------------ */

static enum step_result read_body(struct request *request)
{
	struct span coding;

	if (request->events & EVENT_GONE)
		return request_go(request, &step_finish);
	coding = http1_header(
	    exchange_request(request->exchange), SPAN("content-encoding"));
	if (coding.len > 0 && !span_eq_nocase(coding, SPAN("identity")))
		return request_refuse(request, 415,
		    &(struct dialect_error){
			.message = "Request bodies must not be compressed: "
				   "send them without Content-Encoding.",
			.type = "invalid_request_error",
			.code = "unsupported_content_encoding",
		    });
	if (!(request->events & EVENT_BODY))
		return STEP_WAIT;
	request->body_read_ns = loop_now_ns(request->worker->loop);
	return request_go(request, &step_parse);
}

/* --- parse: the body, strictly
 * ---------------------------------------------------- */

static enum step_result parse(struct request *request)
{
	struct dialect_refusal refusal = {0};

	if (!dialect_read_request(request->endpoint,
		exchange_body(request->exchange), request->arena,
		&request->dialect, &refusal))
		return request_refuse(request, 400,
		    &(struct dialect_error){
			.message =
			    arena_printf(request->arena, "%s", refusal.message),
			.type = "invalid_request_error",
			.param = refusal.param,
			.code = refusal.code,
		    });
	return request_go(request, &step_classify);
}

/* --- classify: what kind of request it is
 * ------------------------------------------- */

/* A completion is asked for each prompt and choice. */
static int64_t answers_of(const struct dialect_request *dialect)
{
	int64_t answers;

	if (__builtin_mul_overflow(
		dialect->choices, (int64_t)dialect->prompts, &answers))
		return INT64_MAX;
	return answers;
}

/* The router's view but for what must be counted. */
static void outline(
    const struct dialect_request *dialect, struct router_input *input)
{
	*input = (struct router_input){
	    .endpoint = (enum router_endpoint)dialect->endpoint,
	    .model = dialect->model,
	    .stream = dialect->stream,
	    .tools = dialect->has_tools,
	    .json_object = dialect->has_json_object,
	    .json_schema = dialect->has_json_schema,
	    .images = (int64_t)dialect->image_count,
	    .audio = dialect->has_audio,
	    .turns = (int64_t)dialect->turns,
	    .choices = answers_of(dialect),
	    .output_limit = dialect->output_limit,
	    .last_user = dialect->last_user,
	};
	for (size_t i = 0; i < dialect->n_parts; i++) {
		const struct prompt_part *part = &dialect->parts[i];

		if (part->role == ROLE_SYSTEM && input->system.len == 0)
			input->system = part->text;
	}
}

static int64_t count_tokens(const struct dialect_request *dialect)
{
	int64_t tokens = 0;

	for (size_t i = 0; i < dialect->n_parts; i++)
		tokens += dialect_estimate_tokens(dialect->parts[i].text);
	/* Each message is framed by about four tokens; raw JSON of tools and
	   schemas runs at about four bytes a token. */
	tokens += (int64_t)dialect->turns * 4;
	tokens += (int64_t)((dialect->tool_bytes + dialect->schema_bytes) / 4);
	tokens += (int64_t)dialect->prompt_token_ids;
	tokens += (int64_t)dialect->image_count * IMAGE_TOKENS;
	return tokens;
}

void request_describe(
    const struct dialect_request *dialect, struct router_input *input)
{
	outline(dialect, input);
	input->prompt_tokens = count_tokens(dialect);
}

static void find_features(struct request *request)
{
	request->input.prompt_tokens = count_tokens(&request->dialect);
	arena_reset(&request->worker->scratch);
	router_features(
	    &request->input, &request->worker->scratch, &request->features);
}

/* Only what may be answered from before is worth a look at its own past. */
static void recall_features(struct request *request)
{
	struct classified *classified = request->worker->classified;
	struct classified_key key = classified_key(
	    classified, request->endpoint, request->dialect.body);

	if (classified_find(classified, &key, &request->input.prompt_tokens,
		&request->features))
		return;
	find_features(request);
	classified_keep(
	    classified, &key, request->input.prompt_tokens, &request->features);
}

static enum step_result classify(struct request *request)
{
	outline(&request->dialect, &request->input);
	if (request->snapshot->cache &&
	    (request->dialect.is_deterministic ||
		request->endpoint == ENDPOINT_EMBEDDINGS))
		recall_features(request);
	else
		find_features(request);
	return request_go(request, &step_inspect);
}

/* --- decide: which models, in which order
 * --------------------------------------------- */

static struct span find_header(void *arg, struct span name)
{
	return http1_header(arg, name);
}

static enum step_result refuse_decision(struct request *request)
{
	static const int statuses[] = {
	    [ROUTER_DECIDED] = 200,
	    [ROUTER_UNKNOWN_MODEL] = 404,
	    [ROUTER_NOT_ALLOWED] = 403,
	    [ROUTER_NO_CANDIDATE] = 400,
	};
	const struct router_decision *decision = &request->decision;

	return request_refuse(request, statuses[decision->outcome],
	    &(struct dialect_error){
		.message = decision->error_message,
		.type = "invalid_request_error",
		.param = decision->error_param,
		.code = decision->error_code,
	    });
}

static enum step_result decide(struct request *request)
{
	const struct config *config = request->config;
	const struct config_key *key = request->key;
	struct http1_head *head =
	    (struct http1_head *)(uintptr_t)exchange_request(request->exchange);
	const struct router_caller caller = {
	    .name = key->name,
	    .tags = (const char *const *)key->tags,
	    .n_tags = key->n_tags,
	    .may_use = key->may_use,
	    .may_auto = key->may_auto,
	};
	struct router_load *load =
	    arena_alloc(request->arena, config->n_models * sizeof(*load));

	if (!load)
		return request_refuse(request, 500, &request_internal_error);
	snapshot_load(
	    request->snapshot, loop_now_ns(request->worker->loop), load);
	router_decide(
	    &(struct router_question){
		.features = &request->features,
		.input = &request->input,
		.caller = &caller,
		.models = config->catalogue,
		.load = load,
		.n_models = config->n_models,
		.policy = config->policy,
		.header = find_header,
		.header_arg = head,
		.classes = request->classes,
	    },
	    request->arena, &request->decision);
	if (request->decision.outcome != ROUTER_DECIDED)
		return refuse_decision(request);
	request->is_decided = true;
	return request_go(request, &step_look_up);
}

#define S(name, fn) const struct request_step step_##name = {#name, fn}
S(route, route);
S(authorise, authorise);
S(read, read_body);
S(parse, parse);
S(classify, classify);
S(decide, decide);
#undef S
