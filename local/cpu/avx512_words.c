/* avx512_words.c -- packed groups times words, with AVX-512 BW. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx512.h"

#if defined(__x86_64__)
#define WORDS AVX512
#include "local/cpu/avx512_words.h"

WORDS_INLINE __m512i add_four(
    __m512i sum, __m512i w, __m512i x, const enum layout layout)
{
	(void)layout;
	sum = _mm512_add_epi32(sum, _mm512_madd_epi16(w, x));
	/* The next token's products must wait for this sum, or all are kept. */
	AVX512_KEEP(sum);
	return sum;
}

void avx512_words(const struct tile *t)
{
	multiply_tile(t);
}
#else
typedef int avx512_words_is_for_x86;
#endif
