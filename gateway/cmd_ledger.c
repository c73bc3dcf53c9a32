/* cmd_ledger.c -- sluice ledger: verify it, or print it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/command.h"
#include "gateway/gateway.h"

static void print_damage(const struct ledger_damage *damage, void *arg)
{
	(void)arg;
	fprintf(stderr, "%s:%llu: %s: %s\n", damage->file,
	    (unsigned long long)damage->offset,
	    ledger_damage_name(damage->kind), damage->detail);
}

static int verify(const char *folder)
{
	struct ledger_counts counts;
	struct error err;
	bool is_damaged;

	if (ledger_verify(folder, &counts, print_damage, NULL, &err) != OK) {
		fprintf(stderr, "sluice ledger: %s\n", err.text);
		return EXIT_NO;
	}
	is_damaged = counts.torn_tails + counts.corrupt + counts.bad_headers +
		     counts.missing;
	printf("%s: %llu segments, %llu records, %llu rows: %llu settled, "
	       "%llu reserved, %llu unknown\n",
	    is_damaged ? "damaged" : "fine",
	    (unsigned long long)counts.segments,
	    (unsigned long long)counts.records, (unsigned long long)counts.rows,
	    (unsigned long long)counts.settled,
	    (unsigned long long)counts.reserved,
	    (unsigned long long)counts.unknown);
	if (is_damaged)
		printf("damages: %llu torn tails, %llu corrupt, %llu bad "
		       "headers, %llu missing\n",
		    (unsigned long long)counts.torn_tails,
		    (unsigned long long)counts.corrupt,
		    (unsigned long long)counts.bad_headers,
		    (unsigned long long)counts.missing);
	return is_damaged ? EXIT_NO : EXIT_DONE;
}

struct printer {
	struct buf line;
	bool has_failed;
};

static bool print_row(const struct ledger_row *row, void *arg)
{
	struct printer *printer = arg;
	struct span line;

	buf_consume(&printer->line, SIZE_MAX);
	if (!ledger_row_write_json(row, &printer->line) ||
	    !buf_append(&printer->line, SPAN("\n")))
		return false;
	line = buf_span(&printer->line);
	/* A reader that has seen enough closes the pipe. */
	printer->has_failed = fwrite(line.ptr, 1, line.len, stdout) != line.len;
	return !printer->has_failed;
}

static int export_rows(const char *folder)
{
	struct printer printer = {0};
	struct error err;
	enum result result;

	buf_init(&printer.line, 64 * 1024);
	result = ledger_read(folder, print_row, print_damage, &printer, &err);
	buf_free(&printer.line);
	if (result != OK)
		fprintf(stderr, "sluice ledger: %s\n", err.text);
	if (fflush(stdout) || printer.has_failed)
		return EXIT_NO;
	return result == OK ? EXIT_DONE : EXIT_NO;
}

static int run(const struct command *command, int argc, char **argv)
{
	const char *file = NULL;
	const struct command_option options[] = {{"--config", &file, NULL}};
	struct command_line line = {
	    .command = command,
	    .options = options,
	    .n = sizeof(options) / sizeof(options[0]),
	    .rest_max = 1,
	};
	char *folder;
	int status;

	if (!command_read(&line, argc, argv))
		return line.status;
	if (!file)
		return command_misused(command, "--config FILE is missing");
	if (line.n_rest == 0)
		return command_misused(
		    command, "say what to do: verify or export");
	folder = gateway_find_ledger(file);
	if (!folder)
		return EXIT_NO;
	if (!strcmp(line.rest[0], "verify"))
		status = verify(folder);
	else if (!strcmp(line.rest[0], "export"))
		status = export_rows(folder);
	else
		status = command_misused(command,
		    "unknown action \"%s\": verify or export", line.rest[0]);
	free(folder);
	return status;
}

const struct command command_ledger = {
    .name = "ledger",
    .summary = "verify the ledger, or export its rows",
    .help =
	"sluice ledger --config FILE verify|export\n\n"
	"    verify  reads every record; exit 0 and the counts, or exit 1 "
	"with file, offset\n            and kind of each damage\n"
	"    export  every attempt as one JSON object a line, oldest first; "
	"works while\n            serve runs\n\n"
	"Example: sluice ledger --config etc/sluice.yaml export | tail -1\n",
    .run = run,
};
