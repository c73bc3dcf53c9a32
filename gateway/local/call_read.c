/* call_read.c -- a large request is read on a thread of its own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/call_parts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/*
 * Rendering a conversation and finding its tokens takes a millisecond for some
 * kilobytes, and half a second for megabytes, in which the loop must serve
 * others. The thread has a copy of the body and touches nothing of the call but
 * its post, which is not closed before the thread has been joined. There are
 * few of them at a time: who sends more than that is told to come again.
 */
enum {
	READINGS_MAX = 4
};
#define READING_ARENA ((size_t)256 << 20)

static _Atomic int readings;

struct call_reading {
	pthread_t thread;
	struct call_post *post;
	const struct local_parts *parts;
	enum endpoint endpoint;
	struct span model;
	char *body;
	size_t len;
	struct arena arena;
	struct dialect_request request;
	struct ask ask;
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

static void *read_request(void *arg)
{
	struct call_reading *r = arg;

	r->is_read = read_again(r) && ask_make(&r->ask,
					  &(struct ask_source){
					      .request = &r->request,
					      .parts = r->parts,
					      .model = r->model,
					  },
					  &r->refusal);
	call_post_kick(r->post, CALL_READ);
	return NULL;
}

static void free_reading(struct call_reading *r)
{
	ask_free(&r->ask);
	arena_free(&r->arena);
	free(r->body);
	free(r);
	atomic_fetch_sub(&readings, 1);
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
	r->post = call->post;
	r->parts = call->parts;
	r->endpoint = request->endpoint;
	r->model = span_of(call->options.config->name);
	r->len = request->body.len;
	r->body = mem_alloc(r->len);
	memcpy(r->body, request->body.ptr, r->len);
	arena_init(&r->arena, READING_ARENA);
	if (pthread_create(&r->thread, NULL, read_request, r)) {
		free_reading(r);
		return false;
	}
	call->reading = r;
	return true;
}

void call_end_reading(struct local_call *call)
{
	struct call_reading *r = call->reading;

	if (!r)
		return;
	call->reading = NULL;
	pthread_join(r->thread, NULL);
	free_reading(r);
}

void call_take_reading(struct local_call *call)
{
	struct call_reading *r = call->reading;

	pthread_join(r->thread, NULL);
	call->reading = NULL;
	call_start_asked(call, r->is_read ? &r->ask : NULL, &r->refusal);
	free_reading(r);
}
