/* avx512_vnni.c -- packed groups times words, with AVX-512 VNNI. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx512.h"

#if defined(__x86_64__)
#define WORDS AVX512_WITH_VNNI
#include "local/cpu/avx512_words.h"

/* vpdpwssd: one instruction where BW takes two. */
WORDS_INLINE __m512i add_pairs(__m512i sum, __m512i w, __m512i x)
{
	return _mm512_dpwssd_epi32(sum, w, x);
}

void avx512_words_vnni(const struct tile *t)
{
	multiply_tile(t);
}
#else
typedef int avx512_vnni_is_for_x86;
#endif
