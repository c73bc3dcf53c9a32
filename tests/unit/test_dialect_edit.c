/* test_dialect_edit.c -- the splice: what must change and nothing else. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "dialect/dialect.h"

#define MEMORY_MAX ((size_t)1 << 22)
#define DOCUMENT_MAX ((size_t)1 << 16)

static int setup(void **state)
{
	struct arena *arena = mem_new(struct arena);

	arena_init(arena, MEMORY_MAX);
	*state = arena;
	return 0;
}

static int teardown(void **state)
{
	struct arena *arena = *state;

	arena_free(arena);
	free(arena);
	return 0;
}

/* Reads <body>, edits it and gives the pieces as one text. */
static struct span edit_as(
    struct arena *arena, struct span body, struct span model, bool asks_usage)
{
	struct dialect_request request;
	struct dialect_refusal refusal;
	struct span pieces[DIALECT_PIECES_MAX];
	struct buf buf;
	struct span out;
	size_t n;

	if (!dialect_read_request(
		ENDPOINT_CHAT, body, arena, &request, &refusal))
		fail_msg("refused: %s: %.*s", refusal.message, SPAN_FMT(body));
	n = dialect_edit_request(&request, model, asks_usage, arena, pieces);
	assert_in_range(n, 1, DIALECT_PIECES_MAX);
	buf_init(&buf, 2 * DOCUMENT_MAX);
	for (size_t i = 0; i < n; i++) {
		assert_true(pieces[i].len > 0);
		assert_true(buf_append(&buf, pieces[i]));
	}
	out = arena_copy(arena, buf_span(&buf));
	buf_free(&buf);
	return out;
}

static void check_edit(
    struct arena *arena, const char *body, const char *expected)
{
	struct span got = edit_as(arena, span_of(body), SPAN("up-1"), true);

	if (!span_eq(got, span_of(expected)))
		fail_msg(
		    "\n     got %.*s\nexpected %s", SPAN_FMT(got), expected);
}

static void replaces_the_model_wherever_it_stands(void **state)
{
	check_edit(*state, "{\"model\":\"m\"}", "{\"model\":\"up-1\"}");
	check_edit(*state, " { \"n\" : 1 , \"model\" : \"m\" } ",
	    " { \"n\" : 1 , \"model\" : \"up-1\" } ");
	check_edit(*state, "{\"model\":\"long name\",\"top_p\":1.50}",
	    "{\"model\":\"up-1\",\"top_p\":1.50}");
	check_edit(
	    *state, "{\"mod\\u0065l\":\"m\"}", "{\"mod\\u0065l\":\"up-1\"}");
	check_edit(*state,
	    "{\"user\":\"\\\"model\\\":\\\"x\\\"\",\"model\":\"m\"}",
	    "{\"user\":\"\\\"model\\\":\\\"x\\\"\",\"model\":\"up-1\"}");
	check_edit(*state, "{\"a\":{\"model\":\"x\"},\"model\":\"m\"}",
	    "{\"a\":{\"model\":\"x\"},\"model\":\"up-1\"}");
}

static void leaves_a_model_that_has_the_name_already(void **state)
{
	check_edit(*state, "{\"model\":\"up-1\"}", "{\"model\":\"up-1\"}");
	check_edit(
	    *state, "{\"model\":\"up\\u002d1\"}", "{\"model\":\"up\\u002d1\"}");
}

static void asks_for_usage_when_no_options_are_there(void **state)
{
	check_edit(*state, "{\"model\":\"m\",\"stream\":true}",
	    "{\"stream_options\":{\"include_usage\":true},"
	    "\"model\":\"up-1\",\"stream\":true}");
	check_edit(*state, "\n{ \"stream\":true,\"model\":\"up-1\"}",
	    "\n{\"stream_options\":{\"include_usage\":true}, "
	    "\"stream\":true,\"model\":\"up-1\"}");
}

static void asks_for_usage_inside_the_clients_own_options(void **state)
{
	check_edit(*state,
	    "{\"model\":\"m\",\"stream\":true,\"stream_options\": "
	    "{ \"include_obfuscation\":false}}",
	    "{\"model\":\"up-1\",\"stream\":true,\"stream_options\": "
	    "{\"include_usage\":true, \"include_obfuscation\":false}}");
	check_edit(*state,
	    "{\"stream_options\":{ },\"model\":\"m\",\"stream\":true}",
	    "{\"stream_options\":{\"include_usage\":true },"
	    "\"model\":\"up-1\",\"stream\":true}");
	check_edit(*state,
	    "{\"stream_options\":{},\"model\":\"m\",\"stream\":true}",
	    "{\"stream_options\":{\"include_usage\":true},"
	    "\"model\":\"up-1\",\"stream\":true}");
}

static void replaces_what_the_client_said_of_usage(void **state)
{
	check_edit(*state,
	    "{\"stream\":true,\"stream_options\":{\"include_usage\" : false , "
	    "\"x\":1},\"model\":\"m\"}",
	    "{\"stream\":true,\"stream_options\":{\"include_usage\" : true , "
	    "\"x\":1},\"model\":\"up-1\"}");
	check_edit(*state,
	    "{\"stream\":true,\"stream_options\":{\"include_us\\u0061ge\":null},"
	    "\"model\":\"m\"}",
	    "{\"stream\":true,\"stream_options\":{\"include_us\\u0061ge\":true},"
	    "\"model\":\"up-1\"}");
	check_edit(*state,
	    "{\"stream\":true,\"stream_options\": null ,\"model\":\"m\"}",
	    "{\"stream\":true,\"stream_options\": {\"include_usage\":true} ,"
	    "\"model\":\"up-1\"}");
}

static void leaves_a_client_that_asked_for_usage_alone(void **state)
{
	check_edit(*state,
	    "{\"stream\":true,\"stream_options\":{\"include_usage\":true},"
	    "\"model\":\"up-1\"}",
	    "{\"stream\":true,\"stream_options\":{\"include_usage\":true},"
	    "\"model\":\"up-1\"}");
}

static void asks_for_usage_only_when_told_to_and_streaming(void **state)
{
	static const char body[] = "{\"stream\":true,\"model\":\"m\"}";
	struct span got;

	check_edit(*state, "{\"stream\":false,\"model\":\"m\"}",
	    "{\"stream\":false,\"model\":\"up-1\"}");
	check_edit(*state, "{\"stream_options\":null,\"model\":\"m\"}",
	    "{\"stream_options\":null,\"model\":\"up-1\"}");
	got = edit_as(*state, span_of(body), SPAN("m"), false);
	assert_true(span_eq(got, span_of(body)));
}

static void writes_the_upstreams_name_escaped(void **state)
{
	struct span got = edit_as(*state, SPAN("{\"model\":\"m\",\"n\":1}"),
	    SPAN("a\"b\\c\n\xc3\xa9"), false);
	struct dialect_request request;
	struct dialect_refusal refusal;

	/* It is a name that would be refused from a client. */
	assert_false(dialect_read_request(
	    ENDPOINT_CHAT, got, *state, &request, &refusal));
	assert_string_equal(refusal.code, "invalid_value");
	got = edit_as(*state, SPAN("{\"model\":\"m\",\"n\":1}"),
	    SPAN("a\"b\\c \xc3\xa9"), false);
	assert_true(dialect_read_request(
	    ENDPOINT_CHAT, got, *state, &request, &refusal));
	assert_true(span_eq(request.model, SPAN("a\"b\\c \xc3\xa9")));
	assert_true(span_ends_with(got, SPAN(",\"n\":1}")));
}

static void gives_no_pieces_when_memory_runs_out(void **state)
{
	struct dialect_request request;
	struct dialect_refusal refusal;
	struct span pieces[DIALECT_PIECES_MAX];
	struct arena none;

	assert_true(dialect_read_request(ENDPOINT_CHAT,
	    SPAN("{\"model\":\"m\"}"), *state, &request, &refusal));
	arena_init(&none, 0);
	assert_int_equal(
	    dialect_edit_request(&request, SPAN("up-1"), true, &none, pieces),
	    0);
	assert_int_equal(
	    dialect_edit_request(&request, SPAN("up\n"), true, &none, pieces),
	    0);
	arena_free(&none);
}

/* --- random documents --------------------------------------------------------
 */

/*
 * A document is written twice, member by member: as a client would send it and
 * as it must leave. Whatever is not the model or the usage flag goes to both.
 */
struct writer {
	struct buf in;
	struct buf out;
	uint64_t random;
};

static unsigned draw(struct writer *w, unsigned n)
{
	w->random = w->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(w->random >> 33) % n;
}

static void put(struct writer *w, const char *text)
{
	assert_true(buf_append(&w->in, span_of(text)));
	assert_true(buf_append(&w->out, span_of(text)));
}

/* <in> where the client's bytes are replaced by <out>. */
static void put_change(struct writer *w, const char *in, const char *out)
{
	assert_true(buf_append(&w->in, span_of(in)));
	assert_true(buf_append(&w->out, span_of(out)));
}

static void put_space(struct writer *w)
{
	static const char *const spaces[] = {
	    "", "", "", " ", "\n", "\t", "\r\n", "  \n "};

	put(w, spaces[draw(w, 8)]);
}

static void put_value(struct writer *w, unsigned depth)
{
	static const char *const values[] = {"null", "true", "1e-7", "0.10",
	    "-0", "12345678901234567890", "\"\\u00e9\\n\"",
	    "\"{\\\"model\\\"\"", "\"stream_options\"", "[]", "{}",
	    "{\"model\":\"x\"}", "{\"a\":1,\"a\":2}", "\"\xe4\xb8\xad\""};

	if (depth == 0 || draw(w, 3) > 0) {
		put(w, values[draw(w, sizeof(values) / sizeof(values[0]))]);
		return;
	}
	put(w, "[");
	for (unsigned i = 0, n = draw(w, 4); i < n; i++) {
		put(w, i ? "," : "");
		put_space(w);
		put_value(w, depth - 1);
		put_space(w);
	}
	put(w, "]");
}

static void put_key(struct writer *w, const char *key)
{
	put_space(w);
	put(w, key);
	put_space(w);
	put(w, ":");
	put_space(w);
}

static void put_model(struct writer *w)
{
	static const char *const keys[] = {"\"model\"", "\"mod\\u0065l\""};
	static const char *const names[] = {
	    "\"m\"", "\"a\\/b\"", "\"\\u0041 name\"", "\"gpt-4\""};

	put_key(w, keys[draw(w, 2)]);
	put_change(w, names[draw(w, 4)], "\"up\\\"1\"");
}

/* The client's own stream_options; one kind of change out of five. */
static void put_options(struct writer *w)
{
	put_key(
	    w, draw(w, 2) ? "\"stream_options\"" : "\"stre\\u0061m_options\"");
	switch (draw(w, 5)) {
	case 0:
		put_change(w, "null", "{\"include_usage\":true}");
		return;
	case 1:
		put_change(w, "{", "{\"include_usage\":true");
		put_space(w);
		break;
	case 2:
		put_change(w, "{", "{\"include_usage\":true,");
		put_key(w, "\"include_obfuscation\"");
		put_value(w, 1);
		break;
	case 3:
		put(w, "{");
		put_key(w, "\"x\"");
		put_value(w, 2);
		put(w, ",");
		put_key(w, "\"include_usage\"");
		put_change(w, draw(w, 2) ? "false" : "null", "true");
		put_space(w);
		break;
	default:
		put(w, "{");
		put_key(w, "\"include_usage\"");
		put(w, "true");
		put_space(w);
		break;
	}
	put(w, "}");
}

static void put_member(struct writer *w, unsigned which)
{
	char key[24];

	if (which == 0) {
		put_model(w);
	} else if (which == 1) {
		put_key(w, "\"stream\"");
		put(w, "true");
	} else if (which == 2) {
		put_options(w);
	} else {
		snprintf(key, sizeof(key), "\"key %u\"", which);
		put_key(w, key);
		put_value(w, 3);
	}
	put_space(w);
}

static void put_document(struct writer *w, bool has_options)
{
	unsigned order[12] = {0}, n = 3 + draw(w, 9);

	for (unsigned i = 0; i < n; i++) {
		unsigned j = draw(w, i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	put_space(w);
	put_change(w, "{",
	    has_options ? "{"
			: "{\"stream_options\":{\"include_usage\":true},");
	for (unsigned i = 0, written = 0; i < n; i++) {
		if (order[i] == 2 && !has_options)
			continue;
		put(w, written++ ? "," : "");
		put_member(w, order[i]);
	}
	put(w, "}");
	put_space(w);
}

static void check_same_but_edited(
    struct arena *arena, struct span in, struct span out)
{
	struct dialect_request request;
	struct dialect_refusal refusal;
	struct json_doc a, b;
	struct json_fault fault;

	assert_true(dialect_read_request(
	    ENDPOINT_CHAT, out, arena, &request, &refusal));
	assert_true(span_eq(request.model, SPAN("up\"1")));
	assert_true(request.stream);
	assert_true(request.has_include_usage);
	assert_true(json_parse(in, arena, &a, &fault));
	assert_true(json_parse(out, arena, &b, &fault));
	for (uint32_t key = json_first(&a, 0); key != JSON_NONE;
	     key = json_after(&a, 0, key + 1)) {
		struct span name = json_text(&a, key, arena);
		uint32_t other = json_find(&b, 0, name);

		assert_int_not_equal(other, JSON_NONE);
		if (!span_eq(name, SPAN("model")) &&
		    !span_eq(name, SPAN("stream_options")))
			assert_true(span_eq(
			    json_raw(&a, key + 1), json_raw(&b, other)));
	}
}

static void changes_nothing_else_in_random_documents(void **state)
{
	struct arena *arena = *state;

	for (uint64_t seed = 1; seed <= 4000; seed++) {
		struct writer w = {.random = seed * 0x9e3779b97f4a7c15u};
		struct span got;

		buf_init(&w.in, DOCUMENT_MAX);
		buf_init(&w.out, DOCUMENT_MAX);
		put_document(&w, draw(&w, 4) > 0);
		got = edit_as(arena, buf_span(&w.in), SPAN("up\"1"), true);
		if (!span_eq(got, buf_span(&w.out)))
			fail_msg("seed %llu\n      in %.*s\n     got %.*s\n"
				 "expected %.*s",
			    (unsigned long long)seed, SPAN_FMT(buf_span(&w.in)),
			    SPAN_FMT(got), SPAN_FMT(buf_span(&w.out)));
		check_same_but_edited(arena, buf_span(&w.in), got);
		buf_free(&w.in);
		buf_free(&w.out);
		arena_reset(arena);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(replaces_the_model_wherever_it_stands),
	    TEST(leaves_a_model_that_has_the_name_already),
	    TEST(asks_for_usage_when_no_options_are_there),
	    TEST(asks_for_usage_inside_the_clients_own_options),
	    TEST(replaces_what_the_client_said_of_usage),
	    TEST(leaves_a_client_that_asked_for_usage_alone),
	    TEST(asks_for_usage_only_when_told_to_and_streaming),
	    TEST(writes_the_upstreams_name_escaped),
	    TEST(gives_no_pieces_when_memory_runs_out),
	    TEST(changes_nothing_else_in_random_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
