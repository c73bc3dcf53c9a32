/* test_command.c -- arguments by a command's table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "gateway/command.h"
#include "tests/unit/capture.h"

static const struct command command = {
    .name = "try",
    .summary = "a try",
    .help = "sluice try --config FILE\n\nExample: sluice try\n",
};

static const char *config, *by;
static bool is_json;
static const struct command_option options[] = {
    {"--config", &config, NULL},
    {"--by", &by, NULL},
    {"--json", NULL, &is_json},
};
static struct command_line line;

/* Reads the words of <argv>, NULL-terminated. */
static bool read_words(const char *const *argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	config = by = NULL;
	is_json = false;
	line = (struct command_line){
	    .command = &command,
	    .options = options,
	    .n = sizeof(options) / sizeof(options[0]),
	    .rest_max = 1,
	    .status = -1,
	};
	return command_read(&line, argc, (char **)(uintptr_t)argv);
}

#define READ(...)                                                              \
	read_words((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* The words are wrong usage, and <message> alone is said of them. */
#define MISUSED(message, ...)                                                  \
	do {                                                                   \
		struct capture capture_;                                       \
		bool goes_on_;                                                 \
		capture_start(&capture_, STDERR_FILENO);                       \
		goes_on_ = READ(__VA_ARGS__);                                  \
		capture_stop(&capture_);                                       \
		assert_false(goes_on_);                                        \
		assert_int_equal(line.status, EXIT_USAGE);                     \
		assert_string_equal(capture_.text,                             \
		    "sluice try: " message "; see sluice try --help\n");       \
	} while (0)

static void reads_values_and_flags(void **state)
{
	(void)state;
	assert_true(READ("--config", "a.yaml", "--json"));
	assert_string_equal(config, "a.yaml");
	assert_true(is_json);
	assert_null(by);
	assert_true(READ("--config=a=b", "--by="));
	assert_string_equal(config, "a=b");
	assert_string_equal(by, "");
	assert_false(is_json);
	assert_true(read_words((const char *const[]){NULL}));
	assert_null(config);
}

static void keeps_what_is_no_option(void **state)
{
	(void)state;
	assert_true(READ("verify", "--by", "day"));
	assert_int_equal(line.n_rest, 1);
	assert_string_equal(line.rest[0], "verify");
	assert_string_equal(by, "day");
	MISUSED("unexpected \"twice\"", "verify", "twice");
	MISUSED("unexpected \"-v\"", "verify", "-v");
}

static void suggests_the_option_that_was_meant(void **state)
{
	(void)state;
	MISUSED(
	    "unknown option --confg (did you mean --config?)", "--confg", "a");
	MISUSED("unknown option --josn (did you mean --json?)", "--josn");
	MISUSED("unknown option --confg (did you mean --config?)", "--confg=a");
	MISUSED("unknown option --elephant", "--elephant");
	MISUSED("unknown option --", "--");
}

static void a_value_is_there_or_it_is_not(void **state)
{
	(void)state;
	MISUSED("--config needs a value", "--json", "--config");
	MISUSED("--json takes no value", "--json=false");
}

/* Like "--by", but all its values count. */
static bool read_repeats(struct command_repeat *repeat, const char *const *argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	line = (struct command_line){
	    .command = &command,
	    .options = options,
	    .n = sizeof(options) / sizeof(options[0]),
	    .repeat = repeat,
	    .status = -1,
	};
	return command_read(&line, argc, (char **)(uintptr_t)argv);
}

static void one_option_may_be_repeated(void **state)
{
	static const char *const words[] = {
	    "--stop", "a", "--json", "--stop=b=c", NULL};
	static const char *const thrice[] = {
	    "--stop", "a", "--stop", "b", "--stop", "c", NULL};
	static const char *const cut[] = {"--stop", NULL};
	const char *values[2];
	struct command_repeat repeat = {"--stop", values, 2, 0};
	struct capture capture;

	(void)state;
	assert_true(read_repeats(&repeat, words));
	assert_int_equal(repeat.n, 2);
	assert_string_equal(values[0], "a");
	assert_string_equal(values[1], "b=c");
	capture_start(&capture, STDERR_FILENO);
	repeat.n = 0;
	assert_false(read_repeats(&repeat, thrice));
	repeat.n = 0;
	assert_false(read_repeats(&repeat, cut));
	capture_stop(&capture);
	assert_string_equal(capture.text,
	    "sluice try: --stop: at most 2 times; see sluice try --help\n"
	    "sluice try: --stop needs a value; see sluice try --help\n");
}

static void help_goes_to_stdout_and_ends_the_command(void **state)
{
	static const char *const words[] = {"--help", "-h"};
	struct capture capture;
	bool goes_on;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		capture_start(&capture, STDOUT_FILENO);
		goes_on = READ("--json", words[i], "--nonsense");
		capture_stop(&capture);
		assert_false(goes_on);
		assert_int_equal(line.status, EXIT_DONE);
		assert_string_equal(capture.text, command.help);
	}
}

static void every_command_has_help_with_an_example(void **state)
{
	static const struct command *const commands[] = {&command_serve,
	    &command_check, &command_route, &command_spend, &command_ledger,
	    &command_version, &command_tokenize, &command_detokenize,
	    &command_template, &command_score, &command_generate,
	    &command_embed, &command_classify, &command_model, &command_bench};
	char help[] = "--help";
	struct capture capture;
	int status;

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		capture_start(&capture, STDOUT_FILENO);
		status =
		    commands[i]->run(commands[i], 1, (char *[]){help, NULL});
		capture_stop(&capture);
		assert_int_equal(status, EXIT_DONE);
		assert_string_equal(capture.text, commands[i]->help);
		assert_non_null(strstr(capture.text, "Example: "));
		assert_non_null(strstr(capture.text, commands[i]->name));
	}
}

static void every_command_says_what_it_lacks(void **state)
{
	static const struct command *const commands[] = {&command_serve,
	    &command_check, &command_route, &command_spend, &command_ledger};
	struct capture capture;
	int status;

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		capture_start(&capture, STDERR_FILENO);
		status = commands[i]->run(commands[i], 0, NULL);
		capture_stop(&capture);
		assert_int_equal(status, EXIT_USAGE);
		assert_non_null(
		    strstr(capture.text, "--config FILE is missing"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_values_and_flags),
	    cmocka_unit_test(keeps_what_is_no_option),
	    cmocka_unit_test(suggests_the_option_that_was_meant),
	    cmocka_unit_test(a_value_is_there_or_it_is_not),
	    cmocka_unit_test(one_option_may_be_repeated),
	    cmocka_unit_test(help_goes_to_stdout_and_ends_the_command),
	    cmocka_unit_test(every_command_has_help_with_an_example),
	    cmocka_unit_test(every_command_says_what_it_lacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
