/* test_safetensors.c -- headers that are right, and every way to be wrong. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "local/weights/safetensors.h"
#include "tests/unit/model_fixture.h"

/* A file of that header and <n_data> bytes of data. */
static struct span make_file(const char *header, size_t n_data)
{
	static char file[4096];
	size_t len = strlen(header);

	memset(file, 0, sizeof(file));
	file[0] = (char)(len & 255);
	file[1] = (char)(len >> 8);
	memcpy(file + 8, header, len);
	return span_make(file, 8 + len + n_data);
}

static enum result read_header(const char *header, size_t n_data,
    struct tensor_list *list, struct error *err)
{
	enum result result;

	tensor_list_init(list);
	result = safetensors_read(make_file(header, n_data), list, err);
	if (result == OK)
		result = tensor_list_sort(list, err);
	return result;
}

static void reads_names_types_and_shapes(void **state)
{
	struct tensor_list list;
	const struct tensor *b;
	struct error err;

	(void)state;
	assert_int_equal(
	    read_header("{\"__metadata__\":{\"format\":\"pt\"},"
			"\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],"
			"\"data_offsets\":[4,16]},"
			"\"a\\u002e1\":{\"dtype\":\"F32\",\"shape\":[],"
			"\"data_offsets\":[0,4]},"
			"\"f8\":{\"dtype\":\"F8_E4M3\",\"shape\":[9],"
			"\"data_offsets\":[0,9]}}",
		16, &list, &err),
	    OK);
	assert_int_equal(list.n, 3);
	assert_non_null(tensor_list_find(&list, SPAN("a.1")));
	assert_null(tensor_list_find(&list, SPAN("c")));
	b = tensor_list_find(&list, SPAN("b"));
	assert_int_equal(b->type, TENSOR_BF16);
	assert_int_equal(b->n_dims, 2);
	assert_int_equal(b->shape[1], 3);
	assert_int_equal(b->size, 12);
	assert_null(tensor_list_find(&list, SPAN("f8"))->data);
	tensor_list_free(&list);
}

static void refuses_what_the_format_does_not_allow(void **state)
{
	static const struct {
		const char *header, *says;
	} wrong[] = {
	    {"[]", "not a JSON object"},
	    {"{\"a\":", "is not JSON"},
	    {"{\"a\":1}", "is not an object"},
	    {"{\"a\":{\"shape\":[],\"data_offsets\":[0,4]}}",
		"has no \"dtype\""},
	    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}",
		"has no \"shape\""},
	    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],"
	     "\"data_offsets\":[0,4]}}",
		"no whole number"},
	    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1],"
	     "\"data_offsets\":[0,4]}}",
		"more than 6"},
	    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],"
	     "\"data_offsets\":[4]}}",
		"two whole numbers"},
	    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],"
	     "\"data_offsets\":[8,4]}}",
		"outside of the file"},
	    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[5],"
	     "\"data_offsets\":[0,20]}}",
		"outside of the file"},
	    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],"
	     "\"data_offsets\":[0,16]}}",
		"differ in size"},
	    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],"
	     "\"data_offsets\":[0,16]}}",
		"too large"},
	    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],"
	     "\"data_offsets\":[0,16]}}",
		"too large"},
	    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":"
	     "[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],"
	     "\"data_offsets\":[0,4]}}",
		"stands twice"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct tensor_list list;
		struct error err = {""};

		assert_int_equal(
		    read_header(wrong[i].header, 16, &list, &err), FAILED);
		if (!strstr(err.text, wrong[i].says))
			fail_msg("%s: %s", wrong[i].header, err.text);
		tensor_list_free(&list);
	}
}

static void refuses_headers_longer_than_the_file(void **state)
{
	struct span file = make_file("{}", 0);
	struct tensor_list list;
	struct error err;

	(void)state;
	tensor_list_init(&list);
	for (size_t len = 0; len < file.len; len++)
		assert_int_equal(
		    safetensors_read(span_head(file, len), &list, &err),
		    FAILED);
	assert_int_equal(safetensors_read(file, &list, &err), OK);
	tensor_list_free(&list);
}

static void put_file(const char *path, struct span bytes)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
	assert_int_equal(fclose(file), 0);
}

static void refuses_shards_outside_of_the_folder(void **state)
{
	static const struct {
		const char *file, *says;
	} wrong[] = {
	    {"../a.safetensors", "plain file name"},
	    {"/etc/passwd", "plain file name"},
	    {".hidden", "plain file name"},
	    {"", "plain file name"},
	    {"none.safetensors", "No such file"},
	    {"one.safetensors", "tensor \"x\" is not in one.safetensors"},
	};
	char folder[] = "/tmp/sluice-shards-XXXXXX", path[128], text[256];
	struct error err;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/one.safetensors", folder);
	put_file(path, make_file("{}", 0));
	(void)snprintf(
	    path, sizeof(path), "%s/model.safetensors.index.json", folder);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(text, sizeof(text),
		    "{\"weight_map\":{\"x\":\"%s\"}}", wrong[i].file);
		put_file(path, span_of(text));
		assert_null(weights_open(folder, &err));
		if (!strstr(err.text, wrong[i].says))
			fail_msg("%s", err.text);
	}
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/one.safetensors", folder);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void opens_shards_by_their_index(void **state)
{
	struct error err;
	struct weights *weights =
	    weights_open(fixture_path("llama-linear"), &err);

	(void)state;
	if (!weights)
		fail_msg("%s", err.text);
	assert_non_null(weights_find(weights, SPAN("model.norm.weight")));
	assert_non_null(weights_find(weights, SPAN("lm_head.weight")));
	assert_null(weights_gguf(weights));
	weights_close(&weights);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_names_types_and_shapes),
	    cmocka_unit_test(refuses_what_the_format_does_not_allow),
	    cmocka_unit_test(refuses_headers_longer_than_the_file),
	    cmocka_unit_test(refuses_shards_outside_of_the_folder),
	    cmocka_unit_test(opens_shards_by_their_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
