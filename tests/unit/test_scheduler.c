/* test_scheduler.c -- many texts at once are written as each would be alone. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/model_fixture.h"
#include "tests/unit/scheduler_fixture.h"

#define VOCAB 101
#define TEXTS 8
#define MAX_TOKENS 60

static const struct model_options exact = {
    .is_exact = true, .threads = 1, .chunk = 32};
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
		struct place place = place_open(families[i], &exact, &usual, 0);

		check_together(&place);
		place_close(&place);
	}
}

static void draws_what_a_generator_draws(void **state)
{
	struct place place = place_open("llama", &exact, &usual, 0);
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
	struct place place = place_open("llama", &exact, &usual, 0);
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
	struct checkpoint *apart = place_checkpoint(name, &exact);
	struct place place = place_open(name, &exact, &options,
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

/* Holds the thread in a callback until it is let go. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_shut, is_reached;
};

static void wait_at_gate(void *arg, const struct job_piece *piece)
{
	struct gate *gate = arg;

	(void)piece;
	pthread_mutex_lock(&gate->lock);
	gate->is_reached = true;
	pthread_cond_broadcast(&gate->changed);
	while (gate->is_shut)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

static void end_at_gate(void *arg, const struct job_ended *ended)
{
	(void)arg;
	(void)ended;
}

/* Starts a text whose first token keeps the thread until the gate opens. */
static struct job *hold_thread(struct lane *lane, struct gate *gate)
{
	static const uint32_t prompt[] = {5};
	struct job_options options = {.prompt = prompt,
	    .n_prompt = 1,
	    .generate = {.max_tokens = 2},
	    .watch = {wait_at_gate, end_at_gate, gate}};
	struct error err;
	struct job_offer offer;

	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->changed, NULL);
	gate->is_shut = true;
	gate->is_reached = false;
	offer = job_new(lane, &options, &err);
	assert_int_equal(offer.refusal, JOB_TAKEN);
	pthread_mutex_lock(&gate->lock);
	while (!gate->is_reached)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
	return offer.job;
}

static void open_gate(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->is_shut = false;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

static void refuses_more_than_may_wait(void **state)
{
	struct lane_options small = {.batch = 2, .queue = 3};
	struct place place = place_open("llama", &exact, &small, 0);
	static struct heard heard[4];
	uint32_t prompt[4];
	struct job_options options;
	struct job_offer offer;
	struct lane_stats stats;
	struct gate gate;
	struct error err;
	struct job *held = hold_thread(place.lane, &gate);

	(void)state;
	make_prompt(prompt, 4, 9, VOCAB);
	for (int i = 0; i < 4; i++) {
		options = heard_options(&heard[i], prompt, 4, 4);
		heard_start(&heard[i], place.lane, &options);
	}
	offer = job_new(place.lane, &options, &err);
	assert_int_equal(offer.refusal, JOB_FULL);
	assert_non_null(strstr(err.text, "4 texts wait already"));
	assert_null(offer.job);
	assert_true(offer.retry_ns > 0);
	lane_stats(place.lane, &stats);
	assert_int_equal(stats.refused, 1);
	assert_int_equal(stats.waiting, 4);
	open_gate(&gate);
	for (int i = 0; i < 4; i++) {
		heard_done(&heard[i]);
		assert_int_equal(heard[i].n, 4);
	}
	job_drop(&held);
	place_close(&place);
}

/* Remembers the order in which texts ended. */
struct order {
	struct heard *ended[16];
	int n;
};

static void note_end(void *arg, struct heard *heard)
{
	struct order *order = arg;

	order->ended[order->n++] = heard;
}

static void takes_turns_between_tenants(void **state)
{
	struct lane_options one = {.batch = 1};
	struct place place = place_open("llama", &exact, &one, 0);
	static struct heard heard[6];
	struct order order = {.n = 0};
	uint32_t prompt[4];
	struct gate gate;
	struct job *held = hold_thread(place.lane, &gate);

	(void)state;
	make_prompt(prompt, 4, 9, VOCAB);
	/* Four of one tenant came before two of another. */
	for (int i = 0; i < 6; i++) {
		struct job_options options =
		    heard_options(&heard[i], prompt, 4, 4);

		heard[i].on_end = note_end;
		heard[i].arg = &order;
		options.tenant = i < 4 ? SPAN("a") : SPAN("b");
		heard_start(&heard[i], place.lane, &options);
	}
	open_gate(&gate);
	for (int i = 0; i < 6; i++)
		heard_done(&heard[i]);
	assert_ptr_equal(order.ended[0], &heard[0]);
	assert_ptr_equal(order.ended[1], &heard[4]);
	assert_ptr_equal(order.ended[2], &heard[1]);
	assert_ptr_equal(order.ended[3], &heard[5]);
	assert_ptr_equal(order.ended[4], &heard[2]);
	assert_ptr_equal(order.ended[5], &heard[3]);
	job_drop(&held);
	place_close(&place);
}

static void lets_a_higher_priority_go_first(void **state)
{
	struct lane_options one = {.batch = 1};
	struct place place = place_open("llama", &exact, &one, 0);
	static struct heard heard[3];
	struct order order = {.n = 0};
	uint32_t prompt[4];
	struct gate gate;
	struct job *held = hold_thread(place.lane, &gate);

	(void)state;
	make_prompt(prompt, 4, 9, VOCAB);
	for (int i = 0; i < 3; i++) {
		struct job_options options =
		    heard_options(&heard[i], prompt, 4, 4);

		heard[i].on_end = note_end;
		heard[i].arg = &order;
		options.priority = i == 2 ? 1 : 0;
		heard_start(&heard[i], place.lane, &options);
	}
	open_gate(&gate);
	for (int i = 0; i < 3; i++)
		heard_done(&heard[i]);
	assert_ptr_equal(order.ended[0], &heard[2]);
	assert_ptr_equal(order.ended[1], &heard[0]);
	job_drop(&held);
	place_close(&place);
}

static void does_not_let_a_short_prompt_wait_for_a_long_one(void **state)
{
	struct place place = place_open("llama", &exact, &usual, 0);
	static uint32_t prompts[2][200];
	static struct heard heard[2];
	struct order order = {.n = 0};
	struct gate gate;
	struct job *held = hold_thread(place.lane, &gate);

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct job_options options =
		    heard_options(&heard[i], prompts[i], i ? 20 : 200, 1);

		make_prompt(prompts[i], 200, i, VOCAB);
		heard[i].on_end = note_end;
		heard[i].arg = &order;
		heard_start(&heard[i], place.lane, &options);
	}
	open_gate(&gate);
	for (int i = 0; i < 2; i++)
		heard_done(&heard[i]);
	assert_ptr_equal(order.ended[0], &heard[1]);
	job_drop(&held);
	place_close(&place);
}

static void refuses_who_waited_too_long(void **state)
{
	struct lane_options hasty = {.wait_ns = 1};
	struct place place = place_open("llama", &exact, &hasty, 0);
	static struct heard heard;
	uint32_t prompt[4];
	struct job_options options = heard_options(&heard, prompt, 4, 4);
	struct lane_stats stats;

	(void)state;
	make_prompt(prompt, 4, 9, VOCAB);
	heard_start(&heard, place.lane, &options);
	heard_done(&heard);
	assert_int_equal(heard.ended.end, JOB_LATE);
	assert_int_equal(heard.n, 0);
	assert_true(heard.ended.use.waited_ns > 0);
	lane_stats(place.lane, &stats);
	assert_int_equal(stats.refused, 1);
	place_close(&place);
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
	struct place place = place_open("llama", &exact, &usual, 0);
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
	struct place place = place_open("llama", &exact, &usual, 0);
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
	struct place place = place_open("bert", &exact, &usual, 0);
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
	    cmocka_unit_test(refuses_more_than_may_wait),
	    cmocka_unit_test(takes_turns_between_tenants),
	    cmocka_unit_test(lets_a_higher_priority_go_first),
	    cmocka_unit_test(does_not_let_a_short_prompt_wait_for_a_long_one),
	    cmocka_unit_test(refuses_who_waited_too_long),
	    cmocka_unit_test(names_what_is_wrong_with_a_job),
	    cmocka_unit_test(ends_every_job_when_a_lane_closes),
	    cmocka_unit_test(encodes_as_the_model_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
