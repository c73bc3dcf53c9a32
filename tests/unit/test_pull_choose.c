/* test_pull_choose.c -- which of a repository's files are fetched. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/pull/pull_choose.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

struct fixture {
	struct pull_listing listing;
	struct pull_choice choice;
	struct error err;
	char got[2000]; /* the paths, each with a blank behind it */
};

static int set_up(void **state)
{
	*state = mem_new(struct fixture);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	pull_listing_free(&f->listing);
	free(f);
	return 0;
}

/* The repository has <paths>, parted by blanks. */
static void list(struct fixture *f, const char *paths)
{
	struct span rest = span_of(paths), path;
	struct buf json;
	bool is_first = true;

	pull_listing_free(&f->listing);
	buf_init(&json, 1 << 16);
	assert_true(buf_append(
	    &json, SPAN("{\"sha\": \"" COMMIT "\", \"siblings\": [")));
	while (span_split(&rest, ' ', &path)) {
		assert_true(buf_printf(&json, "%s{\"rfilename\": \"%.*s\"}",
		    is_first ? "" : ",", SPAN_FMT(path)));
		is_first = false;
	}
	assert_true(buf_append(&json, SPAN("]}")));
	assert_int_equal(
	    pull_listing_read(&f->listing, buf_span(&json), &f->err), OK);
	buf_free(&json);
}

static void note_got(struct fixture *f)
{
	size_t len = 0;

	f->got[0] = '\0';
	for (size_t i = 0; i < f->choice.n; i++)
		len += (size_t)snprintf(f->got + len, sizeof(f->got) - len,
		    "%s ", f->choice.files[i]->path);
}

static void assert_chosen(
    struct fixture *f, const char *paths, const char *wanted)
{
	list(f, paths);
	if (pull_choose(&f->listing, "", &f->choice, &f->err) != OK)
		fail_msg("%s: %s", paths, f->err.text);
	note_got(f);
	assert_string_equal(f->got, wanted);
}

static void assert_refused(
    struct fixture *f, const char *paths, const char *file, const char *said)
{
	list(f, paths);
	assert_int_equal(
	    pull_choose(&f->listing, file, &f->choice, &f->err), FAILED);
	if (!strstr(f->err.text, said))
		fail_msg("\"%s\" is not in \"%s\"", said, f->err.text);
}

static void takes_plain_safetensors_and_what_lies_beside(void **state)
{
	struct fixture *f = *state;

	assert_chosen(f,
	    "config.json model.safetensors tokenizer.json README.md x.py "
	    "pytorch_model.bin model.fp16.safetensors tf_model.h5 LICENSE "
	    "onnx/config.json 1_Pooling/config.json 2_x/other.json "
	    "sub/tokenizer.json",
	    "config.json tokenizer.json README.md LICENSE "
	    "1_Pooling/config.json model.safetensors ");
	assert_string_equal(f->choice.open, ".");
	assert_false(f->choice.has_index);
	/* Listed twice, fetched once. */
	assert_chosen(f, "config.json model.safetensors config.json",
	    "config.json model.safetensors ");
	/* Safetensors go before GGUF, an index before a single file. */
	assert_chosen(
	    f, "model.safetensors a.gguf b.gguf", "model.safetensors ");
	assert_chosen(f, "model.safetensors " PULL_INDEX, PULL_INDEX " ");
	assert_true(f->choice.has_index);
}

static void takes_the_only_gguf_file(void **state)
{
	struct fixture *f = *state;

	assert_chosen(f, "README.md d/x.GGUF", "README.md d/x.GGUF ");
	assert_string_equal(f->choice.open, "d/x.GGUF");
	assert_refused(f, "a.gguf b.gguf c", "", "2 .gguf files: name one");
	assert_int_equal(f->choice.n_gguf, 2);
}

static void never_takes_pickles(void **state)
{
	struct fixture *f = *state;

	assert_refused(f, "config.json pytorch_model.bin", "", "pickled");
	assert_refused(f, "consolidated.00.pth", "", "pickled");
	assert_refused(f, "model.pt", "", "pickled");
	assert_refused(f, "config.json", "", "no model.safetensors");
}

static void takes_the_named_file_alone(void **state)
{
	struct fixture *f = *state;

	list(f, "config.json a.gguf b.gguf");
	assert_int_equal(
	    pull_choose(&f->listing, "b.gguf", &f->choice, &f->err), OK);
	note_got(f);
	assert_string_equal(f->got, "b.gguf ");
	assert_string_equal(f->choice.open, "b.gguf");
	assert_refused(
	    f, "model-q4.gguf", "model-q5.gguf", "did you mean model-q4.gguf?");
	assert_refused(f, "a", "something-else", "no file something-else");
	assert_null(strstr(f->err.text, "mean"));
}

static enum result shards(struct fixture *f, const char *index)
{
	list(f, "a.safetensors d/b.safetensors c.bin " PULL_INDEX);
	assert_int_equal(pull_choose(&f->listing, "", &f->choice, &f->err), OK);
	return pull_choose_shards(
	    &f->listing, span_of(index), &f->choice, &f->err);
}

static void shards_are_those_of_the_index_once_each(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
	    shards(f, "{\"weight_map\": {\"x\": \"d/b.safetensors\", \"y\": "
		      "\"a.safetensors\", \"z\": \"d/b.safetensors\"}}"),
	    OK);
	note_got(f);
	assert_string_equal(f->got, "d/b.safetensors a.safetensors ");
	assert_string_equal(f->choice.open, ".");
}

static void shards_that_are_not_listed_are_refused(void **state)
{
	static const char *const wrong[] = {"", "{}", "{\"weight_map\": []}",
	    "{\"weight_map\": {}}", "{\"weight_map\": {\"x\": 1}}",
	    "{\"weight_map\": {\"x\": \"c.bin\"}}",
	    "{\"weight_map\": {\"x\": \"../a.safetensors\"}}",
	    "{\"weight_map\": {\"x\": \"\\u001b[2J.safetensors\"}}",
	    "{\"weight_map\": {\"x\": \"b.safetensors\"}}"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (shards(f, wrong[i]) == OK)
			fail_msg("%s was taken", wrong[i]);
		assert_non_null(strstr(f->err.text, PULL_INDEX));
		assert_null(strchr(f->err.text, 0x1b));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(takes_plain_safetensors_and_what_lies_beside),
	    TEST(takes_the_only_gguf_file),
	    TEST(never_takes_pickles),
	    TEST(takes_the_named_file_alone),
	    TEST(shards_are_those_of_the_index_once_each),
	    TEST(shards_that_are_not_listed_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
