/* pull_progress.h -- says on standard error how far a pull is. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PULL_PULL_PROGRESS_H
#define GATEWAY_PULL_PULL_PROGRESS_H

#include "net/net.h"

/*
 * On a terminal one line is redrawn five times a second; else a line comes
 * every ten seconds, and one for each file that is done.
 */
struct pull_progress {
	int64_t total; /* bytes of all files */
	int64_t done;  /* of them, those that are here */
	size_t n_files, n_done;
	bool is_terminal;
	bool is_drawn; /* the terminal's line is not empty */
	int64_t shown_at_ns;
	int64_t last_done; /* when it was last shown */
	double rate;       /* bytes a second, smoothed; 0: not known yet */
	struct deadline tick;
};

void pull_progress_start(struct pull_progress *progress, struct loop *loop);

/* Takes the line back; no more are drawn. */
void pull_progress_stop(struct pull_progress *progress);

/* One more line of text, which the drawn one makes room for. */
void pull_progress_say(struct pull_progress *progress, const char *fmt, ...)
    printf_like(2, 3);

/*
 * " 41%  110.3 MB of 269.1 MB  12.4 MB/s  0:13 left  3 of 7 files": what is
 * known of it, cut at <size>.
 */
void pull_progress_text(
    const struct pull_progress *progress, char *out, size_t size);

/* <bytes> of a file were here already: they are done, and took no time. */
void pull_progress_found(struct pull_progress *progress, int64_t bytes);

/* Takes <bytes> in <ns> into the rate. */
void pull_progress_count(
    struct pull_progress *progress, int64_t bytes, int64_t ns);

#endif
