/* cmd_spend.c -- sluice spend: what was spent, and what that saved. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/admin.h"
#include "gateway/command.h"

enum {
	JSON_MAX = 64 << 20
};

static void print_sum(const char *name, const struct ledger_sum *sum)
{
	char cost[MONEY_TEXT_MAX], baseline[MONEY_TEXT_MAX];
	char saved[MONEY_TEXT_MAX];

	money_format(sum->cost_nano, cost);
	money_format(sum->baseline_nano, baseline);
	money_format(sum->saved_nano, saved);
	printf("%-28s %10lld %8lld %16s %16s %16s", name,
	    (long long)sum->requests, (long long)sum->cache_hits, cost,
	    baseline, saved);
	if (sum->unknown)
		printf("  %lld unknown", (long long)sum->unknown);
	if (sum->estimated)
		printf("  %lld estimated", (long long)sum->estimated);
	if (sum->unpriced)
		printf("  %lld unpriced", (long long)sum->unpriced);
	putchar('\n');
}

static void print_table(const struct ledger_spend *spend)
{
	printf("%-28s %10s %8s %16s %16s %16s\n", "", "requests", "hits",
	    "cost $", "baseline $", "saved $");
	for (size_t i = 0; i < spend->n_rows; i++)
		print_sum(spend->rows[i].name, &spend->rows[i]);
	print_sum("total", &spend->total);
}

static int print_json(const struct ledger_spend *spend, bool with_rows)
{
	struct buf out;
	bool ok;

	buf_init(&out, JSON_MAX);
	ok = spend_write_json(spend, with_rows, &out);
	if (ok)
		printf("%.*s\n", SPAN_FMT(buf_span(&out)));
	else
		fputs("sluice spend: more than 64 MiB of rows\n", stderr);
	buf_free(&out);
	return ok ? EXIT_DONE : EXIT_NO;
}

static int report(
    const char *folder, const struct ledger_query *query, bool as_json)
{
	struct ledger_spend spend;
	struct error err;
	int status = EXIT_DONE;

	if (ledger_spend(folder, query, &spend, &err) != OK) {
		fprintf(stderr, "sluice spend: %s\n", err.text);
		return EXIT_NO;
	}
	if (spend.n_damages > 0)
		fprintf(stderr,
		    "sluice spend: %zu damages in the ledger; see sluice "
		    "ledger verify\n",
		    spend.n_damages);
	if (as_json)
		status = print_json(&spend, query->by != LEDGER_BY_NOTHING);
	else
		print_table(&spend);
	ledger_spend_free(&spend);
	return status;
}

static int run(const struct command *command, int argc, char **argv)
{
	const char *file = NULL, *by = NULL, *since = NULL, *until = NULL;
	bool as_json = false;
	const struct command_option options[] = {
	    {"--config", &file, NULL},
	    {"--by", &by, NULL},
	    {"--since", &since, NULL},
	    {"--until", &until, NULL},
	    {"--json", NULL, &as_json},
	};
	struct command_line line = {
	    .command = command,
	    .options = options,
	    .n = sizeof(options) / sizeof(options[0]),
	};
	struct ledger_query query = {0};
	char *folder;
	int status;

	if (!command_read(&line, argc, argv))
		return line.status;
	if (!file)
		return command_misused(command, "--config FILE is missing");
	if (by && !spend_parse_by(span_of(by), &query.by))
		return command_misused(command,
		    "--by must be key, model, rule, task or day, got \"%s\"",
		    by);
	if (since && !clock_parse_utc(span_of(since), &query.since_ns))
		return command_misused(command,
		    "--since must be a date or an RFC 3339 time, got \"%s\"",
		    since);
	if (until && !clock_parse_utc(span_of(until), &query.until_ns))
		return command_misused(command,
		    "--until must be a date or an RFC 3339 time, got \"%s\"",
		    until);
	folder = gateway_find_ledger(file);
	if (!folder)
		return EXIT_NO;
	status = report(folder, &query, as_json);
	free(folder);
	return status;
}

const struct command command_spend = {
    .name = "spend",
    .summary = "what was spent, and what that saved",
    .help =
	"sluice spend --config FILE [--by key|model|rule|task|day] [--since T] "
	"[--until T] [--json]\n\n"
	"Sums the ledger. T is a date or an RFC 3339 time in UTC; --until is "
	"not included.\nAmounts in the table are dollars, in JSON "
	"nano-dollars.\n\n"
	"Example: sluice spend --config etc/sluice.yaml --by model --since "
	"2026-11-01\n",
    .run = run,
};
