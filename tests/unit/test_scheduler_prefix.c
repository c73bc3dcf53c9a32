/* test_scheduler_prefix.c -- what was computed before is not computed again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/model_fixture.h"
#include "tests/unit/scheduler_fixture.h"

#define PROMPT 150
#define MAX_TOKENS 40
#define COPIES 6

static const struct lane_options usual = {.name = "tiny"};

static const char *const families[] = {
    "llama", "mistral", "qwen3", "gemma3", "phi3-long"};
#define FAMILIES (sizeof(families) / sizeof(families[0]))

/* One text from begin to end; how many of its tokens were there. */
static uint32_t write_one(struct lane *lane, struct job_options *options,
    struct heard *heard, struct span tenant)
{
	*options = heard_options(
	    heard, options->prompt, (uint32_t)options->n_prompt, MAX_TOKENS);
	options->tenant = tenant;
	heard_start(heard, lane, options);
	heard_done(heard);
	return heard->ended.use.cached_tokens;
}

static void check_same(const struct heard *heard, const struct heard *other)
{
	assert_int_equal(heard->n, other->n);
	assert_memory_equal(
	    heard->tokens, other->tokens, heard->n * sizeof(heard->tokens[0]));
	assert_int_equal(heard->ended.end, other->ended.end);
}

static void check_cached(const char *name)
{
	struct place place = place_open(name, &place_exact, &usual, 0);
	struct job_options options = {.n_prompt = PROMPT};
	static uint32_t prompt[PROMPT];
	static struct heard cold, warm;
	struct lane_stats stats;

	make_prompt(prompt, PROMPT, 1, VOCAB);
	options.prompt = prompt;
	assert_int_equal(write_one(place.lane, &options, &cold, SPAN("a")), 0);
	/* The last token is computed again, and so is its page. */
	assert_int_equal(write_one(place.lane, &options, &warm, SPAN("a")),
	    (PROMPT - 1) / 16 * 16);
	check_same(&cold, &warm);
	/* A longer one goes on from there, a shorter one before. */
	options.n_prompt = 100;
	assert_true(write_one(place.lane, &options, &warm, SPAN("a")) >= 64);
	options.n_prompt = 100;
	assert_int_equal(write_one(place.lane, &options, &cold, SPAN("b")), 0);
	check_same(&cold, &warm);
	lane_stats(place.lane, &stats);
	assert_int_equal(stats.kv_used_bytes, 0);
	assert_true(stats.kv_cached_bytes > 0);
	assert_true(stats.kv_free >= 1);
	place_close(&place);
}

static void goes_on_from_a_text_before_with_the_same_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < FAMILIES; i++)
		check_cached(families[i]);
}

static void goes_on_from_an_answer(void **state)
{
	struct place place = place_open("qwen3", &place_exact, &usual, 0);
	static uint32_t prompt[PROMPT + MAX_TOKENS];
	struct job_options options = {.prompt = prompt, .n_prompt = PROMPT};
	static struct heard first, second, alone;

	(void)state;
	make_prompt(prompt, PROMPT, 1, VOCAB);
	(void)write_one(place.lane, &options, &first, SPAN("a"));
	memcpy(prompt + PROMPT, first.tokens, first.n * sizeof(*prompt));
	options.n_prompt = PROMPT + first.n;
	assert_true(
	    write_one(place.lane, &options, &second, SPAN("a")) > PROMPT);
	assert_int_equal(write_one(place.lane, &options, &alone, SPAN("b")), 0);
	check_same(&second, &alone);
	place_close(&place);
}

/* Copies that come at once wait for the first one's pages. */
static void check_copies(const char *name)
{
	struct place place = place_open(name, &place_exact, &usual, 0);
	static uint32_t prompt[PROMPT];
	static struct heard heard[COPIES];
	struct lane_stats stats;

	make_prompt(prompt, PROMPT, 2, VOCAB);
	for (int i = 0; i < COPIES; i++) {
		struct job_options options =
		    heard_options(&heard[i], prompt, PROMPT, MAX_TOKENS);

		heard_start(&heard[i], place.lane, &options);
	}
	for (int i = 0; i < COPIES; i++)
		heard_done(&heard[i]);
	lane_stats(place.lane, &stats);
	assert_int_equal(stats.prompt_tokens, COPIES * PROMPT);
	assert_int_equal(
	    stats.cached_tokens, (COPIES - 1) * ((PROMPT - 1) / 16 * 16));
	for (int i = 1; i < COPIES; i++)
		check_same(&heard[0], &heard[i]);
	place_close(&place);
}

static void computes_a_prompt_once_for_several_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < FAMILIES; i++)
		check_copies(families[i]);
}

static void goes_on_alone_when_who_computes_is_cancelled(void **state)
{
	struct place place = place_open("llama", &place_exact, &usual, 0);
	static uint32_t prompt[PROMPT];
	static struct heard heard[2];
	struct job_options options;

	(void)state;
	make_prompt(prompt, PROMPT, 2, VOCAB);
	for (int i = 0; i < 2; i++) {
		options = heard_options(&heard[i], prompt, PROMPT, MAX_TOKENS);
		heard_start(&heard[i], place.lane, &options);
	}
	job_cancel(heard[0].job);
	heard_done(&heard[0]);
	heard_done(&heard[1]);
	assert_int_equal(heard[0].ended.end, JOB_CANCELLED);
	assert_true(heard[1].n > 0);
	(void)write_one(place.lane, &options, &heard[0], SPAN("other"));
	check_same(&heard[0], &heard[1]);
	place_close(&place);
}

/* Memory for two texts; many different ones push each other's pages out. */
static void check_evicted(const char *name)
{
	struct checkpoint *apart = place_checkpoint(name, &place_exact);
	struct place place = place_open(name, &place_exact, &usual,
	    model_kv_bytes(checkpoint_model(apart), 256) * 2);
	static uint32_t prompt[PROMPT];
	static struct heard heard, again;
	struct job_options options = {.prompt = prompt, .n_prompt = PROMPT};
	struct lane_stats stats;

	for (uint32_t i = 0; i < 8; i++) {
		make_prompt(prompt, PROMPT, i, VOCAB);
		options.n_prompt = PROMPT;
		(void)write_one(place.lane, &options, &heard, SPAN("a"));
		(void)write_one(place.lane, &options, &again, SPAN("a"));
		check_same(&heard, &again);
		lane_stats(place.lane, &stats);
		assert_true(stats.kv_used_bytes + stats.kv_cached_bytes <=
			    stats.kv_max_bytes);
	}
	place_close(&place);
	checkpoint_close(&apart);
}

static void gives_up_cached_pages_when_memory_is_needed(void **state)
{
	(void)state;
	for (size_t i = 0; i < FAMILIES; i++)
		check_evicted(families[i]);
}

static void leaves_nothing_behind_when_told_so(void **state)
{
	struct lane_options options = {.keeps_no_prefix = true};
	struct place place = place_open("llama", &place_exact, &options, 0);
	static uint32_t prompt[PROMPT];
	struct job_options job = {.prompt = prompt, .n_prompt = PROMPT};
	static struct heard heard;
	struct lane_stats stats;

	(void)state;
	make_prompt(prompt, PROMPT, 2, VOCAB);
	(void)write_one(place.lane, &job, &heard, SPAN("a"));
	assert_int_equal(write_one(place.lane, &job, &heard, SPAN("a")), 0);
	lane_stats(place.lane, &stats);
	assert_int_equal(stats.kv_cached_bytes, 0);
	place_close(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(goes_on_from_a_text_before_with_the_same_answer),
	    cmocka_unit_test(goes_on_from_an_answer),
	    cmocka_unit_test(computes_a_prompt_once_for_several_answers),
	    cmocka_unit_test(goes_on_alone_when_who_computes_is_cancelled),
	    cmocka_unit_test(gives_up_cached_pages_when_memory_is_needed),
	    cmocka_unit_test(leaves_nothing_behind_when_told_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
