/* client.h -- the client's side of HTTP: calls to origins over kept streams. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include "net/http1.h"
#include "net/loop.h"

/*
 * A client is one loop's set of connection pools, one pool an origin. A call
 * takes an idle stream that is still alive or makes a new one (name lookup,
 * connect, TLS, each with its deadline), sends its request, and reports the
 * answer as it arrives. A request on a reused stream that ends before a single
 * byte of answer came has lost a race with the server's idle timer: it is sent
 * once more, on a fresh stream, and never again. Redirects are not followed.
 */
struct client;
struct call;
struct tls_context;

/* Each is a limit of its own with its own failure; 0: no limit. */
struct client_timeouts {
	int64_t connect_ns; /* name lookup and TCP */
	int64_t tls_ns;
	int64_t first_byte_ns; /* from the request's end to the answer's head,
				  and while the peer takes nothing of it */
	int64_t silence_ns;    /* between bytes of the answer, while reading */
	int64_t total_ns;
};

/*
 * Where calls go: immutable, reference-counted, shared between threads. Two
 * origins with equal scheme, host, port and CA file share a pool, so that a
 * reload does not throw connections away.
 */
struct origin;

struct origin_options {
	const char *host; /* a name or an address, without brackets */
	uint16_t port;
	struct tls_context *tls; /* NULL: plain; referenced */
	const char *ca_file;     /* part of the pool's key; may be NULL */
	size_t pool_idle;        /* idle streams kept per loop */
	int64_t pool_keep_ns;    /* how long one is kept */
	struct client_timeouts timeouts;
};

struct origin *origin_new(const struct origin_options *options);
struct origin *origin_ref(struct origin *origin);
void origin_unref(struct origin **origin);

struct client *client_new(struct loop *loop);

/* Closes idle streams; calls must be over. */
void client_free(struct client **client);

/* Idle streams kept now, over all pools. */
size_t client_idle(const struct client *client);

enum call_failure {
	CALL_NO_NAME,       /* name lookup failed */
	CALL_NO_CONNECTION, /* refused, unreachable, connect timed out */
	CALL_TLS,           /* handshake or certificate */
	CALL_FIRST_BYTE_TIMEOUT,
	CALL_SILENCE_TIMEOUT,
	CALL_TOTAL_TIMEOUT,
	CALL_CLOSED,     /* ended before the answer was whole */
	CALL_ILL_FORMED, /* the answer is not HTTP as we read it */
};

struct call_handler {
	/* Connected (or reused) and the request is on its way. */
	void (*on_sent)(struct call *call, void *arg);
	/* The final head; 1xx are swallowed. Spans live for this call only. */
	void (*on_head)(
	    struct call *call, const struct http1_head *head, void *arg);
	void (*on_data)(struct call *call, struct span bytes, void *arg);
	/* Whole. The call is freed after the turn: let go of it. */
	void (*on_done)(struct call *call, void *arg);
	/* Not whole; likewise the last event. <detail> is for people. */
	void (*on_failed)(struct call *call, enum call_failure failure,
	    const char *detail, void *arg);
};

/* What is sent: the head's bytes are made by the caller (http1_write_...). */
struct call_request {
	struct origin *origin;   /* referenced for the call's life */
	struct span head;        /* whole head with its empty line */
	const struct span *body; /* pieces, sent one after the other; the
				    array itself is copied */
	size_t n_body;
	bool is_head_method;
	int64_t first_byte_ns; /* 0: the origin's */
};

/*
 * Starts a call; no event comes before this returns. <request>'s bytes must
 * live until the call is over (the exchange's arena is the place).
 */
struct call *call_start(struct client *client,
    const struct call_request *request, const struct call_handler *handler,
    void *arg);

/* Breaks it off, closes its stream now; no more events. Leaves NULL. */
void call_cancel(struct call **call);

/*
 * Nobody listens any more, but its stream may be worth keeping: the rest of
 * the answer is read and dropped, 64 KiB and one second of it at most, and
 * past that the call is cancelled. No more events. Leaves NULL.
 */
void call_detach(struct call **call);

/* Stops and resumes reading the answer (the silence timer waits too). */
void call_pause(struct call *call);
void call_resume(struct call *call);

/* How far it got, for the ledger: whether any byte of the request left us. */
bool call_was_sent(const struct call *call);
bool call_reused_stream(const struct call *call);

const char *call_failure_name(enum call_failure failure);

#endif
