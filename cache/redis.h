/* redis.h -- entries in Redis: asked within a deadline, never waited for. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CACHE_REDIS_H
#define CACHE_REDIS_H

#include "cache/entry.h"

struct event_base;

/*
 * One connection a worker, pipelined, on the worker's own loop. Each command
 * has a deadline of its own; what has not come by then is a miss, and its late
 * reply is thrown away. A breaker counts failures and late answers: when it is
 * open nothing is sent for requests, and a probe in the background (after a
 * pause with jitter that doubles up to a limit) finds out when Redis is well
 * again. So no state that Redis can be in costs a request more than one
 * deadline, or fails it. Errors in storing (no memory, a read-only replica)
 * pause the storing alone.
 *
 * A value's key is "sluice:1:" and the first half of its SHA-256 in hexadecimal
 * digits; the value holds all of it. A program that uses this must ignore
 * SIGPIPE.
 */

/* --- where it is
 * --------------------------------------------------------------- */

/*
 * redis://[user[:password]@]host[:port][/database], rediss:// for TLS, and
 * unix://[user[:password]@]/path/to/socket[?db=N]. In user, password and path
 * %XX is a byte. Source: the IANA registrations of redis and rediss.
 */
struct redis_url;

/*
 * NULL with <err>: the part that is wrong and its place in <text>, and nothing
 * of the text itself, since a password may be anywhere in it.
 */
struct redis_url *redis_url_parse(
    struct span text, struct error *err) must_check;
void redis_url_free(struct redis_url **url);
bool redis_url_eq(const struct redis_url *a, const struct redis_url *b);

/* For logs: without user and password. Owned by the url. */
const char *redis_url_text(const struct redis_url *url);

/* Whether this build can speak TLS to Redis (a hiredis with hiredis_ssl). */
bool redis_has_tls(void);

/* --- the connection
 * -------------------------------------------------------------- */

/* What it counts; the caller owns them, any may be NULL. */
struct redis_metrics {
	struct metric *hits, *misses;
	struct metric *late;    /* no answer within the deadline */
	struct metric *failed;  /* errors, connections lost */
	struct metric *skipped; /* not sent: breaker, too much under way */
	struct metric *stored, *store_failed;
	struct metric *bad[CACHE_FAULT_COUNT]; /* values that were no entry */
	struct metric *connects;
	struct metric *breaker;  /* gauge: stores whose breaker is not closed */
	struct metric *duration; /* histogram of answered look-ups */
};

struct redis_options {
	struct event_base *base;
	const struct redis_url *url; /* must outlive the store */
	int64_t deadline_ns;         /* of a command; 0: 20 ms */
	int64_t connect_ns; /* of a connection and its greeting; 0: 1 s */
	int64_t
	    silence_ns;   /* of a connection with commands under way; 0: 1 s */
	int64_t pause_ns; /* the breaker's first pause; 0: 100 ms */
	int64_t pause_max_ns; /* and its longest; 0: 5 s */
	size_t value_max;     /* larger entries are not sent; 0: 4 MiB */
	size_t pending_max;   /* bytes of writes under way; 0: 16 MiB */
	struct redis_metrics metrics;
};

struct redis_store;

/* Begins to connect; what the network does is no error here. */
struct redis_store *redis_store_new(const struct redis_options *options);

/*
 * Look-ups under way end at once with NULL, before this returns. From inside of
 * a redis_found_fn too.
 */
void redis_store_free(struct redis_store **store);

/* False: a look-up would be skipped just now. */
bool redis_store_is_up(const struct redis_store *store);

/*
 * Asks for <key>: <fn>(entry, arg) once, from the loop, with a reference for
 * the callee, or NULL for a miss of any kind, at the latest when the deadline
 * is over. NULL is returned when nothing is asked (breaker open, no
 * connection, too much under way): then <fn> is not called and it is a miss.
 * What is returned is good for redis_lookup_cancel until <fn> is called.
 */
typedef void redis_found_fn(struct cache_entry *entry, void *arg);
struct redis_lookup *redis_store_get(struct redis_store *store,
    const struct sha256 *key, redis_found_fn *fn, void *arg);

/* <fn> will not be called; leaves NULL. */
void redis_lookup_cancel(struct redis_lookup **lookup);

/* SET with the time that the entry has left; nobody waits for the reply. */
void redis_store_put(struct redis_store *store, struct cache_entry *entry);

#endif
