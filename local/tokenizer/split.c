/* split.c -- runs a pre-tokenizer's steps. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer/split.h"

#include <stdlib.h>

#include "base/memory.h"
#include "local/tokenizer/normalize.h"

void piece_list_free(struct piece_list *list)
{
	free(list->items);
	*list = (struct piece_list){0};
}

static void add(struct piece_list *list, size_t start, size_t end)
{
	if (start == end)
		return;
	if (list->len == list->cap) {
		list->cap = list->cap ? list->cap * 2 : 64;
		list->items =
		    mem_realloc(list->items, list->cap * sizeof(*list->items));
	}
	list->items[list->len++] =
	    (struct piece){(uint32_t)start, (uint32_t)end};
}

/* --- cutting -------------------------------------------------------------- */

/* One piece's parts, from offset <base> of the text. */
struct parts {
	const struct match_list *found;
	uint32_t base;
	bool is_inverted;
};

static bool is_match(const struct parts *parts, size_t i)
{
	return parts->found->items[i].is_match != parts->is_inverted;
}

/*
 * Parts <from> up to <to> as one piece. They are joined in the direction of
 * reading, whatever the behaviour looked at first.
 */
static void add_parts(
    struct piece_list *list, const struct parts *parts, size_t from, size_t to)
{
	add(list, parts->base + parts->found->items[from].start,
	    parts->base + parts->found->items[to - 1].end);
}

/* A match joins the part before it, unless that is a match too. */
static void merge_with_previous(
    struct piece_list *list, const struct parts *parts)
{
	size_t n = parts->found->len;

	for (size_t i = 0, end; i < n; i = end) {
		end = i + 1;
		if (!is_match(parts, i) && end < n && is_match(parts, end))
			end++;
		add_parts(list, parts, i, end);
	}
}

/* A match joins the part after it, unless that is a match too. */
static void merge_with_next(struct piece_list *list, const struct parts *parts)
{
	size_t n = parts->found->len;

	for (size_t i = 0, end; i < n; i = end) {
		end = i + 1;
		if (is_match(parts, i) && end < n && !is_match(parts, end))
			end++;
		add_parts(list, parts, i, end);
	}
}

static void merge_equals(struct piece_list *list, const struct parts *parts)
{
	size_t n = parts->found->len;

	for (size_t i = 0, end; i < n; i = end) {
		end = i + 1;
		while (end < n && is_match(parts, end) == is_match(parts, i))
			end++;
		add_parts(list, parts, i, end);
	}
}

static void cut_parts(struct piece_list *list, const struct parts *parts,
    enum split_behavior behavior)
{
	switch (behavior) {
	case SPLIT_MERGED_WITH_PREVIOUS:
		merge_with_previous(list, parts);
		return;
	case SPLIT_MERGED_WITH_NEXT:
		merge_with_next(list, parts);
		return;
	case SPLIT_CONTIGUOUS:
		merge_equals(list, parts);
		return;
	case SPLIT_REMOVED:
	case SPLIT_ISOLATED:
		break;
	}
	for (size_t i = 0; i < parts->found->len; i++) {
		if (behavior == SPLIT_ISOLATED || !is_match(parts, i))
			add_parts(list, parts, i, i + 1);
	}
}

static enum result cut(const struct split_step *step, struct split_text *split,
    struct piece_list *out, struct match_list *found, struct error *err)
{
	const struct piece_list *pieces = split->pieces;

	for (size_t i = 0; i < pieces->len; i++) {
		struct piece p = pieces->items[i];
		struct parts parts = {found, p.start, step->is_inverted};

		if (pattern_find(&step->pattern,
			span_make(split->text.ptr + p.start, p.end - p.start),
			found, err) == FAILED)
			return FAILED;
		cut_parts(out, &parts, step->behavior);
	}
	return OK;
}

/* --- rewriting ------------------------------------------------------------ */

/* <text> with spaces replaced; one goes before where the step asks for it. */
static bool put_metaspace(const struct split_step *step, struct span text,
    bool is_origin, struct buf *out)
{
	bool has_prefix = span_starts_with(text, step->content) ||
			  span_starts_with(text, SPAN(" "));
	size_t last = 0, at;

	if (!has_prefix && (step->prepend == PREPEND_ALWAYS ||
			       (step->prepend == PREPEND_FIRST && is_origin)))
		if (!buf_append(out, step->content))
			return false;
	while ((at = span_find(text, SPAN(" "), last)) != SIZE_MAX) {
		if (!buf_append(out, span_make(text.ptr + last, at - last)) ||
		    !buf_append(out, step->content))
			return false;
		last = at + 1;
	}
	return buf_append(out, span_from(text, last));
}

static bool rewrite_piece(const struct split_step *step, struct span text,
    bool is_origin, struct buf *out)
{
	if (step->kind == SPLIT_METASPACE)
		return put_metaspace(step, text, is_origin, out);
	if (step->kind == SPLIT_BYTES)
		return bytes_encode(text, out);
	return (span_starts_with(text, SPAN(" ")) ||
		   buf_append(out, SPAN(" "))) &&
	       buf_append(out, text);
}

static enum result rewrite(const struct split_step *step,
    struct split_text *split, struct piece_list *list, struct buf *out,
    struct error *err)
{
	const struct piece_list *pieces = split->pieces;

	buf_consume(out, SIZE_MAX);
	for (size_t i = 0; i < pieces->len; i++) {
		struct piece p = pieces->items[i];
		struct span text =
		    span_make(split->text.ptr + p.start, p.end - p.start);
		bool is_origin = split->is_origin && p.start == 0;
		size_t start = buf_len(out);

		if (!rewrite_piece(step, text, is_origin, out)) {
			error_set(err, "the text is too long");
			return FAILED;
		}
		add(list, start, buf_len(out));
		if (i == 0)
			split->is_origin = is_origin;
	}
	split->text = buf_span(out);
	return OK;
}

enum result split_run(const struct split_step *steps, size_t n,
    struct split_text *split, struct split_room *room, struct error *err)
{
	size_t list = 0, text = 0;
	enum result result;

	room->lists[0].len = 0;
	add(&room->lists[0], 0, split->text.len);
	split->pieces = &room->lists[0];
	for (size_t i = 0; i < n; i++) {
		struct piece_list *out = &room->lists[!list];

		out->len = 0;
		if (steps[i].kind == SPLIT_CUT) {
			result =
			    cut(&steps[i], split, out, &room->matches, err);
		} else {
			result = rewrite(
			    &steps[i], split, out, &room->bufs[text], err);
			text = !text;
		}
		if (result == FAILED)
			return FAILED;
		list = !list;
		split->pieces = out;
	}
	return OK;
}
