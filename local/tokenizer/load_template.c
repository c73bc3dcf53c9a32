/* load_template.c -- post-processors from JSON: what stands round a text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer/load.h"

/*
 * All that a post-processor does to ids is to put tokens before, between and
 * after the texts, so each becomes two templates. Those that only move offsets
 * come to nothing.
 */
static enum result read_id(
    struct reader *r, uint32_t node, const char *key, uint32_t *id)
{
	int64_t value;

	if (node == JSON_NONE || !json_int(r->doc, node, &value) || value < 0 ||
	    value >= UINT32_MAX)
		return reader_fail(r, key, "must be an id");
	*id = (uint32_t)value;
	return OK;
}

/* --- TemplateProcessing --------------------------------------------------- */

struct template_list {
	struct template *out;
	size_t cap;
};

static void put(struct reader *r, struct template_list *list,
    const struct template_piece *piece)
{
	struct template *out = list->out;

	if (out->n == list->cap) {
		struct template_piece *old = out->pieces;

		list->cap = list->cap ? list->cap * 2 : 8;
		out->pieces =
		    tokenizer_take(r->t, list->cap * sizeof(*out->pieces));
		if (old)
			memcpy(out->pieces, old, out->n * sizeof(*old));
	}
	out->pieces[out->n++] = *piece;
}

/* The ids that special_tokens gives for a name. */
static enum result put_special(struct reader *r, uint32_t special,
    struct span name, struct template_list *list, uint32_t type)
{
	uint32_t ids = JSON_NONE;

	if (special != JSON_NONE)
		ids = reader_find(r, json_find(r->doc, special, name), "ids");
	if (!json_is(r->doc, ids, JSON_ARRAY))
		return reader_fail(r, "special_tokens", "\"%.*s\" is missing",
		    SPAN_FMT(span_head(name, 64)));
	json_for_each(r->doc, ids, node) {
		struct template_piece piece = {TEMPLATE_TOKEN, 0, type};

		if (read_id(r, node, "special_tokens", &piece.id) == FAILED)
			return FAILED;
		put(r, list, &piece);
	}
	return OK;
}

/* {"Sequence": {"id": "A", "type_id": 0}} or {"SpecialToken": {...}} */
static enum result read_piece(struct reader *r, uint32_t node, uint32_t special,
    struct template_list *list)
{
	uint32_t sequence = reader_find(r, node, "Sequence");
	uint32_t token = reader_find(r, node, "SpecialToken");
	uint32_t object = sequence != JSON_NONE ? sequence : token;
	struct template_piece piece = {TEMPLATE_FIRST, 0, 0};
	struct span name = SPAN("");
	size_t type = 0;

	if (object == JSON_NONE)
		return reader_fail(r, "",
		    "a template's piece is a Sequence or a SpecialToken");
	if (reader_text(r, object, "id", &name) == FAILED ||
	    reader_size_or(r, object, "type_id", &type) == FAILED)
		return FAILED;
	piece.type = (uint32_t)type;
	if (sequence == JSON_NONE)
		return put_special(r, special, name, list, piece.type);
	if (span_eq(name, SPAN("B")))
		piece.kind = TEMPLATE_SECOND;
	if (piece.kind == TEMPLATE_SECOND && list->out == &r->t->single)
		return reader_fail(r, "single", "has no second text");
	put(r, list, &piece);
	return OK;
}

static enum result read_templates(struct reader *r, uint32_t node)
{
	uint32_t special = reader_find(r, node, "special_tokens");

	for (int pair = 0; pair < 2; pair++) {
		const char *key = pair ? "pair" : "single";
		uint32_t list = reader_find(r, node, key);
		struct template_list out = {
		    pair ? &r->t->pair : &r->t->single, 0};

		if (!json_is(r->doc, list, JSON_ARRAY))
			return reader_fail(r, key, "must be a list");
		*out.out = (struct template){0};
		json_for_each(r->doc, list, piece) {
			if (read_piece(r, piece, special, &out) == FAILED)
				return FAILED;
		}
	}
	return OK;
}

/* --- BertProcessing, RobertaProcessing ------------------------------------ */

/* ["[SEP]", 102] */
static enum result read_mark(
    struct reader *r, uint32_t node, const char *key, uint32_t *id)
{
	uint32_t pair = reader_find(r, node, key), second = JSON_NONE;

	if (json_is(r->doc, pair, JSON_ARRAY) && json_count(r->doc, pair) == 2)
		second = json_after(r->doc, pair, json_first(r->doc, pair));
	return read_id(r, second, key, id);
}

/* CLS first SEP, then second SEP; RoBERTa puts one more SEP between. */
static enum result read_marks(struct reader *r, uint32_t node, bool is_roberta)
{
	uint32_t second = is_roberta ? 0 : 1, cls, sep;
	struct template_list single = {&r->t->single, 0};
	struct template_list pair = {&r->t->pair, 0};

	if (read_mark(r, node, "cls", &cls) == FAILED ||
	    read_mark(r, node, "sep", &sep) == FAILED)
		return FAILED;
	r->t->single = (struct template){0};
	r->t->pair = (struct template){0};
	for (int i = 0; i < 2; i++) {
		struct template_list *list = i ? &pair : &single;

		put(r, list, &(struct template_piece){TEMPLATE_TOKEN, cls, 0});
		put(r, list, &(struct template_piece){TEMPLATE_FIRST, 0, 0});
		put(r, list, &(struct template_piece){TEMPLATE_TOKEN, sep, 0});
	}
	if (is_roberta)
		put(r, &pair, &(struct template_piece){TEMPLATE_TOKEN, sep, 0});
	put(r, &pair, &(struct template_piece){TEMPLATE_SECOND, 0, second});
	put(r, &pair, &(struct template_piece){TEMPLATE_TOKEN, sep, second});
	return OK;
}

/* --- the part ------------------------------------------------------------- */

static enum result read_processor(struct reader *r, uint32_t node)
{
	if (reader_is_type(r, node, "ByteLevel"))
		return OK;
	if (r->t->single.n > 0)
		return reader_fail(
		    r, "", "a second processor that adds tokens");
	if (reader_is_type(r, node, "TemplateProcessing"))
		return read_templates(r, node);
	if (reader_is_type(r, node, "BertProcessing"))
		return read_marks(r, node, false);
	if (reader_is_type(r, node, "RobertaProcessing"))
		return read_marks(r, node, true);
	return load_unsupported(r, node);
}

enum result load_template(struct reader *r, uint32_t node)
{
	if (load_steps(r, &(struct walk){node, "post_processor", "processors",
			      read_processor}) == FAILED)
		return FAILED;
	if (r->t->single.n == 0)
		load_marks(r->t, TOKENIZER_NO_ID, TOKENIZER_NO_ID, false);
	return OK;
}
