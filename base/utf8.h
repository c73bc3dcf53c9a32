/* utf8.h -- UTF-8, strictly. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/span.h"

/*
 * RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. What is
 * ill-formed is said so, never repaired on the way.
 */

/* Length of the longest well-formed prefix; s.len when all is. */
size_t utf8_valid_len(struct span s);

/*
 * Decodes one code point at the front. Returns its length in bytes, 0 at the
 * end of the span or where it is ill-formed.
 */
size_t utf8_decode(struct span s, uint32_t *code_point);

/* Encodes into <out> (4 bytes); the length, 0 when not a scalar value. */
size_t utf8_encode(uint32_t code_point, char *out);

#endif
