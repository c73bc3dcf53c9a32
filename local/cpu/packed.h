/* packed.h -- weights laid out so that vectors hold several rows. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CPU_PACKED_H
#define LOCAL_CPU_PACKED_H

#include "local/model/parts.h"

/*
 * Files hold a row's blocks one after the other, so a product of a row ends
 * with a sum across a vector, and scales are read one by one. Packed, 16 rows
 * lie side by side: a group. A lane of a vector belongs to one row, a block of
 * 32 columns is 16 pairs, and a pair of all rows is two vectors:
 *
 *	word [pair][row][2], pair p holding columns 2p and 2p + 1 of the block
 *
 * Rows past the matrix's end are zeros. By kind, a group is, for each block:
 *
 * nibbles  half d[16], half m[16], then 8 vectors of 16 words: vector 2v + h
 *          holds rows 8h .. 8h + 7 and, from its words' lowest nibble up, the
 *          pairs 4v .. 4v + 3. A value is d q + m; 320 bytes.
 * bytes    half d[16], then [pair][row][2] signed bytes; d q; 544 bytes.
 * floats   [column][16 rows], for any number of columns.
 *
 * Shortened, to meet operands of eight bits; a lane of 32 bits holds a row's
 * four columns that follow each other, a quad:
 *
 * quads    nibbles: half d[16], half m[16], then [8 rows' half][4] vectors
 *          [row][4 bytes], vector v holding quad 2v in its low and 2v + 1 in
 *          its high nibbles; d q + m; 320 bytes.
 * sevens   float d[16], float m[16], then [8 rows' half][quad][row][4] signed
 *          bytes of -63 .. 63; d q, m being -64 d times the sum of q; 640
 *          bytes.
 */
#define GROUP_ROWS 16
#define BLOCK_COLS 32

enum packed_kind {
	PACKED_NOT,
	PACKED_NIBBLES,
	PACKED_BYTES,
	PACKED_FLOATS,
	PACKED_QUADS,
	PACKED_SEVENS,
};

#define PACKED_NIBBLES_BYTES 320
#define PACKED_BYTES_BYTES 544
#define PACKED_QUADS_BYTES 320
#define PACKED_SEVENS_BYTES 640

struct packed {
	enum packed_kind kind;
	uint32_t groups, blocks;         /* of 16 rows; of 32 columns */
	size_t block_bytes, group_bytes; /* multiples of 32 */
	uint8_t *data; /* (groups, group_bytes), on 64 bytes */
};

/* Blocks of a group as a product wants them, whatever they were made of. */
struct panel {
	int16_t *words; /* (blocks, 16 pairs, 16 rows, 2) */
	float *scales;  /* (blocks, 16) d */
	float *mins;    /* (blocks, 16) m, or NULL where all are 0 */
};

/* A matrix on its way into what <to> describes. */
struct packing {
	const struct matrix *w;
	const struct packed *to;
};

#endif
