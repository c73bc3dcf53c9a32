/* command.h -- sluice's commands: one row and one file each. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_COMMAND_H
#define GATEWAY_COMMAND_H

#include "base/base.h"

/* Exit statuses of every command. */
enum {
	EXIT_DONE = 0,
	EXIT_NO = 1,    /* the answer is no: mistakes, refused, damaged */
	EXIT_USAGE = 2, /* asked wrongly */
};

/*
 * A command gets its arguments after its own name. Results go to stdout,
 * messages to stderr.
 */
struct command {
	const char *name;
	const char *summary; /* one line for the list */
	const char *help;    /* options and an example */
	bool computes;       /* with a model: runs apart (base/apart.h) */
	bool reads_input;    /* one that computes: from standard input */
	int (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command command_serve, command_check, command_route,
    command_spend, command_ledger, command_version;

/* Those of the engine, which need no configuration. */
extern const struct command command_tokenize, command_detokenize,
    command_template, command_score, command_generate, command_embed,
    command_classify, command_model, command_bench, command_calibrate,
    command_pull;

/* One option of a command: "--name VALUE" or a flag. */
struct command_option {
	const char *name;   /* "--config" */
	const char **value; /* where its value goes, or NULL for a flag */
	bool *is_set;       /* for a flag */
};

/*
 * Reads <argv> by <options> (n); what is no option goes to <rest> (at most
 * rest_max). Returns true to go on; false when the command ends with *status:
 * --help was asked, or the usage is wrong (said on stderr).
 */
struct command_repeat {
	const char *name;    /* "--stop": may be given several times */
	const char **values; /* (max) */
	size_t max, n;
};

struct command_line {
	const struct command *command;
	const struct command_option *options;
	size_t n;
	struct command_repeat *repeat; /* or NULL */
	const char *rest[4];
	size_t n_rest;
	size_t rest_max;
	int status;
};
bool command_read(struct command_line *line, int argc, char **argv);

/* "sluice NAME: message" on stderr; returns EXIT_USAGE. */
int command_misused(const struct command *command, const char *fmt, ...)
    printf_like(2, 3);

#endif
