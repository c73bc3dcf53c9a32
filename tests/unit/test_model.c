/* test_model.c -- every family computes what transformers computes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "local/local.h"
#include "tests/unit/model_fixture.h"

/* What issue 5 asks of F32: every log-probability within this, in nat. */
#define F32_CLOSE 1e-4
#define GREEDY 64

/* What prompts may lose where the processor multiplies BF16: engine.md. */
#define BF16_CLOSE 0.1
#define BF16_TOKENS 32 /* computed at once, at least */

static const struct model_options exact = {.is_exact = true, .threads = 2};

/* The oracle, and what is fastest here: F32 is exact in both. */
static const struct model_options modes[] = {
    {.is_exact = true, .threads = 2},
    {.threads = 2},
};
#define MODES (sizeof(modes) / sizeof(modes[0]))

/* The log-probabilities that a session gives for a whole text. */
struct collected {
	float *logprobs; /* (n, vocab) */
	uint32_t vocab;
};

static void collect(void *arg, uint32_t index, const float *logits)
{
	struct collected *c = arg;
	float *row = c->logprobs + (size_t)index * c->vocab;

	memcpy(row, logits, c->vocab * sizeof(*row));
	fixture_log_softmax(row, c->vocab);
}

/* Scores a text in pieces of <piece> tokens; (n, vocab), malloc'ed. */
static float *score(struct session *session, uint32_t vocab,
    const uint32_t *ids, uint32_t n, uint32_t piece)
{
	float *logprobs = mem_alloc((size_t)n * vocab * sizeof(*logprobs));
	struct error err;

	for (uint32_t i = 0; i < n; i += piece) {
		struct collected c = {logprobs + (size_t)i * vocab, vocab};
		struct session_watch watch = {collect, &c};
		uint32_t part = n - i < piece ? n - i : piece;

		assert_int_equal(
		    session_score(session, ids + i, part, &watch, &err), OK);
	}
	return logprobs;
}

/* Whether prompts are rounded to the type of their weights. */
static bool rounds_prompts(const struct model *model)
{
	struct model_info info = model_info(model);

	return strcmp(info.weight_type, "BF16") == 0 &&
	       strstr(info.backend, "BF16");
}

static void check_text(struct model *model, const char *name,
    struct weights *golden, uint32_t max_tokens)
{
	uint32_t n, vocab = model_info(model).vocab;
	uint32_t *ids = fixture_ids(golden, "ids", &n);
	const float *expected = fixture_floats(golden, "logprobs");
	static const uint32_t pieces[] = {1000, 1, 7, 16};
	struct error err;

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct session *s = session_new(model, max_tokens, &err);
		float *logprobs = score(s, vocab, ids, n, pieces[i]);
		double d =
		    fixture_difference(logprobs, expected, (size_t)n * vocab);
		bool rounds = rounds_prompts(model) && pieces[i] >= BF16_TOKENS;

		print_message(
		    "%s in pieces of %u: %.2g nat\n", name, pieces[i], d);
		assert_true(d < (rounds ? BF16_CLOSE : F32_CLOSE));
		assert_int_equal(session_length(s), n);
		free(logprobs);
		session_free(&s);
	}
	free(ids);
}

static void check_greedy(
    struct model *model, struct weights *golden, uint32_t max_tokens)
{
	struct sample_options options = {.temperature = 0};
	uint32_t n, n_greedy, vocab = model_info(model).vocab;
	uint32_t *ids = fixture_ids(golden, "ids", &n);
	uint32_t *greedy = fixture_ids(golden, "greedy", &n_greedy);
	float *logits = mem_alloc(vocab * sizeof(*logits));
	struct error err;
	struct session *s = session_new(model, max_tokens, &err);
	struct sampler *sampler = sampler_new(&options, vocab, &err);
	/* Halves are too short to be rounded. */
	uint32_t half = rounds_prompts(model) ? n / 2 : 0;

	assert_int_equal(n_greedy, GREEDY);
	assert_true(n - half < BF16_TOKENS || !half);
	if (half)
		assert_int_equal(session_feed(s, ids, half, NULL, &err), OK);
	assert_int_equal(
	    session_feed(s, ids + half, n - half, logits, &err), OK);
	for (uint32_t i = 0; i < n_greedy; i++) {
		struct sample_choice choice = sampler_next(sampler, logits);

		assert_int_equal(choice.token, greedy[i]);
		assert_int_equal(
		    session_feed(s, &choice.token, 1, logits, &err), OK);
	}
	sampler_free(&sampler);
	session_free(&s);
	free(logits);
	free(greedy);
	free(ids);
}

/* LongRoPE's choice follows what a session is made for. */
static uint32_t room_of(const char *name)
{
	return strcmp(name, "phi3-short") ? 0 : 128;
}

static void computes_the_decoders_as_transformers_does(void **state)
{
	static const char *const names[] = {"llama", "llama3", "llama-linear",
	    "mistral", "qwen2", "qwen2-yarn", "qwen3", "gemma3", "phi3",
	    "phi3-long", "phi3-short"};

	(void)state;
	for (size_t i = 0; i < MODES * sizeof(names) / sizeof(names[0]); i++) {
		const char *name = names[i / MODES];
		struct model *model = fixture_model(name, &modes[i % MODES]);
		struct weights *golden = fixture_golden(name);

		check_text(model, name, golden, room_of(name));
		check_greedy(model, golden, room_of(name));
		weights_close(&golden);
		model_close(&model);
	}
}

static void computes_gguf_files_as_the_checkpoints_they_came_from(void **state)
{
	static const char *const names[] = {
	    "llama", "llama3", "qwen2", "qwen3", "gemma3", "phi3-long"};

	(void)state;
	for (size_t i = 0; i < MODES * sizeof(names) / sizeof(names[0]); i++) {
		struct weights *golden = fixture_golden(names[i / MODES]);
		struct model *model;
		char file[64];

		(void)snprintf(file, sizeof(file), "%s.gguf", names[i / MODES]);
		model = fixture_model(file, &modes[i % MODES]);
		check_text(model, file, golden, 0);
		check_greedy(model, golden, 0);
		weights_close(&golden);
		model_close(&model);
	}
}

static void embeds_with_a_gguf_file(void **state)
{
	struct model *model = fixture_model("bert.gguf", &exact);
	struct weights *golden = fixture_golden("bert");
	struct model_text text = {.n = 0};
	uint32_t *ids = fixture_ids(golden, "ids", &text.n);
	float hidden[36];
	struct error err;

	(void)state;
	text.tokens = ids;
	assert_int_equal(model_embed(model, &text, 1, hidden, &err), OK);
	assert_true(fixture_difference(
			hidden, fixture_floats(golden, "hidden"), 36) < 1e-5);
	assert_int_equal(model_classify(model, &text, hidden, &err), FAILED);
	free(ids);
	weights_close(&golden);
	model_close(&model);
}

static void computes_the_encoders_as_transformers_does(void **state)
{
	static const char *const names[] = {
	    "bert", "distilbert", "xlm-roberta", "modernbert"};
	float hidden[64], logits[8];

	(void)state;
	for (size_t i = 0; i < MODES * sizeof(names) / sizeof(names[0]); i++) {
		const char *name = names[i / MODES];
		struct model *model = fixture_model(name, &modes[i % MODES]);
		struct weights *golden = fixture_golden(name);
		struct model_info info = model_info(model);
		struct model_text text = {.n = 0};
		uint32_t *ids = fixture_ids(golden, "ids", &text.n);
		struct error err;
		double far;

		text.tokens = ids;
		assert_int_equal(info.n_labels, 3);
		assert_int_equal(
		    model_embed(model, &text, 1, hidden, &err), OK);
		far = fixture_difference(
		    hidden, fixture_floats(golden, "hidden"), info.hidden);
		print_message("%s: state %.2g", name, far);
		assert_true(far < 1e-5);
		assert_int_equal(
		    model_classify(model, &text, logits, &err), OK);
		far = fixture_difference(
		    logits, fixture_floats(golden, "logits"), 3);
		print_message(", class %.2g\n", far);
		assert_true(far < 1e-5);
		free(ids);
		weights_close(&golden);
		model_close(&model);
	}
}

static void embeds_a_batch_as_it_embeds_one(void **state)
{
	struct model *model = fixture_model("modernbert", &modes[1]);
	struct weights *golden = fixture_golden("modernbert");
	struct model_text texts[3];
	float one[36], all[3][36];
	uint32_t n, *ids = fixture_ids(golden, "ids", &n);
	struct error err;

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		texts[i] =
		    (struct model_text){.tokens = ids + i, .n = n - 13 * i - 2};
	assert_int_equal(model_embed(model, texts, 3, all[0], &err), OK);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(
		    model_embed(model, &texts[i], 1, one, &err), OK);
		assert_true(fixture_difference(one, all[i], 36) < 1e-6);
	}
	free(ids);
	weights_close(&golden);
	model_close(&model);
}

static void goes_on_from_where_a_text_was_cut(void **state)
{
	struct model *model = fixture_model("qwen3", &exact);
	struct weights *golden = fixture_golden("qwen3");
	uint32_t n, *ids = fixture_ids(golden, "ids", &n);
	float first[101], again[101];
	struct error err;
	struct session *s = session_new(model, 0, &err);

	(void)state;
	assert_int_equal(session_feed(s, ids, 20, first, &err), OK);
	assert_int_equal(session_feed(s, ids + 20, 20, NULL, &err), OK);
	assert_true(session_truncate(s, 19));
	assert_int_equal(session_feed(s, ids + 19, 1, again, &err), OK);
	assert_memory_equal(first, again, sizeof(first));
	session_free(&s);
	free(ids);
	weights_close(&golden);
	model_close(&model);
}

static void keeps_only_the_pages_a_window_needs(void **state)
{
	struct model_options options = {.is_exact = true, .chunk = 16};
	struct model *model;
	uint64_t token;
	uint32_t ids[200] = {0};
	struct error err;
	struct session *s;

	(void)state;
	model = fixture_model("mistral", &options);
	token = model_info(model).token_bytes;
	model_close(&model);
	/* Room for 64 tokens is enough for 200 that see 19 each. */
	options.kv_bytes = 64 * token;
	model = fixture_model("mistral", &options);
	s = session_new(model, 0, &err);
	assert_int_equal(session_feed(s, ids, 200, NULL, &err), OK);
	assert_false(session_truncate(s, 100));
	session_free(&s);
	model_close(&model);
}

/* Three texts of different lengths, one of them past a window. */
static void steps_several_texts_as_it_steps_each(void **state)
{
	static const uint32_t lengths[3] = {1, 7, 30};
	static const uint32_t next[2][3] = {{5, 6, 7}, {50, 7, 99}};
	struct model *model = fixture_model("gemma3", &exact);
	uint32_t vocab = model_info(model).vocab;
	float *logits = mem_alloc(3 * vocab * sizeof(*logits));
	float *alone = mem_alloc(vocab * sizeof(*alone));
	struct session *together[3], *apart[3];
	uint32_t ids[30];
	struct error err;

	(void)state;
	for (uint32_t i = 0; i < 30; i++)
		ids[i] = 3 + i;
	for (int i = 0; i < 3; i++) {
		together[i] = session_new(model, 40, &err);
		apart[i] = session_new(model, 40, &err);
		assert_int_equal(
		    session_feed(together[i], ids, lengths[i], NULL, &err), OK);
		assert_int_equal(
		    session_feed(apart[i], ids, lengths[i], NULL, &err), OK);
	}
	for (int k = 0; k < 2; k++) {
		assert_int_equal(
		    session_step(together, next[k], 3, logits, &err), OK);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(
			    session_feed(apart[i], &next[k][i], 1, alone, &err),
			    OK);
			assert_true(
			    fixture_difference(logits + (size_t)i * vocab,
				alone, vocab) < F32_CLOSE);
		}
	}
	assert_int_equal(
	    session_step(together, (uint32_t[]){1, 101, 1}, 3, logits, &err),
	    FAILED);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(session_length(together[i]), lengths[i] + 2);
		session_free(&together[i]);
		session_free(&apart[i]);
	}
	free(logits);
	free(alone);
	model_close(&model);
}

/* What is counted beforehand is what a text then takes. */
static void counts_keys_and_values_beforehand(void **state)
{
	static const char *const names[] = {"llama", "gemma3"};
	static const struct model_options plan = {.is_plan = true};
	uint32_t ids[120] = {0};
	struct error err;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct model *model = fixture_model(names[i], &exact);
		struct model *told = fixture_model(names[i], &plan);
		uint64_t bytes = model_kv_bytes(told, 120);
		struct session *s = session_new(model, 120, &err);

		assert_int_equal(model_kv_bytes(model, 120), bytes);
		assert_int_equal(
		    model_info(told).parameters, model_info(model).parameters);
		model_limit_kv(model, bytes);
		assert_int_equal(session_feed(s, ids, 120, NULL, &err), OK);
		session_free(&s);
		s = session_new(model, 120, &err);
		model_limit_kv(model, bytes / 2);
		assert_int_equal(session_feed(s, ids, 120, NULL, &err), FAILED);
		session_free(&s);
		model_close(&model);
		model_close(&told);
	}
}

static void refuses_tokens_that_do_not_fit(void **state)
{
	struct model_options options = {.is_exact = true, .chunk = 16};
	struct model *model = fixture_model("llama", &options);
	uint32_t ids[65] = {0}, bad = 101;
	struct error err;
	struct session *s;

	(void)state;
	assert_null(session_new(model, 257, &err));
	s = session_new(model, 10, &err);
	assert_int_equal(session_feed(s, ids, 11, NULL, &err), FAILED);
	assert_int_equal(session_feed(s, &bad, 1, NULL, &err), FAILED);
	assert_non_null(strstr(err.text, "id 101 is not below 101"));
	assert_int_equal(session_length(s), 0);
	session_free(&s);
	options.kv_bytes = 48 * model_info(model).token_bytes;
	model_close(&model);
	model = fixture_model("llama", &options);
	s = session_new(model, 0, &err);
	assert_int_equal(session_feed(s, ids, 65, NULL, &err), FAILED);
	assert_non_null(strstr(err.text, "do not fit"));
	assert_int_equal(session_length(s), 48);
	session_free(&s);
	model_close(&model);
}

static void says_what_a_model_is(void **state)
{
	struct model *model = fixture_model("qwen3", &exact);
	struct model_info info = model_info(model);

	(void)state;
	assert_true(span_eq(info.family, SPAN("qwen3")));
	assert_string_equal(info.backend, "plain C");
	assert_string_equal(info.weight_type, "BF16");
	assert_int_equal(info.head_dim, 14);
	assert_int_equal(info.n_eos, 1);
	assert_int_equal(info.eos[0], 2);
	/* two layers, keys and values, two heads of 14, F32 */
	assert_int_equal(info.token_bytes, 2 * 2 * 2 * 14 * 4);
	model_close(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(computes_the_decoders_as_transformers_does),
	    cmocka_unit_test(
		computes_gguf_files_as_the_checkpoints_they_came_from),
	    cmocka_unit_test(embeds_with_a_gguf_file),
	    cmocka_unit_test(computes_the_encoders_as_transformers_does),
	    cmocka_unit_test(embeds_a_batch_as_it_embeds_one),
	    cmocka_unit_test(goes_on_from_where_a_text_was_cut),
	    cmocka_unit_test(keeps_only_the_pages_a_window_needs),
	    cmocka_unit_test(steps_several_texts_as_it_steps_each),
	    cmocka_unit_test(counts_keys_and_values_beforehand),
	    cmocka_unit_test(refuses_tokens_that_do_not_fit),
	    cmocka_unit_test(says_what_a_model_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
