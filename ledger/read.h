/* read.h -- reading a ledger with more choice than the public functions. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_READ_H
#define LEDGER_READ_H

#include "ledger/segment.h"

/*
 * With a range, segments that have no reserve in it are surveyed but not
 * parsed, so that damage in them goes unreported.
 */
struct read_plan {
	const char *directory;
	int64_t since_ns;            /* UTC; INT64_MIN: from the first */
	int64_t until_ns;            /* not included; INT64_MAX: to the last */
	const struct segment_io *io; /* sync is used */
	ledger_row_fn *row;
	ledger_damage_fn *damage;     /* may be NULL */
	void *arg;                    /* of both */
	struct ledger_counts *counts; /* zeroed by the caller, or NULL */
};

/* As ledger_read. */
enum result read_rows(
    const struct read_plan *plan, struct error *err) must_check;

#endif
