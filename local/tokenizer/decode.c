/* decode.c -- ids to text, all at once or as they come. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "local/tokenizer/decode.h"

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

/* The steps that hold text back hand it on to those behind them. */
static enum result run_steps(
    const struct decode_pass *pass, size_t from, struct span token);

/* --- bytes ---------------------------------------------------------------- */

/* Gives out the bytes held: their text, or one U+FFFD for each. */
static enum result flush_fallback(const struct decode_pass *pass, size_t at)
{
	struct decode_state *state = &pass->stream->states[at];
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

static enum result hold_byte(
    const struct decode_pass *pass, size_t at, int byte)
{
	struct buf *held = &pass->stream->states[at].held;
	char c = (char)byte;
	struct span all;

	if (!buf_append(held, span_make(&c, 1)))
		return decode_too_long(pass);
	all = buf_span(held);
	if (pass->stream->is_eager && utf8_valid_len(all) == all.len)
		return flush_fallback(pass, at);
	return OK;
}

/* Bytes held go out before a token that is none. */
static enum result put_after_bytes(
    const struct decode_pass *pass, size_t at, struct span token)
{
	enum result result;
	struct buf copy;

	/* The token may lie in a buffer that the bytes go through. */
	buf_init(&copy, DECODED_MAX);
	result = buf_append(&copy, token) ? OK : decode_too_long(pass);
	if (result == OK)
		result = flush_fallback(pass, at);
	if (result == OK)
		result = run_steps(pass, at + 1, buf_span(&copy));
	buf_free(&copy);
	return result;
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
    const struct decode_pass *pass, size_t from, struct span piece)
{
	const struct tokenizer *t = pass->stream->tokenizer;

	for (size_t i = from; i < t->n_decoder; i++) {
		struct decode_state *state = &pass->stream->states[i];

		if (t->decoder[i].kind != DECODE_STRIP || state->is_open)
			continue;
		piece =
		    decode_strip_front(&t->decoder[i], piece, &state->stripped);
		state->is_open =
		    piece.len > 0 || state->stripped == t->decoder[i].start;
	}
	return buf_append(pass->out, piece) ? OK : decode_too_long(pass);
}

static enum result fuse(
    const struct decode_pass *pass, size_t at, struct span token)
{
	const struct tokenizer *t = pass->stream->tokenizer;
	struct decode_state *state = &pass->stream->states[at];
	bool is_bytes = t->decoder[at].kind == DECODE_BYTES;
	struct buf *text = &pass->stream->turns[0];
	bool has_pieces = takes_pieces(t, at + 1);

	state->has_held = true;
	if (!is_bytes && has_pieces)
		return put_piece(pass, at + 1, token);
	if (is_bytes ? !decode_hold_bytes(&state->held, token)
		     : !buf_append(&state->held, token))
		return decode_too_long(pass);
	if (!has_pieces)
		return OK;
	buf_consume(text, SIZE_MAX);
	if (!decode_take_text(&state->held, false, text))
		return decode_too_long(pass);
	return put_piece(pass, at + 1, buf_span(text));
}

static enum result finish_fuse(const struct decode_pass *pass, size_t at)
{
	const struct tokenizer *t = pass->stream->tokenizer;
	struct decode_state *state = &pass->stream->states[at];
	enum result result;
	struct buf text;

	if (!state->has_held)
		return OK;
	buf_init(&text, DECODED_MAX);
	if (t->decoder[at].kind == DECODE_BYTES
		? !decode_take_text(&state->held, true, &text)
		: !buf_append(&text, buf_span(&state->held)))
		result = decode_too_long(pass);
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
    const struct decode_pass *pass, size_t at, bool is_last)
{
	const struct decode_step *step = &pass->stream->tokenizer->decoder[at];
	struct decode_state *state = &pass->stream->states[at];
	enum result result;
	struct buf text;

	if (!state->has_held)
		return OK;
	buf_init(&text, DECODED_MAX);
	if (decode_replace(buf_span(&state->held), step->content,
		is_last ? SPAN("") : SPAN(" "), &text))
		result = run_steps(pass, at + 1, buf_span(&text));
	else
		result = decode_too_long(pass);
	buf_free(&text);
	buf_consume(&state->held, SIZE_MAX);
	state->has_held = false;
	return result;
}

static enum result hold_suffixed(
    const struct decode_pass *pass, size_t at, struct span token)
{
	struct decode_state *state = &pass->stream->states[at];
	enum result result;
	struct buf copy;

	/* The token may lie in a buffer that the one before it goes through. */
	buf_init(&copy, DECODED_MAX);
	result = buf_append(&copy, token) ? OK : decode_too_long(pass);
	if (result == OK)
		result = put_suffixed(pass, at, false);
	if (result == OK && !buf_append(&state->held, buf_span(&copy)))
		result = decode_too_long(pass);
	state->has_held = true;
	buf_free(&copy);
	return result;
}

/*
 * Steps <from> and on for one token. A step that holds text back calls this
 * again for what it gives out, so that the depth is at most STEPS_MAX.
 */
static enum result run_steps(
    const struct decode_pass *pass, size_t from, struct span token)
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
			byte = decode_byte(token);
			if (byte >= 0)
				return hold_byte(pass, i, byte);
			if (buf_len(&pass->stream->states[i].held) > 0)
				return put_after_bytes(pass, i, token);
			continue;
		}
		if (decode_apply(pass, i, &token, &turns[turn]) == FAILED)
			return FAILED;
		pass->stream->states[i].seen++;
		turn = !turn;
	}
	return buf_append(pass->out, token) ? OK : decode_too_long(pass);
}

enum result tokenizer_stream_push(struct tokenizer_stream *stream, uint32_t id,
    struct buf *out, struct error *err)
{
	const struct tokenizer *t = stream->tokenizer;
	struct decode_pass pass = {stream, out, err};

	if (id >= t->n_ids || !t->shown[id].ptr ||
	    (stream->skips_special && t->skipped[id]))
		return OK;
	return run_steps(&pass, 0, t->shown[id]);
}

/* What the step makes of a token that stands between others. */
static enum result apply_between(const struct decode_pass *pass, size_t at,
    struct span *token, struct buf *out)
{
	const struct decode_step *step = &pass->stream->tokenizer->decoder[at];
	struct decode_state *state = &pass->stream->states[at];
	size_t seen = state->seen;
	enum result result;

	/* These change a text at its ends, or join what is joined anyway. */
	if (step->kind == DECODE_STRIP || step->kind == DECODE_FUSE ||
	    step->kind == DECODE_FALLBACK)
		return OK;
	if (step->kind == DECODE_SUFFIX) {
		buf_consume(out, SIZE_MAX);
		if (!decode_replace(*token, step->content, SPAN(" "), out))
			return decode_too_long(pass);
		*token = buf_span(out);
		return OK;
	}
	state->seen = 1;
	result = decode_apply(pass, at, token, out);
	state->seen = seen;
	return result;
}

enum result tokenizer_stream_bytes(struct tokenizer_stream *stream, uint32_t id,
    struct buf *out, struct error *err)
{
	const struct tokenizer *t = stream->tokenizer;
	struct decode_pass pass = {stream, out, err};
	struct span token;
	char byte;

	if (id >= t->n_ids || !t->shown[id].ptr || t->special[id] ||
	    (stream->skips_special && t->skipped[id]))
		return OK;
	token = t->shown[id];
	for (size_t i = 0; i < t->n_decoder; i++) {
		enum decode_kind kind = t->decoder[i].kind;

		if (kind == DECODE_BYTES)
			return decode_hold_bytes(out, token)
				   ? OK
				   : decode_too_long(&pass);
		if (kind == DECODE_FALLBACK && decode_byte(token) >= 0) {
			byte = (char)decode_byte(token);
			token = span_make(&byte, 1);
			break;
		}
		if (apply_between(&pass, i, &token, &stream->turns[i % 2]) ==
		    FAILED)
			return FAILED;
	}
	return buf_append(out, token) ? OK : decode_too_long(&pass);
}

enum result tokenizer_stream_finish(
    struct tokenizer_stream *stream, struct buf *out, struct error *err)
{
	const struct tokenizer *t = stream->tokenizer;
	struct decode_pass pass = {stream, out, err};
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
		stream->states[i] = (struct decode_state){.held = held};
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
