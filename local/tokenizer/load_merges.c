/* load_merges.c -- a BPE model's merges, from a GGUF file's arrays. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/memory.h"
#include "local/tokenizer/load_arrays.h"

/* --- as the file lists them ----------------------------------------------- */

static enum result fail_merge(struct arrays *a, size_t i, const char *why)
{
	error_set(a->err, "tokenizer.ggml.merges[%zu]: \"%.*s\" %s", i,
	    SPAN_FMT(span_head(a->in->merges[i], 64)), why);
	return FAILED;
}

/* "left right"; the blank may not be part of either. */
static enum result read_merge(
    struct arrays *a, size_t i, struct bpe_merge *merge)
{
	const struct text_map *map = &a->t->model.map;
	struct span text = a->in->merges[i];
	size_t blank = span_find(text, SPAN(" "), 1);
	char joined[2 * PIECE_MAX];
	struct span left, right;

	if (blank == SIZE_MAX || text.len > sizeof(joined))
		return fail_merge(a, i, "is not a pair");
	left = span_head(text, blank);
	right = span_from(text, blank + 1);
	merge->rank = (uint32_t)i;
	merge->left = text_map_find(map, left);
	merge->right = text_map_find(map, right);
	memcpy(joined, left.ptr, left.len);
	if (right.len)
		memcpy(joined + left.len, right.ptr, right.len);
	merge->id = text_map_find(map, span_make(joined, left.len + right.len));
	if (merge->left == VOCAB_NONE || merge->right == VOCAB_NONE ||
	    merge->id == VOCAB_NONE)
		return fail_merge(a, i, "is not in the vocabulary");
	return OK;
}

enum result load_merges(struct arrays *a)
{
	struct bpe *bpe = &a->t->model.bpe;
	struct bpe_merge merge;

	bpe_init(bpe, a->in->n_merges, a->seed);
	for (size_t i = 0; i < a->in->n_merges; i++) {
		if (read_merge(a, i, &merge) == FAILED)
			return FAILED;
		bpe_put_merge(bpe, &merge);
	}
	return OK;
}

/* --- as scores rank them -------------------------------------------------- */

/* A cut of a piece into two that are pieces too. */
struct cut {
	float score; /* of the whole piece */
	uint32_t left_chars, right_chars;
	uint32_t left, right, id;
};

/*
 * SentencePiece joins the pair whose result has the best score. As a list of
 * merges: by score, then by the lengths of both parts, all falling, then by
 * the piece's id and the parts' ids, rising.
 */
static int compare_cuts(const void *left, const void *right)
{
	const struct cut *a = left, *b = right;

	if (a->score < b->score || a->score > b->score)
		return a->score > b->score ? -1 : 1;
	if (a->left_chars != b->left_chars)
		return a->left_chars > b->left_chars ? -1 : 1;
	if (a->right_chars != b->right_chars)
		return a->right_chars > b->right_chars ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->left != b->left)
		return a->left < b->left ? -1 : 1;
	return a->right < b->right ? -1 : a->right > b->right;
}

struct cut_list {
	struct cut *items;
	size_t len, cap;
};

static uint32_t count_chars(struct span text)
{
	uint32_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
	return n;
}

static void add_cuts(struct arrays *a, uint32_t id, struct cut_list *list)
{
	const struct model *model = &a->t->model;
	struct span text = model->tokens[id];
	uint32_t chars = count_chars(text), seen = 0;

	for (size_t i = 1; i < text.len; i++) {
		struct cut cut = {.id = id, .score = a->in->scores[id]};

		if (((unsigned char)text.ptr[i] & 0xc0) == 0x80)
			continue;
		cut.left_chars = ++seen;
		cut.right_chars = chars - seen;
		cut.left = text_map_find(&model->map, span_head(text, i));
		cut.right = text_map_find(&model->map, span_from(text, i));
		if (cut.left == VOCAB_NONE || cut.right == VOCAB_NONE)
			continue;
		if (list->len == list->cap) {
			list->cap = list->cap ? list->cap * 2 : 1024;
			list->items = mem_realloc(
			    list->items, list->cap * sizeof(*list->items));
		}
		list->items[list->len++] = cut;
	}
}

void load_scored_merges(struct arrays *a)
{
	struct bpe *bpe = &a->t->model.bpe;
	struct cut_list list = {0};

	for (uint32_t id = 0; id < a->t->model.n_tokens; id++) {
		if (arrays_type(a, id) == TOKEN_NORMAL)
			add_cuts(a, id, &list);
	}
	if (list.len > 0)
		qsort(list.items, list.len, sizeof(*list.items), compare_cuts);
	bpe_init(bpe, list.len, a->seed);
	for (size_t i = 0; i < list.len; i++) {
		const struct cut *cut = &list.items[i];

		bpe_put_merge(bpe, &(struct bpe_merge){cut->left, cut->right,
				       (uint32_t)i, cut->id});
	}
	free(list.items);
}
