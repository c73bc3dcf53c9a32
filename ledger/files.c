/* files.c -- the directory of a ledger: listing, naming, reading, writing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/files.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY_MODE 0700

enum result files_sync_directory(const char *directory, struct error *err)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = fd >= 0 ? fsync(fd) : -1;

	/* Some file systems sync directories by themselves and say so. */
	if (fd >= 0 && result != 0 && (errno == EINVAL || errno == EROFS))
		result = 0;
	if (result != 0)
		error_set(err,
		    "%s: cannot sync the directory: %s; check the disk",
		    directory, strerror(errno));
	if (fd >= 0)
		close(fd);
	return result == 0 ? OK : FAILED;
}

/* Makes one directory and syncs its parent's entry. */
static enum result make_one(char *path, struct error *err)
{
	char *slash;
	enum result result;

	if (mkdir(path, DIRECTORY_MODE) != 0) {
		if (errno == EEXIST)
			return OK;
		error_set(err,
		    "%s: cannot make the directory: %s; make it, or change "
		    "`state`",
		    path, strerror(errno));
		return FAILED;
	}
	slash = strrchr(path, '/');
	if (!slash)
		return files_sync_directory(".", err);
	if (slash == path)
		return files_sync_directory("/", err);
	*slash = '\0';
	result = files_sync_directory(path, err);
	*slash = '/';
	return result;
}

enum result files_make_directory(const char *directory, struct error *err)
{
	char *path = mem_strdup(directory);
	size_t len = strlen(path);
	enum result result = OK;

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	for (size_t i = 1; i < len && result == OK; i++) {
		if (path[i] != '/' || path[i - 1] == '/')
			continue;
		path[i] = '\0';
		result = make_one(path, err);
		path[i] = '/';
	}
	if (result == OK)
		result = make_one(path, err);
	free(path);
	return result;
}

char *files_segment_path(const char *directory, uint64_t sequence,
    unsigned writer, const char *suffix)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%08" PRIu64 "-%02u.%s", directory, sequence,
		writer, suffix) < 0)
		return mem_strdup(""); /* out of memory ends it there */
	return path;
}

/* "NNNNNNNN-WW.seg" with at least that many digits, as made above. */
static bool parse_name(const char *text, struct segment_file *file)
{
	struct span rest = span_of(text);
	struct span sequence, writer;
	uint64_t number;

	if (!span_ends_with(rest, SPAN(".seg")))
		return false;
	rest.len -= 4;
	if (!span_split(&rest, '-', &sequence) ||
	    !span_split(&rest, '-', &writer) || rest.len > 0)
		return false;
	if (sequence.len < 8 || writer.len < 2 ||
	    !span_to_u64(sequence, &file->sequence) ||
	    !span_to_u64(writer, &number) || number >= FILES_WRITERS_MAX)
		return false;
	file->writer = (unsigned)number;
	return file->sequence > 0;
}

static int compare(const void *left, const void *right)
{
	const struct segment_file *a = left, *b = right;

	if (a->writer != b->writer)
		return a->writer < b->writer ? -1 : 1;
	return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

enum result files_list(
    const char *directory, struct segment_files *files, struct error *err)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	size_t cap = 0;

	*files = (struct segment_files){0};
	if (!dir) {
		error_set(err,
		    "%s: cannot read the ledger: %s; check `state`, the ledger "
		    "is made when `sluice serve` first starts",
		    directory, strerror(errno));
		return FAILED;
	}
	while ((entry = readdir(dir))) {
		struct segment_file file;

		if (!parse_name(entry->d_name, &file))
			continue;
		if (files->n == cap) {
			cap = cap ? cap * 2 : 16;
			files->items = mem_realloc(
			    files->items, cap * sizeof(*files->items));
		}
		file.path = files_segment_path(
		    directory, file.sequence, file.writer, "seg");
		files->items[files->n++] = file;
	}
	closedir(dir);
	if (files->n > 0)
		qsort(files->items, files->n, sizeof(*files->items), compare);
	return OK;
}

void files_free(struct segment_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		free(files->items[i].path);
	free(files->items);
	*files = (struct segment_files){0};
}

void files_remove_unborn(const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (span_ends_with(span_of(entry->d_name), SPAN(".tmp")))
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
}

ssize_t files_read(int fd, void *buf, size_t len, uint64_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(
		    fd, (char *)buf + done, len - done, (off_t)(offset + done));

		if (n == 0)
			break;
		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR)
			return -1;
	}
	return (ssize_t)done;
}

bool files_write(int fd, const void *bytes, size_t len, uint64_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(fd, (const char *)bytes + done, len - done,
		    (off_t)(offset + done));

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			return false;
	}
	return true;
}
