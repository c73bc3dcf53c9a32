/* avx2.c -- products with AVX2, FMA and F16C. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/kernel.h"

/*
 * Two ways, by the number of operand rows n:
 *
 * n >= PANEL_MIN (prompts, batches): four rows of weights at a time become F32
 * in the thread's scratch, which stays in the first-level cache, and are
 * multiplied with three operand rows at a time: twelve sums in registers,
 * twelve FMAs for seven loads. The operand stays F32: as exact as the oracle.
 *
 * n < PANEL_MIN (decoding): quantised blocks are multiplied as they are with
 * the operand in sixteen bits a value and one scale per 32. Widening the bytes
 * of a block to words costs what vpmaddubsw's detour for signs does, and the
 * operand loses 1/65534 of a block's largest value instead of 1/254: answers
 * stay those of F32 to some 1e-3 nat. A pair of products is at most 2 x 128 x
 * 32767, a lane's sum of a block's below 2^25. A block's minimum, or the
 * offset of its values, is multiplied with the operand's sum instead of each
 * value.
 */
#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma,f16c")))
#define PANEL_MIN 4
#define PANEL 3

AVX2 static float sum_lanes(__m256 x)
{
	__m128 s =
	    _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));

	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	s = _mm_add_ss(s, _mm_movehdup_ps(s));
	return _mm_cvtss_f32(s);
}

AVX2 static float dot(const float *a, const float *b, uint32_t n)
{
	__m256 s0 = _mm256_setzero_ps(), s1 = s0;
	float tail = 0;
	uint32_t i = 0;

	for (; i + 16 <= n; i += 16) {
		s0 = _mm256_fmadd_ps(
		    _mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
		s1 = _mm256_fmadd_ps(
		    _mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), s1);
	}
	for (; i < n; i++)
		tail += a[i] * b[i];
	return sum_lanes(_mm256_add_ps(s0, s1)) + tail;
}

AVX2 static void axpy(float a, const float *x, float *y, uint32_t n)
{
	__m256 factor = _mm256_set1_ps(a);
	uint32_t i = 0;

	for (; i + 8 <= n; i += 8)
		_mm256_storeu_ps(
		    y + i, _mm256_fmadd_ps(factor, _mm256_loadu_ps(x + i),
			       _mm256_loadu_ps(y + i)));
	for (; i < n; i++)
		y[i] += a * x[i];
}

/* sums[r][i] of four rows w and three rows x, all of <n> values. */
AVX2 static void panel(
    const float *w, const float *x, uint32_t n, float sums[KERNEL_ROWS][PANEL])
{
	__m256 s[KERNEL_ROWS][PANEL];
	uint32_t k = 0;

	for (int r = 0; r < KERNEL_ROWS; r++) {
		for (int i = 0; i < PANEL; i++)
			s[r][i] = _mm256_setzero_ps();
	}
	for (; k + 8 <= n; k += 8) {
		__m256 x0 = _mm256_loadu_ps(x + k);
		__m256 x1 = _mm256_loadu_ps(x + n + k);
		__m256 x2 = _mm256_loadu_ps(x + 2 * (size_t)n + k);

#pragma GCC unroll 4
		for (int r = 0; r < KERNEL_ROWS; r++) {
			__m256 v = _mm256_loadu_ps(w + (size_t)r * n + k);

			s[r][0] = _mm256_fmadd_ps(v, x0, s[r][0]);
			s[r][1] = _mm256_fmadd_ps(v, x1, s[r][1]);
			s[r][2] = _mm256_fmadd_ps(v, x2, s[r][2]);
		}
	}
	for (int r = 0; r < KERNEL_ROWS; r++) {
		for (int i = 0; i < PANEL; i++) {
			float sum = sum_lanes(s[r][i]);

			for (uint32_t t = k; t < n; t++)
				sum +=
				    w[(size_t)r * n + t] * x[(size_t)i * n + t];
			sums[r][i] = sum;
		}
	}
}

/* Widens halves and BF16 quicker than the plain reader; others as it does. */
AVX2 static void widen(
    enum tensor_type type, const uint8_t *p, float *out, uint32_t n)
{
	uint32_t i = 0;

	for (; type == TENSOR_BF16 && i + 8 <= n; i += 8) {
		__m128i h =
		    _mm_loadu_si128((const __m128i_u *)(p + 2 * (size_t)i));
		__m256i v = _mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16);

		_mm256_storeu_ps(out + i, _mm256_castsi256_ps(v));
	}
	for (; type == TENSOR_F16 && i + 8 <= n; i += 8) {
		__m128i h =
		    _mm_loadu_si128((const __m128i_u *)(p + 2 * (size_t)i));

		_mm256_storeu_ps(out + i, _mm256_cvtph_ps(h));
	}
	if (i < n)
		quant_to_f32(
		    type, p + quant_row_bytes(type, i), out + i, n - i);
}

/* <rows> of the tile's weights, from <first> on, for the whole operand. */
AVX2 static void panel_rows(const struct tile *t, uint32_t first, uint32_t rows)
{
	const struct matrix *w = t->w;
	uint32_t cols = w->cols, i = 0;
	float sums[KERNEL_ROWS][PANEL];

	for (uint32_t r = 0; r < rows; r++)
		widen(w->type, w->data + (first + r) * w->row_bytes,
		    t->scratch + (size_t)r * cols, cols);
	if (rows == KERNEL_ROWS) {
		for (; i + PANEL <= t->x->n; i += PANEL) {
			panel(t->scratch, t->x->values + (size_t)i * cols, cols,
			    sums);
			for (uint32_t k = 0; k < PANEL * KERNEL_ROWS; k++)
				t->out[(size_t)(i + k % PANEL) * w->rows +
				       first + k / PANEL] =
				    sums[k / PANEL][k % PANEL];
		}
	}
	for (; i < t->x->n; i++) {
		for (uint32_t r = 0; r < rows; r++)
			t->out[(size_t)i * w->rows + first + r] =
			    dot(t->scratch + (size_t)r * cols,
				t->x->values + (size_t)i * cols, cols);
	}
	for (uint32_t r = first; w->bias && r < first + rows; r++) {
		for (i = 0; i < t->x->n; i++)
			t->out[(size_t)i * w->rows + r] += w->bias[r];
	}
}

static void tile_panels(const struct tile *t)
{
	uint32_t end = t->first + t->n;

	for (uint32_t r = t->first; r < end; r += KERNEL_ROWS)
		panel_rows(t, r, end - r < KERNEL_ROWS ? end - r : KERNEL_ROWS);
}

/* A row of one kind of weights times one operand row. */
typedef float (*row_fn)(const uint8_t *w, const struct operand *x, uint32_t i);

/* Calls <fn> for each row of the tile, or panels for many operand rows. */
static void tile_by_rows(const struct tile *t, row_fn fn)
{
	const struct matrix *w = t->w;

	for (uint32_t r = t->first; r < t->first + t->n; r++) {
		float bias = w->bias ? w->bias[r] : 0;

		for (uint32_t i = 0; i < t->x->n; i++)
			t->out[(size_t)i * w->rows + r] =
			    bias + fn(w->data + r * w->row_bytes, t->x, i);
	}
}

AVX2 static float row_f32(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	const float *v = x->values + (size_t)at * x->cols;
	__m256 s0 = _mm256_setzero_ps(), s1 = s0;
	uint32_t n = x->cols, i = 0;

	for (; i + 16 <= n; i += 16) {
		__m256 a = _mm256_castsi256_ps(
		    _mm256_loadu_si256((const __m256i_u *)(w + 4 * (size_t)i)));
		__m256 b = _mm256_castsi256_ps(_mm256_loadu_si256(
		    (const __m256i_u *)(w + 4 * (size_t)i + 32)));

		s0 = _mm256_fmadd_ps(a, _mm256_loadu_ps(v + i), s0);
		s1 = _mm256_fmadd_ps(b, _mm256_loadu_ps(v + i + 8), s1);
	}
	return sum_lanes(_mm256_add_ps(s0, s1)) +
	       quant_dot(TENSOR_F32, w + 4 * (size_t)i, v + i, n - i);
}

/* Halves of either kind; <is_bf16> is a constant at each call. */
AVX2 static inline __attribute__((always_inline)) float row_half(
    const uint8_t *w, const struct operand *x, uint32_t at, bool is_bf16)
{
	const float *v = x->values + (size_t)at * x->cols;
	__m256 s[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
	uint32_t n = x->cols, i = 0;

	for (; i + 16 <= n; i += 16) {
		for (uint32_t k = 0; k < 2; k++) {
			__m128i h = _mm_loadu_si128(
			    (const __m128i_u *)(w + 2 * (size_t)i + 16 * k));
			__m256 a = is_bf16
				       ? _mm256_castsi256_ps(_mm256_slli_epi32(
					     _mm256_cvtepu16_epi32(h), 16))
				       : _mm256_cvtph_ps(h);

			s[k] = _mm256_fmadd_ps(
			    a, _mm256_loadu_ps(v + i + 8 * k), s[k]);
		}
	}
	return sum_lanes(_mm256_add_ps(s[0], s[1])) +
	       quant_dot(is_bf16 ? TENSOR_BF16 : TENSOR_F16, w + 2 * (size_t)i,
		   v + i, n - i);
}

AVX2 static float row_bf16(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	return row_half(w, x, at, true);
}

AVX2 static float row_f16(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	return row_half(w, x, at, false);
}

AVX2 static float half_at(const uint8_t *p)
{
	return _cvtsh_ss(quant_u16(p));
}

/* 16 where bit i of <bits> is set, in byte i. */
AVX2 static __m256i fifth_bits(const uint8_t *p)
{
	const __m256i spread = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1,
	    1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
	const __m256i masks =
	    _mm256_set1_epi64x((long long)0x8040201008040201ULL);
	__m256i bits = _mm256_set1_epi32((int)quant_u32(p));
	__m256i own =
	    _mm256_and_si256(_mm256_shuffle_epi8(bits, spread), masks);

	return _mm256_and_si256(
	    _mm256_cmpeq_epi8(own, masks), _mm256_set1_epi8(16));
}

/* Eight partial sums of 32 words, 16 of them each, times x (32). */
AVX2 static __m256i multiply_words(__m256i low, __m256i high, const int16_t *x)
{
	const __m256i_u *at = (const __m256i_u *)x;

	return _mm256_add_epi32(_mm256_madd_epi16(low, _mm256_loadu_si256(at)),
	    _mm256_madd_epi16(high, _mm256_loadu_si256(at + 1)));
}

/* The same of 32 unsigned bytes. */
AVX2 static __m256 multiply_bytes(__m256i q, const int16_t *x)
{
	return _mm256_cvtepi32_ps(
	    multiply_words(_mm256_cvtepu8_epi16(_mm256_castsi256_si128(q)),
		_mm256_cvtepu8_epi16(_mm256_extracti128_si256(q, 1)), x));
}

/* The same of 16 bytes' low nibbles, then the high ones. */
AVX2 static __m256 multiply_nibbles(const uint8_t *p, const int16_t *x)
{
	__m256i words =
	    _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i_u *)p));

	return _mm256_cvtepi32_ps(
	    multiply_words(_mm256_and_si256(words, _mm256_set1_epi16(15)),
		_mm256_srli_epi16(words, 4), x));
}

/* 16 bytes' nibbles and their fifth bits, as 32 bytes. */
AVX2 static __m256i fives(const uint8_t *q, const uint8_t *fifth)
{
	__m128i v = _mm_loadu_si128((const __m128i_u *)q);
	__m256i four = _mm256_and_si256(
	    _mm256_set_m128i(_mm_srli_epi16(v, 4), v), _mm256_set1_epi8(15));

	return _mm256_or_si256(four, fifth_bits(fifth));
}

/* The shape of the four- and five-bit formats with blocks of 32. */
struct small_block {
	uint32_t bytes;
	bool has_min, has_fifth; /* Q4_1, Q5_1; Q5_0, Q5_1 */
};

AVX2 static inline __attribute__((always_inline)) float row_small(
    const uint8_t *w, const struct operand *x, uint32_t at,
    struct small_block f)
{
	uint32_t blocks = x->cols / 32, nibbles_at = f.has_min ? 4 : 2;
	const int16_t *words = x->words + (size_t)at * x->cols;
	const float *scales = x->scales + (size_t)at * blocks;
	const float *sums = x->sums + (size_t)at * blocks;
	float offset = f.has_fifth ? 16 : 8, low = 0;
	__m256 sum = _mm256_setzero_ps();

	for (uint32_t b = 0; b < blocks; b++, w += f.bytes) {
		const int16_t *v = words + (size_t)b * 32;
		float d = half_at(w);
		__m256 part =
		    f.has_fifth
			? multiply_bytes(
			      fives(w + nibbles_at + 4, w + nibbles_at), v)
			: multiply_nibbles(w + nibbles_at, v);

		sum = _mm256_fmadd_ps(_mm256_set1_ps(d * scales[b]), part, sum);
		low += (f.has_min ? half_at(w + 2) : -offset * d) * sums[b];
	}
	return sum_lanes(sum) + low;
}

AVX2 static float row_q4_0(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	return row_small(w, x, at, (struct small_block){18, false, false});
}

AVX2 static float row_q4_1(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	return row_small(w, x, at, (struct small_block){20, true, false});
}

AVX2 static float row_q5_0(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	return row_small(w, x, at, (struct small_block){22, false, true});
}

AVX2 static float row_q5_1(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	return row_small(w, x, at, (struct small_block){24, true, true});
}

AVX2 static float row_q8_0(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	uint32_t blocks = x->cols / 32;
	const int16_t *words = x->words + (size_t)at * x->cols;
	const float *scales = x->scales + (size_t)at * blocks;
	__m256 sum = _mm256_setzero_ps();

	for (uint32_t b = 0; b < blocks; b++, w += 34) {
		const __m128i_u *q = (const __m128i_u *)(w + 2);
		__m256i part =
		    multiply_words(_mm256_cvtepi8_epi16(_mm_loadu_si128(q)),
			_mm256_cvtepi8_epi16(_mm_loadu_si128(q + 1)),
			words + (size_t)b * 32);

		sum = _mm256_fmadd_ps(_mm256_set1_ps(half_at(w) * scales[b]),
		    _mm256_cvtepi32_ps(part), sum);
	}
	return sum_lanes(sum);
}

/* Q4_K and Q5_K: see quant.c for the layout. */
AVX2 static inline __attribute__((always_inline)) float row_k(
    const uint8_t *w, const struct operand *x, uint32_t at, bool has_fifth)
{
	uint32_t blocks = x->cols / 32;
	const int16_t *words = x->words + (size_t)at * x->cols;
	const float *scales = x->scales + (size_t)at * blocks;
	const float *sums = x->sums + (size_t)at * blocks;
	__m256 sum = _mm256_setzero_ps();
	float low = 0;

	for (uint32_t b = 0; b < blocks; b++) {
		int s = (int)(b % 8);
		const uint8_t *p = w + b / 8 * (has_fifth ? 176 : 144);
		__m256i q = _mm256_loadu_si256(
		    (const __m256i_u *)(p + 16 + (has_fifth ? 32 : 0) +
					s / 2 * 32));
		uint8_t scale, min;

		q = _mm256_and_si256(
		    _mm256_srli_epi16(q, s % 2 * 4), _mm256_set1_epi8(15));
		if (has_fifth) {
			__m256i high =
			    _mm256_loadu_si256((const __m256i_u *)(p + 16));

			high = _mm256_and_si256(
			    _mm256_srli_epi16(high, s), _mm256_set1_epi8(1));
			q = _mm256_or_si256(q, _mm256_slli_epi16(high, 4));
		}
		quant_k_scale(p + 4, s, &scale, &min);
		sum = _mm256_fmadd_ps(
		    _mm256_set1_ps(half_at(p) * (float)scale * scales[b]),
		    multiply_bytes(q, words + (size_t)b * 32), sum);
		low += half_at(p + 2) * (float)min * sums[b];
	}
	return sum_lanes(sum) - low;
}

AVX2 static float row_q4_k(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	return row_k(w, x, at, false);
}

AVX2 static float row_q5_k(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	return row_k(w, x, at, true);
}

/* 32 values of a Q6_K block, from 32 * s on, as signed bytes. */
AVX2 static __m256i six_bits(const uint8_t *p, uint32_t s)
{
	uint32_t half = s / 4, g = s % 4;
	__m256i low =
	    _mm256_loadu_si256((const __m256i_u *)(p + half * 64 + g % 2 * 32));
	__m256i high =
	    _mm256_loadu_si256((const __m256i_u *)(p + 128 + half * 32));

	low = _mm256_and_si256(
	    _mm256_srli_epi16(low, (int)(g / 2 * 4)), _mm256_set1_epi8(15));
	high = _mm256_and_si256(
	    _mm256_srli_epi16(high, (int)(2 * g)), _mm256_set1_epi8(3));
	return _mm256_sub_epi8(_mm256_or_si256(low, _mm256_slli_epi16(high, 4)),
	    _mm256_set1_epi8(32));
}

AVX2 static float row_q6_k(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	uint32_t blocks = x->cols / 32;
	const int16_t *words = x->words + (size_t)at * x->cols;
	const float *scales = x->scales + (size_t)at * blocks;
	__m256 sum = _mm256_setzero_ps();

	for (uint32_t b = 0; b < blocks; b++) {
		uint32_t s = b % 8;
		const uint8_t *p = w + b / 8 * 210;
		const int8_t *own = (const int8_t *)p + 192 + 2 * s;
		__m256i q = six_bits(p, s);
		const __m256i_u *v =
		    (const __m256i_u *)(words + (size_t)b * 32);
		__m256i low = _mm256_madd_epi16(
		    _mm256_cvtepi8_epi16(_mm256_castsi256_si128(q)),
		    _mm256_loadu_si256(v));
		__m256i high = _mm256_madd_epi16(
		    _mm256_cvtepi8_epi16(_mm256_extracti128_si256(q, 1)),
		    _mm256_loadu_si256(v + 1));
		float d = half_at(p + 208) * scales[b];

		sum = _mm256_fmadd_ps(_mm256_set1_ps(d * (float)own[0]),
		    _mm256_cvtepi32_ps(low), sum);
		sum = _mm256_fmadd_ps(_mm256_set1_ps(d * (float)own[1]),
		    _mm256_cvtepi32_ps(high), sum);
	}
	return sum_lanes(sum);
}

AVX2 static float largest(const float *x)
{
	const __m256 no_sign =
	    _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
	__m256 max = _mm256_setzero_ps();
	float lanes[8], all = 0;

	for (int i = 0; i < 32; i += 8)
		max = _mm256_max_ps(
		    max, _mm256_and_ps(no_sign, _mm256_loadu_ps(x + i)));
	_mm256_storeu_ps(lanes, max);
	for (int i = 0; i < 8; i++)
		all = lanes[i] > all ? lanes[i] : all;
	return all;
}

/* 16 bits a value: x / scale rounded, the largest of 32 becoming 32767. */
AVX2 static void to_words(
    const float *x, uint32_t n, int16_t *words, float *scales, float *sums)
{
	for (uint32_t b = 0; b < n / 32; b++, x += 32, words += 32) {
		float max = largest(x);
		__m256 inverse = _mm256_set1_ps(max > 0 ? 32767 / max : 0);
		int32_t sum = 0;

		scales[b] = max / 32767;
		for (int i = 0; i < 32; i += 8) {
			__m256i v = _mm256_cvtps_epi32(
			    _mm256_mul_ps(inverse, _mm256_loadu_ps(x + i)));

			_mm_storeu_si128((__m128i_u *)(words + i),
			    _mm_packs_epi32(_mm256_castsi256_si128(v),
				_mm256_extracti128_si256(v, 1)));
		}
		for (int i = 0; i < 32; i++)
			sum += words[i];
		sums[b] = scales[b] * (float)sum;
	}
}

static const row_fn rows_by_type[TENSOR_OTHER] = {
    [TENSOR_F32] = row_f32,
    [TENSOR_F16] = row_f16,
    [TENSOR_BF16] = row_bf16,
    [TENSOR_Q4_0] = row_q4_0,
    [TENSOR_Q4_1] = row_q4_1,
    [TENSOR_Q5_0] = row_q5_0,
    [TENSOR_Q5_1] = row_q5_1,
    [TENSOR_Q8_0] = row_q8_0,
    [TENSOR_Q4_K] = row_q4_k,
    [TENSOR_Q5_K] = row_q5_k,
    [TENSOR_Q6_K] = row_q6_k,
};

static void tile_avx2(const struct tile *t)
{
	bool is_quantised = t->w->type > TENSOR_BF16;

	if (t->x->n >= PANEL_MIN || (is_quantised && !t->x->words))
		tile_panels(t);
	else
		tile_by_rows(t, rows_by_type[t->w->type]);
}

const struct kernels kernels_avx2 = {
    .name = "AVX2",
    .tile = tile_avx2,
    .words_below = PANEL_MIN,
    .to_words = to_words,
    .dot = dot,
    .axpy = axpy,
};

bool kernels_avx2_run_here(void)
{
	return __builtin_cpu_supports("avx2") &&
	       __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}
#else
const struct kernels kernels_avx2 = {.name = "AVX2"};

bool kernels_avx2_run_here(void)
{
	return false;
}
#endif
