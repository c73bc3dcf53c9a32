/* model.c -- what the models share, and WordPiece. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer/model.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "local/tokenizer/unicode.h"

void model_free(struct model *model)
{
	text_map_free(&model->map);
	switch (model->kind) {
	case MODEL_BPE:
		free(model->bpe.merges);
		break;
	case MODEL_WORDPIECE:
		trie_free(&model->wordpiece.initial);
		trie_free(&model->wordpiece.continuing);
		break;
	case MODEL_UNIGRAM:
		trie_free(&model->unigram.trie);
		break;
	case MODEL_WORDLEVEL:
		break;
	}
}

void model_room_free(struct model_room *room)
{
	free(room->words);
	free(room->symbols);
	free(room->heap);
	free(room->nodes);
	free(room->text);
	token_buf_free(&room->path);
}

char *model_room_text(struct model_room *room, size_t len)
{
	if (room->text_cap < len) {
		room->text_cap = len < 256 ? 256 : len * 2;
		room->text = mem_realloc(room->text, room->text_cap);
	}
	return room->text;
}

enum result model_put(
    struct token_buf *out, const uint32_t *ids, size_t n, struct error *err)
{
	if (token_buf_append(out, ids, n))
		return OK;
	error_set(err, "the text has more than %zu tokens", out->max);
	return FAILED;
}

void model_find_fallback(const struct model *model, uint32_t *ids)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		char text[8];

		snprintf(text, sizeof(text), "<0x%02X>", byte);
		ids[byte] = text_map_find(&model->map, span_of(text));
	}
}

static enum result put_unknown(
    const struct model *model, struct token_buf *ids, struct error *err)
{
	if (model->unknown != VOCAB_NONE)
		return model_put(ids, &model->unknown, 1, err);
	error_set(err, "the text has a word that the vocabulary lacks, and "
		       "the vocabulary has no token for unknown words");
	return FAILED;
}

enum result model_encode(const struct model *model, struct model_room *room,
    const struct model_piece *piece, struct token_buf *ids, struct error *err)
{
	uint32_t id;

	switch (model->kind) {
	case MODEL_BPE:
		return bpe_encode(model, room, piece, ids, err);
	case MODEL_WORDPIECE:
		return wordpiece_encode(model, piece, ids, err);
	case MODEL_UNIGRAM:
		return unigram_encode(model, room, piece, ids, err);
	case MODEL_WORDLEVEL:
		break;
	}
	id = model_find(model, piece->text, piece->is_plain);
	if (id == VOCAB_NONE)
		return put_unknown(model, ids, err);
	return model_put(ids, &id, 1, err);
}

/* --- WordPiece ------------------------------------------------------------ */

void wordpiece_init(struct model *model, struct span prefix)
{
	struct trie_key *keys =
	    mem_alloc(model->n_tokens * sizeof(struct trie_key));
	size_t n = 0;

	for (uint32_t id = 0; id < model->n_tokens; id++) {
		if (model->tokens[id].len > 0)
			keys[n++] = (struct trie_key){model->tokens[id], id};
	}
	trie_init(&model->wordpiece.initial, keys, n);
	n = 0;
	for (uint32_t id = 0; id < model->n_tokens; id++) {
		struct span text = model->tokens[id];

		if (text.len > prefix.len && span_starts_with(text, prefix))
			keys[n++] =
			    (struct trie_key){span_from(text, prefix.len), id};
	}
	trie_init(&model->wordpiece.continuing, keys, n);
	free(keys);
}

/* The longest token at the front of <text>; its id, or VOCAB_NONE. */
static uint32_t find_longest(const struct model *model, const struct trie *trie,
    const struct model_piece *rest, size_t *len)
{
	uint32_t node = 0, found = VOCAB_NONE;

	for (size_t i = 0; i < rest->text.len; i++) {
		uint32_t id;

		node = trie_step(trie, node, (unsigned char)rest->text.ptr[i]);
		if (node == 0)
			break;
		id = trie->nodes[node].value;
		if (id == VOCAB_NONE || (rest->is_plain && model->special[id]))
			continue;
		found = id;
		*len = i + 1;
	}
	return found;
}

static size_t count_chars(struct span text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
	return n;
}

/* A word is cut greedily, or is unknown as a whole. */
enum result wordpiece_encode(const struct model *model,
    const struct model_piece *piece, struct token_buf *ids, struct error *err)
{
	struct model_piece rest = *piece;
	const struct trie *trie = &model->wordpiece.initial;
	size_t start = ids->len, len = 0;

	if (count_chars(piece->text) > model->wordpiece.max_chars)
		return put_unknown(model, ids, err);
	while (rest.text.len > 0) {
		uint32_t id = find_longest(model, trie, &rest, &len);

		if (id == VOCAB_NONE) {
			ids->len = start;
			return put_unknown(model, ids, err);
		}
		if (model_put(ids, &id, 1, err) == FAILED)
			return FAILED;
		rest.text = span_from(rest.text, len);
		trie = &model->wordpiece.continuing;
	}
	return OK;
}
