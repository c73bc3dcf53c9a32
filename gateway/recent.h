/* recent.h -- the latest requests, for people who look. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_RECENT_H
#define GATEWAY_RECENT_H

#include "base/base.h"

/*
 * A ring of the last RECENT_MAX requests of one worker, each as the JSON text
 * that the admin API answers with. The worker writes, the control thread
 * reads, under a lock held for a copy. Older ones are in the ledger.
 */
enum {
	RECENT_MAX = 512,
	RECENT_TEXT_MAX = 4096
};

struct recent;

struct recent *recent_new(void);
void recent_free(struct recent **recent);

/* <id>: the request's; <brief>: its line; <detail>: its whole story. */
void recent_add(struct recent *recent, struct span id, int64_t utc_ns,
    struct span brief, struct span detail);

/*
 * Calls <fn> with each, newest first, under the lock: it copies and returns
 * whether to go on.
 */
typedef bool recent_fn(struct span id, int64_t utc_ns, struct span brief,
    struct span detail, void *arg);
void recent_each(struct recent *recent, recent_fn *fn, void *arg);

#endif
