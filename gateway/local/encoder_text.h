/* encoder_text.h -- a text's tokens as an encoder reads them. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_ENCODER_TEXT_H
#define GATEWAY_LOCAL_ENCODER_TEXT_H

#include "local/local.h"

/*
 * What the tokenizer puts around a text (CLS, SEP) stays when the text is too
 * long and is cut, as sentence-transformers does. One caller's, for any number
 * of texts; the checkpoint must outlive it.
 */
struct encoder_text {
	struct tokenizer_work *work;
	unsigned flags; /* of enum tokenizer_flags */
	uint32_t max;   /* tokens that a text is cut to; 0: never */
	bool strips;    /* white space around it is no part of it */
	struct token_buf bare;
};

/* Cuts where the checkpoint says so; <max> may be changed afterwards. */
void encoder_text_init(struct encoder_text *e,
    const struct checkpoint *checkpoint, unsigned flags);
void encoder_text_free(struct encoder_text *e);

/*
 * Appends the tokens of <text>. <n_whole> gets how many it has uncut. FAILED
 * for what is not UTF-8 or past the buffer's maximum.
 */
enum result encoder_text_add(struct encoder_text *e, struct span text,
    struct token_buf *ids, size_t *n_whole, struct error *err) must_check;

#endif
