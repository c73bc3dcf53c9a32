/* cmd_version.c -- sluice version. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdio.h>

#include "gateway/command.h"

static int run(const struct command *command, int argc, char **argv)
{
	struct command_line line = {.command = command};

	if (!command_read(&line, argc, argv))
		return line.status;
	puts("sluice " PACKAGE_VERSION);
	return EXIT_DONE;
}

const struct command command_version = {
    .name = "version",
    .summary = "print the version",
    .help = "sluice version\n\nPrints the version.\n\nExample: sluice "
	    "version\n",
    .run = run,
};
