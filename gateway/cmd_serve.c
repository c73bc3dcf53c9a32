/* cmd_serve.c -- sluice serve: run the gateway. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/resource.h>

#include "gateway/command.h"
#include "gateway/gateway.h"
#include "gateway/signals.h"

/* Each stream takes two descriptors: take as many as we may have. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		log_warn(NULL, "descriptor_limit", "soft=%llu",
		    (unsigned long long)limit.rlim_cur);
}

static int run(const struct command *command, int argc, char **argv)
{
	const char *config = NULL;
	bool is_verbose = false;
	const struct command_option options[] = {
	    {"--config", &config, NULL},
	    {"--verbose", NULL, &is_verbose},
	};
	struct command_line line = {
	    .command = command,
	    .options = options,
	    .n = sizeof(options) / sizeof(options[0]),
	};
	struct gateway *gateway;
	int status;

	if (!command_read(&line, argc, argv))
		return line.status;
	if (!config)
		return command_misused(command, "--config FILE is missing");
	if (is_verbose)
		log_set_level(LOG_DEBUG);
	raise_descriptor_limit();
	signals_block();
	gateway = gateway_open(config);
	if (!gateway)
		return EXIT_NO;
	status = gateway_run(gateway);
	gateway_close(&gateway);
	return status;
}

const struct command command_serve = {
    .name = "serve",
    .summary = "run the gateway",
    .help =
	"sluice serve --config FILE [--verbose]\n\n"
	"Runs the gateway until it is told to stop. SIGHUP reads the files "
	"again,\nSIGTERM drains and stops, a second SIGTERM stops at once. The "
	"access log goes to\nstdout, one JSON object a request; everything "
	"else to stderr.\n\n"
	"    --config FILE  the configuration (docs/configuration.md)\n"
	"    --verbose      log every step\n\n"
	"Example: sluice serve --config etc/sluice.yaml\n",
    .run = run,
};
