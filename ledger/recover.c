/* recover.c -- what former processes left: torn tails, damage, leftovers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/files.h"
#include "ledger/inside.h"
#include "ledger/scan.h"

/*
 * A segment that was closed properly is synced up to its mark, ends with its
 * seal and has no byte more: it is left alone. The newest of each writer is
 * read anyway, so that fresh damage is said at once; `ledger verify` reads all.
 *
 * Others are what a kill or a power cut left. Without damage in the middle,
 * what is torn is cleared, gaps are filled, and the segment is sealed. Slots
 * past the mark are written again even when they are good: after a sync that
 * failed the kernel may hold pages for clean that never reached the disk.
 */
struct old_segment {
	const char *path;
	int fd;
	uint8_t *bytes; /* header page and slots, with a slot of zeros behind */
	uint64_t len;   /* of the file */
	uint64_t slots; /* a last one that is cut short included */
	struct format_header header;
	struct scan scan;
};

static void log_damage(const struct ledger_damage *damage, void *arg)
{
	(void)arg;
	if (damage->kind == LEDGER_TORN_TAIL)
		log_warn("ledger", "torn_tail",
		    "file=%s offset=%" PRIu64 " detail=\"%s\"", damage->file,
		    damage->offset, damage->detail);
	else
		log_error("ledger", "damaged",
		    "file=%s offset=%" PRIu64 " kind=%s detail=\"%s\"",
		    damage->file, damage->offset,
		    ledger_damage_name(damage->kind), damage->detail);
}

static enum result fail(const struct old_segment *old, const char *what,
    int error, struct error *err)
{
	error_set(err, "%s: cannot %s: %s; check the disk and the file's owner",
	    old->path, what, strerror(error));
	return FAILED;
}

static enum result load(struct old_segment *old, struct error *err)
{
	struct stat status;
	size_t cap;

	old->fd = open(old->path, O_RDWR | O_CLOEXEC);
	if (old->fd < 0 || fstat(old->fd, &status) != 0)
		return fail(old, "open it", errno, err);
	old->len = (uint64_t)status.st_size;
	if (old->len > format_offset(FORMAT_SLOTS_MAX))
		old->len = format_offset(FORMAT_SLOTS_MAX);
	if (old->len > FORMAT_HEADER_LEN)
		old->slots =
		    (old->len - FORMAT_HEADER_LEN + FORMAT_SLOT_LEN - 1) /
		    FORMAT_SLOT_LEN;
	cap = (size_t)format_offset(old->slots + 1);
	old->bytes = mem_zalloc(cap);
	if (files_read(old->fd, old->bytes, (size_t)old->len, 0) < 0)
		return fail(old, "read it", errno, err);
	return OK;
}

static uint8_t *slot_at(const struct old_segment *old, uint64_t index)
{
	return old->bytes + format_offset(index);
}

/* Judges every slot, logging what is wrong. */
static void scan_all(
    struct old_segment *old, uint32_t identity, const struct segment_io *io)
{
	uint8_t boot[FORMAT_BOOT_LEN];

	io->boot(boot, io->arg);
	old->scan = (struct scan){
	    .file = old->path,
	    .identity = identity,
	    .mark = format_mark(old->bytes),
	    .is_rebooted = format_is_rebooted(&old->header, boot),
	    .damage = log_damage,
	};
	for (uint64_t i = 0; i < old->slots; i++)
		scan_slot(&old->scan, slot_at(old, i), i);
	scan_end(&old->scan, false);
}

static bool is_closed(const struct old_segment *old)
{
	return old->scan.is_sealed && !old->scan.has_gaps &&
	       !format_is_doubted(old->bytes) &&
	       old->scan.end == format_mark(old->bytes) &&
	       format_offset(old->scan.end) == old->len;
}

/* Records for the slots that a power cut left without one before good ones. */
static void fill_gaps(struct old_segment *old)
{
	uint32_t identity = old->scan.identity;
	int64_t now = clock_utc_ns();

	for (uint64_t i = 0; i < old->scan.end; i++) {
		if (format_check_slot(slot_at(old, i), identity, i) ==
		    FORMAT_IS_GOOD)
			continue;
		format_write_plain(FORMAT_VOID, now, slot_at(old, i));
		format_seal_slot(slot_at(old, i), identity, i);
	}
}

/*
 * Writes what is past the mark anew, and a seal. The order lets a kill at any
 * moment leave a segment that this can begin again with: first the records,
 * then the mark that vouches for them, then the cut.
 */
static enum result rewrite(
    struct old_segment *old, const struct segment_io *io, struct error *err)
{
	uint64_t end = old->scan.end;
	uint64_t from = format_mark(old->bytes);
	uint64_t numbers[2] = {0}; /* mark and doubt */
	int error;

	if (from > end)
		from = end;
	if (!old->scan.is_sealed) {
		format_write_plain(
		    FORMAT_SEAL, clock_utc_ns(), slot_at(old, end));
		format_seal_slot(slot_at(old, end), old->scan.identity, end);
		end++;
	}
	if (!files_write(old->fd, slot_at(old, from),
		(size_t)(end - from) * FORMAT_SLOT_LEN, format_offset(from)))
		return fail(old, "repair it", errno, err);
	error = io->sync(old->fd, old->path, io->arg);
	if (error)
		return fail(old, "sync it", error, err);
	numbers[0] = format_le64(end);
	if (!files_write(
		old->fd, numbers, sizeof(numbers), FORMAT_MARK_OFFSET) ||
	    ftruncate(old->fd, (off_t)format_offset(end)) != 0)
		return fail(old, "repair it", errno, err);
	error = io->sync(old->fd, old->path, io->arg);
	return error ? fail(old, "sync it", error, err) : OK;
}

/* Nothing was ever recorded there: a segment made ahead of its use. */
static bool is_blank(const struct old_segment *old)
{
	return old->scan.end == 0 && !old->scan.is_tail_torn &&
	       format_mark(old->bytes) == 0;
}

static enum result repair(
    struct old_segment *old, const struct segment_io *io, struct error *err)
{
	if (old->scan.has_gaps)
		fill_gaps(old);
	if (rewrite(old, io, err) != OK)
		return FAILED;
	if (old->scan.torn > 0)
		log_warn("ledger", "repaired",
		    "file=%s records=%" PRIu64 " torn=%" PRIu64, old->path,
		    old->scan.good, old->scan.torn);
	else
		log_info("ledger", "sealed", "file=%s records=%" PRIu64,
		    old->path, old->scan.good);
	return OK;
}

/* <is_newest> of its writer; <is_removed> says what became of it. */
static enum result examine(const struct segment_file *file,
    const struct segment_io *io, bool is_newest, bool *is_removed,
    struct error *err)
{
	struct old_segment old = {.path = file->path, .fd = -1};
	struct scan bad = {.file = file->path, .damage = log_damage};
	const char *why = "it is shorter than a header";
	uint32_t identity;
	enum format_header_state state = FORMAT_HEADER_BAD;
	enum result result = load(&old, err);

	*is_removed = false;
	if (result != OK)
		goto out;
	if (old.len >= FORMAT_HEADER_LEN)
		state =
		    format_read_header(old.bytes, &old.header, &identity, &why);
	if (state != FORMAT_HEADER_GOOD)
		scan_report(&bad, LEDGER_BAD_HEADER, 0, "%s", why);
	if (state == FORMAT_HEADER_BAD)
		goto out;
	scan_all(&old, identity, io);
	if (old.scan.corrupt > 0 || state != FORMAT_HEADER_GOOD ||
	    is_closed(&old))
		goto out;
	/* One in the middle stays: its number must not be missing. */
	if (is_newest && is_blank(&old))
		*is_removed = unlink(old.path) == 0;
	else
		result = repair(&old, io, err);
out:
	if (old.fd >= 0)
		close(old.fd);
	free(old.bytes);
	return result;
}

/* Without reading it all: header, mark, length and the seal at the end agree.
 */
static bool looks_closed(const struct segment_file *file)
{
	uint8_t page[FORMAT_HEADER_LEN], slot[FORMAT_SLOT_LEN];
	struct format_header header;
	uint32_t identity;
	const char *why;
	struct stat status;
	uint64_t mark;
	bool is_fine = false;
	int fd = open(file->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (files_read(fd, page, sizeof(page), 0) < FORMAT_HEADER_LEN ||
	    format_read_header(page, &header, &identity, &why) !=
		FORMAT_HEADER_GOOD)
		goto out;
	mark = format_mark(page);
	if (mark == 0 || mark > FORMAT_SLOTS_MAX || format_is_doubted(page) ||
	    fstat(fd, &status) != 0 ||
	    (uint64_t)status.st_size != format_offset(mark) ||
	    files_read(fd, slot, sizeof(slot), format_offset(mark - 1)) <
		FORMAT_SLOT_LEN)
		goto out;
	is_fine =
	    format_check_slot(slot, identity, mark - 1) == FORMAT_IS_GOOD &&
	    format_kind(slot) == FORMAT_SEAL;
out:
	close(fd);
	return is_fine;
}

enum result recover(const char *directory, const struct segment_io *io,
    uint64_t *next, unsigned writers, struct error *err)
{
	struct segment_files files;
	enum result result;

	files_remove_unborn(directory);
	for (unsigned i = 0; i < writers; i++)
		next[i] = 1;
	result = files_list(directory, &files, err);
	for (size_t i = 0; i < files.n && result == OK; i++) {
		const struct segment_file *file = &files.items[i];
		bool is_newest = i + 1 == files.n ||
				 files.items[i + 1].writer != file->writer;
		bool is_removed = false;

		if (is_newest || !looks_closed(file))
			result = examine(file, io, is_newest, &is_removed, err);
		if (file->writer < writers && !is_removed)
			next[file->writer] = file->sequence + 1;
	}
	files_free(&files);
	return result;
}
