/* redis_store.c -- look-ups within a deadline, and the state of their server.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include <event2/event.h>

#include "cache/redis_breaker.h"
#include "cache/redis_conn.h"
#include "cache/redis_name.h"
#include "cache/redis_writes.h"

/*
 * Commands wait on two lists. <sent> is in the order of their replies; <due>
 * holds those of them that somebody waits for, in the same order, which is that
 * of their deadlines too, since all have the same time: so one timer does. What
 * is settled moves from <due> to <done> and is told from there by an event of
 * its own, so that nobody is called while replies are being taken.
 *
 * The breaker is closed only while there is a connection that has been probed.
 */
#define SENT_MAX 32768          /* commands under way */
#define UNSENT_MAX (256 * 1024) /* bytes behind which writes wait */
#define REPLY_EXTRA 4096        /* of a reply, besides the largest value */
#define KEY_PREFIX "sluice:1:"
#define KEY_LEN (sizeof(KEY_PREFIX) - 1 + SHA256_LEN)
#define PROBE_KEY KEY_PREFIX "probe"

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
	struct redis_conn *conn; /* NULL: none */
	struct redis_breaker breaker;
	struct redis_writes writes;
	struct event *timer, *tell;
	int64_t armed_ns; /* when the timer fires; 0: it does not */
	int64_t dial_ns;  /* when connecting began; 0: it does not */
	int64_t heard_ns; /* when the last reply came */
	struct list sent, due, done;
	size_t n_sent;
	char trouble[128]; /* logged last; empty: none */
	unsigned n_telling;
	bool is_freed;
};

static void dial(struct redis_store *store);

static void count(struct metric *metric, int64_t n)
{
	if (metric && n)
		metric_add(metric, n);
}

/* --- commands under way ----------------------------------------------------
 */

static struct redis_lookup *ask_of_sent(struct list *link)
{
	return container_of(link, struct redis_lookup, sent);
}

static struct redis_lookup *ask_of_due(struct list *link)
{
	return container_of(link, struct redis_lookup, due);
}

static void free_if_over(struct redis_lookup *ask)
{
	if (list_is_empty(&ask->sent) && list_is_empty(&ask->due))
		free(ask);
}

static struct redis_lookup *add_ask(
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

/* A look-up has its outcome: <entry>, whose reference moves, or NULL. */
static void settle(struct redis_store *store, struct redis_lookup *ask,
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

static void fail_lookup(struct redis_store *store, struct redis_lookup *ask)
{
	count(store->options.metrics.failed, 1);
	settle(store, ask, NULL);
}

/* Who is called may cancel others, ask for more and free the store. */
static void tell_all(struct redis_store *store)
{
	struct list *link;

	store->n_telling++;
	while ((link = list_pop_front(&store->done))) {
		struct redis_lookup *ask = ask_of_due(link);
		struct cache_entry *entry = ask->entry;
		redis_found_fn *fn = ask->fn;
		void *arg = ask->arg;

		ask->entry = NULL;
		free_if_over(ask);
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

/* Nobody is kept waiting for a server that was given up. */
static void fail_all_due(struct redis_store *store)
{
	struct list *link;

	while ((link = store->due.next) != &store->due) {
		struct redis_lookup *ask = ask_of_due(link);

		if (ask->kind == ASK_LOOKUP)
			fail_lookup(store, ask);
		else
			list_remove(link);
	}
}

static void drop_writes(struct redis_store *store)
{
	count(store->options.metrics.store_failed,
	    (int64_t)redis_writes_drop(&store->writes));
}

/* The connection is gone: there will be no more replies. */
static void end_all_sent(struct redis_store *store)
{
	struct list *link;

	fail_all_due(store);
	while ((link = list_pop_front(&store->sent))) {
		struct redis_lookup *ask = ask_of_sent(link);

		if (ask->kind == ASK_STORE) {
			redis_writes_over(&store->writes, ask->bytes);
			count(store->options.metrics.store_failed, 1);
		}
		free_if_over(ask);
	}
	store->n_sent = 0;
}

/* --- the server's state ----------------------------------------------------
 */

/* Each trouble once, until there is another one or it is over. */
static void log_trouble(struct redis_store *store, const char *why)
{
	if (!strncmp(store->trouble, why, sizeof(store->trouble) - 1))
		return;
	snprintf(store->trouble, sizeof(store->trouble), "%s", why);
	log_warn("redis", "redis_down", "url=%s reason=\"%s\"",
	    redis_url_text(store->options.url), why);
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The timer stays where it is when it fires early enough. */
static void arm(struct redis_store *store)
{
	const struct redis_options *o = &store->options;
	int64_t at = INT64_MAX, now = clock_mono_ns(), left;
	struct timeval tv;

	if (!list_is_empty(&store->due))
		at = ask_of_due(store->due.next)->asked_ns + o->deadline_ns;
	if (!list_is_empty(&store->sent))
		at = sooner(at, store->heard_ns + o->silence_ns);
	if (store->dial_ns)
		at = sooner(at, store->dial_ns + o->connect_ns);
	if (store->breaker.state == REDIS_OPEN)
		at = sooner(at, store->breaker.retry_at_ns);
	if (at == INT64_MAX || (store->armed_ns && store->armed_ns <= at))
		return;
	left = at > now ? at - now : 0;
	left += 999; /* rounded up to a microsecond */
	tv.tv_sec = left / NS_PER_S;
	tv.tv_usec = left % NS_PER_S / 1000;
	evtimer_add(store->timer, &tv);
	store->armed_ns = at;
}

/* After each change of the breaker's state and of what is waited for. */
static void update(struct redis_store *store)
{
	if (store->options.metrics.breaker)
		metric_set(store->options.metrics.breaker,
		    (int64_t)store->breaker.state);
	arm(store);
}

static void lose(struct redis_store *store, const char *why)
{
	log_trouble(store, why);
	redis_conn_close(&store->conn);
	redis_name_forget(store->name);
	store->dial_ns = 0;
	end_all_sent(store);
	drop_writes(store);
	redis_breaker_lost(&store->breaker, clock_mono_ns());
	update(store);
}

/* A look-up was late or an error. */
static void note_bad(struct redis_store *store, const char *why)
{
	if (!redis_breaker_bad(&store->breaker, clock_mono_ns()))
		return;
	log_trouble(store, why);
	fail_all_due(store);
	drop_writes(store);
	update(store);
}

static void send_probe(struct redis_store *store)
{
	const struct span words[] = {SPAN("GET"), SPAN(PROBE_KEY)};

	add_ask(store, ASK_PROBE, clock_mono_ns());
	redis_conn_send(store->conn, words, 2);
	update(store);
}

static void begin_probe(struct redis_store *store)
{
	redis_breaker_probe(&store->breaker);
	if (store->conn)
		send_probe(store);
	else
		dial(store);
}

/* --- replies ---------------------------------------------------------------
 */

/* Somebody else's value under our key is that key's trouble only. */
static bool is_wrong_type(const struct redis_reply *reply)
{
	return reply->kind == REDIS_ERROR &&
	       span_eq(redis_reply_code(reply), SPAN("WRONGTYPE"));
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
		count(m->bad[fault], 1);
	count(entry ? m->hits : m->misses, 1);
	if (m->duration)
		metric_observe(m->duration, now_ns - ask->asked_ns);
	redis_breaker_good(&store->breaker, now_ns);
	settle(store, ask, entry);
}

static void take_lookup(struct redis_store *store, struct redis_lookup *ask,
    const struct redis_reply *reply, int64_t now_ns)
{
	char why[96];

	if (reply->kind == REDIS_NIL || reply->kind == REDIS_VALUE ||
	    is_wrong_type(reply)) {
		take_value(store, ask, reply, now_ns);
		return;
	}
	fail_lookup(store, ask);
	say_error(reply, "a look-up was", why);
	if (is_fatal(reply))
		lose(store, why);
	else
		note_bad(store, why);
}

static void note_up(struct redis_store *store)
{
	store->trouble[0] = 0;
	log_info(
	    "redis", "redis_up", "url=%s", redis_url_text(store->options.url));
	update(store);
}

static void take_probe(struct redis_store *store, struct redis_lookup *ask,
    const struct redis_reply *reply, int64_t now_ns)
{
	char why[96];

	list_remove(&ask->due);
	if (reply->kind == REDIS_NIL || reply->kind == REDIS_VALUE ||
	    is_wrong_type(reply)) {
		if (redis_breaker_probe_good(&store->breaker, now_ns))
			note_up(store);
		else
			send_probe(store);
		return;
	}
	say_error(reply, "a probe was", why);
	if (is_fatal(reply)) {
		lose(store, why);
		return;
	}
	redis_breaker_probe_bad(&store->breaker, now_ns);
	log_trouble(store, why);
	update(store);
}

static void take_store(struct redis_store *store, struct redis_lookup *ask,
    const struct redis_reply *reply, int64_t now_ns)
{
	const struct redis_metrics *m = &store->options.metrics;
	struct span code = redis_reply_code(reply);
	bool is_stored = reply->kind == REDIS_STATUS;

	redis_writes_over(&store->writes, ask->bytes);
	count(is_stored ? m->stored : m->store_failed, 1);
	if (is_stored) {
		if (redis_writes_stored(&store->writes))
			log_info("redis", "redis_writes_resumed", "url=%s",
			    redis_url_text(store->options.url));
		return;
	}
	if (redis_writes_refused(&store->writes, now_ns)) {
		log_warn("redis", "redis_writes_paused",
		    "url=%s error=%.*s pause_ms=%lld",
		    redis_url_text(store->options.url), SPAN_FMT(code),
		    (long long)(store->writes.pause_ns / NS_PER_MS));
		drop_writes(store);
	}
}

static void on_reply(const struct redis_reply *reply, void *arg)
{
	struct redis_store *store = arg;
	struct list *link = list_pop_front(&store->sent);
	int64_t now = clock_mono_ns();
	struct redis_lookup *ask;

	if (!link) {
		lose(store, "an answer that nobody asked for");
		return;
	}
	ask = ask_of_sent(link);
	store->n_sent--;
	store->heard_ns = now;
	if (ask->kind == ASK_STORE)
		take_store(store, ask, reply, now);
	else if (ask->is_settled || list_is_empty(&ask->due))
		;
	else if (ask->kind == ASK_LOOKUP)
		take_lookup(store, ask, reply, now);
	else
		take_probe(store, ask, reply, now);
	free_if_over(ask);
}

/* --- writes ----------------------------------------------------------------
 */

static void write_key(char text[KEY_LEN], const struct sha256 *key)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = sizeof(KEY_PREFIX) - 1;

	memcpy(text, KEY_PREFIX, n);
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
	add_ask(store, ASK_STORE, clock_mono_ns())->bytes = bytes.len;
	redis_conn_send(store->conn, words, 5);
	return true;
}

static void send_writes(struct redis_store *store)
{
	while (store->conn && redis_conn_unsent(store->conn) < UNSENT_MAX) {
		struct cache_entry *entry = redis_writes_next(&store->writes);

		if (!entry)
			return;
		if (!send_entry(store, entry)) {
			redis_writes_over(
			    &store->writes, cache_entry_bytes(entry).len);
			count(store->options.metrics.store_failed, 1);
		}
		cache_entry_unref(&entry);
	}
}

static void on_drained(void *arg)
{
	struct redis_store *store = arg;

	send_writes(store);
	arm(store);
}

/* --- connecting ------------------------------------------------------------
 */

static void on_ready(void *arg)
{
	struct redis_store *store = arg;

	count(store->options.metrics.connects, 1);
	store->dial_ns = 0;
	store->heard_ns = clock_mono_ns();
	send_probe(store);
}

static void on_broken(const char *why, void *arg)
{
	struct redis_store *store = arg;
	bool is_dialing = store->dial_ns != 0;

	if (!is_dialing || !redis_name_failed(store->name)) {
		lose(store, why);
		return;
	}
	redis_conn_close(&store->conn);
	dial(store);
}

static const struct redis_conn_hooks hooks = {
    .ready = on_ready,
    .reply = on_reply,
    .drained = on_drained,
    .broken = on_broken,
};

/* Tries the name's addresses, one after the other, within connect_ns. */
static void dial(struct redis_store *store)
{
	struct redis_address address;
	struct redis_conn_options options = {
	    .base = store->options.base,
	    .url = store->options.url,
	    .address = &address,
	    .reply_max = store->options.value_max + REPLY_EXTRA,
	    .hooks = &hooks,
	    .arg = store,
	};
	struct error err = {0};
	enum result found;

	if (!store->dial_ns)
		store->dial_ns = clock_mono_ns();
	do {
		found = redis_name_find(store->name, &address, &err);
		if (found == OK)
			store->conn = redis_conn_open(&options, &err);
	} while (found == OK && !store->conn && redis_name_failed(store->name));
	if (found == FAILED || (found == OK && !store->conn))
		lose(store, err.text);
	else
		update(store);
}

static void on_named(const struct error *err, void *arg)
{
	struct redis_store *store = arg;

	if (err)
		lose(store, err->text);
	else
		dial(store);
}

/* --- time ------------------------------------------------------------------
 */

/*
 * A connection on which a probe is late is given up: whatever holds it back, or
 * has lost one of its replies, the next probe finds out on a new one.
 */
static void expire(struct redis_store *store, int64_t now_ns)
{
	int64_t before = now_ns - store->options.deadline_ns;
	struct list *link;

	while ((link = store->due.next) != &store->due) {
		struct redis_lookup *ask = ask_of_due(link);

		if (ask->asked_ns > before)
			return;
		if (ask->kind == ASK_LOOKUP) {
			count(store->options.metrics.late, 1);
			settle(store, ask, NULL);
			note_bad(store, "look-ups were late");
		} else {
			redis_breaker_probe_bad(&store->breaker, now_ns);
			lose(store, "a probe was late");
		}
	}
}

static void give_up_dialing(struct redis_store *store)
{
	char why[64];

	snprintf(why, sizeof(why), "not connected within %lld ms",
	    (long long)(store->options.connect_ns / NS_PER_MS));
	redis_name_failed(store->name);
	lose(store, why);
}

/*
 * The loop may have been busy elsewhere for longer than a deadline: what has
 * arrived by now is no later than this thread is.
 */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct redis_store *store = arg;
	const struct redis_options *o = &store->options;
	int64_t now = clock_mono_ns();

	(void)fd;
	(void)what;
	store->armed_ns = 0;
	if (store->conn && !list_is_empty(&store->due) &&
	    now - ask_of_due(store->due.next)->asked_ns >= o->deadline_ns)
		redis_conn_read(store->conn);
	expire(store, now);
	if (!list_is_empty(&store->sent) &&
	    now - store->heard_ns >= o->silence_ns)
		lose(store, "no answer on the connection");
	if (store->dial_ns && now - store->dial_ns >= o->connect_ns)
		give_up_dialing(store);
	if (redis_breaker_is_ripe(&store->breaker, now))
		begin_probe(store);
	arm(store);
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
	uint64_t seed = 0;

	store->options = *options;
	set_defaults(&store->options);
	list_init(&store->sent);
	list_init(&store->due);
	list_init(&store->done);
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = (uint64_t)clock_mono_ns();
	redis_breaker_init(&store->breaker, store->options.pause_ns,
	    store->options.pause_max_ns, seed);
	redis_writes_init(&store->writes, store->options.pending_max);
	store->name =
	    redis_name_new(options->base, options->url, on_named, store);
	store->timer = evtimer_new(options->base, on_timer, store);
	store->tell = event_new(options->base, -1, 0, on_tell, store);
	if (!store->timer || !store->tell)
		abort(); /* out of memory, as in base/memory.h */
	begin_probe(store);
	return store;
}

void redis_store_free(struct redis_store **store)
{
	struct redis_store *old = *store;

	*store = NULL;
	if (!old)
		return;
	old->is_freed = true;
	old->breaker.state = REDIS_OPEN; /* takes nothing more */
	redis_conn_close(&old->conn);
	redis_name_free(&old->name);
	end_all_sent(old);
	drop_writes(old);
	event_free(old->timer);
	event_free(old->tell);
	tell_all(old);
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
		count(store->options.metrics.skipped, 1);
		return NULL;
	}
	ask = add_ask(store, ASK_LOOKUP, clock_mono_ns());
	ask->key = *key;
	ask->fn = fn;
	ask->arg = arg;
	write_key(text, key);
	redis_conn_send(store->conn, words, 2);
	if (!store->armed_ns ||
	    store->armed_ns > ask->asked_ns + store->options.deadline_ns)
		arm(store);
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
	free_if_over(ask);
}

void redis_store_put(struct redis_store *store, struct cache_entry *entry)
{
	if (!redis_store_is_up(store) ||
	    cache_entry_bytes(entry).len > store->options.value_max ||
	    !redis_writes_add(&store->writes, entry, clock_mono_ns())) {
		count(store->options.metrics.store_failed, 1);
		return;
	}
	send_writes(store);
	arm(store);
}
