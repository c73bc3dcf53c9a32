/* test_snapshot.c -- a configuration in force, and what it points at. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>

#include "gateway/snapshot.h"
#include "tests/unit/gateway_help.h"

#define TWO_MODELS                                                             \
	"providers:\n"                                                         \
	"  - {name: up, base_url: \"http://127.0.0.1:9101/v1\"}\n"             \
	"models:\n"                                                            \
	"  - {name: up/small, provider: up}\n"                                 \
	"  - {name: up/large, provider: up}\n"                                 \
	"policy: policy.yaml\n"

static struct snapshot *load(struct place *place, struct upstreams *upstreams)
{
	place_load_well(place, TWO_MODELS);
	return snapshot_new(config_ref(place->config), upstreams, NULL);
}

static void shows_how_each_model_stands(void **state)
{
	struct metrics *metrics =
	    metrics_new(gateway_metric_specs, METRIC_COUNT);
	struct upstreams *upstreams = upstreams_new(metrics);
	struct snapshot *snapshot = load(*state, upstreams);
	const struct config_breaker settings = {1, NS_PER_S, NS_PER_S};
	struct router_load load[2];

	log_set_level(LOG_ERROR);
	atomic_store(&snapshot->upstreams[0]->in_flight, 7);
	upstream_failed(snapshot->upstreams[1], &settings, NS_PER_S);
	snapshot_load(snapshot, NS_PER_S, load);
	assert_int_equal(load[0].queue, 7);
	assert_true(load[0].is_healthy);
	assert_true(load[0].kv_free == 1.0);
	assert_int_equal(load[1].queue, 0);
	assert_false(load[1].is_healthy);
	snapshot_load(snapshot, 2 * NS_PER_S, load);
	assert_true(load[1].is_healthy);
	snapshot_unref(&snapshot);
	assert_null(snapshot);
	upstreams_free(&upstreams);
	metrics_free(&metrics);
}

static void what_is_learnt_of_a_model_outlives_a_reload(void **state)
{
	struct metrics *metrics =
	    metrics_new(gateway_metric_specs, METRIC_COUNT);
	struct upstreams *upstreams = upstreams_new(metrics);
	struct snapshot *before = load(*state, upstreams);
	struct upstream *small = before->upstreams[0];
	struct snapshot *after = load(*state, upstreams);

	assert_ptr_not_equal(before->config, after->config);
	assert_ptr_equal(after->upstreams[0], small);
	assert_string_equal(after->upstreams[1]->name, "up/large");
	snapshot_unref(&before);
	assert_string_equal(small->name, "up/small");
	snapshot_unref(&after);
	upstreams_free(&upstreams);
	metrics_free(&metrics);
}

static void keeps_its_configuration_until_the_last_lets_go(void **state)
{
	struct place *place = *state;
	struct metrics *metrics =
	    metrics_new(gateway_metric_specs, METRIC_COUNT);
	struct upstreams *upstreams = upstreams_new(metrics);
	struct snapshot *one = load(place, upstreams);
	struct snapshot *two = snapshot_ref(one);

	config_unref(&place->config);
	snapshot_unref(&one);
	assert_null(one);
	assert_string_equal(two->config->models[1].name, "up/large");
	snapshot_unref(&two);
	snapshot_unref(&two);
	upstreams_free(&upstreams);
	metrics_free(&metrics);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(shows_how_each_model_stands),
	    TEST(what_is_learnt_of_a_model_outlives_a_reload),
	    TEST(keeps_its_configuration_until_the_last_lets_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
