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
 * for each reserve and settle together, and rows a second for spend.
 */
#define OUTSTANDING 100

static void must(enum result result, const struct error *err)
{
	if (result == OK)
		return;
	fprintf(stderr, "ledger_bench: %s\n", err->text);
	exit(1);
}

static void write_rows(struct ledger_writer *writer, long rows)
{
	static const char *const keys[] = {"team-a", "team-b", "batch", "ci"};
	static const char *const models[] = {"up/small", "up/large", "up/tiny",
	    "local/smollm2", "other/small", "other/large", "third/medium",
	    "third/embed"};
	static const char *const rules[] = {"default", "code", "pinned"};
	struct ledger_id ids[OUTSTANDING];
	int64_t utc_ns = clock_utc_ns();
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

static void sum_rows(const char *directory, enum ledger_by by, const char *what)
{
	const struct ledger_query query = {.by = by};
	struct ledger_spend spend;
	struct error err;
	int64_t start = clock_mono_ns();
	int64_t ns;

	must(ledger_spend(directory, &query, &spend, &err), &err);
	ns = clock_mono_ns() - start;
	printf("spend%s: %" PRId64 " requests, %.2f million rows/s\n", what,
	    spend.total.requests,
	    (double)spend.total.requests / (double)ns * 1e3);
	ledger_spend_free(&spend);
}

static bool count_row(const struct ledger_row *row, void *arg)
{
	(void)row;
	++*(long *)arg;
	return true;
}

static void read_all(const char *directory)
{
	long rows = 0;
	struct error err;
	int64_t start = clock_mono_ns();

	must(ledger_read(directory, count_row, NULL, &rows, &err), &err);
	printf("read: %ld rows, %.2f million rows/s\n", rows,
	    (double)rows / (double)(clock_mono_ns() - start) * 1e3);
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
	int64_t start, wall, cpu;

	if (rows <= 0 || (end && *end)) {
		fprintf(stderr, "usage: ledger_bench [ROWS [DIRECTORY]]\n");
		return 2;
	}
	ledger = ledger_open(&options, &err);
	must(ledger ? OK : FAILED, &err);
	start = clock_mono_ns();
	cpu = clock_thread_cpu_ns();
	write_rows(ledger_writer(ledger, 0), rows);
	wall = clock_mono_ns() - start;
	cpu = clock_thread_cpu_ns() - cpu;
	printf("reserve+settle: %.0f ns wall, %.0f ns CPU (%ld rows)\n",
	    (double)wall / (double)rows, (double)cpu / (double)rows, rows);
	ledger_close(&ledger);
	read_all(options.directory);
	sum_rows(options.directory, LEDGER_BY_NOTHING, "");
	sum_rows(options.directory, LEDGER_BY_MODEL, " by model");
	return 0;
}
