/* inside.h -- the open ledger and its writers, as ledger/ sees them. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_INSIDE_H
#define LEDGER_INSIDE_H

#include <pthread.h>

#include "ledger/idmap.h"
#include "ledger/names.h"
#include "ledger/segment.h"

/*
 * Who touches what. A worker owns its writer's names, outstanding attempts and
 * the appending end of its current segment. The ledger's thread owns the
 * syncing end of every segment, and closes those that were turned away. The
 * mutex guards the pointers that change hands: a writer's current and next,
 * and the list of retired segments; no I/O happens under it. A writer's making
 * mutex is held while its next segment is made, by the thread ahead of time or
 * by the worker when the thread is late. Order: making, then mutex.
 */
struct ledger_writer {
	struct ledger *ledger;
	unsigned number;

	/* the worker's */
	struct names names;
	struct idmap outstanding; /* attempt to where its reserve is */
	uint32_t names_written;   /* in the current segment */

	/* under the ledger's mutex when it changes or another thread looks */
	struct segment *current;
	struct segment *next; /* NULL: not made yet */

	pthread_mutex_t making;
	uint64_t next_sequence; /* under making */
	bool has_complained;    /* the thread's: next could not be made */
};

struct ledger {
	char *directory;
	int lock_fd;
	struct segment_io io;
	uint32_t slots; /* of a segment */
	int64_t sync_ns;
	uint8_t run[FORMAT_RUN_LEN];
	uint8_t boot[FORMAT_BOOT_LEN];
	struct ledger_writer *writers; /* (n_writers) */
	unsigned n_writers;

	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct list retired; /* under mutex */
	bool is_stopping;    /* under mutex */

	struct error failure;   /* written once, before has_failed */
	atomic_bool has_failed; /* a sync failed: nothing is reserved again */
};

/* ledger_open with its I/O replaced, for tests. */
struct ledger *ledger_open_with(const struct ledger_options *options,
    const struct segment_io *io, struct error *err) must_check;

/* --- writer ------------------------------------------------------------------
 */

/* Makes the writer's first segment. */
enum result writer_open(
    struct ledger_writer *writer, struct error *err) must_check;

/* Seals and closes what is open; for ledger_close, the thread being gone. */
void writer_close(struct ledger_writer *writer);

/*
 * Makes the writer's next segment unless there is one. From any thread; takes
 * the making mutex.
 */
enum result writer_prepare_next(
    struct ledger_writer *writer, struct error *err) must_check;

/* --- thread ------------------------------------------------------------------
 */

enum result thread_start(struct ledger *ledger, struct error *err) must_check;

/* Returns when it has ended; segments are still open. */
void thread_stop(struct ledger *ledger);

/*
 * Syncs <segment> unless a sync has failed before; a failure is logged and
 * closes the ledger to reserves for good.
 */
void thread_sync(struct ledger *ledger, struct segment *segment);

/* --- recovery ----------------------------------------------------------------
 */

/*
 * Looks at what former processes left: repairs torn tails and logs them, logs
 * damage and leaves it, removes segments without a record. <next> (writers)
 * gets the sequence that each writer goes on with. Under the lock.
 */
enum result recover(const char *directory, const struct segment_io *io,
    uint64_t *next, unsigned writers, struct error *err) must_check;

#endif
