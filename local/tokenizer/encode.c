/* encode.c -- a text's way to ids. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "local/tokenizer/internal.h"

/*
 * Added tokens are cut out first; what is between them is normalised, added
 * tokens are sought once more in the result, and the rest is split into pieces
 * for the model.
 */
#define NORMALIZED_FACTOR 64
#define NORMALIZED_LEAST ((size_t)1 << 16)

struct tokenizer_work {
	const struct tokenizer *tokenizer;
	struct normalize_room normalize;
	struct split_room split;
	struct model_room model;
	struct token_buf first, second; /* a pair's ids before the template */
};

struct tokenizer_work *tokenizer_work_new(const struct tokenizer *tokenizer)
{
	struct tokenizer_work *work = mem_new(struct tokenizer_work);

	work->tokenizer = tokenizer;
	for (int i = 0; i < 2; i++) {
		buf_init(&work->normalize.bufs[i], NORMALIZED_LEAST);
		buf_init(&work->split.bufs[i], NORMALIZED_LEAST);
	}
	return work;
}

void tokenizer_work_free(struct tokenizer_work **work)
{
	struct tokenizer_work *w = *work;

	if (!w)
		return;
	for (int i = 0; i < 2; i++) {
		buf_free(&w->normalize.bufs[i]);
		buf_free(&w->split.bufs[i]);
		piece_list_free(&w->split.lists[i]);
	}
	match_list_free(&w->normalize.matches);
	match_list_free(&w->split.matches);
	model_room_free(&w->model);
	token_buf_free(&w->first);
	token_buf_free(&w->second);
	free(w);
	*work = NULL;
}

/* One text on its way. */
struct encode {
	struct tokenizer_work *work;
	bool is_plain;
	const struct tokenizer_marked *marked; /* or NULL */
	struct token_buf *ids;
	struct error *err;
};

static enum result encode_pieces(
    const struct encode *e, struct span text, bool is_origin)
{
	const struct tokenizer *t = e->work->tokenizer;
	struct split_text split = {.text = text, .is_origin = is_origin};

	if (split_run(t->splitter, t->n_splitter, &split, &e->work->split,
		e->err) == FAILED)
		return FAILED;
	for (size_t i = 0; i < split.pieces->len; i++) {
		struct piece p = split.pieces->items[i];
		struct model_piece piece = {
		    span_make(split.text.ptr + p.start, p.end - p.start),
		    e->is_plain};

		if (model_encode(&t->model, &e->work->model, &piece, e->ids,
			e->err) == FAILED)
			return FAILED;
	}
	return OK;
}

static enum result encode_normalized(
    const struct encode *e, const struct normalize_text *text)
{
	const struct added *added = &e->work->tokenizer->added;
	struct added_search search = {.added = added,
	    .trie = &added->normalized,
	    .text = text->text,
	    .is_plain = e->is_plain};
	struct added_part part;

	while (added_next(&search, &part)) {
		bool is_first = part.text.ptr == text->text.ptr;

		if (part.text.len > 0 &&
		    encode_pieces(e, part.text, is_first && text->is_origin) ==
			FAILED)
			return FAILED;
		if (part.token &&
		    model_put(e->ids, &part.token->id, 1, e->err) == FAILED)
			return FAILED;
	}
	return OK;
}

static enum result encode_part(
    const struct encode *e, struct span part, bool is_origin)
{
	const struct tokenizer *t = e->work->tokenizer;
	struct normalize_text text = {part, is_origin};

	if (part.len == 0)
		return OK;
	if (normalize_run(t->normalizer, t->n_normalizer, &text,
		&e->work->normalize, e->err) == FAILED)
		return FAILED;
	return text.text.len ? encode_normalized(e, &text) : OK;
}

/*
 * No normal form makes a text more than 11 times longer; a file that replaces
 * letters by volumes is stopped here.
 */
static void bound_buffers(struct tokenizer_work *work, size_t len)
{
	size_t max = len * NORMALIZED_FACTOR + NORMALIZED_LEAST;

	if (max > TOKENIZER_TEXT_MAX)
		max = TOKENIZER_TEXT_MAX;
	for (int i = 0; i < 2; i++) {
		work->normalize.bufs[i].max = max;
		work->split.bufs[i].max = max;
	}
}

/*
 * Text that is trusted in parts: where its bytes come from is lost when it is
 * normalised, so control tokens are sought in it as the file writes them.
 */
static enum result encode_mixed(
    const struct encode *e, struct span text, size_t offset)
{
	const struct added *added = &e->work->tokenizer->added;
	struct added_search search = {.added = added,
	    .trie = &added->marked,
	    .text = text,
	    .is_plain = true,
	    .trusted = e->marked->trusted,
	    .n_trusted = e->marked->n,
	    .offset = offset};
	struct added_part part;

	while (added_next(&search, &part)) {
		bool is_first = part.text.ptr == text.ptr;

		if (encode_part(e, part.text, offset == 0 && is_first) ==
		    FAILED)
			return FAILED;
		if (part.token &&
		    model_put(e->ids, &part.token->id, 1, e->err) == FAILED)
			return FAILED;
	}
	return OK;
}

/* What lies between two added tokens of the text as given. */
static enum result encode_between(
    const struct encode *e, const struct added_search *search, struct span part)
{
	size_t offset = (size_t)(part.ptr - search->text.ptr);
	struct encode trusting = *e;

	if (!e->marked || part.len == 0)
		return encode_part(e, part, offset == 0);
	if (!added_is_trusted(search, offset, offset + part.len))
		return encode_mixed(e, part, offset);
	trusting.is_plain = false;
	return encode_part(&trusting, part, offset == 0);
}

static enum result encode_text(const struct encode *e, struct span text)
{
	const struct added *added = &e->work->tokenizer->added;
	struct added_search search = {.added = added,
	    .trie = &added->raw,
	    .text = text,
	    .is_plain = e->is_plain};
	struct added_part part;
	size_t valid;

	if (e->marked) {
		search.trusted = e->marked->trusted;
		search.n_trusted = e->marked->n;
	}
	if (text.len > TOKENIZER_TEXT_MAX) {
		error_set(e->err, "the text has %zu bytes, at most %zu",
		    text.len, TOKENIZER_TEXT_MAX);
		return FAILED;
	}
	bound_buffers(e->work, text.len);
	valid = utf8_valid_len(text);
	if (valid != text.len) {
		error_set(e->err, "the text is not UTF-8 at byte %zu", valid);
		return FAILED;
	}
	while (added_next(&search, &part)) {
		if (encode_between(e, &search, part.text) == FAILED)
			return FAILED;
		if (part.token &&
		    model_put(e->ids, &part.token->id, 1, e->err) == FAILED)
			return FAILED;
	}
	return OK;
}

/* --- the post-processor --------------------------------------------------- */

static enum result put_types(
    struct token_buf *types, uint32_t type, size_t n, struct error *err)
{
	for (size_t i = 0; types && i < n; i++) {
		if (model_put(types, &type, 1, err) == FAILED)
			return FAILED;
	}
	return OK;
}

/* The template with what <work> holds of the texts put in. */
static enum result fill_template(const struct tokenizer_work *work,
    const struct template *template, bool has_special, struct token_buf *out[2],
    struct error *err)
{
	for (size_t i = 0; i < template->n; i++) {
		const struct template_piece *piece = &template->pieces[i];
		const uint32_t *ids = &piece->id;
		size_t n = 1;

		if (piece->kind == TEMPLATE_TOKEN && !has_special)
			continue;
		if (piece->kind != TEMPLATE_TOKEN) {
			const struct token_buf *text =
			    piece->kind == TEMPLATE_FIRST ? &work->first
							  : &work->second;

			ids = text->ids;
			n = text->len;
		}
		if (model_put(out[0], ids, n, err) == FAILED ||
		    put_types(out[1], piece->type, n, err) == FAILED)
			return FAILED;
	}
	return OK;
}

static enum result encode_into(struct tokenizer_work *work, struct span text,
    unsigned flags, struct token_buf *ids, struct error *err)
{
	struct encode e = {.work = work,
	    .is_plain = flags & TOKENIZER_PLAIN,
	    .ids = ids,
	    .err = err};

	ids->len = 0;
	ids->is_full = false;
	return encode_text(&e, text);
}

enum result tokenizer_encode(struct tokenizer_work *work, struct span text,
    unsigned flags, struct token_buf *ids, struct error *err)
{
	const struct template *template = &work->tokenizer->single;
	struct token_buf *out[2] = {ids, NULL};
	size_t start = ids->len;

	work->first.max = ids->max;
	if (encode_into(work, text, flags, &work->first, err) == OK &&
	    fill_template(work, template, !(flags & TOKENIZER_NO_SPECIAL), out,
		err) == OK)
		return OK;
	ids->is_full |= work->first.is_full;
	ids->len = start;
	return FAILED;
}

enum result tokenizer_encode_marked(struct tokenizer_work *work,
    const struct tokenizer_marked *marked, struct token_buf *ids,
    struct error *err)
{
	struct encode e = {.work = work,
	    .is_plain = true,
	    .marked = marked,
	    .ids = ids,
	    .err = err};
	size_t start = ids->len;

	if (encode_text(&e, marked->text) == OK)
		return OK;
	ids->len = start;
	return FAILED;
}

enum result tokenizer_encode_pair(struct tokenizer_work *work,
    const struct tokenizer_pair *texts, struct token_buf *ids,
    struct token_buf *types, struct error *err)
{
	unsigned flags = texts->flags;
	const struct template *template = &work->tokenizer->pair;
	struct token_buf *out[2] = {ids, types};
	size_t start = ids->len, types_start = types ? types->len : 0;

	work->first.max = ids->max;
	work->second.max = ids->max;
	if (encode_into(work, texts->first, flags, &work->first, err) == OK &&
	    encode_into(work, texts->second, flags, &work->second, err) == OK &&
	    fill_template(work, template, !(flags & TOKENIZER_NO_SPECIAL), out,
		err) == OK)
		return OK;
	ids->len = start;
	if (types)
		types->len = types_start;
	return FAILED;
}
