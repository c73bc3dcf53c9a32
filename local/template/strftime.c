/* strftime.c -- dates in the C locale, of a time that was handed in. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>

#include "local/template/run.h"

/*
 * Python's datetime.now().strftime(): what POSIX says and glibc adds (flags
 * and widths, %k %l %P %s), %f microseconds, %z and %Z empty, since the time
 * does not know its zone. Source: POSIX strftime(); Python's datetime module.
 */
static const char *const days[] = {"Sunday", "Monday", "Tuesday", "Wednesday",
    "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January", "February", "March", "April",
    "May", "June", "July", "August", "September", "October", "November",
    "December"};

struct date {
	struct tm tm;
	int64_t seconds; /* since the epoch, UTC */
	int64_t nanoseconds;
};

/* How a number is padded: %-d, %_d, %05d. */
struct padding {
	char flag; /* '-', '_', '0', '^', '#', or '\0' */
	int width; /* -1: the directive's own */
};

static bool put_number(struct builder *builder, int64_t number, int width,
    char fill, const struct padding *padding)
{
	char text[48];

	if (padding->flag == '_')
		fill = ' ';
	else if (padding->flag == '0')
		fill = '0';
	if (padding->width >= 0)
		width = padding->width;
	if (padding->flag == '-')
		width = 0;
	if (fill == '0')
		snprintf(
		    text, sizeof(text), "%0*lld", width, (long long)number);
	else
		snprintf(text, sizeof(text), "%*lld", width, (long long)number);
	return jinja_put(builder, span_of(text), true);
}

static bool put_word(struct builder *builder, const char *word, size_t len,
    const struct padding *padding)
{
	char text[48];
	struct span part = span_head(span_of(word), len);
	size_t missing = 0;

	if (padding->width > (int)part.len && padding->flag != '-')
		missing = (size_t)padding->width - part.len;
	for (size_t i = 0; i < part.len && i < sizeof(text); i++) {
		text[i] = part.ptr[i];
		if (padding->flag == '^' && text[i] >= 'a' && text[i] <= 'z')
			text[i] = (char)(text[i] - 32);
	}
	return jinja_put_repeated(
		   builder, padding->flag == '0' ? '0' : ' ', missing) &&
	       jinja_put(builder, span_make(text, part.len), true);
}

/* The year and week of ISO 8601: weeks have four days in their year. */
static int iso_week(const struct tm *tm, int *year)
{
	int weekday = (tm->tm_wday + 6) % 7;
	int week = (tm->tm_yday - weekday + 10) / 7;
	int days_of_year;

	*year = tm->tm_year + 1900;
	if (week < 1) {
		int before = *year - 1;
		bool is_leap =
		    (before % 4 == 0 && before % 100 != 0) || before % 400 == 0;
		int yday = tm->tm_yday + 365 + is_leap;

		*year = before;
		return (yday - weekday + 10) / 7;
	}
	days_of_year =
	    365 + ((*year % 4 == 0 && *year % 100 != 0) || *year % 400 == 0);
	if (week == 53 && tm->tm_yday - weekday + 3 >= days_of_year) {
		(*year)++;
		return 1;
	}
	return week;
}

/* What stands for others: %D is %m/%d/%y. */
static const char *expansion(char directive)
{
	switch (directive) {
	case 'D':
	case 'x':
		return "%m/%d/%y";
	case 'F':
		return "%Y-%m-%d";
	case 'T':
	case 'X':
		return "%H:%M:%S";
	case 'R':
		return "%H:%M";
	case 'r':
		return "%I:%M:%S %p";
	case 'c':
		return "%a %b %e %H:%M:%S %Y";
	default:
		return NULL;
	}
}

static bool put_name(struct builder *builder, const struct date *date,
    char directive, const struct padding *padding)
{
	const struct tm *tm = &date->tm;

	switch (directive) {
	case 'a':
		return put_word(builder, days[tm->tm_wday], 3, padding);
	case 'A':
		return put_word(builder, days[tm->tm_wday], 16, padding);
	case 'b':
	case 'h':
		return put_word(builder, months[tm->tm_mon], 3, padding);
	case 'B':
		return put_word(builder, months[tm->tm_mon], 16, padding);
	case 'p':
		if (padding->flag == '#')
			return put_word(builder, tm->tm_hour < 12 ? "am" : "pm",
			    2, padding);
		return put_word(
		    builder, tm->tm_hour < 12 ? "AM" : "PM", 2, padding);
	case 'P':
		return put_word(
		    builder, tm->tm_hour < 12 ? "am" : "pm", 2, padding);
	case 'n':
		return jinja_put(builder, SPAN("\n"), true);
	case 't':
		return jinja_put(builder, SPAN("\t"), true);
	case '%':
		return jinja_put(builder, SPAN("%"), true);
	default: /* z, Z */
		return true;
	}
}

/* The number of a directive, with its width and fill; false: it has none. */
static bool find_number(const struct date *date, char directive,
    int64_t *number, int *width, char *fill)
{
	const struct tm *tm = &date->tm;
	int year, week = iso_week(tm, &year);
	const struct {
		char directive;
		char fill;
		int width;
		int64_t number;
	} numbers[] = {
	    {'d', '0', 2, tm->tm_mday},
	    {'e', ' ', 2, tm->tm_mday},
	    {'m', '0', 2, tm->tm_mon + 1},
	    {'y', '0', 2, (tm->tm_year + 1900) % 100},
	    {'Y', '0', 0, tm->tm_year + 1900},
	    {'C', '0', 2, (tm->tm_year + 1900) / 100},
	    {'H', '0', 2, tm->tm_hour},
	    {'k', ' ', 2, tm->tm_hour},
	    {'I', '0', 2, (tm->tm_hour + 11) % 12 + 1},
	    {'l', ' ', 2, (tm->tm_hour + 11) % 12 + 1},
	    {'M', '0', 2, tm->tm_min},
	    {'S', '0', 2, tm->tm_sec},
	    {'f', '0', 6, date->nanoseconds / 1000},
	    {'j', '0', 3, tm->tm_yday + 1},
	    {'u', '0', 1, (tm->tm_wday + 6) % 7 + 1},
	    {'w', '0', 1, tm->tm_wday},
	    {'U', '0', 2, (tm->tm_yday + 7 - tm->tm_wday) / 7},
	    {'W', '0', 2, (tm->tm_yday + 7 - (tm->tm_wday + 6) % 7) / 7},
	    {'V', '0', 2, week},
	    {'G', '0', 0, year},
	    {'g', '0', 2, year % 100},
	    {'s', '0', 0, date->seconds},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i].directive == directive) {
			*number = numbers[i].number;
			*width = numbers[i].width;
			*fill = numbers[i].fill;
			return true;
		}
	}
	return false;
}

/* The directive at *at, past its percent sign. */
static bool put_directive(struct builder *builder, const struct date *date,
    struct span format, size_t *at, bool is_inner)
{
	struct padding padding = {.width = -1};
	size_t start = *at - 1;
	int64_t number;
	char fill, directive;
	int width;

	while (*at < format.len && format.ptr[*at] &&
	       strchr("-_0^#", format.ptr[*at]))
		padding.flag = format.ptr[(*at)++];
	while (*at < format.len && format.ptr[*at] >= '0' &&
	       format.ptr[*at] <= '9' && padding.width < 10)
		padding.width = (padding.width < 0 ? 0 : padding.width * 10) +
				(format.ptr[(*at)++] - '0');
	if (*at >= format.len)
		return jinja_put(builder, span_from(format, start), true);
	directive = format.ptr[(*at)++];
	if (expansion(directive) && !is_inner) {
		struct span inner = span_of(expansion(directive));

		for (size_t i = 0; i < inner.len;) {
			if (inner.ptr[i++] != '%') {
				if (!jinja_put(builder,
					span_make(inner.ptr + i - 1, 1), true))
					return false;
			} else if (!put_directive(
				       builder, date, inner, &i, true)) {
				return false;
			}
		}
		return true;
	}
	if (find_number(date, directive, &number, &width, &fill))
		return put_number(builder, number, width, fill, &padding);
	if (directive && strchr("aAbBhpPnt%zZ", directive))
		return put_name(builder, date, directive, &padding);
	/* Not a directive: as it stands. */
	return jinja_put(
	    builder, span_make(format.ptr + start, *at - start), true);
}

bool jinja_strftime(struct builder *builder, struct span format)
{
	const struct template_input *input = builder->run->input;
	int64_t local = input->now_ns / NS_PER_S + input->utc_offset_s;
	struct date date = {.seconds = input->now_ns / NS_PER_S,
	    .nanoseconds = input->now_ns % NS_PER_S};
	time_t when;
	size_t at = 0;

	if (date.nanoseconds < 0) {
		date.nanoseconds += NS_PER_S;
		local--;
	}
	when = (time_t)local;
	if (!gmtime_r(&when, &date.tm))
		return jinja_fail(builder->run, "the date is out of range");
	while (at < format.len) {
		size_t mark = span_find(format, SPAN("%"), at);

		if (mark == SIZE_MAX)
			mark = format.len;
		if (!jinja_put(
			builder, span_make(format.ptr + at, mark - at), true))
			return false;
		at = mark + 1;
		if (mark < format.len &&
		    !put_directive(builder, &date, format, &at, false))
			return false;
	}
	return true;
}
