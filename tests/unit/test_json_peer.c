/* test_json_peer.c -- what we accept, cJSON must read as the same tree. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/json.h"

/*
 * Documents are made up from a seeded generator, then damaged byte by byte.
 * cJSON is the laxer reader, so only one direction is a property: a text that
 * json_parse accepts has one meaning, and cJSON finds the same.
 */
struct maker {
	uint64_t state;
	struct buf out;
};

static uint32_t draw(struct maker *m, uint32_t below)
{
	m->state = m->state * UINT64_C(6364136223846793005) + 1;
	return (uint32_t)(m->state >> 33) % below;
}

static void put(struct maker *m, struct span text)
{
	assert_true(buf_append(&m->out, text));
}

#define PICK(m, list) list[draw(m, sizeof(list) / sizeof(*list))]

static void put_blank(struct maker *m)
{
	static const char *const blanks[] = {"", "", "", " ", "\n\t", "\r\n  "};

	put(m, span_of(PICK(m, blanks)));
}

static void put_string(struct maker *m)
{
	static const char *const pieces[] = {"a", "model",
	    "The quick brown fox", "\\n", "\\\"", "\\\\", "\\/", "\\b\\f\\r\\t",
	    "\\u0041", "\\u00e9", "\\u20AC", "\\ud83d\\ude00", "\xc3\xa9",
	    "\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x98\x80", "{", "]", ",:", " ",
	    "\x7f"};
	uint32_t n = draw(m, 5);

	put(m, SPAN("\""));
	for (uint32_t i = 0; i < n; i++)
		put(m, span_of(PICK(m, pieces)));
	put(m, SPAN("\""));
}

static void put_scalar(struct maker *m)
{
	static const char *const scalars[] = {"null", "true", "false", "0",
	    "-0", "1", "-17", "0.5", "1e3", "2.5E-3", "1234567890123456789",
	    "-1.0e+2", "3.141592653589793"};

	if (draw(m, 2))
		put_string(m);
	else
		put(m, span_of(PICK(m, scalars)));
}

/* Depth is small, so that recursion is fine here. */
static void put_value(struct maker *m, uint32_t depth)
{
	uint32_t kind = draw(m, 4), n = draw(m, 6);

	put_blank(m);
	if (depth == 0 || kind < 2) {
		put_scalar(m);
		put_blank(m);
		return;
	}
	put(m, kind == 2 ? SPAN("[") : SPAN("{"));
	put_blank(m);
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0)
			put(m, SPAN(","));
		if (kind == 3) {
			put_blank(m);
			put_string(m);
			put_blank(m);
			put(m, SPAN(":"));
		}
		put_value(m, depth - 1);
	}
	put(m, kind == 2 ? SPAN("]") : SPAN("}"));
	put_blank(m);
}

/* cJSON's strings end at a NUL, ours do not: compare up to there. */
static void compare_text(struct span ours, const char *theirs)
{
	const char *nul = ours.len ? memchr(ours.ptr, '\0', ours.len) : NULL;

	assert_non_null(ours.ptr);
	assert_non_null(theirs);
	if (nul)
		ours.len = (size_t)(nul - ours.ptr);
	assert_int_equal(ours.len, strlen(theirs));
	assert_memory_equal(ours.ptr, theirs, ours.len);
}

static void compare_number(
    const struct json_doc *doc, uint32_t node, const cJSON *theirs)
{
	double value, high = cJSON_GetNumberValue(theirs);
	int64_t whole;

	assert_true(cJSON_IsNumber(theirs));
	if (!json_double(doc, node, &value)) {
		assert_true(high > 1.7e308 || high < -1.7e308);
		return;
	}
	assert_memory_equal(&value, &high, sizeof(value));
	if (json_int(doc, node, &whole)) {
		double back = (double)whole;

		assert_true(back >= high && back <= high);
	}
}

static const int peer_types[] = {
    [JSON_NULL] = cJSON_NULL,
    [JSON_FALSE] = cJSON_False,
    [JSON_TRUE] = cJSON_True,
    [JSON_NUMBER] = cJSON_Number,
    [JSON_STRING] = cJSON_String,
    [JSON_ARRAY] = cJSON_Array,
    [JSON_OBJECT] = cJSON_Object,
};

/* Both are in document order, so one step here is one step there. */
static void compare(const struct json_doc *doc, uint32_t node,
    const cJSON *theirs, struct arena *arena)
{
	enum json_type type = json_type(doc, node);
	const cJSON *child = theirs->child;

	assert_int_equal(theirs->type & 0xff, peer_types[type]);
	if (type == JSON_NUMBER)
		compare_number(doc, node, theirs);
	if (type == JSON_STRING)
		compare_text(json_text(doc, node, arena), theirs->valuestring);
	for (uint32_t at = json_first(doc, node); at != JSON_NONE;
	     at = json_after(doc, node, at)) {
		assert_non_null(child);
		if (type == JSON_OBJECT) {
			compare_text(json_text(doc, at, arena), child->string);
			at = json_after(doc, node, at);
		}
		compare(doc, at, child, arena);
		child = child->next;
	}
	assert_null(child);
}

/* Whether we accept it; then cJSON agrees, or the test has failed. */
static bool agree(struct span text, struct arena *arena)
{
	struct json_fault fault;
	struct json_doc doc;
	const char *end;
	cJSON *theirs;
	struct span copy;

	arena_reset(arena);
	if (!json_parse(text, arena, &doc, &fault)) {
		assert_non_null(fault.reason);
		assert_true(fault.offset <= text.len);
		return false;
	}
	copy = arena_copy(arena, text);
	assert_non_null(copy.ptr);
	theirs = cJSON_ParseWithLengthOpts(copy.ptr, copy.len + 1, &end, 1);
	if (!theirs)
		fail_msg("cJSON refuses %.*s", SPAN_FMT(text));
	compare(&doc, 0, theirs, arena);
	cJSON_Delete(theirs);
	return true;
}

static void reads_made_up_documents_as_cjson_does(void **state)
{
	struct maker m = {.state = 1};
	struct arena arena;

	(void)state;
	buf_init(&m.out, 1 << 20);
	arena_init(&arena, 1 << 24);
	for (int round = 0; round < 5000; round++) {
		buf_consume(&m.out, buf_len(&m.out));
		put_value(&m, 1 + draw(&m, 6));
		if (!agree(buf_span(&m.out), &arena))
			fail_msg("refused %.*s", SPAN_FMT(buf_span(&m.out)));
	}
	arena_free(&arena);
	buf_free(&m.out);
}

static void reads_damaged_documents_as_cjson_does(void **state)
{
	static const char bytes[] =
	    "{}[]:,\"\\0123456789-+.eEtfnu \n\t\x80\xff";
	struct maker m = {.state = 2};
	struct arena arena;
	int accepted = 0, refused = 0;

	(void)state;
	buf_init(&m.out, 1 << 20);
	arena_init(&arena, 1 << 24);
	for (int round = 0; round < 20000; round++) {
		uint32_t n = 1 + draw(&m, 3), len;

		buf_consume(&m.out, buf_len(&m.out));
		put_value(&m, 1 + draw(&m, 4));
		len = (uint32_t)buf_len(&m.out);
		for (uint32_t i = 0; i < n; i++)
			m.out.data[m.out.start + draw(&m, len)] =
			    PICK(&m, bytes);
		if (agree(buf_span(&m.out), &arena))
			accepted++;
		else
			refused++;
	}
	/* Damage that always or never shows would test nothing. */
	assert_true(accepted > 500);
	assert_true(refused > 500);
	arena_free(&arena);
	buf_free(&m.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_made_up_documents_as_cjson_does),
	    cmocka_unit_test(reads_damaged_documents_as_cjson_does),
	};

	return cmocka_run_group_tests_name("json_peer", tests, NULL, NULL);
}
