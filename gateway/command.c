/* command.c -- reads a command's arguments by its table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/command.h"

#include <stdarg.h>
#include <stdio.h>

int command_misused(const struct command *command, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "sluice %s: ", command->name);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "; see sluice %s --help\n", command->name);
	return EXIT_USAGE;
}

static const struct command_option *find(
    const struct command_line *line, struct span name)
{
	for (size_t i = 0; i < line->n; i++)
		if (span_eq(name, span_of(line->options[i].name)))
			return &line->options[i];
	return NULL;
}

static int refuse_unknown(const struct command_line *line, struct span name)
{
	const char *known[32];
	size_t n = 0;
	const char *near;

	for (; n < line->n && n < 31; n++)
		known[n] = line->options[n].name;
	if (line->repeat)
		known[n++] = line->repeat->name;
	near = mistakes_nearest(name, known, n);
	return command_misused(line->command, "unknown option %.*s%s%s%s",
	    SPAN_FMT(name), near ? " (did you mean " : "", near ? near : "",
	    near ? "?)" : "");
}

/* The value of argv[i], which may stand behind '='; NULL when it is missing. */
static const char *take_value(
    struct command_line *line, int argc, char **argv, int *i)
{
	const char *equals = strchr(argv[*i], '=');

	if (equals) {
		*i += 1;
		return equals + 1;
	}
	if (*i + 1 >= argc) {
		line->status = command_misused(
		    line->command, "%s needs a value", argv[*i]);
		return NULL;
	}
	*i += 2;
	return argv[*i - 1];
}

/* One more value of the option that may be repeated. */
static int take_repeat(struct command_line *line, int argc, char **argv, int i)
{
	struct command_repeat *repeat = line->repeat;
	const char *value;

	if (repeat->n == repeat->max) {
		line->status = command_misused(line->command,
		    "%s: at most %zu times", repeat->name, repeat->max);
		return -1;
	}
	value = take_value(line, argc, argv, &i);
	if (!value)
		return -1;
	repeat->values[repeat->n++] = value;
	return i;
}

/* Takes argv[i], and its value where it has one; returns the next index. */
static int take_option(struct command_line *line, int argc, char **argv, int i)
{
	struct span name = span_of(argv[i]);
	size_t equals = span_find(name, SPAN("="), 0);
	const struct command_option *option;

	if (equals != SIZE_MAX)
		name = span_head(name, equals);
	if (line->repeat && span_eq(name, span_of(line->repeat->name)))
		return take_repeat(line, argc, argv, i);
	option = find(line, name);
	if (!option) {
		line->status = refuse_unknown(line, name);
		return -1;
	}
	if (!option->value && equals != SIZE_MAX) {
		line->status = command_misused(
		    line->command, "%s takes no value", option->name);
		return -1;
	}
	if (!option->value) {
		*option->is_set = true;
		return i + 1;
	}
	*option->value = take_value(line, argc, argv, &i);
	return *option->value ? i : -1;
}

bool command_read(struct command_line *line, int argc, char **argv)
{
	for (int i = 0; i < argc;) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(line->command->help, stdout);
			line->status = EXIT_DONE;
			return false;
		}
		if (argv[i][0] == '-' && argv[i][1] == '-') {
			i = take_option(line, argc, argv, i);
			if (i < 0)
				return false;
			continue;
		}
		if (line->n_rest == line->rest_max) {
			line->status = command_misused(
			    line->command, "unexpected \"%s\"", argv[i]);
			return false;
		}
		line->rest[line->n_rest++] = argv[i++];
	}
	return true;
}
