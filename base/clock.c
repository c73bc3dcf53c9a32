/* clock.c -- the two clocks, and RFC 3339. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#define NS_PER_US INT64_C(1000)

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;
	int rc = clock_gettime(id, &ts);

	assert(rc == 0);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t clock_mono_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_utc_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t clock_thread_cpu_ns(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

/* Rows and lines of one second share their text up to it. */
static const char *format_second(time_t seconds)
{
	static _Thread_local time_t last = -1;
	static _Thread_local char text[CLOCK_TEXT_MAX];
	struct tm tm;

	if (seconds != last || text[0] == '\0') {
		gmtime_r(&seconds, &tm);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.", &tm);
		last = seconds;
	}
	return text;
}

void clock_format_utc(int64_t utc_ns, char *text)
{
	time_t seconds = utc_ns / NS_PER_S;
	int64_t ns = utc_ns % NS_PER_S;
	const char *whole;
	size_t len;

	if (ns < 0) {
		ns += NS_PER_S;
		seconds--;
	}
	whole = format_second(seconds);
	len = strlen(whole);
	memcpy(text, whole, len);
	for (int64_t us = ns / NS_PER_US, i = 5; i >= 0; i--, us /= 10)
		text[len + (size_t)i] = (char)('0' + us % 10);
	memcpy(text + len + 6, "Z", 2);
}

/* Takes exactly <digits> digits off the front of <s>. */
static bool take_number(struct span *s, size_t digits, int *out)
{
	uint64_t value;

	if (s->len < digits || !span_to_u64(span_head(*s, digits), &value))
		return false;
	*out = (int)value;
	*s = span_from(*s, digits);
	return true;
}

static bool take_char(struct span *s, char c)
{
	if (s->len == 0 || s->ptr[0] != c)
		return false;
	*s = span_from(*s, 1);
	return true;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && is_leap);
}

static bool take_date(struct span *s, struct tm *tm)
{
	int year, month, day;

	if (!take_number(s, 4, &year) || !take_char(s, '-') ||
	    !take_number(s, 2, &month) || !take_char(s, '-') ||
	    !take_number(s, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 ||
	    day > days_in_month(year, month))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return true;
}

/*
 * HH:MM:SS and an optional fraction. Second 60 is refused: the clocks that
 * fill our records never show it.
 */
static bool take_time(struct span *s, struct tm *tm, int64_t *ns)
{
	int64_t unit = NS_PER_S / 10;

	if (!take_number(s, 2, &tm->tm_hour) || !take_char(s, ':') ||
	    !take_number(s, 2, &tm->tm_min) || !take_char(s, ':') ||
	    !take_number(s, 2, &tm->tm_sec))
		return false;
	if (tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 59)
		return false;
	*ns = 0;
	if (!take_char(s, '.'))
		return true;
	if (s->len == 0 || s->ptr[0] < '0' || s->ptr[0] > '9')
		return false;
	while (s->len > 0 && s->ptr[0] >= '0' && s->ptr[0] <= '9') {
		if (unit == 0)
			return false;
		*ns += (s->ptr[0] - '0') * unit;
		unit /= 10;
		*s = span_from(*s, 1);
	}
	return true;
}

/* "Z" or "+HH:MM", to the end of <s>, as seconds east of Greenwich. */
static bool take_offset(struct span *s, int64_t *seconds)
{
	int hours, minutes;
	bool is_west = take_char(s, '-');

	*seconds = 0;
	if (!is_west && (take_char(s, 'Z') || take_char(s, 'z')))
		return s->len == 0;
	if (!is_west && !take_char(s, '+'))
		return false;
	if (!take_number(s, 2, &hours) || !take_char(s, ':') ||
	    !take_number(s, 2, &minutes) || s->len > 0 || hours > 23 ||
	    minutes > 59)
		return false;
	*seconds = ((int64_t)hours * 60 + minutes) * (is_west ? -60 : 60);
	return true;
}

bool clock_parse_utc(struct span text, int64_t *utc_ns)
{
	struct tm tm = {0};
	int64_t ns = 0, offset = 0, value;

	if (!take_date(&text, &tm))
		return false;
	if (text.len > 0) {
		if (!take_char(&text, 'T') && !take_char(&text, 't'))
			return false;
		if (!take_time(&text, &tm, &ns) || !take_offset(&text, &offset))
			return false;
	}
	/* Years outside of 1677..2262 do not fit. */
	if (__builtin_mul_overflow(
		(int64_t)timegm(&tm) - offset, NS_PER_S, &value) ||
	    __builtin_add_overflow(value, ns, &value))
		return false;
	*utc_ns = value;
	return true;
}

bool clock_parse_duration(struct span text, int64_t *ns)
{
	static const struct {
		struct span name;
		int64_t ns;
	} units[] = {
	    {SPAN("ms"), NS_PER_MS},
	    {SPAN("s"), NS_PER_S},
	    {SPAN("m"), 60 * NS_PER_S},
	    {SPAN("h"), 3600 * NS_PER_S},
	    {SPAN("d"), 86400 * NS_PER_S},
	};
	const int64_t longest = INT64_C(36525) * 86400 * NS_PER_S;
	size_t digits = 0;
	uint64_t n;

	while (digits < text.len && text.ptr[digits] >= '0' &&
	       text.ptr[digits] <= '9')
		digits++;
	if (!span_to_u64(span_head(text, digits), &n))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!span_eq(span_from(text, digits), units[i].name))
			continue;
		if (n > (uint64_t)(longest / units[i].ns))
			return false;
		*ns = (int64_t)n * units[i].ns;
		return true;
	}
	return false;
}
