/* scan.c -- which slots of a segment are records, and what the others are. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/scan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void scan_report(const struct scan *scan, enum ledger_damage_kind kind,
    uint64_t offset, const char *fmt, ...)
{
	struct ledger_damage damage = {.offset = offset, .kind = kind};
	size_t len = strlen(scan->file);
	size_t keep = sizeof(damage.file) - 1;
	va_list args;

	if (!scan->damage)
		return;
	/* A long path keeps its end, which tells segments apart. */
	snprintf(damage.file, sizeof(damage.file), "%s",
	    scan->file + (len > keep ? len - keep : 0));
	va_start(args, fmt);
	vsnprintf(damage.detail, sizeof(damage.detail), fmt, args);
	va_end(args);
	scan->damage(&damage, scan->arg);
}

static void report_corrupt(struct scan *scan, uint64_t from, uint64_t to)
{
	scan->corrupt++;
	scan_report(scan, LEDGER_CORRUPT, format_offset(from),
	    "%" PRIu64 " of its %d-byte records, from number %" PRIu64
	    " on, cannot be read; restore them from a copy",
	    to - from, FORMAT_SLOT_LEN, from);
}

/* Slots <from> to <to>, none of them good, stand before a good one. */
static void judge_gap(struct scan *scan, uint64_t from, uint64_t to)
{
	if (from >= scan->mark && scan->is_rebooted) {
		scan->torn++;
		scan->has_gaps = true;
		scan_report(scan, LEDGER_TORN_TAIL, format_offset(from),
		    "%" PRIu64 " records were not synced when the power went; "
		    "they were never shown",
		    to - from);
		return;
	}
	report_corrupt(scan, from, to);
}

enum format_kind scan_slot(
    struct scan *scan, const uint8_t *slot, uint64_t index)
{
	switch (format_check_slot(slot, scan->identity, index)) {
	case FORMAT_IS_EMPTY:
		return FORMAT_EMPTY;
	case FORMAT_IS_BAD:
		scan->is_dirty = true;
		return FORMAT_EMPTY;
	case FORMAT_IS_GOOD:
		break;
	}
	if (index > scan->end)
		judge_gap(scan, scan->end, index);
	scan->good++;
	scan->end = index + 1;
	scan->is_dirty = false;
	scan->is_sealed = format_kind(slot) == FORMAT_SEAL;
	return format_kind(slot);
}

void scan_end(struct scan *scan, bool is_cut)
{
	uint64_t end = scan->end;

	scan->is_tail_torn = scan->is_dirty || is_cut;
	if (scan->mark > end + 1) {
		report_corrupt(scan, end, scan->mark);
		return;
	}
	if (!scan->is_tail_torn && scan->mark <= end)
		return;
	scan->is_tail_torn = true;
	scan->torn++;
	if (scan->is_sealed)
		scan_report(scan, LEDGER_TORN_TAIL, format_offset(end),
		    "bytes follow its last record; a restart cuts them off");
	else if (scan->mark > end)
		scan_report(scan, LEDGER_TORN_TAIL, format_offset(end),
		    "its last record is not whole, though it had been synced; "
		    "a restart cuts it off");
	else
		scan_report(scan, LEDGER_TORN_TAIL, format_offset(end),
		    "its last record is not whole; a restart cuts it off");
}
