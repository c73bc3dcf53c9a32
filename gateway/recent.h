/* recent.h -- the latest requests, for people who look. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_RECENT_H
#define GATEWAY_RECENT_H

#include "gateway/line.h"

/*
 * A ring of the last RECENT_MAX requests of one worker. The worker packs a
 * line and its story into a slot, which costs it two copies; the control
 * thread writes them as JSON, under the same lock, when somebody looks. Older
 * ones are in the ledger.
 */
enum {
	RECENT_MAX = 256,
	RECENT_TEXT = 2048
};

struct recent;

struct recent *recent_new(void);
void recent_free(struct recent **recent);

/* Texts past RECENT_TEXT bytes in all are left empty. */
void recent_add(struct recent *recent, const struct line *line,
    const struct line_story *story);

/*
 * Calls <fn> with each, newest first, under the lock: it copies what it wants
 * and returns whether to go on.
 */
typedef bool recent_fn(
    const struct line *line, const struct line_story *story, void *arg);
void recent_each(struct recent *recent, recent_fn *fn, void *arg);

#endif
