/* test_metric.c -- series, buckets and the Prometheus text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/metric.h"

enum {
	REQUESTS,
	QUEUE,
	DURATION,
	SAVED,
	CPU,
};

static const struct metric_spec specs[] = {
    {"sluice_requests_total", METRIC_COUNTER,
	"Requests, by \\ \"model\"\nand"
	" status.",
	{"model", "status"}},
    {"sluice_queue", METRIC_GAUGE, "Waiting.", {"model"}},
    {"sluice_duration_seconds", METRIC_HISTOGRAM, "From first byte to last.",
	{"route"}},
    {"sluice_saved", METRIC_UNTYPED, "Nano-dollars.", {NULL}},
    {"process_cpu_seconds_total", METRIC_SECONDS, "CPU time.", {NULL}},
};

#define N_SPECS (sizeof(specs) / sizeof(specs[0]))

static struct metric *get(
    struct metrics *metrics, size_t spec, const char *a, const char *b)
{
	const char *const values[] = {a, b};

	return metrics_get(metrics, spec, values);
}

static int make_metrics(void **state)
{
	*state = metrics_new(specs, N_SPECS);
	return 0;
}

static int free_metrics(void **state)
{
	struct metrics *metrics = *state;

	metrics_free(&metrics);
	assert_null(metrics);
	metrics_free(&metrics);
	return 0;
}

static bool has_line(struct span text, const char *line)
{
	struct span part;

	while (span_split(&text, '\n', &part)) {
		if (span_eq(part, span_of(line)))
			return true;
	}
	return false;
}

static void assert_line(struct metrics *metrics, const char *line)
{
	struct buf buf;
	bool is_there;

	buf_init(&buf, (size_t)1 << 20);
	assert_true(metrics_write(metrics, &buf));
	is_there = has_line(buf_span(&buf), line);
	if (!is_there)
		print_error(
		    "no \"%s\" in:\n%.*s", line, SPAN_FMT(buf_span(&buf)));
	buf_free(&buf);
	assert_true(is_there);
}

static void gives_the_same_series_for_the_same_labels(void **state)
{
	struct metrics *metrics = *state;
	struct metric *metric = get(metrics, REQUESTS, "a", "200");

	assert_ptr_equal(get(metrics, REQUESTS, "a", "200"), metric);
	assert_ptr_not_equal(get(metrics, REQUESTS, "a", "404"), metric);
	assert_ptr_not_equal(get(metrics, REQUESTS, "a2", "00"), metric);
	assert_ptr_not_equal(get(metrics, QUEUE, "a", NULL), metric);
	metric_add(metric, 2);
	metric_add(metric, 3);
	assert_true(metric_value(metric) == 5);
	metric_set(get(metrics, QUEUE, "a", NULL), 7);
	metric_add(get(metrics, QUEUE, "a", NULL), -9);
	assert_true(metric_value(get(metrics, QUEUE, "a", NULL)) == -2);
}

static void writes_families_without_series(void **state)
{
	static const char expected[] =
	    "# HELP sluice_requests_total Requests, by \\\\ \"model\"\\nand "
	    "status.\n"
	    "# TYPE sluice_requests_total counter\n"
	    "# HELP sluice_queue Waiting.\n"
	    "# TYPE sluice_queue gauge\n"
	    "# HELP sluice_duration_seconds From first byte to last.\n"
	    "# TYPE sluice_duration_seconds histogram\n"
	    "# HELP sluice_saved Nano-dollars.\n"
	    "# TYPE sluice_saved untyped\n"
	    "sluice_saved 0\n"
	    "# HELP process_cpu_seconds_total CPU time.\n"
	    "# TYPE process_cpu_seconds_total counter\n"
	    "process_cpu_seconds_total 0.000000000\n";
	struct buf buf;

	buf_init(&buf, sizeof(expected) - 1);
	assert_true(metrics_write(*state, &buf));
	assert_int_equal(buf_len(&buf), sizeof(expected) - 1);
	assert_memory_equal(buf_span(&buf).ptr, expected, buf_len(&buf));
	buf_free(&buf);
	for (size_t max = 0; max < sizeof(expected) - 1; max++) {
		buf_init(&buf, max);
		assert_false(metrics_write(*state, &buf));
		buf_free(&buf);
	}
}

static void escapes_label_values(void **state)
{
	struct metrics *metrics = *state;

	metric_add(get(metrics, REQUESTS, "a\\b\"c\nd", "gr\xc3\xbcn\xff!"), 1);
	assert_line(metrics, "sluice_requests_total{model=\"a\\\\b\\\"c\\nd\","
			     "status=\"gr\xc3\xbcn\xef\xbf\xbd!\"} 1");
}

static void writes_cumulative_buckets_in_seconds(void **state)
{
	struct metrics *metrics = *state;
	struct metric *metric = get(metrics, DURATION, "chat", NULL);

	metric_observe(metric, -5);
	metric_observe(metric, NS_PER_MS / 10);
	metric_observe(metric, NS_PER_MS / 10 + 500);
	metric_observe(metric, 2 * NS_PER_S);
	metric_observe(metric, 500 * NS_PER_S);
	assert_true(metric_value(metric) == 5);
	assert_line(metrics,
	    "sluice_duration_seconds_bucket{route=\"chat\",le=\"0.0001\"} 2");
	assert_line(metrics,
	    "sluice_duration_seconds_bucket{route=\"chat\",le=\"0.00025\"} 3");
	assert_line(metrics,
	    "sluice_duration_seconds_bucket{route=\"chat\",le=\"1\"} 3");
	assert_line(metrics,
	    "sluice_duration_seconds_bucket{route=\"chat\",le=\"2.5\"} 4");
	assert_line(metrics,
	    "sluice_duration_seconds_bucket{route=\"chat\",le=\"120\"} 4");
	assert_line(metrics,
	    "sluice_duration_seconds_bucket{route=\"chat\",le=\"+Inf\"} 5");
	assert_line(
	    metrics, "sluice_duration_seconds_sum{route=\"chat\"} 502.000201");
	assert_line(metrics, "sluice_duration_seconds_count{route=\"chat\"} 5");
}

static void writes_counted_nanoseconds_as_seconds(void **state)
{
	struct metrics *metrics = *state;
	struct metric *metric = get(metrics, CPU, NULL, NULL);

	metric_add(metric, 12 * NS_PER_S);
	metric_add(metric, 34000567);
	assert_true(metric_value(metric) == 12034000567);
	assert_line(metrics, "process_cpu_seconds_total 12.034000567");
}

static void lets_untyped_sums_fall_below_0(void **state)
{
	struct metrics *metrics = *state;

	metric_add(get(metrics, SAVED, NULL, NULL), 5);
	metric_add(get(metrics, SAVED, NULL, NULL), -7);
	assert_line(metrics, "sluice_saved -2");
}

static void interpolates_quantiles_inside_a_bucket(void **state)
{
	struct metric *metric = get(*state, DURATION, "chat", NULL);
	size_t n;
	const int64_t *buckets = metric_buckets(&n);

	for (size_t i = 1; i < n; i++)
		assert_true(buckets[i] > buckets[i - 1]);
	assert_true(metric_quantile(metric, 0.5) == 0);
	for (int i = 0; i < 10; i++)
		metric_observe(metric, 15 * NS_PER_S); /* 10 s to 30 s */
	assert_true(metric_quantile(metric, 0.5) == 20 * NS_PER_S);
	assert_true(metric_quantile(metric, 0) == 10 * NS_PER_S);
	assert_true(metric_quantile(metric, 1) == 30 * NS_PER_S);
	for (int i = 0; i < 30; i++)
		metric_observe(metric, NS_PER_MS / 20);
	assert_true(metric_quantile(metric, 0.375) == NS_PER_MS / 20);
	assert_true(metric_quantile(metric, 0.875) == 20 * NS_PER_S);
	for (int i = 0; i < 1000; i++)
		metric_observe(metric, 999 * NS_PER_S);
	assert_true(metric_quantile(metric, 0.9) == buckets[n - 1]);
}

static void sends_the_names_past_its_bound_to_other(void **state)
{
	struct metrics *metrics = *state;
	struct metric *first = get(metrics, QUEUE, "0", NULL), *other;

	for (int i = 0; i < 1500; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		metric_add(get(metrics, QUEUE, name, NULL), 1);
	}
	other = get(metrics, QUEUE, "other", NULL);
	assert_ptr_equal(get(metrics, QUEUE, "0", NULL), first);
	assert_true(metric_value(first) == 1);
	assert_ptr_not_equal(get(metrics, QUEUE, "999", NULL), other);
	assert_ptr_equal(get(metrics, QUEUE, "1000", NULL), other);
	assert_true(metric_value(other) == 500);
	/* Another family has its own bound. */
	assert_ptr_not_equal(get(metrics, REQUESTS, "1000", "200"),
	    get(metrics, REQUESTS, "other", "other"));
}

static void cuts_label_values_that_are_too_long(void **state)
{
	struct metrics *metrics = *state;
	char name[201];

	memset(name, 'x', 200);
	name[200] = '\0';
	metric_add(get(metrics, QUEUE, name, NULL), 1);
	name[150] = 'y';
	metric_add(get(metrics, QUEUE, name, NULL), 1);
	name[128] = '\0';
	assert_true(metric_value(get(metrics, QUEUE, name, NULL)) == 2);
}

static void *work(void *arg)
{
	struct metrics *metrics = arg;

	for (int i = 0; i < 2000; i++) {
		char name[16];
		struct buf buf;

		snprintf(name, sizeof(name), "%d", i % 300);
		metric_add(get(metrics, QUEUE, name, NULL), 1);
		metric_observe(get(metrics, DURATION, "chat", NULL), i);
		if (i % 500 == 0) {
			buf_init(&buf, (size_t)1 << 20);
			if (!metrics_write(metrics, &buf))
				metric_add(get(metrics, SAVED, NULL, NULL), 1);
			buf_free(&buf);
		}
	}
	return NULL;
}

static void loses_nothing_between_threads(void **state)
{
	struct metrics *metrics = *state;
	pthread_t threads[4];
	int64_t sum = 0;

	for (int i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, work, metrics), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (int i = 0; i < 300; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		sum += metric_value(get(metrics, QUEUE, name, NULL));
	}
	assert_true(sum == 8000);
	assert_true(metric_value(get(metrics, DURATION, "chat", NULL)) == 8000);
	assert_true(metric_value(get(metrics, SAVED, NULL, NULL)) == 0);
}

#define metric_test(f)                                                         \
	cmocka_unit_test_setup_teardown(f, make_metrics, free_metrics)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    metric_test(gives_the_same_series_for_the_same_labels),
	    metric_test(writes_families_without_series),
	    metric_test(escapes_label_values),
	    metric_test(writes_cumulative_buckets_in_seconds),
	    metric_test(writes_counted_nanoseconds_as_seconds),
	    metric_test(lets_untyped_sums_fall_below_0),
	    metric_test(interpolates_quantiles_inside_a_bucket),
	    metric_test(sends_the_names_past_its_bound_to_other),
	    metric_test(cuts_label_values_that_are_too_long),
	    metric_test(loses_nothing_between_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
