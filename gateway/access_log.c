/* access_log.c -- one JSON line a request on standard output. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/access_log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FLUSH_AT = 32 * 1024,
	BACKLOG_MAX = 1 << 20
};
#define FLUSH_AFTER (100 * NS_PER_MS)

/*
 * Standard output is shared with whoever started us, so it stays as blocking
 * as it was found. A pipe that polls as writable takes PIPE_BUF bytes whole
 * without waiting, as long as nobody else fills it in between: no two workers
 * write at once.
 */
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

struct access_log {
	int fd;
	struct loop *loop;
	struct loop_hook hook;
	struct deadline deadline;
	struct buf lines;
	uint64_t dropped;
	bool never_waits; /* a file: takes everything at once */
	bool is_behind;   /* its reader is: look again at the deadline */
};

/* As many whole lines of <lines> as go into <max> bytes; none is longer. */
static struct span whole_lines(struct span lines, size_t max)
{
	const char *end;

	if (lines.len <= max)
		return lines;
	end = memrchr(lines.ptr, '\n', max);
	return span_head(lines, end ? (size_t)(end - lines.ptr) + 1 : max);
}

/* False when nothing can be written now. */
static bool write_some(struct access_log *log)
{
	struct pollfd ready = {.fd = log->fd, .events = POLLOUT};
	struct span piece = whole_lines(
	    buf_span(&log->lines), log->never_waits ? SIZE_MAX : PIPE_BUF);
	ssize_t n;

	if (!log->never_waits && poll(&ready, 1, 0) != 1)
		return false;
	n = write(log->fd, piece.ptr, piece.len);
	if (n == 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return false;
	/* What fails otherwise fails again: nobody reads any more. */
	buf_consume(&log->lines, n < 0 ? SIZE_MAX : (size_t)n);
	return true;
}

static void flush(struct access_log *log)
{
	bool goes_on = true;

	if (buf_len(&log->lines) == 0)
		return;
	pthread_mutex_lock(&writing);
	while (goes_on && buf_len(&log->lines) > 0)
		goes_on = write_some(log);
	pthread_mutex_unlock(&writing);
	log->is_behind = !goes_on;
	buf_release_if_empty(&log->lines);
	if (log->is_behind)
		deadline_after(&log->deadline, FLUSH_AFTER);
}

static void on_deadline(void *arg)
{
	flush(arg);
}

static void on_turn(void *arg)
{
	struct access_log *log = arg;

	if (buf_len(&log->lines) >= FLUSH_AT && !log->is_behind)
		flush(log);
}

struct access_log *access_log_new(struct loop *loop, int fd)
{
	struct access_log *log = mem_new(struct access_log);
	struct stat status;

	log->fd = fd;
	log->never_waits = !fstat(fd, &status) && S_ISREG(status.st_mode);
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

/* The first of a thousand is told, so that the log of trouble stays short. */
static void count_dropped(struct access_log *log)
{
	if (log->dropped++ % 1000 == 0)
		log_warn(NULL, "access_log_behind", "dropped=%llu",
		    (unsigned long long)log->dropped);
}

void access_log_write(struct access_log *log, const struct line *line)
{
	bool was_empty = buf_len(&log->lines) == 0;
	struct json_out out;
	char *room;

	if (log->fd < 0)
		return;
	room = buf_reserve(&log->lines, PIPE_BUF);
	if (!room) {
		count_dropped(log);
		return;
	}
	json_out_init(&out, room, PIPE_BUF - 1);
	line_write_json(line, NULL, &out);
	if (out.is_full) {
		count_dropped(log);
		return;
	}
	*out.at++ = '\n';
	buf_commit(&log->lines, json_out_text(&out).len);
	if (was_empty)
		deadline_after(&log->deadline, FLUSH_AFTER);
}
