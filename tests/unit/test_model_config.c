/* test_model_config.c -- config.json in its old and new shapes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "local/model/config.h"
#include "local/model/rope.h"
#include "tests/unit/model_fixture.h"

static struct arena arena;

static int start(void **state)
{
	(void)state;
	arena_init(&arena, 16 << 20);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* The text of a fixture's config.json, in the arena. */
static struct span read_fixture(const char *name)
{
	char path[512], *text = arena_alloc(&arena, 65536);
	FILE *file;
	size_t len;

	(void)snprintf(
	    path, sizeof(path), "%s/config.json", fixture_path(name));
	file = fopen(path, "r");
	assert_true(text && file);
	len = fread(text, 1, 65536, file);
	assert_int_equal(fclose(file), 0);
	return span_make(text, len);
}

static void must_read(struct span text, struct config *config)
{
	struct error err;

	if (config_from_json(text, &arena, config, &err) != OK)
		fail_msg("%s", err.text);
}

static void same_rope(
    const struct rope_settings *a, const struct rope_settings *b)
{
	struct rope x, y;
	struct error err;

	assert_int_equal(a->type, b->type);
	assert_int_equal(a->dims, b->dims);
	assert_int_equal(rope_make(a, &arena, &x, &err), OK);
	assert_int_equal(rope_make(b, &arena, &y, &err), OK);
	assert_true(x.attention == y.attention);
	assert_memory_equal(x.freqs, y.freqs, a->dims / 2 * sizeof(float));
}

/* Two files that say the same in the words of different years. */
static void same_model(const char *old_name, const char *new_name)
{
	struct config *a = mem_new(struct config);
	struct config *b = mem_new(struct config);

	must_read(read_fixture(old_name), a);
	must_read(read_fixture(new_name), b);
	assert_ptr_equal(a->family, b->family);
	assert_int_equal(a->n_layers, b->n_layers);
	assert_int_equal(a->head_dim, b->head_dim);
	assert_int_equal(a->window, b->window);
	assert_int_equal(a->is_tied, b->is_tied);
	assert_true(a->attn_scale == b->attn_scale);
	same_rope(&a->rope[LAYER_FULL], &b->rope[LAYER_FULL]);
	same_rope(&a->rope[LAYER_SLIDING], &b->rope[LAYER_SLIDING]);
	for (uint32_t i = 0; i < a->n_layers; i++)
		assert_int_equal(a->kinds[i], b->kinds[i]);
	free(a);
	free(b);
}

static void reads_old_files_as_new_ones(void **state)
{
	(void)state;
	same_model("llama3-old", "llama3");
	same_model("gemma3-old", "gemma3");
}

static void fills_in_what_gemma_leaves_out(void **state)
{
	struct config *c = mem_new(struct config);

	(void)state;
	must_read(SPAN("{\"model_type\": \"gemma3\", \"text_config\": {"
		       "\"hidden_size\": 2560, \"intermediate_size\": 10240,"
		       "\"model_type\": \"gemma3_text\","
		       "\"num_hidden_layers\": 34, \"rope_scaling\": {"
		       "\"factor\": 8.0, \"rope_type\": \"linear\"},"
		       "\"sliding_window\": 1024},"
		       "\"eos_token_id\": [1, 106]}"),
	    c);
	assert_int_equal(c->n_heads, 8);
	assert_int_equal(c->n_kv_heads, 4);
	assert_int_equal(c->head_dim, 256);
	assert_int_equal(c->vocab, 262208);
	assert_int_equal(c->window, 1024);
	assert_true(c->is_tied);
	assert_true(c->attn_scale == 1.0 / 16);
	assert_int_equal(c->kinds[4], LAYER_SLIDING);
	assert_int_equal(c->kinds[5], LAYER_FULL);
	assert_true(c->rope[LAYER_FULL].theta == 1e6);
	assert_true(c->rope[LAYER_SLIDING].theta == 1e4);
	assert_int_equal(c->rope[LAYER_SLIDING].type, ROPE_PLAIN);
	assert_int_equal(c->n_eos, 2);
	free(c);
}

#define LLAMA                                                                  \
	"\"model_type\":\"llama\",\"hidden_size\":64,"                         \
	"\"intermediate_size\":64,\"num_hidden_layers\":2,"                    \
	"\"num_attention_heads\":4,\"vocab_size\":10"

static void tells_an_absent_window_from_none(void **state)
{
	struct config *c = mem_new(struct config);

	(void)state;
#define MISTRAL                                                                \
	"\"model_type\":\"mistral\",\"hidden_size\":64,"                       \
	"\"intermediate_size\":64,\"num_hidden_layers\":2,"                    \
	"\"num_attention_heads\":4,\"vocab_size\":10"
	must_read(SPAN("{" MISTRAL "}"), c);
	assert_int_equal(c->window, 4096);
	assert_int_equal(c->kinds[0], LAYER_SLIDING);
	must_read(SPAN("{" MISTRAL ",\"sliding_window\":null}"), c);
	assert_int_equal(c->window, 0);
	assert_int_equal(c->kinds[0], LAYER_FULL);
	free(c);
}

static void refuses_what_it_cannot_compute(void **state)
{
	static const struct {
		const char *text, *says;
	} wrong[] = {
	    {"[]", "not a JSON object"},
	    {"{}", "\"model_type\" is missing"},
	    {"{\"model_type\":\"mamba\"}", "\"mamba\" is not supported"},
	    {"{\"model_type\":\"llama\"}", "\"num_hidden_layers\" is missing"},
	    {"{" LLAMA ",\"head_dim\":0}", "\"head_dim\" must be 2 to 1024"},
	    {"{" LLAMA ",\"num_key_value_heads\":3}", "is no multiple of"},
	    {"{" LLAMA ",\"hidden_size\":66}", "is no multiple of"},
	    {"{" LLAMA ",\"num_hidden_layers\":1e9}", "must be 1 to 1024"},
	    {"{" LLAMA ",\"num_hidden_layers\":\"2\"}", "a whole number"},
	    {"{" LLAMA ",\"hidden_act\":\"xielu\"}",
		"\"hidden_act\": \"xielu\" is not supported"},
	    {"{" LLAMA ",\"quantization_config\":{}}",
		"\"quantization_config\" is not supported"},
	    {"{" LLAMA ",\"rope_scaling\":{\"type\":\"dynamic\"}}",
		"\"dynamic\" is not supported"},
	    {"{" LLAMA ",\"rope_scaling\":{\"type\":\"longrope\"}}",
		"one number for each frequency"},
	    {"{" LLAMA ",\"rope_scaling\":{\"type\":\"llama3\"}}",
		"\"high_freq_factor\" must be above"},
	    {"{" LLAMA ",\"rope_theta\":0.5}", "\"rope_theta\" must be above"},
	    {"{" LLAMA ",\"rms_norm_eps\":-1}", "\"rms_norm_eps\" must be 0"},
	    {"{" LLAMA ",\"partial_rotary_factor\":2}", "at most 1"},
	    {"{" LLAMA ",\"head_dim\":5}", "must be even"},
	    {"{" LLAMA ",\"is_decoder\":true}", "\"is_decoder\""},
	};
	struct config *c = mem_new(struct config);

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct error err = {""};

		assert_int_equal(
		    config_from_json(span_of(wrong[i].text), &arena, c, &err),
		    FAILED);
		if (!strstr(err.text, wrong[i].says))
			fail_msg("%s: %s", wrong[i].text, err.text);
	}
	free(c);
}

static void reads_pooling_and_ends(void **state)
{
	struct config *c = mem_new(struct config);
	struct error err;

	(void)state;
	must_read(SPAN("{" LLAMA ",\"eos_token_id\":2}"), c);
	assert_int_equal(
	    config_add_generation(
		SPAN("{\"eos_token_id\":[2,7,-1]}"), &arena, c, &err),
	    OK);
	assert_int_equal(c->n_eos, 2);
	assert_int_equal(c->eos[1], 7);
	assert_int_equal(
	    config_read_pooling(
		SPAN("{\"pooling_mode_cls_token\":true}"), &arena, c, &err),
	    OK);
	assert_int_equal(c->pooling, POOLING_CLS);
	assert_int_equal(
	    config_read_pooling(
		SPAN("{\"pooling_mode_max_tokens\":true}"), &arena, c, &err),
	    FAILED);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_old_files_as_new_ones),
	    cmocka_unit_test(fills_in_what_gemma_leaves_out),
	    cmocka_unit_test(tells_an_absent_window_from_none),
	    cmocka_unit_test(refuses_what_it_cannot_compute),
	    cmocka_unit_test(reads_pooling_and_ends),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
