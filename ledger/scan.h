/* scan.h -- which slots of a segment are records, and what the others are. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_SCAN_H
#define LEDGER_SCAN_H

#include "ledger/format.h"

/*
 * Slots are shown one after the other; what is between good records and after
 * the last is judged as follows.
 * - What is not a record, with good ones after it, is damage in the middle,
 *   unless it is past the mark and the system was started anew since: pages
 *   reach the disk in any order and while they are stored to, so a power cut
 *   leaves gaps there. Nobody was shown those records: they are a torn part,
 *   which recovery fills.
 * - What is not a record after the last good one is a torn tail. At most one
 *   record that the mark confirms may be lost so; more is damage.
 */
struct scan {
	/* given; the rest begins as zeros */
	const char *file; /* named in damages; borrowed */
	uint32_t identity;
	uint64_t mark;            /* in slots */
	bool is_rebooted;         /* the system may have lost its power since */
	ledger_damage_fn *damage; /* may be NULL */
	void *arg;

	uint64_t good; /* records seen */
	uint64_t end;  /* one past the last good one */
	uint64_t torn; /* damages of each kind */
	uint64_t corrupt;
	bool is_sealed;    /* the last good record is a seal */
	bool has_gaps;     /* torn parts before good records */
	bool is_tail_torn; /* what follows <end> is not all empty */
	bool is_dirty;     /* a slot since <end> is neither good nor empty */
};

/*
 * Looks at slot number <index>, one more than at the last call (from 0), and
 * returns what it is, FORMAT_EMPTY for all but good records.
 */
enum format_kind scan_slot(
    struct scan *scan, const uint8_t *slot, uint64_t index);

/* Judges the tail; <is_cut>: the file ends within a slot that is not empty. */
void scan_end(struct scan *scan, bool is_cut);

/* One damage to the callback, if any. */
void scan_report(const struct scan *scan, enum ledger_damage_kind kind,
    uint64_t offset, const char *fmt, ...) printf_like(4, 5);

#endif
