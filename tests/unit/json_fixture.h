/* json_fixture.h -- a document, its arena and its fault, for each JSON test. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_JSON_FIXTURE_H
#define TESTS_UNIT_JSON_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/memory.h"

struct fixture {
	struct arena arena;
	struct json_doc doc;
	struct json_fault fault;
};

static inline int set_up(void **state)
{
	struct fixture *f = mem_new(struct fixture);

	arena_init(&f->arena, (size_t)256 << 20);
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	arena_free(&f->arena);
	free(f);
	return 0;
}

/*
 * The text is parsed from a block of exactly its length, so that reading past
 * its end is seen by the sanitizer.
 */
static inline bool parse(struct fixture *f, struct span text)
{
	char *exact = arena_alloc(&f->arena, text.len);

	assert_non_null(exact);
	memcpy(exact, text.ptr, text.len);
	return json_parse(
	    span_make(exact, text.len), &f->arena, &f->doc, &f->fault);
}

static inline void accept(struct fixture *f, const char *text)
{
	if (!parse(f, span_of(text)))
		fail_msg(
		    "%s: %s at %zu", text, f->fault.reason, f->fault.offset);
}

static inline void refuse(struct fixture *f, const char *text, size_t offset)
{
	if (parse(f, span_of(text)))
		fail_msg("accepted %s", text);
	assert_non_null(f->fault.reason);
	if (f->fault.offset != offset)
		fail_msg("%s: %s at %zu, expected %zu", text, f->fault.reason,
		    f->fault.offset, offset);
}

static inline void assert_span(struct span s, const char *expected)
{
	assert_non_null(s.ptr);
	assert_int_equal(s.len, strlen(expected));
	assert_memory_equal(s.ptr, expected, s.len);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
