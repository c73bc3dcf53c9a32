/* dial.h -- inside net/: an open stream to an origin, from its name. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "net/origin.h"
#include "net/stream.h"

/*
 * Looks the host up, then tries its addresses in turn: the next one starts as
 * soon as one fails, or beside it when it has not answered for a quarter of a
 * second (a light form of RFC 8305). The first to be connected wins and the
 * others are closed; TLS is tried with the winner only. Deadlines are the
 * owner's: it calls dial_stop.
 */
struct dial_handler {
	/* TCP is there and TLS begins; not for plain origins. */
	void (*on_connected)(void *arg);
	/* The stream is the owner's now, who sets its handler. */
	void (*on_open)(struct stream *stream, void *arg);
	/* <detail> lives for this call only. */
	void (*on_failed)(
	    enum call_failure failure, const char *detail, void *arg);
};

struct dial {
	struct loop *loop;
	const struct dial_handler *handler;
	void *arg;
	const struct origin *origin;
	struct resolve_waiter waiter;
	struct addresses addresses;
	size_t next;                       /* of the addresses, to be tried */
	size_t n_open;                     /* of the tries, under way */
	struct stream *tries[RESOLVE_MAX]; /* by address; NULL: not, or over */
	bool is_looking_up;
	bool is_connected; /* one has won */
	struct deadline stagger;
	char problem[128]; /* of the last address that failed */
};

void dial_init(struct dial *dial, struct loop *loop,
    const struct dial_handler *handler, void *arg);

/*
 * Starts; an event may come before this returns. <origin> must live until the
 * dial is over. <resolver> may be NULL for a numeric host.
 */
void dial_start(
    struct dial *dial, const struct origin *origin, struct resolver *resolver);

/* Closes all that is under way; no more events. */
void dial_stop(struct dial *dial);

/* Gives its timer back; it must be over. */
void dial_free(struct dial *dial);

#endif
