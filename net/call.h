/* call.h -- inside net/: one call, and the client that it belongs to. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_CALL_H
#define NET_CALL_H

#include "net/client.h"
#include "net/dial.h"
#include "net/pool.h"

struct event;

/*
 * A call walks through these steps, never back but for the one retry of a
 * request that lost the race for a reused stream (any step before READING to
 * DIALLING). call.c holds the machine, client.c the calls' and pools' life.
 */
enum call_step {
	CALL_STARTING, /* on client->starting */
	CALL_DIALLING, /* name lookup and TCP */
	CALL_SECURING, /* TLS handshake */
	CALL_SENDING,  /* some of the request has not left us */
	CALL_WAITING,  /* for the answer's head */
	CALL_READING,  /* the answer's body */
	CALL_OVER,     /* its last event has come; freed after the turn */
};

/* Head and pieces of a request that need no memory of their own. */
#define CALL_PIECES 8

struct call {
	struct list link; /* of client->starting, ->detached or ->spares */
	struct client *client;
	struct origin *origin;
	const struct call_handler *handler;
	void *arg;
	struct stream *stream;
	enum call_step step;
	bool is_head_method;
	bool is_paused;
	bool is_reused;    /* <stream> came from the pool */
	bool is_retry;     /* the race was lost once already */
	bool was_told;     /* on_sent */
	bool was_sent;     /* on a stream that is gone */
	bool keeps_alive;  /* the answer allows another request */
	bool has_answered; /* any byte of it, 1xx included */

	/* the request: its head is the first piece */
	struct span
	    *pieces; /* <own_pieces>, or malloc'ed when there are more */
	struct span own_pieces[CALL_PIECES];
	size_t n_pieces;
	size_t piece;      /* the one being written */
	size_t offset;     /* what of it is written */
	uint64_t out_mark; /* stream's bytes out before it */

	/* the answer */
	struct http1_reader reader;
	struct http1_body body;
	unsigned n_interim; /* 1xx */
	size_t may_drop;    /* bytes, once detached */

	/* One timer for two limits, the step's and the total; 0: none. */
	struct deadline deadline;
	int64_t step_at_ns;
	int64_t total_at_ns;
	int64_t first_byte_ns;

	struct dial dial;
};

struct client {
	struct loop *loop;
	struct pools pools;
	struct resolver *resolver; /* made for the first name */
	struct resolver_options resolver_options;
	struct event *kick; /* runs <starting> */
	struct list starting;
	struct list detached; /* calls that nobody listens to */
	struct list spares;   /* struct call, for the next ones */
	size_t n_spares;
	size_t n_calls; /* not over */
};

/* Other name servers and files than the system's; before the first call. */
void client_set_resolver(
    struct client *client, const struct resolver_options *options);

/* --- call.c ----------------------------------------------------------------
 */

/* Makes a new struct call ready once for all the calls that it will be. */
void call_prepare(struct call *call, struct client *client);

/* Takes a stream or dials; called out of the loop. */
void call_begin(struct call *call);

/* The call is over in <ns> at the latest. */
void call_limit_total(struct call *call, int64_t ns);

/* Gives back all but the memory; no more events. */
void call_end(struct call *call);

#endif
