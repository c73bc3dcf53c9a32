/* test_tokenizer.c -- ids and texts against HF tokenizers' own answers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tokenizer_fixture.h"

#include <pthread.h>

#include "base/utf8.h"

/* What one kind's answers are checked with. */
struct check {
	struct tokenizer *tokenizer;
	struct tokenizer_work *work;
	struct buf lines;
	struct golden golden;
	struct token_buf ids, expected;
	struct buf text;
};

static void open_check(struct check *c, const char *kind)
{
	c->tokenizer = load_kind(kind);
	c->work = tokenizer_work_new(c->tokenizer);
	read_data(kind, ".goldens", &c->lines);
	c->golden.rest = buf_span(&c->lines);
	arena_init(&c->golden.arena, 1 << 24);
	token_buf_init(&c->ids, 1 << 20);
	token_buf_init(&c->expected, 1 << 20);
	buf_init(&c->text, 1 << 20);
}

static void close_check(struct check *c)
{
	tokenizer_work_free(&c->work);
	tokenizer_free(&c->tokenizer);
	buf_free(&c->lines);
	buf_free(&c->text);
	arena_free(&c->golden.arena);
	token_buf_free(&c->ids);
	token_buf_free(&c->expected);
}

static void check_ids(struct check *c, const char *key, unsigned flags)
{
	struct error err;

	if (!golden_ids(&c->golden, key, &c->expected))
		return;
	c->ids.len = 0;
	assert_int_equal(
	    OK, tokenizer_encode(c->work, golden_text(&c->golden, "text"),
		    flags, &c->ids, &err));
	assert_ids(&c->ids, &c->expected);
}

static void gives_the_ids_that_hf_tokenizers_gives(void **state)
{
	struct check c = {0};

	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		size_t rows = 0;

		open_check(&c, kinds[i]);
		for (; next_golden(&c.golden); rows++) {
			check_ids(&c, "ids", 0);
			check_ids(&c, "bare", TOKENIZER_NO_SPECIAL);
			check_ids(&c, "plain",
			    TOKENIZER_NO_SPECIAL | TOKENIZER_PLAIN);
		}
		assert_true(rows >= 200);
		close_check(&c);
	}
}

/* A text that is trusted as a whole, or not at all. */
static void check_marked(struct check *c, const char *key, bool is_trusted)
{
	struct span text = golden_text(&c->golden, "text");
	struct tokenizer_range whole = {0, text.len};
	struct tokenizer_marked marked = {text, &whole, is_trusted};
	struct error err;

	if (!golden_ids(&c->golden, key, &c->expected))
		return;
	c->ids.len = 0;
	assert_int_equal(
	    OK, tokenizer_encode_marked(c->work, &marked, &c->ids, &err));
	assert_ids(&c->ids, &c->expected);
}

static void reads_control_tokens_where_they_are_trusted(void **state)
{
	struct check c = {0};

	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		open_check(&c, kinds[i]);
		while (next_golden(&c.golden)) {
			check_marked(&c, "bare", true);
			check_marked(&c, "plain", false);
		}
		close_check(&c);
	}
}

/* --- decoding ------------------------------------------------------------- */

static void check_decoded(struct check *c, const char *key, bool skips)
{
	struct error err;

	assert_true(golden_ids(&c->golden, "ids", &c->expected));
	buf_consume(&c->text, SIZE_MAX);
	assert_int_equal(OK, tokenizer_decode(c->tokenizer, &c->expected, skips,
				 &c->text, &err));
	assert_true(span_eq(buf_span(&c->text), golden_text(&c->golden, key)));
}

static void gives_the_texts_that_hf_tokenizers_gives(void **state)
{
	struct check c = {0};

	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		open_check(&c, kinds[i]);
		while (next_golden(&c.golden)) {
			check_decoded(&c, "decoded", false);
			check_decoded(&c, "skipped", true);
		}
		close_check(&c);
	}
}

/* Each piece is whole UTF-8 and all together are the text. */
static void check_stream(struct check *c, struct tokenizer_stream *stream)
{
	struct error err;
	size_t done = 0;

	assert_true(golden_ids(&c->golden, "ids", &c->expected));
	buf_consume(&c->text, SIZE_MAX);
	for (size_t i = 0; i <= c->expected.len; i++) {
		struct span piece;

		assert_int_equal(
		    OK, i < c->expected.len
			    ? tokenizer_stream_push(
				  stream, c->expected.ids[i], &c->text, &err)
			    : tokenizer_stream_finish(stream, &c->text, &err));
		piece = span_from(buf_span(&c->text), done);
		assert_int_equal(utf8_valid_len(piece), piece.len);
		done += piece.len;
	}
	assert_true(
	    span_eq(buf_span(&c->text), golden_text(&c->golden, "decoded")));
}

static void streams_whole_characters_only(void **state)
{
	struct check c = {0};

	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		struct tokenizer_stream *stream;

		open_check(&c, kinds[i]);
		stream = tokenizer_stream_new(c.tokenizer, false);
		while (next_golden(&c.golden))
			check_stream(&c, stream);
		tokenizer_stream_free(&stream);
		close_check(&c);
	}
}

static void streams_the_first_words_before_the_last_ones(void **state)
{
	struct tokenizer *t = load_kind("spm-prepend");
	struct tokenizer_stream *stream = tokenizer_stream_new(t, true);
	struct error err;
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 10);
	for (const char *c = "\xe2\x96\x81"
			     "Hi";
	     *c; c += c[0] < 0 ? 3 : 1) {
		uint32_t id =
		    tokenizer_token_id(t, span_make(c, c[0] < 0 ? 3 : 1));

		assert_int_not_equal(id, TOKENIZER_NO_ID);
		assert_int_equal(
		    OK, tokenizer_stream_push(stream, id, &out, &err));
	}
	assert_true(span_eq(buf_span(&out), SPAN("Hi")));
	tokenizer_stream_free(&stream);
	tokenizer_free(&t);
	buf_free(&out);
}

static void replaces_bytes_that_are_no_text(void **state)
{
	struct tokenizer *t = load_kind("gpt2");
	struct error err;
	struct token_buf ids;
	struct buf out;
	/* The characters that stand for 0xe2, 0x82 and 0x41. */
	static const char *const bytes[] = {"\xc3\xa2", "\xc4\xa4", "A"};

	(void)state;
	token_buf_init(&ids, 8);
	buf_init(&out, 64);
	for (int i = 0; i < 3; i++) {
		uint32_t id = tokenizer_token_id(t, span_of(bytes[i]));

		assert_true(token_buf_append(&ids, &id, 1));
	}
	assert_int_equal(OK, tokenizer_decode(t, &ids, false, &out, &err));
	assert_true(span_eq(buf_span(&out), SPAN("\xef\xbf\xbd"
						 "A")));
	buf_free(&out);
	token_buf_free(&ids);
	tokenizer_free(&t);
}

/* --- what callers rely on ------------------------------------------------- */

static void refuses_text_that_is_not_utf8(void **state)
{
	struct tokenizer *t = load_kind("gpt2");
	struct tokenizer_work *work = tokenizer_work_new(t);
	uint32_t first = 7;
	struct token_buf ids;
	struct error err;

	(void)state;
	token_buf_init(&ids, 8);
	assert_true(token_buf_append(&ids, &first, 1));
	assert_int_equal(
	    FAILED, tokenizer_encode(work, SPAN("ab\xff"), 0, &ids, &err));
	assert_string_equal(err.text, "the text is not UTF-8 at byte 2");
	assert_int_equal(ids.len, 1);
	token_buf_free(&ids);
	tokenizer_work_free(&work);
	tokenizer_free(&t);
}

static void appends_nothing_past_the_maximum(void **state)
{
	struct tokenizer *t = load_kind("gpt2");
	struct tokenizer_work *work = tokenizer_work_new(t);
	struct token_buf ids;
	struct error err;

	(void)state;
	token_buf_init(&ids, 2);
	assert_int_equal(
	    FAILED, tokenizer_encode(work, SPAN("1 2 3 4 5 6"), 0, &ids, &err));
	assert_non_null(strstr(err.text, "more than 2 tokens"));
	assert_true(ids.is_full);
	assert_int_equal(ids.len, 0);
	assert_int_equal(OK, tokenizer_encode(work, SPAN("1"), 0, &ids, &err));
	assert_int_equal(ids.len, 1);
	token_buf_free(&ids);
	tokenizer_work_free(&work);
	tokenizer_free(&t);
}

static void never_makes_a_control_token_of_plain_text(void **state)
{
	static const char text[] = "<s></s><unk><pad><mask>[CLS][SEP][PAD]"
				   "<|im_start|><|im_end|><|endoftext|>";

	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		struct tokenizer *t = load_kind(kinds[i]);
		struct tokenizer_work *work = tokenizer_work_new(t);
		bool is_bert = !strcmp(kinds[i], "wordpiece");
		uint32_t unknown = tokenizer_token_id(
		    t, is_bert ? SPAN("[UNK]") : SPAN("<unk>"));
		struct token_buf ids;
		struct error err;
		size_t marked = 0;

		token_buf_init(&ids, 1000);
		assert_int_equal(OK,
		    tokenizer_encode(work, span_of(text),
			TOKENIZER_PLAIN | TOKENIZER_NO_SPECIAL, &ids, &err));
		for (size_t k = 0; k < ids.len; k++)
			assert_true(ids.ids[k] == unknown ||
				    !tokenizer_is_special(t, ids.ids[k]));
		ids.len = 0;
		assert_int_equal(
		    OK, tokenizer_encode(work, span_of(text), 0, &ids, &err));
		for (size_t k = 0; k < ids.len; k++)
			marked += tokenizer_is_special(t, ids.ids[k]);
		assert_true(marked >= 3);
		token_buf_free(&ids);
		tokenizer_work_free(&work);
		tokenizer_free(&t);
	}
}

static void encodes_pairs_with_their_types(void **state)
{
	struct tokenizer *t = load_kind("wordpiece");
	struct tokenizer_work *work = tokenizer_work_new(t);
	struct tokenizer_pair pair = {SPAN("a"), SPAN("a"), 0};
	uint32_t a = tokenizer_token_id(t, SPAN("a"));
	const uint32_t ids_expected[] = {2, a, 3, a, 3};
	const uint32_t types_expected[] = {0, 0, 0, 1, 1};
	struct token_buf ids, types;
	struct error err;

	(void)state;
	token_buf_init(&ids, 16);
	token_buf_init(&types, 16);
	assert_int_equal(
	    OK, tokenizer_encode_pair(work, &pair, &ids, &types, &err));
	assert_int_equal(ids.len, 5);
	assert_int_equal(types.len, 5);
	assert_memory_equal(ids.ids, ids_expected, sizeof(ids_expected));
	assert_memory_equal(types.ids, types_expected, sizeof(types_expected));
	token_buf_free(&ids);
	token_buf_free(&types);
	tokenizer_work_free(&work);
	tokenizer_free(&t);
}

static void knows_its_vocabulary_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		struct tokenizer *t = load_kind(kinds[i]);
		uint32_t n = tokenizer_vocab_size(t);

		assert_true(n > 1000);
		for (uint32_t id = 0; id < n; id++) {
			struct span text = tokenizer_token_text(t, id);
			uint32_t back = tokenizer_token_id(t, text);

			/* A normalised token is shown as it is sought. */
			if (back != TOKENIZER_NO_ID)
				assert_int_equal(back, id);
			else
				assert_true(id + 3 >= n);
		}
		assert_null(tokenizer_token_text(t, n).ptr);
		assert_false(tokenizer_is_special(t, n));
		tokenizer_free(&t);
		assert_null(t);
	}
}

static void *encode_many(void *tokenizer)
{
	struct tokenizer_work *work = tokenizer_work_new(tokenizer);
	struct token_buf ids;
	struct error err;
	size_t total = 0;

	token_buf_init(&ids, 1000);
	for (int i = 0; i < 200; i++) {
		char text[64];
		int len = snprintf(
		    text, sizeof(text), "the %d of x%d\n", i, i * 7919);

		ids.len = 0;
		if (tokenizer_encode(work, span_make(text, (size_t)len), 0,
			&ids, &err) == OK)
			total += ids.len;
	}
	token_buf_free(&ids);
	tokenizer_work_free(&work);
	return (void *)total;
}

static void serves_several_threads_at_once(void **state)
{
	struct tokenizer *t = load_kind("unigram");
	pthread_t threads[4];
	void *alone = encode_many(t), *total;

	(void)state;
	assert_non_null(alone);
	for (int i = 0; i < 4; i++)
		assert_int_equal(
		    0, pthread_create(&threads[i], NULL, encode_many, t));
	for (int i = 0; i < 4; i++) {
		assert_int_equal(0, pthread_join(threads[i], &total));
		assert_ptr_equal(total, alone);
	}
	tokenizer_free(&t);
}

/* Each token's bytes joined, without the blank that a decoder drops. */
static void tokens_write_their_bytes_between_others(void **state)
{
	static const char *const some[] = {"gpt2", "llama3", "qwen2", "o200k",
	    "deepseek", "spm-prepend", "spm-metaspace"};
	struct span text = SPAN("a b  \xc3\xa9\xf0\x9f\x98\x80 {\"x\": 1}\n");

	(void)state;
	for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++) {
		struct tokenizer *t = load_kind(some[i]);
		struct tokenizer_work *work = tokenizer_work_new(t);
		struct tokenizer_stream *stream = tokenizer_stream_new(t, true);
		struct token_buf ids;
		struct span joined;
		struct error err;
		struct buf out;

		token_buf_init(&ids, 1000);
		buf_init(&out, 1000);
		assert_int_equal(tokenizer_encode(work, text,
				     TOKENIZER_NO_SPECIAL, &ids, &err),
		    OK);
		for (size_t k = 0; k < ids.len; k++)
			assert_int_equal(tokenizer_stream_bytes(
					     stream, ids.ids[k], &out, &err),
			    OK);
		joined = buf_span(&out);
		if (joined.len > text.len)
			joined = span_from(joined, 1);
		assert_true(span_eq(joined, text));
		assert_int_equal(
		    tokenizer_stream_bytes(stream, TOKENIZER_NO_ID, &out, &err),
		    OK);
		buf_free(&out);
		token_buf_free(&ids);
		tokenizer_stream_free(&stream);
		tokenizer_work_free(&work);
		tokenizer_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives_the_ids_that_hf_tokenizers_gives),
	    cmocka_unit_test(reads_control_tokens_where_they_are_trusted),
	    cmocka_unit_test(gives_the_texts_that_hf_tokenizers_gives),
	    cmocka_unit_test(streams_whole_characters_only),
	    cmocka_unit_test(streams_the_first_words_before_the_last_ones),
	    cmocka_unit_test(replaces_bytes_that_are_no_text),
	    cmocka_unit_test(refuses_text_that_is_not_utf8),
	    cmocka_unit_test(appends_nothing_past_the_maximum),
	    cmocka_unit_test(never_makes_a_control_token_of_plain_text),
	    cmocka_unit_test(encodes_pairs_with_their_types),
	    cmocka_unit_test(knows_its_vocabulary_both_ways),
	    cmocka_unit_test(serves_several_threads_at_once),
	    cmocka_unit_test(tokens_write_their_bytes_between_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
