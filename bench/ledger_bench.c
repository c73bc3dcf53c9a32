/* ledger_bench.c -- what a reserve and a settle cost, and how fast sums are. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/ledger.h"

/*
 * Usage: ledger_bench [ROWS [DIRECTORY]]: writes ROWS attempts (1 million) into
 * a new ledger in DIRECTORY (./bench-ledger), 100 of them outstanding at a
 * time, with 4 keys, 8 models and 3 rules; then sums them. Prints nanoseconds
 * for each reserve and settle together: the mean, in which the disk has a part
 * since a full segment is reached in less time than the thread needs to make
 * one, and quantiles over batches of 1000, which a loaded machine does not
 * blur. Then rows a second for reading and summing.
 */
#define OUTSTANDING 100
#define BATCH 1000

static void must(enum result result, const struct error *err)
{
	if (result == OK)
		return;
	fprintf(stderr, "ledger_bench: %s\n", err->text);
	exit(1);
}

/* <batches> gets the time of each BATCH rows. */
static void write_rows(
    struct ledger_writer *writer, long rows, int64_t *batches)
{
	static const char *const keys[] = {"team-a", "team-b", "batch", "ci"};
	static const char *const models[] = {"up/small", "up/large", "up/tiny",
	    "local/smollm2", "other/small", "other/large", "third/medium",
	    "third/embed"};
	static const char *const rules[] = {"default", "code", "pinned"};
	struct ledger_id ids[OUTSTANDING];
	int64_t utc_ns = clock_utc_ns(), start = clock_mono_ns();
	struct error err;

	for (long i = 0; i < rows + OUTSTANDING; i++) {
		struct ledger_id *id = &ids[i % OUTSTANDING];

		if (i >= OUTSTANDING)
			ledger_settle(writer, &(struct ledger_settle){
						  .attempt = *id,
						  .utc_ns = utc_ns + i,
						  .outcome = LEDGER_COMPLETED,
						  .status = 200,
						  .input_tokens = 900,
						  .output_tokens = 120,
						  .cost_nano = 138000,
						  .baseline_nano = 3000000,
						  .saved_nano = 2862000,
					      });
		if (i % BATCH == BATCH - 1) {
			batches[i / BATCH] = clock_mono_ns() - start;
			start += batches[i / BATCH];
		}
		if (i >= rows)
			continue;
		*id = ledger_id_new(utc_ns + i);
		must(ledger_reserve(writer,
			 &(struct ledger_reserve){
			     .request = *id,
			     .attempt = *id,
			     .utc_ns = utc_ns + i,
			     .attempt_number = 1,
			     .kind = LEDGER_UPSTREAM,
			     .key = keys[i % 4],
			     .model = models[i % 8],
			     .rule = rules[i % 3],
			     .estimated_cost_nano = 150000,
			 },
			 &err),
		    &err);
	}
}

static int compare_times(const void *left, const void *right)
{
	int64_t a, b;

	memcpy(&a, left, sizeof(a));
	memcpy(&b, right, sizeof(b));
	return a < b ? -1 : a > b;
}

/* A rate in millions of rows a second, by the wall clock and by CPU time. */
static void print_rate(
    const char *what, int64_t rows, int64_t wall_start, int64_t cpu_start)
{
	double wall = (double)(clock_mono_ns() - wall_start);
	double cpu = (double)(clock_thread_cpu_ns() - cpu_start);

	printf("%s: %" PRId64 " rows, %.2f million rows/s (CPU time: %.2f)\n",
	    what, rows, (double)rows / wall * 1e3, (double)rows / cpu * 1e3);
}

static void sum_rows(const char *directory, enum ledger_by by, const char *what)
{
	const struct ledger_query query = {.by = by};
	struct ledger_spend spend;
	struct error err;
	int64_t wall = clock_mono_ns(), cpu = clock_thread_cpu_ns();

	must(ledger_spend(directory, &query, &spend, &err), &err);
	print_rate(what, spend.total.requests, wall, cpu);
	ledger_spend_free(&spend);
}

static bool count_row(const struct ledger_row *row, void *arg)
{
	(void)row;
	++*(int64_t *)arg;
	return true;
}

static void read_all(const char *directory)
{
	int64_t rows = 0, wall = clock_mono_ns(), cpu = clock_thread_cpu_ns();
	struct error err;

	must(ledger_read(directory, count_row, NULL, &rows, &err), &err);
	print_rate("read", rows, wall, cpu);
}

int main(int argc, char **argv)
{
	char *end = NULL;
	long rows = argc > 1 ? strtol(argv[1], &end, 10) : 1000000;
	struct ledger_options options = {
	    .directory = argc > 2 ? argv[2] : "bench-ledger",
	    .writers = 1,
	};
	struct ledger *ledger;
	struct error err;
	int64_t start, wall, cpu, *batches;
	size_t n;

	if (rows <= 0 || (end && *end)) {
		fprintf(stderr, "usage: ledger_bench [ROWS [DIRECTORY]]\n");
		return 2;
	}
	ledger = ledger_open(&options, &err);
	must(ledger ? OK : FAILED, &err);
	start = clock_mono_ns();
	cpu = clock_thread_cpu_ns();
	batches = mem_zalloc(((size_t)rows / BATCH + 1) * sizeof(*batches));
	write_rows(ledger_writer(ledger, 0), rows, batches);
	wall = clock_mono_ns() - start;
	cpu = clock_thread_cpu_ns() - cpu;
	printf("reserve+settle: %.0f ns wall, %.0f ns CPU (%ld rows)\n",
	    (double)wall / (double)rows, (double)cpu / (double)rows, rows);
	n = (size_t)rows / BATCH;
	qsort(batches, n, sizeof(*batches), compare_times);
	if (n > 0)
		printf("  batches of %d: median %.0f ns, p90 %.0f, p99 %.0f\n",
		    BATCH, (double)batches[n / 2] / BATCH,
		    (double)batches[n * 9 / 10] / BATCH,
		    (double)batches[n * 99 / 100] / BATCH);
	free(batches);
	ledger_close(&ledger);
	read_all(options.directory);
	sum_rows(options.directory, LEDGER_BY_NOTHING, "spend");
	sum_rows(options.directory, LEDGER_BY_MODEL, "spend by model");
	return 0;
}
