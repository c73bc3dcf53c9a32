/* load.c -- reads a tokenizer.json. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer/load.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/utf8.h"

#define READING_FACTOR                                                         \
	32 /* bytes of nodes and decoded texts a byte of JSON                  \
	    */
#define READING_LEAST ((size_t)1 << 20)

/* --- the reader ----------------------------------------------------------- */

void reader_at(struct reader *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(r->path, sizeof(r->path), fmt, args);
	va_end(args);
}

enum result reader_fail(struct reader *r, const char *key, const char *fmt, ...)
{
	const char *dot = r->path[0] && key[0] ? "." : "";
	struct error why;
	va_list args;

	va_start(args, fmt);
	vsnprintf(why.text, sizeof(why.text), fmt, args);
	va_end(args);
	error_set(
	    r->err, "%s: %s%s%s: %s", r->file, r->path, dot, key, why.text);
	return FAILED;
}

uint32_t reader_find(struct reader *r, uint32_t object, const char *key)
{
	uint32_t node = json_find(r->doc, object, span_of(key));

	return json_is(r->doc, node, JSON_NULL) ? JSON_NONE : node;
}

struct span reader_keep(struct reader *r, uint32_t node)
{
	struct span text = {0};

	if (json_is(r->doc, node, JSON_STRING))
		text = json_text(r->doc, node, r->arena);
	return text.ptr ? tokenizer_keep(r->t, text) : text;
}

enum result reader_text_or(
    struct reader *r, uint32_t object, const char *key, struct span *out)
{
	uint32_t node = reader_find(r, object, key);

	if (node == JSON_NONE)
		return OK;
	*out = reader_keep(r, node);
	return out->ptr ? OK : reader_fail(r, key, "must be a text");
}

enum result reader_text(
    struct reader *r, uint32_t object, const char *key, struct span *out)
{
	if (reader_find(r, object, key) == JSON_NONE)
		return reader_fail(r, key, "is missing");
	return reader_text_or(r, object, key, out);
}

enum result reader_bool_or(
    struct reader *r, uint32_t object, const char *key, bool *out)
{
	uint32_t node = reader_find(r, object, key);

	if (node == JSON_NONE)
		return OK;
	*out = json_is(r->doc, node, JSON_TRUE);
	return *out || json_is(r->doc, node, JSON_FALSE)
		   ? OK
		   : reader_fail(r, key, "must be true or false");
}

enum result reader_size_or(
    struct reader *r, uint32_t object, const char *key, size_t *out)
{
	uint32_t node = reader_find(r, object, key);
	int64_t value;

	if (node == JSON_NONE)
		return OK;
	if (!json_int(r->doc, node, &value) || value < 0 || value >= UINT32_MAX)
		return reader_fail(r, key, "must be a number from 0 on");
	*out = (size_t)value;
	return OK;
}

bool reader_is_type(struct reader *r, uint32_t object, const char *name)
{
	uint32_t node = reader_find(r, object, "type");

	return json_is(r->doc, node, JSON_STRING) &&
	       span_eq(json_text(r->doc, node, r->arena), span_of(name));
}

/* --- added tokens --------------------------------------------------------- */

static enum result read_added(
    struct reader *r, uint32_t node, struct added_token *token)
{
	token->is_normalized = false;
	if (reader_text(r, node, "content", &token->text) == FAILED ||
	    reader_bool_or(r, node, "single_word", &token->is_single_word) ==
		FAILED ||
	    reader_bool_or(r, node, "lstrip", &token->strips_left) == FAILED ||
	    reader_bool_or(r, node, "rstrip", &token->strips_right) == FAILED ||
	    reader_bool_or(r, node, "normalized", &token->is_normalized) ==
		FAILED ||
	    reader_bool_or(r, node, "special", &token->is_special) == FAILED)
		return FAILED;
	if (token->text.len > ADDED_TEXT_MAX)
		return reader_fail(
		    r, "content", "is longer than %d bytes", ADDED_TEXT_MAX);
	return OK;
}

/* A token that stands twice keeps its place; what is said last counts. */
static void put_added(struct tokenizer *t, struct text_map *map,
    struct span *texts, const struct added_token *token)
{
	uint32_t i = text_map_find(map, token->text);
	bool was_special = false;

	if (token->text.len == 0)
		return;
	if (i == VOCAB_NONE) {
		i = (uint32_t)t->added.n++;
		texts[i] = token->text;
		text_map_put(map, i);
	} else {
		was_special = t->added.tokens[i].is_special;
	}
	t->added.tokens[i] = *token;
	t->added.tokens[i].is_special |= was_special;
}

enum result load_added(struct reader *r, uint32_t node)
{
	size_t count = json_count(r->doc, node);
	enum result result = OK;
	struct text_map map;
	struct span *texts;

	reader_at(r, "added_tokens");
	if (node == JSON_NONE)
		return OK;
	if (!json_is(r->doc, node, JSON_ARRAY))
		return reader_fail(r, "", "must be a list");
	texts = tokenizer_take(r->t, (count + 1) * sizeof(*texts));
	r->t->added.tokens =
	    tokenizer_take(r->t, (count + 1) * sizeof(*r->t->added.tokens));
	text_map_init(&map, texts, count, r->seed);
	count = 0;
	json_for_each(r->doc, node, item) {
		struct added_token token = {0};

		reader_at(r, "added_tokens[%zu]", count++);
		result = read_added(r, item, &token);
		if (result == FAILED)
			break;
		put_added(r->t, &map, texts, &token);
	}
	text_map_free(&map);
	return result;
}

/* --- tokenizer_config.json ------------------------------------------------ */

/* A token by name, a text or {"content": text}; its id, or none. */
static uint32_t find_named(struct reader *r, uint32_t root, const char *key)
{
	uint32_t node = reader_find(r, root, key);
	struct span text = {0};

	if (json_is(r->doc, node, JSON_OBJECT))
		node = reader_find(r, node, "content");
	if (json_is(r->doc, node, JSON_STRING))
		text = json_text(r->doc, node, r->arena);
	return text.ptr ? tokenizer_token_id(r->t, text) : TOKENIZER_NO_ID;
}

static void put_piece(
    struct template *out, enum template_kind kind, uint32_t id, uint32_t type)
{
	out->pieces[out->n++] = (struct template_piece){kind, id, type};
}

/* <first> before and <last> after each text; a BERT pair shares them. */
void load_marks(
    struct tokenizer *t, uint32_t first, uint32_t last, bool is_shared)
{
	for (uint32_t pair = 0; pair < 2; pair++) {
		struct template *out = pair ? &t->pair : &t->single;

		out->n = 0;
		out->pieces = tokenizer_take(t, 6 * sizeof(*out->pieces));
		for (uint32_t type = 0; type <= pair; type++) {
			if (first != TOKENIZER_NO_ID &&
			    (type == 0 || !is_shared))
				put_piece(out, TEMPLATE_TOKEN, first, type);
			put_piece(out, type ? TEMPLATE_SECOND : TEMPLATE_FIRST,
			    0, type);
			if (last != TOKENIZER_NO_ID)
				put_piece(out, TEMPLATE_TOKEN, last, type);
		}
	}
}

static enum result read_config(struct reader *r)
{
	bool has_bos = false, has_eos = false, is_said;
	struct tokenizer *t = r->t;

	t->ids.bos = find_named(r, 0, "bos_token");
	t->ids.eos = find_named(r, 0, "eos_token");
	t->ids.unk = find_named(r, 0, "unk_token");
	t->ids.pad = find_named(r, 0, "pad_token");
	is_said = json_find(r->doc, 0, SPAN("add_bos_token")) != JSON_NONE ||
		  json_find(r->doc, 0, SPAN("add_eos_token")) != JSON_NONE;
	if (reader_bool_or(r, 0, "add_bos_token", &has_bos) == FAILED ||
	    reader_bool_or(r, 0, "add_eos_token", &has_eos) == FAILED)
		return FAILED;
	if (is_said)
		load_marks(t, has_bos ? t->ids.bos : TOKENIZER_NO_ID,
		    has_eos ? t->ids.eos : TOKENIZER_NO_ID, false);
	return OK;
}

/* --- the whole ------------------------------------------------------------ */

static enum result read_tokenizer(struct reader *r)
{
	uint32_t version = reader_find(r, 0, "version");

	if (!json_is(r->doc, 0, JSON_OBJECT))
		return reader_fail(r, "", "must be an object");
	if (version != JSON_NONE &&
	    !span_eq(json_raw(r->doc, version), SPAN("\"1.0\"")))
		return reader_fail(r, "version", "must be \"1.0\"");
	if (load_model(r, reader_find(r, 0, "model")) == FAILED ||
	    load_normalizer(r, reader_find(r, 0, "normalizer")) == FAILED ||
	    load_splitter(r, reader_find(r, 0, "pre_tokenizer")) == FAILED ||
	    load_decoder(r, reader_find(r, 0, "decoder")) == FAILED ||
	    load_template(r, reader_find(r, 0, "post_processor")) == FAILED ||
	    load_added(r, reader_find(r, 0, "added_tokens")) == FAILED)
		return FAILED;
	return tokenizer_build(r->t, r->seed, r->err);
}

/* Parses <text> for a reader and lets <read> read it. */
static enum result with_document(
    struct reader *r, struct span text, enum result (*read)(struct reader *r))
{
	enum result result;
	struct json_fault fault;
	struct json_doc doc;
	struct arena arena;

	arena_init(&arena, text.len * READING_FACTOR + READING_LEAST);
	r->doc = &doc;
	r->arena = &arena;
	r->path[0] = '\0';
	if (json_parse(text, &arena, &doc, &fault)) {
		result = read(r);
	} else {
		result = FAILED;
		error_set(r->err, "%s: byte %zu: %s", r->file, fault.offset,
		    fault.reason);
	}
	arena_free(&arena);
	return result;
}

struct tokenizer *tokenizer_from_json(
    struct span json, struct span config, struct error *err)
{
	struct tokenizer *t = tokenizer_new();
	struct reader r = {
	    .t = t,
	    .err = err,
	    .file = "tokenizer.json",
	    .seed = hash_fast(json, 0),
	};
	enum result result = with_document(&r, json, read_tokenizer);

	if (result == OK && config.len > 0) {
		r.file = "tokenizer_config.json";
		result = with_document(&r, config, read_config);
	}
	if (result == FAILED)
		tokenizer_free(&t);
	return t;
}
