/* metric.c -- series, their registry and the Prometheus text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metric.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/utf8.h"

#define LABELS_MAX 4
#define SERIES_MAX 1000   /* of one family, the "other" one apart */
#define VALUE_LEN_MAX 128 /* of a label, in bytes */
#define HASH_SLOTS_AT_START 64
#define NS_PER_US INT64_C(1000)
#define US_PER_S INT64_C(1000000)

#define MS(n) (INT64_C(n) * NS_PER_MS)
#define S(n) (INT64_C(n) * NS_PER_S)

/* From a look-up in memory to the longest stream, three to a decade. */
static const int64_t bounds[] = {MS(1) / 10, MS(1) / 4, MS(1) / 2, MS(1),
    MS(5) / 2, MS(5), MS(10), MS(25), MS(50), MS(100), MS(250), MS(500), S(1),
    S(5) / 2, S(5), S(10), S(30), S(60), S(120)};

#define N_BOUNDS (sizeof(bounds) / sizeof(bounds[0]))

/*
 * The sum of a histogram is kept in microseconds: in nanoseconds ten thousand
 * concurrent streams would overflow it in eleven days.
 */
struct histogram {
	_Atomic int64_t counts[N_BOUNDS + 1]; /* the last: past every bound */
	_Atomic int64_t sum_us;
};

struct metric {
	const struct metric_spec *spec;
	struct metric *hash_next;
	struct metric *next; /* of the same family, in order of making */
	uint64_t hash;
	char *values[LABELS_MAX];
	_Atomic int64_t value;       /* of all but histograms */
	struct histogram *histogram; /* NULL for the others */
};

struct family {
	const struct metric_spec *spec;
	size_t n_labels;
	size_t n_series;
	struct metric *first;
	struct metric *last;
};

struct metrics {
	struct family *families; /* (n) */
	size_t n;
	pthread_mutex_t lock;  /* everything below, and the families' lists */
	struct metric **slots; /* (n_slots), a power of two */
	size_t n_slots;
	size_t n_series;
};

/* --- life ------------------------------------------------------------------
 */

struct metrics *metrics_new(const struct metric_spec *specs, size_t n)
{
	struct metrics *metrics = mem_new(struct metrics);

	metrics->families = mem_zalloc(n * sizeof(*metrics->families));
	metrics->n = n;
	metrics->n_slots = HASH_SLOTS_AT_START;
	metrics->slots = mem_zalloc(metrics->n_slots * sizeof(struct metric *));
	pthread_mutex_init(&metrics->lock, NULL);
	for (size_t i = 0; i < n; i++) {
		struct family *family = &metrics->families[i];

		family->spec = &specs[i];
		while (family->n_labels < LABELS_MAX &&
		       specs[i].labels[family->n_labels])
			family->n_labels++;
		/* One without labels is there, at 0, before its first event. */
		if (family->n_labels == 0)
			metrics_get(metrics, i, NULL);
	}
	return metrics;
}

static void free_metric(struct metric *metric)
{
	if (!metric)
		return;
	for (size_t i = 0; i < LABELS_MAX; i++)
		free(metric->values[i]);
	free(metric->histogram);
	free(metric);
}

void metrics_free(struct metrics **metrics)
{
	if (!*metrics)
		return;
	for (size_t i = 0; i < (*metrics)->n; i++) {
		struct metric *metric = (*metrics)->families[i].first;

		while (metric) {
			struct metric *next = metric->next;

			free_metric(metric);
			metric = next;
		}
	}
	pthread_mutex_destroy(&(*metrics)->lock);
	free((*metrics)->slots);
	free((*metrics)->families);
	free(*metrics);
	*metrics = NULL;
}

/* --- looking up ------------------------------------------------------------
 */

static struct span label_value(const char *value)
{
	return span_head(span_of(value), VALUE_LEN_MAX);
}

static uint64_t hash_values(size_t spec, const char *const *values, size_t n)
{
	uint64_t hash = spec;

	for (size_t i = 0; i < n; i++)
		hash = hash_fast(label_value(values[i]), hash);
	return hash;
}

static bool has_values(
    const struct metric *metric, const char *const *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!span_eq(
			span_of(metric->values[i]), label_value(values[i])))
			return false;
	}
	return true;
}

static struct metric *find(const struct metrics *metrics,
    const struct family *family, uint64_t hash, const char *const *values)
{
	struct metric *metric = metrics->slots[hash & (metrics->n_slots - 1)];

	while (metric) {
		if (metric->hash == hash && metric->spec == family->spec &&
		    has_values(metric, values, family->n_labels))
			return metric;
		metric = metric->hash_next;
	}
	return NULL;
}

/* Behind the family's last; the lists only grow, until the registry goes. */
static struct metric *make(struct family *family, const char *const *values)
{
	struct metric *metric = mem_new(struct metric);

	metric->spec = family->spec;
	for (size_t i = 0; i < family->n_labels; i++)
		metric->values[i] = span_dup(label_value(values[i]));
	if (family->spec->kind == METRIC_HISTOGRAM)
		metric->histogram = mem_new(struct histogram);
	if (family->last)
		family->last->next = metric;
	else
		family->first = metric;
	family->last = metric;
	family->n_series++;
	return metric;
}

/* Twice the slots, every chain dealt out again. */
static void grow(struct metrics *metrics)
{
	size_t n = metrics->n_slots * 2;
	struct metric **slots = mem_zalloc(n * sizeof(struct metric *));

	for (size_t i = 0; i < metrics->n_slots; i++) {
		struct metric *metric = metrics->slots[i];

		while (metric) {
			struct metric *next = metric->hash_next;
			struct metric **slot = &slots[metric->hash & (n - 1)];

			metric->hash_next = *slot;
			*slot = metric;
			metric = next;
		}
	}
	free(metrics->slots);
	metrics->slots = slots;
	metrics->n_slots = n;
}

static struct metric *insert(struct metrics *metrics, struct family *family,
    uint64_t hash, const char *const *values)
{
	struct metric *metric = make(family, values);
	struct metric **slot;

	if (++metrics->n_series > metrics->n_slots)
		grow(metrics);
	metric->hash = hash;
	slot = &metrics->slots[hash & (metrics->n_slots - 1)];
	metric->hash_next = *slot;
	*slot = metric;
	return metric;
}

struct metric *metrics_get(
    struct metrics *metrics, size_t spec, const char *const *values)
{
	static const char *const others[LABELS_MAX] = {
	    "other", "other", "other", "other"};
	struct family *family;
	struct metric *metric;
	uint64_t hash;

	assert(spec < metrics->n);
	family = &metrics->families[spec];
	hash = hash_values(spec, values, family->n_labels);
	pthread_mutex_lock(&metrics->lock);
	metric = find(metrics, family, hash, values);
	if (!metric && family->n_series >= SERIES_MAX) {
		values = others;
		hash = hash_values(spec, values, family->n_labels);
		metric = find(metrics, family, hash, values);
	}
	if (!metric)
		metric = insert(metrics, family, hash, values);
	pthread_mutex_unlock(&metrics->lock);
	return metric;
}

/* --- recording and reading -------------------------------------------------
 */

static int64_t load(const _Atomic int64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static void add(_Atomic int64_t *value, int64_t n)
{
	atomic_fetch_add_explicit(value, n, memory_order_relaxed);
}

void metric_add(struct metric *metric, int64_t n)
{
	assert(!metric->histogram);
	add(&metric->value, n);
}

void metric_set(struct metric *metric, int64_t value)
{
	assert(metric->spec->kind == METRIC_GAUGE);
	atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

/* The first bucket whose bound is not below <ns>. */
static size_t bucket_of(int64_t ns)
{
	size_t low = 0, high = N_BOUNDS;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (bounds[middle] < ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void metric_observe(struct metric *metric, int64_t ns)
{
	assert(metric->histogram);
	if (ns < 0)
		ns = 0;
	add(&metric->histogram->counts[bucket_of(ns)], 1);
	add(&metric->histogram->sum_us,
	    ns / NS_PER_US + (ns % NS_PER_US >= NS_PER_US / 2));
}

static int64_t count_observations(const struct histogram *histogram)
{
	int64_t n = 0;

	for (size_t i = 0; i <= N_BOUNDS; i++)
		n += load(&histogram->counts[i]);
	return n;
}

int64_t metric_value(const struct metric *metric)
{
	return metric->histogram ? count_observations(metric->histogram)
				 : load(&metric->value);
}

int64_t metric_quantile(const struct metric *metric, double q)
{
	int64_t counts[N_BOUNDS + 1];
	int64_t total = 0, below = 0;
	double rank;

	assert(metric->histogram);
	for (size_t i = 0; i <= N_BOUNDS; i++) {
		counts[i] = load(&metric->histogram->counts[i]);
		total += counts[i];
	}
	if (total == 0)
		return 0;
	rank = (q < 0 ? 0 : q > 1 ? 1 : q) * (double)total;
	for (size_t i = 0; i < N_BOUNDS; i++) {
		int64_t low = i > 0 ? bounds[i - 1] : 0;

		if (counts[i] > 0 && (double)(below + counts[i]) >= rank)
			return low + (int64_t)((double)(bounds[i] - low) *
					       (rank - (double)below) /
					       (double)counts[i]);
		below += counts[i];
	}
	/* Past every bound nothing is known but the last of them. */
	return bounds[N_BOUNDS - 1];
}

const int64_t *metric_buckets(size_t *n)
{
	*n = N_BOUNDS;
	return bounds;
}

/* --- Prometheus text -------------------------------------------------------
 */

/*
 * <text> with backslash and newline escaped, and the quote in a label's value.
 * One ill-formed byte would make the scraper throw the whole page away, so
 * U+FFFD stands for it.
 */
static bool write_escaped(struct buf *out, struct span text, bool is_value)
{
	while (text.len > 0) {
		uint32_t code_point;
		size_t len = utf8_decode(text, &code_point);
		struct span piece = span_head(text, len);

		if (len == 0)
			piece = SPAN("\xef\xbf\xbd");
		else if (code_point == '\\')
			piece = SPAN("\\\\");
		else if (code_point == '\n')
			piece = SPAN("\\n");
		else if (code_point == '"' && is_value)
			piece = SPAN("\\\"");
		if (!buf_append(out, piece))
			return false;
		text = span_from(text, len ? len : 1);
	}
	return true;
}

/* name<suffix>{a="b",le="<le>"} and a blank; <le> is NULL but for buckets. */
static bool write_head(struct buf *out, const struct metric *metric,
    const char *suffix, const char *le)
{
	const struct metric_spec *spec = metric->spec;
	const char *separator = "{";

	if (!buf_printf(out, "%s%s", spec->name, suffix))
		return false;
	for (size_t i = 0; i < LABELS_MAX && spec->labels[i]; i++) {
		if (!buf_printf(out, "%s%s=\"", separator, spec->labels[i]) ||
		    !write_escaped(out, span_of(metric->values[i]), true) ||
		    !buf_append(out, SPAN("\"")))
			return false;
		separator = ",";
	}
	if (le && !buf_printf(out, "%sle=\"%s\"", separator, le))
		return false;
	if (le || separator[0] == ',')
		return buf_append(out, SPAN("} "));
	return buf_append(out, SPAN(" "));
}

static bool write_histogram(struct buf *out, const struct metric *metric)
{
	const struct histogram *histogram = metric->histogram;
	int64_t below = 0, sum = load(&histogram->sum_us);
	char le[32];

	for (size_t i = 0; i < N_BOUNDS; i++) {
		below += load(&histogram->counts[i]);
		snprintf(
		    le, sizeof(le), "%g", (double)bounds[i] / (double)NS_PER_S);
		if (!write_head(out, metric, "_bucket", le) ||
		    !buf_printf(out, "%lld\n", (long long)below))
			return false;
	}
	below += load(&histogram->counts[N_BOUNDS]);
	return write_head(out, metric, "_bucket", "+Inf") &&
	       buf_printf(out, "%lld\n", (long long)below) &&
	       write_head(out, metric, "_sum", NULL) &&
	       buf_printf(out, "%lld.%06lld\n", (long long)(sum / US_PER_S),
		   (long long)(sum % US_PER_S)) &&
	       write_head(out, metric, "_count", NULL) &&
	       buf_printf(out, "%lld\n", (long long)below);
}

static bool write_series(struct buf *out, const struct metric *metric)
{
	int64_t value = load(&metric->value);

	if (metric->histogram)
		return write_histogram(out, metric);
	if (!write_head(out, metric, "", NULL))
		return false;
	if (metric->spec->kind == METRIC_SECONDS)
		return buf_printf(out, "%lld.%09lld\n",
		    (long long)(value / NS_PER_S),
		    (long long)(value % NS_PER_S));
	return buf_printf(out, "%lld\n", (long long)value);
}

/*
 * Series are never removed, so the lock is held for a look at the list's ends
 * only, and those who need it are not kept waiting for a page of text.
 */
static bool write_family(
    struct metrics *metrics, struct family *family, struct buf *out)
{
	static const char *const kinds[] = {
	    [METRIC_COUNTER] = "counter",
	    [METRIC_GAUGE] = "gauge",
	    [METRIC_HISTOGRAM] = "histogram",
	    [METRIC_SECONDS] = "counter",
	    [METRIC_UNTYPED] = "untyped",
	};
	const struct metric_spec *spec = family->spec;
	const struct metric *metric, *last;

	if (!buf_printf(out, "# HELP %s ", spec->name) ||
	    !write_escaped(out, span_of(spec->help), false) ||
	    !buf_printf(out, "\n# TYPE %s %s\n", spec->name, kinds[spec->kind]))
		return false;
	pthread_mutex_lock(&metrics->lock);
	metric = family->first;
	last = family->last;
	pthread_mutex_unlock(&metrics->lock);
	while (metric) {
		if (!write_series(out, metric))
			return false;
		metric = metric == last ? NULL : metric->next;
	}
	return true;
}

bool metrics_write(struct metrics *metrics, struct buf *out)
{
	for (size_t i = 0; i < metrics->n; i++) {
		if (!write_family(metrics, &metrics->families[i], out))
			return false;
	}
	return true;
}
