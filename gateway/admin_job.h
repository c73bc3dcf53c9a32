/* admin_job.h -- answers that take too long for the control loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_ADMIN_JOB_H
#define GATEWAY_ADMIN_JOB_H

#include "gateway/admin.h"

/*
 * A job runs on a short-lived thread of its own and is answered on the control
 * loop. It belongs to its exchange until that is over, and to its thread until
 * that has posted its result: whoever is last frees it.
 */
struct admin_task {
	/* On the thread: nothing of the gateway's may be touched. */
	void (*work)(void *data);
	/* On the loop, unless the exchange is over by then. */
	void (*answer)(
	    struct gateway *gateway, struct exchange *exchange, void *data);
	/* Always, last. */
	void (*free)(void *data);
	bool is_heavy; /* reads the ledger: few at a time */
};

/* Takes <data> over. When too much is under way it is refused with 429. */
void admin_start_job(struct gateway *gateway, struct exchange *exchange,
    const struct admin_task *task, void *data);

#endif
