/* tokenizer.c -- a tokenizer's life and its vocabulary. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "local/tokenizer/internal.h"

/* --- ids ------------------------------------------------------------------ */

void token_buf_init(struct token_buf *buf, size_t max)
{
	*buf = (struct token_buf){.max = max};
}

void token_buf_free(struct token_buf *buf)
{
	free(buf->ids);
	buf->ids = NULL;
	buf->len = 0;
	buf->cap = 0;
}

bool token_buf_append(struct token_buf *buf, const uint32_t *ids, size_t n)
{
	if (n > buf->max - buf->len) {
		buf->is_full = true;
		return false;
	}
	if (n > buf->cap - buf->len) {
		size_t cap = buf->cap * 2;

		if (cap < buf->len + n)
			cap = buf->len + n;
		if (cap < 64)
			cap = 64;
		buf->ids = mem_realloc(buf->ids, cap * sizeof(*buf->ids));
		buf->cap = cap;
	}
	if (n == 1)
		buf->ids[buf->len] = *ids;
	else if (n > 0)
		memcpy(buf->ids + buf->len, ids, n * sizeof(*ids));
	buf->len += n;
	return true;
}

/* --- life ----------------------------------------------------------------- */

struct tokenizer *tokenizer_new(void)
{
	struct tokenizer *t = mem_new(struct tokenizer);

	arena_init(&t->arena, SIZE_MAX);
	t->ids = (struct tokenizer_ids){
	    TOKENIZER_NO_ID, TOKENIZER_NO_ID, TOKENIZER_NO_ID, TOKENIZER_NO_ID};
	return t;
}

void tokenizer_free(struct tokenizer **tokenizer)
{
	struct tokenizer *t = *tokenizer;

	if (!t)
		return;
	for (size_t i = 0; i < t->n_normalizer; i++)
		pattern_free(&t->normalizer[i].pattern);
	for (size_t i = 0; i < t->n_splitter; i++)
		pattern_free(&t->splitter[i].pattern);
	for (size_t i = 0; i < t->n_decoder; i++)
		pattern_free(&t->decoder[i].pattern);
	added_free(&t->added);
	text_map_free(&t->added_map);
	model_free(&t->model);
	arena_free(&t->arena);
	free(t);
	*tokenizer = NULL;
}

void *tokenizer_take(struct tokenizer *t, size_t len)
{
	void *at = arena_zalloc(&t->arena, len);

	assert(at);
	return at;
}

struct span tokenizer_keep(struct tokenizer *t, struct span text)
{
	struct span kept = arena_copy(&t->arena, text);

	assert(kept.ptr);
	return kept;
}

/* --- the last step of making one ------------------------------------------ */

static enum result normalize_token(struct tokenizer *t,
    struct added_token *token, struct normalize_room *room, struct error *err)
{
	struct normalize_text text = {.text = token->text};

	token->shown = token->text;
	if (!token->is_normalized || t->n_normalizer == 0)
		return OK;
	if (normalize_run(t->normalizer, t->n_normalizer, &text, room, err) ==
	    FAILED)
		return FAILED;
	if (text.text.len > ADDED_TEXT_MAX * 4) {
		error_set(err,
		    "added_tokens: \"%.*s\" grows past %d bytes "
		    "when it is normalised",
		    SPAN_FMT(span_head(token->text, 64)), ADDED_TEXT_MAX * 4);
		return FAILED;
	}
	token->shown = tokenizer_keep(t, text.text);
	return OK;
}

static enum result normalize_tokens(struct tokenizer *t, struct error *err)
{
	struct normalize_room room = {0};
	enum result result = OK;

	buf_init(&room.bufs[0], (size_t)ADDED_TEXT_MAX * 64);
	buf_init(&room.bufs[1], (size_t)ADDED_TEXT_MAX * 64);
	for (size_t i = 0; i < t->added.n && result == OK; i++)
		result = normalize_token(t, &t->added.tokens[i], &room, err);
	buf_free(&room.bufs[0]);
	buf_free(&room.bufs[1]);
	match_list_free(&room.matches);
	return result;
}

/*
 * A token of the model keeps its id there. Others are numbered on from the
 * size of the model's vocabulary, whatever id the file gives them.
 */
static void number_tokens(struct tokenizer *t)
{
	uint32_t next = t->model.n_entries;

	t->n_ids = t->model.n_tokens;
	for (size_t i = 0; i < t->added.n; i++) {
		struct added_token *token = &t->added.tokens[i];

		token->id = text_map_find(&t->model.map, token->text);
		if (token->id == VOCAB_NONE)
			token->id = next++;
		if (token->id >= t->n_ids)
			t->n_ids = token->id + 1;
	}
}

/*
 * Decoding leaves a token out when what it decodes from is the text of a
 * special token, which a normalised one's may not be.
 */
static void fill_tables(struct tokenizer *t)
{
	t->shown = tokenizer_take(t, t->n_ids * sizeof(*t->shown));
	t->special = tokenizer_take(t, t->n_ids);
	t->skipped = tokenizer_take(t, t->n_ids);
	for (uint32_t id = 0; id < t->model.n_tokens; id++)
		t->shown[id] = t->model.tokens[id];
	for (size_t i = 0; i < t->added.n; i++) {
		const struct added_token *token = &t->added.tokens[i];

		t->shown[token->id] = token->shown;
		t->special[token->id] = token->is_special;
	}
	for (uint32_t id = 0; id < t->n_ids; id++) {
		uint32_t i = text_map_find(&t->added_map, t->shown[id]);

		t->skipped[id] = t->shown[id].ptr && i != VOCAB_NONE &&
				 t->added.tokens[i].is_special;
	}
	t->model.special = t->special;
}

/* GPT-2's bytes are mapped by the model when nothing comes in between. */
static void join_bytes(struct tokenizer *t)
{
	struct bpe *bpe = &t->model.bpe;

	if (t->model.kind != MODEL_BPE)
		return;
	if (t->n_splitter > 0 &&
	    t->splitter[t->n_splitter - 1].kind == SPLIT_BYTES &&
	    bpe->prefix.len == 0 && bpe->suffix.len == 0 &&
	    !bpe->has_fallback) {
		t->n_splitter--;
		bpe->is_bytes = true;
		bpe_find_bytes(&t->model);
	}
}

enum result tokenizer_build(
    struct tokenizer *t, uint64_t seed, struct error *err)
{
	if (normalize_tokens(t, err) == FAILED)
		return FAILED;
	number_tokens(t);
	t->added_texts =
	    tokenizer_take(t, (t->added.n + 1) * sizeof(*t->added_texts));
	for (size_t i = 0; i < t->added.n; i++)
		t->added_texts[i] = t->added.tokens[i].text;
	text_map_init(&t->added_map, t->added_texts, t->added.n, seed);
	for (size_t i = 0; i < t->added.n; i++)
		text_map_put(&t->added_map, (uint32_t)i);
	added_init(&t->added);
	fill_tables(t);
	join_bytes(t);
	return OK;
}

/* --- the vocabulary ------------------------------------------------------- */

uint32_t tokenizer_vocab_size(const struct tokenizer *tokenizer)
{
	return tokenizer->n_ids;
}

struct span tokenizer_token_text(const struct tokenizer *tokenizer, uint32_t id)
{
	return id < tokenizer->n_ids ? tokenizer->shown[id]
				     : span_make(NULL, 0);
}

uint32_t tokenizer_token_id(const struct tokenizer *tokenizer, struct span text)
{
	uint32_t i = text_map_find(&tokenizer->added_map, text);

	if (i != VOCAB_NONE)
		return tokenizer->added.tokens[i].id;
	return text_map_find(&tokenizer->model.map, text);
}

bool tokenizer_is_special(const struct tokenizer *tokenizer, uint32_t id)
{
	return id < tokenizer->n_ids && tokenizer->special[id];
}

struct tokenizer_ids tokenizer_named_ids(const struct tokenizer *tokenizer)
{
	return tokenizer->ids;
}
