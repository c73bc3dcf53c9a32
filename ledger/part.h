/* part.h -- one segment file as a reader finds it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_PART_H
#define LEDGER_PART_H

#include "ledger/files.h"
#include "ledger/segment.h"
#include "ledger/source.h"

/*
 * Files are read, not mapped: a bad sector is then an error to report and not
 * a signal, and the writer may cut a segment that it seals.
 */
struct part {
	const char *path;
	struct format_header header;
	uint64_t mark;
	uint64_t n;    /* slots to look at */
	bool is_there; /* false: no header, nothing to read */
	bool is_live;
	bool is_cut;
	struct survey survey;
	struct source source;
	uint8_t *slots; /* (n, FORMAT_SLOT_LEN) while loaded */
	int64_t time;   /* of the next row, while loaded */
};

/* What all parts of a reading share. */
struct part_context {
	int lock_fd;      /* -1: nobody ever had the lock */
	int64_t live_tag; /* of a run that lived when the reading began, or 0 */
	const struct segment_io *io;
	uint8_t boot[FORMAT_BOOT_LEN];
	ledger_damage_fn *damage;
	void *arg;
	struct ledger_counts *counts;
	struct far_settles far;
	struct names pool;
};

/*
 * Opens the file and finds out how much of it may be shown (<part>->n). What a
 * process that is no more left there is synced first; FAILED when that fails,
 * since what is shown must not be lost. <fd> is the caller's to close, and -1
 * when there is nothing to read (<part>->is_there is false) or on FAILED.
 */
enum result part_open(struct part *part, const struct segment_file *file,
    struct part_context *context, int *fd, struct error *err) must_check;

/*
 * Reads <n> slots from number <first> on and returns how many there are. What
 * the disk cannot give reads as zeros, a page at a time, and the checksums
 * tell.
 */
size_t part_read_slots(int fd, uint8_t *slots, uint64_t first, size_t n);

/* part_open, and goes over it once. */
enum result part_survey(struct part *part, const struct segment_file *file,
    struct part_context *context, struct error *err) must_check;

/* Reads and parses it; its rows can be taken then. */
void part_load(struct part *part, struct part_context *context);
void part_unload(struct part *part);

/* Reports a damage and counts it. */
void part_report(struct part_context *context, const char *path,
    enum ledger_damage_kind kind, const char *detail);

#endif
