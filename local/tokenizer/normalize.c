/* normalize.c -- runs a normaliser's steps. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer/normalize.h"

static struct span char_at(struct span text, size_t i, uint32_t *c)
{
	size_t len;

	*c = unicode_next(text.ptr + i, &len);
	return span_make(text.ptr + i, len);
}

static bool is_ascii(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.ptr[i] >= 0x80)
			return false;
	}
	return true;
}

/* --- characters that go or become blanks ---------------------------------- */

#define CHAR_DROPPED UINT32_MAX

static uint32_t clean_bert(uint32_t c)
{
	unsigned properties = unicode_properties(c);

	if (properties & UNICODE_CONTROL)
		return CHAR_DROPPED;
	return properties & UNICODE_SPACE ? ' ' : c;
}

/* SentencePiece's older rules for machine translation. */
static uint32_t clean_nmt(uint32_t c)
{
	if ((c >= 0x01 && c <= 0x08) || c == 0x0b || (c >= 0x0e && c <= 0x1f) ||
	    c == 0x7f || c == 0x8f || c == 0x9f)
		return CHAR_DROPPED;
	if (c == 0x09 || c == 0x0a || c == 0x0c || c == 0x0d || c == 0x1680 ||
	    (c >= 0x200b && c <= 0x200f) || c == 0x2028 || c == 0x2029 ||
	    c == 0x2581 || c == 0xfeff || c == 0xfffd)
		return ' ';
	return c;
}

static uint32_t clean_char(const struct normalize_step *step, uint32_t c)
{
	if (step->kind == NORMALIZE_BERT_CLEAN)
		return clean_bert(c);
	if (step->kind == NORMALIZE_NMT)
		return clean_nmt(c);
	return unicode_properties(c) & step->flags ? CHAR_DROPPED : c;
}

static bool clean(const struct normalize_step *step,
    struct normalize_text *text, struct buf *out)
{
	size_t run = 0, i = 0;
	uint32_t c;

	while (i < text->text.len) {
		struct span part = char_at(text->text, i, &c);
		uint32_t kept = clean_char(step, c);

		if (kept != c) {
			if (!buf_append(
				out, span_make(text->text.ptr + run, i - run)))
				return false;
			if (kept != CHAR_DROPPED && !unicode_put(out, kept))
				return false;
			run = i + part.len;
			if (kept == CHAR_DROPPED && i == 0)
				text->is_origin = false;
		}
		i += part.len;
	}
	return buf_append(out, span_from(text->text, run));
}

/* --- the others ----------------------------------------------------------- */

static bool is_ideograph(uint32_t c)
{
	return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
	       (c >= 0x20000 && c <= 0x2a6df) ||
	       (c >= 0x2a700 && c <= 0x2b73f) ||
	       (c >= 0x2b740 && c <= 0x2b81f) ||
	       (c >= 0x2b920 && c <= 0x2ceaf) || (c >= 0xf900 && c <= 0xfaff) ||
	       (c >= 0x2f800 && c <= 0x2fa1f);
}

static bool space_ideographs(struct span text, struct buf *out)
{
	size_t run = 0;
	uint32_t c;

	for (size_t i = 0; i < text.len;) {
		struct span part = char_at(text, i, &c);

		if (is_ideograph(c)) {
			if (!buf_append(
				out, span_make(text.ptr + run, i - run)) ||
			    !buf_append(out, SPAN(" ")) ||
			    !buf_append(out, part) ||
			    !buf_append(out, SPAN(" ")))
				return false;
			run = i + part.len;
		}
		i += part.len;
	}
	return buf_append(out, span_from(text, run));
}

static void strip(
    const struct normalize_step *step, struct normalize_text *text)
{
	struct span s = text->text;
	uint32_t c;

	while (step->left && s.len > 0) {
		struct span part = char_at(s, 0, &c);

		if (!unicode_is_space(c))
			break;
		s = span_from(s, part.len);
		text->is_origin = false;
	}
	while (step->right && s.len > 0) {
		size_t i = s.len - 1;

		while (i > 0 && ((unsigned char)s.ptr[i] & 0xc0) == 0x80)
			i--;
		char_at(s, i, &c);
		if (!unicode_is_space(c))
			break;
		s.len = i;
	}
	text->text = s;
}

/*
 * A replacement stands where the last character of what it replaces stood;
 * with nothing to put there, where the next one does.
 */
static bool keeps_origin(
    const struct normalize_step *step, struct span replaced)
{
	size_t len = 0;

	if (replaced.len > 0)
		unicode_next(replaced.ptr, &len);
	return len == replaced.len &&
	       (step->content.len > 0 || replaced.len == 0);
}

static enum result replace(const struct normalize_step *step,
    struct normalize_text *text, struct buf *out, struct normalize_room *room,
    struct error *err)
{
	struct match_list *found = &room->matches;

	if (pattern_find(&step->pattern, text->text, found, err) == FAILED)
		return FAILED;
	for (size_t i = 0; i < found->len; i++) {
		const struct match *m = &found->items[i];
		struct span part =
		    span_make(text->text.ptr + m->start, m->end - m->start);

		if (m->is_match && m->start == 0 && !keeps_origin(step, part))
			text->is_origin = false;
		if (buf_append(out, m->is_match ? step->content : part))
			continue;
		error_set(err, "the text is too long");
		return FAILED;
	}
	return OK;
}

/* Whether <step> leaves <text> as it is, seen without doing it. */
static bool is_idle(const struct normalize_step *step, struct span text)
{
	if (text.len == 0)
		return true;
	if (step->kind == NORMALIZE_REPLACE &&
	    step->pattern.kind == PATTERN_TEXT)
		return span_find(text, step->pattern.text, 0) == SIZE_MAX;
	return (step->kind == NORMALIZE_FORM || step->kind == NORMALIZE_DROP ||
		   step->kind == NORMALIZE_CHINESE) &&
	       is_ascii(text);
}

static bool apply(const struct normalize_step *step,
    struct normalize_text *text, struct buf *out)
{
	switch (step->kind) {
	case NORMALIZE_FORM:
		return unicode_normalize(text->text, step->form, out);
	case NORMALIZE_LOWER:
		return unicode_lower(text->text, out);
	case NORMALIZE_DROP:
	case NORMALIZE_BERT_CLEAN:
	case NORMALIZE_NMT:
		return clean(step, text, out);
	case NORMALIZE_PREPEND:
		return buf_append(out, step->content) &&
		       buf_append(out, text->text);
	case NORMALIZE_CHINESE:
		return space_ideographs(text->text, out);
	case NORMALIZE_CHARSMAP:
		return charsmap_apply(&step->charsmap, text->text, out);
	case NORMALIZE_BYTES:
		return bytes_encode(text->text, out);
	case NORMALIZE_STRIP:
	case NORMALIZE_REPLACE:
		break;
	}
	return true;
}

enum result normalize_run(const struct normalize_step *steps, size_t n,
    struct normalize_text *text, struct normalize_room *room, struct error *err)
{
	size_t turn = 0;

	for (size_t i = 0; i < n; i++) {
		const struct normalize_step *step = &steps[i];
		struct buf *out = &room->bufs[turn];

		if (is_idle(step, text->text))
			continue;
		if (step->kind == NORMALIZE_STRIP) {
			strip(step, text);
			continue;
		}
		buf_consume(out, SIZE_MAX);
		if (step->kind == NORMALIZE_REPLACE) {
			if (replace(step, text, out, room, err) == FAILED)
				return FAILED;
		} else if (!apply(step, text, out)) {
			error_set(err, "the text is too long");
			return FAILED;
		}
		text->text = buf_span(out);
		turn = !turn;
	}
	return OK;
}
