/* segment.h -- a preallocated, mapped file that one writer fills. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_SEGMENT_H
#define LEDGER_SEGMENT_H

#include <stdatomic.h>

#include "ledger/format.h"

/*
 * One thread appends, another syncs. Appending stores a record into the
 * mapping and then publishes the new count with release; syncing takes the
 * count with acquire, syncs the file, and then publishes the count as the
 * header's mark. So the mark never covers a record that is not on disk, and
 * another process that reads below the mark reads whole records.
 *
 * A file is made under a name of its own (.tmp) and renamed when it is
 * allocated, has its header and is synced: a .seg file is always a segment.
 */
struct segment_io {
	/* Puts all that was stored on disk; 0 or an errno. */
	int (*sync)(int fd, const char *path, void *arg);
	/* Gives the file <len> bytes on disk; 0 or an errno. */
	int (*allocate)(int fd, size_t len, const char *path, void *arg);
	/* FORMAT_BOOT_LEN bytes that tell this start of the system. */
	void (*boot)(uint8_t *boot, void *arg);
	void *arg;
};

/* fdatasync, posix_fallocate and the kernel's boot id; tests have others. */
extern const struct segment_io segment_io_real;

struct segment {
	struct list link; /* on the ledger's list of those turned away */
	char *path;
	int fd;
	uint8_t *map;
	uint32_t slots;
	uint32_t identity;
	uint64_t sequence;
	uint32_t synced;       /* the mark as the syncing thread knows it */
	_Atomic uint32_t used; /* stored by the appending thread only */
	bool is_sealed;        /* by the appending thread, before it lets go */
};

struct segment_plan {
	const char *directory;
	struct format_header header;
	uint32_t slots;
};

/* Makes the file, allocated and synced. NULL with <err> set: disk full, ... */
struct segment *segment_create(const struct segment_plan *plan,
    const struct segment_io *io, struct error *err) must_check;

/*
 * Appends the record in <slot> (its checksum is put in here) and returns its
 * number. The caller has seen to it that there is room.
 */
uint32_t segment_append(struct segment *segment, uint8_t *slot);

/* Appends the seal; nothing may follow. */
void segment_seal(struct segment *segment, int64_t utc_ns);

static inline uint32_t segment_used(const struct segment *segment)
{
	return atomic_load_explicit(&segment->used, memory_order_relaxed);
}

/*
 * Puts what was appended before the call on disk and moves the mark. FAILED:
 * the disk may have dropped anything since the last sync, so the header says
 * that what lies past the mark is in doubt; syncing again would prove nothing.
 */
enum result segment_sync(struct segment *segment, const struct segment_io *io,
    struct error *err) must_check;

/*
 * Unmaps and closes it. A sealed one gives the space behind its seal back; one
 * without a record is removed.
 */
void segment_close(struct segment **segment);

#endif
