/* unigram.c -- the most probable way to cut a piece into tokens. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "local/tokenizer/model.h"
#include "local/tokenizer/unicode.h"

#define UNKNOWN_PENALTY 10.0 /* below the least probable token */

void unigram_init(struct model *model)
{
	struct trie_key *keys =
	    mem_alloc(model->n_tokens * sizeof(struct trie_key));
	double least = HUGE_VAL;
	size_t n = 0;

	for (uint32_t id = 0; id < model->n_tokens; id++) {
		if (model->unigram.scores[id] < least)
			least = model->unigram.scores[id];
		if (model->tokens[id].len > 0)
			keys[n++] = (struct trie_key){model->tokens[id], id};
	}
	model->unigram.unknown_score = least - UNKNOWN_PENALTY;
	trie_init(&model->unigram.trie, keys, n);
	free(keys);
}

static void relax(
    struct unigram_node *node, double score, size_t start, uint32_t id)
{
	if (node->start != VOCAB_NONE && !(score > node->score))
		return;
	*node = (struct unigram_node){score, (uint32_t)start, id};
}

/*
 * Extends the best path that ends at <start> by each token that stands there,
 * and by the unknown token when none is one character long.
 */
static bool extend(const struct model *model, struct model_room *room,
    const struct model_piece *piece, size_t start, size_t char_len)
{
	const struct unigram *unigram = &model->unigram;
	struct unigram_node *nodes = room->nodes;
	double till_here = nodes[start].score;
	bool has_single = false;
	uint32_t node = 0;

	for (size_t i = start; i < piece->text.len; i++) {
		uint32_t id;

		node = trie_step(
		    &unigram->trie, node, (unsigned char)piece->text.ptr[i]);
		if (node == 0)
			break;
		id = unigram->trie.nodes[node].value;
		if (id == VOCAB_NONE || (piece->is_plain && model->special[id]))
			continue;
		relax(
		    &nodes[i + 1], unigram->scores[id] + till_here, start, id);
		if (i + 1 - start == char_len)
			has_single = true;
	}
	if (has_single)
		return true;
	if (model->unknown == VOCAB_NONE)
		return false;
	relax(&nodes[start + char_len], unigram->unknown_score + till_here,
	    start, model->unknown);
	return true;
}

static enum result find_paths(const struct model *model,
    struct model_room *room, const struct model_piece *piece, struct error *err)
{
	size_t n = piece->text.len + 1, len;

	if (room->nodes_cap < n) {
		room->nodes_cap = n * 2;
		room->nodes = mem_realloc(
		    room->nodes, room->nodes_cap * sizeof(*room->nodes));
	}
	for (size_t i = 0; i < n; i++)
		room->nodes[i] = (struct unigram_node){0, VOCAB_NONE, 0};
	for (size_t i = 0; i + 1 < n; i += len) {
		unicode_next(piece->text.ptr + i, &len);
		if (extend(model, room, piece, i, len))
			continue;
		error_set(err, "the text has a character that the vocabulary "
			       "lacks, and it has no unknown token");
		return FAILED;
	}
	return OK;
}

/* The id of what the path calls unknown: it may be a token after all. */
static enum result put_unknown(const struct model *model,
    const struct model_piece *part, struct token_buf *ids, struct error *err)
{
	const uint32_t *fallback = model->unigram.fallback;
	uint32_t id = model_find(model, part->text, part->is_plain);
	bool has_all = model->unigram.has_fallback;

	if (id != VOCAB_NONE)
		return model_put(ids, &id, 1, err);
	for (size_t i = 0; has_all && i < part->text.len; i++)
		has_all =
		    fallback[(unsigned char)part->text.ptr[i]] != VOCAB_NONE;
	if (!has_all)
		return model_put(ids, &model->unknown, 1, err);
	for (size_t i = 0; i < part->text.len; i++) {
		id = fallback[(unsigned char)part->text.ptr[i]];
		if (model_put(ids, &id, 1, err) == FAILED)
			return FAILED;
	}
	return OK;
}

enum result unigram_encode(const struct model *model, struct model_room *room,
    const struct model_piece *piece, struct token_buf *ids, struct error *err)
{
	struct token_buf *path = &room->path;
	size_t end = piece->text.len;

	if (find_paths(model, room, piece, err) == FAILED)
		return FAILED;
	path->len = 0;
	path->max = SIZE_MAX;
	for (; end > 0; end = room->nodes[end].start) {
		uint32_t at = (uint32_t)end;

		if (model_put(path, &at, 1, err) == FAILED)
			return FAILED;
	}
	/* From the front: unknown characters that touch are one token. */
	for (size_t i = path->len, start = 0; i-- > 0; start = end) {
		end = path->ids[i];
		if (room->nodes[end].id != model->unknown) {
			if (model_put(ids, &room->nodes[end].id, 1, err) ==
			    FAILED)
				return FAILED;
			continue;
		}
		while (
		    i > 0 && room->nodes[path->ids[i - 1]].id == model->unknown)
			end = path->ids[--i];
		if (put_unknown(model,
			&(struct model_piece){
			    span_make(piece->text.ptr + start, end - start),
			    piece->is_plain},
			ids, err) == FAILED)
			return FAILED;
	}
	return OK;
}
