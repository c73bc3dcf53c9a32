/* load_arrays.c -- a tokenizer from the arrays of a GGUF file. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "local/tokenizer/load.h"
#include "local/tokenizer/load_arrays.h"

/*
 * A GGUF file keeps a vocabulary and the name of a family; normaliser and
 * splits are what the family's tokenizer.json has. Control and user-defined
 * tokens are its added tokens.
 */
#define BLANK "\xe2\x96\x81" /* U+2581, SentencePiece's space */

static bool is_added(int32_t type)
{
	return type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED;
}

/* --- the vocabulary ------------------------------------------------------- */

/* Of tokens with the same text the first one is found. */
static enum result read_tokens(struct arrays *a)
{
	struct model *model = &a->t->model;
	size_t n = a->in->n_tokens;
	struct span *tokens;

	if (n >= UINT32_MAX / 2) {
		error_set(a->err, "tokenizer.ggml.tokens: too many");
		return FAILED;
	}
	tokens = tokenizer_take(a->t, (n + 1) * sizeof(*tokens));
	for (size_t i = 0; i < n; i++) {
		struct span text = a->in->tokens[i];

		if (text.len > PIECE_MAX || utf8_valid_len(text) != text.len) {
			error_set(a->err,
			    "tokenizer.ggml.tokens[%zu]: must "
			    "be UTF-8 of at most %d bytes",
			    i, PIECE_MAX);
			return FAILED;
		}
		tokens[i] = tokenizer_keep(a->t, text);
	}
	model->tokens = tokens;
	model->n_tokens = (uint32_t)n;
	model->n_entries = (uint32_t)n;
	return OK;
}

static void fill_map(struct arrays *a)
{
	struct model *model = &a->t->model;

	text_map_init(&model->map, model->tokens, model->n_tokens, a->seed);
	for (uint32_t id = model->n_tokens; id-- > 0;)
		text_map_put(&model->map, id);
}

static void add_tokens(struct arrays *a)
{
	struct tokenizer *t = a->t;
	size_t n = t->model.n_tokens;

	t->added.tokens = tokenizer_take(t, (n + 1) * sizeof(*t->added.tokens));
	for (uint32_t id = 0; id < n; id++) {
		int32_t type = arrays_type(a, id);
		struct span text = t->model.tokens[id];

		/* An unknown token is never read from a text. */
		if (!is_added(type) || text.len == 0 ||
		    text_map_find(&t->model.map, text) != id)
			continue;
		t->added.tokens[t->added.n++] = (struct added_token){
		    .text = text, .is_special = type == TOKEN_CONTROL};
	}
}

/* --- steps ---------------------------------------------------------------- */

static void put_cut(struct tokenizer *t, const char *name)
{
	*add_split(t) = (struct split_step){
	    .kind = SPLIT_CUT,
	    .behavior = SPLIT_ISOLATED,
	    .pattern = pattern_known(name),
	};
}

static void put_replace(struct tokenizer *t, const char *what, const char *with)
{
	*add_normalize(t) = (struct normalize_step){
	    .kind = NORMALIZE_REPLACE,
	    .content = span_of(with),
	    .pattern = {.kind = PATTERN_TEXT, .text = span_of(what)},
	};
}

/* What tokenizer.ggml.pre names. */
static const struct {
	const char *name;
	const char *cuts[3];
	bool has_nfc;
	bool ignores_merges;
} splits[] = {
    {"", {"gpt2"}, false, false},
    {"default", {"gpt2"}, false, false},
    {"gpt-2", {"gpt2"}, false, false},
    {"gpt2", {"gpt2"}, false, false},
    {"phi-2", {"gpt2"}, false, false},
    {"roberta-bpe", {"gpt2"}, false, false},
    {"smollm", {"digit", "gpt2"}, false, false},
    {"starcoder", {"digit", "gpt2"}, false, false},
    {"refact", {"digit", "gpt2"}, false, false},
    {"command-r", {"digit", "gpt2"}, true, false},
    {"llama-bpe", {"llama3"}, false, true},
    {"llama3", {"llama3"}, false, true},
    {"llama-v3", {"llama3"}, false, true},
    {"qwen2", {"qwen2"}, true, false},
    {"deepseek-r1-qwen", {"qwen2"}, true, false},
    {"qwen35", {"qwen35"}, true, false},
    {"gpt-4o", {"o200k"}, false, false},
    {"tekken", {"tekken"}, false, true},
    {"deepseek-v3", {"digits3", "cjk", "deepseek"}, false, false},
};

static enum result set_split(struct arrays *a)
{
	for (size_t i = 0; i < sizeof(splits) / sizeof(*splits); i++) {
		if (!span_eq(a->in->pre, span_of(splits[i].name)))
			continue;
		for (size_t k = 0; k < 3 && splits[i].cuts[k]; k++)
			put_cut(a->t, splits[i].cuts[k]);
		if (splits[i].has_nfc)
			*add_normalize(a->t) = (struct normalize_step){
			    .kind = NORMALIZE_FORM, .form = UNICODE_NFC};
		a->t->model.bpe.ignores_merges = splits[i].ignores_merges;
		add_split(a->t)->kind = SPLIT_BYTES;
		return OK;
	}
	error_set(a->err, "tokenizer.ggml.pre: \"%.*s\" is not supported",
	    SPAN_FMT(span_head(a->in->pre, 64)));
	return FAILED;
}

static void set_unknown(struct arrays *a)
{
	struct model *model = &a->t->model;
	uint32_t id = a->in->unk_id;

	for (uint32_t i = 0; id == TOKENIZER_NO_ID && i < model->n_tokens; i++)
		if (arrays_type(a, i) == TOKEN_UNKNOWN)
			id = i;
	model->unknown = id < model->n_tokens ? id : VOCAB_NONE;
	model->has_unknown = model->unknown != VOCAB_NONE;
}

static enum result read_gpt2(struct arrays *a)
{
	a->t->model.kind = MODEL_BPE;
	add_decode(a->t)->kind = DECODE_BYTES;
	if (set_split(a) == FAILED)
		return FAILED;
	fill_map(a);
	a->t->model.unknown = VOCAB_NONE;
	return load_merges(a);
}

static enum result require_scores(struct arrays *a)
{
	for (uint32_t i = 0; a->in->scores && i < a->t->model.n_tokens; i++) {
		if (isfinite(a->in->scores[i]))
			continue;
		error_set(a->err,
		    "tokenizer.ggml.scores[%u]: is not a finite number", i);
		return FAILED;
	}
	if (a->in->scores)
		return OK;
	error_set(a->err, "tokenizer.ggml.scores: is missing");
	return FAILED;
}

static enum result read_llama(struct arrays *a)
{
	struct tokenizer *t = a->t;
	struct decode_step *step;

	t->model.kind = MODEL_BPE;
	if (require_scores(a) == FAILED)
		return FAILED;
	fill_map(a);
	set_unknown(a);
	t->model.bpe.has_fallback = true;
	t->model.bpe.fuses_unknown = true;
	model_find_fallback(&t->model, t->model.bpe.fallback);
	load_scored_merges(a);
	if (a->in->add_space_prefix)
		*add_normalize(t) = (struct normalize_step){
		    .kind = NORMALIZE_PREPEND, .content = SPAN(BLANK)};
	put_replace(t, " ", BLANK);
	*add_decode(t) = (struct decode_step){
	    .kind = DECODE_REPLACE,
	    .content = SPAN(" "),
	    .pattern = {.kind = PATTERN_TEXT, .text = SPAN(BLANK)},
	};
	add_decode(t)->kind = DECODE_FALLBACK;
	add_decode(t)->kind = DECODE_FUSE;
	if (!a->in->add_space_prefix)
		return OK;
	step = add_decode(t);
	step->kind = DECODE_STRIP;
	step->content = SPAN(" ");
	step->start = 1;
	return OK;
}

/*
 * WordPiece was turned round when the file was made: what starts a word has
 * U+2581 before it, what continues one stands bare, and [NAMES] are kept.
 */
static void restore_wordpiece(struct arrays *a)
{
	struct span *tokens =
	    tokenizer_take(a->t, (a->t->model.n_tokens + 1) * sizeof(*tokens));

	for (uint32_t id = 0; id < a->t->model.n_tokens; id++) {
		struct span text = a->t->model.tokens[id];
		bool is_name = span_starts_with(text, SPAN("[")) &&
			       span_ends_with(text, SPAN("]"));
		char *at;

		if (span_starts_with(text, SPAN(BLANK))) {
			tokens[id] = span_from(text, strlen(BLANK));
		} else if (is_name || arrays_type(a, id) != TOKEN_NORMAL) {
			tokens[id] = text;
		} else {
			at = tokenizer_take(a->t, text.len + 2);
			memcpy(at, "##", 2);
			memcpy(at + 2, text.ptr, text.len);
			tokens[id] = span_make(at, text.len + 2);
		}
	}
	a->t->model.tokens = tokens;
}

static void put_class(
    struct tokenizer *t, unsigned flags, enum split_behavior behavior)
{
	*add_split(t) = (struct split_step){
	    .kind = SPLIT_CUT,
	    .behavior = behavior,
	    .pattern = {.kind = PATTERN_CLASS, .flags = flags},
	};
}

static enum result read_bert(struct arrays *a)
{
	static const struct normalize_step steps[] = {
	    {.kind = NORMALIZE_BERT_CLEAN},
	    {.kind = NORMALIZE_CHINESE},
	    {.kind = NORMALIZE_FORM, .form = UNICODE_NFD},
	    {.kind = NORMALIZE_DROP, .flags = UNICODE_NONSPACING},
	    {.kind = NORMALIZE_LOWER},
	};
	struct tokenizer *t = a->t;
	struct decode_step *step;

	t->model.kind = MODEL_WORDPIECE;
	restore_wordpiece(a);
	fill_map(a);
	set_unknown(a);
	t->model.wordpiece.max_chars = 100;
	wordpiece_init(&t->model, SPAN("##"));
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		*add_normalize(t) = steps[i];
	put_class(t, UNICODE_SPACE, SPLIT_REMOVED);
	put_class(t, UNICODE_PUNCTUATION, SPLIT_ISOLATED);
	step = add_decode(t);
	step->kind = DECODE_WORDPIECE;
	step->content = SPAN("##");
	step->flag = true;
	return OK;
}

static enum result put_charsmap(struct arrays *a)
{
	struct span blob = a->in->precompiled_charsmap;
	struct normalize_step *step;
	struct error why;
	uint32_t *units;

	if (blob.len == 0)
		return OK;
	blob = tokenizer_keep(a->t, blob);
	units = tokenizer_take(a->t, blob.len + 4);
	step = add_normalize(a->t);
	step->kind = NORMALIZE_CHARSMAP;
	if (charsmap_read(&step->charsmap, units, blob, &why) == OK)
		return OK;
	error_set(a->err, "tokenizer.ggml.precompiled_charsmap: %s", why.text);
	return FAILED;
}

static enum result read_t5(struct arrays *a)
{
	struct tokenizer *t = a->t;
	struct normalize_step *step;
	double *scores;

	t->model.kind = MODEL_UNIGRAM;
	if (require_scores(a) == FAILED || put_charsmap(a) == FAILED)
		return FAILED;
	fill_map(a);
	set_unknown(a);
	scores = tokenizer_take(t, (t->model.n_tokens + 1) * sizeof(*scores));
	for (uint32_t i = 0; i < t->model.n_tokens; i++)
		scores[i] = (double)a->in->scores[i];
	t->model.unigram.scores = scores;
	unigram_init(&t->model);
	*add_normalize(t) =
	    (struct normalize_step){.kind = NORMALIZE_STRIP, .right = true};
	if (a->in->remove_extra_whitespaces) {
		step = add_normalize(t);
		step->kind = NORMALIZE_REPLACE;
		step->content = SPAN(BLANK);
		if (pattern_from_regex(&step->pattern, SPAN(" {2,}"), a->err) ==
		    FAILED)
			return FAILED;
	}
	*add_split(t) = (struct split_step){
	    .kind = SPLIT_METASPACE,
	    .content = SPAN(BLANK),
	    .prepend = a->in->add_space_prefix ? PREPEND_ALWAYS : PREPEND_NEVER,
	};
	*add_split(t) = (struct split_step){
	    .kind = SPLIT_CUT,
	    .behavior = SPLIT_MERGED_WITH_NEXT,
	    .pattern = {.kind = PATTERN_TEXT, .text = SPAN(BLANK)},
	};
	*add_decode(t) = (struct decode_step){
	    .kind = DECODE_METASPACE,
	    .content = SPAN(BLANK),
	    .flag = a->in->add_space_prefix,
	};
	return OK;
}

/* --- the whole ------------------------------------------------------------ */

static uint32_t checked(const struct arrays *a, uint32_t id)
{
	return id < a->t->model.n_tokens ? id : TOKENIZER_NO_ID;
}

/* CLS and SEP where the model has them, as BERT's do, else BOS and EOS. */
static void set_templates(struct arrays *a)
{
	bool is_bert = a->t->model.kind == MODEL_WORDPIECE;
	struct tokenizer *t = a->t;
	uint32_t first = checked(a, a->in->bos_id);
	uint32_t last = checked(a, a->in->eos_id);

	t->ids = (struct tokenizer_ids){
	    first, last, t->model.unknown, checked(a, a->in->pad_id)};
	if (is_bert && checked(a, a->in->cls_id) != TOKENIZER_NO_ID)
		first = a->in->cls_id;
	if (is_bert && checked(a, a->in->sep_id) != TOKENIZER_NO_ID)
		last = a->in->sep_id;
	load_marks(t, is_bert || a->in->add_bos ? first : TOKENIZER_NO_ID,
	    is_bert || a->in->add_eos ? last : TOKENIZER_NO_ID, is_bert);
}

static enum result read_model(struct arrays *a)
{
	static const struct {
		const char *name;
		enum result (*read)(struct arrays *a);
	} models[] = {
	    {"gpt2", read_gpt2},
	    {"llama", read_llama},
	    {"bert", read_bert},
	    {"t5", read_t5},
	};

	for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++) {
		if (span_eq(a->in->model, span_of(models[i].name)))
			return models[i].read(a);
	}
	error_set(a->err, "tokenizer.ggml.model: \"%.*s\" is not supported",
	    SPAN_FMT(span_head(a->in->model, 64)));
	return FAILED;
}

struct tokenizer *tokenizer_from_arrays(
    const struct tokenizer_arrays *arrays, struct error *err)
{
	struct arrays a = {.in = arrays, .t = tokenizer_new(), .err = err};

	for (size_t i = 0; i < arrays->n_tokens; i += 64)
		a.seed = hash_fast(arrays->tokens[i], a.seed);
	if (read_tokens(&a) == OK && read_model(&a) == OK) {
		set_templates(&a);
		add_tokens(&a);
		if (tokenizer_build(a.t, a.seed, err) == OK)
			return a.t;
	}
	tokenizer_free(&a.t);
	return NULL;
}
