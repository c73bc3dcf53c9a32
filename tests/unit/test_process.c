/* test_process.c -- the process as its metrics tell it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "gateway/process.h"

struct fixture {
	struct metrics *metrics;
	struct process_metrics process;
};

static int set_up(void **state)
{
	struct fixture *f = mem_new(struct fixture);

	f->metrics = metrics_new(gateway_metric_specs, METRIC_COUNT);
	process_metrics_init(
	    &f->process, f->metrics, 1700000000 * NS_PER_S + 999);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	metrics_free(&f->metrics);
	free(f);
	return 0;
}

static int64_t read_one(struct fixture *f, const struct metric *metric)
{
	process_metrics_read(&f->process);
	return metric_value(metric);
}

static void says_when_it_began_and_what_it_is(void **state)
{
	struct fixture *f = *state;
	struct buf out;

	assert_true(metric_value(metrics_get(
			f->metrics, METRIC_PROCESS_START, NULL)) == 1700000000);
	buf_init(&out, (size_t)1 << 20);
	assert_true(metrics_write(f->metrics, &out));
	assert_true(span_find(buf_span(&out),
			SPAN("\nsluice_build_info{version=\""), 0) != SIZE_MAX);
	buf_free(&out);
}

static void counts_descriptors_as_they_come_and_go(void **state)
{
	struct fixture *f = *state;
	int64_t before = read_one(f, f->process.fds);
	struct rlimit limit;
	int ends[2];

	assert_true(before >= 0);
	assert_int_equal(pipe(ends), 0);
	assert_true(read_one(f, f->process.fds) == before + 2);
	close(ends[0]);
	close(ends[1]);
	assert_true(read_one(f, f->process.fds) == before);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(
	    metric_value(f->process.max_fds) == (int64_t)limit.rlim_cur);
}

static void counts_cpu_time_that_never_falls(void **state)
{
	struct fixture *f = *state;
	int64_t before = read_one(f, f->process.cpu), after = before;
	volatile unsigned work = 0;

	for (int i = 0; i < 1000 && after == before; i++) {
		for (int j = 0; j < 1000000; j++)
			work += (unsigned)j;
		after = read_one(f, f->process.cpu);
		assert_true(after >= before);
	}
	(void)work;
	assert_true(after > before);
}

static void tells_resident_memory_in_bytes(void **state)
{
	struct fixture *f = *state;
	const size_t size = (size_t)64 << 20;
	int64_t before = read_one(f, f->process.resident), after;
	char *memory = mem_alloc(size);

	assert_true(before > 100 * 1024);
	for (size_t i = 0; i < size; i += 512)
		((volatile char *)memory)[i] = 1;
	after = read_one(f, f->process.resident);
	free(memory);
	assert_true(after - before > (int64_t)size / 2);
	assert_true(after - before < (int64_t)size * 4);
	assert_true(metric_value(f->process.virtual) >= after);
}

#define process_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    process_test(says_when_it_began_and_what_it_is),
	    process_test(counts_descriptors_as_they_come_and_go),
	    process_test(counts_cpu_time_that_never_falls),
	    process_test(tells_resident_memory_in_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
