/* published_gguf.c -- tokenizer and chat templates from GGUF's keys. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "local/engine/published.h"

#define ARENA_MAX ((size_t)1 << 30)
#define TRUSTED_MAX ((size_t)1 << 20)

struct reader {
	const struct gguf *gguf;
	struct arena arena;
	struct tokenizer_arrays arrays;
	struct error *err;
};

static const struct gguf_key *find(const struct reader *r, const char *name)
{
	char full[96] = "tokenizer.ggml.";
	size_t len = strlen(full);

	memcpy(full + len, name, strlen(name) + 1);
	return gguf_find(r->gguf, span_of(full));
}

static enum result must_be(
    const struct reader *r, const char *name, const char *what)
{
	error_set(r->err, "key \"tokenizer.ggml.%s\" must be %s", name, what);
	return FAILED;
}

static uint32_t get_id(const struct reader *r, const char *name, uint32_t other)
{
	int64_t id;

	if (!gguf_int(find(r, name), 0, &id))
		return other;
	return id >= 0 && id < UINT32_MAX ? (uint32_t)id : TOKENIZER_NO_ID;
}

static bool get_flag(const struct reader *r, const char *name, bool other)
{
	int64_t value;

	return gguf_int(find(r, name), 0, &value) ? value != 0 : other;
}

static enum result read_strings(
    struct reader *r, const char *name, const struct span **out, size_t *n)
{
	const struct gguf_key *key = find(r, name);

	if (!key)
		return OK;
	*out = gguf_strings(key, &r->arena);
	*n = (size_t)key->n;
	return *out ? OK : must_be(r, name, "a list of texts");
}

static enum result read_scores(struct reader *r)
{
	const struct gguf_key *key = find(r, "scores");
	size_t n = r->arrays.n_tokens;
	float *scores;
	double value;

	if (!key)
		return OK;
	scores = arena_alloc(&r->arena, (n + 1) * sizeof(*scores));
	if (!scores || key->n != n)
		return must_be(r, "scores", "one number for each token");
	for (size_t i = 0; i < n; i++) {
		if (!gguf_double(key, i, &value))
			return must_be(r, "scores", "numbers");
		scores[i] = (float)value;
	}
	r->arrays.scores = scores;
	return OK;
}

static enum result read_types(struct reader *r)
{
	const struct gguf_key *key = find(r, "token_type");
	size_t n = r->arrays.n_tokens;
	int32_t *types;
	int64_t value;

	if (!key)
		return OK;
	types = arena_alloc(&r->arena, (n + 1) * sizeof(*types));
	if (!types || key->n != n)
		return must_be(r, "token_type", "one number for each token");
	for (size_t i = 0; i < n; i++) {
		if (!gguf_int(key, i, &value) || value < 0 || value > INT32_MAX)
			return must_be(r, "token_type", "whole numbers");
		types[i] = (int32_t)value;
	}
	r->arrays.types = types;
	return OK;
}

static enum result read_charsmap(struct reader *r)
{
	const struct gguf_key *key = find(r, "precompiled_charsmap");

	if (!key)
		return OK;
	if (!key->is_array || (key->type != GGUF_U8 && key->type != GGUF_I8))
		return must_be(r, "precompiled_charsmap", "a list of bytes");
	r->arrays.precompiled_charsmap =
	    span_make((const char *)key->value, (size_t)key->n);
	return OK;
}

/* Whether a BOS is put before texts where the file does not say. */
static bool adds_bos(const struct tokenizer_arrays *arrays)
{
	static const char *const splits[] = {
	    "llama-bpe", "llama3", "llama-v3", "tekken", NULL};

	for (int i = 0; splits[i]; i++) {
		if (span_eq(arrays->pre, span_of(splits[i])))
			return true;
	}
	return span_eq(arrays->model, SPAN("llama"));
}

/* Source of the defaults: what writes such files leaves these out. */
static void read_ids(struct reader *r)
{
	struct tokenizer_arrays *a = &r->arrays;
	bool is_llama = span_eq(a->model, SPAN("llama"));
	bool is_bert = span_eq(a->model, SPAN("bert"));
	const uint32_t none = TOKENIZER_NO_ID;

	a->bos_id = get_id(r, "bos_token_id", is_llama ? 1 : none);
	a->eos_id = get_id(r, "eos_token_id", is_llama ? 2 : none);
	a->unk_id = get_id(r, "unknown_token_id",
	    is_llama  ? 0
	    : is_bert ? 100
		      : none);
	a->sep_id = get_id(r, "separator_token_id", none);
	if (a->sep_id == none) /* the usual spelling */
		a->sep_id =
		    get_id(r, "seperator_token_id", is_bert ? 102 : none);
	a->cls_id = get_id(r, "cls_token_id", is_bert ? 101 : none);
	a->pad_id = get_id(r, "padding_token_id", is_bert ? 0 : none);
	a->add_bos = get_flag(r, "add_bos_token", adds_bos(a));
	a->add_eos =
	    get_flag(r, "add_eos_token", span_eq(a->model, SPAN("t5")));
	a->add_space_prefix = get_flag(r, "add_space_prefix", true);
	a->remove_extra_whitespaces =
	    get_flag(r, "remove_extra_whitespaces", false);
}

static enum result read_arrays(struct reader *r)
{
	struct tokenizer_arrays *a = &r->arrays;

	a->model = gguf_string(find(r, "model"));
	a->pre = gguf_string(find(r, "pre"));
	if (!a->model.ptr)
		return must_be(r, "model", "a text");
	if (read_strings(r, "tokens", &a->tokens, &a->n_tokens) != OK ||
	    read_strings(r, "merges", &a->merges, &a->n_merges) != OK)
		return FAILED;
	if (!a->tokens)
		return must_be(r, "tokens", "there, as a list of texts");
	if (read_scores(r) != OK || read_types(r) != OK ||
	    read_charsmap(r) != OK)
		return FAILED;
	read_ids(r);
	return OK;
}

enum result published_gguf_tokenizer(
    const struct gguf *gguf, struct tokenizer **tokenizer, struct error *err)
{
	struct reader r = {.gguf = gguf, .err = err};

	*tokenizer = NULL;
	if (!find(&r, "model")) {
		error_set(err, "key \"tokenizer.ggml.model\" is missing");
		return AGAIN;
	}
	arena_init(&r.arena, ARENA_MAX);
	if (read_arrays(&r) == OK)
		*tokenizer = tokenizer_from_arrays(&r.arrays, err);
	arena_free(&r.arena);
	return *tokenizer ? OK : FAILED;
}

/* --- chats ---------------------------------------------------------------- */

/* The names that templates use, and the keys that say which tokens they are. */
static const struct {
	const char *name, *key;
} trusted_names[] = {
    {"bos_token", "bos_token_id"},
    {"eos_token", "eos_token_id"},
    {"unk_token", "unknown_token_id"},
    {"sep_token", "seperator_token_id"},
    {"pad_token", "padding_token_id"},
    {"cls_token", "cls_token_id"},
    {"mask_token", "mask_token_id"},
};

static bool write_trusted(
    const struct reader *r, const struct tokenizer *tokenizer, struct buf *out)
{
	bool ok = buf_append(out, SPAN("{"));

	for (size_t i = 0; i < sizeof(trusted_names) / sizeof(trusted_names[0]);
	     i++) {
		uint32_t id = get_id(r, trusted_names[i].key, TOKENIZER_NO_ID);
		struct span text = tokenizer_token_text(tokenizer, id);

		if (!text.ptr)
			continue;
		ok = ok &&
		     buf_printf(out, "%s\"%s\": ", buf_len(out) > 1 ? ", " : "",
			 trusted_names[i].name) &&
		     json_write_string(out, text);
	}
	return ok && buf_append(out, SPAN("}"));
}

enum result published_gguf_chat(const struct gguf *gguf,
    const struct tokenizer *tokenizer, struct chat **chat, struct error *err)
{
	struct reader r = {.gguf = gguf, .err = err};
	struct chat_source source = {
	    .tokenizer = tokenizer,
	    .template =
		gguf_string(gguf_find(gguf, SPAN("tokenizer.chat_template"))),
	    .tools_template = gguf_string(
		gguf_find(gguf, SPAN("tokenizer.chat_template.tool_use"))),
	};
	struct buf trusted;

	*chat = NULL;
	if (!source.template.ptr)
		return OK;
	buf_init(&trusted, TRUSTED_MAX);
	if (write_trusted(&r, tokenizer, &trusted)) {
		source.trusted = buf_span(&trusted);
		*chat = chat_new(&source, err);
	} else {
		error_set(err, "the names of special tokens are too long");
	}
	buf_free(&trusted);
	return *chat ? OK : FAILED;
}
