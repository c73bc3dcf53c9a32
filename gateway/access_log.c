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

/* ,"name":"text"; nothing where there is no text. */
static bool write_text(struct buf *out, const char *name, struct span text)
{
	if (!text.ptr)
		return true;
	return buf_printf(out, ", \"%s\": ", name) &&
	       json_write_string(out, text);
}

static bool write_money(struct buf *out, const char *name, int64_t nano)
{
	if (nano == MONEY_UNPRICED)
		return buf_printf(out, ", \"%s\": null", name);
	return buf_printf(out, ", \"%s\": %lld", name, (long long)nano);
}

static bool write_ms(struct buf *out, const char *name, int64_t ns)
{
	int64_t us = ns / 1000;

	if (ns < 0)
		return true;
	return buf_printf(out, ", \"%s\": %lld.%03lld", name,
	    (long long)(us / 1000), (long long)(us % 1000));
}

bool access_line_write_json(const struct access_line *line, struct buf *out)
{
	char time[CLOCK_TEXT_MAX];

	clock_format_utc(line->utc_ns, time);
	return buf_printf(out, "{\"ts\": \"%s\", \"request_id\": \"%s\"", time,
		   line->id) &&
	       write_text(out, "peer", span_of(line->peer)) &&
	       write_text(out, "key", span_of(line->key)) &&
	       write_text(out, "method", span_of(line->method)) &&
	       write_text(out, "path", line->path) &&
	       buf_printf(out, ", \"status\": %d", line->status) &&
	       write_text(out, "model", span_of(line->model)) &&
	       write_text(out, "rule", span_of(line->rule)) &&
	       write_text(out, "cache", span_of(line->cache)) &&
	       write_text(out, "outcome", span_of(line->outcome)) &&
	       buf_printf(out,
		   ", \"stream\": %s, \"attempts\": %u, \"input_tokens\": %lld, "
		   "\"cached_tokens\": %lld, \"output_tokens\": %lld, "
		   "\"estimated\": %s",
		   line->stream ? "true" : "false", line->attempts,
		   (long long)line->input_tokens,
		   (long long)line->cached_tokens,
		   (long long)line->output_tokens,
		   line->is_estimated ? "true" : "false") &&
	       write_money(out, "cost_nano_usd", line->cost_nano) &&
	       write_money(out, "baseline_nano_usd", line->baseline_nano) &&
	       write_money(out, "saved_nano_usd", line->saved_nano) &&
	       write_ms(out, "ms", line->duration_ns) &&
	       write_ms(out, "first_token_ms", line->first_token_ns) &&
	       write_ms(out, "upstream_ms", line->upstream_ns) &&
	       buf_append(out, SPAN("}"));
}

void access_log_write(struct access_log *log, const struct access_line *line)
{
	bool was_empty = buf_len(&log->lines) == 0;
	size_t before;

	if (log->fd < 0)
		return;
	if (buf_len(&log->lines) > BACKLOG_MAX - LINE_MAX_LEN) {
		if (log->dropped++ % 1000 == 0)
			log_warn(NULL, "access_log_behind", "dropped=%llu",
			    (unsigned long long)log->dropped);
		return;
	}
	before = log->lines.end;
	if (!access_line_write_json(line, &log->lines) ||
	    !buf_append(&log->lines, SPAN("\n")))
		log->lines.end = before;
	if (was_empty)
		deadline_after(&log->deadline, FLUSH_AFTER);
}
