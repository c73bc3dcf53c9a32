/* clock.h -- the two clocks, and RFC 3339. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/span.h"

/*
 * Pure code never asks for the time: it is given it. These are for the shell
 * around it. Monotonic times measure and set deadlines; UTC times go into
 * records. Both are nanoseconds.
 */
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/* Long enough for "2026-11-23T07:19:13.123456Z" and its NUL. */
#define CLOCK_TEXT_MAX 32

int64_t clock_mono_ns(void);
int64_t clock_utc_ns(void);

/* CPU time of the calling thread. */
int64_t clock_thread_cpu_ns(void);

/* RFC 3339 in UTC with microseconds, into <text> of CLOCK_TEXT_MAX bytes. */
void clock_format_utc(int64_t utc_ns, char *text);

/*
 * RFC 3339 with any offset and up to nine fractional digits, or a plain date
 * (its midnight in UTC), to UTC nanoseconds; false when it is neither.
 */
bool clock_parse_utc(struct span text, int64_t *utc_ns);

/*
 * "30s", "500ms", "1m", "2h", "7d" (whole numbers) to nanoseconds; false when
 * ill-formed or past 100 years.
 */
bool clock_parse_duration(struct span text, int64_t *ns);

#endif
