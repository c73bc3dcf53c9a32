/* fuzz_safetensors.c -- any file is read as safetensors, or refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "local/weights/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum result ignore(
    void *arg, struct span tensor, struct span file, struct error *err)
{
	size_t *sum = arg;

	(void)err;
	*sum += tensor.len + file.len;
	return OK;
}

/* Every tensor that was accepted lies inside of the file. */
static void check_list(const struct tensor_list *list, struct span file)
{
	const uint8_t *start = (const uint8_t *)file.ptr;

	for (size_t i = 0; i < list->n; i++) {
		const struct tensor *t = &list->items[i];
		uint64_t n;

		if (t->type == TENSOR_OTHER)
			continue;
		assert(t->data >= start && t->size <= file.len);
		assert(t->data + t->size <= start + file.len);
		assert(tensor_elements(t, &n));
		assert(quant_row_bytes(t->type, n) == t->size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span file = span_make((const char *)data, size);
	struct tensor_list list;
	struct arena arena;
	struct error err;
	size_t sum = 0;

	tensor_list_init(&list);
	if (safetensors_read(file, &list, &err) == OK) {
		check_list(&list, file);
		if (tensor_list_sort(&list, &err) == OK && list.n)
			assert(tensor_list_find(&list, list.items[0].name));
	}
	tensor_list_free(&list);
	arena_init(&arena, 1 << 20);
	if (safetensors_read_index(file, &arena, ignore, &sum, &err) == OK)
		assert(sum <= 2 * size);
	arena_free(&arena);
	return 0;
}
