/* conn.h -- inside net/: one connection of a server, and who works on it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "net/server_priv.h"

/*
 * conn.c begins a connection, hears its stream and ends it; conn_read.c reads
 * its requests, one after the other; conn_time.c says when the client has been
 * waited for long enough, and looks whether it is still there. What servers and
 * exchanges may ask of a connection stands in server_priv.h.
 */
enum conn_step {
	CONN_HEAD,    /* waits for a request or reads its head */
	CONN_BODY,    /* reads a request's body */
	CONN_BUSY,    /* waits for the answer */
	CONN_CLOSING, /* closes once all is sent */
	CONN_GONE,    /* let go of; freed after the turn */
};

struct conn {
	struct list link; /* of server->conns */
	struct server *server;
	struct kept_limits *limits;
	struct stream *stream;
	struct exchange *current; /* the request being read or answered */
	struct list ending;       /* exchanges whose bytes are on their way */
	size_t n_ending;
	struct http1_reader reader;
	struct deadline deadline;
	int64_t waits_since_ns; /* for the client, in CONN_HEAD and CONN_BODY */
	int64_t began_ns;       /* first byte of the head; 0 before */
	int64_t fin_ns;         /* when it shut down its side; 0: it did not */
	uint64_t out_at_probe;  /* bytes written when we last looked */
	unsigned probes;
	bool is_checked; /* since this request was whole, or bytes of it came */
	enum conn_step step;
	bool is_open : 1;      /* TLS has shaken hands, if there is TLS */
	bool is_in_head : 1;   /* waits for the rest of a head, or the first */
	bool is_shown : 1;     /* within conn_take */
	bool is_held_back : 1; /* unread bytes wait for us, not for more */
	bool needs_linger : 1;
};

static inline int64_t conn_now_ns(const struct conn *conn)
{
	return loop_now_ns(conn->server->loop);
}

/* --- conn.c -------------------------------------------------------------- */

/* All is sent: closes in order, after a linger where more is under way. */
void conn_close(struct conn *conn);

/* --- conn_read.c --------------------------------------------------------- */

/* The stream's on_data: reads requests from <in>. Returns the bytes taken. */
size_t conn_take(struct stream *stream, struct span in, void *arg);

/* Refuses what is not even a request; nothing after it can be read. */
void conn_refuse(struct conn *conn, int status, const char *reason);

/* --- conn_time.c --------------------------------------------------------- */

/* Sets the deadline by what the connection waits for now. */
void conn_schedule(struct conn *conn);

/* The deadline of connection <arg> has come. */
void conn_on_deadline(void *arg);

#endif
