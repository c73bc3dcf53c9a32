/* server.h -- the server's side of HTTP: exchanges on accepted connections. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "net/http1.h"
#include "net/loop.h"

/*
 * A server is one loop's listener: each worker has its own, all bound to the
 * same port by SO_REUSEPORT. It reads requests strictly, answers the ill-formed
 * ones itself, and hands each good one to its handler as an exchange. Requests
 * that a client pipelines wait their turn unread: one exchange at a time on a
 * connection, in order.
 *
 * An exchange lives from its request's head until its answer's last byte left
 * or its client is gone; on_over is its last event and always comes, once. Its
 * arena is the place for what lives as long.
 */
struct server;
struct exchange;
struct tls_context;

struct server_limits {
	struct http1_limits head;
	size_t body;            /* bytes; more is answered 413 */
	int64_t header_time_ns; /* from a connection's or request's first byte
				   to the head's end: 408 */
	int64_t idle_ns;        /* between requests, and for each silence of a
				   client that owes a body or does not read */
};

enum exchange_over {
	EXCHANGE_DONE,    /* the answer was sent to its end */
	EXCHANGE_GONE,    /* the client reset or closed */
	EXCHANGE_STALLED, /* the client took nothing for idle_ns */
	EXCHANGE_CUT,     /* we broke it off: exchange_cut */
};

struct server_handler {
	/*
	 * The head is there, the body is not: answering now (401, 404) spares
	 * reading it. Says nothing: the body is read, after 100 Continue where
	 * the client waits for one.
	 */
	void (*on_head)(struct exchange *exchange, void *arg);
	/* The whole body is there: exchange_body. */
	void (*on_request)(struct exchange *exchange, void *arg);
	/* The client took what was pending: go on producing. */
	void (*on_drained)(struct exchange *exchange, void *arg);
	/* The end; the exchange is freed after the turn. */
	void (*on_over)(
	    struct exchange *exchange, enum exchange_over why, void *arg);
	/*
	 * Our own answer to what the server itself refuses: a body and its
	 * content type for <status>, from <arena>. NULL: a plain line.
	 */
	struct span (*refusal_body)(
	    int status, const char *reason, struct arena *arena, void *arg);
};

struct server_options {
	const char *address; /* "127.0.0.1:8080", "[::1]:0", ":8080" */
	struct server_limits limits;
	struct tls_context *tls; /* or NULL; referenced */
	bool reuse_port;
	const struct server_handler *handler;
	void *arg;
};

/* Whether <address> is one to listen on, without trying it. */
enum result server_check_address(
    const char *address, struct error *err) must_check;

/*
 * Fails when somebody listens on <address> already: with SO_REUSEPORT two
 * programs would share a port, and its clients, unnoticed. Ask before the
 * first server of a process is opened.
 */
enum result server_check_free(
    const char *address, struct error *err) must_check;

/* Binds and listens; the first exchange comes once the loop turns. */
struct server *server_open(struct loop *loop,
    const struct server_options *options, struct error *err) must_check;

/* The port bound (for ":0"). */
uint16_t server_port(const struct server *server);

/* For new connections; those there keep theirs. */
void server_set_tls(struct server *server, struct tls_context *tls);
void server_set_limits(
    struct server *server, const struct server_limits *limits);

/*
 * Stops listening, closes idle connections, closes each other one after its
 * exchange; <fn>(arg) when none is left.
 */
void server_drain(struct server *server, loop_fn *fn, void *arg);

/* Closes everything at once: on_over comes with EXCHANGE_CUT for each. */
void server_close(struct server **server);

/* Connections open now, and exchanges under way. */
size_t server_connections(const struct server *server);
size_t server_exchanges(const struct server *server);

/* --- an exchange's request ----------------------------------------------- */

const struct http1_head *exchange_request(const struct exchange *exchange);
struct span exchange_body(const struct exchange *exchange);
struct arena *exchange_arena(struct exchange *exchange);
const char *exchange_peer(const struct exchange *exchange);
int64_t exchange_started_ns(const struct exchange *exchange); /* first byte */

/*
 * Keeps the exchange's memory (head, body, arena) past on_over, from inside of
 * it or before: what is written is thrown away then. A draining server waits
 * for it. Ends by exchange_release, from the loop.
 */
void exchange_hold(struct exchange *exchange);
void exchange_release(struct exchange *exchange);

/* The handler's own state. */
void exchange_set_user(struct exchange *exchange, void *user);
void *exchange_user(const struct exchange *exchange);

/* --- and its answer ------------------------------------------------------ */

/*
 * A whole answer at once: content-length is added, and the body is dropped for
 * HEAD. Headers may not include content-length, transfer-encoding, connection.
 */
void exchange_answer(struct exchange *exchange, int status,
    const struct http1_header *headers, size_t n_headers, struct span body);

/*
 * An answer in parts: <length> bytes, or chunked when -1 (until close for
 * HTTP/1.0). Then exchange_write as often as wanted, then exchange_end.
 */
void exchange_begin(struct exchange *exchange, int status,
    const struct http1_header *headers, size_t n_headers, int64_t length);
void exchange_write(struct exchange *exchange, struct span bytes);
void exchange_end(struct exchange *exchange);

/* Whether begin or answer was called. */
bool exchange_has_begun(const struct exchange *exchange);

/* Bytes of the answer that the client has not taken yet. */
size_t exchange_pending(const struct exchange *exchange);

/* Pending output is above the mark: pause the source until on_drained. */
bool exchange_is_full(const struct exchange *exchange);

/*
 * Breaks the answer off: what was written goes out, and the connection is
 * closed without the last chunk or short of the length, so that no client can
 * take it for whole.
 */
void exchange_cut(struct exchange *exchange);

#endif
