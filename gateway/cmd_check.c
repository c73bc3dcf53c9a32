/* cmd_check.c -- sluice check: every mistake of a configuration. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "gateway/command.h"
#include "gateway/config.h"

static void print(
    FILE *out, const char *prefix, const struct mistakes *mistakes)
{
	for (size_t i = 0; i < mistakes_count(mistakes); i++)
		fprintf(out, "%s%s\n", prefix, mistakes_line(mistakes, i));
}

static int check(const char *file)
{
	struct mistakes *mistakes = mistakes_new();
	struct config *config = config_load(file, config_environment, mistakes);
	int status = config ? EXIT_DONE : EXIT_NO;

	print(stdout, "", mistakes);
	if (config) {
		config_warnings(config, mistakes);
		print(stderr, "warning: ", mistakes);
		size_t n = config_count_locals(config);

		printf("%s: fine: %zu models of %zu providers", file,
		    config->n_models - n, config->n_providers);
		if (n > 0)
			printf(", %zu local", n);
		printf(", %zu keys, policy \"%s\"\n", config->n_keys,
		    policy_name(config->policy));
	}
	config_unref(&config);
	mistakes_free(&mistakes);
	return status;
}

static int run(const struct command *command, int argc, char **argv)
{
	const char *config = NULL;
	const struct command_option options[] = {{"--config", &config, NULL}};
	struct command_line line = {
	    .command = command,
	    .options = options,
	    .n = sizeof(options) / sizeof(options[0]),
	};

	if (!command_read(&line, argc, argv))
		return line.status;
	if (!config)
		return command_misused(command, "--config FILE is missing");
	return check(config);
}

const struct command command_check = {
    .name = "check",
    .summary = "print every mistake in a configuration and its policy",
    .help = "sluice check --config FILE\n\n"
	    "Reads the configuration and the policy it names, as serve would, "
	    "and prints every\nmistake as FILE:LINE:COLUMN: what is wrong. "
	    "Exit 0 and one line when there is none,\nelse 1. Warnings go to "
	    "stderr and change nothing.\n\n"
	    "Example: sluice check --config etc/sluice.yaml\n",
    .run = run,
};
