/* avx2_panel.c -- groups of rows: packed at load, unpacked into the cache. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx2.h"

#include <assert.h>

/*
 * A panel is what avx2_gemm.c multiplies with: 16 rows of words, pair by pair
 * (packed.h). It is made for each pass over a prompt, in first-level cache:
 * from nibbles and bytes that were packed at load some 0.1 instructions a
 * weight, from rows as files have them about one; each weight is then used for
 * all tokens of the pass.
 */
#if defined(__x86_64__)

/* words [16 rows][32] to [16 pairs][16 rows][2] */
AVX2 static void interleave(
    const struct block_words rows[GROUP_ROWS], int16_t *out)
{
	for (int quarter = 0; quarter < 4; quarter++) {
		int first = quarter / 2 * 8, pair = quarter % 2 * 8;
		__m256i r[8];

		for (int i = 0; i < 8; i++)
			r[i] = avx2_load(rows[first + i].words + 2 * pair);
		avx2_transpose(r);
		for (int i = 0; i < 8; i++)
			_mm256_storeu_si256(
			    (__m256i_u *)(out + (pair + i) * 2 * GROUP_ROWS +
					  2 * first),
			    r[i]);
	}
}

AVX2 static void panel_of_rows(const struct panel_job *job, struct panel *panel)
{
	const struct matrix *w = job->w;
	uint32_t row = job->group * GROUP_ROWS, rows = w->rows - row;
	struct block_words block[GROUP_ROWS] = {{.scale = 0}};

	if (rows > GROUP_ROWS)
		rows = GROUP_ROWS;
	for (uint32_t b = 0; b < job->n; b++) {
		for (uint32_t r = 0; r < rows; r++)
			avx2_block(w->type, w->data + (row + r) * w->row_bytes,
			    job->first + b, &block[r]);
		interleave(block, panel->words + (size_t)b * 512);
		for (uint32_t r = 0; r < GROUP_ROWS; r++) {
			panel->scales[b * GROUP_ROWS + r] = block[r].scale;
			panel->mins[b * GROUP_ROWS + r] = block[r].min;
		}
	}
	if (w->type <= TENSOR_BF16 || w->type == TENSOR_Q8_0 ||
	    w->type == TENSOR_Q6_K)
		panel->mins = NULL;
}

AVX2_INLINE void store(int16_t *p, __m256i v)
{
	_mm256_storeu_si256((__m256i_u *)p, v);
}

AVX2_INLINE void store_halves(const uint8_t *p, float *out)
{
	_mm256_storeu_ps(out, avx2_halves(p));
	_mm256_storeu_ps(out + 8, avx2_halves(p + 16));
}

AVX2 static void panel_of_nibbles(
    const uint8_t *p, uint32_t n, struct panel *panel)
{
	const __m256i low = _mm256_set1_epi16(15);
	int16_t *words = panel->words;

	for (uint32_t b = 0; b < n; b++, p += PACKED_NIBBLES_BYTES) {
		store_halves(p, panel->scales + b * GROUP_ROWS);
		store_halves(p + 32, panel->mins + b * GROUP_ROWS);
		for (int v = 0; v < 4; v++, words += 128) {
			for (int h = 0; h < 2; h++) {
				__m256i w = avx2_load(p + 64 + 64 * v + 32 * h);
				int16_t *to = words + 16 * h;

				store(to, _mm256_and_si256(w, low));
				w = _mm256_srli_epi16(w, 4);
				store(to + 32, _mm256_and_si256(w, low));
				w = _mm256_srli_epi16(w, 4);
				store(to + 64, _mm256_and_si256(w, low));
				store(to + 96, _mm256_srli_epi16(w, 4));
			}
		}
	}
}

AVX2 static void panel_of_bytes(
    const uint8_t *p, uint32_t n, struct panel *panel)
{
	int16_t *words = panel->words;

	for (uint32_t b = 0; b < n; b++, p += PACKED_BYTES_BYTES) {
		store_halves(p, panel->scales + b * GROUP_ROWS);
		for (int i = 0; i < 32; i++, words += 16)
			store(words, _mm256_cvtepi8_epi16(_mm_loadu_si128((
					 const __m128i_u *)(p + 32 + 16 * i))));
	}
	panel->mins = NULL;
}

void avx2_panel(const struct panel_job *job, struct panel *panel)
{
	const struct packed *packed = job->w->packed;
	uint8_t *group;

	if (!packed) {
		panel_of_rows(job, panel);
		return;
	}
	group = packed->data + job->group * packed->group_bytes;
	if (packed->kind == PACKED_NIBBLES)
		panel_of_nibbles(
		    group + (size_t)job->first * PACKED_NIBBLES_BYTES, job->n,
		    panel);
	else
		panel_of_bytes(group + (size_t)job->first * PACKED_BYTES_BYTES,
		    job->n, panel);
}

/* d and m of four-bit types are halves already. */
AVX2 void avx2_put_halves(const float *x, uint8_t *p)
{
	for (int i = 0; i < 2; i++)
		_mm_storeu_si128((__m128i_u *)(p + 16 * i),
		    _mm256_cvtps_ph(_mm256_loadu_ps(x + 8 * i),
			_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

AVX2 static void pack_nibbles(const struct panel *panel, uint8_t *p)
{
	avx2_put_halves(panel->scales, p);
	avx2_put_halves(panel->mins, p + 32);
	for (int i = 0; i < 8; i++) {
		const int16_t *from = panel->words + i / 2 * 128 + i % 2 * 16;
		__m256i w = avx2_load(from);

		for (int k = 1; k < 4; k++)
			w = _mm256_or_si256(w,
			    _mm256_slli_epi16(avx2_load(from + 32 * k), 4 * k));
		_mm256_storeu_si256((__m256i_u *)(p + 64 + 32 * i), w);
	}
}

static void pack_bytes(const struct panel *panel, uint8_t *p)
{
	avx2_put_halves(panel->scales, p);
	for (int i = 0; i < 512; i++)
		p[32 + i] = (uint8_t)panel->words[i];
}

/*
 * Eight bits of floats: the scale is rounded to a half first, and the words
 * are rounded again by that.
 */
AVX2 static void round_to_bytes(struct panel *panel)
{
	float step[GROUP_ROWS];

	for (int r = 0; r < GROUP_ROWS; r++) {
		/* The words' largest is that wherever it is not 0. */
		float d = panel->scales[r] * BLOCK_LIMIT / 127;

		step[r] = panel->scales[r];
		panel->scales[r] =
		    _cvtsh_ss(_cvtss_sh(d, _MM_FROUND_TO_POS_INF));
	}
	for (int i = 0; i < 512; i++) {
		int r = i / 2 % GROUP_ROWS;
		float d = panel->scales[r];

		panel->words[i] =
		    d > 0 ? (int16_t)_mm_cvtss_si32(_mm_set_ss(
				(float)panel->words[i] * step[r] / d))
			  : 0;
	}
}

static void pack_block(
    const struct packing *packing, uint32_t group, uint32_t b)
{
	const struct packed *to = packing->to;
	uint8_t *out = to->data + group * to->group_bytes;
	struct matrix plain = *packing->w;
	struct panel_job job = {&plain, group, b, 1};
	int16_t words[512];
	float scales[GROUP_ROWS], mins[GROUP_ROWS];
	struct panel panel = {words, scales, mins};

	plain.packed = NULL;
	panel_of_rows(&job, &panel);
	if (to->kind >= PACKED_QUADS) {
		avx2_pack_short(to->kind, &panel, out + b * to->block_bytes);
		return;
	}
	assert((to->kind == PACKED_NIBBLES) == (panel.mins != NULL));
	if (to->kind == PACKED_NIBBLES) {
		pack_nibbles(&panel, out + (size_t)b * PACKED_NIBBLES_BYTES);
		return;
	}
	if (plain.type <= TENSOR_BF16)
		round_to_bytes(&panel);
	pack_bytes(&panel, out + (size_t)b * PACKED_BYTES_BYTES);
}

void avx2_pack(const struct packing *packing, uint32_t group)
{
	const struct packed *to = packing->to;
	struct panel_job all = {packing->w, group, 0, packing->w->cols};

	if (to->kind == PACKED_FLOATS) {
		avx2_float_panel(
		    &all, (void *)(to->data + group * to->group_bytes));
		return;
	}
	for (uint32_t b = 0; b < to->blocks; b++)
		pack_block(packing, group, b);
}
#else
typedef int avx2_panel_is_for_x86;
#endif
