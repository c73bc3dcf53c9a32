/* tensor.h -- the tensors of a file, where they lie in it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_WEIGHTS_TENSOR_H
#define LOCAL_WEIGHTS_TENSOR_H

#include "base/base.h"
#include "local/quant.h"

/*
 * A list of tensors is what both file formats are read into: names, types,
 * shapes and addresses inside the mapped file, nothing copied. Shapes are
 * written as in Python, the outermost dimension first, for both formats.
 */
#define TENSOR_DIMS_MAX 6

struct tensor {
	struct span name;   /* inside the file or the list's arena */
	struct span stored; /* what the file calls its type */
	enum tensor_type type;
	uint32_t n_dims;
	uint64_t shape[TENSOR_DIMS_MAX];
	const uint8_t *data; /* not aligned; NULL for TENSOR_OTHER */
	uint64_t size;       /* bytes */
};

struct tensor_list {
	struct tensor *items; /* (n), by name after tensor_list_sort */
	size_t n, cap;
	struct arena arena; /* names with escapes, keys */
};

#define TENSOR_LIST_ARENA ((size_t)128 << 20)

/* An empty list. */
void tensor_list_init(struct tensor_list *list);
void tensor_list_free(struct tensor_list *list);

/* Appends a copy of <tensor>. */
void tensor_list_add(struct tensor_list *list, const struct tensor *tensor);

/* Orders the list by name, FAILED when a name stands twice. */
enum result tensor_list_sort(
    struct tensor_list *list, struct error *err) must_check;

/* The tensor of that name in a sorted list, or NULL. */
const struct tensor *tensor_list_find(
    const struct tensor_list *list, struct span name);

/* Elements of <tensor>, 1 for no dimensions; false past 2^62. */
bool tensor_elements(const struct tensor *tensor, uint64_t *out) must_check;

/*
 * The bytes that <tensor>'s type and shape make, into its size. FAILED when
 * rows are not whole blocks or the product is past 2^62.
 */
enum result tensor_measure(struct tensor *tensor, struct error *err) must_check;

/* Reads an I32 or I64 tensor's element <i>. */
int64_t tensor_int(const struct tensor *tensor, uint64_t i);

#endif
