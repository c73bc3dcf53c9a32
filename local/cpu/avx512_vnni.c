/* avx512_vnni.c -- packed groups times words or bytes, with AVX-512 VNNI. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx512.h"

#if defined(__x86_64__)
#define WORDS AVX512_WITH_VNNI
#define WORDS_HAS_BYTES
#include "local/cpu/avx512_words.h"

/*
 * One instruction where BW takes two. Of bytes vpdpbusd wants an unsigned side:
 * nibbles are that, and an operand that SEVENS_OFFSET was added to.
 */
WORDS_INLINE __m512i add_four(
    __m512i sum, __m512i w, __m512i x, const enum layout layout)
{
	if (layout == QUADS)
		return _mm512_dpbusd_epi32(sum, w, x);
	if (layout == SEVENS)
		return _mm512_dpbusd_epi32(sum, x, w);
	return _mm512_dpwssd_epi32(sum, w, x);
}

void avx512_words_vnni(const struct tile *t)
{
	multiply_tile(t);
}
#else
typedef int avx512_vnni_is_for_x86;
#endif
