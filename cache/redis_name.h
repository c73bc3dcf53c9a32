/* redis_name.h -- inside cache/: the addresses that a Redis URL leads to. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CACHE_REDIS_NAME_H
#define CACHE_REDIS_NAME_H

#include "cache/redis_conn.h"

/*
 * Addresses and socket files are taken as they are. A name is asked for through
 * the loop (the hosts file first, then the name servers of resolv.conf, both
 * read again for each question) and its addresses are kept for REDIS_NAME_KEEP,
 * or until each of them has failed; so a name that moves is followed.
 */
#define REDIS_NAME_KEEP (30 * NS_PER_S)
#define REDIS_NAME_MAX 8 /* addresses kept */

struct redis_name;

/* A question is answered: <err> says that there is no address, or is NULL. */
typedef void redis_name_fn(const struct error *err, void *arg);

/* <url> must outlive it; <fn>(arg) is called for questions that took time. */
struct redis_name *redis_name_new(struct event_base *base,
    const struct redis_url *url, redis_name_fn *fn, void *arg);

/* A question under way goes on by itself to its end, and tells nobody. */
void redis_name_free(struct redis_name **name);

/*
 * The address to try now. AGAIN: it is being asked for; <fn> will be called,
 * and then this may be called again. FAILED with <err>: it has none.
 */
enum result redis_name_find(struct redis_name *name,
    struct redis_address *address, struct error *err) must_check;

/* The address found last is of no use. True: there is another one to try. */
bool redis_name_failed(struct redis_name *name);

/* Gives up a question under way: the next redis_name_find asks anew. */
void redis_name_forget(struct redis_name *name);

#endif
