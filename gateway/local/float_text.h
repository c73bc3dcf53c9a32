/* float_text.h -- vectors as text: short decimals, and base64. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_FLOAT_TEXT_H
#define GATEWAY_LOCAL_FLOAT_TEXT_H

#include "base/base.h"

#define FLOAT_TEXT_MAX 24 /* bytes of one number */

/*
 * Writes <value> as a JSON number: the shortest decimal from which the same
 * float is read again, and of these the nearest. No NUL; returns its length.
 * What is not a number, or infinite, becomes null.
 */
size_t float_text(float value, char text[FLOAT_TEXT_MAX]);

/* Appends [v, v, ...] of <values> (n). */
bool float_text_list(struct buf *out, const float *values, size_t n) must_check;

/* Appends <values> (n), little-endian F32, in base64 between quotes. */
bool float_text_base64(
    struct buf *out, const float *values, size_t n) must_check;

#endif
