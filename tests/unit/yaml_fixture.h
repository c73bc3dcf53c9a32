/* yaml_fixture.h -- a file's tree and its mistakes, for each YAML test. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_YAML_FIXTURE_H
#define TESTS_UNIT_YAML_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/yaml.h"

struct fixture {
	struct mistakes *mistakes;
	struct yaml_doc *doc;
};

static inline int set_up(void **state)
{
	struct fixture *f = mem_new(struct fixture);

	f->mistakes = mistakes_new();
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	yaml_doc_free(&f->doc);
	assert_null(f->doc);
	mistakes_free(&f->mistakes);
	free(f);
	return 0;
}

/* From a block of exactly the text's length, for the sanitizer's sake. */
static inline void parse_span(struct fixture *f, struct span text)
{
	char *exact = mem_alloc(text.len + !text.len);

	memcpy(exact, text.ptr, text.len);
	yaml_doc_free(&f->doc);
	mistakes_free(&f->mistakes);
	f->mistakes = mistakes_new();
	f->doc = yaml_parse("x.yaml", span_make(exact, text.len), f->mistakes);
	free(exact);
}

static inline void parse(struct fixture *f, const char *text)
{
	parse_span(f, span_of(text));
}

static inline void assert_no_mistake(const struct fixture *f)
{
	if (mistakes_count(f->mistakes) > 0)
		fail_msg("%s", mistakes_line(f->mistakes, 0));
	assert_non_null(f->doc);
}

/* Exactly one mistake, at this place, whose text has <words> in it. */
static inline void assert_mistake(
    const struct fixture *f, const char *place, const char *words)
{
	const char *line;
	char prefix[64];

	assert_int_equal(mistakes_count(f->mistakes), 1);
	line = mistakes_line(f->mistakes, 0);
	snprintf(prefix, sizeof(prefix), "x.yaml:%s: ", place);
	if (strncmp(line, prefix, strlen(prefix)) != 0 || !strstr(line, words))
		fail_msg("\"%s\", expected it at %s and with \"%s\"", line,
		    place, words);
}

static inline const struct yaml_node *get(
    const struct fixture *f, const char *key)
{
	const struct yaml_node *node = yaml_get(f->doc->root, key);

	if (!node)
		fail_msg("no key %s", key);
	return node;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
