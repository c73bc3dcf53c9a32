/* client.c -- a client's pools and the life of its calls. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/client.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>

#include "net/call.h"

/* Ended calls kept for the next ones; about 1 KiB each. */
#define SPARES_MAX 256

/* A callback may start calls again: those wait for the next kick. */
static void on_kick(evutil_socket_t fd, short what, void *arg)
{
	struct client *client = arg;
	struct list batch, *link;

	(void)fd;
	(void)what;
	list_init(&batch);
	while ((link = list_pop_front(&client->starting)))
		list_push_back(&batch, link);
	while ((link = list_pop_front(&batch)))
		call_begin(container_of(link, struct call, link));
}

struct client *client_new(struct loop *loop)
{
	struct client *client = mem_new(struct client);

	client->loop = loop;
	pools_init(&client->pools, loop);
	list_init(&client->starting);
	list_init(&client->detached);
	list_init(&client->spares);
	client->kick = event_new(loop_base(loop), -1, 0, on_kick, client);
	assert(client->kick);
	return client;
}

void client_set_resolver(
    struct client *client, const struct resolver_options *options)
{
	assert(!client->resolver);
	client->resolver_options = *options;
}

static void free_call(struct call *call)
{
	deadline_free(&call->deadline);
	dial_free(&call->dial);
	free(call);
}

/* After the calls that ended before it: retirement keeps the order. */
static void destroy(void *object)
{
	struct client *client = object;
	struct list *link;

	while ((link = list_pop_front(&client->spares)))
		free_call(container_of(link, struct call, link));
	free(client);
}

void client_free(struct client **client)
{
	struct client *c = *client;
	struct list *link;

	*client = NULL;
	if (!c)
		return;
	while ((link = list_pop_front(&c->detached)))
		call_end(container_of(link, struct call, link));
	assert(c->n_calls == 0);
	pools_close(&c->pools);
	resolver_free(&c->resolver);
	event_free(c->kick);
	loop_retire(c->loop, destroy, c);
}

size_t client_idle(const struct client *client)
{
	return client->pools.n_idle;
}

/* --- calls -----------------------------------------------------------------
 */

static struct call *get_call(struct client *client)
{
	struct list *spare = list_pop_front(&client->spares);
	struct call *call;

	if (spare) {
		client->n_spares--;
		return container_of(spare, struct call, link);
	}
	call = mem_new(struct call);
	call_prepare(call, client);
	return call;
}

static void recycle(void *object)
{
	struct call *call = object;
	struct client *client = call->client;

	origin_unref(&call->origin);
	if (call->pieces != call->own_pieces)
		free(call->pieces);
	if (client->n_spares == SPARES_MAX) {
		free_call(call);
		return;
	}
	list_push_front(&client->spares, &call->link);
	client->n_spares++;
}

/* The spans themselves are copied: only the bytes must stay. */
static void set_pieces(struct call *call, const struct call_request *request)
{
	call->n_pieces = request->n_body + 1;
	call->pieces = call->n_pieces <= CALL_PIECES
			   ? call->own_pieces
			   : mem_alloc(call->n_pieces * sizeof(struct span));
	call->pieces[0] = request->head;
	if (request->n_body > 0)
		memcpy(call->pieces + 1, request->body,
		    request->n_body * sizeof(struct span));
}

struct call *call_start(struct client *client,
    const struct call_request *request, const struct call_handler *handler,
    void *arg)
{
	struct call *call = get_call(client);
	const struct client_timeouts *timeouts = &request->origin->timeouts;

	call->origin = origin_ref(request->origin);
	call->handler = handler;
	call->arg = arg;
	call->step = CALL_STARTING;
	call->is_paused = false;
	call->is_reused = false;
	call->is_retry = false;
	call->was_told = false;
	call->was_sent = false;
	set_pieces(call, request);
	call->is_head_method = request->is_head_method;
	call->first_byte_ns = request->first_byte_ns ? request->first_byte_ns
						     : timeouts->first_byte_ns;
	call->step_at_ns = 0;
	call->total_at_ns = timeouts->total_ns > 0
				? loop_now_ns(client->loop) + timeouts->total_ns
				: 0;
	client->n_calls++;
	list_push_back(&client->starting, &call->link);
	event_active(client->kick, EV_TIMEOUT, 0);
	return call;
}

void call_end(struct call *call)
{
	assert(call->step != CALL_OVER);
	call->step = CALL_OVER;
	list_remove(&call->link);
	deadline_clear(&call->deadline);
	dial_stop(&call->dial);
	if (call->stream && call_was_sent(call))
		call->was_sent = true;
	stream_close(&call->stream);
	call->client->n_calls--;
	loop_retire(call->client->loop, recycle, call);
}

void call_cancel(struct call **call)
{
	struct call *c = *call;

	*call = NULL;
	if (c)
		call_end(c);
}

/* --- calls that nobody listens to -------------------------------------- */

#define DETACHED_BYTES ((size_t)64 * 1024)

static void drop_head(
    struct call *call, const struct http1_head *head, void *arg)
{
	(void)call;
	(void)head;
	(void)arg;
}

static void drop_data(struct call *call, struct span bytes, void *arg)
{
	(void)arg;
	if (bytes.len <= call->may_drop)
		call->may_drop -= bytes.len;
	else
		call_end(call);
}

static void drop_event(struct call *call, void *arg)
{
	(void)call;
	(void)arg;
}

static void drop_failure(
    struct call *call, enum call_failure failure, const char *detail, void *arg)
{
	(void)call;
	(void)failure;
	(void)detail;
	(void)arg;
}

static const struct call_handler drop_handler = {
    .on_sent = drop_event,
    .on_head = drop_head,
    .on_data = drop_data,
    .on_done = drop_event,
    .on_failed = drop_failure,
};

void call_detach(struct call **call)
{
	struct call *c = *call;

	*call = NULL;
	if (!c)
		return;
	if (c->step != CALL_READING || c->piece < c->n_pieces) {
		call_end(c);
		return;
	}
	c->handler = &drop_handler;
	c->may_drop = DETACHED_BYTES;
	call_limit_total(c, NS_PER_S);
	call_resume(c);
	list_push_back(&c->client->detached, &c->link);
}

bool call_was_sent(const struct call *call)
{
	return call->was_sent ||
	       (call->stream && call->step >= CALL_SENDING &&
		   stream_bytes_out(call->stream) > call->out_mark);
}

bool call_reused_stream(const struct call *call)
{
	return call->is_reused;
}

const char *call_failure_name(enum call_failure failure)
{
	static const char *const names[] = {
	    [CALL_NO_NAME] = "no_name",
	    [CALL_NO_CONNECTION] = "no_connection",
	    [CALL_TLS] = "tls",
	    [CALL_FIRST_BYTE_TIMEOUT] = "first_byte_timeout",
	    [CALL_SILENCE_TIMEOUT] = "silence_timeout",
	    [CALL_TOTAL_TIMEOUT] = "total_timeout",
	    [CALL_CLOSED] = "closed",
	    [CALL_ILL_FORMED] = "ill_formed",
	};

	assert((size_t)failure < sizeof(names) / sizeof(names[0]));
	return names[failure];
}
