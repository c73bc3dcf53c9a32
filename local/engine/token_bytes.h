/* token_bytes.h -- what one token stands for, by itself. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_ENGINE_TOKEN_BYTES_H
#define LOCAL_ENGINE_TOKEN_BYTES_H

#include "base/buf.h"
#include "local/tokenizer.h"

/*
 * Appends the bytes that token <id> gives in the middle of a text: perhaps
 * part of a character, a blank where the vocabulary writes one its own way,
 * and the name of a special token. Nothing for an id that there is not. False
 * past the buffer's maximum.
 */
bool token_bytes(
    const struct tokenizer *tokenizer, uint32_t id, struct buf *out) must_check;

#endif
