/* test_grammar.c -- an answer's way through a grammar. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/grammar_fixture.h"

#include <pthread.h>

#define STRING "{\"type\":\"string\"}"

static uint32_t text_id(const char *text)
{
	for (uint32_t i = 0; i < FIXTURE_TEXTS; i++) {
		if (!strcmp(fixture_texts[i], text))
			return 256 + i;
	}
	fail_msg("%s is not in the vocabulary", text);
	return 0;
}

/* A grammar, a vocabulary and a state, to be dropped together. */
struct way {
	struct grammar *grammar;
	struct grammar_vocab *vocab;
	struct grammar_state *state;
	uint32_t bits[FIXTURE_WORDS];
};

static void begin(struct way *way, const char *schema)
{
	way->grammar = compile(schema);
	way->vocab = fixture_vocab();
	way->state = grammar_state_new(way->grammar, way->vocab);
	assert_int_equal(grammar_vocab_words(way->vocab), FIXTURE_WORDS);
}

static void end(struct way *way)
{
	grammar_state_free(&way->state);
	grammar_vocab_unref(&way->vocab);
	grammar_unref(&way->grammar);
}

static void feed(struct way *way, const char *text)
{
	assert_true(grammar_accept_bytes(way->state, span_of(text)));
}

static bool allows(struct way *way, uint32_t token)
{
	return way->bits[token / 32] >> (token % 32) & 1;
}

static bool allows_text(struct way *way, const char *text)
{
	return allows(way, text_id(text));
}

/* What the mask says of each token is what accepting it would say. */
static void check_mask(struct way *way)
{
	bool has_any = grammar_mask(way->state, way->bits);
	bool found = false;

	for (uint32_t id = 0; id <= FIXTURE_END; id++) {
		struct grammar_state *copy = grammar_state_clone(way->state);
		bool is_ok = grammar_accept(copy, id);

		if (is_ok != allows(way, id))
			fail_msg("token %u: the mask says %d", id, !is_ok);
		found = found || is_ok;
		grammar_state_free(&copy);
	}
	assert_int_equal(found, has_any);
}

static void masks_say_what_is_accepted_at_every_place(void **state)
{
	static const struct {
		const char *schema, *text;
	} rows[] = {
	    {STRING, "\"a\\n\\u00e9\\uD83D\\uDE00 \xf0\x9f\x98\x80\xc3\xa9\""},
	    {"{\"type\":\"string\",\"minLength\":3,\"maxLength\":6}",
		"\"ab\xc3\xa9xyz\""},
	    {"{\"type\":\"string\",\"maxLength\":40}",
		"\"long text of more than six\""},
	    {"{\"type\":\"object\"}",
		"{\"a\": [1, true, {\"b\":null}], \"\":-1.5e+3}"},
	    {"{\"properties\":{\"name\":{\"type\":\"string\"},\"n\":{\"enum\":"
	     "[1,12,\"abc\"]}},\"required\":[\"n\"],"
	     "\"additionalProperties\":true}",
		"{\"name\": \"abc\", \"n\":12,\"nam\": {\"x\": [[]]}}"},
	    {"{\"anyOf\":[{\"type\":\"string\",\"maxLength\":2},"
	     "{\"type\":\"string\",\"pattern\":\"^a+$\"},{\"const\":\"abc\"}]}",
		"\"aaaa\""},
	    {"{\"type\":\"array\",\"minItems\":1,\"maxItems\":2,\"items\":"
	     "{\"type\":\"integer\",\"minimum\":7,\"maximum\":120}}",
		"[12, 119]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct way way;

		begin(&way, rows[i].schema);
		for (const char *at = rows[i].text; *at; at++) {
			check_mask(&way);
			assert_true(
			    grammar_accept_bytes(way.state, span_make(at, 1)));
		}
		check_mask(&way);
		assert_true(grammar_is_complete(way.state));
		end(&way);
	}
}

static void masks_are_the_same_when_they_come_from_the_table(void **state)
{
	uint32_t first[FIXTURE_WORDS];
	struct way way;

	(void)state;
	begin(&way, STRING);
	feed(&way, "\"a");
	assert_true(grammar_mask(way.state, first));
	feed(&way, "b");
	assert_true(grammar_mask(way.state, way.bits));
	assert_memory_equal(first, way.bits, sizeof(first));
	end(&way);
}

static void an_end_comes_when_the_value_is_whole(void **state)
{
	struct way way;

	(void)state;
	begin(&way, "{\"type\":\"integer\"}");
	assert_false(grammar_accept(way.state, FIXTURE_END));
	feed(&way, "1");
	assert_true(grammar_is_complete(way.state));
	assert_true(grammar_mask(way.state, way.bits));
	assert_true(allows(&way, FIXTURE_END));
	assert_true(allows_text(&way, "12"));
	assert_false(grammar_has_ended(way.state));
	assert_true(grammar_accept(way.state, FIXTURE_END));
	assert_true(grammar_has_ended(way.state));
	assert_false(grammar_mask(way.state, way.bits));
	assert_false(grammar_accept(way.state, '1'));
	assert_false(grammar_accept_bytes(way.state, SPAN("1")));
	end(&way);
}

static void what_is_refused_moves_nothing(void **state)
{
	struct way way;

	(void)state;
	begin(&way, "{\"type\":\"array\",\"items\":{\"type\":\"boolean\"}}");
	feed(&way, "[t");
	assert_false(grammar_accept_bytes(way.state, SPAN("rub")));
	assert_false(grammar_accept(way.state, UINT32_MAX));
	feed(&way, "rue]");
	assert_true(grammar_is_complete(way.state));
	end(&way);
}

static void characters_may_be_split_over_tokens(void **state)
{
	struct way way;

	(void)state;
	begin(&way, STRING);
	feed(&way, "\"");
	assert_true(grammar_accept(way.state, text_id("\xf0\x9f")));
	check_mask(&way);
	assert_false(allows(&way, '"'));
	assert_true(allows_text(&way, "\x98\x80"));
	assert_true(grammar_accept(way.state, text_id("\x98\x80")));
	assert_true(grammar_accept(way.state, '"'));
	assert_true(grammar_is_complete(way.state));
	end(&way);
}

static void only_whole_characters_are_written_without_byte_tokens(void **state)
{
	static const char letters[] = "{}[]\",:-.0123456789 abcdefghijklmnopqrs"
				      "tuvwxyz\\";
	struct span tokens[sizeof(letters) + 2];
	uint32_t bits[3], n = sizeof(letters) - 1;
	struct grammar *grammar = compile(STRING);
	struct grammar_state *at;
	struct grammar_vocab *vocab;
	struct error err;

	(void)state;
	for (uint32_t i = 0; i < n; i++)
		tokens[i] = span_make(&letters[i], 1);
	tokens[n] = SPAN("\xc3\xa9");
	tokens[n + 1] = SPAN("a\xc3");
	vocab = grammar_vocab_of(
	    &(struct grammar_tokens){.tokens = tokens, .n = n + 2}, &err);
	assert_non_null(vocab);
	at = grammar_state_new(grammar, vocab);
	assert_true(grammar_accept_bytes(at, SPAN("\"")));
	assert_true(grammar_mask(at, bits));
	assert_true(bits[n / 32] >> (n % 32) & 1);
	assert_false(bits[(n + 1) / 32] >> ((n + 1) % 32) & 1);
	grammar_state_free(&at);
	grammar_vocab_unref(&vocab);
	/* And without the letters of JSON itself there is nothing to hold. */
	assert_null(grammar_vocab_of(
	    &(struct grammar_tokens){.tokens = tokens + 1, .n = n}, &err));
	assert_non_null(strstr(err.text, "\"{\""));
	grammar_unref(&grammar);
}

/* A vocabulary of small letters, of \xc3\xa9, and of two after another. */
static struct grammar_vocab *poor_vocab(void)
{
	static const char letters[] = "{}[]\",:-.0123456789 abcdefghijklmnopqrs"
				      "tuvwxyz\\";
	struct span tokens[sizeof(letters) + 1];
	uint32_t n = sizeof(letters) - 1;
	struct grammar_vocab *vocab;
	struct error err = {{0}};

	for (uint32_t i = 0; i < n; i++)
		tokens[i] = span_make(&letters[i], 1);
	tokens[n] = SPAN("\xc3\xa9");
	tokens[n + 1] = SPAN("\xc3\xb6\xc3\xb6");
	vocab = grammar_vocab_of(
	    &(struct grammar_tokens){.tokens = tokens, .n = n + 2}, &err);
	assert_non_null(vocab);
	return vocab;
}

static void what_cannot_be_spelled_is_named(void **state)
{
	static const struct {
		const char *schema, *lacks; /* NULL: nothing */
	} rows[] = {
	    {"{\"type\":\"string\"}", NULL},
	    {"{\"type\":\"number\"}", NULL},
	    {"true", NULL},
	    {"{\"enum\":[\"yes\",\"caf\xc3\xa9\",\"\\\"\"]}", NULL},
	    {"{\"enum\":[\"yes\",\"sch\xc3\xb6n\"]}", "\"\xc3\xb6\""},
	    {"{\"enum\":[\"yes\",\"sch\xc3\xb6\xc3\xb6\"]}", "\"\xc3\xb6\""},
	    {"{\"const\":\"Yes\"}", "\"Y\""},
	    {"{\"type\":\"string\",\"pattern\":\"^[a\xc3\xb6]+$\"}", NULL},
	    {"{\"type\":\"string\",\"pattern\":\"^[B\xc3\xa9]+$\"}", NULL},
	    {"{\"type\":\"string\",\"pattern\":\"^[B\xc3\xb6]+$\"}", "\"B\""},
	    {"{\"type\":\"object\",\"properties\":{\"caf\xc3\xa9\":{}}}", NULL},
	    {"{\"type\":\"object\",\"properties\":{\"Age\":{}}}",
		"the property \"Age\""},
	    {"{\"type\":\"object\",\"properties\":{\"h\xc3\xb6he\":{}}}",
		"the property \"h\xc3\xb6he\""},
	    {"{\"type\":\"object\",\"properties\":{\"Age\":false,"
	     "\"a\":{}},\"additionalProperties\":false}",
		NULL},
	};
	struct grammar_vocab *vocab = poor_vocab(), *whole = fixture_vocab();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct grammar *grammar = compile(rows[i].schema);
		struct error err = {{0}};
		enum result result = grammar_is_spelled(grammar, vocab, &err);

		if (rows[i].lacks) {
			assert_int_equal(result, FAILED);
			assert_non_null(strstr(err.text, rows[i].lacks));
		} else if (result != OK) {
			fail_msg("%s: %s", rows[i].schema, err.text);
		}
		assert_int_equal(grammar_is_spelled(grammar, whole, &err), OK);
		grammar_unref(&grammar);
	}
	grammar_vocab_unref(&vocab);
	grammar_vocab_unref(&whole);
}

static void end_tokens_must_be_in_the_vocabulary(void **state)
{
	struct span token = SPAN("a");
	uint32_t ends[] = {1};
	struct error err;

	(void)state;
	assert_null(grammar_vocab_of(
	    &(struct grammar_tokens){&token, 1, ends, 1}, &err));
	assert_string_equal(
	    err.text, "the end token 1 is not in the vocabulary");
}

static void a_clone_goes_its_own_way(void **state)
{
	struct grammar_state *copy;
	struct way way;

	(void)state;
	begin(&way, "{\"type\":\"array\",\"items\":{\"type\":\"boolean\"}}");
	feed(&way, "[true");
	copy = grammar_state_clone(way.state);
	feed(&way, ", false]");
	assert_true(grammar_accept_bytes(copy, SPAN("]")));
	assert_true(grammar_is_complete(copy));
	grammar_state_free(&copy);
	end(&way);
}

static void forced_text_goes_up_to_the_next_choice(void **state)
{
	struct way way;
	struct buf out;

	(void)state;
	begin(&way, "{\"type\":\"object\",\"properties\":{\"name\":"
		    "{\"const\":true}},\"required\":[\"name\"]}");
	buf_init(&out, 64);
	grammar_forced(way.state, &out);
	assert_true(span_eq(buf_span(&out), SPAN("{\"name\":")));
	feed(&way, "{\"name\": ");
	buf_consume(&out, SIZE_MAX);
	grammar_forced(way.state, &out);
	assert_true(span_eq(buf_span(&out), SPAN("true}")));
	buf_free(&out);
	buf_init(&out, 2);
	grammar_forced(way.state, &out);
	assert_true(span_eq(buf_span(&out), SPAN("tr")));
	feed(&way, "true}");
	buf_consume(&out, SIZE_MAX);
	grammar_forced(way.state, &out);
	assert_int_equal(buf_len(&out), 0);
	buf_free(&out);
	end(&way);
}

static void choices_are_told_from_what_is_forced(void **state)
{
	struct way way;

	(void)state;
	begin(&way, "{\"type\":\"object\",\"properties\":{\"name\":"
		    "{\"type\":\"string\"}},\"required\":[\"name\"]}");
	assert_false(grammar_is_free(way.state));
	assert_true(grammar_accept(way.state, text_id("{\"")));
	assert_false(grammar_was_free(way.state));
	assert_true(grammar_accept(way.state, text_id("name")));
	assert_false(grammar_was_free(way.state));
	feed(&way, "\":");
	/* With a blank or without one is no choice, but what is quoted is. */
	assert_false(grammar_is_free(way.state));
	assert_true(grammar_accept(way.state, text_id(" \"")));
	assert_false(grammar_was_free(way.state));
	assert_true(grammar_is_free(way.state));
	assert_true(grammar_accept(way.state, text_id("\"}")));
	assert_true(grammar_was_free(way.state));
	assert_false(grammar_is_free(way.state));
	assert_true(grammar_accept(way.state, FIXTURE_END));
	assert_false(grammar_was_free(way.state));
	end(&way);
}

static void a_grammar_outlives_who_made_it(void **state)
{
	struct grammar_state *at;
	struct way way;

	(void)state;
	begin(&way, STRING);
	at = grammar_state_clone(way.state);
	end(&way);
	assert_true(grammar_accept_bytes(at, SPAN("\"x\"")));
	grammar_state_free(&at);
	grammar_state_free(&at);
	grammar_unref(&way.grammar);
	grammar_vocab_unref(&way.vocab);
}

/* Walks the same text many times, with a mask at each place. */
static void *walk_often(void *arg)
{
	static const char text[] = "{\"name\": \"ab\", \"n\":[1, 2]}";
	struct way *way = arg;

	for (int i = 0; i < 50; i++) {
		struct grammar_state *at =
		    grammar_state_new(way->grammar, way->vocab);
		uint32_t bits[FIXTURE_WORDS];

		for (size_t k = 0; k < sizeof(text) - 1; k++) {
			unsigned char byte = (unsigned char)text[k];

			if (!grammar_mask(at, bits) ||
			    !(bits[byte / 32] >> (byte % 32) & 1) ||
			    !grammar_accept(at, byte))
				return NULL;
		}
		grammar_state_free(&at);
	}
	return arg;
}

static void threads_share_a_grammar(void **state)
{
	pthread_t threads[4];
	struct way way;

	(void)state;
	begin(&way, "{\"properties\":{\"name\":{\"type\":\"string\"}},"
		    "\"additionalProperties\":true}");
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, walk_often, &way), 0);
	for (size_t i = 0; i < 4; i++) {
		void *done = NULL;

		assert_int_equal(pthread_join(threads[i], &done), 0);
		assert_ptr_equal(done, &way);
	}
	end(&way);
}

static void json_mode_is_any_object(void **state)
{
	struct grammar *grammar = grammar_json();

	(void)state;
	assert_true(takes_all(grammar, SPAN("{}")));
	assert_true(takes_all(grammar,
	    SPAN(
		"{\"a\\\"\": {\"b\": [1.5, -0, 1e10, \"\\/\"]}, \"c\":null}")));
	assert_false(takes_all(grammar, SPAN("[]")));
	assert_false(takes_all(grammar, SPAN("{\"a\"}")));
	assert_false(takes_all(grammar, SPAN("{ }")));
	assert_false(takes_all(grammar, SPAN("{\"a\":  1}")));
	assert_false(takes_all(grammar, SPAN("{\"a\":01}")));
	assert_false(takes_all(grammar, SPAN("{\"a\":1,}")));
	assert_false(takes_all(grammar, SPAN("{}\n")));
	grammar_unref(&grammar);
}

static void strings_hold_what_json_allows_and_no_more(void **state)
{
	static const char *const bad[] = {"\"\x7f\"", "\"\n\"", "\"\x1f\"",
	    "\"\\x\"", "\"\\u12g4\"", "\"\\uDC00\"", "\"\\uD83D\"",
	    "\"\\uD83Dx\"", "\"\\uD83D\\n\"", "\"\\uD83D\\u0041\"",
	    "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
	    "\"\xe0\x80\x80\"", "\"\xf0\x80\x80\x80\"", "\"\xff\"", "\"\xc3\"",
	    "\"\x80\"", "\"a", "a\""};
	static const char *const good[] = {"\"\"",
	    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\uD83D\\uDE00\"",
	    "\"\\ud83d\\ude00\"", "\"\\uD7FF\\uE000\\u0000\"", "\"\xc3\xa9\"",
	    "\"\xed\x9f\xbf\"", "\"\xf4\x8f\xbf\xbf\"", "\"\xe0\xa0\x80\"",
	    "\"\xf0\x90\x80\x80\"", "\"~ /'\""};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_refuses(STRING, bad[i]);
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_takes(STRING, good[i]);
}

static void nesting_has_a_bound_that_leads_nowhere_wrong(void **state)
{
	struct grammar *grammar = grammar_json();
	struct grammar_vocab *vocab = fixture_vocab();
	struct grammar_state *at = grammar_state_new(grammar, vocab);
	uint32_t bits[FIXTURE_WORDS];
	unsigned depth = 1;

	(void)state;
	assert_true(grammar_accept_bytes(at, SPAN("{\"a\":")));
	while (grammar_accept_bytes(at, SPAN("[")))
		depth++;
	assert_int_equal(depth, GRAMMAR_DEPTH_MAX);
	assert_true(grammar_mask(at, bits));
	while (--depth > 0)
		assert_true(grammar_accept_bytes(at, SPAN("]")));
	assert_true(grammar_accept_bytes(at, SPAN("}")));
	assert_true(grammar_is_complete(at));
	grammar_state_free(&at);
	grammar_vocab_unref(&vocab);
	grammar_unref(&grammar);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(masks_say_what_is_accepted_at_every_place),
	    cmocka_unit_test(masks_are_the_same_when_they_come_from_the_table),
	    cmocka_unit_test(an_end_comes_when_the_value_is_whole),
	    cmocka_unit_test(what_is_refused_moves_nothing),
	    cmocka_unit_test(characters_may_be_split_over_tokens),
	    cmocka_unit_test(
		only_whole_characters_are_written_without_byte_tokens),
	    cmocka_unit_test(what_cannot_be_spelled_is_named),
	    cmocka_unit_test(end_tokens_must_be_in_the_vocabulary),
	    cmocka_unit_test(a_clone_goes_its_own_way),
	    cmocka_unit_test(forced_text_goes_up_to_the_next_choice),
	    cmocka_unit_test(choices_are_told_from_what_is_forced),
	    cmocka_unit_test(a_grammar_outlives_who_made_it),
	    cmocka_unit_test(threads_share_a_grammar),
	    cmocka_unit_test(json_mode_is_any_object),
	    cmocka_unit_test(strings_hold_what_json_allows_and_no_more),
	    cmocka_unit_test(nesting_has_a_bound_that_leads_nowhere_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
