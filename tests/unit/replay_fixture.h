/* replay_fixture.h -- answers in both forms, for each test of replays. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_REPLAY_FIXTURE_H
#define TESTS_UNIT_REPLAY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "dialect/events.h"

#define REPLAY_MAX ((size_t)64 << 20)

struct replay {
	struct arena arena;
	struct dialect_marks marks; /* of the last split */
	bool has_usage;             /* splits are asked for it */
};

static inline int set_up(void **state)
{
	struct replay *r = mem_new(struct replay);

	arena_init(&r->arena, REPLAY_MAX);
	*state = r;
	return 0;
}

static inline int tear_down(void **state)
{
	struct replay *r = *state;

	arena_free(&r->arena);
	free(r);
	return 0;
}

/* Fixtures are written with ' for " so that they can be read. */
static inline struct span quoted(struct replay *r, const char *text)
{
	struct span copy = arena_copy(&r->arena, span_of(text));
	char *at = arena_alloc(&r->arena, copy.len);

	assert_non_null(at);
	for (size_t i = 0; i < copy.len; i++)
		at[i] = copy.ptr[i] == '\'' ? '"' : copy.ptr[i];
	return span_make(at, copy.len);
}

/*
 * In a block of exactly its length, so that reading past its end is seen by
 * the sanitizer.
 */
static inline struct span exact(struct replay *r, struct span text)
{
	char *at = arena_alloc(&r->arena, text.len);

	assert_non_null(at);
	if (text.len > 0)
		memcpy(at, text.ptr, text.len);
	return span_make(at, text.len);
}

static inline struct span take(struct replay *r, struct buf *buf, bool is_good)
{
	struct span text = span_make(NULL, 0);

	if (is_good)
		text = exact(r, buf_span(buf));
	else
		assert_int_equal(buf_len(buf), 0);
	buf_free(buf);
	return text;
}

/* The other form; ptr NULL when it is refused. */
static inline struct span join(
    struct replay *r, enum endpoint endpoint, struct span events)
{
	struct buf out;
	bool is_good;

	buf_init(&out, REPLAY_MAX);
	is_good = dialect_join(endpoint, exact(r, events), &r->arena, &out);
	return take(r, &out, is_good);
}

static inline struct span split(
    struct replay *r, enum endpoint endpoint, struct span answer)
{
	const struct dialect_request request = {
	    .endpoint = endpoint,
	    .has_include_usage = r->has_usage,
	};
	struct buf out;
	bool is_good;

	buf_init(&out, REPLAY_MAX);
	is_good = dialect_split(
	    &request, exact(r, answer), &r->arena, &out, &r->marks);
	return take(r, &out, is_good);
}

/* --- the same JSON: members in any order, numbers and strings by bytes -----
 */

static inline bool is_same(struct replay *r, const struct json_doc *a,
    uint32_t at_a, const struct json_doc *b, uint32_t at_b)
{
	uint32_t item = json_first(b, at_b);

	if (json_type(a, at_a) != json_type(b, at_b) ||
	    json_count(a, at_a) != json_count(b, at_b))
		return false;
	if (json_is(a, at_a, JSON_OBJECT)) {
		uint32_t end = a->nodes[at_a].next, key = at_a + 1;

		for (; key < end; key = a->nodes[key + 1].next) {
			uint32_t value =
			    json_find(b, at_b, json_text(a, key, &r->arena));

			if (value == JSON_NONE ||
			    !is_same(r, a, key + 1, b, value))
				return false;
		}
		return true;
	}
	if (!json_is(a, at_a, JSON_ARRAY))
		return span_eq(json_raw(a, at_a), json_raw(b, at_b));
	json_for_each(a, at_a, node) {
		if (!is_same(r, a, node, b, item))
			return false;
		item = json_after(b, at_b, item);
	}
	return true;
}

static inline void assert_same_json(
    struct replay *r, struct span got, struct span wanted)
{
	struct json_doc a, b;
	struct json_fault fault;

	if (!got.ptr)
		fail_msg("refused; wanted\n%.*s", SPAN_FMT(wanted));
	if (!json_parse(wanted, &r->arena, &a, &fault))
		fail_msg("%s at %zu of\n%.*s", fault.reason, fault.offset,
		    SPAN_FMT(wanted));
	if (!json_parse(got, &r->arena, &b, &fault))
		fail_msg("%s at %zu of\n%.*s", fault.reason, fault.offset,
		    SPAN_FMT(got));
	if (!is_same(r, &a, 0, &b, 0))
		fail_msg(
		    "got\n%.*s\nwanted\n%.*s", SPAN_FMT(got), SPAN_FMT(wanted));
}

#endif
