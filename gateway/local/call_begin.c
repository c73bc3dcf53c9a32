/* call_begin.c -- from a request to the jobs that answer it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/call_parts.h"

#include <stdio.h>
#include <stdlib.h>

/* --- refusals ---------------------------------------------------------------
 */

static void refuse_unready(struct local_call *call, enum local_state state)
{
	struct error why = {""};
	char message[800];

	local_model_error(call->options.model, &why);
	if (state == LOCAL_LOADING)
		snprintf(message, sizeof(message),
		    "The model %s is being loaded; try again.",
		    call->options.config->name);
	else
		snprintf(message, sizeof(message),
		    "The model %s cannot be used%s%s.",
		    call->options.config->name, why.text[0] ? ": " : "",
		    why.text);
	call_refuse(call, 503,
	    &(struct dialect_error){
		.message = message,
		.type = "server_error",
		.code = state == LOCAL_LOADING ? "model_loading"
					       : "model_unavailable",
	    },
	    state == LOCAL_LOADING ? NS_PER_S : 0);
}

void call_refuse_job(struct local_call *call, const struct job_offer *offer,
    const struct error *err)
{
	static const struct {
		int status;
		const char *type, *param, *code;
	} answers[] = {
	    [JOB_TOO_LONG] = {400, "invalid_request_error", NULL,
		"context_length_exceeded"},
	    [JOB_INVALID] = {400, "invalid_request_error", NULL,
		"invalid_value"},
	    [JOB_FULL] = {429, "rate_limit_error", NULL, "engine_overloaded"},
	    [JOB_CLOSED] = {503, "server_error", NULL, "model_unavailable"},
	};
	enum job_refusal refusal = offer->refusal;
	int64_t retry = offer->retry_ns > 0 ? offer->retry_ns : NS_PER_S;
	const char *param = answers[refusal].param;
	char message[700];

	if (refusal == JOB_TOO_LONG)
		param = call->options.request->endpoint == ENDPOINT_CHAT
			    ? "messages"
			    : "prompt";
	if (refusal == JOB_FULL)
		snprintf(message, sizeof(message),
		    "Too many requests wait for %s; try again later.",
		    call->options.config->name);
	else if (refusal == JOB_TOO_LONG)
		snprintf(message, sizeof(message),
		    "The maximum context length of %s is exceeded: %s.",
		    call->options.config->name, err->text);
	else
		snprintf(message, sizeof(message), "%s: %s.",
		    call->options.config->name, err->text);
	call_refuse(call, answers[refusal].status,
	    &(struct dialect_error){
		.message = message,
		.type = answers[refusal].type,
		.param = param,
		.code = answers[refusal].code,
	    },
	    refusal == JOB_FULL ? retry : 0);
}

void call_refuse_late(struct local_call *call)
{
	call_refuse(call, 429,
	    &(struct dialect_error){
		.message = "Too many requests are before this one; try again "
			   "later.",
		.type = "rate_limit_error",
		.code = "engine_overloaded",
	    },
	    NS_PER_S);
}

void call_refuse_form(struct local_call *call, struct span why)
{
	char message[700];

	snprintf(message, sizeof(message),
	    "The model %.200s does not support '%s' here: %.*s.",
	    call->options.config->name, call->form, SPAN_FMT(why));
	call_refuse(call, 400,
	    &(struct dialect_error){
		.message = message,
		.type = "invalid_request_error",
		.param = call->form,
		.code = "unsupported_parameter",
	    },
	    0);
}

static void refuse_asked(
    struct local_call *call, const struct ask_refusal *refusal)
{
	call_refuse(call, refusal->status,
	    &(struct dialect_error){
		.message = refusal->message,
		.type = "invalid_request_error",
		.param = refusal->param,
		.code = refusal->code,
	    },
	    0);
}

/* --- the answer's frame ------------------------------------------------------
 */

/* The hexadecimal part of "req_0123...". */
static struct span bare_id(const struct local_call *call)
{
	struct span id = call->options.request_id;

	return span_starts_with(id, SPAN("req_")) ? span_from(id, 4) : id;
}

/* Answers with one fingerprint came from one model with the same settings. */
static void write_fingerprint(const struct local_call *call, char out[16])
{
	const struct config_local *local = call->options.config->local;
	struct sha256 digest;
	struct buf text;

	buf_init(&text, 1024);
	(void)!(buf_append(&text, span_of(local->identity)) &&
		sampling_write(&local->sampling, NULL, &text));
	digest = hash_sha256(buf_span(&text));
	buf_free(&text);
	snprintf(out, 16, "fp_%02x%02x%02x%02x%02x", digest.bytes[0],
	    digest.bytes[1], digest.bytes[2], digest.bytes[3], digest.bytes[4]);
}

static void make_say(struct local_call *call)
{
	const struct dialect_request *request = call->options.request;
	bool is_chat = request->endpoint == ENDPOINT_CHAT;
	char fingerprint[16], id[80];
	int len;

	len = snprintf(id, sizeof(id), "%s-%.*s", is_chat ? "chatcmpl" : "cmpl",
	    SPAN_FMT(span_head(bare_id(call), 48)));
	write_fingerprint(call, fingerprint);
	call->say = say_new(&(struct say_options){
	    .endpoint = request->endpoint,
	    .is_stream = request->stream,
	    .tells_usage =
		request->has_include_usage || call->options.asks_usage,
	    .says_null = request->has_include_usage,
	    .has_logprobs = call->has_logprobs,
	    .n_choices = call->n_choices,
	    .id = span_make(id, (size_t)len),
	    .model = span_of(call->options.config->name),
	    .fingerprint = span_of(fingerprint),
	    .created = clock_utc_ns() / NS_PER_S,
	    .max = CALL_ANSWER_MAX,
	});
}

static void make_texts(struct local_call *call, const struct ask *ask)
{
	const struct router_escalate *rule = call->options.escalate;

	call->n_choices = (uint32_t)ask->n_prompts * ask->choices;
	call->n_texts = call->n_choices;
	call->after = ask->after;
	call->takes_one_call = ask->takes_one_call;
	call->has_grammar = ask->grammar != NULL;
	call->form = ask->after.len > 0 ? "tools" : "response_format";
	call->has_logprobs = ask->has_logprobs;
	if (call_is_held(call)) {
		call->hold = HOLD_ON;
		call->is_sampling = rule->sample > 1 && call->n_choices == 1 &&
				    !ask->has_logprobs;
	}
	if (call->is_sampling)
		call->n_texts = rule->sample < HOLD_SAMPLES_MAX
				    ? (uint32_t)rule->sample
				    : HOLD_SAMPLES_MAX;
	call->texts = mem_zalloc(call->n_texts * sizeof(*call->texts));
	if (call->hold == HOLD_ON)
		call->seen = mem_zalloc(call->n_texts * sizeof(*call->seen));
}

/* --- jobs --------------------------------------------------------------------
 */

/* A seed that nobody chose is the request's id, so that a log tells it. */
static uint64_t seed_of(const struct local_call *call, const struct ask *ask)
{
	return ask->has_seed ? ask->generate.sample.seed
			     : hash_fast(bare_id(call), 1);
}

/* Samples differ from one another; the first is the likeliest answer. */
static void vary(struct local_call *call, uint32_t i, const struct ask *ask,
    struct generate_options *generate)
{
	struct sample_options *sample = &generate->sample;

	sample->seed = seed_of(call, ask) + i;
	if (!call->is_sampling)
		return;
	if (i == 0)
		sample->temperature = 0;
	else if (sample->temperature < 0.7f)
		sample->temperature = 0.7f;
}

static void make_reply(
    struct local_call *call, struct call_text *text, const struct ask *ask)
{
	struct reply_options options = ask->reply;

	if (call->options.request->endpoint != ENDPOINT_CHAT)
		return;
	options.seed = hash_fast(bare_id(call), 2) + (uint64_t)text->choice;
	text->reply = reply_new(&options);
	if (call->is_sampling)
		text->judge = reply_new(&options);
}

static void ignore_part(const struct reply_part *part, void *arg)
{
	(void)part;
	(void)arg;
}

/* Nothing is certain yet by the marks before a call. */
static void open_reply(struct reply *reply, struct span before)
{
	if (reply && before.len > 0)
		reply_push(reply, before, ignore_part, NULL);
}

static bool start_job(
    struct local_call *call, uint32_t i, const struct ask *ask)
{
	struct call_text *text = &call->texts[i];
	struct generate_options generate = ask->generate;
	struct job_watch watch;
	struct job_offer offer;
	struct error err = {""};

	text->call = call;
	text->choice = call->is_sampling ? 0 : i;
	text->prompt = text->choice / ask->choices;
	buf_init(&text->kept, CALL_ANSWER_MAX);
	make_reply(call, text, ask);
	open_reply(text->reply, ask->before);
	open_reply(text->judge, ask->before);
	vary(call, i, ask, &generate);
	watch = call_post_watch(call->post, i);
	offer = job_new(call->parts->lane,
	    &(struct job_options){
		.prompt = ask->prompts[text->prompt].ids,
		.n_prompt = ask->prompts[text->prompt].n,
		.generate = generate,
		.n_tops = ask->n_tops,
		.grammar = ask->grammar,
		.grammar_after = ask->grammar_after,
		.shown = ask->shown,
		.n_shown = ask->n_shown,
		.tenant = call->options.tenant,
		.priority = call->options.priority,
		.watch = watch,
	    },
	    &err);
	if (offer.refusal == JOB_TAKEN) {
		text->job = offer.job;
		return true;
	}
	call_post_unwatch(&watch);
	call_refuse_job(call, &offer, &err);
	return false;
}

static void start_all(struct local_call *call, const struct ask *ask)
{
	make_texts(call, ask);
	make_say(call);
	for (uint32_t i = 0; i < call->n_texts; i++) {
		if (!start_job(call, i, ask))
			return;
	}
}

void call_start_asked(struct local_call *call, const struct ask *ask,
    const struct ask_refusal *refusal)
{
	if (ask)
		start_all(call, ask);
	else
		refuse_asked(call, refusal);
}

/* A pattern of a few bytes may become an automaton of thousands of states. */
static bool is_long_reading(const struct dialect_request *request)
{
	return request->body.len > CALL_READ_HERE || request->has_json_schema ||
	       request->has_tools;
}

static void start_jobs(struct local_call *call)
{
	struct ask_refusal refusal = {0};
	struct ask ask;
	bool ok;

	if (is_long_reading(call->options.request)) {
		if (!call_read_apart(call))
			call_refuse_late(call);
		return;
	}
	ok = ask_make(&ask,
	    &(struct ask_source){
		.request = call->options.request,
		.parts = call->parts,
		.model = span_of(call->options.config->name),
		.sampling = call->options.config->local->sampling,
	    },
	    &refusal);
	call_start_asked(call, ok ? &ask : NULL, &refusal);
	ask_free(&ask);
}

/* A model writes texts or gives vectors, not both. */
static void refuse_endpoint(struct local_call *call)
{
	char message[400];

	snprintf(message, sizeof(message), "The model %.200s %s.",
	    call->options.config->name,
	    call->parts->info.is_encoder
		? "gives embeddings and writes no text"
		: "writes text and gives no embeddings");
	call_refuse(call, 400,
	    &(struct dialect_error){
		.message = message,
		.type = "invalid_request_error",
		.param = "model",
		.code = "unsupported_endpoint",
	    },
	    0);
}

void call_open(struct local_call *call)
{
	enum local_state state = local_model_state(call->options.model);
	bool embeds = call->options.request->endpoint == ENDPOINT_EMBEDDINGS;

	if (state != LOCAL_READY) {
		refuse_unready(call, state);
		return;
	}
	call->parts = local_model_parts(call->options.model);
	if (call->parts->info.is_encoder != embeds)
		refuse_endpoint(call);
	else if (embeds)
		call_open_embed(call);
	else
		start_jobs(call);
}
