/* files.h -- the directory of a ledger: its segments' names, its lock. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_FILES_H
#define LEDGER_FILES_H

#include <sys/types.h>

#include "ledger/format.h"

/*
 * The lock file holds nothing but the pid of its holder, which only a
 * message shows. A process locks its first byte against a second process, and
 * one more byte whose place is the run's tag: so a reader can ask the kernel
 * whether the run that wrote a segment is alive, and needs no file that could
 * be stale. Locks belong to the open file (F_OFD_SETLK) and die with it.
 */
#define FILES_WRITERS_MAX 1024u

struct segment_file {
	char *path; /* owned */
	uint64_t sequence;
	unsigned writer;
};

/* Sorted by writer, then sequence. */
struct segment_files {
	struct segment_file *items; /* (n) */
	size_t n;
};

/* Makes the directory and its parents (0700), synced into theirs. */
enum result files_make_directory(
    const char *directory, struct error *err) must_check;

enum result files_sync_directory(
    const char *directory, struct error *err) must_check;

/* The segments in <directory>; files_free gives the list back. */
enum result files_list(const char *directory, struct segment_files *files,
    struct error *err) must_check;
void files_free(struct segment_files *files);

/* "DIRECTORY/NNNNNNNN-WW.seg", malloc'ed; <suffix> is "seg" or "tmp". */
char *files_segment_path(const char *directory, uint64_t sequence,
    unsigned writer, const char *suffix);

/* Segments whose making was interrupted: nothing was ever recorded there. */
void files_remove_unborn(const char *directory);

/*
 * Up to <len> bytes at <offset>, fewer at the end of the file only; -1 with
 * errno set when they cannot be read.
 */
ssize_t files_read(int fd, void *buf, size_t len, uint64_t offset);

/* All <len> bytes at <offset>; false with errno set. */
bool files_write(
    int fd, const void *bytes, size_t len, uint64_t offset) must_check;

/* --- the lock ----------------------------------------------------------------
 */

/* The byte of the lock file that run <run> (FORMAT_RUN_LEN bytes) holds. */
int64_t lock_tag(const uint8_t *run);

/* Takes the lock for a run and returns its descriptor, -1 with <err> set. */
int lock_take(
    const char *directory, const uint8_t *run, struct error *err) must_check;

/* To ask with; -1 with errno set, ENOENT when there never was a lock. */
int lock_open(const char *directory) must_check;

/* Whether a living process holds <tag>. */
bool lock_is_held(int fd, int64_t tag);

/* The tag of a run that is alive, 0 when none is. */
int64_t lock_any_held(int fd);

#endif
