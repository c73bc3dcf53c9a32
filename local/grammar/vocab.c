/* vocab.c -- makes the tree, and finds what each token does in a string. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/grammar/vocab.h"

#include <stdlib.h>

#include "local/grammar/run.h"

#define BYTES_MAX ((size_t)1 << 30) /* of all tokens together */

/* --- the tree ------------------------------------------------------------- */

struct entry {
	struct span text;
	uint32_t token;
};

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	size_t len = x->text.len < y->text.len ? x->text.len : y->text.len;
	int order = len ? memcmp(x->text.ptr, y->text.ptr, len) : 0;

	if (order != 0)
		return order;
	if (x->text.len != y->text.len)
		return x->text.len < y->text.len ? -1 : 1;
	return x->token < y->token ? -1 : 1;
}

static size_t common_len(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len, i = 0;

	while (i < len && a.ptr[i] == b.ptr[i])
		i++;
	return i;
}

/* The branches of <entries> (n), which are sorted; <path> is the way down. */
static void grow(
    struct grammar_vocab *vocab, const struct entry *entries, uint32_t n)
{
	uint32_t path[GRAMMAR_TOKEN_MAX + 1] = {0}, depth = 0;
	struct span before = {NULL, 0};

	vocab->branches[vocab->n_branches++] = (struct branch){.depth = 0};
	for (uint32_t i = 0; i < n; i++) {
		struct span text = entries[i].text;
		uint32_t common = (uint32_t)common_len(before, text);
		struct branch *leaf;

		while (depth > common)
			vocab->branches[path[depth--]].skip = vocab->n_branches;
		while (depth < text.len) {
			path[++depth] = vocab->n_branches;
			vocab->branches[vocab->n_branches++] = (struct branch){
			    .byte = (uint8_t)text.ptr[depth - 1],
			    .depth = (uint8_t)depth,
			};
		}
		leaf = &vocab->branches[path[depth]];
		if (leaf->n_tokens == 0)
			leaf->tokens = i;
		if (leaf->n_tokens < UINT16_MAX)
			leaf->n_tokens++;
		vocab->sorted[i] = entries[i].token;
		before = text;
	}
	for (; depth > 0; depth--)
		vocab->branches[path[depth]].skip = vocab->n_branches;
	vocab->branches[0].skip = vocab->n_branches;
}

static bool copy_ends(struct grammar_vocab *vocab,
    const struct grammar_tokens *from, struct error *err)
{
	vocab->ends = mem_alloc(from->n_ends * sizeof(*vocab->ends));
	for (size_t i = 0; i < from->n_ends; i++) {
		if (from->ends[i] >= from->n) {
			error_set(err,
			    "the end token %u is not in the vocabulary",
			    from->ends[i]);
			return false;
		}
		vocab->ends[vocab->n_ends++] = from->ends[i];
	}
	return true;
}

static bool copy_bytes(struct grammar_vocab *vocab,
    const struct grammar_tokens *from, struct error *err)
{
	size_t len = 0;

	for (uint32_t i = 0; i < from->n; i++)
		len += from->tokens[i].len;
	if (len > BYTES_MAX) {
		error_set(err, "the vocabulary's tokens are too long");
		return false;
	}
	vocab->bytes = mem_alloc(len);
	vocab->offsets = mem_alloc((from->n + 1) * sizeof(*vocab->offsets));
	len = 0;
	for (uint32_t i = 0; i < from->n; i++) {
		struct span text = from->tokens[i];

		vocab->offsets[i] = (uint32_t)len;
		if (text.len > 0)
			memcpy(vocab->bytes + len, text.ptr, text.len);
		len += text.len;
	}
	vocab->offsets[from->n] = (uint32_t)len;
	return true;
}

static bool is_whole(struct span text)
{
	return utf8_valid_len(text) == text.len;
}

static bool has_bytes(
    const struct grammar_vocab *vocab, unsigned first, unsigned last)
{
	for (unsigned byte = first; byte <= last; byte++) {
		if (!vocab->has_byte[byte])
			return false;
	}
	return true;
}

/*
 * Which bytes have a token of their own. Where one has not that goes on with a
 * character, tokens that are parts of characters may lead to where no token
 * goes on, and are left out.
 */
static void find_lone_bytes(
    struct grammar_vocab *vocab, const struct grammar_tokens *from)
{
	for (uint32_t i = 0; i < from->n; i++) {
		struct span text = from->tokens[i];

		if (text.len == 1)
			vocab->has_byte[(unsigned char)text.ptr[0]] = true;
	}
	vocab->has_parts = has_bytes(vocab, 0x80, 0xbf);
	vocab->has_all = vocab->has_parts && has_bytes(vocab, 0x20, 0x7e) &&
			 has_bytes(vocab, 0xc2, 0xf4);
}

static bool make_tree(struct grammar_vocab *vocab,
    const struct grammar_tokens *from, struct error *err)
{
	static const char needed[] = "{}[]\",:-.0123456789 abcdefghijklmnopqrs"
				     "tuvwxyz\\";
	struct entry *entries = mem_alloc(from->n * sizeof(*entries));
	uint32_t n = 0;
	size_t len = 1;

	find_lone_bytes(vocab, from);
	for (uint32_t i = 0; i < from->n; i++) {
		struct span text = vocab_bytes(vocab, i);

		if (text.len == 0 || text.len > GRAMMAR_TOKEN_MAX ||
		    (!vocab->has_parts && !is_whole(text)))
			continue;
		entries[n++] = (struct entry){text, i};
		len += text.len;
	}
	if (n > 0)
		qsort(entries, n, sizeof(*entries), compare_entries);
	vocab->sorted = mem_alloc(n * sizeof(*vocab->sorted));
	vocab->n_sorted = n;
	vocab->branches = mem_alloc(len * sizeof(*vocab->branches));
	grow(vocab, entries, n);
	vocab->branches = mem_realloc(
	    vocab->branches, vocab->n_branches * sizeof(*vocab->branches));
	free(entries);
	for (size_t i = 0; i < sizeof(needed) - 1; i++) {
		if (vocab->has_byte[(unsigned char)needed[i]])
			continue;
		error_set(err,
		    "the vocabulary has no token that is \"%c\" alone, so that "
		    "answers cannot be held to JSON",
		    needed[i]);
		return false;
	}
	return true;
}

/* --- in a string ---------------------------------------------------------- */

static void add_inside(
    struct grammar_vocab *vocab, const struct branch *branch, uint32_t count)
{
	vocab_mark(vocab, branch, vocab->all_inside);
	for (uint32_t k = count; k <= BODY_SHORT; k++)
		vocab_mark(vocab, branch, vocab->inside[k]);
	for (uint32_t i = 0; i < branch->n_tokens && count > BODY_SHORT; i++) {
		if ((vocab->n_longs & (vocab->n_longs - 1)) == 0)
			vocab->longs = mem_realloc(vocab->longs,
			    (vocab->n_longs ? vocab->n_longs * 2 : 1) *
				sizeof(*vocab->longs));
		vocab->longs[vocab->n_longs++] = (struct body_long){
		    vocab->sorted[branch->tokens + i], count};
	}
}

static void add_exit(
    struct grammar_vocab *vocab, uint32_t branch, uint32_t count)
{
	if ((vocab->n_exits & (vocab->n_exits - 1)) == 0)
		vocab->exits = mem_realloc(
		    vocab->exits, (vocab->n_exits ? vocab->n_exits * 2 : 1) *
				      sizeof(*vocab->exits));
	vocab->exits[vocab->n_exits++] = (struct body_exit){branch, count};
}

static void sort_tokens_in_strings(struct grammar_vocab *vocab)
{
	enum body at[GRAMMAR_TOKEN_MAX + 1] = {BODY_TEXT};
	uint32_t counts[GRAMMAR_TOKEN_MAX + 1] = {0}, i = 1;

	vocab->all_inside = mem_zalloc(vocab->words * sizeof(uint32_t));
	for (uint32_t k = 0; k <= BODY_SHORT; k++)
		vocab->inside[k] = mem_zalloc(vocab->words * sizeof(uint32_t));
	while (i < vocab->n_branches) {
		const struct branch *branch = &vocab->branches[i];
		uint32_t depth = branch->depth, count = counts[depth - 1];
		enum body next = body_step(at[depth - 1], branch->byte);

		if (next == BODY_DEAD || next == BODY_END) {
			if (next == BODY_END)
				add_exit(vocab, i, count);
			i = branch->skip;
			continue;
		}
		at[depth] = next;
		counts[depth] = count + (at[depth - 1] == BODY_TEXT);
		if (branch->n_tokens > 0)
			add_inside(vocab, branch, counts[depth]);
		i++;
	}
}

/* --- life ----------------------------------------------------------------- */

struct grammar_vocab *grammar_vocab_of(
    const struct grammar_tokens *tokens, struct error *err)
{
	struct grammar_vocab *vocab = mem_new(struct grammar_vocab);

	atomic_init(&vocab->refs, 1);
	vocab->n = tokens->n;
	vocab->words = (tokens->n + 31) / 32;
	if (copy_ends(vocab, tokens, err) && copy_bytes(vocab, tokens, err) &&
	    make_tree(vocab, tokens, err))
		sort_tokens_in_strings(vocab);
	else
		grammar_vocab_unref(&vocab);
	return vocab;
}

struct grammar_vocab *grammar_vocab_new(const struct tokenizer *tokenizer,
    const uint32_t *ends, size_t n_ends, struct error *err)
{
	uint32_t n = tokenizer_vocab_size(tokenizer);
	struct tokenizer_stream *stream = tokenizer_stream_new(tokenizer, true);
	size_t *offsets = mem_zalloc((n + 1) * sizeof(*offsets));
	struct span *texts = mem_zalloc(n * sizeof(*texts));
	struct grammar_vocab *vocab = NULL;
	enum result result = OK;
	struct buf all;

	buf_init(&all, BYTES_MAX);
	for (uint32_t i = 0; i < n && result == OK; i++) {
		result = tokenizer_stream_bytes(stream, i, &all, err);
		offsets[i + 1] = buf_len(&all);
	}
	for (uint32_t i = 0; i < n; i++)
		texts[i] = span_head(span_from(buf_span(&all), offsets[i]),
		    offsets[i + 1] - offsets[i]);
	for (size_t i = 0; i < n_ends; i++) {
		if (ends[i] < n)
			texts[ends[i]].len = 0; /* whatever it looks like */
	}
	if (result == OK)
		vocab = grammar_vocab_of(
		    &(struct grammar_tokens){texts, n, ends, n_ends}, err);
	tokenizer_stream_free(&stream);
	buf_free(&all);
	free(offsets);
	free(texts);
	return vocab;
}

struct grammar_vocab *grammar_vocab_ref(struct grammar_vocab *vocab)
{
	atomic_fetch_add(&vocab->refs, 1);
	return vocab;
}

void grammar_vocab_unref(struct grammar_vocab **vocab)
{
	struct grammar_vocab *v = *vocab;

	*vocab = NULL;
	if (!v || atomic_fetch_sub(&v->refs, 1) > 1)
		return;
	free(v->branches);
	free(v->sorted);
	free(v->offsets);
	free(v->bytes);
	free(v->ends);
	for (uint32_t i = 0; i <= BODY_SHORT; i++)
		free(v->inside[i]);
	free(v->all_inside);
	free(v->exits);
	free(v->longs);
	free(v);
}

size_t grammar_vocab_words(const struct grammar_vocab *vocab)
{
	return vocab->words;
}
