/* pull_progress.c -- says on standard error how far a pull is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pull/pull_progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/pull/pull_name.h"

#define REDRAW (NS_PER_S / 5)
#define LINE (10 * NS_PER_S)
#define SMOOTH 5.0 /* seconds that the rate looks back */
#define LONGEST_LEFT (100.0 * 3600)

void pull_progress_count(
    struct pull_progress *progress, int64_t bytes, int64_t ns)
{
	double seconds = (double)ns / (double)NS_PER_S;
	double weight = seconds / (seconds + SMOOTH), rate;

	if (ns <= 0)
		return;
	/* What a restart takes back is no negative rate. */
	rate = bytes > 0 ? (double)bytes / seconds : 0;
	progress->rate = progress->rate > 0
			     ? progress->rate + weight * (rate - progress->rate)
			     : rate;
}

void pull_progress_found(struct pull_progress *progress, int64_t bytes)
{
	progress->done += bytes;
	progress->last_done += bytes;
}

void pull_progress_text(
    const struct pull_progress *progress, char *out, size_t size)
{
	int64_t left = progress->total - progress->done;
	double seconds =
	    progress->rate > 1 ? (double)left / progress->rate : -1;
	char when[40] = "";

	if (seconds >= 0 && seconds < LONGEST_LEFT) {
		long s = (long)(seconds + 0.5);

		if (s >= 3600)
			snprintf(when, sizeof(when), "  %ld:%02ld:%02ld left",
			    s / 3600, s / 60 % 60, s % 60);
		else
			snprintf(when, sizeof(when), "  %ld:%02ld left", s / 60,
			    s % 60);
	}
	snprintf(out, size, "%3d%%  %s of %s  %s/s%s  %zu of %zu files",
	    progress->total > 0 ? (int)(100.0 * (double)progress->done /
					(double)progress->total)
				: 0,
	    pull_size(progress->done).text, pull_size(progress->total).text,
	    pull_size((int64_t)progress->rate).text, when, progress->n_done,
	    progress->n_files);
}

static void wipe(struct pull_progress *progress)
{
	if (progress->is_drawn)
		fputs("\r\033[K", stderr);
	progress->is_drawn = false;
}

static void draw(void *arg)
{
	struct pull_progress *progress = arg;
	int64_t now = loop_now_ns(progress->tick.loop);
	char text[160];

	pull_progress_count(progress, progress->done - progress->last_done,
	    now - progress->shown_at_ns);
	progress->last_done = progress->done;
	progress->shown_at_ns = now;
	pull_progress_text(progress, text, sizeof(text));
	if (progress->is_terminal)
		fprintf(stderr, "\r\033[K%s", text);
	else
		fprintf(stderr, "%s\n", text);
	progress->is_drawn = progress->is_terminal;
	deadline_after(&progress->tick, progress->is_terminal ? REDRAW : LINE);
}

void pull_progress_start(struct pull_progress *progress, struct loop *loop)
{
	progress->is_terminal = isatty(STDERR_FILENO);
	progress->shown_at_ns = loop_now_ns(loop);
	progress->last_done = progress->done;
	deadline_init(&progress->tick, loop, draw, progress);
	deadline_after(&progress->tick, progress->is_terminal ? REDRAW : LINE);
}

void pull_progress_stop(struct pull_progress *progress)
{
	wipe(progress);
	deadline_free(&progress->tick);
}

void pull_progress_say(struct pull_progress *progress, const char *fmt, ...)
{
	va_list args;

	wipe(progress);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}
