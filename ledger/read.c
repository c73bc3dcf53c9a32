/* read.c -- merges all segments into rows, oldest first. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger/part.h"

/*
 * Segments are sorted runs of rows. They are taken up in the order of their
 * first reserves; those that are taken up and not yet exhausted are in a heap
 * by their next row's time. Writers overlap, a writer's own segments do not,
 * unless the clock was set back; so as many are in memory as there are writers.
 */
struct merge {
	const struct read_plan *plan;
	struct part_context context;
	struct segment_files files;
	struct part *parts; /* (files.n), by their first reserve */
	size_t taken;       /* of the parts */
	struct part **heap; /* (in_heap), the earliest row first */
	size_t in_heap;
};

/* --- the heap ----------------------------------------------------------------
 */

static bool is_before(const struct part *a, const struct part *b)
{
	if (a->time != b->time)
		return a->time < b->time;
	if (a->header.writer != b->header.writer)
		return a->header.writer < b->header.writer;
	return a->header.sequence < b->header.sequence;
}

static void swap(struct part **a, struct part **b)
{
	struct part *held = *a;

	*a = *b;
	*b = held;
}

static void push(struct merge *merge, struct part *part)
{
	size_t i = merge->in_heap++;

	merge->heap[i] = part;
	for (; i > 0 && is_before(merge->heap[i], merge->heap[(i - 1) / 2]);
	     i = (i - 1) / 2)
		swap(&merge->heap[i], &merge->heap[(i - 1) / 2]);
}

/* The first one's time has changed. */
static void sink_first(struct merge *merge)
{
	size_t i = 0;

	while (2 * i + 1 < merge->in_heap) {
		size_t child = 2 * i + 1;

		if (child + 1 < merge->in_heap &&
		    is_before(merge->heap[child + 1], merge->heap[child]))
			child++;
		if (!is_before(merge->heap[child], merge->heap[i]))
			return;
		swap(&merge->heap[child], &merge->heap[i]);
		i = child;
	}
}

static void drop_first(struct merge *merge)
{
	part_unload(merge->heap[0]);
	merge->heap[0] = merge->heap[--merge->in_heap];
	sink_first(merge);
}

/* --- what there is -----------------------------------------------------------
 */

/* Calls for each gap in a writer's sequence; counts them without a context. */
static size_t find_gaps(const struct segment_files *files,
    const char *directory, struct part_context *context)
{
	size_t gaps = 0;

	for (size_t i = 0; i < files->n; i++) {
		const struct segment_file *file = &files->items[i];
		bool is_first =
		    i == 0 || files->items[i - 1].writer != file->writer;
		uint64_t expected =
		    is_first ? 1 : files->items[i - 1].sequence + 1;
		char detail[120];
		char *path;

		if (file->sequence == expected)
			continue;
		gaps++;
		if (!context)
			continue;
		path = files_segment_path(
		    directory, expected, file->writer, "seg");
		snprintf(detail, sizeof(detail),
		    "%" PRIu64 " segments of this writer are missing from here "
		    "on; restore them from a copy",
		    file->sequence - expected);
		part_report(context, path, LEDGER_MISSING, detail);
		free(path);
	}
	return gaps;
}

/*
 * A directory that changes while it is listed may show a new segment and not
 * the one before it, so a gap is looked at twice.
 */
static enum result list_segments(struct merge *merge, struct error *err)
{
	const char *directory = merge->plan->directory;

	if (files_list(directory, &merge->files, err) != OK)
		return FAILED;
	if (find_gaps(&merge->files, directory, NULL) == 0)
		return OK;
	files_free(&merge->files);
	if (files_list(directory, &merge->files, err) != OK)
		return FAILED;
	find_gaps(&merge->files, directory, &merge->context);
	return OK;
}

/* Looks who is alive, before the listing: a run's end must not hide settles. */
static enum result look_at_lock(struct merge *merge, struct error *err)
{
	struct part_context *context = &merge->context;

	context->lock_fd = lock_open(merge->plan->directory);
	if (context->lock_fd >= 0) {
		context->live_tag = lock_any_held(context->lock_fd);
		return OK;
	}
	if (errno == ENOENT)
		return OK;
	error_set(err, "%s/lock: cannot open the ledger's lock: %s",
	    merge->plan->directory, strerror(errno));
	return FAILED;
}

static int compare_parts(const void *left, const void *right)
{
	const struct part *a = left, *b = right;

	if (a->survey.min_utc_ns != b->survey.min_utc_ns)
		return a->survey.min_utc_ns < b->survey.min_utc_ns ? -1 : 1;
	return 0;
}

static enum result survey(struct merge *merge, struct error *err)
{
	size_t n = merge->files.n;

	merge->parts = mem_zalloc(n * sizeof(*merge->parts) + 1);
	merge->heap = mem_zalloc(n * sizeof(struct part *) + 1);
	for (size_t i = 0; i < n; i++)
		if (part_survey(&merge->parts[i], &merge->files.items[i],
			&merge->context, err) != OK)
			return FAILED;
	if (n > 0)
		qsort(merge->parts, n, sizeof(*merge->parts), compare_parts);
	return OK;
}

/* --- rows --------------------------------------------------------------------
 */

/* Whether a segment may have a row in the range; all of them without one. */
static bool is_wanted(const struct read_plan *plan, const struct part *part)
{
	if (!part->is_there)
		return false;
	if (plan->since_ns == INT64_MIN && plan->until_ns == INT64_MAX)
		return true;
	return part->survey.max_utc_ns >= plan->since_ns &&
	       part->survey.min_utc_ns < plan->until_ns;
}

/* Takes up the segments that may hold the earliest row. */
static void take_parts(struct merge *merge)
{
	while (merge->taken < merge->files.n) {
		struct part *part = &merge->parts[merge->taken];

		if (merge->in_heap > 0 &&
		    part->survey.min_utc_ns > merge->heap[0]->time)
			return;
		merge->taken++;
		if (part->is_there && merge->context.counts)
			merge->context.counts->segments++;
		if (!is_wanted(merge->plan, part))
			continue;
		part_load(part, &merge->context);
		if (!source_has_row(&part->source)) {
			part_unload(part);
			continue;
		}
		part->time = source_time(&part->source);
		push(merge, part);
	}
}

static void count_row(
    struct ledger_counts *counts, const struct ledger_row *row)
{
	counts->rows++;
	counts->reserved += row->state == LEDGER_RESERVED;
	counts->settled += row->state == LEDGER_SETTLED;
	counts->unknown += row->state == LEDGER_UNKNOWN;
}

static void emit_rows(struct merge *merge)
{
	const struct read_plan *plan = merge->plan;

	for (take_parts(merge); merge->in_heap > 0; take_parts(merge)) {
		struct part *part = merge->heap[0];
		struct ledger_row row;

		if (part->time >= plan->until_ns)
			return;
		source_row(&part->source, &merge->context.far, &row);
		if (row.reserve.utc_ns >= plan->since_ns) {
			if (plan->counts)
				count_row(plan->counts, &row);
			if (!plan->row(&row, plan->arg))
				return;
		}
		if (source_has_row(&part->source)) {
			part->time = source_time(&part->source);
			sink_first(merge);
		} else {
			drop_first(merge);
		}
	}
}

static void free_merge(struct merge *merge)
{
	for (size_t i = 0; i < merge->in_heap; i++)
		part_unload(merge->heap[i]);
	if (merge->context.lock_fd >= 0)
		close(merge->context.lock_fd);
	far_free(&merge->context.far);
	names_clear(&merge->context.pool);
	free(merge->parts);
	free(merge->heap);
	files_free(&merge->files);
}

enum result read_rows(const struct read_plan *plan, struct error *err)
{
	struct merge merge = {
	    .plan = plan,
	    .context =
		{
		    .lock_fd = -1,
		    .io = plan->io,
		    .damage = plan->damage,
		    .arg = plan->arg,
		    .counts = plan->counts,
		},
	};
	enum result result = look_at_lock(&merge, err);

	plan->io->boot(merge.context.boot, plan->io->arg);
	if (result == OK)
		result = list_segments(&merge, err);
	if (result == OK)
		result = survey(&merge, err);
	if (result == OK)
		emit_rows(&merge);
	free_merge(&merge);
	return result;
}

/* --- public ------------------------------------------------------------------
 */

enum result ledger_read(const char *directory, ledger_row_fn *row,
    ledger_damage_fn *damage, void *arg, struct error *err)
{
	const struct read_plan plan = {
	    .directory = directory,
	    .since_ns = INT64_MIN,
	    .until_ns = INT64_MAX,
	    .io = &segment_io_real,
	    .row = row,
	    .damage = damage,
	    .arg = arg,
	};

	return read_rows(&plan, err);
}

static bool take_any_row(const struct ledger_row *row, void *arg)
{
	(void)row;
	(void)arg;
	return true;
}

enum result ledger_verify(const char *directory, struct ledger_counts *counts,
    ledger_damage_fn *damage, void *arg, struct error *err)
{
	const struct read_plan plan = {
	    .directory = directory,
	    .since_ns = INT64_MIN,
	    .until_ns = INT64_MAX,
	    .io = &segment_io_real,
	    .row = take_any_row,
	    .damage = damage,
	    .arg = arg,
	    .counts = counts,
	};

	*counts = (struct ledger_counts){0};
	return read_rows(&plan, err);
}
