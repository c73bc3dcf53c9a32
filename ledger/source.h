/* source.h -- one segment as a reader sees it: rows in order of time, pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_SOURCE_H
#define LEDGER_SOURCE_H

#include "ledger/dictionary.h"
#include "ledger/idmap.h"
#include "ledger/names.h"
#include "ledger/scan.h"

/*
 * A settle is usually in its reserve's segment, but may be in a later one of
 * the same writer. So a ledger is read twice. The survey goes over every
 * segment once: it takes the settles that are far from their reserves, and the
 * range of the reserves' times. Then a segment is parsed as a whole when its
 * time comes, and dropped when its rows are out.
 */
struct far_settles {
	struct idmap index; /* attempt to its place in settles */
	struct ledger_settle *settles;
	size_t n;
	size_t cap;
};

void far_free(struct far_settles *far);

struct survey {
	uint64_t sequence;  /* given: what is not far */
	uint32_t identity;  /* given */
	int64_t min_utc_ns; /* of its reserves; INT64_MAX when it has none */
	int64_t max_utc_ns; /* INT64_MIN likewise */
};

/*
 * Goes over <n> slots, the first of which has number <first>. Only far settles
 * are checked here; a bad reserve may widen the range, which does no harm.
 */
void survey_slots(struct survey *survey, const uint8_t *slots, uint64_t first,
    size_t n, struct far_settles *far);

struct source {
	struct scan scan; /* begun by the caller; ended by source_parse */
	uint64_t sequence;
	bool is_live;         /* its process is alive */
	const uint8_t *slots; /* (n, FORMAT_SLOT_LEN), borrowed */
	uint32_t n;

	uint32_t *rows; /* (n_rows) slots of reserves, by time */
	uint32_t n_rows;
	uint32_t next;       /* the row that source_row gives */
	uint32_t *settle_of; /* (n) slot of the settle of the reserve there */
	struct dictionary names;
};

/*
 * Reads all slots: fills in rows, settles and names, which are interned in
 * <pool>. <is_cut> as in scan_end.
 */
void source_parse(struct source *source, struct names *pool, bool is_cut);

/* Frees what source_parse made. */
void source_free(struct source *source);

static inline bool source_has_row(const struct source *source)
{
	return source->next < source->n_rows;
}

/* Reserve time of the next row; only when there is one. */
int64_t source_time(const struct source *source);

/* Takes the next row; its names live in the pool. */
void source_row(struct source *source, const struct far_settles *far,
    struct ledger_row *row);

#endif
