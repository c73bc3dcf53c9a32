/* service.c -- the provider's API: routes, refusals, and what is billed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_provider/service.h"

#include <assert.h>

#include "tests/fake_provider/embeddings.h"
#include "tests/fake_provider/out.h"
#include "tests/fake_provider/scripts.h"

#define MORE_HEADERS                                                           \
	"openai-version: 2020-10-01\r\n"                                       \
	"openai-processing-ms: 1\r\n"                                          \
	"x-ratelimit-remaining-requests: 9999\r\n"                             \
	"set-cookie: simulated=1; path=/\r\n"

/* One POST under way, on the stack. */
struct post {
	struct caller *caller;
	struct span path;
	struct span body;
	struct ask ask;
	struct directives *directives; /* in the arena: the answer reads them */
	struct span attempt;
	uint64_t seed;
};

/* --- errors ----------------------------------------------------------------
 */

static const struct error_kind {
	int status;
	const char *type;
	const char *code; /* NULL: null */
	const char *message;
} error_kinds[] = {
    {400, "invalid_request_error", NULL, "Invalid request (simulated)."},
    {401, "invalid_request_error", "invalid_api_key",
	"Incorrect API key provided (simulated)."},
    {403, "invalid_request_error", "forbidden", "Forbidden (simulated)."},
    {404, "invalid_request_error", "not_found", "Not found (simulated)."},
    {405, "invalid_request_error", "method_not_supported",
	"Not allowed to use this method here."},
    {413, "invalid_request_error", NULL, "Request too large (simulated)."},
    {429, "requests", "rate_limit_exceeded", "Rate limit reached (simulated)."},
    {500, "server_error", NULL,
	"The server had an error while processing your request (simulated)."},
    {503, "server_error", "overloaded",
	"The engine is currently overloaded (simulated)."},
};

/* The row of <status>, else 400's or 500's. */
static const struct error_kind *find_kind(int status)
{
	const struct error_kind *kind = &error_kinds[0];

	for (size_t i = 0; i < sizeof(error_kinds) / sizeof(error_kinds[0]);
	     i++) {
		if (error_kinds[i].status == status ||
		    (status >= 500 && error_kinds[i].status == 500))
			kind = &error_kinds[i];
	}
	return kind;
}

static void write_or_null(struct buf *out, const char *text)
{
	if (text)
		out_string(out, span_of(text));
	else
		OUT(out, "null");
}

void service_refuse(struct caller *caller, const struct ask_fault *fault,
    const struct directives *directives)
{
	const struct error_kind *kind = find_kind(fault->status);
	struct answer answer = {.status = fault->status,
	    .type = SPAN("application/json"),
	    .more = SPAN(MORE_HEADERS),
	    .directives = directives};
	struct buf *out = &caller->send.body;

	buf_consume(out, SIZE_MAX);
	OUT(out, "{\"error\":{\"message\":");
	out_string(
	    out, span_of(fault->message ? fault->message : kind->message));
	OUT(out, ",\"type\":");
	out_string(out, span_of(kind->type));
	OUT(out, ",\"param\":");
	write_or_null(out, fault->param);
	OUT(out, ",\"code\":");
	write_or_null(out, fault->message ? fault->code : kind->code);
	OUT(out, "}}\n");
	send_start(caller, &answer);
}

static void refuse_path(struct caller *caller, const struct http1_head *head)
{
	struct ask_fault fault = {.status = 404, .code = "unknown_url"};

	fault.message = arena_printf(&caller->arena, "Invalid URL (%.*s %.*s)",
	    SPAN_FMT(head->method), SPAN_FMT(head->path));
	service_refuse(caller, &fault, &directives_none);
}

static void refuse_model(struct caller *caller, struct span model)
{
	struct ask_fault fault = {
	    .status = 404, .param = "model", .code = "model_not_found"};

	fault.message = arena_printf(&caller->arena,
	    "The model `%.*s` does not exist or you do not have access to it.",
	    SPAN_FMT(model));
	service_refuse(caller, &fault, &directives_none);
}

/* Whether the request may go on; else it has been answered. */
static bool is_authorised(struct caller *caller, const struct http1_head *head)
{
	const char *key = caller->worker->provider->api_key;
	struct span given, scheme = SPAN("Bearer ");
	struct ask_fault fault = {.status = 401};

	if (!key)
		return true;
	given = http1_header(head, SPAN("authorization"));
	if (!given.ptr) {
		fault.message = "You didn't provide an API key.";
	} else if (!span_eq_nocase(span_head(given, scheme.len), scheme) ||
		   !span_eq(
		       span_trim(span_from(given, scheme.len)), span_of(key))) {
		fault.message = "Incorrect API key provided: ****.";
		fault.code = "invalid_api_key";
	} else {
		return true;
	}
	service_refuse(caller, &fault, &directives_none);
	return false;
}

/* --- inference -------------------------------------------------------------
 */

static void bill(struct post *post, const struct completion *completion)
{
	struct caller *caller = post->caller;
	const struct directives *d = post->directives;
	bool is_spoiled =
	    directive_is_set(d->hangup) || directive_is_set(d->garbage) ||
	    (directive_is_set(d->reset) && !directive_is_set(d->cut) &&
		!directive_is_set(d->cut_event));

	if (!caller->worker->billing ||
	    (is_spoiled && !directive_is_set(d->bill)))
		return;
	caller->bill = (struct bill){
	    .attempt = arena_copy(&caller->arena, post->attempt),
	    .model = arena_copy(&caller->arena, post->ask.model),
	    .prompt_tokens = post->ask.prompt_tokens,
	    .cached_tokens = completion ? completion->cached_tokens : 0,
	    .completion_tokens = completion ? completion->completion_tokens : 0,
	    .is_stream = completion && completion->is_stream,
	};
	caller->is_billed = true;
	billing_accept(caller->worker->billing, &caller->bill);
}

static void answer_embeddings(struct post *post)
{
	struct answer answer = {.status = 200,
	    .type = SPAN("application/json"),
	    .more = SPAN(MORE_HEADERS),
	    .id = post->seed,
	    .directives = post->directives};

	embeddings_write(
	    &post->ask, post->directives, &post->caller->send.body);
	bill(post, NULL);
	send_start(post->caller, &answer);
}

static void answer_completion(struct post *post)
{
	struct caller *caller = post->caller;
	struct completion_means means = {.directives = post->directives,
	    .seed = post->seed,
	    .tokens = caller->worker->provider->tokens,
	    .request = post->body,
	    .text = &caller->worker->text,
	    .pieces = &caller->worker->pieces};
	struct answer answer = {.status = 200,
	    .type = SPAN("application/json"),
	    .more = SPAN(MORE_HEADERS),
	    .id = post->seed,
	    .directives = post->directives};
	struct ask_fault fault;
	struct completion *completion =
	    completion_plan(&post->ask, &means, &fault);

	if (!completion) {
		service_refuse(caller, &fault, &directives_none);
		return;
	}
	bill(post, completion);
	if (completion->is_stream) {
		answer.type = SPAN("text/event-stream; charset=utf-8");
		answer.events = completion;
	} else {
		completion_write(completion, &caller->send.body);
	}
	send_start(caller, &answer);
}

/* Scripts first, then what the message itself says; false: answered. */
static bool read_directives(struct post *post)
{
	struct caller *caller = post->caller;
	struct provider *provider = caller->worker->provider;
	struct ask_fault fault = {.status = 400, .code = "bad_directive"};
	struct error err;

	scripts_take(provider->scripts, post->ask.model, post->path,
	    post->directives, &caller->arena);
	if (directives_find(post->directives, post->ask.last_text, &err) !=
	    OK) {
		fault.message = err.text;
		service_refuse(caller, &fault, &directives_none);
		return false;
	}
	if (provider->pace > 0 && !directive_is_set(post->directives->pace))
		post->directives->pace = provider->pace;
	directives_keep(post->directives, &caller->arena);
	return true;
}

/* An answer that directives ask for instead of the real one. */
static bool is_turned_away(struct post *post)
{
	const struct directives *d = post->directives;
	struct ask_fault fault = {.status = (int)directive_or(
				      d->status, d->redirect.ptr ? 302 : 200)};

	if (fault.status == 200)
		return false;
	if (directive_is_set(d->bill))
		bill(post, NULL);
	service_refuse(post->caller, &fault, d);
	return true;
}

static void infer(struct caller *caller, const struct http1_head *head,
    struct span body, enum endpoint endpoint)
{
	struct post post = {.caller = caller,
	    .path = head->path,
	    .body = body,
	    .ask = {.endpoint = endpoint, .arena = &caller->arena},
	    .directives = arena_new(&caller->arena, struct directives),
	    .attempt = http1_header(head, SPAN("x-request-id")),
	    .seed = hash_fast(body, 1) | 1};
	struct ask_fault fault;

	assert(post.directives);
	*post.directives = directives_none;
	if (!ask_read(&post.ask, body, &fault))
		service_refuse(caller, &fault, &directives_none);
	else if (!models_have(caller->worker->provider->models, post.ask.model))
		refuse_model(caller, post.ask.model);
	else if (!read_directives(&post) || is_turned_away(&post))
		return;
	else if (endpoint == ENDPOINT_EMBEDDINGS)
		answer_embeddings(&post);
	else
		answer_completion(&post);
}

/* --- models, and the way to them all ---------------------------------------
 */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct span service_path(const struct http1_head *head, struct arena *arena)
{
	struct span path = head->path;
	char *out;
	size_t len = 0;

	if (span_find(path, SPAN("%"), 0) == SIZE_MAX)
		return path;
	out = arena_alloc(arena, path.len);
	assert(out);
	for (size_t i = 0; i < path.len; i++) {
		int high = -1, low = -1;

		if (path.ptr[i] == '%' && i + 2 < path.len) {
			high = hex_value(path.ptr[i + 1]);
			low = hex_value(path.ptr[i + 2]);
		}
		out[len++] = path.ptr[i];
		if (high >= 0 && low >= 0) {
			out[len - 1] = (char)(high * 16 + low);
			i += 2;
		}
	}
	return span_make(out, len);
}

static void answer_models(struct caller *caller, const struct http1_head *head)
{
	struct provider *provider = caller->worker->provider;
	struct span path = service_path(head, &caller->arena);
	struct span prefix = SPAN("/v1/models/");
	struct directives *directives =
	    arena_new(&caller->arena, struct directives);
	struct answer answer = {.status = 200,
	    .type = SPAN("application/json"),
	    .more = SPAN(MORE_HEADERS)};
	struct ask_fault fault = {.status = 200};

	assert(directives);
	*directives = directives_none;
	scripts_take(provider->scripts, SPAN(""), SPAN("/v1/models"),
	    directives, &caller->arena);
	answer.directives = directives;
	fault.status = (int)directive_or(directives->status, 200);
	if (fault.status != 200) {
		service_refuse(caller, &fault, directives);
		return;
	}
	if (!span_starts_with(path, prefix)) {
		models_write_list(provider->models, &caller->send.body);
	} else {
		struct span model = span_from(path, prefix.len);

		if (!models_have(provider->models, model)) {
			refuse_model(caller, model);
			return;
		}
		models_write_one(model, &caller->send.body);
	}
	send_start(caller, &answer);
}

static void on_request(
    struct caller *caller, const struct http1_head *head, struct span body)
{
	static const struct {
		struct span path;
		enum endpoint endpoint;
	} posts[] = {
	    {{.ptr = "/v1/chat/completions", .len = 20}, ENDPOINT_CHAT},
	    {{.ptr = "/v1/completions", .len = 15}, ENDPOINT_TEXT},
	    {{.ptr = "/v1/embeddings", .len = 14}, ENDPOINT_EMBEDDINGS},
	};
	struct ask_fault wrong_method = {.status = 405};
	bool is_get = span_eq(head->method, SPAN("GET")) || caller->is_head;

	if (!is_authorised(caller, head))
		return;
	for (size_t i = 0; i < sizeof(posts) / sizeof(posts[0]); i++) {
		if (!span_eq(head->path, posts[i].path))
			continue;
		if (span_eq(head->method, SPAN("POST")))
			infer(caller, head, body, posts[i].endpoint);
		else
			service_refuse(caller, &wrong_method, &directives_none);
		return;
	}
	if (is_get && (span_eq(head->path, SPAN("/v1/models")) ||
			  span_starts_with(head->path, SPAN("/v1/models/"))))
		answer_models(caller, head);
	else
		refuse_path(caller, head);
}

/* A script that answers early is asked for before the body is there. */
static bool on_head(struct caller *caller, const struct http1_head *head)
{
	struct provider *provider = caller->worker->provider;
	struct directives *directives;
	struct answer answer = {.type = SPAN("application/json"),
	    .more = SPAN(MORE_HEADERS),
	    .must_close = true};

	if (!provider->scripts || head->framing == HTTP1_NO_BODY)
		return false;
	directives = arena_new(&caller->arena, struct directives);
	assert(directives);
	*directives = directives_none;
	scripts_take(provider->scripts, span_make(NULL, 0), head->path,
	    directives, &caller->arena);
	if (!directive_is_set(directives->early))
		return false;
	answer.status = (int)directive_or(directives->status, 413);
	answer.directives = directives;
	OUT(&caller->send.body,
	    "{\"error\":{\"message\":\"Answered before the body was read "
	    "(simulated).\",\"type\":\"invalid_request_error\","
	    "\"param\":null,\"code\":null}}\n");
	caller->keeps_alive = false;
	caller->state = CALLER_ANSWERING;
	send_start(caller, &answer);
	return true;
}

const struct service provider_service = {
    .on_head = on_head,
    .on_request = on_request,
};
