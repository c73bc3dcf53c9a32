/* access_log.c -- one JSON line a request on standard output. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/access_log.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	FLUSH_AT = 32 * 1024,
	BACKLOG_MAX = 1 << 20,
	LINE_MAX_LEN = 8192
};
#define FLUSH_AFTER (100 * NS_PER_MS)

struct access_log {
	int fd;
	struct loop *loop;
	struct loop_hook hook;
	struct deadline deadline;
	struct buf lines;
	uint64_t dropped;
};

static void flush(struct access_log *log)
{
	struct span lines = buf_span(&log->lines);
	ssize_t n;

	if (lines.len == 0)
		return;
	n = write(log->fd, lines.ptr, lines.len);
	if (n > 0)
		buf_consume(&log->lines, (size_t)n);
	else if (errno != EAGAIN && errno != EINTR)
		buf_consume(&log->lines, lines.len);
	buf_release_if_empty(&log->lines);
	if (buf_len(&log->lines) > 0)
		deadline_after(&log->deadline, FLUSH_AFTER);
}

static void on_deadline(void *arg)
{
	flush(arg);
}

static void on_turn(void *arg)
{
	struct access_log *log = arg;

	if (buf_len(&log->lines) >= FLUSH_AT)
		flush(log);
}

struct access_log *access_log_new(struct loop *loop, int fd)
{
	struct access_log *log = mem_new(struct access_log);

	log->fd = fd;
	log->loop = loop;
	buf_init(&log->lines, BACKLOG_MAX);
	deadline_init(&log->deadline, loop, on_deadline, log);
	log->hook = (struct loop_hook){.fn = on_turn, .arg = log};
	loop_add_hook(loop, &log->hook);
	return log;
}

void access_log_free(struct access_log **log)
{
	struct access_log *old = *log;

	if (!old)
		return;
	flush(old);
	loop_remove_hook(old->loop, &old->hook);
	deadline_free(&old->deadline);
	buf_free(&old->lines);
	free(old);
	*log = NULL;
}

void access_log_write(struct access_log *log, const struct line *line)
{
	bool was_empty = buf_len(&log->lines) == 0;
	struct json_out out;
	char *room;

	if (log->fd < 0)
		return;
	room = buf_reserve(&log->lines, LINE_TEXT_MAX + 1);
	if (!room) {
		if (log->dropped++ % 1000 == 0)
			log_warn(NULL, "access_log_behind", "dropped=%llu",
			    (unsigned long long)log->dropped);
		return;
	}
	json_out_init(&out, room, LINE_TEXT_MAX);
	line_write_json(line, NULL, &out);
	if (out.is_full)
		return;
	*out.at++ = '\n';
	buf_commit(&log->lines, json_out_text(&out).len);
	if (was_empty)
		deadline_after(&log->deadline, FLUSH_AFTER);
}
