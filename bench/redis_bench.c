/* redis_bench.c -- what a look-up in Redis costs, in health and in trouble. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <event2/event.h>
#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/redis_place.h"
#include "cache/cache.h"

/*
 * Usage: redis_bench [cost|faults]: both without a word.
 *
 * cost: CPU time of this thread for a look-up that finds an entry of 1 KB, with
 * 1, 16 and 64 of them under way on one connection; beside it a plain GET of
 * the same bytes by hiredis's own asynchronous API on the same loop, which
 * checks nothing and copies nothing. Best of ROUNDS.
 *
 * faults: a look-up every millisecond and a store every ten for some seconds;
 * in the middle a fault. The delay of each look-up is what a request waits for
 * it before it goes on: until its callback, or nothing but the call where it is
 * refused. Written down apart: before the fault, from there until the breaker
 * opened, from then until it closed again, and from then on. Delays are those
 * of a loop that shares this machine with the server, and with whatever else
 * runs.
 */
#define ROUNDS 5
#define LOOKUPS 40000
#define BODY 1024

static struct place place;
static struct event_base *base;
static struct redis_url *url;

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "redis_bench: %s\n", what);
	exit(1);
}

static struct sha256 key_of(uint64_t n)
{
	return hash_sha256(span_make((const char *)&n, sizeof(n)));
}

static struct cache_entry *entry_of(const struct sha256 *key, size_t len)
{
	static const char body[64 * 1024];
	int64_t now = clock_utc_ns();
	struct cache_answer answer = {.body = span_make(body, len),
	    .stored_utc_ns = now,
	    .expires_utc_ns = now + 3600 * NS_PER_S};

	return cache_entry_new(key, &answer);
}

static struct redis_store *open_store(
    struct redis_options *options, uint16_t port)
{
	char text[64];
	struct redis_store *store;
	struct error err;

	snprintf(text, sizeof(text), "redis://127.0.0.1:%u", port);
	redis_url_free(&url);
	url = redis_url_parse(span_of(text), &err);
	must(url, err.text);
	options->base = base;
	options->url = url;
	store = redis_store_new(options);
	while (!redis_store_is_up(store))
		event_base_loop(base, EVLOOP_ONCE);
	return store;
}

/* --- what a look-up costs --------------------------------------------------
 */

struct run {
	struct redis_store *store;
	redisAsyncContext *plain;
	struct sha256 key;
	char name[64];
	unsigned n_asked, n_back, n_found;
};

static void ask(struct run *run);

static void found(struct cache_entry *entry, void *arg)
{
	struct run *run = arg;

	run->n_back++;
	run->n_found += entry != NULL;
	cache_entry_unref(&entry);
	ask(run);
}

static void got(redisAsyncContext *context, void *reply, void *arg)
{
	struct run *run = arg;
	redisReply *r = reply;

	(void)context;
	run->n_back++;
	run->n_found += r && r->type == REDIS_REPLY_STRING;
	ask(run);
}

static void ask(struct run *run)
{
	if (run->n_asked == LOOKUPS)
		return;
	run->n_asked++;
	if (run->plain)
		redisAsyncCommand(run->plain, got, run, "GET %s", run->name);
	else
		must(redis_store_get(run->store, &run->key, found, run) != NULL,
		    "refused");
}

/* Microseconds of CPU a look-up with <depth> of them under way. */
static double time_lookups(struct run *run, unsigned depth)
{
	int64_t best = INT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t start = clock_thread_cpu_ns(), took;

		run->n_asked = run->n_back = run->n_found = 0;
		for (unsigned i = 0; i < depth; i++)
			ask(run);
		while (run->n_back < LOOKUPS)
			event_base_loop(base, EVLOOP_ONCE);
		must(run->n_found == LOOKUPS, "a miss");
		took = clock_thread_cpu_ns() - start;
		best = took < best ? took : best;
	}
	return (double)best / 1e3 / LOOKUPS;
}

static void measure_cost(void)
{
	static const unsigned depths[] = {1, 16, 64};
	struct redis_options options = {.deadline_ns = 10 * NS_PER_S};
	struct run run = {.key = key_of(1)}, plain = {.key = run.key};
	struct cache_entry *entry = entry_of(&run.key, BODY);
	int len = snprintf(plain.name, sizeof(plain.name), "sluice:1:");

	for (int i = 0; i < 16; i++)
		len += snprintf(plain.name + len,
		    sizeof(plain.name) - (size_t)len, "%02x", run.key.bytes[i]);
	run.store = open_store(&options, place.port);
	redis_store_put(run.store, entry);
	plain.plain = redisAsyncConnect("127.0.0.1", place.port);
	redisLibeventAttach(plain.plain, base);
	printf("CPU time of a look-up that finds 1 KB (%d of them, best of "
	       "%d)\n  under way   Sluice, checked entry   "
	       "hiredis, unchecked bytes   ratio\n",
	    LOOKUPS, ROUNDS);
	for (size_t i = 0; i < 3; i++) {
		double own = time_lookups(&run, depths[i]);
		double theirs = time_lookups(&plain, depths[i]);

		printf("  %9u   %18.2f us   %21.2f us   %5.2f\n", depths[i],
		    own, theirs, own / theirs);
	}
	redisAsyncFree(plain.plain);
	redis_store_free(&run.store);
	cache_entry_unref(&entry);
}

/* --- faults ----------------------------------------------------------------
 */

#define SAMPLES 20000

enum phase {
	PHASE_BEFORE,
	PHASE_LEARNING,
	PHASE_OPEN,
	PHASE_AGAIN,
	PHASE_COUNT,
};

struct delays {
	unsigned n, n_hits, n_refused;
	int64_t ns[SAMPLES];
};

struct trial {
	struct redis_store *store;
	struct delays delays[PHASE_COUNT];
	enum phase phase;
	uint64_t n_keys;
	int64_t fault_ns, opened_ns, closed_ns;
};

struct lookup {
	struct trial *trial;
	enum phase phase; /* that it began in */
	int64_t asked_ns;
};

static void note(struct trial *trial, enum phase phase, int64_t asked_ns)
{
	struct delays *d = &trial->delays[phase];

	if (d->n < SAMPLES)
		d->ns[d->n++] = clock_mono_ns() - asked_ns;
}

static void end_lookup(struct cache_entry *entry, void *arg)
{
	struct lookup *lookup = arg;

	note(lookup->trial, lookup->phase, lookup->asked_ns);
	lookup->trial->delays[lookup->phase].n_hits += entry != NULL;
	cache_entry_unref(&entry);
	free(lookup);
}

/* A look-up, of one of a hundred keys, and now and then a store. */
static void on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct trial *t = arg;
	struct sha256 key = key_of(t->n_keys++ % 100);
	struct lookup *lookup = mem_new(struct lookup);

	(void)fd;
	(void)what;
	*lookup = (struct lookup){t, t->phase, clock_mono_ns()};
	if (!redis_store_get(t->store, &key, end_lookup, lookup)) {
		note(t, t->phase, lookup->asked_ns);
		t->delays[t->phase].n_refused++;
		free(lookup);
	}
	if (t->n_keys % 10 == 0) {
		struct cache_entry *entry = entry_of(&key, 16 * 1024);

		redis_store_put(t->store, entry);
		cache_entry_unref(&entry);
	}
}

/* Turns the loop for <ms>, watching the breaker. */
static void turn(struct trial *t, int ms)
{
	int64_t until = clock_mono_ns() + ms * NS_PER_MS;

	while (clock_mono_ns() < until) {
		bool is_up = redis_store_is_up(t->store);

		event_base_loop(base, EVLOOP_ONCE);
		if (is_up && !redis_store_is_up(t->store) &&
		    t->phase == PHASE_LEARNING) {
			t->phase = PHASE_OPEN;
			t->opened_ns = clock_mono_ns();
		}
		if (t->phase == PHASE_OPEN && redis_store_is_up(t->store)) {
			t->phase = PHASE_AGAIN;
			t->closed_ns = clock_mono_ns();
		}
	}
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void print_delays(const char *name, struct delays *d)
{
	if (d->n == 0) {
		printf("    %-9s      none\n", name);
		return;
	}
	qsort(d->ns, d->n, sizeof(d->ns[0]), compare);
	printf("    %-9s %6u asked %6u hits %6u refused   p50 %8.3f  p99 "
	       "%8.3f  max %8.3f ms\n",
	    name, d->n, d->n_hits, d->n_refused, (double)d->ns[d->n / 2] / 1e6,
	    (double)d->ns[d->n * 99 / 100] / 1e6,
	    (double)d->ns[d->n - 1] / 1e6);
}

struct fault {
	const char *name;
	bool is_proxied;
	void (*begin)(void);
	void (*end)(void);
};

/* On a thread of its own, so that the loop goes on meanwhile. */
static void *do_it(void *arg)
{
	void (*const *deed)(void) = arg;

	(*deed)();
	return NULL;
}

static pthread_t start_doing(void (**deed)(void))
{
	pthread_t thread;

	must(pthread_create(&thread, NULL, do_it, deed) == 0, "thread");
	return thread;
}

static void measure_fault(struct fault *fault)
{
	static struct trial trial;
	struct redis_options options = {0};
	const struct timeval beat_time = {.tv_usec = 1000};
	struct trial *t = &trial;
	struct event *beat;
	pthread_t doing[2];

	memset(t, 0, sizeof(*t));
	t->store = open_store(
	    &options, fault->is_proxied ? place.proxy_port : place.port);
	for (uint64_t i = 0; i < 100; i++) {
		struct sha256 key = key_of(i);
		struct cache_entry *entry = entry_of(&key, BODY);

		redis_store_put(t->store, entry);
		cache_entry_unref(&entry);
	}
	beat = event_new(base, -1, EV_PERSIST, on_beat, t);
	event_add(beat, &beat_time);
	turn(t, 1000);
	t->phase = PHASE_LEARNING;
	t->fault_ns = clock_mono_ns();
	doing[0] = start_doing(&fault->begin);
	turn(t, 3000);
	doing[1] = start_doing(&fault->end);
	turn(t, 6000);
	event_free(beat);
	for (int i = 0; i < 2; i++)
		pthread_join(doing[i], NULL);
	printf("  %s: ", fault->name);
	if (t->opened_ns)
		printf("open from %.1f to %.1f ms\n",
		    (double)(t->opened_ns - t->fault_ns) / 1e6,
		    (double)(t->closed_ns - t->fault_ns) / 1e6);
	else
		printf("never open\n");
	print_delays("before", &t->delays[PHASE_BEFORE]);
	print_delays("learning", &t->delays[PHASE_LEARNING]);
	print_delays("open", &t->delays[PHASE_OPEN]);
	print_delays("again", &t->delays[PHASE_AGAIN]);
	redis_store_free(&t->store);
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void begin_stopped(void)
{
	place_kill(&place);
}
static void end_stopped(void)
{
	place_start(&place);
}
static void begin_frozen(void)
{
	place_signal(&place, SIGSTOP);
}
static void end_frozen(void)
{
	place_signal(&place, SIGCONT);
}
static void begin_restarted(void)
{
	place_kill(&place);
	place_start(&place);
}
static void do_nothing(void)
{
}
static void begin_garbage(void)
{
	place_set_mode(PLACE_GARBAGE);
}
static void begin_slow(void)
{
	place_set_mode(PLACE_SLOW);
}
static void end_proxied(void)
{
	place_set_mode(PLACE_PASS);
}
static void begin_full(void)
{
	place_do(&place, "CONFIG SET maxmemory-policy noeviction");
	place_do(&place, "CONFIG SET maxmemory 1mb");
}
static void end_full(void)
{
	place_do(&place, "CONFIG SET maxmemory 0");
}
static void begin_read_only(void)
{
	place_do(&place, "REPLICAOF 127.0.0.1 1");
}
static void end_read_only(void)
{
	place_do(&place, "REPLICAOF NO ONE");
}
static void begin_password(void)
{
	place_do(&place, "CONFIG SET requirepass new");
	place_do(&place, "CLIENT KILL TYPE normal");
}
static void end_password(void)
{
	place_do(&place, "ACL SETUSER default nopass");
}

static struct fault faults[] = {
    {"stopped", false, begin_stopped, end_stopped},
    {"frozen (SIGSTOP)", false, begin_frozen, end_frozen},
    {"restarted", false, begin_restarted, do_nothing},
    {"answering garbage", true, begin_garbage, end_proxied},
    {"answering slowly (50 ms)", true, begin_slow, end_proxied},
    {"full (OOM)", false, begin_full, end_full},
    {"read only", false, begin_read_only, end_read_only},
    {"wanting a password", false, begin_password, end_password},
};

/* Precise, so that a look-up a millisecond is what it says. */
static struct event_base *make_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *made;

	event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	made = event_base_new_with_config(config);
	event_config_free(config);
	must(made, "no event loop");
	return made;
}

int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : "";

	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_ERROR);
	base = make_base();
	place_open(&place);
	if (!only[0] || !strcmp(only, "cost"))
		measure_cost();
	if (!only[0] || !strcmp(only, "faults")) {
		printf("Delay of look-ups, one a millisecond, deadline 20 ms; "
		       "each fault lasts from 0 to 3000 ms\n");
		for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
			measure_fault(&faults[i]);
	}
	redis_url_free(&url);
	place_close(&place);
	event_base_free(base);
	return 0;
}
