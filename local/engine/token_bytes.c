/* token_bytes.c -- what one token stands for, by itself. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/engine/token_bytes.h"

#include "local/tokenizer/internal.h"

/* SentencePiece writes a blank as U+2581. */
#define BLANK SPAN("\xe2\x96\x81")

static const struct decode_step *find_step(
    const struct tokenizer *t, enum decode_kind kind)
{
	for (size_t i = 0; i < t->n_decoder; i++) {
		if (t->decoder[i].kind == kind)
			return &t->decoder[i];
	}
	return NULL;
}

/* The text with each <what> as a blank. */
static bool put_blanks(struct span text, struct span what, struct buf *out)
{
	size_t last = 0, at;

	while (what.len > 0 && (at = span_find(text, what, last)) != SIZE_MAX) {
		if (!buf_append(out, span_make(text.ptr + last, at - last)) ||
		    !buf_append(out, SPAN(" ")))
			return false;
		last = at + what.len;
	}
	return buf_append(out, span_from(text, last));
}

/* The byte of "<0xE2>", or -1. */
static int byte_of(struct span token)
{
	int byte = 0;

	if (token.len != 6 || !span_starts_with(token, SPAN("<0x")) ||
	    token.ptr[5] != '>')
		return -1;
	for (int i = 3; i < 5; i++) {
		char c = token.ptr[i];

		if (c >= '0' && c <= '9')
			byte = byte * 16 + (c - '0');
		else if (c >= 'A' && c <= 'F')
			byte = byte * 16 + (c - 'A' + 10);
		else
			return -1;
	}
	return byte;
}

static bool put_wordpiece(
    struct span token, struct span prefix, struct buf *out)
{
	if (span_starts_with(token, prefix))
		return buf_append(out, span_from(token, prefix.len));
	return buf_append(out, SPAN(" ")) && buf_append(out, token);
}

static bool put_bytes(struct span token, struct buf *out)
{
	char *at = buf_reserve(out, token.len + 1);
	size_t n;

	if (!at)
		return false;
	n = bytes_decode(token, at);
	if (n == SIZE_MAX)
		return buf_append(out, token);
	buf_commit(out, n);
	return true;
}

bool token_bytes(const struct tokenizer *t, uint32_t id, struct buf *out)
{
	struct span token = tokenizer_token_text(t, id);
	const struct decode_step *step;
	int byte;

	if (!token.ptr)
		return true;
	if (tokenizer_is_special(t, id))
		return buf_append(out, token);
	if (find_step(t, DECODE_BYTES))
		return put_bytes(token, out);
	byte = find_step(t, DECODE_FALLBACK) ? byte_of(token) : -1;
	if (byte >= 0)
		return buf_append(out, span_make(&(char){(char)byte}, 1));
	step = find_step(t, DECODE_WORDPIECE);
	if (step)
		return put_wordpiece(token, step->content, out);
	step = find_step(t, DECODE_SUFFIX);
	return put_blanks(token, step ? step->content : BLANK, out);
}
