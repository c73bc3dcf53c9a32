/* test_gguf.c -- GGUF headers that are right, and every way to be wrong. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "local/weights/gguf.h"

/* A file in the making: little-endian, as the machines here are. */
struct file {
	char bytes[2048];
	size_t len;
};

static void put(struct file *f, const void *bytes, size_t len)
{
	assert_true(f->len + len <= sizeof(f->bytes));
	memcpy(f->bytes + f->len, bytes, len);
	f->len += len;
}

static void put_u32(struct file *f, uint32_t value)
{
	put(f, &value, sizeof(value));
}

static void put_u64(struct file *f, uint64_t value)
{
	put(f, &value, sizeof(value));
}

static void put_text(struct file *f, const char *text)
{
	put_u64(f, strlen(text));
	put(f, text, strlen(text));
}

static void put_start(struct file *f, uint64_t tensors, uint64_t keys)
{
	*f = (struct file){.len = 0};
	put(f, "GGUF", 4);
	put_u32(f, 3);
	put_u64(f, tensors);
	put_u64(f, keys);
}

static void put_int_key(struct file *f, const char *name, uint32_t value)
{
	put_text(f, name);
	put_u32(f, GGUF_U32);
	put_u32(f, value);
}

struct placed {
	const char *name;
	uint64_t cols, rows;
	uint32_t type;
	uint64_t offset;
};

static void put_tensor(struct file *f, const struct placed *t)
{
	put_text(f, t->name);
	put_u32(f, 2);
	put_u64(f, t->cols);
	put_u64(f, t->rows);
	put_u32(f, t->type);
	put_u64(f, t->offset);
}

static void put_data(struct file *f, uint32_t alignment, size_t len)
{
	while (f->len % alignment)
		put(f, "", 1);
	for (size_t i = 0; i < len; i++)
		put(f, "\7", 1);
}

static enum result read_file(const struct file *f, struct gguf *gguf,
    struct tensor_list *list, struct error *err)
{
	tensor_list_init(list);
	return gguf_read(span_make(f->bytes, f->len), gguf, list, err);
}

/* A file with a key of each kind and two tensors. */
static void put_whole(struct file *f)
{
	float numbers[] = {0.5F, -2};

	put_start(f, 2, 5);
	put_int_key(f, "general.alignment", 64);
	put_text(f, "s");
	put_u32(f, GGUF_STRING);
	put_text(f, "llama");
	put_text(f, "floats");
	put_u32(f, GGUF_ARRAY);
	put_u32(f, GGUF_F32);
	put_u64(f, 2);
	put(f, numbers, sizeof(numbers));
	put_text(f, "strings");
	put_u32(f, GGUF_ARRAY);
	put_u32(f, GGUF_STRING);
	put_u64(f, 3);
	put_text(f, "a");
	put_text(f, "");
	put_text(f, "ccc");
	put_text(f, "minus");
	put_u32(f, GGUF_I32);
	put_u32(f, UINT32_MAX);
	put_tensor(f, &(struct placed){"w", 32, 2, 8, 64});
	put_tensor(f, &(struct placed){"b", 3, 1, 0, 0});
	put_data(f, 64, 64 + 68);
}

static void reads_keys_of_every_kind(void **state)
{
	struct tensor_list list;
	const struct span *strings;
	struct gguf gguf;
	struct error err;
	struct file f;
	int64_t whole;
	double number;

	(void)state;
	put_whole(&f);
	assert_int_equal(read_file(&f, &gguf, &list, &err), OK);
	assert_int_equal(gguf.version, 3);
	assert_true(
	    span_eq(gguf_string(gguf_find(&gguf, SPAN("s"))), SPAN("llama")));
	assert_true(gguf_double(gguf_find(&gguf, SPAN("floats")), 1, &number));
	assert_true(number == -2);
	assert_false(gguf_double(gguf_find(&gguf, SPAN("floats")), 2, &number));
	assert_true(gguf_int(gguf_find(&gguf, SPAN("minus")), 0, &whole));
	assert_int_equal(whole, -1);
	strings = gguf_strings(gguf_find(&gguf, SPAN("strings")), &list.arena);
	assert_non_null(strings);
	assert_int_equal(strings[1].len, 0);
	assert_true(span_eq(strings[2], SPAN("ccc")));
	assert_null(gguf_find(&gguf, SPAN("none")));
	assert_false(gguf_int(NULL, 0, &whole));
	assert_null(gguf_string(gguf_find(&gguf, SPAN("minus"))).ptr);
	tensor_list_free(&list);
}

static void finds_tensors_behind_the_alignment(void **state)
{
	struct tensor_list list;
	const struct tensor *w;
	struct gguf gguf;
	struct error err;
	struct file f;

	(void)state;
	put_whole(&f);
	assert_int_equal(read_file(&f, &gguf, &list, &err), OK);
	assert_int_equal(tensor_list_sort(&list, &err), OK);
	w = tensor_list_find(&list, SPAN("w"));
	assert_int_equal(w->type, TENSOR_Q8_0);
	assert_int_equal(w->shape[0], 2);
	assert_int_equal(w->shape[1], 32);
	assert_int_equal(w->size, 68);
	assert_ptr_equal(w->data, f.bytes + f.len - 68);
	tensor_list_free(&list);
}

static void refuses_a_file_cut_anywhere(void **state)
{
	struct tensor_list list;
	struct gguf gguf;
	struct error err;
	struct file f;

	(void)state;
	put_whole(&f);
	for (size_t cut = f.len; cut-- > 0;) {
		f.len = cut;
		assert_int_equal(read_file(&f, &gguf, &list, &err), FAILED);
		tensor_list_free(&list);
	}
}

static void refuses(const struct file *f, const char *says)
{
	struct tensor_list list;
	struct gguf gguf;
	struct error err = {""};

	assert_int_equal(read_file(f, &gguf, &list, &err), FAILED);
	if (!strstr(err.text, says))
		fail_msg("%s: %s", says, err.text);
	tensor_list_free(&list);
}

static void refuses_counts_that_cannot_be(void **state)
{
	struct file f;

	(void)state;
	put_start(&f, 0, UINT64_MAX);
	refuses(&f, "keys are more than the file can hold");
	put_start(&f, UINT64_MAX / 2, 0);
	refuses(&f, "tensors are more than the file can hold");
	put_start(&f, 0, 1);
	put_text(&f, "k");
	put_u32(&f, GGUF_ARRAY);
	put_u32(&f, GGUF_U64);
	put_u64(&f, UINT64_MAX / 4);
	refuses(&f, "\"k\": its value leaves the file");
	put_start(&f, 0, 1);
	put_u64(&f, UINT64_MAX - 3);
	put(&f, "aaaaaaaa", 8);
	refuses(&f, "ends inside of a key");
}

static void refuses_types_and_keys_that_are_wrong(void **state)
{
	struct file f;

	(void)state;
	put_start(&f, 0, 1);
	put_text(&f, "k");
	put_u32(&f, GGUF_ARRAY);
	put_u32(&f, GGUF_ARRAY);
	put_u64(&f, 1);
	refuses(&f, "type 9 is not supported in an array");
	put_start(&f, 0, 2);
	put_int_key(&f, "k", 1);
	put_int_key(&f, "k", 1);
	refuses(&f, "\"k\" stands twice");
	put_start(&f, 0, 1);
	put_int_key(&f, "general.alignment", 48);
	refuses(&f, "power of two");
	put_start(&f, 0, 0);
	f.bytes[4] = 4;
	refuses(&f, "version 4");
}

static void refuses_tensors_that_leave_the_file(void **state)
{
	struct file f;

	(void)state;
	put_start(&f, 1, 0);
	put_tensor(&f, &(struct placed){"w", 32, 2, 8, 32});
	put_data(&f, 32, 99);
	refuses(&f, "\"w\": its data leave the file");
	put_start(&f, 1, 0);
	put_tensor(&f, &(struct placed){"w", 33, 2, 8, 0});
	put_data(&f, 32, 200);
	refuses(&f, "are not whole Q8_0 blocks");
	put_start(&f, 1, 0);
	put_tensor(&f, &(struct placed){"w", 1 << 30, UINT64_MAX, 0, 0});
	refuses(&f, "its shape is too large");
	put_start(&f, 1, 0);
	put_tensor(&f, &(struct placed){"w", 4, 4, 0, UINT64_MAX - 8});
	put_data(&f, 32, 64);
	refuses(&f, "its data leave the file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_keys_of_every_kind),
	    cmocka_unit_test(finds_tensors_behind_the_alignment),
	    cmocka_unit_test(refuses_a_file_cut_anywhere),
	    cmocka_unit_test(refuses_counts_that_cannot_be),
	    cmocka_unit_test(refuses_types_and_keys_that_are_wrong),
	    cmocka_unit_test(refuses_tensors_that_leave_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
