/* process.h -- what the process takes of the machine, for the metrics. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PROCESS_H
#define GATEWAY_PROCESS_H

#include "gateway/metrics.h"

/*
 * The metrics of a process that every Prometheus client exposes under the same
 * names, so that dashboards for any service show this one too. They are read
 * when somebody asks, by the thread that answers: the system keeps them, and
 * between two scrapes they cost nothing.
 */
struct process_metrics {
	struct metric *cpu, *resident, *virtual, *fds, *max_fds;
};

/*
 * Finds the series in <metrics>, which they live as long as, and sets what
 * stays: the version and <started_utc_ns>.
 */
void process_metrics_init(struct process_metrics *process,
    struct metrics *metrics, int64_t started_utc_ns);

/*
 * Brings them up to now. One at a time; what the system does not tell (no
 * /proc) stays as it was. Source: proc(5), getrusage(2).
 */
void process_metrics_read(struct process_metrics *process);

#endif
