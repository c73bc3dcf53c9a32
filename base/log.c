/* log.c -- one line to stderr, in one write. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_LEN ((size_t)2048) /* the newline included */

static const char cut_mark[] = "...";

struct line {
	char text[LINE_MAX_LEN];
	size_t len;
	bool is_cut;
};

static _Atomic int lowest = LOG_INFO;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&lowest, (int)level, memory_order_relaxed);
}

bool log_is_on(enum log_level level)
{
	return (int)level >=
	       atomic_load_explicit(&lowest, memory_order_relaxed);
}

/* Adds all of <text> or, when it does not fit, nothing from then on. */
static void add(struct line *line, const char *text, size_t len)
{
	size_t place = LINE_MAX_LEN - sizeof(cut_mark); /* mark and newline */

	if (line->is_cut || len > place - line->len) {
		line->is_cut = true;
		return;
	}
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

/*
 * Control characters would let a value forge a second line or talk to the
 * terminal that shows the log, so they are written as escapes.
 */
static void add_escaped(struct line *line, const char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (; *text && !line->is_cut; text++) {
		unsigned char c = (unsigned char)*text;
		char hex[] = {'\\', 'x', digits[c >> 4], digits[c & 15]};

		if (c == '\n')
			add(line, "\\n", 2);
		else if (c == '\r')
			add(line, "\\r", 2);
		else if (c == '\t')
			add(line, "\\t", 2);
		else if (c < 0x20 || c == 0x7f)
			add(line, hex, sizeof(hex));
		else
			add(line, text, 1);
	}
}

/* A cut may have split a UTF-8 sequence; its beginning goes too. */
static void drop_partial_char(struct line *line)
{
	size_t len = line->len;

	while (len > 0 && ((unsigned char)line->text[len - 1] & 0xc0) == 0x80)
		len--;
	if (len > 0 && (unsigned char)line->text[len - 1] >= 0xc0)
		line->len = len - 1;
}

static void write_line(struct line *line)
{
	ssize_t n;

	if (line->is_cut) {
		drop_partial_char(line);
		memcpy(line->text + line->len, cut_mark, sizeof(cut_mark) - 1);
		line->len += sizeof(cut_mark) - 1;
	}
	line->text[line->len++] = '\n';
	/* A log that cannot be written has nowhere to say so. */
	do {
		n = write(STDERR_FILENO, line->text, line->len);
	} while (n < 0 && errno == EINTR);
}

void log_line(enum log_level level, const char *id, const char *event,
    const char *fmt, ...)
{
	static const char *const levels[] = {"debug", "info", "warn", "error"};
	int saved_errno = errno; /* callers log first and look at it later */
	char ts[CLOCK_TEXT_MAX];
	char rest[LINE_MAX_LEN];
	struct line line;
	va_list args;

	if (!log_is_on(level))
		return;
	line.len = 0;
	line.is_cut = false;
	clock_format_utc(clock_utc_ns(), ts);
	add_escaped(&line, "ts=");
	add_escaped(&line, ts);
	add_escaped(&line, " level=");
	add_escaped(&line, levels[level]);
	add_escaped(&line, " event=");
	add_escaped(&line, event);
	if (id) {
		add_escaped(&line, " id=");
		add_escaped(&line, id);
	}
	errno = saved_errno; /* for "%m" */
	va_start(args, fmt);
	vsnprintf(rest, sizeof(rest), fmt, args);
	va_end(args);
	if (rest[0]) {
		add_escaped(&line, " ");
		add_escaped(&line, rest);
	}
	write_line(&line);
	errno = saved_errno;
}
