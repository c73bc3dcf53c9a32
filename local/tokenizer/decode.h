/* decode.h -- ids to text: a stream's state, and what its steps do. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TOKENIZER_DECODE_H
#define LOCAL_TOKENIZER_DECODE_H

#include "base/buf.h"
#include "local/tokenizer/internal.h"

/*
 * Each token passes the decoder's steps one after the other. Steps that need
 * to know what comes next hold text back: the one that joins bytes to
 * characters, the one that treats the last token differently, and one that
 * fuses all tokens, unless what follows it can do with pieces. These are in
 * decode.c, the others in decode_token.c. The same code decodes a whole list;
 * the two differ in when byte tokens are given out.
 */
#define DECODED_MAX ((size_t)1 << 30) /* bytes held back, at most */

struct decode_state {
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
	struct buf turns[2];         /* the token between two steps */
	struct decode_state *states; /* (n_decoder + 1) */
};

/* A token between steps, and what the steps need. */
struct decode_pass {
	struct tokenizer_stream *stream;
	struct buf *out;
	struct error *err;
};

static inline enum result decode_too_long(const struct decode_pass *pass)
{
	error_set(pass->err, "the decoded text is too long");
	return FAILED;
}

/* --- decode_token.c ------------------------------------------------------- */

/*
 * Step <at> of those that hold nothing back: <token> becomes what the step
 * makes of it, in <out> or in its own memory.
 */
enum result decode_apply(const struct decode_pass *pass, size_t at,
    struct span *token, struct buf *out) must_check;

/* Appends <text> with <with> for every <what>; false past <out>'s maximum. */
bool decode_replace(struct span text, struct span what, struct span with,
    struct buf *out) must_check;

/*
 * <token> without the step's content at its front, as often as the step still
 * takes it away: <count> is how often it did.
 */
struct span decode_strip_front(
    const struct decode_step *step, struct span token, size_t *count);

/* --- decode_bytes.c ------------------------------------------------------- */

/* The byte that a token like <0x0A> writes, or -1. */
int decode_byte(struct span token);

/* Holds a token's bytes: those it stands for, or its own. */
bool decode_hold_bytes(struct buf *held, struct span token) must_check;

/* Moves whole characters from <held> to <out>; at the end, all. */
bool decode_take_text(
    struct buf *held, bool is_last, struct buf *out) must_check;

#endif
