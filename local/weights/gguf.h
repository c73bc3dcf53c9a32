/* gguf.h -- reads the header of a GGUF file: keys and tensors. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_WEIGHTS_GGUF_H
#define LOCAL_WEIGHTS_GGUF_H

#include "local/weights/tensor.h"

/*
 * A GGUF file (version 2 or 3, little-endian) carries a model's settings and
 * tokenizer as typed keys, and its tensors. Keys are checked once, when the
 * file is read, and then stay where they are in it.
 */
enum gguf_type {
	GGUF_U8,
	GGUF_I8,
	GGUF_U16,
	GGUF_I16,
	GGUF_U32,
	GGUF_I32,
	GGUF_F32,
	GGUF_BOOL,
	GGUF_STRING,
	GGUF_ARRAY,
	GGUF_U64,
	GGUF_I64,
	GGUF_F64,
};

struct gguf_key {
	struct span name;
	enum gguf_type type; /* of the value, or of an array's elements */
	bool is_array;
	uint64_t n;           /* elements; 1 when it is no array */
	const uint8_t *value; /* the first element, not aligned */
};

struct gguf {
	uint32_t version;
	const struct gguf_key *keys; /* (n_keys), in the list's arena, sorted */
	size_t n_keys;
};

/*
 * Reads the header of <file>, the whole of it, into <gguf> and appends its
 * tensors to <list>; both point into the file and the list's arena. Memory is
 * bounded by a multiple of the header. FAILED with the key or tensor named.
 * Source: ggml's docs/gguf.md.
 */
enum result gguf_read(struct span file, struct gguf *gguf,
    struct tensor_list *list, struct error *err) must_check;

/* The key of that name, or NULL. */
const struct gguf_key *gguf_find(const struct gguf *gguf, struct span name);

/* Element <i> of <key> as a whole number; false for another type or past it. */
bool gguf_int(const struct gguf_key *key, uint64_t i, int64_t *out);

/* Element <i> of <key>, of any number type, as a double. */
bool gguf_double(const struct gguf_key *key, uint64_t i, double *out);

/* A string that is no array; the empty span, ptr NULL, for anything else. */
struct span gguf_string(const struct gguf_key *key);

/*
 * The strings of an array, (key->n), in <arena>; NULL when it is not an array
 * of strings or the arena is exhausted.
 */
const struct span *gguf_strings(
    const struct gguf_key *key, struct arena *arena);

#endif
