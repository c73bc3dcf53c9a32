/* pull_fetch.h -- one GET of a pull, its redirects followed. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PULL_PULL_FETCH_H
#define GATEWAY_PULL_PULL_FETCH_H

#include "gateway/pull/pull_hub.h"

/*
 * The hub answers for small files itself and sends on to other hosts for large
 * ones. The token goes to the hub's own origin only, and not again once a
 * redirect has led away from it; from https none leads to http. Any callback
 * may stop the fetch, and start it anew.
 */
struct pull_fetch;

struct pull_fetch_handler {
	/* A redirect's head, before it is followed. May be NULL. */
	void (*on_redirect)(const struct http1_head *head, void *arg);
	/* The final head, whatever its status. */
	void (*on_head)(const struct http1_head *head, void *arg);
	void (*on_data)(struct span bytes, void *arg);
	/* Whole, by HTTP's own framing. */
	void (*on_done)(void *arg);
	/* Not whole. <may_retry>: the network, and not what was said by it. */
	void (*on_failed)(bool may_retry, const char *detail, void *arg);
};

struct pull_fetch {
	struct pull_hub *hub;
	const struct pull_fetch_handler *handler;
	void *arg;
	struct call *call;
	struct pull_url url; /* where it is now */
	struct buf head;     /* the request; lives as long as the call */
	int64_t from;        /* first byte asked for; 0: all */
	unsigned hops;
	unsigned starts;   /* tells a new start from this one */
	bool is_elsewhere; /* a redirect has left the hub's origin */
};

void pull_fetch_init(struct pull_fetch *fetch, struct pull_hub *hub,
    const struct pull_fetch_handler *handler, void *arg);

/*
 * Asks the hub for <target>, from byte <from> on. No event comes before this
 * returns; one that runs already is stopped.
 */
void pull_fetch_start(
    struct pull_fetch *fetch, const char *target, int64_t from);

/* No more events. */
void pull_fetch_stop(struct pull_fetch *fetch);

/* Stops it and gives its memory back. */
void pull_fetch_free(struct pull_fetch *fetch);

#endif
