/* redis_priv.h -- inside cache/: what the three files of a store share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CACHE_REDIS_PRIV_H
#define CACHE_REDIS_PRIV_H

#include "cache/redis_breaker.h"
#include "cache/redis_conn.h"
#include "cache/redis_name.h"
#include "cache/redis_writes.h"

/*
 * redis_store.c takes orders and replies, redis_ask.c keeps the commands under
 * way, redis_link.c keeps the way to the server: connection, breaker and time.
 *
 * Commands wait on two lists. <sent> is in the order of their replies; <due>
 * holds those of them that somebody waits for, in the same order, which is that
 * of their deadlines too, since all have the same time: so one timer does. What
 * is settled moves from <due> to <done> and is told from there by an event of
 * its own, so that nobody is called while replies are being taken.
 *
 * The breaker is closed only while there is a connection that has been probed.
 */
#define REDIS_KEY_PREFIX "sluice:1:"

enum ask_kind {
	ASK_LOOKUP,
	ASK_STORE,
	ASK_PROBE,
};

struct redis_lookup {
	struct list sent; /* on none: its reply was taken */
	struct list due;  /* or done; on none: nobody waits */
	enum ask_kind kind;
	bool is_settled; /* late, cancelled or done: its reply is dropped */
	int64_t asked_ns;
	size_t bytes; /* of a store */
	struct sha256 key;
	redis_found_fn *fn;
	void *arg;
	struct cache_entry *entry; /* what was found */
};

struct redis_store {
	struct redis_options options;
	struct redis_name *name;
	struct redis_tls *tls;   /* NULL: none, or not yet */
	struct redis_conn *conn; /* NULL: none */
	struct redis_breaker breaker;
	struct redis_writes writes;
	struct event *timer, *tell;
	int timer_fd;
	int64_t armed_ns; /* when the timer fires; 0: it does not */
	int64_t dial_ns;  /* when connecting began; 0: it does not */
	int64_t heard_ns; /* when the last reply came */
	struct list sent, due, done;
	size_t n_sent;
	char trouble[128]; /* logged last; empty: none */
	unsigned n_telling;
	bool counts_as_open; /* in the gauge of open breakers */
	bool is_freed;
};

static inline void redis_count(struct metric *metric, size_t n)
{
	if (metric && n)
		metric_add(metric, (int64_t)n);
}

/* --- redis_ask.c: commands under way ---------------------------------------
 */

void redis_ask_start(struct redis_store *store);

/* The connection is gone: there will be no more replies. */
void redis_ask_end_all(struct redis_store *store);

/* Tells what is done and frees the store when nobody is being told any more. */
void redis_ask_stop(struct redis_store *store);

/* A command is about to be sent; it is due unless it is a store. */
struct redis_lookup *redis_ask_add(
    struct redis_store *store, enum ask_kind kind, int64_t now_ns);

/* The next reply's command, taken off <sent>; NULL: there is none. */
struct redis_lookup *redis_ask_take(struct redis_store *store, int64_t now_ns);

/* The due command that was asked first, or NULL. */
struct redis_lookup *redis_ask_first_due(struct redis_store *store);

/* A look-up has its outcome: <entry>, whose reference moves, or NULL. */
void redis_ask_settle(struct redis_store *store, struct redis_lookup *ask,
    struct cache_entry *entry);

/* The same, without an answer. */
void redis_ask_fail(struct redis_store *store, struct redis_lookup *ask);
void redis_ask_fail_due(struct redis_store *store);

/* When it is on no list. */
void redis_ask_free_if_over(struct redis_lookup *ask);

/* --- redis_link.c: the way to the server -----------------------------------
 */

/* Begins to connect. */
void redis_link_start(struct redis_store *store);
void redis_link_stop(struct redis_store *store);

/* The connection is of no use any more; <why> is logged. */
void redis_link_lose(struct redis_store *store, const char *why);

/* A look-up was late or an error: the breaker may open. */
void redis_link_bad(struct redis_store *store, const char *why);

/* A probe's outcome. */
void redis_link_probe_good(struct redis_store *store);
void redis_link_probe_bad(struct redis_store *store, const char *why);

/* After a command was sent. */
void redis_link_arm(struct redis_store *store);

/* --- redis_store.c: orders and replies -------------------------------------
 */

void redis_store_take(
    struct redis_store *store, const struct redis_reply *reply);

/* Sends writes as long as the connection takes them at once. */
void redis_store_send_writes(struct redis_store *store);
void redis_store_drop_writes(struct redis_store *store);

#endif
