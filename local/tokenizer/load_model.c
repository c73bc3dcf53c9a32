/* load_model.c -- a model's vocabulary and merges from JSON. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "local/tokenizer/load.h"

/*
 * Ids come from the file, so a table by id could be made as large as one
 * likes: gaps may make it at most this many times larger than the vocabulary.
 */
#define GAPS_FACTOR 16
#define GAPS_LEAST 65536
#define UNIGRAM_TEXT_MAX                                                       \
	1024 /* bytes of a token: bounds the time at each place */

static enum result put_token(
    struct reader *r, struct span *tokens, uint32_t id, uint32_t key)
{
	if (tokens[id].ptr)
		return reader_fail(r, "vocab", "two tokens have the id %u", id);
	tokens[id] = reader_keep(r, key);
	return OK;
}

/* {"token": id, ...} */
static enum result read_vocab_object(struct reader *r, uint32_t vocab)
{
	struct model *model = &r->t->model;
	size_t count = json_count(r->doc, vocab);
	int64_t limit = (int64_t)count * GAPS_FACTOR + GAPS_LEAST, id;
	int64_t greatest = -1;
	struct span *tokens;

	for (uint32_t key = json_first(r->doc, vocab), value; key != JSON_NONE;
	     key = json_after(r->doc, vocab, value)) {
		value = json_after(r->doc, vocab, key);
		if (!json_int(r->doc, value, &id) || id < 0 || id > limit)
			return reader_fail(r, "vocab",
			    "the id %.*s is not from 0 to %lld",
			    SPAN_FMT(span_head(json_raw(r->doc, value), 32)),
			    (long long)limit);
		if (id > greatest)
			greatest = id;
	}
	tokens =
	    tokenizer_take(r->t, ((size_t)greatest + 2) * sizeof(struct span));
	for (uint32_t key = json_first(r->doc, vocab), value; key != JSON_NONE;
	     key = json_after(r->doc, vocab, value)) {
		value = json_after(r->doc, vocab, key);
		if (!json_int(r->doc, value, &id) ||
		    put_token(r, tokens, (uint32_t)id, key) == FAILED)
			return FAILED;
	}
	model->tokens = tokens;
	model->n_tokens = (uint32_t)(greatest + 1);
	model->n_entries = (uint32_t)count;
	return OK;
}

static void fill_map(struct reader *r)
{
	struct model *model = &r->t->model;

	text_map_init(&model->map, model->tokens, model->n_tokens, r->seed);
	for (uint32_t id = 0; id < model->n_tokens; id++) {
		if (model->tokens[id].ptr)
			text_map_put(&model->map, id);
	}
}

static enum result read_unknown(struct reader *r, uint32_t node)
{
	struct model *model = &r->t->model;
	struct span text = {0};

	model->unknown = VOCAB_NONE;
	if (reader_text_or(r, node, "unk_token", &text) == FAILED)
		return FAILED;
	model->has_unknown = text.ptr != NULL;
	if (text.ptr)
		model->unknown = text_map_find(&model->map, text);
	return OK;
}

/* --- merges --------------------------------------------------------------- */

/* "left right" or ["left", "right"]; false for anything else. */
static bool read_merge(
    struct reader *r, uint32_t node, struct span *left, struct span *right)
{
	uint32_t first, second;

	if (json_is(r->doc, node, JSON_STRING)) {
		struct span text = json_text(r->doc, node, r->arena);

		return text.ptr && span_split(&text, ' ', left) &&
		       span_split(&text, ' ', right) && !text.ptr;
	}
	if (!json_is(r->doc, node, JSON_ARRAY) || json_count(r->doc, node) != 2)
		return false;
	first = json_first(r->doc, node);
	second = json_after(r->doc, node, first);
	*left = json_text(r->doc, first, r->arena);
	*right = json_text(r->doc, second, r->arena);
	return left->ptr && right->ptr;
}

struct joiner {
	struct reader *r;
	char *text;
	size_t cap;
};

/* The ids of both parts and of what they join to. */
static enum result find_merge(struct joiner *j, struct span left,
    struct span right, struct bpe_merge *merge)
{
	const struct model *model = &j->r->t->model;
	struct span tail = span_from(right, model->bpe.prefix.len);
	const char *missing = "parts";

	if (j->cap < left.len + tail.len + 1) {
		j->cap = (left.len + tail.len + 1) * 2;
		j->text = mem_realloc(j->text, j->cap);
	}
	merge->left = text_map_find(&model->map, left);
	merge->right = text_map_find(&model->map, right);
	if (merge->left != VOCAB_NONE && merge->right != VOCAB_NONE) {
		if (left.len)
			memcpy(j->text, left.ptr, left.len);
		if (tail.len)
			memcpy(j->text + left.len, tail.ptr, tail.len);
		merge->id = text_map_find(
		    &model->map, span_make(j->text, left.len + tail.len));
		if (merge->id != VOCAB_NONE)
			return OK;
		missing = "result";
	}
	return reader_fail(j->r, "merges",
	    "merge %u, \"%.*s %.*s\": the vocabulary lacks its %s", merge->rank,
	    SPAN_FMT(span_head(left, 48)), SPAN_FMT(span_head(right, 48)),
	    missing);
}

static enum result read_merges(struct reader *r, uint32_t merges)
{
	struct bpe *bpe = &r->t->model.bpe;
	struct joiner joiner = {.r = r};
	struct bpe_merge merge = {0};
	enum result result = OK;

	if (!json_is(r->doc, merges, JSON_ARRAY))
		return reader_fail(r, "merges", "must be a list");
	bpe_init(bpe, json_count(r->doc, merges), r->seed);
	json_for_each(r->doc, merges, node) {
		struct span left, right;

		if (json_is(r->doc, node, JSON_STRING) &&
		    span_starts_with(
			json_raw(r->doc, node), SPAN("\"#version")))
			continue;
		if (!read_merge(r, node, &left, &right)) {
			result = reader_fail(
			    r, "merges", "merge %u is not a pair", merge.rank);
			break;
		}
		result = find_merge(&joiner, left, right, &merge);
		if (result == FAILED)
			break;
		bpe_put_merge(bpe, &merge);
		merge.rank++;
	}
	free(joiner.text);
	return result;
}

/* --- the models ----------------------------------------------------------- */

static enum result refuse_dropout(struct reader *r, uint32_t node)
{
	uint32_t dropout = reader_find(r, node, "dropout");
	double value = 0;

	if (dropout == JSON_NONE ||
	    (json_double(r->doc, dropout, &value) && value <= 0))
		return OK;
	return reader_fail(
	    r, "dropout", "random merges are not supported, set it to null");
}

static enum result read_bpe(struct reader *r, uint32_t node)
{
	struct bpe *bpe = &r->t->model.bpe;

	if (refuse_dropout(r, node) == FAILED ||
	    reader_text_or(
		r, node, "continuing_subword_prefix", &bpe->prefix) == FAILED ||
	    reader_text_or(r, node, "end_of_word_suffix", &bpe->suffix) ==
		FAILED ||
	    reader_bool_or(r, node, "fuse_unk", &bpe->fuses_unknown) ==
		FAILED ||
	    reader_bool_or(r, node, "byte_fallback", &bpe->has_fallback) ==
		FAILED ||
	    reader_bool_or(r, node, "ignore_merges", &bpe->ignores_merges) ==
		FAILED ||
	    read_unknown(r, node) == FAILED)
		return FAILED;
	if (bpe->has_fallback)
		model_find_fallback(&r->t->model, bpe->fallback);
	return read_merges(r, reader_find(r, node, "merges"));
}

static enum result read_wordpiece(struct reader *r, uint32_t node)
{
	struct model *model = &r->t->model;
	struct span prefix = SPAN("##");

	model->wordpiece.max_chars = 100;
	if (read_unknown(r, node) == FAILED ||
	    reader_text_or(r, node, "continuing_subword_prefix", &prefix) ==
		FAILED ||
	    reader_size_or(r, node, "max_input_chars_per_word",
		&model->wordpiece.max_chars) == FAILED)
		return FAILED;
	wordpiece_init(model, prefix);
	return OK;
}

/* [["token", score], ...] */
static enum result read_unigram_vocab(struct reader *r, uint32_t vocab)
{
	struct model *model = &r->t->model;
	size_t count = json_count(r->doc, vocab);
	struct span *tokens =
	    tokenizer_take(r->t, (count + 1) * sizeof(*tokens));
	double *scores = tokenizer_take(r->t, (count + 1) * sizeof(*scores));
	uint32_t id = 0;

	json_for_each(r->doc, vocab, node) {
		uint32_t text = JSON_NONE, score = JSON_NONE;

		if (json_is(r->doc, node, JSON_ARRAY) &&
		    json_count(r->doc, node) == 2) {
			text = json_first(r->doc, node);
			score = json_after(r->doc, node, text);
		}
		if (!json_is(r->doc, text, JSON_STRING) ||
		    !json_double(r->doc, score, &scores[id]))
			return reader_fail(
			    r, "vocab", "entry %u must be [token, score]", id);
		tokens[id] = reader_keep(r, text);
		if (tokens[id].len > UNIGRAM_TEXT_MAX)
			return reader_fail(r, "vocab",
			    "token %u is longer than %d bytes", id,
			    UNIGRAM_TEXT_MAX);
		id++;
	}
	model->tokens = tokens;
	model->n_tokens = id;
	model->n_entries = id;
	model->unigram.scores = scores;
	return OK;
}

static enum result read_unigram(struct reader *r, uint32_t node)
{
	struct model *model = &r->t->model;
	size_t unknown = VOCAB_NONE;

	if (reader_size_or(r, node, "unk_id", &unknown) == FAILED ||
	    reader_bool_or(r, node, "byte_fallback",
		&model->unigram.has_fallback) == FAILED)
		return FAILED;
	if (unknown != VOCAB_NONE && unknown >= model->n_tokens)
		return reader_fail(r, "unk_id", "is not in the vocabulary");
	model->unknown = (uint32_t)unknown;
	model->has_unknown = unknown != VOCAB_NONE;
	if (model->unigram.has_fallback)
		model_find_fallback(model, model->unigram.fallback);
	unigram_init(model);
	return OK;
}

/* Old files do not say what they are: their members tell. */
static bool find_kind(struct reader *r, uint32_t node, enum model_kind *kind)
{
	static const struct {
		const char *type;
		const char *member;
		enum model_kind kind;
	} kinds[] = {
	    {"BPE", "merges", MODEL_BPE},
	    {"WordPiece", "continuing_subword_prefix", MODEL_WORDPIECE},
	    {"Unigram", "unk_id", MODEL_UNIGRAM},
	    {"WordLevel", "unk_token", MODEL_WORDLEVEL},
	};
	bool is_named = reader_find(r, node, "type") != JSON_NONE;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (is_named
			? reader_is_type(r, node, kinds[i].type)
			: reader_find(r, node, kinds[i].member) != JSON_NONE) {
			*kind = kinds[i].kind;
			return true;
		}
	}
	return false;
}

enum result load_model(struct reader *r, uint32_t node)
{
	struct model *model = &r->t->model;
	uint32_t vocab = reader_find(r, node, "vocab");

	reader_at(r, "model");
	if (!json_is(r->doc, node, JSON_OBJECT))
		return reader_fail(r, "", "must be an object");
	if (!find_kind(r, node, &model->kind))
		return reader_fail(
		    r, "type", "must be BPE, WordPiece, Unigram or WordLevel");
	if (model->kind == MODEL_UNIGRAM) {
		if (!json_is(r->doc, vocab, JSON_ARRAY))
			return reader_fail(r, "vocab", "must be a list");
		if (read_unigram_vocab(r, vocab) == FAILED)
			return FAILED;
	} else {
		if (!json_is(r->doc, vocab, JSON_OBJECT))
			return reader_fail(r, "vocab", "must be an object");
		if (read_vocab_object(r, vocab) == FAILED)
			return FAILED;
	}
	fill_map(r);
	if (model->kind == MODEL_BPE)
		return read_bpe(r, node);
	if (model->kind == MODEL_WORDPIECE)
		return read_wordpiece(r, node);
	if (model->kind == MODEL_UNIGRAM)
		return read_unigram(r, node);
	return read_unknown(r, node);
}
