/* test_scheduler.c -- many texts at once are written as each would be alone. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/model_fixture.h"
#include "tests/unit/scheduler_fixture.h"

#define TEXTS 8
#define MAX_TOKENS 60

static const struct lane_options usual = {.name = "tiny"};

static const char *const families[] = {"llama", "mistral", "qwen3", "gemma3"};
#define FAMILIES (sizeof(families) / sizeof(families[0]))

static const uint32_t lengths[TEXTS] = {1, 7, 16, 17, 33, 64, 100, 5};

/* What was heard is what a generator writes alone. */
static void check_heard(const struct checkpoint *checkpoint,
    const struct job_options *options, const struct heard *heard)
{
	uint32_t alone[HEARD_MAX];
	uint32_t n = write_alone(checkpoint, options, alone);

	assert_int_equal(heard->n, n);
	assert_memory_equal(heard->tokens, alone, n * sizeof(*alone));
	assert_int_equal(heard->n_ended, 1);
	assert_int_equal(heard->ended.use.output_tokens, n);
	assert_int_equal(heard->ended.summary.n, n);
	assert_int_equal(heard->ended.end,
	    n == options->generate.max_tokens ? JOB_LENGTH : JOB_STOP);
}

/* The same texts at once and one after the other. */
static void check_together(struct place *place)
{
	static uint32_t prompts[TEXTS][128];
	static struct heard heard[TEXTS];
	struct job_options options[TEXTS];
	struct lane_stats stats;

	for (uint32_t i = 0; i < TEXTS; i++) {
		make_prompt(prompts[i], lengths[i], i, VOCAB);
		options[i] = heard_options(
		    &heard[i], prompts[i], lengths[i], MAX_TOKENS);
		heard_start(&heard[i], place->lane, &options[i]);
	}
	for (uint32_t i = 0; i < TEXTS; i++)
		heard_done(&heard[i]);
	lane_stats(place->lane, &stats);
	assert_int_equal(stats.finished, TEXTS);
	assert_int_equal(stats.running + stats.waiting, 0);
	assert_int_equal(stats.kv_used_bytes, 0);
	for (uint32_t i = 0; i < TEXTS; i++)
		check_heard(place->checkpoint, &options[i], &heard[i]);
}

static void writes_texts_together_as_it_writes_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < FAMILIES; i++) {
		struct place place =
		    place_open(families[i], &place_exact, &usual, 0);

		check_together(&place);
		place_close(&place);
	}
}

static void draws_what_a_generator_draws(void **state)
{
	struct place place = place_open("llama", &place_exact, &usual, 0);
	uint32_t prompt[20], alone[HEARD_MAX], n;
	static struct heard heard;
	struct job_options options = heard_options(&heard, prompt, 20, 40);

	(void)state;
	make_prompt(prompt, 20, 5, VOCAB);
	options.generate.sample = (struct sample_options){
	    .temperature = 1, .seed = 17, .presence = 0.5F};
	heard_start(&heard, place.lane, &options);
	heard_done(&heard);
	n = write_alone(place.checkpoint, &options, alone);
	assert_int_equal(heard.n, n);
	assert_memory_equal(heard.tokens, alone, n * sizeof(*alone));
	place_close(&place);
}

static void gives_back_what_a_cancelled_text_had(void **state)
{
	struct place place = place_open("llama", &place_exact, &usual, 0);
	uint32_t prompt[20];
	static struct heard heard;
	struct job_options options = heard_options(&heard, prompt, 20, 200);
	struct lane_stats stats;

	(void)state;
	make_prompt(prompt, 20, 3, VOCAB);
	heard.cancel_at = 3;
	heard_start(&heard, place.lane, &options);
	heard_done(&heard);
	assert_int_equal(heard.ended.end, JOB_CANCELLED);
	lane_stats(place.lane, &stats);
	assert_int_equal(stats.cancelled, 1);
	assert_int_equal(stats.kv_used_bytes, 0);
	place_close(&place);
}

/* Starts TEXTS texts and waits for all. */
static void run_all(struct lane *lane, struct job_options *jobs,
    struct heard *heard, uint32_t max_tokens)
{
	static uint32_t prompts[TEXTS][8];

	for (uint32_t i = 0; i < TEXTS; i++) {
		make_prompt(prompts[i], 8, 77 + i, VOCAB);
		jobs[i] = heard_options(&heard[i], prompts[i], 8, max_tokens);
		heard_start(&heard[i], lane, &jobs[i]);
	}
	for (uint32_t i = 0; i < TEXTS; i++)
		heard_done(&heard[i]);
}

/* Memory for one text and a half, and eight that want half of one. */
static void check_preempted(const char *name)
{
	struct lane_options options = {.name = name, .context = 256};
	struct checkpoint *apart = place_checkpoint(name, &place_exact);
	struct place place = place_open(name, &place_exact, &options,
	    model_kv_bytes(checkpoint_model(apart), 256) * 3 / 2);
	static struct heard heard[TEXTS];
	struct job_options jobs[TEXTS];
	struct lane_stats stats;

	/* Short ones first: so little is expected of the rest. */
	run_all(place.lane, jobs, heard, 1);
	run_all(place.lane, jobs, heard, 120);
	lane_stats(place.lane, &stats);
	print_message("%s: %llu preempted, %llu tokens again\n", name,
	    (unsigned long long)stats.preempted,
	    (unsigned long long)stats.recomputed_tokens);
	assert_true(stats.preempted > 0);
	assert_int_equal(stats.kv_used_bytes, 0);
	for (uint32_t i = 0; i < TEXTS; i++) {
		assert_true(heard[i].ended.use.preempted <= 1);
		check_heard(apart, &jobs[i], &heard[i]);
	}
	place_close(&place);
	checkpoint_close(&apart);
}

static void recomputes_a_text_whose_memory_was_taken_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < FAMILIES; i++)
		check_preempted(families[i]);
}

struct encoded {
	struct heard heard;
	float values[4 * 64];
	enum job_end end;
	uint32_t width;
};

static void keep_values(void *arg, const struct encode_result *result)
{
	struct encoded *e = arg;

	e->end = result->end;
	e->width = result->width;
	if (result->values)
		memcpy(e->values, result->values,
		    3 * result->width * sizeof(*e->values));
	heard_watch(&e->heard).ended(
	    &e->heard, &(struct job_ended){.end = result->end});
}

static void names_what_is_wrong_with_a_job(void **state)
{
	struct place place = place_open("llama", &place_exact, &usual, 0);
	uint32_t prompt[256] = {5};
	struct heard heard;
	struct job_options options = heard_options(&heard, prompt, 256, 1);
	struct encode_options encode = {.ended = keep_values};
	struct error err;

	(void)state;
	assert_int_equal(
	    job_new(place.lane, &options, &err).refusal, JOB_TOO_LONG);
	assert_non_null(strstr(err.text, "256 tokens"));
	options.n_prompt = 1;
	options.generate.max_tokens = 0;
	assert_int_equal(
	    job_new(place.lane, &options, &err).refusal, JOB_INVALID);
	options.generate.max_tokens = 1;
	options.generate.sample.temperature = -1;
	assert_int_equal(
	    job_new(place.lane, &options, &err).refusal, JOB_INVALID);
	assert_non_null(strstr(err.text, "temperature"));
	options.generate.sample.temperature = 0;
	options.n_tops = 21;
	assert_int_equal(
	    job_new(place.lane, &options, &err).refusal, JOB_INVALID);
	options.n_tops = 0;
	prompt[0] = VOCAB;
	assert_int_equal(
	    job_new(place.lane, &options, &err).refusal, JOB_INVALID);
	assert_non_null(strstr(err.text, "token 0 of the prompt"));
	assert_int_equal(
	    encode_new(place.lane, &encode, &err).refusal, JOB_INVALID);
	place_close(&place);
}

static void ends_every_job_when_a_lane_closes(void **state)
{
	struct place place = place_open("llama", &place_exact, &usual, 0);
	static struct heard heard[TEXTS];
	uint32_t prompt[20];
	struct lane *lane = place.lane;

	(void)state;
	make_prompt(prompt, 20, 3, VOCAB);
	for (int i = 0; i < TEXTS; i++) {
		struct job_options options =
		    heard_options(&heard[i], prompt, 20, 230);

		heard_start(&heard[i], lane, &options);
	}
	place_close(&place);
	for (int i = 0; i < TEXTS; i++) {
		assert_int_equal(heard[i].n_ended, 1);
		heard_done(&heard[i]);
	}
}

/* --- encoders ------------------------------------------------------------- */

static void encodes_as_the_model_does(void **state)
{
	struct place place = place_open("bert", &place_exact, &usual, 0);
	struct model *model = checkpoint_model(place.checkpoint);
	static uint32_t prompts[3][40];
	static struct encoded encoded[2];
	struct model_text texts[3];
	struct encode_options options = {
	    .texts = texts, .n_texts = 3, .ended = keep_values};
	struct error err;
	float one[64];

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		make_prompt(prompts[i], 40, i, VOCAB);
		texts[i] =
		    (struct model_text){.tokens = prompts[i], .n = 8 + 16 * i};
	}
	for (int i = 0; i < 2; i++) {
		struct job_offer offer;

		heard_init(&encoded[i].heard);
		options.arg = &encoded[i];
		options.classifies = i == 1;
		offer = encode_new(place.lane, &options, &err);
		assert_int_equal(offer.refusal, JOB_TAKEN);
		encoded[i].heard.job = offer.job;
	}
	for (uint32_t i = 0; i < 2; i++) {
		heard_done(&encoded[i].heard);
		assert_int_equal(encoded[i].end, JOB_STOP);
	}
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t width = encoded[0].width;

		assert_int_equal(
		    model_embed(model, &texts[i], 1, one, &err), OK);
		assert_true(fixture_difference(one,
				encoded[0].values + i * width, width) < 1e-6);
		width = encoded[1].width;
		assert_int_equal(
		    model_classify(model, &texts[i], one, &err), OK);
		assert_true(fixture_difference(one,
				encoded[1].values + i * width, width) < 1e-6);
	}
	place_close(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_texts_together_as_it_writes_each),
	    cmocka_unit_test(draws_what_a_generator_draws),
	    cmocka_unit_test(gives_back_what_a_cancelled_text_had),
	    cmocka_unit_test(recomputes_a_text_whose_memory_was_taken_back),
	    cmocka_unit_test(names_what_is_wrong_with_a_job),
	    cmocka_unit_test(ends_every_job_when_a_lane_closes),
	    cmocka_unit_test(encodes_as_the_model_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
