/* encoder_text.c -- a text's tokens as an encoder reads them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/encoder_text.h"

void encoder_text_init(
    struct encoder_text *e, const struct checkpoint *checkpoint, unsigned flags)
{
	struct model_info info = model_info(checkpoint_model(checkpoint));

	*e = (struct encoder_text){
	    .work = tokenizer_work_new(checkpoint_tokenizer(checkpoint)),
	    .flags = flags,
	    .max = info.text_max,
	    .strips = info.is_sentences,
	};
	token_buf_init(&e->bare, SIZE_MAX);
}

void encoder_text_free(struct encoder_text *e)
{
	tokenizer_work_free(&e->work);
	token_buf_free(&e->bare);
}

/* What Python's str.strip takes away, beside ASCII's. */
static bool is_space(uint32_t c)
{
	return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 ||
	       c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
	       c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
	       c == 0x3000;
}

static struct span strip(struct span text)
{
	uint32_t c;
	size_t len, at;

	while ((len = utf8_decode(text, &c)) > 0 && is_space(c))
		text = span_from(text, len);
	while (text.len > 0) {
		at = text.len - 1;
		while (at > 0 && ((unsigned char)text.ptr[at] & 0xc0) == 0x80)
			at--;
		if (utf8_decode(span_from(text, at), &c) == 0 || !is_space(c))
			break;
		text.len = at;
	}
	return text;
}

/* Cuts what <text> gave, from <start> on; what stands around it stays. */
static enum result cut(struct encoder_text *e, struct span text,
    struct token_buf *ids, size_t start, struct error *err)
{
	uint32_t *own = ids->ids + start;
	size_t n = ids->len - start, max = e->max;
	size_t marks, before = 0, kept;

	e->bare.len = 0;
	if (tokenizer_encode(e->work, text, e->flags | TOKENIZER_NO_SPECIAL,
		&e->bare, err) != OK)
		return FAILED;
	marks = n - e->bare.len;
	if (marks >= max) {
		error_set(err, "\"max_seq_length\": %zu leaves no room", max);
		return FAILED;
	}
	while (before < marks && memcmp(own + before, e->bare.ids,
				     e->bare.len * sizeof(uint32_t)) != 0)
		before++;
	kept = before + max - marks;
	memmove(own + kept, own + n - (marks - before),
	    (marks - before) * sizeof(uint32_t));
	ids->len = start + max;
	return OK;
}

enum result encoder_text_add(struct encoder_text *e, struct span text,
    struct token_buf *ids, size_t *n_whole, struct error *err)
{
	size_t start = ids->len;

	if (e->strips)
		text = strip(text);
	if (tokenizer_encode(e->work, text, e->flags, ids, err) != OK)
		return FAILED;
	*n_whole = ids->len - start;
	if (e->max && *n_whole > e->max)
		return cut(e, text, ids, start, err);
	return OK;
}
