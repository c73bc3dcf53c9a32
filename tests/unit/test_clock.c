/* test_clock.c -- RFC 3339 both ways, and durations. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

static const struct {
	const char *text;
	int64_t ns;
} instants[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"1970-01-01", 0},
    {"1970-01-02", INT64_C(86400) * NS_PER_S},
    {"1969-12-31T23:59:59.999999999Z", -1},
    {"2026-11-23T07:19:13.123456Z", INT64_C(1795418353123456000)},
    {"2026-11-23T08:19:13.123456+01:00", INT64_C(1795418353123456000)},
    {"2026-11-22T19:34:13.123456-11:45", INT64_C(1795418353123456000)},
    {"2026-11-23t07:19:13z", INT64_C(1795418353) * NS_PER_S},
    {"2026-11-23T07:19:13-00:00", INT64_C(1795418353) * NS_PER_S},
    {"2000-02-29T12:00:00.5Z", INT64_C(951825600500000000)},
    {"2024-02-29", INT64_C(1709164800) * NS_PER_S},
    {"2262-04-11T23:47:16.854775807Z", INT64_MAX},
};

static const char *const ill_formed[] = {"", "now", "2026", "2026-11",
    "2026-11-2", "2026-13-01", "2026-00-01", "2026-11-31", "2026-11-00",
    "2023-02-29", "1900-02-29", "2026-11-23T", "2026-11-23T07:19:13",
    "2026-11-23T07:19Z", "2026-11-23 07:19:13Z", "2026-11-23T24:00:00Z",
    "2026-11-23T07:60:00Z", "2016-12-31T23:59:60Z", "2026-11-23T07:19:13.Z",
    "2026-11-23T07:19:13.1234567890Z", "2026-11-23T07:19:13,5Z",
    "2026-11-23T07:19:13+1:00", "2026-11-23T07:19:13+0100",
    "2026-11-23T07:19:13+24:00", "2026-11-23T07:19:13+01:60",
    "2026-11-23T07:19:13-Z", "2026-11-23T07:19:13Zx", "2026-11-23T07:19:13+",
    " 2026-11-23", "2026-11-23 ", "+2026-11-23", "2026/11/23", "26-11-23",
    "2026-11-23Z", "1677-01-01", "2262-04-11T23:47:16.854775808Z",
    "9999-12-31"};

static void reads_rfc_3339_with_any_offset(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(instants) / sizeof(instants[0]); i++) {
		int64_t ns = 42;

		if (!clock_parse_utc(span_of(instants[i].text), &ns) ||
		    ns != instants[i].ns)
			fail_msg(
			    "%s gave %lld", instants[i].text, (long long)ns);
	}
}

static void refuses_what_is_not_rfc_3339(void **state)
{
	int64_t ns = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(ill_formed) / sizeof(ill_formed[0]);
	     i++) {
		if (clock_parse_utc(span_of(ill_formed[i]), &ns))
			fail_msg("%s was read", ill_formed[i]);
	}
	assert_true(ns == 42);
}

static void writes_microseconds_cut_downwards(void **state)
{
	char text[CLOCK_TEXT_MAX];

	(void)state;
	clock_format_utc(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
	clock_format_utc(INT64_C(1795418353123456999), text);
	assert_string_equal(text, "2026-11-23T07:19:13.123456Z");
	clock_format_utc(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
	clock_format_utc(INT64_MAX, text);
	assert_string_equal(text, "2262-04-11T23:47:16.854775Z");
	clock_format_utc(INT64_MIN, text);
	assert_string_equal(text, "1677-09-21T00:12:43.145224Z");
}

static void reads_back_what_it_wrote(void **state)
{
	uint64_t random = 88172645463325252U;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char text[CLOCK_TEXT_MAX];
		int64_t whole, back;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		/* Whole microseconds, halved to stay clear of the ends. */
		whole = (int64_t)random / 2 / 1000 * 1000;
		clock_format_utc(whole, text);
		assert_true(clock_parse_utc(span_of(text), &back));
		assert_true(back == whole);
	}
}

static void reads_durations_with_a_unit(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} durations[] = {
	    {"0s", 0},
	    {"500ms", 500 * NS_PER_MS},
	    {"30s", 30 * NS_PER_S},
	    {"1m", 60 * NS_PER_S},
	    {"2h", 7200 * NS_PER_S},
	    {"7d", INT64_C(604800) * NS_PER_S},
	    {"36525d", INT64_C(36525) * 86400 * NS_PER_S},
	};
	static const char *const refused[] = {"", "30", "s", "1.5s", "-1s",
	    "1 s", "1S", "1sec", "1us", "1h30m", "36526d", "3155760001s",
	    "99999999999999999999s"};
	int64_t ns = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		if (!clock_parse_duration(span_of(durations[i].text), &ns) ||
		    ns != durations[i].ns)
			fail_msg(
			    "%s gave %lld", durations[i].text, (long long)ns);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (clock_parse_duration(span_of(refused[i]), &ns))
			fail_msg("%s was read", refused[i]);
	}
}

static void never_runs_backwards(void **state)
{
	int64_t mono = clock_mono_ns(), cpu = clock_thread_cpu_ns();

	(void)state;
	assert_true(clock_mono_ns() >= mono);
	assert_true(clock_thread_cpu_ns() >= cpu);
	/* After 2020: nanoseconds, not another unit. */
	assert_true(clock_utc_ns() > INT64_C(1577836800) * NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_rfc_3339_with_any_offset),
	    cmocka_unit_test(refuses_what_is_not_rfc_3339),
	    cmocka_unit_test(writes_microseconds_cut_downwards),
	    cmocka_unit_test(reads_back_what_it_wrote),
	    cmocka_unit_test(reads_durations_with_a_unit),
	    cmocka_unit_test(never_runs_backwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
