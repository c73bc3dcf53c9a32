/* main.c -- the composition root: finds the command and runs it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "gateway/command.h"

static const struct command *const commands[] = {
    &command_serve,
    &command_check,
    &command_route,
    &command_spend,
    &command_ledger,
    &command_tokenize,
    &command_detokenize,
    &command_template,
    &command_score,
    &command_generate,
    &command_embed,
    &command_classify,
    &command_model,
    &command_bench,
    &command_calibrate,
    &command_pull,
    &command_version,
};

enum {
	N_COMMANDS = sizeof(commands) / sizeof(commands[0])
};

static void print_commands(FILE *out)
{
	fputs("sluice -- answers each LLM request where it is cheapest to "
	      "answer it well\n\n",
	    out);
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(out, "    sluice %-10s %s\n", commands[i]->name,
		    commands[i]->summary);
	fputs("\nEvery command has --help with an example.\n", out);
}

static int refuse_unknown(const char *name)
{
	const char *known[N_COMMANDS];
	const char *near;

	for (size_t i = 0; i < N_COMMANDS; i++)
		known[i] = commands[i]->name;
	near = mistakes_nearest(span_of(name), known, N_COMMANDS);
	fprintf(stderr, "sluice: unknown command \"%s\"%s%s%s\n", name,
	    near ? "; did you mean \"" : "", near ? near : "",
	    near ? "\"?" : "");
	return EXIT_USAGE;
}

static int run(const struct command *command, int argc, char **argv)
{
	int status;

	if (command->computes && !apart_go(command->reads_input, &status))
		return status;
	return command->run(command, argc, argv);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_commands(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		print_commands(stdout);
		return EXIT_DONE;
	}
	if (!strcmp(argv[1], "--version"))
		return command_version.run(&command_version, 0, NULL);
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!strcmp(argv[1], commands[i]->name))
			return run(commands[i], argc - 2, argv + 2);
	return refuse_unknown(argv[1]);
}
