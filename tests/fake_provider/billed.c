/* billed.c -- the log of every request that a real provider would bill. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_provider/billed.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fake_provider/out.h"

struct billed {
	int fd;
	atomic_uint_fast64_t seq;  /* of the next line */
	atomic_int_fast64_t since; /* offset in the file of the last reset */
};

struct billing {
	struct billed *billed;
	struct loop *loop;
	struct loop_hook hook;
	struct buf lines;
	int64_t flushed_ns; /* the turn whose hook has run */
};

static const struct span outcomes[] = {
    [BILLED_COMPLETED] = {.ptr = "completed", .len = 9},
    [BILLED_CUT] = {.ptr = "cut", .len = 3},
    [BILLED_CLIENT_GONE] = {.ptr = "client_gone", .len = 11},
};

struct billed *billed_open(const char *path, struct error *err)
{
	struct billed *billed = mem_new(struct billed);

	billed->fd =
	    path ? open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644)
		 : memfd_create("billed", MFD_CLOEXEC);
	if (!path && billed->fd >= 0)
		(void)fcntl(billed->fd, F_SETFL, O_APPEND);
	if (billed->fd < 0) {
		error_set(err, "%s: cannot be opened for appending: %s",
		    path ? path : "billing log", strerror(errno));
		billed_close(&billed);
		return NULL;
	}
	billed_reset(billed);
	return billed;
}

void billed_close(struct billed **billed)
{
	if (*billed && (*billed)->fd >= 0)
		close((*billed)->fd);
	free(*billed);
	*billed = NULL;
}

static int64_t file_len(const struct billed *billed)
{
	struct stat status;

	if (fstat(billed->fd, &status) < 0)
		return 0;
	return status.st_size;
}

void billed_reset(struct billed *billed)
{
	atomic_store(&billed->since, file_len(billed));
}

/* --- reading ---------------------------------------------------------------
 */

/* All bytes since the reset, whole lines only. */
static void read_file(struct billed *billed, struct buf *text)
{
	int64_t at = atomic_load(&billed->since), end = file_len(billed);
	struct span all;

	while (at < end) {
		char *into = buf_reserve(text, (size_t)(end - at));
		ssize_t n;

		assert(into);
		n = pread(billed->fd, into, (size_t)(end - at), at);
		if (n <= 0)
			break;
		buf_commit(text, (size_t)n);
		at += n;
	}
	all = buf_span(text);
	while (all.len > 0 && all.ptr[all.len - 1] != '\n')
		all.len--;
	text->end = text->start + all.len;
}

/* The number behind {"seq":, which every line begins with. */
static uint64_t seq_of(struct span line)
{
	struct span digits = span_from(line, strlen("{\"seq\":"));
	uint64_t seq = 0;

	digits = span_head(digits, span_find(digits, SPAN(","), 0));
	return span_to_u64(digits, &seq) ? seq : 0;
}

struct seq_line {
	uint64_t seq;
	size_t position; /* later lines of a seq win */
	struct span line;
};

static int compare_lines(const void *a, const void *b)
{
	const struct seq_line *left = a, *right = b;

	if (left->seq != right->seq)
		return left->seq < right->seq ? -1 : 1;
	return left->position < right->position ? -1 : 1;
}

void billed_read(struct billed *billed, struct buf *out)
{
	struct buf text, lines;
	struct span rest, line;
	struct seq_line *sorted;
	size_t n;

	buf_init(&text, OUT_MAX);
	buf_init(&lines, OUT_MAX);
	read_file(billed, &text);
	rest = buf_span(&text);
	for (size_t i = 0; span_split(&rest, '\n', &line); i++) {
		struct seq_line entry = {
		    .seq = seq_of(line), .position = i, .line = line};

		if (line.len > 0)
			out_span(&lines,
			    span_make((const char *)&entry, sizeof(entry)));
	}
	n = buf_len(&lines) / sizeof(*sorted);
	sorted = (struct seq_line *)(void *)lines.data;
	if (n > 0)
		qsort(sorted, n, sizeof(*sorted), compare_lines);
	for (size_t i = 0; i < n; i++) {
		if (i + 1 < n && sorted[i + 1].seq == sorted[i].seq)
			continue;
		out_span(out, sorted[i].line);
		OUT(out, "\n");
	}
	buf_free(&lines);
	buf_free(&text);
}

/* --- writing ---------------------------------------------------------------
 */

/* A log that cannot be written proves nothing: that ends the process. */
void billing_flush(struct billing *billing)
{
	struct span lines = buf_span(&billing->lines);

	while (lines.len > 0) {
		ssize_t n = write(billing->billed->fd, lines.ptr, lines.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			log_error(NULL, "billing_log_lost", "error=\"%s\"",
			    strerror(errno));
			abort();
		}
		lines = span_from(lines, (size_t)n);
	}
	out_recycle(&billing->lines);
}

static void on_turn_end(void *arg)
{
	struct billing *billing = arg;

	if (buf_len(&billing->lines) > 0)
		billing_flush(billing);
	billing->flushed_ns = loop_now_ns(billing->loop);
}

struct billing *billing_new(struct billed *billed, struct loop *loop)
{
	struct billing *billing = mem_new(struct billing);

	billing->billed = billed;
	billing->loop = loop;
	billing->hook.fn = on_turn_end;
	billing->hook.arg = billing;
	buf_init(&billing->lines, OUT_MAX);
	loop_add_hook(loop, &billing->hook);
	return billing;
}

void billing_free(struct billing **billing_ptr)
{
	struct billing *billing = *billing_ptr;

	*billing_ptr = NULL;
	if (!billing)
		return;
	billing_flush(billing);
	loop_remove_hook(billing->loop, &billing->hook);
	buf_free(&billing->lines);
	free(billing);
}

static void add_line(struct billing *billing, const struct bill *bill,
    enum billed_outcome outcome)
{
	struct buf *out = &billing->lines;

	OUT(out, "{\"seq\":");
	out_u64(out, bill->seq);
	OUT(out, ",\"attempt\":");
	out_string(out, bill->attempt);
	OUT(out, ",\"model\":");
	out_string(out, bill->model);
	OUT(out, ",\"prompt_tokens\":");
	out_u64(out, bill->prompt_tokens);
	OUT(out, ",\"cached_tokens\":");
	out_u64(out, bill->cached_tokens);
	OUT(out, ",\"completion_tokens\":");
	out_u64(out, bill->completion_tokens);
	OUT(out, ",\"outcome\":\"");
	out_span(out, outcomes[outcome]);
	OUT(out, "\",\"stream\":");
	out_bool(out, bill->is_stream);
	OUT(out, "}\n");
	/*
	 * Streams may read on after this turn's hooks have run: what they add
	 * then would come after the answer that is sent in the same turn.
	 */
	if (billing->flushed_ns == loop_now_ns(billing->loop))
		billing_flush(billing);
}

void billing_accept(struct billing *billing, struct bill *bill)
{
	bill->seq = atomic_fetch_add(&billing->billed->seq, 1) + 1;
	add_line(billing, bill, BILLED_COMPLETED);
}

void billing_amend(struct billing *billing, const struct bill *bill,
    enum billed_outcome outcome)
{
	add_line(billing, bill, outcome);
}
