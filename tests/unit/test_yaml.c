/* test_yaml.c -- what configuration files may hold, and where mistakes are. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/yaml_fixture.h"

/* --- reading -------------------------------------------------------------- */

static void reads_maps_lists_and_scalars(void **state)
{
	struct fixture *f = *state;
	const struct yaml_node *list, *map;

	parse(f, "listen: 127.0.0.1:8080\n"
		 "keys:\n"
		 "  - {name: a, tags: [x, y]}\n"
		 "  - name: b\n"
		 "empty: {}\n"
		 "none: []\n");
	assert_no_mistake(f);
	assert_int_equal(f->doc->root->kind, YAML_MAP);
	assert_int_equal(f->doc->root->count, 4);
	assert_string_equal(get(f, "listen")->text.ptr, "127.0.0.1:8080");
	list = get(f, "keys");
	assert_int_equal(list->kind, YAML_LIST);
	assert_int_equal(list->count, 2);
	map = list->items[0];
	assert_string_equal(yaml_get(map, "name")->text.ptr, "a");
	assert_int_equal(yaml_get(map, "tags")->count, 2);
	assert_string_equal(yaml_get(map, "tags")->items[1]->text.ptr, "y");
	assert_string_equal(map->keys[1]->text.ptr, "tags");
	assert_string_equal(yaml_get(list->items[1], "name")->text.ptr, "b");
	assert_int_equal(get(f, "empty")->kind, YAML_MAP);
	assert_int_equal(get(f, "empty")->count, 0);
	assert_int_equal(get(f, "none")->kind, YAML_LIST);
	assert_int_equal(get(f, "none")->count, 0);
}

static void knows_the_place_of_every_node(void **state)
{
	struct fixture *f = *state;
	const struct yaml_node *b;

	parse(f, "# comment\na: 1\n\nb:\n  - x\n  -   \xc3\xa9: \"q\"\n");
	assert_no_mistake(f);
	assert_int_equal(f->doc->root->line, 2);
	assert_int_equal(f->doc->root->column, 1);
	assert_int_equal(get(f, "a")->line, 2);
	assert_int_equal(get(f, "a")->column, 4);
	b = get(f, "b");
	assert_int_equal(b->items[0]->line, 5);
	assert_int_equal(b->items[0]->column, 5);
	/* Columns are of characters, not bytes. */
	assert_int_equal(b->items[1]->items[0]->line, 6);
	assert_int_equal(b->items[1]->items[0]->column, 10);
	assert_int_equal(b->items[1]->keys[0]->column, 7);
}

static void tells_quoted_from_plain(void **state)
{
	struct fixture *f = *state;

	parse(f, "a: 1\nb: '1'\nc: \"1\\n\"\nd: |\n  1\ne: >\n  1\nf:\n");
	assert_no_mistake(f);
	assert_false(get(f, "a")->is_quoted);
	assert_true(get(f, "b")->is_quoted);
	assert_true(get(f, "c")->is_quoted);
	assert_true(get(f, "d")->is_quoted);
	assert_true(get(f, "e")->is_quoted);
	assert_false(get(f, "f")->is_quoted);
	assert_string_equal(get(f, "c")->text.ptr, "1\n");
	assert_string_equal(get(f, "d")->text.ptr, "1\n");
	assert_string_equal(get(f, "f")->text.ptr, "");
	assert_int_equal(get(f, "f")->text.len, 0);
}

static void reads_an_empty_file_as_an_empty_map(void **state)
{
	static const char *const texts[] = {"", "\n", "# only this\n", "---\n",
	    "--- # here\n...\n", "\xef\xbb\xbf"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		parse(f, texts[i]);
		assert_no_mistake(f);
		assert_int_equal(f->doc->root->kind, YAML_MAP);
		assert_int_equal(f->doc->root->count, 0);
	}

	parse_span(f, span_make("", 0));
	assert_no_mistake(f);
}

static void gets_nothing_from_what_is_no_map(void **state)
{
	struct fixture *f = *state;

	parse(f, "- a\n- b\n");
	assert_no_mistake(f);
	assert_int_equal(f->doc->root->kind, YAML_LIST);
	assert_null(yaml_get(f->doc->root, "a"));
	assert_null(yaml_get(f->doc->root->items[0], "a"));
	assert_null(yaml_get(NULL, "a"));
	parse(f, "a: 1");
	assert_null(yaml_get(f->doc->root, "b"));
	assert_null(yaml_get(f->doc->root, "A"));
}

static void keeps_a_scalar_at_the_root(void **state)
{
	struct fixture *f = *state;

	parse(f, "hello\n");
	assert_no_mistake(f);
	assert_int_equal(f->doc->root->kind, YAML_SCALAR);
	parse(f, "''\n");
	assert_no_mistake(f);
	assert_int_equal(f->doc->root->kind, YAML_SCALAR);
}

/* --- refusing ------------------------------------------------------------- */

static void refuses_anchors_aliases_and_tags(void **state)
{
	struct fixture *f = *state;

	parse(f, "a: &x 1\nb: 2\n");
	assert_mistake(f, "1:4", "anchor \"&x\"");
	assert_string_equal(get(f, "a")->text.ptr, "1");
	parse(f, "b: &x [1]\n");
	assert_mistake(f, "1:4", "anchor \"&x\"");
	parse(f, "b: &x {c: 1}\n");
	assert_mistake(f, "1:4", "anchor \"&x\"");
	parse(f, "a: 1\nb: *x\n");
	assert_mistake(f, "2:4", "alias \"*x\"");
	assert_int_equal(get(f, "b")->kind, YAML_SCALAR);
	assert_string_equal(get(f, "b")->text.ptr, "");
	parse(f, "a: !!str 1\n");
	assert_mistake(f, "1:4", "tags are not read");
	parse(f, "a: ! 1\n");
	assert_mistake(f, "1:4", "tags are not read");
	parse(f, "a: !list [1]\n");
	assert_mistake(f, "1:4", "tag \"!list\"");
	parse(f, "!m\na: 1\n");
	assert_mistake(f, "1:1", "tag \"!m\"");
	parse(f, "%TAG !e! tag:example.com,2000:\n---\na: 1\n");
	assert_mistake(f, "1:1", "%TAG");
}

static void refuses_merge_keys(void **state)
{
	struct fixture *f = *state;

	parse(f, "a:\n  <<: {b: 1}\n  c: 2\n");
	assert_mistake(f, "2:3", "merge key");
	assert_int_equal(get(f, "a")->count, 1);
	assert_string_equal(yaml_get(get(f, "a"), "c")->text.ptr, "2");
	parse(f, "'<<': 1\n");
	assert_no_mistake(f);
}

static void refuses_keys_that_stand_twice(void **state)
{
	struct fixture *f = *state;

	parse(f, "b: 1\na: 1\nc:\n  a: 2\n\"a\": 3\n");
	assert_mistake(f, "5:1", "key \"a\" stands twice, first in line 2");
	assert_int_equal(f->doc->root->count, 3);
	assert_string_equal(get(f, "a")->text.ptr, "1");
	assert_string_equal(get(f, "b")->text.ptr, "1");

	parse(f, "{a: 1, a: 2, A: 3, a: 4}");
	assert_int_equal(mistakes_count(f->mistakes), 2);
	assert_int_equal(f->doc->root->count, 2);
	assert_string_equal(get(f, "a")->text.ptr, "1");
	assert_string_equal(get(f, "A")->text.ptr, "3");
}

static void refuses_keys_that_are_no_text(void **state)
{
	struct fixture *f = *state;

	parse(f, "? [a, b]\n: 1\nc: 2\n");
	assert_mistake(f, "1:3", "not a list or map");
	assert_int_equal(f->doc->root->count, 1);
	assert_string_equal(get(f, "c")->text.ptr, "2");
}

static void refuses_a_second_document(void **state)
{
	struct fixture *f = *state;

	parse(f, "a: 1\n---\nb: 2\n---\nc: 3\n");
	assert_mistake(f, "2:1", "second document");
	assert_int_equal(f->doc->root->count, 1);
	assert_string_equal(get(f, "a")->text.ptr, "1");
}

static void refuses_nul_bytes_in_texts(void **state)
{
	struct fixture *f = *state;

	parse(f, "a: \"b\\0c\"\n");
	assert_mistake(f, "1:4", "NUL");
	assert_string_equal(get(f, "a")->text.ptr, "");
}

static void says_where_a_file_is_not_yaml(void **state)
{
	struct fixture *f = *state;

	parse(f, "a: [1, 2\nb: 3\n");
	assert_mistake(f, "2:2", "from line 1");
	assert_null(f->doc);
	parse(f, "a: 1\n\tb: 2\n");
	assert_mistake(f, "2:1", "a tab indents this line");
	assert_null(f->doc);
	parse(f, "a: 1\nb: @x\n");
	assert_mistake(f, "2:4", "cannot start any token");
	parse(f, "a: b: c\n");
	assert_mistake(f, "1:5", "not valid YAML");
	parse(f, "a: 'b\n");
	assert_mistake(f, "2:1", "not valid YAML");
}

static void says_where_a_file_is_not_utf8(void **state)
{
	struct fixture *f = *state;

	parse(f, "a: 1\n\xc3\xa9: \xff\n");
	assert_mistake(f, "2:4", "not valid YAML");
	assert_null(f->doc);
	parse_span(f, SPAN("a: 1\nb: \x01\n"));
	assert_mistake(f, "2:4", "not valid YAML");
	/* No guessing of other encodings. */
	parse_span(f, SPAN("\xff\xfe"
			   "a\0:\0 \0"
			   "1\0"));
	assert_mistake(f, "1:1", "not valid YAML");
}

static void refuses_nesting_past_the_limit(void **state)
{
	struct fixture *f = *state;
	char text[70];

	memset(text, '[', 32);
	memset(text + 32, ']', 32);
	parse_span(f, span_make(text, 64));
	assert_no_mistake(f);
	memset(text, '[', 33);
	memset(text + 33, ']', 33);
	parse_span(f, span_make(text, 66));
	assert_mistake(f, "1:33", "nested deeper than 32 levels");
	assert_null(f->doc);
}

static void refuses_files_past_the_limits(void **state)
{
	struct fixture *f = *state;
	size_t max = (size_t)4 << 20;
	char *text = mem_alloc(max + 1);

	memset(text, '\n', max + 1);
	parse_span(f, span_make(text, max));
	assert_no_mistake(f);
	parse_span(f, span_make(text, max + 1));
	assert_int_equal(mistakes_count(f->mistakes), 1);
	assert_non_null(strstr(mistakes_line(f->mistakes, 0), "4 MiB"));
	assert_null(f->doc);

	/* 200,000 nodes with the list itself. */
	memcpy(text, "[", 1);
	for (size_t i = 0; i < 200000; i++)
		memcpy(text + 1 + 2 * i, "1,", 2);
	text[1 + 2 * 199999] = ']';
	parse_span(f, span_make(text, 2 + 2 * 199999));
	assert_no_mistake(f);
	assert_int_equal(f->doc->n_nodes, 200000);
	text[1 + 2 * 199999] = '1';
	text[2 + 2 * 199999] = ']';
	parse_span(f, span_make(text, 3 + 2 * 199999));
	assert_mistake(f, "1:400000", "more than 200000 values");
	assert_null(f->doc);
	free(text);
}

static void finds_one_twin_among_many_keys(void **state)
{
	struct fixture *f = *state;
	enum {
		N = 20000,
		LEN = 11
	};
	char *text = mem_alloc(N * LEN + 32);
	size_t len = 0;

	for (int i = 0; i < N; i++)
		len += (size_t)snprintf(text + len, LEN + 1, "k%06d: 1\n", i);
	memcpy(text + len, "k000007: 2", 11);
	parse_span(f, span_make(text, len + 10));
	assert_mistake(f, "20001:1", "first in line 8");
	assert_int_equal(f->doc->root->count, N);
	assert_string_equal(f->doc->root->keys[N - 1]->text.ptr, "k019999");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(reads_maps_lists_and_scalars),
	    TEST(knows_the_place_of_every_node),
	    TEST(tells_quoted_from_plain),
	    TEST(reads_an_empty_file_as_an_empty_map),
	    TEST(gets_nothing_from_what_is_no_map),
	    TEST(keeps_a_scalar_at_the_root),
	    TEST(refuses_anchors_aliases_and_tags),
	    TEST(refuses_merge_keys),
	    TEST(refuses_keys_that_stand_twice),
	    TEST(refuses_keys_that_are_no_text),
	    TEST(refuses_a_second_document),
	    TEST(refuses_nul_bytes_in_texts),
	    TEST(says_where_a_file_is_not_yaml),
	    TEST(says_where_a_file_is_not_utf8),
	    TEST(refuses_nesting_past_the_limit),
	    TEST(refuses_files_past_the_limits),
	    TEST(finds_one_twin_among_many_keys),
	};

	return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
