/* redis_store.c -- look-ups and stores in Redis: orders and replies. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cache/redis_priv.h"

#define SENT_MAX 32768          /* commands under way */
#define UNSENT_MAX (256 * 1024) /* bytes behind which writes wait */
#define KEY_LEN (sizeof(REDIS_KEY_PREFIX) - 1 + SHA256_LEN)

/* --- replies ---------------------------------------------------------------
 */

/* Somebody else's value under our key is that key's trouble only. */
static bool is_wrong_type(const struct redis_reply *reply)
{
	return reply->kind == REDIS_ERROR &&
	       span_eq(redis_reply_code(reply), SPAN("WRONGTYPE"));
}

/* What a GET may be answered with, though it be no entry. */
static bool is_answer(const struct redis_reply *reply)
{
	return reply->kind == REDIS_NIL || reply->kind == REDIS_VALUE ||
	       is_wrong_type(reply);
}

/* No later reply on this connection can be trusted, or be anything else. */
static bool is_fatal(const struct redis_reply *reply)
{
	return reply->kind != REDIS_ERROR ||
	       span_eq(redis_reply_code(reply), SPAN("NOAUTH"));
}

static void say_error(
    const struct redis_reply *reply, const char *what, char why[96])
{
	struct span code = redis_reply_code(reply);

	if (reply->kind != REDIS_ERROR)
		code = SPAN("something that was not asked for");
	snprintf(why, 96, "%s answered with %.*s", what, SPAN_FMT(code));
}

static void take_value(struct redis_store *store, struct redis_lookup *ask,
    const struct redis_reply *reply, int64_t now_ns)
{
	const struct redis_metrics *m = &store->options.metrics;
	enum cache_fault fault = CACHE_FOREIGN;
	struct cache_entry *entry = NULL;

	if (reply->kind == REDIS_VALUE)
		entry = cache_entry_read(
		    &ask->key, reply->text, clock_utc_ns(), &fault);
	if (!entry && reply->kind != REDIS_NIL)
		redis_count(m->bad[fault], 1);
	redis_count(entry ? m->hits : m->misses, 1);
	if (m->duration)
		metric_observe(m->duration, now_ns - ask->asked_ns);
	redis_breaker_good(&store->breaker, now_ns);
	redis_ask_settle(store, ask, entry);
}

static void take_lookup(struct redis_store *store, struct redis_lookup *ask,
    const struct redis_reply *reply, int64_t now_ns)
{
	char why[96];

	if (is_answer(reply)) {
		take_value(store, ask, reply, now_ns);
		return;
	}
	redis_ask_fail(store, ask);
	say_error(reply, "a look-up was", why);
	if (is_fatal(reply))
		redis_link_lose(store, why);
	else
		redis_link_bad(store, why);
}

static void take_probe(struct redis_store *store, struct redis_lookup *ask,
    const struct redis_reply *reply)
{
	char why[96];

	list_remove(&ask->due);
	say_error(reply, "a probe was", why);
	if (is_answer(reply))
		redis_link_probe_good(store);
	else if (is_fatal(reply))
		redis_link_lose(store, why);
	else
		redis_link_probe_bad(store, why);
}

static void take_store(struct redis_store *store,
    const struct redis_lookup *ask, const struct redis_reply *reply,
    int64_t now_ns)
{
	const struct redis_metrics *m = &store->options.metrics;
	const char *url = redis_url_text(store->options.url);
	struct span code = redis_reply_code(reply);

	redis_writes_over(&store->writes, ask->bytes);
	if (reply->kind == REDIS_STATUS) {
		redis_count(m->stored, 1);
		if (redis_writes_stored(&store->writes))
			log_info(
			    "redis", "redis_writes_resumed", "url=%s", url);
		return;
	}
	redis_count(m->store_failed, 1);
	if (redis_writes_refused(&store->writes, now_ns)) {
		log_warn("redis", "redis_writes_paused",
		    "url=%s error=%.*s pause_ms=%lld", url, SPAN_FMT(code),
		    (long long)(store->writes.pause_ns / NS_PER_MS));
		redis_store_drop_writes(store);
	}
}

void redis_store_take(
    struct redis_store *store, const struct redis_reply *reply)
{
	int64_t now = clock_mono_ns();
	struct redis_lookup *ask = redis_ask_take(store, now);

	if (!ask) {
		redis_link_lose(store, "an answer that nobody asked for");
		return;
	}
	if (ask->kind == ASK_STORE)
		take_store(store, ask, reply, now);
	else if (ask->kind == ASK_LOOKUP && !ask->is_settled)
		take_lookup(store, ask, reply, now);
	else if (ask->kind == ASK_PROBE && !list_is_empty(&ask->due))
		take_probe(store, ask, reply);
	redis_ask_free_if_over(ask);
}

/* --- writes ----------------------------------------------------------------
 */

static void write_key(char text[KEY_LEN], const struct sha256 *key)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = sizeof(REDIS_KEY_PREFIX) - 1;

	memcpy(text, REDIS_KEY_PREFIX, n);
	for (size_t i = 0; n < KEY_LEN; i++) {
		text[n++] = digits[key->bytes[i] >> 4];
		text[n++] = digits[key->bytes[i] & 15];
	}
}

/* False: it has expired. */
static bool send_entry(struct redis_store *store, struct cache_entry *entry)
{
	int64_t left = cache_entry_expires_utc_ns(entry) - clock_utc_ns();
	struct span bytes = cache_entry_bytes(entry);
	char key[KEY_LEN], ttl[24];
	struct span words[] = {
	    SPAN("SET"), span_make(key, KEY_LEN), bytes, SPAN("PX"), {0}};

	if (left < NS_PER_MS)
		return false;
	write_key(key, cache_entry_key(entry));
	words[4] = span_decimal((uint64_t)(left / NS_PER_MS), ttl);
	redis_ask_add(store, ASK_STORE, clock_mono_ns())->bytes = bytes.len;
	redis_conn_send(store->conn, words, 5);
	return true;
}

void redis_store_send_writes(struct redis_store *store)
{
	while (store->conn && redis_conn_unsent(store->conn) < UNSENT_MAX) {
		struct cache_entry *entry = redis_writes_next(&store->writes);

		if (!entry)
			return;
		if (!send_entry(store, entry)) {
			redis_writes_over(
			    &store->writes, cache_entry_bytes(entry).len);
			redis_count(store->options.metrics.store_failed, 1);
		}
		cache_entry_unref(&entry);
	}
}

void redis_store_drop_writes(struct redis_store *store)
{
	redis_count(store->options.metrics.store_failed,
	    redis_writes_drop(&store->writes));
}

/* --- the outside -----------------------------------------------------------
 */

static void set_defaults(struct redis_options *o)
{
	o->deadline_ns = o->deadline_ns ? o->deadline_ns : 20 * NS_PER_MS;
	o->connect_ns = o->connect_ns ? o->connect_ns : NS_PER_S;
	o->silence_ns = o->silence_ns ? o->silence_ns : NS_PER_S;
	o->pause_ns = o->pause_ns ? o->pause_ns : 100 * NS_PER_MS;
	o->pause_max_ns = o->pause_max_ns ? o->pause_max_ns : 5 * NS_PER_S;
	o->value_max = o->value_max ? o->value_max : (size_t)4 << 20;
	o->pending_max = o->pending_max ? o->pending_max : (size_t)16 << 20;
}

struct redis_store *redis_store_new(const struct redis_options *options)
{
	struct redis_store *store = mem_new(struct redis_store);

	store->options = *options;
	set_defaults(&store->options);
	redis_writes_init(&store->writes, store->options.pending_max);
	redis_ask_start(store);
	redis_link_start(store);
	return store;
}

void redis_store_free(struct redis_store **store)
{
	struct redis_store *old = *store;

	*store = NULL;
	if (!old)
		return;
	redis_link_stop(old);
	redis_ask_stop(old);
}

bool redis_store_is_up(const struct redis_store *store)
{
	return store->breaker.state == REDIS_CLOSED;
}

struct redis_lookup *redis_store_get(struct redis_store *store,
    const struct sha256 *key, redis_found_fn *fn, void *arg)
{
	char text[KEY_LEN];
	const struct span words[] = {SPAN("GET"), span_make(text, KEY_LEN)};
	struct redis_lookup *ask;

	if (!redis_store_is_up(store) || store->n_sent >= SENT_MAX) {
		redis_count(store->options.metrics.skipped, 1);
		return NULL;
	}
	ask = redis_ask_add(store, ASK_LOOKUP, clock_mono_ns());
	ask->key = *key;
	ask->fn = fn;
	ask->arg = arg;
	write_key(text, key);
	redis_conn_send(store->conn, words, 2);
	if (!store->armed_ns ||
	    store->armed_ns > ask->asked_ns + store->options.deadline_ns)
		redis_link_arm(store);
	return ask;
}

void redis_lookup_cancel(struct redis_lookup **lookup)
{
	struct redis_lookup *ask = *lookup;

	*lookup = NULL;
	if (!ask)
		return;
	ask->is_settled = true;
	list_remove(&ask->due);
	cache_entry_unref(&ask->entry);
	redis_ask_free_if_over(ask);
}

void redis_store_put(struct redis_store *store, struct cache_entry *entry)
{
	if (!redis_store_is_up(store) ||
	    cache_entry_bytes(entry).len > store->options.value_max ||
	    !redis_writes_add(&store->writes, entry, clock_mono_ns())) {
		redis_count(store->options.metrics.store_failed, 1);
		return;
	}
	redis_store_send_writes(store);
	redis_link_arm(store);
}
