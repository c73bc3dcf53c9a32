/* gateway.h -- the running gateway: workers, reloads, the way down. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "gateway/process.h"
#include "gateway/worker.h"
#include "ledger/projection.h"

/*
 * The control thread owns this: it reads configurations, swaps snapshots,
 * takes signals and answers the admin port. Workers see only what they are
 * sent. A reload reads and checks everything before anything changes; with a
 * single mistake nothing does.
 */
enum {
	ADMIN_JOBS_MAX = 32,
	ADMIN_HEAVY_JOBS_MAX = 4 /* of them: readings of the ledger */
};

struct gateway {
	const char *config_file;
	struct loop *loop; /* the control thread's */
	struct metrics *metrics;
	struct upstreams *upstreams;
	struct local_models *locals;
	struct ledger *ledger;
	struct snapshot *snapshot; /* in force */
	struct config *first;      /* that of the start: listeners, workers */
	struct server *admin;
	unsigned n_workers;
	struct worker **workers; /* (n_workers) */
	struct deadline drain_deadline;
	_Atomic unsigned draining_workers;
	bool is_draining;
	bool is_stopping; /* no new jobs */
	int64_t started_utc_ns;
	char *ledger_folder;
	char *projection_path;
	struct projection *projection;
	unsigned jobs; /* answers under way on threads */
	unsigned heavy_jobs;
	struct metric *generation, *reload_failures;
	struct process_metrics process; /* the control thread's */
};

/*
 * Opens everything that <config_file> names: ledger, listeners, workers.
 * Mistakes and failures are printed to stderr; NULL then.
 */
struct gateway *gateway_open(const char *config_file);

/* Until SIGTERM or SIGINT and the drain's end. Returns an exit status. */
int gateway_run(struct gateway *gateway);

void gateway_close(struct gateway **gateway);

/*
 * Reads the files again. OK: in force for new requests. FAILED: nothing
 * changed, <mistakes> says why.
 */
enum result gateway_reload(
    struct gateway *gateway, struct mistakes *mistakes) must_check;

/* state/ledger of a configuration; malloc'ed. */
char *gateway_ledger_folder(const struct config *config);

/* The projection's file, which lies beside the ledger's folder; malloc'ed. */
char *gateway_projection_path(const char *ledger_folder);

/*
 * The same from a configuration file of which nothing but `state` is read, so
 * that reports work where the keys' environment is not set. Mistakes are
 * printed; malloc'ed, or NULL.
 */
char *gateway_find_ledger(const char *config_file);

extern const struct server_handler admin_handler;

#endif
