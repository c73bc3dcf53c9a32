/* load_arrays.h -- a GGUF file's tokenizer while its arrays are read. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TOKENIZER_LOAD_ARRAYS_H
#define LOCAL_TOKENIZER_LOAD_ARRAYS_H

#include "local/tokenizer/internal.h"

/*
 * load_arrays.c reads the vocabulary and makes the steps of the model's family,
 * load_merges.c gives a BPE model its merges.
 */
#define PIECE_MAX 1024 /* bytes: bounds the ways to cut a piece in two */

struct arrays {
	const struct tokenizer_arrays *in;
	struct tokenizer *t;
	struct error *err;
	uint64_t seed;
};

static inline int32_t arrays_type(const struct arrays *a, uint32_t id)
{
	return a->in->types ? a->in->types[id] : TOKEN_NORMAL;
}

/* The merges that the file lists. The model's map is filled. */
enum result load_merges(struct arrays *a) must_check;

/* The merges that the pieces' scores come to, where it lists none. */
void load_scored_merges(struct arrays *a);

#endif
