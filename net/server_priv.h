/* server_priv.h -- what a server, its connections and exchanges share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_SERVER_PRIV_H
#define NET_SERVER_PRIV_H

#include "net/server.h"
#include "net/stream.h"

/*
 * server.c listens and keeps the lists; conn.c, conn_read.c and conn_time.c
 * read requests from a stream and watch over its time (conn.h); exchange.c
 * writes answers. A connection that waits for a request is a struct conn and a
 * stream, nothing more: an exchange with its arena comes from the server's free
 * list once a head is whole.
 */
struct conn;

#define EXCHANGES_KEPT 64   /* free exchanges kept, about 9 KiB each */
#define EXCHANGES_ENDING 16 /* answers on their way on one connection */
#define LINGER_NS (2 * NS_PER_S)

/* Limits as they were when a connection came. */
struct kept_limits {
	size_t references;
	struct server_limits limits;
};

struct server {
	struct loop *loop;
	const struct server_handler *handler;
	void *arg;
	struct tls_context *tls;
	struct kept_limits *limits;
	struct listener *listener; /* NULL once draining */
	uint16_t port;
	bool is_draining;
	loop_fn *drained_fn;
	void *drained_arg;
	struct list conns;
	size_t n_conns;
	size_t n_exchanges;
	size_t n_held;          /* over, but held */
	struct exchange *spare; /* into which the next head is read */
	struct list free_exchanges;
	size_t n_free;
	struct buf head; /* where an answer's head is put together */
	int64_t date_ns; /* when <date> was made, by the loop's time */
	char date[32];   /* "Sun, 06 Nov 1994 08:49:37 GMT" */
};

enum answer_state {
	ANSWER_NONE,
	ANSWER_BEGUN,
	ANSWER_ENDED,
};

struct answer {
	enum answer_state state;
	uint64_t left; /* bytes owed, with a length */
	bool has_length : 1;
	bool is_chunked : 1;
	bool is_until_close : 1;
	bool drops_body : 1; /* HEAD, 204, 304 */
	bool closes : 1;     /* the connection ends with it */
	bool is_cut : 1;
	bool is_event_stream : 1;
	bool is_between_events : 1; /* so a comment may be put in */
};

struct exchange {
	struct list link; /* of conn->ending or server->free_exchanges */
	struct server *server;
	struct conn *conn; /* NULL once it is over */
	struct arena arena;
	struct http1_head head;
	struct http1_body reader;
	struct buf gathered; /* a body that comes in pieces */
	struct span body;
	void *user;
	int64_t started_ns;
	bool awaits_body; /* part of the request is still unread */
	bool is_over;
	bool is_held; /* its memory outlives its end */
	struct answer answer;
};

/* --- server.c ------------------------------------------------------------ */

/* A connection is gone; a drained server tells its owner after the last. */
void server_forget(struct server *server);

/* So is an exchange that was held. */
void server_let_go(struct server *server);

void server_limits_unref(struct kept_limits **limits);

/* --- conn.c -------------------------------------------------------------- */

void conn_start(struct server *server, int fd);

/* Closes it at once; its exchanges are over because of <why>. */
void conn_break(struct conn *conn, enum exchange_over why);

/* Closes it if it waits for a request, else after its answer. */
void conn_drain(struct conn *conn);

struct conn *conn_of_link(struct list *link);
struct stream *conn_stream(const struct conn *conn);

/* --- conn_read.c --------------------------------------------------------- */

/* The current answer has begun: what is unread of its request stays unread. */
void conn_begun(struct conn *conn);

/* <exchange>'s answer is written to its end or cut. */
void conn_answered(struct conn *conn, struct exchange *exchange);

/* --- exchange.c ---------------------------------------------------------- */

/* The spare exchange, made where there is none; its head may be read into. */
struct exchange *exchange_spare(struct server *server);

/* The spare becomes the exchange of <conn>, whose bodies may have <body_max>.
 */
struct exchange *exchange_start(
    struct server *server, struct conn *conn, size_t body_max);

/* Tells the handler and recycles after the turn. */
void exchange_finish(struct exchange *exchange, enum exchange_over why);

/* Answers what the server itself refuses. */
void exchange_refuse(struct exchange *exchange, int status, const char *reason);

/*
 * The same on a connection without an exchange: writes the whole answer, which
 * says that the connection closes.
 */
void exchange_refuse_head(struct server *server, struct stream *stream,
    int status, const char *reason);

/* Something harmless to write on a half-closed connection, or empty. */
struct span exchange_probe(const struct exchange *exchange);

void exchange_free(struct exchange *exchange);

#endif
