/* decode_token.c -- what a decoder's steps make of one token alone. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer/decode.h"

static enum result replace(const struct decode_pass *pass,
    const struct decode_step *step, struct span token, struct buf *out)
{
	struct match_list *found = &pass->stream->matches;

	if (pattern_find(&step->pattern, token, found, pass->err) == FAILED)
		return FAILED;
	for (size_t i = 0; i < found->len; i++) {
		const struct match *m = &found->items[i];
		struct span part =
		    span_make(token.ptr + m->start, m->end - m->start);

		if (!buf_append(out, m->is_match ? step->content : part))
			return decode_too_long(pass);
	}
	return OK;
}

bool decode_replace(
    struct span text, struct span what, struct span with, struct buf *out)
{
	size_t last = 0, at;

	while ((at = span_find(text, what, last)) != SIZE_MAX) {
		if (!buf_append(out, span_make(text.ptr + last, at - last)) ||
		    !buf_append(out, with))
			return false;
		last = at + what.len;
	}
	return buf_append(out, span_from(text, last));
}

struct span decode_strip_front(
    const struct decode_step *step, struct span token, size_t *count)
{
	while (*count < step->start && token.len > 0 &&
	       span_starts_with(token, step->content)) {
		token = span_from(token, step->content.len);
		++*count;
	}
	return token;
}

static struct span strip(const struct decode_step *step, struct span token)
{
	size_t count = 0;

	token = decode_strip_front(step, token, &count);
	for (count = 0; count < step->stop && token.len > 0 &&
			span_ends_with(token, step->content);
	     count++)
		token.len -= step->content.len;
	return token;
}

/* English blanks before punctuation and contractions go, in this order. */
static bool clean_up(struct span text, struct buf *out)
{
	static const struct {
		struct span what, with;
	} rules[] = {
	    {SPAN(" ."), SPAN(".")},
	    {SPAN(" ?"), SPAN("?")},
	    {SPAN(" !"), SPAN("!")},
	    {SPAN(" ,"), SPAN(",")},
	    {SPAN(" ' "), SPAN("'")},
	    {SPAN(" n't"), SPAN("n't")},
	    {SPAN(" 'm"), SPAN("'m")},
	    {SPAN(" do not"), SPAN(" don't")},
	    {SPAN(" 's"), SPAN("'s")},
	    {SPAN(" 've"), SPAN("'ve")},
	    {SPAN(" 're"), SPAN("'re")},
	};
	struct buf turns[2];
	size_t turn = 0;
	bool is_ok = true;

	buf_init(&turns[0], DECODED_MAX);
	buf_init(&turns[1], DECODED_MAX);
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules) && is_ok; i++) {
		if (span_find(text, rules[i].what, 0) == SIZE_MAX)
			continue;
		buf_consume(&turns[turn], SIZE_MAX);
		is_ok = decode_replace(
		    text, rules[i].what, rules[i].with, &turns[turn]);
		text = buf_span(&turns[turn]);
		turn = !turn;
	}
	is_ok = is_ok && buf_append(out, text);
	buf_free(&turns[0]);
	buf_free(&turns[1]);
	return is_ok;
}

static bool put_wordpiece(const struct decode_step *step, struct span token,
    bool is_first, struct buf *out)
{
	struct buf spaced;
	bool is_ok = true;

	buf_init(&spaced, DECODED_MAX);
	if (!is_first && span_starts_with(token, step->content)) {
		token = span_from(token, step->content.len);
	} else if (!is_first) {
		is_ok = buf_append(&spaced, SPAN(" ")) &&
			buf_append(&spaced, token);
		token = buf_span(&spaced);
	}
	is_ok = is_ok &&
		(step->flag ? clean_up(token, out) : buf_append(out, token));
	buf_free(&spaced);
	return is_ok;
}

enum result decode_apply(const struct decode_pass *pass, size_t at,
    struct span *token, struct buf *out)
{
	const struct decode_step *step = &pass->stream->tokenizer->decoder[at];
	bool is_first = pass->stream->states[at].seen == 0;
	bool is_ok = true;

	buf_consume(out, SIZE_MAX);
	if (step->kind == DECODE_REPLACE) {
		if (replace(pass, step, *token, out) == FAILED)
			return FAILED;
	} else if (step->kind == DECODE_STRIP) {
		*token = strip(step, *token);
		return OK;
	} else if (step->kind == DECODE_WORDPIECE) {
		is_ok = put_wordpiece(step, *token, is_first, out);
	} else if (step->kind == DECODE_METASPACE) {
		is_ok = decode_replace(*token, step->content,
		    is_first && step->flag ? SPAN("") : SPAN(" "), out);
	} else if (step->kind == DECODE_JOIN) {
		is_ok = (is_first || buf_append(out, SPAN(" "))) &&
			buf_append(out, *token);
	}
	if (!is_ok)
		return decode_too_long(pass);
	*token = buf_span(out);
	return OK;
}
