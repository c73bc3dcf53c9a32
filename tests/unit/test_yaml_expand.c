/* test_yaml_expand.c -- variables in configuration files. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/yaml_fixture.h"

#include "base/buf.h"

static const char *look_up(const char *name, void *arg)
{
	size_t *n_asked = arg;

	++*n_asked;
	if (strcmp(name, "HOST") == 0)
		return "example.com";
	if (strcmp(name, "_a1") == 0)
		return "under";
	if (strcmp(name, "EMPTY") == 0)
		return "";
	if (strcmp(name, "TRICKY") == 0)
		return "${HOST} $$ {a: b}";
	return NULL;
}

static size_t expand(struct fixture *f)
{
	size_t n_asked = 0;

	yaml_expand(f->doc, look_up, &n_asked, f->mistakes);
	return n_asked;
}

/* A text in single quotes, so that no brace means anything to YAML. */
static void assert_expands(struct fixture *f, const char *from, const char *to)
{
	char text[256];

	snprintf(text, sizeof(text), "a: '%s'\n", from);
	parse(f, text);
	expand(f);
	assert_no_mistake(f);
	assert_string_equal(get(f, "a")->text.ptr, to);
	assert_int_equal(get(f, "a")->text.len, strlen(to));
}

static void puts_variables_in(void **state)
{
	struct fixture *f = *state;

	assert_expands(f, "${HOST}", "example.com");
	assert_expands(
	    f, "https://${HOST}/v1?${_a1}", "https://example.com/v1?under");
	assert_expands(f, "${HOST}${HOST}", "example.comexample.com");
	assert_expands(f, "${EMPTY}", "");
	assert_expands(f, "<${EMPTY}>", "<>");
	assert_expands(f, "nothing", "nothing");
}

static void uses_defaults_for_unset_and_empty_variables(void **state)
{
	struct fixture *f = *state;

	assert_expands(f, "${NO:-8080}", "8080");
	assert_expands(f, "${NO:-}", "");
	assert_expands(f, "${EMPTY:-x}", "x");
	assert_expands(f, "${HOST:-x}", "example.com");
	assert_expands(f, "${NO:-http://a:1/?b=:-c}d", "http://a:1/?b=:-cd");
	assert_expands(f, "${NO:-a{b}c}", "a{bc}");
}

static void leaves_other_dollars_alone(void **state)
{
	struct fixture *f = *state;

	assert_expands(f, "$", "$");
	assert_expands(f, "$$", "$");
	assert_expands(f, "$$$", "$$");
	assert_expands(f, "$$$$", "$$");
	assert_expands(f, "$5 $HOST a$", "$5 $HOST a$");
	assert_expands(f, "$${HOST}", "${HOST}");
	assert_expands(f, "$$${HOST}", "$example.com");
	assert_expands(f, "^a$|{2}", "^a$|{2}");
}

static void expands_no_value_again(void **state)
{
	struct fixture *f = *state;

	assert_expands(f, "${TRICKY}", "${HOST} $$ {a: b}");
	assert_expands(f, "${NO:-$$}", "$$");
}

static void names_the_missing_variable_and_its_place(void **state)
{
	struct fixture *f = *state;

	parse(f, "a: 1\nb:\n  - c: \"x${MISSING}\"\n");
	expand(f);
	assert_mistake(f, "3:8", "\"MISSING\" is not set");
	assert_string_equal(
	    yaml_get(get(f, "b")->items[0], "c")->text.ptr, "x${MISSING}");
}

static void refuses_references_that_are_none(void **state)
{
	static const char *const bad[] = {"${", "${HOST", "${}", "${1A}",
	    "${A-b}", "${A:b}", "${A:}", "${ A}", "${A }", "${A.B}", "${:-x}",
	    "${A:-${B}}", "${\xc3\xa9}", "a ${HOST} ${"};
	struct fixture *f = *state;
	char text[400];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "a: '%s'\n", bad[i]);
		parse(f, text);
		expand(f);
		assert_mistake(f, "1:4", "${");
		assert_string_equal(get(f, "a")->text.ptr, bad[i]);
	}
	snprintf(text, sizeof(text), "a: '${%0300d}'\n", 0);
	memset(text + 6, 'N', 300);
	parse(f, text);
	expand(f);
	assert_mistake(f, "1:4", "is neither");
}

static void expands_every_value_and_no_key(void **state)
{
	struct fixture *f = *state;
	const struct yaml_node *map;

	parse(f, "'${HOST}': ${HOST}\nl: ['${HOST}', {a: '${HOST}'}]\n");
	assert_int_equal(expand(f), 3);
	assert_no_mistake(f);
	assert_string_equal(f->doc->root->keys[0]->text.ptr, "${HOST}");
	assert_string_equal(f->doc->root->items[0]->text.ptr, "example.com");
	assert_string_equal(get(f, "l")->items[0]->text.ptr, "example.com");
	map = get(f, "l")->items[1];
	assert_string_equal(yaml_get(map, "a")->text.ptr, "example.com");
	parse(f, "${HOST}\n");
	assert_int_equal(expand(f), 1);
	assert_string_equal(f->doc->root->text.ptr, "example.com");
}

static void keeps_is_quoted_and_the_place(void **state)
{
	struct fixture *f = *state;

	parse(f, "a: ${NO:-8080}\nb: \"${NO:-8080}\"\n");
	expand(f);
	assert_no_mistake(f);
	assert_string_equal(get(f, "a")->text.ptr, "8080");
	assert_string_equal(get(f, "b")->text.ptr, "8080");
	assert_false(get(f, "a")->is_quoted);
	assert_true(get(f, "b")->is_quoted);
	assert_int_equal(get(f, "b")->line, 2);
	assert_int_equal(get(f, "b")->column, 4);
}

static const char *look_up_long(const char *name, void *arg)
{
	(void)name;
	return arg;
}

static void bounds_what_a_text_expands_to(void **state)
{
	struct fixture *f = *state;
	size_t len = (size_t)600 << 10;
	char *value = mem_alloc(len + 1);

	memset(value, 'v', len);
	value[len] = '\0';
	parse(f, "a: '${A}'\nb: '${A}${A}'\n");
	yaml_expand(f->doc, look_up_long, value, f->mistakes);
	assert_mistake(f, "2:4", "too long");
	assert_int_equal(get(f, "a")->text.len, len);
	assert_string_equal(get(f, "b")->text.ptr, "${A}${A}");
	free(value);
}

/* 100 texts of 900 KiB are more than a document may hold in all. */
static void bounds_what_a_document_expands_to(void **state)
{
	struct fixture *f = *state;
	size_t len = (size_t)900 << 10;
	char *value = mem_alloc(len + 1);
	struct buf text;

	buf_init(&text, 4096);
	assert_true(buf_append(&text, SPAN("[")));
	for (int i = 0; i < 100; i++)
		assert_true(buf_append(&text, SPAN("'${A}',")));
	assert_true(buf_append(&text, SPAN("]")));
	memset(value, 'v', len);
	value[len] = '\0';
	parse_span(f, buf_span(&text));
	buf_free(&text);
	assert_no_mistake(f);
	yaml_expand(f->doc, look_up_long, value, f->mistakes);
	assert_true(mistakes_count(f->mistakes) > 10);
	assert_int_equal(f->doc->root->items[0]->text.len, len);
	assert_string_equal(f->doc->root->items[99]->text.ptr, "${A}");
	free(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(puts_variables_in),
	    TEST(uses_defaults_for_unset_and_empty_variables),
	    TEST(leaves_other_dollars_alone),
	    TEST(expands_no_value_again),
	    TEST(names_the_missing_variable_and_its_place),
	    TEST(refuses_references_that_are_none),
	    TEST(expands_every_value_and_no_key),
	    TEST(keeps_is_quoted_and_the_place),
	    TEST(bounds_what_a_text_expands_to),
	    TEST(bounds_what_a_document_expands_to),
	};

	return cmocka_run_group_tests_name("yaml_expand", tests, NULL, NULL);
}
