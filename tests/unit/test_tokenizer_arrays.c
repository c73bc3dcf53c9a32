/* test_tokenizer_arrays.c -- GGUF's arrays give what tokenizer.json gives. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tokenizer_fixture.h"

#include "base/memory.h"

/*
 * The arrays are made from a tokenizer.json of the same family, as a converter
 * would, and its answers must come out.
 */
struct source {
	struct buf json;
	struct arena arena;
	struct json_doc doc;
	struct tokenizer *whole;
	struct tokenizer_arrays arrays;
	struct span *tokens;
	int32_t *types;
	float *scores;
	struct span *merges;
};

static void read_vocab(struct source *s)
{
	uint32_t n = tokenizer_vocab_size(s->whole);

	s->tokens = mem_zalloc(n * sizeof(*s->tokens));
	s->types = mem_zalloc(n * sizeof(*s->types));
	s->scores = mem_zalloc(n * sizeof(*s->scores));
	for (uint32_t id = 0; id < n; id++) {
		s->tokens[id] = tokenizer_token_text(s->whole, id);
		s->types[id] = tokenizer_is_special(s->whole, id)
				   ? TOKEN_CONTROL
				   : TOKEN_NORMAL;
	}
	s->arrays.tokens = s->tokens;
	s->arrays.types = s->types;
	s->arrays.n_tokens = n;
}

static void read_merges(struct source *s, uint32_t model)
{
	uint32_t merges = json_find(&s->doc, model, SPAN("merges"));
	size_t n = 0;

	s->merges =
	    mem_zalloc((json_count(&s->doc, merges) + 1) * sizeof(*s->merges));
	json_for_each(&s->doc, merges, pair) {
		uint32_t first = json_first(&s->doc, pair);
		uint32_t second = json_after(&s->doc, pair, first);
		char *text = arena_printf(&s->arena, "%.*s %.*s",
		    SPAN_FMT(json_text(&s->doc, first, &s->arena)),
		    SPAN_FMT(json_text(&s->doc, second, &s->arena)));

		assert_non_null(text);
		s->merges[n++] = span_of(text);
	}
	s->arrays.merges = s->merges;
	s->arrays.n_merges = n;
}

static void open_source(struct source *s, const char *kind)
{
	struct json_fault fault;

	*s = (struct source){.whole = load_kind(kind)};
	read_data(kind, ".json", &s->json);
	arena_init(&s->arena, 1 << 26);
	assert_true(json_parse(buf_span(&s->json), &s->arena, &s->doc, &fault));
	read_vocab(s);
	s->arrays.bos_id = s->arrays.eos_id = s->arrays.unk_id =
	    TOKENIZER_NO_ID;
	s->arrays.sep_id = s->arrays.cls_id = s->arrays.pad_id =
	    TOKENIZER_NO_ID;
	s->arrays.add_space_prefix = true;
}

static void close_source(struct source *s)
{
	tokenizer_free(&s->whole);
	free(s->tokens);
	free(s->types);
	free(s->scores);
	free(s->merges);
	arena_free(&s->arena);
	buf_free(&s->json);
}

static void mark(struct source *s, const char *text, int32_t type)
{
	uint32_t id = tokenizer_token_id(s->whole, span_of(text));

	assert_int_not_equal(id, TOKENIZER_NO_ID);
	s->types[id] = type;
}

/* Both tokenizers on all texts of the kind's answers. */
static void compare(struct source *s, const char *kind, unsigned flags)
{
	struct error err = {{0}};
	struct tokenizer *t = tokenizer_from_arrays(&s->arrays, &err);
	struct tokenizer_work *ours, *theirs;
	struct golden golden = {.rest = {0}};
	struct token_buf a, b;
	struct buf lines;

	if (!t)
		print_error("%s: %s\n", kind, err.text);
	assert_non_null(t);
	ours = tokenizer_work_new(t);
	theirs = tokenizer_work_new(s->whole);
	token_buf_init(&a, 1 << 20);
	token_buf_init(&b, 1 << 20);
	arena_init(&golden.arena, 1 << 24);
	read_data(kind, ".goldens", &lines);
	golden.rest = buf_span(&lines);
	while (next_golden(&golden)) {
		struct span text = golden_text(&golden, "text");

		a.len = b.len = 0;
		assert_int_equal(
		    OK, tokenizer_encode(ours, text, flags, &a, &err));
		assert_int_equal(
		    OK, tokenizer_encode(theirs, text, flags, &b, &err));
		assert_ids(&a, &b);
	}
	buf_free(&lines);
	arena_free(&golden.arena);
	token_buf_free(&a);
	token_buf_free(&b);
	tokenizer_work_free(&ours);
	tokenizer_work_free(&theirs);
	tokenizer_free(&t);
}

static void compare_bytes(const char *kind, const char *pre)
{
	struct source s;

	open_source(&s, kind);
	s.arrays.model = SPAN("gpt2");
	s.arrays.pre = span_of(pre);
	mark(&s, "<think>", TOKEN_USER_DEFINED);
	mark(&s, "  \t", TOKEN_USER_DEFINED);
	read_merges(&s, json_find(&s.doc, 0, SPAN("model")));
	if (!strcmp(kind, "llama3") || !strcmp(kind, "deepseek")) {
		s.arrays.bos_id =
		    tokenizer_token_id(s.whole, SPAN("<|endoftext|>"));
		s.arrays.add_bos = true;
	}
	compare(&s, kind, 0);
	compare(&s, kind, TOKENIZER_PLAIN);
	close_source(&s);
}

static void reads_byte_level_vocabularies(void **state)
{
	(void)state;
	compare_bytes("gpt2", "gpt-2");
	compare_bytes("llama3", "llama-bpe");
	compare_bytes("qwen2", "qwen2");
	compare_bytes("o200k", "gpt-4o");
	compare_bytes("deepseek", "deepseek-v3");
}

static void reads_wordpiece_with_marked_word_starts(void **state)
{
	struct source s;

	(void)state;
	open_source(&s, "wordpiece");
	for (size_t i = 0; i < s.arrays.n_tokens; i++) {
		struct span text = s.tokens[i];
		char *marked =
		    arena_printf(&s.arena, "\u2581%.*s", SPAN_FMT(text));

		assert_non_null(marked);
		if (span_starts_with(text, SPAN("##")))
			s.tokens[i] = span_from(text, 2);
		else if (s.types[i] == TOKEN_NORMAL)
			s.tokens[i] = span_of(marked);
	}
	s.arrays.model = SPAN("bert");
	s.arrays.unk_id = 1;
	s.arrays.cls_id = 2;
	s.arrays.sep_id = 3;
	/* [MASK] takes blanks on its left there, and GGUF cannot say so. */
	compare(&s, "wordpiece", TOKENIZER_PLAIN);
	close_source(&s);
}

/*
 * Scores that fall with the rank of the merge that makes a piece: the merges
 * found again from them must join the same pieces.
 */
static void finds_merges_by_score(void **state)
{
	const char *pieces[] = {
	    "<unk>", "a", "b", "c", "ab", "bc", "abc", "\u2581", "\u2581a"};
	const float scores[] = {0, -9, -9, -9, -2, -1, -3, -9, -4};
	const int32_t types[] = {2, 1, 1, 1, 1, 1, 1, 1, 1};
	const uint32_t expected[] = {7, 6, 8, 3};
	struct tokenizer_arrays arrays = {.model = SPAN("llama"),
	    .scores = scores,
	    .types = types,
	    .n_tokens = 9,
	    .bos_id = TOKENIZER_NO_ID,
	    .eos_id = TOKENIZER_NO_ID,
	    .unk_id = 0,
	    .add_space_prefix = true};
	struct span tokens[9];
	struct tokenizer *t;
	struct tokenizer_work *work;
	struct token_buf ids;
	struct error err;

	(void)state;
	for (int i = 0; i < 9; i++)
		tokens[i] = span_of(pieces[i]);
	arrays.tokens = tokens;
	t = tokenizer_from_arrays(&arrays, &err);
	assert_non_null(t);
	work = tokenizer_work_new(t);
	token_buf_init(&ids, 16);
	assert_int_equal(
	    OK, tokenizer_encode(work, SPAN("abc ac"), 0, &ids, &err));
	assert_int_equal(ids.len, 4);
	assert_memory_equal(ids.ids, expected, sizeof(expected));
	token_buf_free(&ids);
	tokenizer_work_free(&work);
	tokenizer_free(&t);
}

static void assert_refused(struct tokenizer_arrays *arrays, const char *message)
{
	struct error err = {{0}};

	assert_null(tokenizer_from_arrays(arrays, &err));
	assert_string_equal(err.text, message);
}

static void refuses_arrays_that_do_not_add_up(void **state)
{
	struct span tokens[] = {SPAN("a"), SPAN("b")};
	struct span merges[] = {SPAN("a b")};
	float scores[] = {0, __builtin_nanf("")};
	struct tokenizer_arrays arrays = {
	    .model = SPAN("magic"), .tokens = tokens, .n_tokens = 2};

	(void)state;
	assert_refused(
	    &arrays, "tokenizer.ggml.model: \"magic\" is not supported");
	arrays.model = SPAN("gpt2");
	arrays.pre = SPAN("magic");
	assert_refused(
	    &arrays, "tokenizer.ggml.pre: \"magic\" is not supported");
	arrays.pre = SPAN("qwen2");
	arrays.merges = merges;
	arrays.n_merges = 1;
	assert_refused(&arrays, "tokenizer.ggml.merges[0]: \"a b\" is not in "
				"the vocabulary");
	merges[0] = SPAN("ab");
	assert_refused(
	    &arrays, "tokenizer.ggml.merges[0]: \"ab\" is not a pair");
	arrays.model = SPAN("llama");
	assert_refused(&arrays, "tokenizer.ggml.scores: is missing");
	arrays.scores = scores;
	assert_refused(
	    &arrays, "tokenizer.ggml.scores[1]: is not a finite number");
	tokens[1] = SPAN("\xff");
	assert_refused(&arrays, "tokenizer.ggml.tokens[1]: must be UTF-8 of "
				"at most 1024 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_byte_level_vocabularies),
	    cmocka_unit_test(reads_wordpiece_with_marked_word_starts),
	    cmocka_unit_test(finds_merges_by_score),
	    cmocka_unit_test(refuses_arrays_that_do_not_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
