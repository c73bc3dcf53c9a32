/* redis_link.c -- the way to Redis: connecting, probing, time, trouble. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "cache/redis_priv.h"

#define REPLY_EXTRA 4096 /* of a reply, besides the largest value */

static void dial(struct redis_store *store);

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

/* A little before the deadline, so that who waits goes on by then. */
static int64_t late_ns(const struct redis_store *store)
{
	return store->options.deadline_ns - store->options.deadline_ns / 40;
}

/* What is to be done next; INT64_MAX: nothing. */
static int64_t find_next(struct redis_store *store)
{
	const struct redis_lookup *first = redis_ask_first_due(store);
	const struct redis_options *o = &store->options;
	int64_t at = INT64_MAX;

	if (first)
		at = first->asked_ns + late_ns(store);
	if (store->n_sent)
		at = sooner(at, store->heard_ns + o->silence_ns);
	if (store->dial_ns)
		at = sooner(at, store->dial_ns + o->connect_ns);
	if (store->breaker.state == REDIS_OPEN)
		at = sooner(at, store->breaker.retry_at_ns);
	return at;
}

/*
 * libevent's own timers are up to 5 ms late (a coarse clock, and whole
 * milliseconds in epoll_wait), a quarter of the deadline. They do where the
 * process has no descriptor left for a better one.
 */
static void set_timer(struct redis_store *store, int64_t at_ns)
{
	int64_t left = at_ns - clock_mono_ns();
	struct itimerspec time = {.it_value = {
				      .tv_sec = at_ns / NS_PER_S,
				      .tv_nsec = at_ns % NS_PER_S,
				  }};
	struct timeval delay = {
	    .tv_sec = left > 0 ? left / NS_PER_S : 0,
	    .tv_usec = left > 0 ? left % NS_PER_S / 1000 : 0,
	};

	if (store->timer_fd >= 0)
		timerfd_settime(
		    store->timer_fd, TFD_TIMER_ABSTIME, &time, NULL);
	else
		evtimer_add(store->timer, &delay);
	store->armed_ns = at_ns;
}

/* The timer stays where it is when it fires early enough. */
void redis_link_arm(struct redis_store *store)
{
	int64_t at = find_next(store);

	if (at != INT64_MAX && (!store->armed_ns || store->armed_ns > at))
		set_timer(store, at);
}

/* Stores share the gauge: each adds itself while its breaker is not closed. */
static void count_open(struct redis_store *store, bool is_open)
{
	if (store->options.metrics.breaker && is_open != store->counts_as_open)
		metric_add(store->options.metrics.breaker, is_open ? 1 : -1);
	store->counts_as_open = is_open;
}

/* After each change of the breaker's state and of what is waited for. */
static void update(struct redis_store *store)
{
	count_open(store, store->breaker.state != REDIS_CLOSED);
	redis_link_arm(store);
}

void redis_link_lose(struct redis_store *store, const char *why)
{
	log_trouble(store, why);
	redis_conn_close(&store->conn);
	redis_name_forget(store->name);
	store->dial_ns = 0;
	redis_ask_end_all(store);
	redis_store_drop_writes(store);
	redis_breaker_lost(&store->breaker, clock_mono_ns());
	update(store);
}

/* Nobody is kept waiting for a server that was given up. */
void redis_link_bad(struct redis_store *store, const char *why)
{
	if (!redis_breaker_bad(&store->breaker, clock_mono_ns()))
		return;
	log_trouble(store, why);
	redis_ask_fail_due(store);
	redis_store_drop_writes(store);
	update(store);
}

/* --- probes ----------------------------------------------------------------
 */

/* A GET, since that is what has to work; its key need not be there. */
static void send_probe(struct redis_store *store)
{
	const struct span words[] = {
	    SPAN("GET"), SPAN(REDIS_KEY_PREFIX "probe")};

	redis_ask_add(store, ASK_PROBE, clock_mono_ns());
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

void redis_link_probe_good(struct redis_store *store)
{
	if (!redis_breaker_probe_good(&store->breaker, clock_mono_ns())) {
		send_probe(store);
		return;
	}
	store->trouble[0] = 0;
	log_info(
	    "redis", "redis_up", "url=%s", redis_url_text(store->options.url));
	update(store);
}

void redis_link_probe_bad(struct redis_store *store, const char *why)
{
	redis_breaker_probe_bad(&store->breaker, clock_mono_ns());
	log_trouble(store, why);
	update(store);
}

/* --- connecting ------------------------------------------------------------
 */

static void on_ready(void *arg)
{
	struct redis_store *store = arg;

	redis_count(store->options.metrics.connects, 1);
	store->dial_ns = 0;
	send_probe(store);
}

static void on_reply(const struct redis_reply *reply, void *arg)
{
	redis_store_take(arg, reply);
}

static void on_drained(void *arg)
{
	redis_store_send_writes(arg);
	redis_link_arm(arg);
}

static void on_broken(const char *why, void *arg)
{
	struct redis_store *store = arg;

	if (!store->dial_ns || !redis_name_failed(store->name)) {
		redis_link_lose(store, why);
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

static enum result make_tls(struct redis_store *store, struct error *err)
{
	const struct redis_url *url = store->options.url;

	if (url->is_tls && !store->tls)
		store->tls = redis_tls_new(url->host, err);
	return url->is_tls && !store->tls ? FAILED : OK;
}

/* Tries the name's addresses, one after the other, within connect_ns. */
static void dial(struct redis_store *store)
{
	struct redis_address address;
	struct error err = {0};
	enum result found = make_tls(store, &err);
	struct redis_conn_options options = {
	    .base = store->options.base,
	    .url = store->options.url,
	    .address = &address,
	    .tls = store->tls,
	    .reply_max = store->options.value_max + REPLY_EXTRA,
	    .hooks = &hooks,
	    .arg = store,
	};

	if (!store->dial_ns)
		store->dial_ns = clock_mono_ns();
	while (found == OK && !store->conn) {
		found = redis_name_find(store->name, &address, &err);
		if (found == OK)
			store->conn = redis_conn_open(&options, &err);
		if (!store->conn && found == OK &&
		    !redis_name_failed(store->name))
			found = FAILED;
	}
	if (found == FAILED)
		redis_link_lose(store, err.text);
	else
		update(store);
}

static void on_named(const struct error *err, void *arg)
{
	if (err)
		redis_link_lose(arg, err->text);
	else
		dial(arg);
}

static void give_up_dialing(struct redis_store *store)
{
	char why[64];

	snprintf(why, sizeof(why), "not connected within %lld ms",
	    (long long)(store->options.connect_ns / NS_PER_MS));
	redis_name_failed(store->name);
	redis_link_lose(store, why);
}

/* --- time ------------------------------------------------------------------
 */

/*
 * A connection on which a probe is late is given up: whatever holds it back, or
 * has lost one of its replies, the next probe finds out on a new one.
 */
static void expire(struct redis_store *store, int64_t now_ns)
{
	int64_t before = now_ns - late_ns(store);
	struct redis_lookup *ask;

	while ((ask = redis_ask_first_due(store)) && ask->asked_ns <= before) {
		if (ask->kind == ASK_LOOKUP) {
			redis_count(store->options.metrics.late, 1);
			redis_ask_settle(store, ask, NULL);
			redis_link_bad(store, "look-ups were late");
		} else {
			redis_breaker_probe_bad(&store->breaker, now_ns);
			redis_link_lose(store, "a probe was late");
		}
	}
}

/*
 * The loop may have been busy elsewhere for longer than a deadline: what has
 * arrived by now is no later than this thread is.
 */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct redis_store *store = arg;
	const struct redis_options *o = &store->options;
	const struct redis_lookup *first = redis_ask_first_due(store);
	int64_t now = clock_mono_ns();
	uint64_t n_fired;

	(void)what;
	if (fd >= 0 && read(fd, &n_fired, sizeof(n_fired)) < 0)
		return; /* it was set to another time meanwhile */
	store->armed_ns = 0;
	if (store->conn && first && now - first->asked_ns >= late_ns(store))
		redis_conn_read(store->conn);
	expire(store, now);
	if (store->n_sent && now - store->heard_ns >= o->silence_ns)
		redis_link_lose(store, "no answer on the connection");
	if (store->dial_ns && now - store->dial_ns >= o->connect_ns)
		give_up_dialing(store);
	if (redis_breaker_is_ripe(&store->breaker, now))
		begin_probe(store);
	redis_link_arm(store);
}

static void make_timer(struct redis_store *store)
{
	struct event_base *base = store->options.base;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	store->timer_fd = fd;
	store->timer =
	    fd < 0 ? evtimer_new(base, on_timer, store)
		   : event_new(base, fd, EV_READ | EV_PERSIST, on_timer, store);
	if (!store->timer || (fd >= 0 && event_add(store->timer, NULL) < 0))
		abort(); /* out of memory, as in base/memory.h */
}

void redis_link_start(struct redis_store *store)
{
	const struct redis_options *o = &store->options;
	uint64_t seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = (uint64_t)clock_mono_ns();
	redis_breaker_init(&store->breaker, o->pause_ns, o->pause_max_ns, seed);
	store->name = redis_name_new(o->base, o->url, on_named, store);
	make_timer(store);
	begin_probe(store);
}

void redis_link_stop(struct redis_store *store)
{
	store->breaker.state = REDIS_OPEN; /* nothing is asked any more */
	count_open(store, false);
	redis_conn_close(&store->conn);
	redis_tls_free(&store->tls);
	redis_name_free(&store->name);
	redis_ask_end_all(store);
	redis_store_drop_writes(store);
	event_free(store->timer);
	if (store->timer_fd >= 0)
		close(store->timer_fd);
}
