/* caller.h -- one connection: reads its requests, sends their answers. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_PROVIDER_CALLER_H
#define FAKE_PROVIDER_CALLER_H

#include "tests/fake_provider/billed.h"
#include "tests/fake_provider/completion.h"
#include "tests/fake_provider/gzip.h"
#include "tests/fake_provider/provider.h"
#include "tests/fake_provider/records.h"
#include "tests/fake_provider/words.h"

/*
 * The gateway's own server exists to be correct; this one has to be wrong on
 * demand, at any byte. So it stands on streams and the codec directly. caller.c
 * reads requests strictly, one at a time; send.c is the machine that sends an
 * answer, with its waits and its faults.
 */
struct caller;

struct answer {
	int status;
	struct span type; /* content-type */
	struct span more; /* further header lines, each with its CRLF */
	uint64_t id;      /* for x-request-id; 0: none */
	struct completion *events; /* NULL: the body is in caller->send.body */
	const struct directives *directives;
	bool must_close; /* the request was not read to its end */
};

struct service {
	/* Whether it has answered before the body; may be NULL. */
	bool (*on_head)(struct caller *caller, const struct http1_head *head);
	/* Answers by send_start; <body> and <head> end with the call. */
	void (*on_request)(struct caller *caller, const struct http1_head *head,
	    struct span body);
};

enum caller_state {
	CALLER_HEAD, /* a request's head is awaited */
	CALLER_BODY,
	CALLER_ANSWERING,
};

enum send_wait {
	SEND_GOES,
	SEND_DELAYED, /* until the deadline, before the head */
	SEND_PACED,   /* until the deadline, before an event */
	SEND_STALLED, /* until the deadline, once */
	SEND_LEAVES,  /* until the last piece has left us */
	SEND_DRAINS,  /* until the client takes more */
	SEND_BREAKS,  /* until all has left us, to reset then */
};

struct sending {
	struct answer answer;
	struct buf body; /* rendered and not yet written */
	struct gzip gzip;
	struct words splits; /* lengths of split=random */
	size_t next_split;   /* bytes of the next piece; 0: not chosen */
	enum send_wait wait;
	uint64_t bytes; /* of the body, written so far */
	uint64_t events;
	int64_t first_ns; /* of the first event */
	int64_t sent_ns;  /* of the last write; 0: none */
	bool is_chunked;
	bool has_body;  /* not for HEAD, 204, 304 */
	bool has_ended; /* no event is left to be rendered */
	bool has_stalled;
};

struct caller {
	struct list link; /* of worker->callers */
	struct worker *worker;
	const struct service *service;
	struct stream *stream; /* NULL once let go */
	struct deadline deadline;
	struct arena arena; /* of the request under way */
	struct buf in;      /* head and body of one that came in parts */
	size_t head_len;
	struct http1_reader reader;
	struct http1_body body;
	enum caller_state state;
	bool is_reading; /* caller.c is in its loop over what came */
	bool has_unread; /* the stream keeps bytes for the next request */
	bool keeps_alive;
	bool is_head; /* a HEAD request */
	bool is_old;  /* an HTTP/1.0 request */
	bool is_billed;
	uint64_t number;
	struct record *record;
	struct bill bill;
	struct sending send;
};

/* Takes an accepted socket; it frees itself when it ends. */
void caller_open(struct worker *worker, int fd, const struct service *service);

/* Closes at once whatever is under way. */
void caller_close(struct caller *caller);

/* The answer was sent to its end: waits for the next request, or closes. */
void caller_answered(struct caller *caller);

/* The stream was let go of; frees the connection after the turn. */
void caller_retire(struct caller *caller);

/* --- send.c ----------------------------------------------------------------
 */

/* Begins to send <answer>; what breaks it is in its directives. */
void send_start(struct caller *caller, const struct answer *answer);

/* The deadline came, all has left us, or the client took what was pending. */
void send_on_deadline(struct caller *caller);
void send_on_sent(struct caller *caller);
void send_on_drained(struct caller *caller);

/* Notes in the log and the record how the exchange under way ended. */
void send_over(struct caller *caller, enum billed_outcome outcome);

#endif
