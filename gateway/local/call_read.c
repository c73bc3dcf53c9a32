/* call_read.c -- a long reading has a thread of its own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/call_parts.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

/*
 * Rendering a conversation and finding its tokens takes a millisecond for some
 * kilobytes, and half a second for megabytes, as a text to embed does; a schema
 * may take 80 ms, however short it is. In that time the loop must serve others.
 * The thread has copies of all that it needs and a reference to the model, and
 * tells the call by its post; nobody waits for it, so one that belongs to a
 * client who has left ends alone. There are few of them at a time: who sends
 * more than that is told to come again.
 */
enum {
	READINGS_MAX = 16,
	READING_NICE = 5 /* the loops go first */
};
#define READING_ARENA ((size_t)256 << 20)

static _Atomic int readings;

struct call_reading {
	_Atomic int references; /* the call's and the thread's */
	struct job_watch watch; /* the thread's way to the call */
	struct local_model *model;
	enum endpoint endpoint;
	char *name;
	struct config_sampling sampling;
	char *body; /* (len) */
	size_t len;
	struct arena arena;
	struct dialect_request request;
	struct ask ask;
	struct embed_input *input; /* of a request for vectors, for the ask */
	struct ask_refusal refusal;
	bool is_read;
};

/* The body was read before; so much that it cannot be again is too much. */
static bool read_again(struct call_reading *r)
{
	struct dialect_refusal why;

	if (dialect_read_request(r->endpoint, span_make(r->body, r->len),
		&r->arena, &r->request, &why))
		return true;
	r->refusal = (struct ask_refusal){
	    .status = 400,
	    .code = "request_too_large",
	    .message = "The request is too large.",
	};
	return false;
}

static void drop(struct call_reading *r)
{
	if (atomic_fetch_sub(&r->references, 1) != 1)
		return;
	ask_free(&r->ask);
	embed_input_free(&r->input);
	arena_free(&r->arena);
	free(r->body);
	free(r->name);
	local_model_unref(&r->model);
	free(r);
	atomic_fetch_sub(&readings, 1);
}

/* What is refused is kept in the input. */
static bool read_texts(struct call_reading *r)
{
	r->input = embed_input_new(&(struct embed_source){
	    .request = &r->request,
	    .parts = local_model_parts(r->model),
	    .name = r->name,
	});
	if (embed_input_begin(r->input) == OK)
		(void)!embed_input_read(r->input, SIZE_MAX);
	return true;
}

static bool read_ask(struct call_reading *r)
{
	return ask_make(&r->ask,
	    &(struct ask_source){
		.request = &r->request,
		.parts = local_model_parts(r->model),
		.model = span_of(r->name),
		.sampling = r->sampling,
	    },
	    &r->refusal);
}

static void *read_request(void *arg)
{
	const struct job_ended over = {.end = JOB_STOP};
	struct call_reading *r = arg;

	pthread_setname_np(pthread_self(), "request-reader");
	(void)setpriority(PRIO_PROCESS, 0, READING_NICE);
	r->is_read =
	    read_again(r) &&
	    (r->endpoint == ENDPOINT_EMBEDDINGS ? read_texts(r) : read_ask(r));
	r->watch.ended(r->watch.arg, &over);
	drop(r);
	return NULL;
}

/* Nobody joins it; signals are the control's. */
static bool start_thread(struct call_reading *r)
{
	sigset_t all, before;
	pthread_t thread;
	bool is_started;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	is_started = pthread_create(&thread, NULL, read_request, r) == 0;
	if (is_started)
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return is_started;
}

bool call_read_apart(struct local_call *call)
{
	const struct dialect_request *request = call->options.request;
	struct call_reading *r;

	if (atomic_fetch_add(&readings, 1) >= READINGS_MAX) {
		atomic_fetch_sub(&readings, 1);
		return false;
	}
	r = mem_new(struct call_reading);
	r->references = 2;
	r->watch = call_post_watch(call->post, CALL_READ);
	r->model = local_model_ref(call->options.model);
	r->endpoint = request->endpoint;
	r->name = mem_strdup(call->options.config->name);
	r->sampling = call->options.config->local->sampling;
	r->len = request->body.len;
	r->body = mem_alloc(r->len);
	memcpy(r->body, request->body.ptr, r->len);
	arena_init(&r->arena, READING_ARENA);
	call->reading = r;
	if (start_thread(r))
		return true;
	call_post_unwatch(&r->watch);
	drop(r);
	call_end_reading(call);
	return false;
}

void call_end_reading(struct local_call *call)
{
	if (call->reading)
		drop(call->reading);
	call->reading = NULL;
}

void call_take_reading(struct local_call *call)
{
	struct call_reading *r = call->reading;

	call->reading = NULL;
	if (r->input) {
		struct embed_input *input = r->input;

		r->input = NULL;
		call_start_embed(call, input);
	} else {
		call_start_asked(
		    call, r->is_read ? &r->ask : NULL, &r->refusal);
	}
	drop(r);
}
