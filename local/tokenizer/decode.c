/* decode.c -- ids to text, all at once or as they come. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "local/tokenizer/internal.h"

/*
 * Each token passes the decoder's steps one after the other. Steps that need
 * to know what comes next hold text back: the one that joins bytes to
 * characters, the one that treats the last token differently, and one that
 * fuses all tokens, unless what follows it can do with pieces. The same code
 * decodes a whole list; the two differ in when byte tokens are given out.
 */
#define DECODED_MAX ((size_t)1 << 30) /* bytes held back, at most */

struct step_state {
	size_t seen;     /* tokens that came before */
	size_t stripped; /* characters dropped at the front of a stream */
	bool is_open;    /* a stream's front is past */
	bool has_held;
	struct buf held;
};

struct tokenizer_stream {
	const struct tokenizer *tokenizer;
	bool skips_special;
	bool is_eager; /* gives byte tokens out when they are characters */
	struct match_list matches;
	struct buf turns[2];       /* the token between two steps */
	struct step_state *states; /* (n_decoder + 1) */
};

struct tokenizer_stream *tokenizer_stream_new(
    const struct tokenizer *tokenizer, bool skip_special)
{
	struct tokenizer_stream *s = mem_new(struct tokenizer_stream);

	s->tokenizer = tokenizer;
	s->skips_special = skip_special;
	s->is_eager = true;
	buf_init(&s->turns[0], DECODED_MAX);
	buf_init(&s->turns[1], DECODED_MAX);
	s->states = mem_zalloc((tokenizer->n_decoder + 1) * sizeof(*s->states));
	for (size_t i = 0; i <= tokenizer->n_decoder; i++)
		buf_init(&s->states[i].held, DECODED_MAX);
	return s;
}

void tokenizer_stream_free(struct tokenizer_stream **stream)
{
	struct tokenizer_stream *s = *stream;

	if (!s)
		return;
	for (size_t i = 0; i <= s->tokenizer->n_decoder; i++)
		buf_free(&s->states[i].held);
	free(s->states);
	buf_free(&s->turns[0]);
	buf_free(&s->turns[1]);
	match_list_free(&s->matches);
	free(s);
	*stream = NULL;
}

/* A token between steps, and what the steps need. */
struct pass {
	struct tokenizer_stream *stream;
	struct buf *out;
	struct error *err;
};

static enum result too_long(const struct pass *pass)
{
	error_set(pass->err, "the decoded text is too long");
	return FAILED;
}

static enum result run_steps(
    const struct pass *pass, size_t from, struct span token);

/* --- steps that make one token of one ------------------------------------- */

static enum result replace(const struct pass *pass,
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
			return too_long(pass);
	}
	return OK;
}

/* Every <what> in <text> by <with>. */
static bool put_replaced(
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

static struct span strip_front(
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

	token = strip_front(step, token, &count);
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
		is_ok = put_replaced(
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

/* What the one-to-one steps make of a token; in <out>, or the token itself. */
static enum result apply(
    const struct pass *pass, size_t at, struct span *token, struct buf *out)
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
		is_ok = put_replaced(*token, step->content,
		    is_first && step->flag ? SPAN("") : SPAN(" "), out);
	} else if (step->kind == DECODE_JOIN) {
		is_ok = (is_first || buf_append(out, SPAN(" "))) &&
			buf_append(out, *token);
	}
	if (!is_ok)
		return too_long(pass);
	*token = buf_span(out);
	return OK;
}

/* --- bytes ---------------------------------------------------------------- */

/* The byte that a token like <0x0A> writes, or -1. */
static int byte_of(struct span token)
{
	int value = 0;

	if (token.len != 6 || !span_starts_with(token, SPAN("<0x")) ||
	    token.ptr[5] != '>')
		return -1;
	/* Like the reference, "+A" is a number too. */
	for (size_t i = token.ptr[3] == '+' ? 4 : 3; i < 5; i++) {
		char c = token.ptr[i];

		if (c >= '0' && c <= '9')
			value = value * 16 + (c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			value = value * 16 + ((c | 32) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/* Gives out the bytes held: their text, or one U+FFFD for each. */
static enum result flush_fallback(const struct pass *pass, size_t at)
{
	struct step_state *state = &pass->stream->states[at];
	struct span held = buf_span(&state->held);
	size_t n = held.len;
	enum result result = OK;

	if (n == 0)
		return OK;
	if (utf8_valid_len(held) == n) {
		result = run_steps(pass, at + 1, held);
		buf_consume(&state->held, n);
		return result;
	}
	for (size_t i = 0; i < n && result == OK; i++)
		result = run_steps(pass, at + 1, SPAN("\xef\xbf\xbd"));
	buf_consume(&state->held, n);
	return result;
}

static enum result hold_byte(const struct pass *pass, size_t at, int byte)
{
	struct buf *held = &pass->stream->states[at].held;
	char c = (char)byte;
	struct span all;

	if (!buf_append(held, span_make(&c, 1)))
		return too_long(pass);
	all = buf_span(held);
	if (pass->stream->is_eager && utf8_valid_len(all) == all.len)
		return flush_fallback(pass, at);
	return OK;
}

/* Bytes held go out before a token that is none. */
static enum result put_after_bytes(
    const struct pass *pass, size_t at, struct span token)
{
	enum result result;
	struct buf copy;

	/* The token may lie in a buffer that the bytes go through. */
	buf_init(&copy, DECODED_MAX);
	result = buf_append(&copy, token) ? OK : too_long(pass);
	if (result == OK)
		result = flush_fallback(pass, at);
	if (result == OK)
		result = run_steps(pass, at + 1, buf_span(&copy));
	buf_free(&copy);
	return result;
}

/*
 * How many bytes at the front of ill-formed <s> one U+FFFD stands for: the
 * longest start of a character, or one byte. 0 when more bytes may complete
 * it. Source: Unicode 15, section 3.9, "maximal subpart".
 */
static size_t broken_len(struct span s)
{
	unsigned char lead = (unsigned char)s.ptr[0];
	unsigned char low = 0x80, high = 0xbf;
	size_t need;

	if (lead < 0xc2 || lead > 0xf4)
		return 1;
	need = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xed)
		high = 0x9f;
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < need; i++) {
		unsigned char c;

		if (i == s.len)
			return 0;
		c = (unsigned char)s.ptr[i];
		if (c < low || c > high)
			return i;
		low = 0x80;
		high = 0xbf;
	}
	return need;
}

/* Moves whole characters from <held> to <out>; at the end, all. */
static bool take_text(struct buf *held, bool is_last, struct buf *out)
{
	while (buf_len(held) > 0) {
		struct span s = buf_span(held);
		size_t valid = utf8_valid_len(s), broken;

		if (!buf_append(out, span_head(s, valid)))
			return false;
		buf_consume(held, valid);
		s = buf_span(held);
		if (s.len == 0)
			break;
		broken = broken_len(s);
		if (broken == 0 && !is_last)
			break;
		if (!buf_append(out, SPAN("\xef\xbf\xbd")))
			return false;
		buf_consume(held, broken ? broken : s.len);
	}
	return true;
}

/* Holds a token's bytes: those it stands for, or its own. */
static bool hold_bytes(struct buf *held, struct span token)
{
	char *at = buf_reserve(held, token.len + 1);
	size_t n;

	if (!at)
		return false;
	n = bytes_decode(token, at);
	if (n == SIZE_MAX)
		return buf_append(held, token);
	buf_commit(held, n);
	return true;
}

/* --- fusing --------------------------------------------------------------- */

/* Whether the steps from <at> on can take one token in pieces. */
static bool takes_pieces(const struct tokenizer *t, size_t at)
{
	for (; at < t->n_decoder; at++) {
		if (t->decoder[at].kind != DECODE_FUSE &&
		    (t->decoder[at].kind != DECODE_STRIP ||
			t->decoder[at].stop > 0))
			return false;
	}
	return true;
}

/* The steps after a fusing one, for a piece of the fused token. */
static enum result put_piece(
    const struct pass *pass, size_t from, struct span piece)
{
	const struct tokenizer *t = pass->stream->tokenizer;

	for (size_t i = from; i < t->n_decoder; i++) {
		struct step_state *state = &pass->stream->states[i];

		if (t->decoder[i].kind != DECODE_STRIP || state->is_open)
			continue;
		piece = strip_front(&t->decoder[i], piece, &state->stripped);
		state->is_open =
		    piece.len > 0 || state->stripped == t->decoder[i].start;
	}
	return buf_append(pass->out, piece) ? OK : too_long(pass);
}

static enum result fuse(const struct pass *pass, size_t at, struct span token)
{
	const struct tokenizer *t = pass->stream->tokenizer;
	struct step_state *state = &pass->stream->states[at];
	bool is_bytes = t->decoder[at].kind == DECODE_BYTES;
	struct buf *text = &pass->stream->turns[0];
	bool has_pieces = takes_pieces(t, at + 1);

	state->has_held = true;
	if (!is_bytes && has_pieces)
		return put_piece(pass, at + 1, token);
	if (is_bytes ? !hold_bytes(&state->held, token)
		     : !buf_append(&state->held, token))
		return too_long(pass);
	if (!has_pieces)
		return OK;
	buf_consume(text, SIZE_MAX);
	if (!take_text(&state->held, false, text))
		return too_long(pass);
	return put_piece(pass, at + 1, buf_span(text));
}

static enum result finish_fuse(const struct pass *pass, size_t at)
{
	const struct tokenizer *t = pass->stream->tokenizer;
	struct step_state *state = &pass->stream->states[at];
	enum result result;
	struct buf text;

	if (!state->has_held)
		return OK;
	buf_init(&text, DECODED_MAX);
	if (t->decoder[at].kind == DECODE_BYTES
		? !take_text(&state->held, true, &text)
		: !buf_append(&text, buf_span(&state->held)))
		result = too_long(pass);
	else if (takes_pieces(t, at + 1))
		result = put_piece(pass, at + 1, buf_span(&text));
	else
		result = run_steps(pass, at + 1, buf_span(&text));
	buf_free(&text);
	return result;
}

/* --- the chain ------------------------------------------------------------ */

/* One token is kept until the next one shows that it was not the last. */
static enum result put_suffixed(
    const struct pass *pass, size_t at, bool is_last)
{
	const struct decode_step *step = &pass->stream->tokenizer->decoder[at];
	struct step_state *state = &pass->stream->states[at];
	enum result result;
	struct buf text;

	if (!state->has_held)
		return OK;
	buf_init(&text, DECODED_MAX);
	if (put_replaced(buf_span(&state->held), step->content,
		is_last ? SPAN("") : SPAN(" "), &text))
		result = run_steps(pass, at + 1, buf_span(&text));
	else
		result = too_long(pass);
	buf_free(&text);
	buf_consume(&state->held, SIZE_MAX);
	state->has_held = false;
	return result;
}

static enum result hold_suffixed(
    const struct pass *pass, size_t at, struct span token)
{
	struct step_state *state = &pass->stream->states[at];
	enum result result;
	struct buf copy;

	/* The token may lie in a buffer that the one before it goes through. */
	buf_init(&copy, DECODED_MAX);
	result = buf_append(&copy, token) ? OK : too_long(pass);
	if (result == OK)
		result = put_suffixed(pass, at, false);
	if (result == OK && !buf_append(&state->held, buf_span(&copy)))
		result = too_long(pass);
	state->has_held = true;
	buf_free(&copy);
	return result;
}

/*
 * Steps <from> and on for one token. A step that holds text back calls this
 * again for what it gives out, so that the depth is at most STEPS_MAX.
 */
static enum result run_steps(
    const struct pass *pass, size_t from, struct span token)
{
	const struct tokenizer *t = pass->stream->tokenizer;
	struct buf *turns = pass->stream->turns;
	size_t turn = 0;

	for (size_t i = from; i < t->n_decoder; i++) {
		enum decode_kind kind = t->decoder[i].kind;
		int byte;

		if (kind == DECODE_FUSE || kind == DECODE_BYTES)
			return fuse(pass, i, token);
		if (kind == DECODE_SUFFIX)
			return hold_suffixed(pass, i, token);
		if (kind == DECODE_FALLBACK) {
			byte = byte_of(token);
			if (byte >= 0)
				return hold_byte(pass, i, byte);
			if (buf_len(&pass->stream->states[i].held) > 0)
				return put_after_bytes(pass, i, token);
			continue;
		}
		if (apply(pass, i, &token, &turns[turn]) == FAILED)
			return FAILED;
		pass->stream->states[i].seen++;
		turn = !turn;
	}
	return buf_append(pass->out, token) ? OK : too_long(pass);
}

enum result tokenizer_stream_push(struct tokenizer_stream *stream, uint32_t id,
    struct buf *out, struct error *err)
{
	const struct tokenizer *t = stream->tokenizer;
	struct pass pass = {stream, out, err};

	if (id >= t->n_ids || !t->shown[id].ptr ||
	    (stream->skips_special && t->skipped[id]))
		return OK;
	return run_steps(&pass, 0, t->shown[id]);
}

/* What the step makes of a token that stands between others. */
static enum result apply_between(
    const struct pass *pass, size_t at, struct span *token, struct buf *out)
{
	const struct decode_step *step = &pass->stream->tokenizer->decoder[at];
	struct step_state *state = &pass->stream->states[at];
	size_t seen = state->seen;
	enum result result;

	/* These change a text at its ends, or join what is joined anyway. */
	if (step->kind == DECODE_STRIP || step->kind == DECODE_FUSE ||
	    step->kind == DECODE_FALLBACK)
		return OK;
	if (step->kind == DECODE_SUFFIX) {
		buf_consume(out, SIZE_MAX);
		if (!put_replaced(*token, step->content, SPAN(" "), out))
			return too_long(pass);
		*token = buf_span(out);
		return OK;
	}
	state->seen = 1;
	result = apply(pass, at, token, out);
	state->seen = seen;
	return result;
}

enum result tokenizer_stream_bytes(struct tokenizer_stream *stream, uint32_t id,
    struct buf *out, struct error *err)
{
	const struct tokenizer *t = stream->tokenizer;
	struct pass pass = {stream, out, err};
	struct span token;
	char byte;

	if (id >= t->n_ids || !t->shown[id].ptr || t->special[id] ||
	    (stream->skips_special && t->skipped[id]))
		return OK;
	token = t->shown[id];
	for (size_t i = 0; i < t->n_decoder; i++) {
		enum decode_kind kind = t->decoder[i].kind;

		if (kind == DECODE_BYTES)
			return hold_bytes(out, token) ? OK : too_long(&pass);
		if (kind == DECODE_FALLBACK && byte_of(token) >= 0) {
			byte = (char)byte_of(token);
			token = span_make(&byte, 1);
			break;
		}
		if (apply_between(&pass, i, &token, &stream->turns[i % 2]) ==
		    FAILED)
			return FAILED;
	}
	return buf_append(out, token) ? OK : too_long(&pass);
}

enum result tokenizer_stream_finish(
    struct tokenizer_stream *stream, struct buf *out, struct error *err)
{
	const struct tokenizer *t = stream->tokenizer;
	struct pass pass = {stream, out, err};
	enum result result = OK;

	for (size_t i = 0; i < t->n_decoder && result == OK; i++) {
		enum decode_kind kind = t->decoder[i].kind;

		if (kind == DECODE_FALLBACK)
			result = flush_fallback(&pass, i);
		else if (kind == DECODE_SUFFIX)
			result = put_suffixed(&pass, i, true);
		else if (kind == DECODE_FUSE || kind == DECODE_BYTES)
			result = finish_fuse(&pass, i);
	}
	for (size_t i = 0; i < t->n_decoder; i++) {
		struct buf held = stream->states[i].held;

		buf_consume(&held, SIZE_MAX);
		stream->states[i] = (struct step_state){.held = held};
	}
	return result;
}

enum result tokenizer_decode(const struct tokenizer *tokenizer,
    const struct token_buf *ids, bool skip_special, struct buf *out,
    struct error *err)
{
	struct tokenizer_stream *stream =
	    tokenizer_stream_new(tokenizer, skip_special);
	enum result result = OK;

	stream->is_eager = false;
	for (size_t i = 0; i < ids->len && result == OK; i++)
		result = tokenizer_stream_push(stream, ids->ids[i], out, err);
	if (result == OK)
		result = tokenizer_stream_finish(stream, out, err);
	tokenizer_stream_free(&stream);
	return result;
}
