/* test_scheduler_lanes.c -- several models beside each other. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "local/scheduler/internal.h"
#include "tests/unit/scheduler_fixture.h"

#define MEMORY ((uint64_t)4 << 20)
#define PROMPT 40
#define MAX_TOKENS 60

static const struct lane_options heavy = {.name = "heavy", .weight = 3};
static const struct lane_options light = {.name = "light", .weight = 1};

static struct lane *add_lane(struct place *place,
    const struct checkpoint *checkpoint, const struct lane_options *options)
{
	struct error err;
	struct lane *lane =
	    lane_new(place->scheduler, checkpoint, options, &err);

	if (!lane)
		fail_msg("%s", err.text);
	return lane;
}

static uint64_t published_max(const struct lane *lane)
{
	struct lane_stats stats;

	lane_stats(lane, &stats);
	return stats.kv_max_bytes;
}

static void write_one(struct lane *lane, uint32_t seed)
{
	static uint32_t prompt[PROMPT];
	struct heard heard;
	struct job_options options;

	make_prompt(prompt, PROMPT, seed, VOCAB);
	options = heard_options(&heard, prompt, PROMPT, MAX_TOKENS);
	heard_start(&heard, lane, &options);
	heard_done(&heard);
}

/* A lane leaves between two steps: those before it have been published. */
static void await_step_end(
    struct place *place, const struct checkpoint *checkpoint)
{
	struct lane *other = add_lane(place, checkpoint, &light);

	lane_close(&other, 0);
}

static void an_idle_lanes_share_is_published_when_others_come_and_go(
    void **state)
{
	struct place place = place_open("llama", &place_exact, &heavy, MEMORY);
	struct checkpoint *checkpoint = place_checkpoint("qwen3", &place_exact);
	struct lane *other;
	struct lane_stats stats;

	(void)state;
	assert_int_equal(published_max(place.lane), MEMORY);
	write_one(place.lane, 1);
	other = add_lane(&place, checkpoint, &light);
	assert_int_equal(published_max(place.lane), MEMORY / 4 * 3);
	assert_int_equal(published_max(other), MEMORY / 4);
	lane_close(&other, 0);
	lane_stats(place.lane, &stats);
	assert_int_equal(stats.kv_max_bytes, MEMORY);
	assert_int_equal(stats.kv_used_bytes, 0);
	assert_true(stats.kv_free == 1);
	place_close(&place);
	checkpoint_close(&checkpoint);
}

static void cached_prefixes_shrink_with_an_idle_lanes_share(void **state)
{
	struct checkpoint *checkpoint = place_checkpoint("llama", &place_exact);
	uint64_t memory = 2 * model_kv_bytes(checkpoint_model(checkpoint), 256);
	struct place place = place_open("llama", &place_exact, &light, memory);
	struct lane_stats stats;
	struct lane *other;

	(void)state;
	for (uint32_t i = 0; i < 8; i++)
		write_one(place.lane, i);
	lane_stats(place.lane, &stats);
	assert_true(stats.kv_cached_bytes > memory / 2);
	other = add_lane(&place, checkpoint, &light);
	write_one(other, 1);
	lane_stats(place.lane, &stats);
	assert_int_equal(stats.kv_max_bytes, memory / 2);
	assert_true(stats.kv_cached_bytes <= memory / 2);
	lane_close(&other, 0);
	place_close(&place);
	checkpoint_close(&checkpoint);
}

static void an_encoder_takes_time_but_no_memory(void **state)
{
	struct place place = place_open("llama", &place_exact, &light, MEMORY);
	struct checkpoint *checkpoint = place_checkpoint("bert", &place_exact);
	struct lane *encoder = add_lane(&place, checkpoint, &heavy);
	struct lane_stats stats;

	(void)state;
	assert_int_equal(published_max(place.lane), MEMORY);
	lane_stats(encoder, &stats);
	assert_int_equal(stats.kv_max_bytes, 0);
	assert_true(stats.kv_free == 1);
	lane_close(&encoder, 0);
	place_close(&place);
	checkpoint_close(&checkpoint);
}

static void every_step_is_charged_by_its_lanes_weight(void **state)
{
	struct place place = place_open("llama", &place_exact, &heavy, MEMORY);
	struct checkpoint *checkpoint = place_checkpoint("qwen3", &place_exact);
	struct lane_stats stats;
	uint64_t had;

	(void)state;
	write_one(place.lane, 1);
	await_step_end(&place, checkpoint);
	lane_stats(place.lane, &stats);
	had = stats.busy_ns / heavy.weight;
	assert_true(stats.steps > 0);
	assert_in_range(place.lane->turn.at, had, had + stats.steps);
	place_close(&place);
	checkpoint_close(&checkpoint);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		an_idle_lanes_share_is_published_when_others_come_and_go),
	    cmocka_unit_test(cached_prefixes_shrink_with_an_idle_lanes_share),
	    cmocka_unit_test(an_encoder_takes_time_but_no_memory),
	    cmocka_unit_test(every_step_is_charged_by_its_lanes_weight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
