/* cache_bench.c -- what a key costs, what stays, and what memory it takes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/cache_trace.h"
#include "cache/cache.h"

/*
 * Usage: cache_bench [keys|hits|memory|speed]: all of them without a word.
 * Times are the best of ROUNDS, in CPU time of the thread that is measured;
 * with two threads wall time stands beside it, since what they wait for each
 * other is not CPU time.
 */
#define ROUNDS 5
#define FAR INT64_MAX

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "cache_bench: %s\n", what);
	exit(1);
}

/* --- keys ----------------------------------------------------------------- */

/* A chat request as applications send it, 1 KB. */
#define CHAT                                                                   \
	"{\"model\":\"auto\",\"temperature\":0,\"top_p\":1,\"max_tokens\":"    \
	"512,\"stream\":true,\"stream_options\":{\"include_usage\":true},"     \
	"\"user\":\"u-4711\",\"messages\":[{\"role\":\"system\","              \
	"\"content\":\"You are a helpful assistant that answers in one "       \
	"paragraph and names its sources whenever it has any, and says so "    \
	"when it has none.\"},{\"role\":\"user\",\"content\":\"Which of the "  \
	"two plans is cheaper over three years, if the first costs 20 a "      \
	"month and the second 200 a year with a discount of one tenth in "     \
	"the second year? Show the arithmetic.\"},{\"role\":\"assistant\","    \
	"\"content\":\"The first costs 720 over three years. The second "      \
	"costs 200 plus 180 plus 200, which is 580, so the second is "         \
	"cheaper by 140.\"},{\"role\":\"user\",\"content\":\"And if the "      \
	"first had its first six months free?\\nPlease keep it short, I "      \
	"only need the number and the better plan.\"}],\"tools\":[{\"type\":"  \
	"\"function\",\"function\":{\"name\":\"lookup\",\"description\":"      \
	"\"Finds a price\",\"parameters\":{\"type\":\"object\","               \
	"\"properties\":{\"plan\":{\"type\":\"string\"}}}}}]}"

static void parse(struct span text, struct arena *arena, struct json_doc *doc)
{
	struct json_fault fault;

	must(json_parse(text, arena, doc, &fault), "this is no JSON");
}

/* Microseconds for the canonical text, and for the whole key. */
static void time_key(struct span text, int times, double us[2])
{
	struct arena arena, scratch;
	struct json_doc doc;
	struct cache_question question = {.tenant = SPAN("team-a"),
	    .upstream = SPAN("openai https://api.example.com/v1 large-1"),
	    .policy = SPAN("balanced"),
	    .endpoint = SPAN("chat"),
	    .body = &doc};
	struct sha256 key;

	arena_init(&arena, SIZE_MAX);
	arena_init(&scratch, SIZE_MAX);
	parse(text, &arena, &doc);
	us[0] = us[1] = 1e300;
	for (int round = 0; round < 2 * ROUNDS; round++) {
		int64_t start = clock_thread_cpu_ns();
		double spent;

		for (int i = 0; i < times; i++) {
			arena_reset(&scratch);
			if (round % 2)
				must(cache_key(&question, &scratch, &key),
				    "no key");
			else
				must(cache_canonical(&doc, &scratch).len > 0,
				    "no text");
		}
		spent = (double)(clock_thread_cpu_ns() - start) / times / 1e3;
		if (spent < us[round % 2])
			us[round % 2] = spent;
	}
	arena_free(&scratch);
	arena_free(&arena);
}

static void report_key(const char *what, struct span text, int times)
{
	double us[2];

	time_key(text, times, us);
	printf("  %-40s %9zu bytes %10.2f us canonical, %10.2f us with "
	       "SHA-256\n",
	    what, text.len, us[0], us[1]);
}

/* 100,000 members whose names fall, each <prefix> and a number. */
static void report_members(const char *what, const char *prefix)
{
	struct buf text;
	bool is_fine = true;

	buf_init(&text, SIZE_MAX / 2);
	for (int i = 100000; i-- > 0;)
		is_fine &= buf_printf(
		    &text, "%c\"%s%06d\":0", i == 99999 ? '{' : ',', prefix, i);
	must(is_fine && buf_append(&text, SPAN("}")), "no text");
	report_key(what, buf_span(&text), 3);
	buf_free(&text);
}

static void bench_keys(void)
{
	char body[1024] = {0};
	struct sha256 key = hash_sha256(SPAN("a question"));
	struct cache_answer answer = {
	    .body = {body, sizeof(body)}, .expires_utc_ns = FAR};
	struct cache_entry *entry = cache_entry_new(&key, &answer);
	double best[2] = {1e300, 1e300};

	printf("keys and entries (CPU time, best of %d)\n", ROUNDS);
	report_key("chat request", SPAN(CHAT), 20000);
	report_members("100,000 members", "p");
	report_members("100,000 members, long common prefix",
	    "a-name-that-all-have-in-common-but-for-its-very-last-digits-");
	report_members("100,000 members, escaped", "\\u0070");
	for (int round = 0; round < 2 * ROUNDS; round++) {
		struct span bytes = cache_entry_bytes(entry);
		int64_t start = clock_thread_cpu_ns();
		double ns;

		for (int i = 0; i < 100000; i++) {
			enum cache_fault fault;
			struct cache_entry *made =
			    round % 2 ? cache_entry_read(&key, bytes, 0, &fault)
				      : cache_entry_new(&key, &answer);

			must(made != NULL, "no entry");
			cache_entry_unref(&made);
		}
		ns = (double)(clock_thread_cpu_ns() - start) / 100000;
		if (ns < best[round % 2])
			best[round % 2] = ns;
	}
	printf("  entry of 1 KB: made %.0f ns, read and checked %.0f ns\n",
	    best[0], best[1]);
	cache_entry_unref(&entry);
}

/* --- what stays ----------------------------------------------------------- */

static struct sha256 key_of(uint32_t number)
{
	return hash_sha256(span_make((const char *)&number, sizeof(number)));
}

static struct cache_entry *entry_of(const struct sha256 *key, size_t len)
{
	static const char body[32768];

	return cache_entry_new(key, &(struct cache_answer){
					.body = {body, len},
					.expires_utc_ns = FAR,
				    });
}

/* A body's length by its key: all the same, or 256 bytes to 16 KB. */
static size_t length_of(uint32_t key, bool is_mixed)
{
	uint64_t hash =
	    hash_fast(span_make((const char *)&key, sizeof(key)), 1);

	if (!is_mixed)
		return 1024;
	return ((size_t)256 << hash % 6) * (256 + (hash >> 32) % 256) / 256;
}

/* What an entry costs a store, its node included. */
static uint32_t cost_of(uint32_t key, bool is_mixed)
{
	struct sha256 any = {{0}};
	struct cache_entry *entry = entry_of(&any, length_of(key, is_mixed));
	size_t size = cache_entry_size(entry) + 64 + 8;

	cache_entry_unref(&entry);
	return (uint32_t)size;
}

static bool ask_store(struct memory_store *store, uint32_t number, size_t len)
{
	struct sha256 key = key_of(number);
	struct cache_entry *entry = memory_store_get(store, &key, 0);
	bool is_hit = entry != NULL;

	if (!is_hit) {
		entry = entry_of(&key, len);
		memory_store_put(store, entry);
	}
	cache_entry_unref(&entry);
	return is_hit;
}

/* LRU gets all of the bytes for entries: its table is not counted. */
static void run_trace(
    const struct trace_settings *settings, bool is_mixed, double share)
{
	struct trace *trace = trace_new(settings);
	struct memory_store_counts counts;
	struct memory_store *store;
	struct lru *lru;
	uint32_t *costs = mem_alloc(settings->n_keys * sizeof(*costs));
	uint64_t asked = 0, drawn = 0, by_store = 0, by_lru = 0;
	size_t max = 0;
	uint32_t key;

	for (uint32_t k = 0; k < settings->n_keys; k++)
		max += costs[k] = cost_of(k, is_mixed);
	max = (size_t)((double)max * share);
	store = memory_store_new(max);
	lru = lru_new(trace_keys(trace), max);
	for (; trace_next(trace, &key); asked++) {
		uint32_t cost = key < settings->n_keys ? costs[key]
						       : cost_of(key, is_mixed);

		drawn += key < settings->n_keys;
		by_store += ask_store(store, key, length_of(key, is_mixed));
		by_lru += lru_ask(lru, key, cost);
	}
	memory_store_count(store, &counts);
	printf("  %-6s %5.1f%% %6.1f MB %7" PRIu64 "   %5.1f%% %5.1f%% %+5.1f"
	       "     %5.1f%% %5.1f%% %+5.1f     %5.1f%%\n",
	    is_mixed ? "mixed" : "1 KB", 100 * share, (double)max / 1e6,
	    counts.entries, 100.0 * (double)by_store / (double)asked,
	    100.0 * (double)by_lru / (double)asked,
	    100.0 * ((double)by_store - (double)by_lru) / (double)asked,
	    100.0 * (double)by_store / (double)drawn,
	    100.0 * (double)by_lru / (double)drawn,
	    100.0 * ((double)by_store - (double)by_lru) / (double)drawn,
	    100.0 *
		trace_fame(trace, (size_t)(share * (double)settings->n_keys)));
	memory_store_free(&store);
	lru_free(&lru);
	trace_free(&trace);
	free(costs);
}

static void bench_hits(void)
{
	static const double shares[] = {0.01, 0.05, 0.10, 0.25};
	struct trace_settings settings = {
	    .n_keys = 100000,
	    .exponent = 0.9,
	    .n_requests = 1000000,
	    .scan_every = 20000,
	    .scan_len = 10000,
	    .seed = 20261123,
	};

	for (int scans = 1; scans >= 0; scans--) {
		printf("\nhit ratio: %" PRIu32 " requests over %" PRIu32
		       " keys, Zipf(%.1f) by splitmix64 of seed %" PRIu64 ",\n",
		    settings.n_requests, settings.n_keys, settings.exponent,
		    settings.seed);
		if (scans)
			printf("after every %" PRIu32
			       " of them a scan of %" PRIu32
			       " keys that come once",
			    settings.scan_every, settings.scan_len);
		else
			settings.scan_len = 0;
		printf("%s; the store starts empty\n"
		       "                                   of all requests"
		       "          of the Zipf draws       most famous\n"
		       "  bodies  room of the keys, held  store   LRU"
		       "   diff      store   LRU   diff      pinned\n",
		    scans ? "" : "no scans");
		for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++)
			run_trace(&settings, false, shares[i]);
		run_trace(&settings, true, 0.05);
		run_trace(&settings, true, 0.10);
	}
}

/* --- memory --------------------------------------------------------------- */

/* Resident bytes of this process. */
static size_t resident(void)
{
	unsigned long size = 0, pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	must(file && fscanf(file, "%lu %lu", &size, &pages) == 2,
	    "no /proc/self/statm");
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* A store of <max> bytes after <n> puts; of mixed lengths when <len> is 0. */
static void report_memory(const char *what, size_t max, uint32_t n, size_t len)
{
	struct memory_store_counts counts;
	struct memory_store *store;
	size_t before, grown;

	malloc_trim(0);
	before = resident();
	store = memory_store_new(max);
	for (uint32_t i = 0; i < n; i++)
		ask_store(store, i, len ? len : length_of(i, true));
	grown = resident() - before;
	memory_store_count(store, &counts);
	printf("  %-34s %7" PRIu64 " held: %6.1f MB counted, resident +%.1f MB",
	    what, counts.entries, (double)counts.bytes / 1e6,
	    (double)grown / 1e6);
	if (len)
		printf(", %.2f x the bodies",
		    (double)grown / (double)(counts.entries * len));
	printf("\n");
	memory_store_free(&store);
}

static void bench_memory(void)
{
	printf("\nmemory: what the process grows by\n");
	report_memory(
	    "100,000 of 1 KB in 256 MiB", (size_t)256 << 20, 100000, 1024);
	report_memory(
	    "1,000,000 of 1 KB in 128 MiB", (size_t)128 << 20, 1000000, 1024);
	report_memory(
	    "200,000 of 16 KB in 256 MiB", (size_t)256 << 20, 200000, 16384);
	report_memory(
	    "500,000 of 256 B to 16 KB, 256 MiB", (size_t)256 << 20, 500000, 0);
}

/* --- speed ---------------------------------------------------------------- */

#define SPEED_KEYS 100000
#define SPEED_TURNS 1000000

enum work {
	HOT, /* of a hundredth of the keys */
	HITS,
	MISSES,
	REPLACING,
	EVICTING,
	MIXED, /* nine gets to a put */
};

struct runner {
	pthread_t thread;
	struct memory_store *store;
	const struct sha256 *keys;    /* (2 * SPEED_KEYS) */
	struct cache_entry **entries; /* (2 * SPEED_KEYS) */
	enum work work;
	uint64_t state;
	int64_t cpu_ns;
};

static void run_turn(struct runner *r, uint32_t at)
{
	struct cache_entry *entry = NULL;
	bool is_put = r->work == REPLACING || r->work == EVICTING;

	if (r->work == HOT)
		at %= SPEED_KEYS / 100;
	else if (r->work == MISSES)
		at += SPEED_KEYS;
	else if (r->work == EVICTING) /* most of them are not there */
		at += (uint32_t)(r->state >> 40 & 1) * SPEED_KEYS;
	else if (r->work == MIXED)
		is_put = (r->state >> 40) % 10 == 0;
	if (is_put)
		memory_store_put(r->store, r->entries[at]);
	else
		entry = memory_store_get(r->store, &r->keys[at], 0);
	cache_entry_unref(&entry);
}

static void *run_turns(void *arg)
{
	struct runner *r = arg;
	int64_t start = clock_thread_cpu_ns();

	for (int i = 0; i < SPEED_TURNS; i++) {
		r->state = r->state * UINT64_C(6364136223846793005) + 1;
		run_turn(r, (uint32_t)(r->state >> 33) % SPEED_KEYS);
	}
	r->cpu_ns = clock_thread_cpu_ns() - start;
	return NULL;
}

static void time_work(
    const struct runner *model, int n_threads, double *cpu, double *wall)
{
	struct runner runners[2];

	*cpu = *wall = 1e300;
	for (int round = 0; round < ROUNDS; round++) {
		int64_t start = clock_mono_ns();
		double spent = 0;

		for (int i = 0; i < n_threads; i++) {
			runners[i] = *model;
			runners[i].state = (uint64_t)(round * 2 + i + 1);
			must(pthread_create(&runners[i].thread, NULL, run_turns,
				 &runners[i]) == 0,
			    "no thread");
		}
		for (int i = 0; i < n_threads; i++) {
			pthread_join(runners[i].thread, NULL);
			spent += (double)runners[i].cpu_ns / SPEED_TURNS;
		}
		spent /= n_threads;
		if (spent < *cpu)
			*cpu = spent;
		spent = (double)(clock_mono_ns() - start) / SPEED_TURNS;
		if (spent < *wall)
			*wall = spent;
	}
}

static void bench_speed(void)
{
	static const char *const names[] = {[HOT] = "get, found, of 1,000 keys",
	    [HITS] = "get, found, of all keys",
	    [MISSES] = "get, not found",
	    [REPLACING] = "put in the place of another",
	    [EVICTING] = "put, one is evicted",
	    [MIXED] = "nine gets to a put"};
	struct sha256 *keys = mem_alloc(2 * SPEED_KEYS * sizeof(*keys));
	struct cache_entry **entries =
	    mem_alloc(2 * SPEED_KEYS * sizeof(struct cache_entry *));

	printf("\nspeed: %d entries of 1 KB, any key as likely, ns an "
	       "operation (best of %d)\n%-32s %10s %26s\n",
	    SPEED_KEYS, ROUNDS, "", "one thread", "two threads: CPU    wall");
	for (uint32_t i = 0; i < 2 * SPEED_KEYS; i++) {
		keys[i] = key_of(i);
		entries[i] = entry_of(&keys[i], 1024);
	}
	for (enum work work = HOT; work <= MIXED; work++) {
		size_t max = (size_t)(work == EVICTING ? 64 : 256) << 20;
		struct runner model = {.keys = keys,
		    .entries = entries,
		    .work = work,
		    .store = memory_store_new(max)};
		double one, two, wall;

		for (uint32_t i = 0; i < SPEED_KEYS; i++)
			memory_store_put(model.store, entries[i]);
		time_work(&model, 1, &one, &wall);
		time_work(&model, 2, &two, &wall);
		printf("  %-30s %10.0f %18.0f %7.0f\n", names[work], one, two,
		    wall);
		memory_store_free(&model.store);
	}
	for (uint32_t i = 0; i < 2 * SPEED_KEYS; i++)
		cache_entry_unref(&entries[i]);
	free(keys);
	free(entries);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} parts[] = {{"keys", bench_keys}, {"hits", bench_hits},
	    {"memory", bench_memory}, {"speed", bench_speed}};
	bool has_run = false;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (argc > 1 && strcmp(argv[1], parts[i].name) != 0)
			continue;
		parts[i].run();
		has_run = true;
	}
	if (!has_run)
		fprintf(
		    stderr, "usage: cache_bench [keys|hits|memory|speed]\n");
	return has_run ? 0 : 2;
}
