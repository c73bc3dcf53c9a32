/* redis_conn.h -- inside cache/: one connection to Redis, commands and replies.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CACHE_REDIS_CONN_H
#define CACHE_REDIS_CONN_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cache/redis_tls.h"
#include "cache/redis_url.h"

struct event_base;

/*
 * hiredis formats nothing and connects nothing here: it is the buffers, the
 * reading and writing (with TLS where it has that), and the reader of replies.
 * Its asynchronous half is not used. That looks names up with getaddrinfo,
 * which blocks; and it ends the process by an assertion when a server says more
 * than it was asked, so that a port with something else behind it would be
 * fatal. Commands appended in one turn of the loop leave in one write.
 */
struct redis_address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un local;
	} u;
	socklen_t len;
};

enum redis_reply_kind {
	REDIS_NIL,
	REDIS_VALUE,  /* a bulk string */
	REDIS_STATUS, /* +text */
	REDIS_ERROR,  /* -CODE text */
	REDIS_NUMBER, /* its value is of no interest */
};

struct redis_reply {
	enum redis_reply_kind kind;
	struct span text; /* valid during the hook */
};

/*
 * The first word of an error, "OOM" of "OOM command not allowed ...", in at
 * most 32 characters of A-Z; "?" for anything else. The rest is never logged:
 * a server that does not know AUTH quotes what it was sent.
 */
struct span redis_reply_code(const struct redis_reply *reply);

/* What a connection tells. In each of them it may be closed. */
struct redis_conn_hooks {
	void (*ready)(void *arg); /* greeted; commands may be sent */
	void (*reply)(const struct redis_reply *reply, void *arg);
	void (*drained)(void *arg); /* all that was appended has left */
	/* It is of no use any more, <why> in a few words: close it. */
	void (*broken)(const char *why, void *arg);
};

struct redis_conn_options {
	struct event_base *base;
	const struct redis_url *url;         /* must outlive the connection */
	const struct redis_address *address; /* copied */
	struct redis_tls *tls; /* NULL: none; must outlive it too */
	size_t reply_max;      /* a larger reply breaks it */
	const struct redis_conn_hooks *hooks;
	void *arg;
};

struct redis_conn;

/* Begins to connect; NULL with <err> where that fails at once. */
struct redis_conn *redis_conn_open(
    const struct redis_conn_options *options, struct error *err) must_check;

/* No hook is called any more; from inside of one too. */
void redis_conn_close(struct redis_conn **conn);

/* Appends one command. */
void redis_conn_send(
    struct redis_conn *conn, const struct span *words, size_t n);

/* Takes what has arrived, without waiting for the loop to say so. */
void redis_conn_read(struct redis_conn *conn);

/* Bytes appended that have not left. */
size_t redis_conn_unsent(const struct redis_conn *conn);

#endif
