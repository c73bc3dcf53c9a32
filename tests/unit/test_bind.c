/* test_bind.c -- checkpoints whose tensors do not fit their settings. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "local/model/parts.h"
#include "tests/unit/model_fixture.h"

/* Binds the llama fixture with settings changed by <change>. */
static void bind_changed(
    void (*change)(struct config *config), const char *says)
{
	struct parts *parts = mem_new(struct parts);
	struct error err = {""};
	struct weights *weights = weights_open(fixture_path("llama"), &err);
	struct span text;
	enum result result;

	assert_non_null(weights);
	arena_init(&parts->arena, 16 << 20);
	assert_int_equal(
	    weights_read_beside(weights, "config.json", 65536, &text, &err),
	    OK);
	assert_int_equal(
	    config_from_json(text, &parts->arena, &parts->config, &err), OK);
	if (change)
		change(&parts->config);
	result = parts_bind(parts, weights, &err);
	assert_int_equal(result, says ? FAILED : OK);
	if (says && !strstr(err.text, says))
		fail_msg("%s", err.text);
	arena_free(&parts->arena);
	weights_close(&weights);
	free(parts);
}

static void more_layers(struct config *config)
{
	config->n_layers = 3;
}

static void fewer_layers(struct config *config)
{
	config->n_layers = 1;
}

static void wider(struct config *config)
{
	config->ff = 53;
}

static void more_words(struct config *config)
{
	config->vocab = 102;
}

static void biased(struct config *config)
{
	config->has_qkv_bias = true;
}

static void of_qwen3(struct config *config)
{
	config->family = family_find(SPAN("qwen3"));
}

static void of_bert(struct config *config)
{
	config->family = family_find(SPAN("bert"));
}

static void names_the_tensor_that_does_not_fit(void **state)
{
	(void)state;
	bind_changed(NULL, NULL);
	bind_changed(more_layers,
	    "\"model.layers.2.input_layernorm.weight\" is missing");
	bind_changed(
	    fewer_layers, "9 tensors below \"model.layers.\" are not known");
	bind_changed(wider,
	    "\"model.layers.0.mlp.down_proj.weight\" must be 36 x 53, is 36 "
	    "x 52");
	bind_changed(
	    more_words, "\"model.embed_tokens.weight\" must be 102 x 36");
	bind_changed(
	    biased, "\"model.layers.0.self_attn.q_proj.bias\" is missing");
	bind_changed(
	    of_qwen3, "\"model.layers.0.self_attn.q_norm.weight\" is missing");
	bind_changed(
	    of_bert, "\"embeddings.word_embeddings.weight\" is missing");
}

static void refuses_checkpoints_that_are_not_there(void **state)
{
	struct error err;

	(void)state;
	assert_null(weights_open(fixture_path("none"), &err));
	assert_non_null(strstr(err.text, "models/none: No such file"));
	assert_null(weights_open(fixture_path("llama3-old"), &err));
	assert_non_null(strstr(err.text, "model.safetensors: No such file"));
	assert_null(weights_open(fixture_path("llama/config.json"), &err));
	assert_non_null(strstr(err.text, "is not a GGUF file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_the_tensor_that_does_not_fit),
	    cmocka_unit_test(refuses_checkpoints_that_are_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
