/* redis_ask.c -- commands under way: in order, for whom, until when. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>

#include "cache/redis_priv.h"

static struct redis_lookup *of_due(struct list *link)
{
	return container_of(link, struct redis_lookup, due);
}

static struct redis_lookup *of_sent(struct list *link)
{
	return container_of(link, struct redis_lookup, sent);
}

/* Who is called may cancel others, ask for more and free the store. */
static void tell_all(struct redis_store *store)
{
	struct list *link;

	store->n_telling++;
	while ((link = list_pop_front(&store->done))) {
		struct redis_lookup *ask = of_due(link);
		struct cache_entry *entry = ask->entry;
		redis_found_fn *fn = ask->fn;
		void *arg = ask->arg;

		assert(store->done.next != link);
		ask->entry = NULL;
		redis_ask_free_if_over(ask);
		fn(entry, arg);
	}
	if (--store->n_telling == 0 && store->is_freed)
		free(store);
}

static void on_tell(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	tell_all(arg);
}

void redis_ask_start(struct redis_store *store)
{
	list_init(&store->sent);
	list_init(&store->due);
	list_init(&store->done);
	store->tell = event_new(store->options.base, -1, 0, on_tell, store);
	if (!store->tell)
		abort(); /* out of memory, as in base/memory.h */
}

void redis_ask_stop(struct redis_store *store)
{
	event_free(store->tell);
	store->is_freed = true;
	tell_all(store);
}

void redis_ask_free_if_over(struct redis_lookup *ask)
{
	if (list_is_empty(&ask->sent) && list_is_empty(&ask->due))
		free(ask);
}

struct redis_lookup *redis_ask_add(
    struct redis_store *store, enum ask_kind kind, int64_t now_ns)
{
	struct redis_lookup *ask = mem_new(struct redis_lookup);

	ask->kind = kind;
	ask->asked_ns = now_ns;
	list_init(&ask->due);
	if (store->n_sent++ == 0)
		store->heard_ns = now_ns; /* silence begins with a command */
	list_push_back(&store->sent, &ask->sent);
	if (kind != ASK_STORE)
		list_push_back(&store->due, &ask->due);
	return ask;
}

struct redis_lookup *redis_ask_take(struct redis_store *store, int64_t now_ns)
{
	struct list *link = list_pop_front(&store->sent);

	if (!link)
		return NULL;
	store->n_sent--;
	store->heard_ns = now_ns;
	return of_sent(link);
}

struct redis_lookup *redis_ask_first_due(struct redis_store *store)
{
	return list_is_empty(&store->due) ? NULL : of_due(store->due.next);
}

void redis_ask_settle(struct redis_store *store, struct redis_lookup *ask,
    struct cache_entry *entry)
{
	assert(ask->kind == ASK_LOOKUP && !ask->is_settled);
	ask->is_settled = true;
	ask->entry = entry;
	list_remove(&ask->due);
	if (list_is_empty(&store->done))
		event_active(store->tell, EV_TIMEOUT, 0);
	list_push_back(&store->done, &ask->due);
}

void redis_ask_fail(struct redis_store *store, struct redis_lookup *ask)
{
	redis_count(store->options.metrics.failed, 1);
	redis_ask_settle(store, ask, NULL);
}

void redis_ask_fail_due(struct redis_store *store)
{
	struct redis_lookup *ask;

	while ((ask = redis_ask_first_due(store))) {
		if (ask->kind == ASK_LOOKUP)
			redis_ask_fail(store, ask);
		else
			list_remove(&ask->due);
	}
}

void redis_ask_end_all(struct redis_store *store)
{
	struct list *link;

	redis_ask_fail_due(store);
	while ((link = list_pop_front(&store->sent))) {
		struct redis_lookup *ask = of_sent(link);

		assert(store->sent.next != link);
		if (ask->kind == ASK_STORE) {
			redis_writes_over(&store->writes, ask->bytes);
			redis_count(store->options.metrics.store_failed, 1);
		}
		redis_ask_free_if_over(ask);
	}
	store->n_sent = 0;
}
