/* dial.c -- looks an origin up and connects to the first address that works. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dial.h"

#include <assert.h>
#include <stdio.h>

/* How long an address may keep the next one waiting: RFC 8305, section 5. */
#define STAGGER_NS (250 * NS_PER_MS)

static void try_next(struct dial *dial);

static void fail(struct dial *dial, enum call_failure failure,
    const char *doing, const char *what)
{
	char detail[512];
	size_t n = dial->addresses.n;

	if (failure == CALL_NO_CONNECTION && n > 1)
		snprintf(detail, sizeof(detail),
		    "%s %s: %s (the last of %zu addresses)", doing,
		    dial->origin->authority, what, n);
	else
		snprintf(detail, sizeof(detail), "%s %s: %s", doing,
		    dial->origin->authority, what);
	dial_stop(dial);
	dial->handler->on_failed(failure, detail, dial->arg);
}

static size_t index_of(const struct dial *dial, const struct stream *stream)
{
	size_t i = 0;

	while (i < dial->next && dial->tries[i] != stream)
		i++;
	assert(i < dial->next);
	return i;
}

/* The winner is known: the others are not needed any more. */
static void settle_on(struct dial *dial, const struct stream *winner)
{
	dial->is_connected = true;
	deadline_clear(&dial->stagger);
	for (size_t i = 0; i < dial->next; i++) {
		if (dial->tries[i] && dial->tries[i] != winner) {
			stream_close(&dial->tries[i]);
			dial->n_open--;
		}
	}
}

static void connected(struct stream *stream, void *arg)
{
	struct dial *dial = arg;

	settle_on(dial, stream);
	if (dial->origin->tls)
		dial->handler->on_connected(dial->arg);
}

static void opened(struct stream *stream, void *arg)
{
	struct dial *dial = arg;

	settle_on(dial, stream);
	dial->tries[index_of(dial, stream)] = NULL;
	dial->n_open = 0;
	dial->handler->on_open(stream, dial->arg);
}

/* A server that speaks first: its bytes wait for whoever gets the stream. */
static size_t keep_data(struct stream *stream, struct span in, void *arg)
{
	(void)stream;
	(void)in;
	(void)arg;
	return 0;
}

/* The system's messages begin with a capital, ours go on in a sentence. */
static void note_problem(struct dial *dial, const char *text)
{
	char *first = dial->problem;

	snprintf(dial->problem, sizeof(dial->problem), "%s",
	    *text ? text : "closed by the server");
	if (*first >= 'A' && *first <= 'Z' && first[1] >= 'a' &&
	    first[1] <= 'z')
		*first = (char)(*first - 'A' + 'a');
}

static void ended(struct stream *stream, enum stream_end end, void *arg)
{
	struct dial *dial = arg;

	(void)end;
	note_problem(dial, stream_detail(stream));
	stream_close(&dial->tries[index_of(dial, stream)]);
	dial->n_open--;
	if (dial->is_connected)
		fail(dial, CALL_TLS, "TLS with", dial->problem);
	else
		try_next(dial);
}

static const struct stream_handler try_handler = {
    .on_connected = connected,
    .on_open = opened,
    .on_data = keep_data,
    .on_end = ended,
};

static void try_next(struct dial *dial)
{
	const struct address *address;
	struct stream_target target = {
	    .tls = dial->origin->tls,
	    .name = dial->origin->host,
	};

	if (dial->next == dial->addresses.n) {
		if (dial->n_open == 0)
			fail(dial, CALL_NO_CONNECTION, "connect to",
			    dial->problem);
		return;
	}
	address = &dial->addresses.list[dial->next];
	target.address = &address->u.any;
	target.address_len = address->len;
	dial->tries[dial->next++] =
	    stream_connect(dial->loop, &target, &try_handler, dial);
	dial->n_open++;
	if (dial->next < dial->addresses.n)
		deadline_after(&dial->stagger, STAGGER_NS);
	else
		deadline_clear(&dial->stagger);
}

static void start_beside(void *arg)
{
	try_next(arg);
}

static void looked_up(
    const struct addresses *found, const char *problem, void *arg)
{
	struct dial *dial = arg;

	dial->is_looking_up = false;
	if (!found) {
		fail(dial, CALL_NO_NAME, "look up", problem);
		return;
	}
	dial->addresses = *found;
	try_next(dial);
}

void dial_init(struct dial *dial, struct loop *loop,
    const struct dial_handler *handler, void *arg)
{
	memset(dial, 0, sizeof(*dial));
	dial->loop = loop;
	dial->handler = handler;
	dial->arg = arg;
	list_init(&dial->waiter.link);
	dial->waiter.fn = looked_up;
	dial->waiter.arg = dial;
	deadline_init(&dial->stagger, loop, start_beside, dial);
}

void dial_start(
    struct dial *dial, const struct origin *origin, struct resolver *resolver)
{
	struct error err;

	dial->origin = origin;
	dial->next = 0;
	dial->n_open = 0;
	dial->addresses.n = 0;
	dial->is_connected = false;
	dial->is_looking_up = true;
	dial->waiter.port = origin->port;
	if (origin->is_numeric) {
		dial->is_looking_up = false;
		dial->addresses.n = 1;
		dial->addresses.list[0] = origin->address;
		try_next(dial);
		return;
	}
	switch (resolver_find(
	    resolver, origin->host, &dial->waiter, &dial->addresses, &err)) {
	case OK:
		dial->is_looking_up = false;
		try_next(dial);
		break;
	case AGAIN:
		break;
	case FAILED:
		looked_up(NULL, err.text, dial);
		break;
	}
}

void dial_stop(struct dial *dial)
{
	resolver_cancel(&dial->waiter);
	dial->is_looking_up = false;
	deadline_clear(&dial->stagger);
	for (size_t i = 0; i < dial->next; i++) {
		if (dial->tries[i])
			stream_close(&dial->tries[i]);
	}
	dial->next = 0;
	dial->n_open = 0;
}

void dial_free(struct dial *dial)
{
	deadline_free(&dial->stagger);
}
