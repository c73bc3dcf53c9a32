/* cmd_ledger.c -- sluice ledger: verify it, print it, sum it up anew. */
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

/* How far it is, once a second from the second one on. */
struct teller {
	int64_t began_ns;
	int64_t told_ns;
};

static void tell(uint64_t done, uint64_t all, void *arg)
{
	struct teller *teller = arg;
	int64_t now = clock_mono_ns();

	if (now - teller->told_ns < NS_PER_S)
		return;
	teller->told_ns = now;
	fprintf(stderr, "sluice ledger: %llu%% of %llu MiB, %lld s\n",
	    (unsigned long long)(all ? done * 100 / all : 0),
	    (unsigned long long)(all >> 13), /* records of 128 bytes */
	    (long long)((now - teller->began_ns) / NS_PER_S));
}

static int rebuild(const char *folder)
{
	char *path = gateway_projection_path(folder);
	const struct projection_options options = {
	    .ledger = folder, .path = path};
	int64_t now = clock_mono_ns();
	struct teller teller = {now, now};
	struct error err;
	int64_t records = 0;
	enum result result =
	    projection_rebuild(&options, tell, &teller, &records, &err);

	if (result == OK)
		printf("rebuilt: %s from %lld records\n", path,
		    (long long)records);
	else
		fprintf(stderr, "sluice ledger: %s\n", err.text);
	free(path);
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
		    command, "say what to do: verify, export or rebuild");
	folder = gateway_find_ledger(file);
	if (!folder)
		return EXIT_NO;
	if (!strcmp(line.rest[0], "verify"))
		status = verify(folder);
	else if (!strcmp(line.rest[0], "export"))
		status = export_rows(folder);
	else if (!strcmp(line.rest[0], "rebuild"))
		status = rebuild(folder);
	else
		status = command_misused(command,
		    "unknown action \"%s\": verify, export or rebuild",
		    line.rest[0]);
	free(folder);
	return status;
}

const struct command command_ledger = {
    .name = "ledger",
    .summary = "verify the ledger, export its rows, rebuild the page's sums",
    .help =
	"sluice ledger --config FILE verify|export|rebuild\n\n"
	"    verify  reads every record; exit 0 and the counts, or exit 1 "
	"with file, offset\n            and kind of each damage\n"
	"    export  every attempt as one JSON object a line, oldest first; "
	"works while\n            serve runs\n"
	"    rebuild makes state/projection.sqlite, from which the admin "
	"port's page is\n            answered, anew from the ledger; serve "
	"must be stopped, and does\n            so by itself when the file is "
	"missing or damaged\n\n"
	"Example: sluice ledger --config etc/sluice.yaml export | tail -1\n",
    .run = run,
};
