/* worker.h -- one event loop's thread: listener, pools, ledger's writer. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_WORKER_H
#define GATEWAY_WORKER_H

#include <pthread.h>

#include "gateway/access_log.h"
#include "gateway/classified.h"
#include "gateway/local/class_memo.h"
#include "gateway/recent.h"
#include "gateway/snapshot.h"

/*
 * Workers share nothing on the hot path but the snapshot and atomic counters.
 * What belongs to one is touched by its thread only; others send it messages
 * through its loop.
 */
struct worker {
	unsigned index;
	pthread_t thread;
	bool is_started;
	struct loop *loop;
	struct server *server;
	struct client *client;
	struct ledger_writer *ledger;
	struct snapshot *snapshot; /* in force for new requests */
	struct access_log *access_log;
	struct recent *recent;
	struct classified *classified;
	struct class_memo *class_memo;
	struct list class_asks; /* classifiers' answers to come */
	struct metrics *metrics;
	struct gateway *gateway;
	struct arena scratch;        /* of one event; reset by who uses it */
	struct buf text;             /* heads are written here, then copied */
	struct redis_store *redis;   /* NULL: none */
	struct config *redis_config; /* whose url it borrows */
	struct list headless;        /* requests whose client left a flight */
	bool is_draining;
	bool is_closing; /* what is left is being cut */
	bool is_tls;     /* the data port; as at start */

	/* Series without labels, and those of the endpoints. */
	struct metric *duration[4]; /* by endpoint; the last: other */
	struct metric *cache_bypassed;
	struct metric *overhead, *in_flight, *gone, *ledger_failures;
};

struct worker_options {
	unsigned index;
	struct gateway *gateway;
	struct snapshot *snapshot; /* referenced */
	struct ledger_writer *ledger;
	struct metrics *metrics;
	int access_log_fd;
};

/* Binds the data port; the thread is not running yet. */
struct worker *worker_new(
    const struct worker_options *options, struct error *err) must_check;
enum result worker_start(struct worker *worker, struct error *err) must_check;

/* From the control thread: new requests see <snapshot> (a reference). */
void worker_set_snapshot(struct worker *worker, struct snapshot *snapshot);

/* From the control thread: stop accepting; <fn>(arg), on the worker's thread,
 * when its last request is over. */
void worker_drain(struct worker *worker, loop_fn *fn, void *arg);

/* Stops the loop, cuts what is left, joins the thread, frees. */
void worker_stop(struct worker **worker);

uint16_t worker_port(const struct worker *worker);

#endif
