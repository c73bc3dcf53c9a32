/* source.c -- one segment as a reader sees it: rows in order of time, pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/source.h"

#include <assert.h>
#include <stdlib.h>

#define NO_SLOT UINT32_MAX

/* --- survey ------------------------------------------------------------------
 */

void far_free(struct far_settles *far)
{
	idmap_free(&far->index);
	free(far->settles);
	*far = (struct far_settles){0};
}

static void keep_far(
    struct far_settles *far, const struct ledger_settle *settle)
{
	uint64_t *place = idmap_put(&far->index, &settle->attempt);

	/* An attempt resolves once: the first settle counts. */
	if (*place != IDMAP_NONE)
		return;
	if (far->n == far->cap) {
		far->cap = far->cap ? far->cap * 2 : 64;
		far->settles =
		    mem_realloc(far->settles, far->cap * sizeof(*far->settles));
	}
	*place = far->n;
	far->settles[far->n++] = *settle;
}

void survey_slots(struct survey *survey, const uint8_t *slots, uint64_t first,
    size_t n, struct far_settles *far)
{
	for (size_t i = 0; i < n; i++) {
		const uint8_t *slot = slots + i * FORMAT_SLOT_LEN;
		struct format_reserve reserve;
		struct format_settle settle;

		if (format_kind(slot) == FORMAT_RESERVE) {
			if (!format_read_reserve(slot, &reserve))
				continue;
			if (reserve.utc_ns < survey->min_utc_ns)
				survey->min_utc_ns = reserve.utc_ns;
			if (reserve.utc_ns > survey->max_utc_ns)
				survey->max_utc_ns = reserve.utc_ns;
		} else if (format_kind(slot) == FORMAT_SETTLE) {
			if (format_read_settle(slot, &settle) &&
			    settle.reserve_sequence != survey->sequence &&
			    format_check_slot(slot, survey->identity,
				first + i) == FORMAT_IS_GOOD)
				keep_far(far, &settle.settle);
		}
	}
}

/* --- parsing -----------------------------------------------------------------
 */

static const uint8_t *slot_at(const struct source *source, uint32_t index)
{
	return source->slots + (size_t)index * FORMAT_SLOT_LEN;
}

/* Remembers where the settle of a reserve of this segment is. */
static void take_settle(struct source *source, uint32_t index)
{
	struct format_settle settle;
	const uint8_t *reserve;

	if (!format_read_settle(slot_at(source, index), &settle) ||
	    settle.reserve_sequence != source->sequence ||
	    settle.reserve_slot >= index)
		return;
	reserve = slot_at(source, settle.reserve_slot);
	if (!format_reserves(reserve, &settle.settle.attempt))
		return;
	if (source->settle_of[settle.reserve_slot] == NO_SLOT)
		source->settle_of[settle.reserve_slot] = index;
}

static int64_t time_of(const struct source *source, uint32_t slot)
{
	struct format_reserve reserve;

	if (!format_read_reserve(slot_at(source, slot), &reserve))
		return 0;
	return reserve.utc_ns;
}

static int compare_rows(const void *left, const void *right, void *arg)
{
	const struct source *source = arg;
	uint32_t a, b;
	int64_t at, bt;

	memcpy(&a, left, sizeof(a));
	memcpy(&b, right, sizeof(b));
	at = time_of(source, a);
	bt = time_of(source, b);
	if (at != bt)
		return at < bt ? -1 : 1;
	return a < b ? -1 : a > b;
}

static bool take_reserve(struct source *source, uint32_t index, int64_t *last)
{
	struct format_reserve reserve;
	bool is_in_order;

	if (!format_read_reserve(slot_at(source, index), &reserve))
		return true;
	source->rows[source->n_rows++] = index;
	is_in_order = reserve.utc_ns >= *last;
	*last = reserve.utc_ns;
	return is_in_order;
}

void source_parse(struct source *source, struct names *pool, bool is_cut)
{
	bool is_in_order = true;
	int64_t last = INT64_MIN;

	source->rows = mem_alloc(source->n * sizeof(*source->rows));
	source->settle_of = mem_alloc(source->n * sizeof(*source->settle_of));
	memset(source->settle_of, 0xff, source->n * sizeof(*source->settle_of));
	for (uint32_t i = 0; i < source->n; i++) {
		switch (scan_slot(&source->scan, slot_at(source, i), i)) {
		case FORMAT_NAME:
			dictionary_take(
			    &source->names, slot_at(source, i), i, pool);
			break;
		case FORMAT_RESERVE:
			is_in_order &= take_reserve(source, i, &last);
			break;
		case FORMAT_SETTLE:
			take_settle(source, i);
			break;
		case FORMAT_EMPTY:
		case FORMAT_SEAL:
		case FORMAT_VOID:
			break;
		}
	}
	scan_end(&source->scan, is_cut);
	/* Only a clock that was set back puts a writer's reserves out of it. */
	if (!is_in_order)
		qsort_r(source->rows, source->n_rows, sizeof(*source->rows),
		    compare_rows, source);
}

void source_free(struct source *source)
{
	free(source->rows);
	free(source->settle_of);
	dictionary_free(&source->names);
	source->rows = NULL;
	source->settle_of = NULL;
	source->n_rows = 0;
}

/* --- rows --------------------------------------------------------------------
 */

int64_t source_time(const struct source *source)
{
	return time_of(source, source->rows[source->next]);
}

static bool find_settle(const struct source *source, uint32_t slot,
    const struct far_settles *far, struct ledger_row *row)
{
	struct format_settle settle;
	const uint64_t *place;

	if (source->settle_of[slot] != NO_SLOT) {
		if (!format_read_settle(
			slot_at(source, source->settle_of[slot]), &settle))
			return false;
		row->settle = settle.settle;
		return true;
	}
	place = idmap_find(&far->index, &row->reserve.attempt);
	if (!place)
		return false;
	row->settle = far->settles[*place];
	return true;
}

void source_row(struct source *source, const struct far_settles *far,
    struct ledger_row *row)
{
	uint32_t slot = source->rows[source->next++];
	struct format_reserve reserve;
	bool is_read = format_read_reserve(slot_at(source, slot), &reserve);

	assert(is_read); /* take_reserve kept no other */
	row->reserve = (struct ledger_reserve){
	    .request = reserve.request,
	    .attempt = reserve.attempt,
	    .utc_ns = reserve.utc_ns,
	    .attempt_number = reserve.attempt_number,
	    .kind = reserve.kind,
	    .key = dictionary_find(&source->names, reserve.key),
	    .model = dictionary_find(&source->names, reserve.model),
	    .rule = dictionary_find(&source->names, reserve.rule),
	    .task = dictionary_find(&source->names, reserve.task),
	    .estimated_cost_nano = reserve.estimated_cost_nano,
	    .source = reserve.source,
	    .answer_of = reserve.answer_of,
	};
	if (find_settle(source, slot, far, row)) {
		row->state = LEDGER_SETTLED;
		return;
	}
	row->settle = (struct ledger_settle){0};
	row->state = source->is_live ? LEDGER_RESERVED : LEDGER_UNKNOWN;
}
