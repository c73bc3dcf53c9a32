/* tensor.c -- the tensors of a file, where they lie in it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/weights/tensor.h"

#include <assert.h>
#include <stdlib.h>

#define ELEMENTS_MAX ((uint64_t)1 << 62)

void tensor_list_init(struct tensor_list *list)
{
	*list = (struct tensor_list){.n = 0};
	arena_init(&list->arena, TENSOR_LIST_ARENA);
}

void tensor_list_free(struct tensor_list *list)
{
	free(list->items);
	arena_free(&list->arena);
	*list = (struct tensor_list){.n = 0};
}

void tensor_list_add(struct tensor_list *list, const struct tensor *tensor)
{
	if (list->n == list->cap) {
		list->cap = list->cap ? 2 * list->cap : 64;
		list->items =
		    mem_realloc(list->items, list->cap * sizeof(*tensor));
	}
	list->items[list->n++] = *tensor;
}

static int compare_names(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_tensors(const void *a, const void *b)
{
	return compare_names(
	    ((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

enum result tensor_list_sort(struct tensor_list *list, struct error *err)
{
	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items),
		    compare_tensors);
	for (size_t i = 1; i < list->n; i++) {
		struct span name = list->items[i].name;

		if (!span_eq(name, list->items[i - 1].name))
			continue;
		error_set(err, "tensor \"%.*s\" stands twice", SPAN_FMT(name));
		return FAILED;
	}
	return OK;
}

const struct tensor *tensor_list_find(
    const struct tensor_list *list, struct span name)
{
	struct tensor key = {.name = name};

	if (!list->n)
		return NULL;
	return bsearch(
	    &key, list->items, list->n, sizeof(key), compare_tensors);
}

bool tensor_elements(const struct tensor *tensor, uint64_t *out)
{
	uint64_t n = 1;

	for (uint32_t i = 0; i < tensor->n_dims; i++) {
		if (__builtin_mul_overflow(n, tensor->shape[i], &n) ||
		    n > ELEMENTS_MAX)
			return false;
	}
	*out = n;
	return true;
}

enum result tensor_measure(struct tensor *tensor, struct error *err)
{
	const struct quant_type *t = quant_type(tensor->type);
	uint64_t n, row;

	if (!tensor_elements(tensor, &n)) {
		error_set(err, "tensor \"%.*s\": its shape is too large",
		    SPAN_FMT(tensor->name));
		return FAILED;
	}
	row = tensor->n_dims ? tensor->shape[tensor->n_dims - 1] : 1;
	if (row % t->elements) {
		error_set(err,
		    "tensor \"%.*s\": rows of %llu elements are not whole "
		    "%s blocks of %u",
		    SPAN_FMT(tensor->name), (unsigned long long)row, t->name,
		    t->elements);
		return FAILED;
	}
	n /= t->elements;
	if (__builtin_mul_overflow(n, t->bytes, &tensor->size) ||
	    tensor->size > ELEMENTS_MAX) {
		error_set(err, "tensor \"%.*s\": its shape is too large",
		    SPAN_FMT(tensor->name));
		return FAILED;
	}
	return OK;
}

int64_t tensor_int(const struct tensor *tensor, uint64_t i)
{
	int32_t narrow;
	int64_t wide;

	assert(tensor->type == TENSOR_I32 || tensor->type == TENSOR_I64);
	if (tensor->type == TENSOR_I32) {
		memcpy(&narrow, tensor->data + i * 4, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, tensor->data + i * 8, sizeof(wide));
	return wide;
}
