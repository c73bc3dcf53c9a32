/* projection_bench.c -- what the projection costs, and how fast it answers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "ledger/projection.h"
#include "ledger/projector.h"

/*
 * Usage: projection_bench [ROWS [SECONDS [DIRECTORY]]]. Two parts, each in a
 * new folder of DIRECTORY (./bench-projection):
 *
 * follow  writes 5,000 attempts a second for SECONDS (20) into a ledger, while
 *         the projection's thread follows; prints the CPU time of all threads
 *         but the writing one for each 1,000 rows, and how far it fell behind.
 * ask     puts ROWS attempts (10 million) of the last 90 days through the
 *         projecting code, without a ledger, then asks for overviews and
 *         tables over every range that the page has, with no filter and with
 *         filters: the slowest of five, in CPU time. ROWS below 0 asks a
 *         file that was left by an earlier run.
 *
 * Every combination of 20 keys, 6 models, 8 rules and 9 tasks is as likely as
 * any other, which no real traffic is: a rule has its models, a team its tasks.
 */
#define KEYS 20
#define MODELS 6
#define RULES 8
#define TASKS 9
#define RATE 5000
#define OUTSTANDING 2000
#define CELLS_MAX 8192
#define DAY_NS (86400 * NS_PER_S)

static uint64_t seed = 20261123;

static uint64_t draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static void must(enum result result, const struct error *err)
{
	if (result != FAILED)
		return;
	fprintf(stderr, "projection_bench: %s\n", err->text);
	exit(1);
}

/* --- rows --------------------------------------------------------------------
 */

static char names[4][KEYS][16];

static void make_names(void)
{
	static const char *const words[] = {"team", "up/model", "rule", "task"};

	for (int dim = 0; dim < 4; dim++)
		for (int i = 0; i < KEYS; i++)
			snprintf(names[dim][i], sizeof(names[dim][i]), "%s-%d",
			    words[dim], i);
}

static struct ledger_reserve draw_reserve(int64_t utc_ns)
{
	struct ledger_id id = ledger_id_new(utc_ns);

	return (struct ledger_reserve){
	    .request = id,
	    .attempt = id,
	    .utc_ns = utc_ns,
	    .attempt_number = 1,
	    .kind = draw(5) == 0 ? LEDGER_CACHE_HIT : LEDGER_UPSTREAM,
	    .key = names[0][draw(KEYS)],
	    .model = names[1][draw(MODELS)],
	    .rule = names[2][draw(RULES)],
	    .task = names[3][draw(TASKS)],
	    .estimated_cost_nano = 150000,
	};
}

static struct ledger_settle draw_settle(
    const struct ledger_id *attempt, int64_t utc_ns)
{
	int64_t cost = 1000 + (int64_t)draw(1000000);

	return (struct ledger_settle){
	    .attempt = *attempt,
	    .utc_ns = utc_ns,
	    .outcome = draw(50) == 0 ? LEDGER_TIMED_OUT : LEDGER_COMPLETED,
	    .status = 200,
	    .input_tokens = (int64_t)draw(4000),
	    .cached_tokens = (int64_t)draw(1000),
	    .output_tokens = (int64_t)draw(1000),
	    .is_estimated = draw(100) == 0,
	    .cost_nano = cost,
	    .baseline_nano = cost * 3,
	    .saved_nano = cost * 2,
	    .first_token_ns = (int64_t)(1 + draw(2000)) * NS_PER_MS,
	    .duration_ns = (int64_t)(1 + draw(30000)) * NS_PER_MS,
	};
}

static int64_t process_cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec * NS_PER_S + time.tv_nsec;
}

/* --- follow ------------------------------------------------------------------
 */

struct follower {
	struct ledger *ledger;
	struct ledger_writer *writer;
	struct projection *projection;
	struct ledger_id open[OUTSTANDING];
	long rows;
	int64_t worst_lag_ns;
};

static void write_row(struct follower *follower)
{
	struct ledger_id *open = &follower->open[follower->rows % OUTSTANDING];
	int64_t now = clock_utc_ns();
	struct ledger_reserve reserve = draw_reserve(now);
	struct error err;

	if (follower->rows >= OUTSTANDING) {
		struct ledger_settle settle = draw_settle(open, now);

		ledger_settle(follower->writer, &settle);
	}
	must(ledger_reserve(follower->writer, &reserve, &err), &err);
	*open = reserve.attempt;
	follower->rows++;
}

static void write_paced(struct follower *follower, long seconds)
{
	int64_t began = clock_mono_ns(), lag;

	while (follower->rows < seconds * RATE) {
		int64_t due = (clock_mono_ns() - began) * RATE / NS_PER_S;
		const struct timespec pause = {.tv_nsec = NS_PER_MS};

		while (follower->rows < due)
			write_row(follower);
		lag = projection_lag(follower->projection);
		if (lag > follower->worst_lag_ns)
			follower->worst_lag_ns = lag;
		nanosleep(&pause, NULL);
	}
}

static void open_follower(struct follower *follower, const char *folder)
{
	char ledger[512], path[512];
	struct error err;

	snprintf(ledger, sizeof(ledger), "%s/ledger", folder);
	snprintf(path, sizeof(path), "%s/follow.sqlite", folder);
	store_remove(path);
	follower->ledger = ledger_open(
	    &(struct ledger_options){.directory = ledger, .writers = 1}, &err);
	if (!follower->ledger)
		must(FAILED, &err);
	follower->writer = ledger_writer(follower->ledger, 0);
	follower->projection = projection_open(
	    &(struct projection_options){.ledger = ledger, .path = path}, &err);
	if (!follower->projection)
		must(FAILED, &err);
}

static void follow(const char *folder, long seconds)
{
	struct follower follower = {0};
	int64_t own, all, others;
	struct rusage usage;

	open_follower(&follower, folder);
	own = clock_thread_cpu_ns();
	all = process_cpu_ns();
	write_paced(&follower, seconds);
	others = process_cpu_ns() - all - (clock_thread_cpu_ns() - own);
	ledger_close(&follower.ledger);
	projection_close(&follower.projection);
	getrusage(RUSAGE_SELF, &usage);
	printf("follow: %ld rows in %ld s at %d a second; %.2f ms of CPU for "
	       "1,000 rows (projection and ledger threads), %.1f%% of a core; "
	       "at most %lld ms behind; resident %ld MiB\n",
	    follower.rows, seconds, RATE,
	    (double)others / (double)follower.rows / 1e3,
	    (double)others / (double)(seconds * NS_PER_S) * 100,
	    (long long)(follower.worst_lag_ns / NS_PER_MS),
	    usage.ru_maxrss / 1024);
	fflush(stdout);
}

/* --- ask ---------------------------------------------------------------------
 */

static void flush(struct store *store, struct projector *projector, int64_t now)
{
	struct error err;

	must(projector_flush(projector, now, &err), &err);
	must(store_commit(store, &err), &err);
	must(store_checkpoint(store, &err), &err);
	must(store_begin(store, &err), &err);
}

static void project_rows(const char *path, long rows, int64_t now)
{
	bool is_spoilt;
	struct error err;
	struct store *store;
	struct projector *projector;

	store_remove(path);
	store = store_open(path, &is_spoilt, &err);
	if (!store)
		must(FAILED, &err);
	projector = projector_new(store, &err);
	if (!projector)
		must(FAILED, &err);
	must(store_begin(store, &err), &err);
	for (long i = 0; i < rows; i++) {
		double share = (double)i / (double)rows;
		int64_t utc_ns =
		    now - (int64_t)((1 - share) * 90 * (double)DAY_NS);
		struct ledger_reserve reserve = draw_reserve(utc_ns);
		struct ledger_settle settle =
		    draw_settle(&reserve.attempt, utc_ns + NS_PER_S);
		struct place place = {.slot = (uint32_t)i};

		must(
		    projector_reserve(projector, &reserve, &place, &err), &err);
		must(projector_settle(projector, &settle, &err), &err);
		if (projector_cells(projector) >= CELLS_MAX)
			flush(store, projector, now);
	}
	flush(store, projector, now);
	must(store_commit(store, &err), &err);
	projector_free(&projector);
	store_close(&store);
}

static void fill(const char *folder, long rows)
{
	int64_t cpu = process_cpu_ns();
	struct stat status;
	char path[512];

	snprintf(path, sizeof(path), "%s/ask.sqlite", folder);
	project_rows(path, rows, clock_utc_ns());
	cpu = process_cpu_ns() - cpu;
	if (stat(path, &status) != 0)
		exit(1);
	printf("ask: %ld rows over 90 days; %.2f ms of CPU for 1,000 rows to "
	       "project them in large transactions; the file has %lld MiB\n",
	    rows, (double)cpu / (double)rows / 1e3,
	    (long long)(status.st_size >> 20));
	fflush(stdout);
}

static struct projection_query plan(const char *range, int64_t now)
{
	struct projection_query query;
	int64_t length;

	if (!clock_parse_duration(span_of(range), &length) ||
	    !projection_plan(now - length, now, now, &query))
		exit(1);
	return query;
}

/* The slowest of five, in milliseconds. */
static double time_overview(
    const char *path, const struct projection_query *query)
{
	double worst = 0;

	for (int i = 0; i < 5; i++) {
		struct projection_overview overview;
		int64_t began = clock_thread_cpu_ns();
		struct error err;
		double ms;

		must(projection_read_overview(path, query, &overview, &err),
		    &err);
		projection_free_overview(&overview);
		ms = (double)(clock_thread_cpu_ns() - began) / 1e6;
		if (ms > worst)
			worst = ms;
	}
	return worst;
}

static double time_tables(
    const char *path, const struct projection_query *query)
{
	double worst = 0;

	for (int i = 0; i < 5; i++)
		for (unsigned by = 0; by < PROJECTION_DIMS; by++) {
			struct projection_table table;
			int64_t began = clock_thread_cpu_ns();
			struct error err;
			double ms;

			must(projection_read_table(path, query,
				 (enum projection_dim)by, &table, &err),
			    &err);
			projection_free_table(&table);
			ms = (double)(clock_thread_cpu_ns() - began) / 1e6;
			if (ms > worst)
				worst = ms;
		}
	return worst;
}

static void ask(const char *folder)
{
	static const char *const ranges[] = {
	    "15m", "1h", "6h", "24h", "7d", "30d", "90d"};
	struct projection_sum sum;
	struct error err;
	char path[512];
	int64_t now;

	snprintf(path, sizeof(path), "%s/ask.sqlite", folder);
	must(projection_read_total(path, &sum, &now, &err), &err);
	printf("  ms of CPU, slowest of 5  %28s  %28s\n",
	    "overview with 0 1 2 3 4 filters", "slowest table with 0 to 4");
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct projection_query query = plan(ranges[i], now);
		double tables[5];

		printf(
		    "  %-4s step %6lld s", ranges[i], (long long)query.step_s);
		for (unsigned n = 0; n <= PROJECTION_DIMS; n++) {
			if (n > 0)
				query.names[PROJECTION_DIMS - n] =
				    names[PROJECTION_DIMS - n][3];
			printf(" %7.1f", time_overview(path, &query));
			tables[n] = time_tables(path, &query);
			fflush(stdout);
		}
		printf("  |");
		for (unsigned n = 0; n <= PROJECTION_DIMS; n++)
			printf(" %7.1f", tables[n]);
		printf("\n");
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	long rows = argc > 1 ? strtol(argv[1], NULL, 10) : 10000000;
	long seconds = argc > 2 ? strtol(argv[2], NULL, 10) : 20;
	const char *folder = argc > 3 ? argv[3] : "bench-projection";

	mkdir(folder, 0700);
	make_names();
	if (seconds > 0)
		follow(folder, seconds);
	if (rows > 0)
		fill(folder, rows);
	if (rows != 0)
		ask(folder);
	return 0;
}
