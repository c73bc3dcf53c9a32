/* http1_chars.c -- which bytes may stand where in a message. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http1_parts.h"

#define K HTTP1_TOKEN
#define V HTTP1_VALUE
#define T HTTP1_TARGET
#define N HTTP1_NAME

/* clang-format off */
const unsigned char http1_chars[256] = {
	['\t'] = V,
	[' '] = V,
	['!'] = V | T | K | N,
	['"'] = V | T,
	['#'] = V | K,
	['$'] = V | T | K | N,
	['%'] = V | T | K,
	['&'] = V | T | K | N,
	['\''] = V | T | K | N,
	['('] = V | T | N,
	[')'] = V | T | N,
	['*'] = V | T | K | N,
	['+'] = V | T | K | N,
	[','] = V | T,
	['-'] = V | T | K | N,
	['.'] = V | T | K | N,
	['/'] = V | T,
	['0' ... '9'] = V | T | K | N,
	[':'] = V | T,
	[';'] = V | T | N,
	['<'] = V | T,
	['='] = V | T | N,
	['>' ... '@'] = V | T,
	['A' ... 'Z'] = V | T | K | N,
	['[' ... ']'] = V | T,
	['^'] = V | T | K,
	['_'] = V | T | K | N,
	['`'] = V | T | K,
	['a' ... 'z'] = V | T | K | N,
	['{'] = V | T,
	['|'] = V | T | K,
	['}'] = V | T,
	['~'] = V | T | K | N,
	[0x80 ... 0xff] = V,
};
/* clang-format on */

bool http1_all(struct span s, unsigned set)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!http1_char_is(s.ptr[i], set))
			return false;
	}
	return true;
}

bool http1_is_value(struct span s)
{
	return http1_all(s, HTTP1_VALUE);
}

bool http1_is_token(struct span s)
{
	return s.len > 0 && http1_all(s, HTTP1_TOKEN);
}
