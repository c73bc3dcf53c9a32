/* metric.h -- counters, gauges and histograms, and their Prometheus text. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include "base/buf.h"

/*
 * A registry holds families, each with a fixed list of label names; a series
 * is one list of label values. Looking a series up takes a lock, so hot paths
 * look theirs up once and keep the pointer: it stays valid as long as the
 * registry. Adding is one relaxed atomic operation from any thread. The number
 * of series of a family is bounded (1,000); past it they fall into one whose
 * labels are all "other", so that no caller can make memory grow by its names.
 */
enum metric_kind {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_HISTOGRAM, /* of seconds, recorded in nanoseconds */
	METRIC_SECONDS,   /* a counter of seconds, added in nanoseconds */
	METRIC_UNTYPED,   /* a sum of amounts that may be negative */
};

/* One row of the table from which code, text and documentation are made. */
struct metric_spec {
	const char *name; /* Prometheus conventions: _total, _seconds, _bytes */
	enum metric_kind kind;
	const char *help;
	const char *labels[4]; /* NULL after the last when fewer */
};

struct metrics;
struct metric; /* one series */

/* <specs> (n) must outlive the registry; series are found by spec index. */
struct metrics *metrics_new(const struct metric_spec *specs, size_t n);
void metrics_free(struct metrics **metrics);

/*
 * The series of spec <spec> with the label values given, in the spec's order,
 * as many as it has labels; made when new. Never NULL, owned by the registry.
 * Values are copied, their first 128 bytes. A spec without labels has its
 * series from the start, at 0, and takes NULL for <values>.
 */
struct metric *metrics_get(
    struct metrics *metrics, size_t spec, const char *const *values);

/*
 * All but histograms. What can fall (savings may be negative) is no counter: a
 * counter that falls reads as a restart.
 */
void metric_add(struct metric *metric, int64_t n);
void metric_set(struct metric *metric, int64_t value);  /* gauges */
void metric_observe(struct metric *metric, int64_t ns); /* histograms */

/* The value, of seconds in nanoseconds; how much a histogram has observed. */
int64_t metric_value(const struct metric *metric);

/*
 * The <q> quantile (0..1) in nanoseconds, by linear interpolation inside its
 * bucket; 0 when nothing was observed, the last bound when it lies past that.
 */
int64_t metric_quantile(const struct metric *metric, double q);

/* Upper bounds of the histograms' buckets in nanoseconds, ascending. */
const int64_t *metric_buckets(size_t *n);

/* Everything in Prometheus text format 0.0.4; false past the buffer's max. */
bool metrics_write(struct metrics *metrics, struct buf *out) must_check;

#endif
