/* test_settings.c -- a section of configuration by its table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

struct values {
	char *text;
	char *word;
	char *path;
	int64_t size, time, number, any;
	bool is_on;
	int64_t price;
	int64_t choice;
};

#define AT(member) offsetof(struct values, member)

static const char *const colours[] = {"red", "green", NULL};
static const struct setting rows[] = {
    {.key = "text",
	.type = SETTING_STRING,
	.offset = AT(text),
	.fallback = "plain",
	.doc = "Words."},
    {.key = "word",
	.type = SETTING_STRING,
	.offset = AT(word),
	.is_required = true,
	.doc = "A word."},
    {.key = "path", .type = SETTING_PATH, .offset = AT(path), .doc = "A path."},
    {.key = "size",
	.type = SETTING_SIZE,
	.offset = AT(size),
	.fallback = "8KiB",
	.min = 1024,
	.max = 1 << 20,
	.doc = "A size."},
    {.key = "time",
	.type = SETTING_DURATION,
	.offset = AT(time),
	.fallback = "30s",
	.min = NS_PER_MS,
	.max = 60 * NS_PER_S,
	.doc = "A time."},
    {.key = "number",
	.type = SETTING_INT,
	.offset = AT(number),
	.fallback = "7",
	.min = 1,
	.max = 9,
	.doc = "A number."},
    {.key = "any", .type = SETTING_INT, .offset = AT(any), .doc = "Any."},
    {.key = "on",
	.type = SETTING_BOOL,
	.offset = AT(is_on),
	.fallback = "true",
	.doc = "A switch."},
    {.key = "price",
	.type = SETTING_PRICE,
	.offset = AT(price),
	.doc = "A price."},
    {.key = "colour",
	.type = SETTING_ENUM,
	.offset = AT(choice),
	.fallback = "green",
	.choices = colours,
	.doc = "A colour."},
    {.key = "inner", .type = SETTING_NESTED, .doc = "A section."},
};
static const struct settings table = {
    .name = "things", .rows = rows, .n = 11, .doc = "All kinds."};

struct fixture {
	struct mistakes *mistakes;
	struct values values;
};

static int set_up(void **state)
{
	struct fixture *f = mem_new(struct fixture);

	f->mistakes = mistakes_new();
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	settings_free(&table, &f->values);
	assert_null(f->values.text);
	mistakes_free(&f->mistakes);
	free(f);
	return 0;
}

static void read_text(struct fixture *f, const char *text)
{
	struct yaml_doc *doc;

	settings_free(&table, &f->values);
	mistakes_free(&f->mistakes);
	f->mistakes = mistakes_new();
	f->values = (struct values){0};
	doc = yaml_parse("x.yaml", span_of(text), f->mistakes);
	assert_non_null(doc);
	settings_read(&table,
	    &(struct settings_source){"x.yaml", "/etc/sluice", f->mistakes},
	    doc->root, &f->values);
	yaml_doc_free(&doc);
}

static void assert_fine(const struct fixture *f)
{
	if (mistakes_count(f->mistakes) > 0)
		fail_msg("%s", mistakes_line(f->mistakes, 0));
}

/* <text> after "word: w" on line 2 has this one mistake. */
static void refuses(struct fixture *f, const char *text, const char *mistake)
{
	char all[256];

	snprintf(all, sizeof(all), "word: w\n%s", text);
	read_text(f, all);
	assert_int_equal(mistakes_count(f->mistakes), 1);
	assert_string_equal(mistakes_line(f->mistakes, 0), mistake);
}

static void gives_every_row_its_default(void **state)
{
	struct fixture *f = *state;

	read_text(f, "word: w\n");
	assert_fine(f);
	assert_string_equal(f->values.text, "plain");
	assert_string_equal(f->values.word, "w");
	assert_null(f->values.path);
	assert_int_equal(f->values.size, 8192);
	assert_int_equal(f->values.time, 30 * NS_PER_S);
	assert_int_equal(f->values.number, 7);
	assert_int_equal(f->values.any, 0);
	assert_true(f->values.is_on);
	assert_int_equal(f->values.price, MONEY_UNPRICED);
	assert_int_equal(f->values.choice, 1);
}

static void gives_defaults_where_the_section_is_absent(void **state)
{
	struct fixture *f = *state;
	const struct settings_source source = {"x", "/", f->mistakes};

	settings_read(&table, &source, NULL, &f->values);
	assert_fine(f);
	assert_string_equal(f->values.text, "plain");
	assert_int_equal(f->values.number, 7);
	assert_null(f->values.word);
}

static void reads_every_type(void **state)
{
	struct fixture *f = *state;

	read_text(f,
	    "{text: a b, word: w, path: ./k.pem, size: 1MiB, time: 1m, "
	    "number: 9, any: 123456789012, on: false, price: 0.25, "
	    "colour: red, inner: {a: b}}");
	assert_fine(f);
	assert_string_equal(f->values.text, "a b");
	assert_string_equal(f->values.path, "/etc/sluice/k.pem");
	assert_int_equal(f->values.size, 1 << 20);
	assert_int_equal(f->values.time, 60 * NS_PER_S);
	assert_int_equal(f->values.number, 9);
	assert_int_equal(f->values.any, INT64_C(123456789012));
	assert_false(f->values.is_on);
	assert_int_equal(f->values.price, 250000000);
	assert_int_equal(f->values.choice, 0);
}

static void holds_numbers_to_their_range(void **state)
{
	struct fixture *f = *state;

	refuses(f, "number: 0", "x.yaml:2:9: \"number\" must be 1 to 9, got 0");
	refuses(
	    f, "number: 10", "x.yaml:2:9: \"number\" must be 1 to 9, got 10");
	refuses(f, "size: 1023",
	    "x.yaml:2:7: \"size\" must be 1024 to 1048576 bytes, got 1023");
	refuses(f, "time: 2m",
	    "x.yaml:2:7: \"time\" must be 1 to 60000 ms, got 2m");
	/* The default stays, for what is checked next. */
	assert_int_equal(f->values.time, 30 * NS_PER_S);
}

static void says_what_was_expected(void **state)
{
	struct fixture *f = *state;

	refuses(f, "number: -1",
	    "x.yaml:2:9: \"number\" must be a whole number, got \"-1\"");
	refuses(f, "any: 9223372036854775808",
	    "x.yaml:2:6: \"any\" must be a whole number, got "
	    "\"9223372036854775808\"");
	refuses(f, "size: 1 KiB",
	    "x.yaml:2:7: \"size\" must be a size such as 512, 8KiB, 10MiB, "
	    "got \"1 KiB\"");
	refuses(f, "time: 30",
	    "x.yaml:2:7: \"time\" must be a duration such as 500ms, 30s, 5m, "
	    "1h, got \"30\"");
	refuses(f, "on: yes",
	    "x.yaml:2:5: \"on\" must be true or false, got \"yes\"");
	refuses(f, "price: -1",
	    "x.yaml:2:8: \"price\": price \"-1\" is not a number, expected "
	    "dollars per million tokens as a plain decimal such as 0.10");
	assert_int_equal(f->values.price, MONEY_UNPRICED);
	refuses(f, "colour: gren",
	    "x.yaml:2:9: \"colour\" must be one of red, green, got \"gren\"; "
	    "did you mean \"green\"?");
	assert_int_equal(f->values.choice, 1);
}

static void names_the_nearest_key(void **state)
{
	struct fixture *f = *state;

	refuses(f, "pirce: 1",
	    "x.yaml:2:1: unknown key \"pirce\" in things; did you mean "
	    "\"price\"?");
	refuses(f, "zzzzzz: 1", "x.yaml:2:1: unknown key \"zzzzzz\" in things");
}

static void refuses_lists_and_maps_for_a_value_and_keeps_the_default(
    void **state)
{
	struct fixture *f = *state;

	refuses(f, "text: [a]",
	    "x.yaml:2:7: \"text\" must be a single value, got a list");
	/* Readers of the struct count on a row with a default. */
	assert_string_equal(f->values.text, "plain");
	refuses(f, "size: {a: 1}",
	    "x.yaml:2:7: \"size\" must be a single value, got a map");
	assert_int_equal(f->values.size, 8192);
}

static void wants_what_is_required_and_not_empty(void **state)
{
	struct fixture *f = *state;

	read_text(f, "number: 3\n");
	assert_int_equal(mistakes_count(f->mistakes), 1);
	assert_string_equal(mistakes_line(f->mistakes, 0),
	    "x.yaml:1:1: \"word\" is missing in things");
	read_text(f, "word:\n");
	assert_int_equal(mistakes_count(f->mistakes), 1);
	assert_non_null(strstr(
	    mistakes_line(f->mistakes, 0), "\"word\" must not be empty"));
	read_text(f, "word: ''\ntext: ''\n");
	assert_string_equal(mistakes_line(f->mistakes, 0),
	    "x.yaml:1:7: \"word\" must not be empty");
	/* What is not required may be empty. */
	assert_int_equal(mistakes_count(f->mistakes), 1);
	assert_string_equal(f->values.text, "");
}

static void refuses_a_section_that_is_no_map(void **state)
{
	struct fixture *f = *state;

	read_text(f, "[a, b]");
	assert_int_equal(mistakes_count(f->mistakes), 1);
	assert_string_equal(mistakes_line(f->mistakes, 0),
	    "x.yaml:1:1: things must be a map of settings");
	assert_string_equal(f->values.text, "plain");
}

static void reports_every_mistake_of_a_section(void **state)
{
	struct fixture *f = *state;

	read_text(f, "nubmer: 3\non: 1\nsize: 1\ncolour: blue\n");
	assert_int_equal(mistakes_count(f->mistakes), 5);
}

static void reads_sizes(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes; /* -1: refused */
	} cases[] = {
	    {"0", 0},
	    {"512", 512},
	    {"512B", 512},
	    {"8KiB", 8192},
	    {"10MiB", 10485760},
	    {"3GiB", INT64_C(3221225472)},
	    {"1TiB", INT64_C(1099511627776)},
	    {"8388607TiB", INT64_C(8388607) << 40},
	    {"8388608TiB", -1},
	    {"9223372036854775807", INT64_MAX},
	    {"9223372036854775808", -1},
	    {"", -1},
	    {"KiB", -1},
	    {"1KB", -1},
	    {"1kib", -1},
	    {"1.5MiB", -1},
	    {"-1", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t bytes = -1;

		if (settings_parse_size(span_of(cases[i].text), &bytes) !=
			(cases[i].bytes >= 0) ||
		    bytes != cases[i].bytes)
			fail_msg("%s: %lld", cases[i].text, (long long)bytes);
	}
}

static void resolves_paths_against_the_files_folder(void **state)
{
	static const char *const cases[][3] = {
	    {"/etc", "a.pem", "/etc/a.pem"},
	    {"/etc", "./a.pem", "/etc/a.pem"},
	    {"/etc", "././a/b", "/etc/a/b"},
	    {"/etc", "../a", "/etc/../a"},
	    {"/etc", "/a", "/a"},
	    {".", "a", "./a"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *path =
		    settings_resolve_path(cases[i][0], span_of(cases[i][1]));

		assert_string_equal(path, cases[i][2]);
		free(path);
	}
}

static void documents_each_row(void **state)
{
	struct buf out;
	struct span text;

	(void)state;
	buf_init(&out, 1 << 16);
	assert_true(settings_write_docs(&table, &out));
	text = buf_span(&out);
	assert_true(span_starts_with(text, SPAN("## things\n\nAll kinds.\n")));
	assert_true(span_find(text,
			SPAN("| `colour` | choice: `red`, `green` | `green` | "
			     "A colour. |\n"),
			0) != SIZE_MAX);
	assert_true(
	    span_find(text, SPAN("| `word` | text | required | A word. |\n"),
		0) != SIZE_MAX);
	buf_free(&out);
	buf_init(&out, 40);
	assert_false(settings_write_docs(&table, &out));
	buf_free(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(gives_every_row_its_default),
	    TEST(gives_defaults_where_the_section_is_absent),
	    TEST(reads_every_type),
	    TEST(holds_numbers_to_their_range),
	    TEST(says_what_was_expected),
	    TEST(names_the_nearest_key),
	    TEST(refuses_lists_and_maps_for_a_value_and_keeps_the_default),
	    TEST(wants_what_is_required_and_not_empty),
	    TEST(refuses_a_section_that_is_no_map),
	    TEST(reports_every_mistake_of_a_section),
	    cmocka_unit_test(reads_sizes),
	    cmocka_unit_test(resolves_paths_against_the_files_folder),
	    cmocka_unit_test(documents_each_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
