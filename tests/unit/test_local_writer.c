/* test_local_writer.c -- tokens become text that is given out when it is sure.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tokenizer_fixture.h"

#include "local/engine/token_bytes.h"
#include "local/engine/writer.h"

/* Letters, a stop string's parts, half characters and special tokens. */
static const char *const bytes_json =
    "{\"model\": {\"type\": \"BPE\", \"merges\": [], \"vocab\": {\"a\": 0, "
    "\"b\": 1, \"E\": 2, \"N\": 3, \"D\": 4, \"\\u00c3\": 5, \"\\u00a9\": 6, "
    "\"\\u0120\": 7}}, \"added_tokens\": ["
    "{\"id\": 8, \"content\": \"<call>\", \"special\": true},"
    "{\"id\": 9, \"content\": \"<pad>\", \"special\": true}],"
    "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false,"
    "\"use_regex\": false}, \"decoder\": {\"type\": \"ByteLevel\"}}";

enum {
	A,
	B,
	E,
	N,
	D,
	C3,
	A9,
	BLANK,
	CALL,
	PAD
};

/* What came out after each of <tokens> (n), '|' between the pushes. */
struct heard {
	char text[256];
	size_t settled;
	bool is_over;
};

static void hear(struct heard *h, struct writer *w)
{
	struct span text = writer_take(w);
	size_t len = strlen(h->text);

	assert_true(len + text.len + 2 < sizeof(h->text));
	if (text.len)
		memcpy(h->text + len, text.ptr, text.len);
	h->text[len + text.len] = '|';
}

static struct heard write_all(
    const struct writer_options *options, const uint32_t *tokens, size_t n)
{
	struct writer *w = writer_new(options);
	struct heard h = {.is_over = false};
	struct error err;

	for (size_t i = 0; i < n && !h.is_over; i++) {
		assert_int_equal(
		    writer_push(w, tokens[i], &h.is_over, &err), OK);
		hear(&h, w);
	}
	if (!h.is_over)
		assert_int_equal(writer_finish(w, &h.is_over, &err), OK);
	hear(&h, w);
	h.settled = writer_settled(w);
	writer_free(&w);
	return h;
}

static void gives_out_whole_characters(void **state)
{
	struct tokenizer *t = load_text(bytes_json);
	struct writer_options options = {.tokenizer = t};
	struct heard h =
	    write_all(&options, (uint32_t[]){A, C3, A9, BLANK, B}, 5);

	(void)state;
	assert_string_equal(h.text, "a||\xc3\xa9| |b||");
	assert_int_equal(h.settled, 5);
	assert_false(h.is_over);
	h = write_all(&options, (uint32_t[]){A, C3}, 2);
	assert_string_equal(h.text, "a||\xef\xbf\xbd|");
	assert_int_equal(h.settled, 2);
	tokenizer_free(&t);
}

static void holds_back_what_may_become_a_stop_string(void **state)
{
	struct tokenizer *t = load_text(bytes_json);
	struct span stop = SPAN("END");
	struct writer_options options = {
	    .tokenizer = t, .stops = &stop, .n_stops = 1};
	struct heard h = write_all(&options, (uint32_t[]){A, E, N, B, E}, 5);

	(void)state;
	assert_string_equal(h.text, "a|||ENb||E|");
	assert_int_equal(h.settled, 5);
	h = write_all(&options, (uint32_t[]){A, B, E, N, D, A}, 6);
	assert_string_equal(h.text, "a|b|||||");
	assert_true(h.is_over);
	assert_int_equal(h.settled, 2);
	tokenizer_free(&t);
}

static void settles_a_token_when_its_text_is_out(void **state)
{
	struct tokenizer *t = load_text(bytes_json);
	struct span stop = SPAN("END");
	struct writer *w = writer_new(&(struct writer_options){
	    .tokenizer = t, .stops = &stop, .n_stops = 1});
	static const uint32_t tokens[] = {A, E, N, PAD, B};
	static const size_t settled[] = {1, 1, 1, 1, 5};
	struct error err;
	bool is_over;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(writer_push(w, tokens[i], &is_over, &err), OK);
		assert_int_equal(writer_settled(w), settled[i]);
	}
	writer_free(&w);
	tokenizer_free(&t);
}

static void shows_the_special_tokens_asked_for_alone(void **state)
{
	struct tokenizer *t = load_text(bytes_json);
	static const uint32_t shown[] = {CALL};
	struct writer_options options = {
	    .tokenizer = t, .shown = shown, .n_shown = 1};
	struct heard h = write_all(&options, (uint32_t[]){CALL, A, PAD, B}, 4);

	(void)state;
	assert_string_equal(h.text, "<call>|a||b||");
	options.n_shown = 0;
	h = write_all(&options, (uint32_t[]){CALL, A, PAD, B}, 4);
	assert_string_equal(h.text, "|a||b||");
	assert_int_equal(h.settled, 4);
	tokenizer_free(&t);
}

static void settles_at_once_without_a_tokenizer(void **state)
{
	struct writer *w = writer_new(&(struct writer_options){.n_stops = 0});
	struct error err;
	bool is_over;

	(void)state;
	assert_int_equal(writer_push(w, 70000, &is_over, &err), OK);
	assert_int_equal(writer_settled(w), 1);
	assert_int_equal(writer_take(w).len, 0);
	writer_free(&w);
}

static void refuses_stop_strings_that_are_empty_or_too_many(void **state)
{
	struct span stops[17];
	struct writer_options options = {.stops = stops, .n_stops = 17};
	struct error err;

	(void)state;
	for (int i = 0; i < 17; i++)
		stops[i] = SPAN("x");
	assert_int_equal(writer_check(&options, &err), FAILED);
	assert_non_null(strstr(err.text, "at most 16"));
	options.n_stops = 16;
	assert_int_equal(writer_check(&options, &err), OK);
	stops[3] = SPAN("");
	assert_int_equal(writer_check(&options, &err), FAILED);
	assert_non_null(strstr(err.text, "stop string 3"));
}

/* The bytes of one token, as a C string. */
static const char *bytes_of(const struct tokenizer *t, const char *name)
{
	static char text[64];
	uint32_t id = tokenizer_token_id(t, span_of(name));
	struct buf out;

	assert_int_not_equal(id, TOKENIZER_NO_ID);
	buf_init(&out, sizeof(text) - 1);
	assert_true(token_bytes(t, id, &out));
	memset(text, 0, sizeof(text));
	memcpy(text, buf_span(&out).ptr, buf_len(&out));
	buf_free(&out);
	return text;
}

static void tells_the_bytes_of_one_token(void **state)
{
	struct tokenizer *t = load_text(bytes_json);

	(void)state;
	assert_string_equal(bytes_of(t, "a"), "a");
	assert_string_equal(bytes_of(t, "\xc3\x83"), "\xc3");
	assert_string_equal(bytes_of(t, "\xc4\xa0"), " ");
	assert_string_equal(bytes_of(t, "<call>"), "<call>");
	tokenizer_free(&t);
	t = load_kind("spm-prepend");
	assert_string_equal(bytes_of(t, "<0xE2>"), "\xe2");
	assert_string_equal(bytes_of(t, "\xe2\x96\x81"), " ");
	tokenizer_free(&t);
	t = load_kind("wordpiece");
	assert_string_equal(bytes_of(t, "[CLS]"), "[CLS]");
	tokenizer_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives_out_whole_characters),
	    cmocka_unit_test(holds_back_what_may_become_a_stop_string),
	    cmocka_unit_test(settles_a_token_when_its_text_is_out),
	    cmocka_unit_test(shows_the_special_tokens_asked_for_alone),
	    cmocka_unit_test(settles_at_once_without_a_tokenizer),
	    cmocka_unit_test(refuses_stop_strings_that_are_empty_or_too_many),
	    cmocka_unit_test(tells_the_bytes_of_one_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
