/* test_features.c -- tasks, languages and difficulty, on prompts of our own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "router/words.h"

/* Least share of right answers, over all and for each task. */
#define FLOOR_ALL 0.93
#define FLOOR_TASK 0.85
#define FLOOR_LANGUAGE 0.95

static struct router_features features_of(struct span text)
{
	struct router_input input = {.model = SPAN("auto"),
	    .turns = 1,
	    .choices = 1,
	    .output_limit = -1,
	    .prompt_tokens = (int64_t)text.len / 4,
	    .last_user = text};
	struct router_features features;
	struct arena scratch;

	arena_init(&scratch, 1 << 16);
	router_features(&input, &scratch, &features);
	arena_free(&scratch);
	return features;
}

/* --- the labelled prompts ----------------------------------------------- */

struct example {
	struct span prompt;
	enum router_task task;
	char language[4];
};

#define EXAMPLES_MAX 500

static struct example examples[EXAMPLES_MAX];
static size_t n_examples;
static struct arena arena;

static enum router_task task_of(struct span name)
{
	for (unsigned i = 0; i < TASK_COUNT; i++) {
		if (span_eq(
			name, span_of(router_task_name((enum router_task)i))))
			return (enum router_task)i;
	}
	fail_msg("unknown task %.*s", SPAN_FMT(name));
	return TASK_COUNT;
}

static void read_example(struct span line)
{
	struct example *example = &examples[n_examples++];
	struct json_doc doc;
	struct json_fault fault;
	struct span language;

	assert_true(n_examples <= EXAMPLES_MAX);
	assert_true(json_parse(line, &arena, &doc, &fault));
	example->task =
	    task_of(json_text(&doc, json_find(&doc, 0, SPAN("task")), &arena));
	example->prompt =
	    json_text(&doc, json_find(&doc, 0, SPAN("prompt")), &arena);
	language =
	    json_text(&doc, json_find(&doc, 0, SPAN("language")), &arena);
	assert_true(language.len < sizeof(example->language));
	memcpy(example->language, language.ptr, language.len);
}

static int load_examples(void **state)
{
	const char *top = getenv("srcdir");
	char name[512];
	char line[4096];
	FILE *file;

	(void)state;
	arena_init(&arena, 16 << 20);
	snprintf(
	    name, sizeof(name), "%s/tests/data/tasks.jsonl", top ? top : ".");
	file = fopen(name, "r");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		read_example(span_trim(arena_copy(&arena, span_of(line))));
	fclose(file);
	return n_examples > 200 ? 0 : -1;
}

static int free_examples(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void tells_tasks_apart(void **state)
{
	unsigned right[TASK_COUNT] = {0};
	unsigned all[TASK_COUNT] = {0};
	unsigned sum = 0;

	(void)state;
	for (size_t i = 0; i < n_examples; i++) {
		struct router_features f = features_of(examples[i].prompt);

		all[examples[i].task]++;
		right[examples[i].task] += f.task == examples[i].task;
		sum += f.task == examples[i].task;
	}
	for (unsigned i = 0; i < TASK_COUNT; i++) {
		print_message("  %-15s %3u of %3u\n",
		    router_task_name((enum router_task)i), right[i], all[i]);
		assert_true(all[i] >= 20);
		assert_true(right[i] >= FLOOR_TASK * all[i]);
	}
	print_message("  %-15s %3u of %3zu\n", "all", sum, n_examples);
	assert_true(sum >= FLOOR_ALL * (double)n_examples);
}

static void tells_languages_apart(void **state)
{
	unsigned right = 0;

	(void)state;
	for (size_t i = 0; i < n_examples; i++) {
		struct router_features f = features_of(examples[i].prompt);

		right += !strcmp(f.language, examples[i].language);
	}
	print_message("  %u of %zu\n", right, n_examples);
	assert_true(right >= FLOOR_LANGUAGE * (double)n_examples);
}

/* --- case and blanks ---------------------------------------------------- */

/* Upper case of what language_fold folds, and of ASCII. */
static struct span upper(struct span s)
{
	char *out = arena_alloc(&arena, s.len + 4);
	size_t n = 0;

	for (size_t i = 0; i < s.len;) {
		uint32_t code = 0;
		size_t len = utf8_decode(span_from(s, i), &code);

		assert_true(len > 0);
		if (code >= 'a' && code <= 'z')
			code -= 32;
		else if ((code >= 0xe0 && code <= 0xfe && code != 0xf7) ||
			 (code >= 0x430 && code <= 0x44f))
			code -= 0x20;
		else if (code >= 0x450 && code <= 0x45f)
			code -= 0x50;
		else if (code >= 0x100 && code <= 0x17f &&
			 language_fold(code - 1) == code)
			code--;
		n += utf8_encode(code, out + n);
		i += len;
	}
	return span_make(out, n);
}

static struct span double_blanks(struct span s)
{
	char *out = arena_alloc(&arena, 2 * s.len + 2);
	size_t n = 0;

	out[n++] = ' ';
	for (size_t i = 0; i < s.len; i++) {
		out[n++] = s.ptr[i];
		if (s.ptr[i] == ' ' || s.ptr[i] == '\n')
			out[n++] = s.ptr[i];
	}
	out[n++] = '\n';
	return span_make(out, n);
}

static void check_same(struct span prompt, struct span other)
{
	struct router_features a = features_of(prompt);
	struct router_features b = features_of(other);
	double change = a.difficulty - b.difficulty;

	if (a.task != b.task)
		print_error("%.*s\n", SPAN_FMT(prompt));
	assert_int_equal(a.task, b.task);
	assert_true(change < .02 && change > -.02);
}

static void case_and_blanks_change_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_examples; i++) {
		struct span prompt = examples[i].prompt;

		check_same(prompt, upper(prompt));
		check_same(prompt, double_blanks(prompt));
		check_same(prompt, double_blanks(upper(prompt)));
	}
}

static void folds_the_scripts_of_the_table(void **state)
{
	static const uint32_t pairs[][2] = {{0xc9, 0xe9}, {0xdc, 0xfc},
	    {0x104, 0x105}, {0x141, 0x142}, {0x15a, 0x15b}, {0x17b, 0x17c},
	    {0x11e, 0x11f}, {0x15e, 0x15f}, {0x416, 0x436}, {0x401, 0x451},
	    {0x404, 0x454}, {0x490, 0x491}, {0x3a9, 0x3c9}, {0x130, 'i'},
	    {0x131, 'i'}, {0x178, 0xff}, {0x152, 0x153}};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		assert_int_equal(language_fold(pairs[i][0]), pairs[i][1]);
		if (pairs[i][0] != 0x131)
			assert_int_equal(
			    language_fold(pairs[i][1]), pairs[i][1]);
	}
	assert_int_equal(language_fold(0xd7), 0xd7); /* a multiplication sign */
}

/* --- difficulty --------------------------------------------------------- */

static double difficulty(const char *text)
{
	return features_of(span_of(text)).difficulty;
}

static void longer_and_more_demanding_is_harder(void **state)
{
	(void)state;
	assert_true(difficulty("hi") < .05);
	assert_true(difficulty("hi") < difficulty("What is a monoid?"));
	assert_true(
	    difficulty("What is a monoid?") <
	    difficulty("What is a monoid, and which of the usual number "
		       "systems form one under addition and which under "
		       "multiplication?"));
	assert_true(difficulty("Show me that the square root of 2 is odd.") <
		    difficulty("Prove that the square root of 2 is irrational, "
			       "without Euclid, in exactly two steps."));
	for (size_t i = 0; i < n_examples; i++) {
		double d = features_of(examples[i].prompt).difficulty;

		assert_true(d >= 0 && d <= 1);
	}
}

static void options_and_examples_are_not_the_question(void **state)
{
	static const char question[] = "Which gas do plants take in?";
	static const char options[] =
	    "Which gas do plants take in?\nA. Oxygen from the night air\n"
	    "B. Carbon dioxide from the air\nC. Nitrogen from the soil\n"
	    "D. Helium from balloons\nAnswer:";
	static const char few_shot[] =
	    "Which planet is the largest of all those in the solar system?\n"
	    "Answer: Jupiter, by far.\n\nWhich gas do plants take in?\n"
	    "Answer:";

	(void)state;
	assert_true(difficulty(options) < difficulty(question) + .02);
	assert_true(difficulty(few_shot) < difficulty(question) + .15);
	assert_true(difficulty(few_shot) <
		    difficulty("Which planet is the largest of all those in "
			       "the solar system, and which gas do plants take "
			       "in during the day? Answer both."));
}

static void the_form_of_a_request_makes_it_harder(void **state)
{
	struct router_input input = {.turns = 1,
	    .output_limit = -1,
	    .last_user = SPAN("Plan a week in Rome for four people.")};
	struct router_features plain;
	struct router_features formed;

	(void)state;
	router_features(&input, &arena, &plain);
	input.turns = 9;
	input.tools = true;
	input.json_schema = true;
	input.images = 2;
	input.audio = true;
	input.stream = true;
	input.json_object = true;
	input.prompt_tokens = 77;
	router_features(&input, &arena, &formed);
	assert_true(formed.difficulty > plain.difficulty + .1);
	assert_true(formed.tools && formed.json_schema && formed.images &&
		    formed.audio && formed.stream && formed.json_object);
	assert_int_equal(formed.turns, 9);
	assert_int_equal(formed.tokens, 77);
	assert_false(plain.tools || plain.json_schema || plain.images ||
		     plain.audio || plain.stream || plain.json_object);
}

/* --- long, empty and odd texts ------------------------------------------ */

static void finds_an_instruction_at_either_end(void **state)
{
	size_t len = 200 * 1000;
	char *text = mem_alloc(len);
	static const char head[] = "Summarize the following report: ";
	static const char tail[] = " Translate the report above into French.";
	struct router_features f;

	(void)state;
	for (size_t i = 0; i < len; i++)
		text[i] = "the river rose and the mill stood still. "[i % 41];
	memcpy(text, head, sizeof(head) - 1);
	f = features_of(span_make(text, len));
	assert_int_equal(f.task, TASK_SUMMARISING);
	assert_string_equal(f.language, "en");
	assert_true(f.difficulty > .7);
	for (size_t i = 0; i < sizeof(head); i++)
		text[i] = ' ';
	memcpy(text + len - sizeof(tail) + 1, tail, sizeof(tail) - 1);
	f = features_of(span_make(text, len));
	assert_int_equal(f.task, TASK_TRANSLATION);
	free(text);
}

static void looks_at_the_ends_of_a_long_text_only(void **state)
{
	size_t len = 100 * 1000;
	char *text = mem_alloc(len);
	struct router_features before;
	struct router_features after;

	(void)state;
	memset(text, 'x', len);
	for (size_t i = 0; i < len; i += 9)
		text[i] = ' ';
	before = features_of(span_make(text, len));
	for (size_t i = 20000; i < 80000; i++)
		text[i] = "def f(x): return {x: [1, 2]};\n"[i % 30];
	after = features_of(span_make(text, len));
	assert_int_equal(before.task, after.task);
	assert_true(before.difficulty == after.difficulty);
	free(text);
}

static void takes_any_bytes(void **state)
{
	static const struct span odd[] = {
	    {NULL, 0},
	    {" \n\t", 3},
	    {"\xff\xfe\x80", 3},
	    {"\xe2\x82", 2},
	    {"\0\0", 2},
	    {"?", 1},
	    {"\xf0\x9f\x98\x80", 4},
	};
	char text[40000];

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct router_features f = features_of(odd[i]);

		assert_true(f.difficulty >= 0 && f.difficulty < .1);
		assert_string_equal(f.language, "und");
	}
	/* Windows that would cut a character in two. */
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = "\xe4\xbd\xa0"[i % 3];
	for (size_t from = 0; from < 3; from++)
		assert_string_equal(
		    features_of(span_make(text + from, sizeof(text) - 3))
			.language,
		    "zh");
	memset(text, 'a', sizeof(text)); /* one word */
	assert_string_equal(
	    features_of(span_make(text, sizeof(text))).language, "und");
}

static void a_system_message_can_tell_the_task(void **state)
{
	struct router_input input = {.turns = 1,
	    .output_limit = -1,
	    .last_user = SPAN("The mill by the river has been closed."),
	    .system = SPAN("You translate what the user writes into French.")};
	struct router_features f;

	(void)state;
	router_features(&input, &arena, &f);
	assert_int_equal(f.task, TASK_TRANSLATION);
	input.last_user = SPAN("Write a poem about the mill by the river.");
	router_features(&input, &arena, &f);
	assert_int_equal(f.task, TASK_CREATIVE);
}

static void expects_output_by_task_and_limit(void **state)
{
	struct router_input input = {.turns = 1,
	    .output_limit = -1,
	    .last_user = SPAN("Write a poem about the mill by the river.")};
	struct router_features f;
	int64_t free_length;

	(void)state;
	router_features(&input, &arena, &f);
	free_length = f.expected_output;
	assert_true(free_length >= 200);
	input.output_limit = 50;
	router_features(&input, &arena, &f);
	assert_int_equal(f.expected_output, 50);
	input.output_limit = 1000000;
	router_features(&input, &arena, &f);
	assert_int_equal(f.expected_output, free_length);
	input.output_limit = -1;
	input.last_user = SPAN("Is this spam? Answer yes or no.");
	router_features(&input, &arena, &f);
	assert_true(f.expected_output <= 20);
	input.endpoint = ROUTER_EMBEDDINGS;
	router_features(&input, &arena, &f);
	assert_int_equal(f.expected_output, 0);
}

static void languages_without_words_go_by_script(void **state)
{
	static const struct {
		const char *text;
		const char *language;
	} rows[] = {
	    {"\u0393\u03b5\u03b9\u03b1 \u03c3\u03bf\u03c5", "el"},
	    {"\u05e9\u05dc\u05d5\u05dd", "he"},
	    {"\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "th"},
	    {"\u0627\u06cc\u0646 \u0686\u06cc\u0633\u062a\u061f", "fa"},
	    {"2 + 2", "und"},
	    {"Python \u3067\u30ea\u30b9\u30c8\u3092\u4e26\u3079\u308b", "ja"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(features_of(span_of(rows[i].text)).language,
		    rows[i].language);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tells_tasks_apart),
	    cmocka_unit_test(tells_languages_apart),
	    cmocka_unit_test(case_and_blanks_change_nothing),
	    cmocka_unit_test(folds_the_scripts_of_the_table),
	    cmocka_unit_test(longer_and_more_demanding_is_harder),
	    cmocka_unit_test(options_and_examples_are_not_the_question),
	    cmocka_unit_test(the_form_of_a_request_makes_it_harder),
	    cmocka_unit_test(finds_an_instruction_at_either_end),
	    cmocka_unit_test(looks_at_the_ends_of_a_long_text_only),
	    cmocka_unit_test(takes_any_bytes),
	    cmocka_unit_test(a_system_message_can_tell_the_task),
	    cmocka_unit_test(expects_output_by_task_and_limit),
	    cmocka_unit_test(languages_without_words_go_by_script),
	};

	return cmocka_run_group_tests_name(
	    "features", tests, load_examples, free_examples);
}
