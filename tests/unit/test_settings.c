/* test_settings.c -- a section read by its table: values, defaults, mistakes.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/yaml_fixture.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/money.h"
#include "base/settings.h"

struct section {
	char *name, *nick, *path;
	int64_t size, wait, count, price, colour;
	bool is_on;
};

static const char *const colours[] = {"red", "green", "blue", NULL};

#define AT(member) offsetof(struct section, member)
static const struct setting rows[] = {
    {.key = "name",
	.type = SETTING_STRING,
	.offset = AT(name),
	.is_required = true,
	.doc = "Who."},
    {.key = "nick",
	.type = SETTING_STRING,
	.offset = AT(nick),
	.fallback = "nobody",
	.doc = "What friends say."},
    {.key = "path", .type = SETTING_PATH, .offset = AT(path), .doc = "Where."},
    {.key = "size",
	.type = SETTING_SIZE,
	.offset = AT(size),
	.fallback = "8KiB",
	.min = 16,
	.max = 1 << 20,
	.doc = "How large."},
    {.key = "wait",
	.type = SETTING_DURATION,
	.offset = AT(wait),
	.fallback = "5s",
	.min = NS_PER_MS,
	.max = NS_PER_S * 60,
	.doc = "How long."},
    {.key = "count",
	.type = SETTING_INT,
	.offset = AT(count),
	.fallback = "3",
	.doc = "How many."},
    {.key = "price",
	.type = SETTING_PRICE,
	.offset = AT(price),
	.doc = "How much."},
    {.key = "colour",
	.type = SETTING_ENUM,
	.offset = AT(colour),
	.fallback = "green",
	.choices = colours,
	.doc = "Which."},
    {.key = "on",
	.type = SETTING_BOOL,
	.offset = AT(is_on),
	.fallback = "true",
	.doc = "Whether."},
    {.key = "more", .type = SETTING_NESTED, .doc = "The rest."},
};
static const struct settings table = {
    .name = "things",
    .rows = rows,
    .n = sizeof(rows) / sizeof(rows[0]),
    .doc = "Things there are.",
};

static struct section read_text(struct fixture *f, const char *text)
{
	struct section section = {0};
	struct settings_source source = {"x.yaml", "/etc/x", NULL};

	parse(f, text);
	source.mistakes = f->mistakes;
	settings_read(&table, &source, f->doc->root, &section);
	return section;
}

static void drop(struct section *section)
{
	settings_free(&table, section);
	assert_null(section->name);
	assert_null(section->nick);
	assert_null(section->path);
}

static void assert_refuses(
    struct fixture *f, const char *line, const char *words)
{
	struct section section;
	char text[256];

	snprintf(text, sizeof(text), "name: x\n%s\n", line);
	section = read_text(f, text);
	if (mistakes_count(f->mistakes) != 1)
		fail_msg("%s: %zu mistakes", line, mistakes_count(f->mistakes));
	if (!strstr(mistakes_line(f->mistakes, 0), words))
		fail_msg("%s: \"%s\" lacks \"%s\"", line,
		    mistakes_line(f->mistakes, 0), words);
	drop(&section);
}

static void reads_every_type(void **state)
{
	struct section s = read_text(*state,
	    "name: a b\nnick: c\npath: ./d/e\nsize: 1KiB\nwait: 1500ms\n"
	    "count: 9\nprice: 0.25\ncolour: blue\non: false\nmore: [1]\n");

	assert_no_mistake(*state);
	assert_string_equal(s.name, "a b");
	assert_string_equal(s.nick, "c");
	assert_string_equal(s.path, "/etc/x/d/e");
	assert_int_equal(s.size, 1024);
	assert_int_equal(s.wait, NS_PER_MS * 1500);
	assert_int_equal(s.count, 9);
	assert_int_equal(s.price, 250000000);
	assert_int_equal(s.colour, 2);
	assert_false(s.is_on);
	drop(&s);
}

static void gives_defaults_where_the_file_is_silent(void **state)
{
	struct section s = read_text(*state, "name: x\n");

	assert_no_mistake(*state);
	assert_string_equal(s.nick, "nobody");
	assert_null(s.path);
	assert_int_equal(s.size, 8192);
	assert_int_equal(s.wait, NS_PER_S * 5);
	assert_int_equal(s.count, 3);
	assert_true(s.price == MONEY_UNPRICED);
	assert_int_equal(s.colour, 1);
	assert_true(s.is_on);
	drop(&s);
}

/* An absent section has its defaults too; what it requires is not asked. */
static void an_absent_section_is_all_defaults(void **state)
{
	struct fixture *f = *state;
	struct settings_source source = {"x.yaml", "/etc/x", f->mistakes};
	struct section s = {0};

	settings_read(&table, &source, NULL, &s);
	assert_int_equal(mistakes_count(f->mistakes), 0);
	assert_null(s.name);
	assert_string_equal(s.nick, "nobody");
	assert_int_equal(s.count, 3);
	drop(&s);
}

static void names_the_nearest_key_to_an_unknown_one(void **state)
{
	assert_refuses(*state, "szie: 1KiB",
	    "unknown key \"szie\" in things; did you mean \"size\"?");
	assert_refuses(*state, "elsewhere: 1", "unknown key \"elsewhere\"");
}

static void tells_the_place_of_a_mistake(void **state)
{
	struct section s = read_text(*state, "name: x\ncount:   many\n");

	assert_mistake(*state, "2:10", "\"count\" must be a whole number");
	drop(&s);
}

static void refuses_values_of_the_wrong_type(void **state)
{
	assert_refuses(*state, "size: big", "must be a size such as");
	assert_refuses(*state, "size: 8 KiB", "must be a size such as");
	assert_refuses(*state, "size: 99999999TiB", "must be a size such as");
	assert_refuses(*state, "wait: 5", "must be a duration such as");
	assert_refuses(*state, "count: -1", "must be a whole number");
	assert_refuses(*state, "count: 1.5", "must be a whole number");
	assert_refuses(
	    *state, "count: 9223372036854775808", "must be a whole number");
	assert_refuses(*state, "on: yes", "must be true or false");
	assert_refuses(*state, "price: free", "\"price\": ");
	assert_refuses(*state, "nick: [a]", "must be a single value, got a li");
	assert_refuses(
	    *state, "nick: {a: b}", "must be a single value, got a m");
}

static void refuses_what_is_out_of_range(void **state)
{
	assert_refuses(*state, "size: 15", "must be 16 to 1048576 bytes");
	assert_refuses(*state, "size: 2MiB", "must be 16 to 1048576 bytes");
	assert_refuses(*state, "wait: 61s", "must be 1 to 60000 ms");
}

static void lists_the_choices_of_an_enum(void **state)
{
	assert_refuses(*state, "colour: bleu",
	    "must be one of red, green, blue, got \"bleu\"; did you mean "
	    "\"blue\"?");
	assert_refuses(*state, "colour: Red", "must be one of");
}

static void a_bad_value_leaves_the_default(void **state)
{
	struct section s =
	    read_text(*state, "name: x\nsize: 1\non: maybe\ncolour: grey\n");

	assert_int_equal(
	    mistakes_count(((struct fixture *)*state)->mistakes), 3);
	assert_int_equal(s.size, 8192);
	assert_true(s.is_on);
	assert_int_equal(s.colour, 1);
	drop(&s);
}

static void says_which_required_key_is_missing(void **state)
{
	struct section s = read_text(*state, "count: 1\n");

	assert_mistake(*state, "1:1", "\"name\" is missing in things");
	drop(&s);
}

static void refuses_a_section_that_is_no_map(void **state)
{
	struct fixture *f = *state;
	struct section s = read_text(f, "- a\n- b\n");

	assert_mistake(f, "1:1", "things must be a map of settings");
	assert_int_equal(s.count, 3);
	drop(&s);
}

static void reads_sizes_with_and_without_units(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} sizes[] = {{"0", 0}, {"512", 512}, {"7B", 7}, {"1KiB", 1 << 10},
	    {"10MiB", 10 << 20}, {"1GiB", 1 << 30}, {"1TiB", INT64_C(1) << 40},
	    {"9223372036854775807", INT64_MAX}};
	static const char *const bad[] = {"", "KiB", "1kib", "1KB", "-1", "+1",
	    "1.5KiB", "1 KiB", "8388608TiB", "9223372036854775808", "1BB"};
	int64_t bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_true(
		    settings_parse_size(span_of(sizes[i].text), &bytes));
		assert_true(bytes == sizes[i].bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (settings_parse_size(span_of(bad[i]), &bytes))
			fail_msg("\"%s\" is no size", bad[i]);
}

static void assert_resolves(const char *path, const char *to)
{
	char *resolved = settings_resolve_path("/etc/x", span_of(path));

	assert_string_equal(resolved, to);
	free(resolved);
}

static void paths_are_relative_to_the_files_folder(void **state)
{
	(void)state;
	assert_resolves("a", "/etc/x/a");
	assert_resolves("./a", "/etc/x/a");
	assert_resolves("././a/b", "/etc/x/a/b");
	assert_resolves("../a", "/etc/x/../a");
	assert_resolves("/a", "/a");
	assert_resolves("", "/etc/x/");
}

static void documents_each_row_with_its_default(void **state)
{
	static const char *const lines[] = {
	    "## things\n\nThings there are.\n",
	    "\n| `name` | text | required | Who. |\n",
	    "\n| `path` | path |  | Where. |\n",
	    "\n| `size` | size | `8KiB` | How large. |\n",
	    "\n| `colour` | choice: `red`, `green`, `blue` | `green` | Which",
	    "\n| `more` | section |  | The rest. |\n",
	};
	struct buf out;
	char *text;

	(void)state;
	buf_init(&out, 1 << 16);
	assert_true(settings_write_docs(&table, &out));
	text = span_dup(buf_span(&out));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!strstr(text, lines[i]))
			fail_msg("no %s in %s", lines[i], text);
	free(text);
	buf_free(&out);
}

static void a_document_that_does_not_fit_is_not_claimed(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	assert_false(settings_write_docs(&table, &out));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(reads_every_type),
	    TEST(gives_defaults_where_the_file_is_silent),
	    TEST(an_absent_section_is_all_defaults),
	    TEST(names_the_nearest_key_to_an_unknown_one),
	    TEST(tells_the_place_of_a_mistake),
	    TEST(refuses_values_of_the_wrong_type),
	    TEST(refuses_what_is_out_of_range),
	    TEST(lists_the_choices_of_an_enum),
	    TEST(a_bad_value_leaves_the_default),
	    TEST(says_which_required_key_is_missing),
	    TEST(refuses_a_section_that_is_no_map),
	    cmocka_unit_test(reads_sizes_with_and_without_units),
	    cmocka_unit_test(paths_are_relative_to_the_files_folder),
	    cmocka_unit_test(documents_each_row_with_its_default),
	    cmocka_unit_test(a_document_that_does_not_fit_is_not_claimed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
