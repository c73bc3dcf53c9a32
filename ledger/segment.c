/* segment.c -- a preallocated, mapped file that one writer fills. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/segment.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ledger/files.h"

#define SEGMENT_MODE 0600

static int sync_file(int fd, const char *path, void *arg)
{
	(void)path;
	(void)arg;
	/*
	 * On Linux this writes the pages that were dirtied through a mapping
	 * too, as msync does, and covers the file's header in the same call.
	 */
	return fdatasync(fd) == 0 ? 0 : errno;
}

static int allocate_file(int fd, size_t len, const char *path, void *arg)
{
	int error;

	(void)path;
	(void)arg;
	do
		error = posix_fallocate(fd, 0, (off_t)len);
	while (error == EINTR);
	return error;
}

/* The kernel's is a text; its hash is as good. Zeros when there is none. */
static void read_boot_id(uint8_t *boot, void *arg)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char text[64];
	ssize_t len = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
	struct sha256 digest = {{0}};

	(void)arg;
	if (len > 0)
		digest = hash_sha256(span_make(text, (size_t)len));
	memcpy(boot, digest.bytes, FORMAT_BOOT_LEN);
	if (fd >= 0)
		close(fd);
}

const struct segment_io segment_io_real = {
    .sync = sync_file,
    .allocate = allocate_file,
    .boot = read_boot_id,
};

static size_t file_len(const struct segment *segment)
{
	return (size_t)format_offset(segment->slots);
}

static void free_segment(struct segment *segment)
{
	if (segment->map)
		munmap(segment->map, file_len(segment));
	if (segment->fd >= 0)
		close(segment->fd);
	free(segment->path);
	free(segment);
}

/* Opens, allocates, maps and fills in the file under its first name. */
static enum result make_file(struct segment *segment, const char *path,
    const struct segment_plan *plan, const struct segment_io *io,
    struct error *err)
{
	int error;

	segment->fd =
	    open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, SEGMENT_MODE);
	if (segment->fd < 0) {
		error_set(err,
		    "%s: cannot make a ledger segment: %s; check the "
		    "directory's owner and mode",
		    path, strerror(errno));
		return FAILED;
	}
	error = io->allocate(segment->fd, file_len(segment), path, io->arg);
	if (error) {
		error_set(err,
		    "%s: no room for a ledger segment of %zu bytes: %s; free "
		    "space on that disk, or move `state`",
		    path, file_len(segment), strerror(error));
		return FAILED;
	}
	segment->map = mmap(NULL, file_len(segment), PROT_READ | PROT_WRITE,
	    MAP_SHARED, segment->fd, 0);
	if (segment->map == MAP_FAILED) {
		segment->map = NULL;
		error_set(err, "%s: cannot map a ledger segment: %s", path,
		    strerror(errno));
		return FAILED;
	}
	segment->identity = format_write_header(&plan->header, segment->map);
	error = io->sync(segment->fd, path, io->arg);
	if (error) {
		error_set(err,
		    "%s: cannot sync a new ledger segment: %s; check the disk",
		    path, strerror(error));
		return FAILED;
	}
	return OK;
}

struct segment *segment_create(const struct segment_plan *plan,
    const struct segment_io *io, struct error *err)
{
	const struct format_header *header = &plan->header;
	char *draft = files_segment_path(
	    plan->directory, header->sequence, header->writer, "tmp");
	struct segment *segment = mem_new(struct segment);

	list_init(&segment->link);
	segment->slots = plan->slots;
	segment->sequence = header->sequence;
	segment->path = files_segment_path(
	    plan->directory, header->sequence, header->writer, "seg");
	if (make_file(segment, draft, plan, io, err) != OK)
		goto failed;
	if (rename(draft, segment->path) != 0) {
		error_set(err, "%s: cannot rename it to %s: %s", draft,
		    segment->path, strerror(errno));
		goto failed;
	}
	if (files_sync_directory(plan->directory, err) != OK) {
		unlink(segment->path);
		goto failed;
	}
	free(draft);
	return segment;

failed:
	unlink(draft);
	free_segment(segment);
	free(draft);
	return NULL;
}

uint32_t segment_append(struct segment *segment, uint8_t *slot)
{
	uint32_t index = segment_used(segment);

	assert(index < segment->slots);
	format_seal_slot(slot, segment->identity, index);
	memcpy(segment->map + format_offset(index), slot, FORMAT_SLOT_LEN);
	/*
	 * Release: the record is stored before the count, so that the syncing
	 * thread, and a reader below its mark, find it whole; and before the
	 * next record, so that a kill can tear the last one only.
	 */
	atomic_store_explicit(&segment->used, index + 1, memory_order_release);
	return index;
}

void segment_seal(struct segment *segment, int64_t utc_ns)
{
	uint8_t slot[FORMAT_SLOT_LEN];

	format_write_plain(FORMAT_SEAL, utc_ns, slot);
	segment_append(segment, slot);
	segment->is_sealed = true;
}

/* Stores a number of the header that other processes look at. */
static void publish(struct segment *segment, size_t offset, uint64_t value)
{
	_Atomic uint64_t *at =
	    (_Atomic uint64_t *)(void *)(segment->map + offset);

	atomic_store_explicit(at, format_le64(value), memory_order_release);
}

enum result segment_sync(
    struct segment *segment, const struct segment_io *io, struct error *err)
{
	uint32_t used =
	    atomic_load_explicit(&segment->used, memory_order_acquire);
	int error;

	if (used == segment->synced)
		return OK;
	error = io->sync(segment->fd, segment->path, io->arg);
	if (error) {
		publish(segment, FORMAT_DOUBT_OFFSET, 1);
		error_set(err,
		    "%s: syncing the ledger failed: %s; nothing more can be "
		    "recorded safely: check the disk, then restart",
		    segment->path, strerror(error));
		return FAILED;
	}
	publish(segment, FORMAT_MARK_OFFSET, used);
	segment->synced = used;
	return OK;
}

void segment_close(struct segment **segment)
{
	struct segment *s = *segment;
	uint32_t used;

	if (!s)
		return;
	*segment = NULL;
	used = segment_used(s);
	if (used == 0)
		unlink(s->path);
	else if (s->is_sealed &&
		 ftruncate(s->fd, (off_t)format_offset(used)) != 0)
		log_warn("ledger", "not_trimmed", "path=%s error=\"%s\"",
		    s->path, strerror(errno));
	free_segment(s);
}
