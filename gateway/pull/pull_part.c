/* pull_part.c -- a file while it is being fetched. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pull/pull_part.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/files.h"
#include "gateway/pull/pull_store.h"

#define SLICE ((int64_t)16 << 20) /* hashed in one turn: some 10 ms */
#define READ_SIZE ((size_t)1 << 20)

static enum result fail(
    const struct pull_part *part, const char *what, struct error *err)
{
	error_set(err, "%s %s: %s%s", what, part->part, strerror(errno),
	    errno == ENOSPC ? ": make room and pull again, which goes on "
			      "from here"
			    : "");
	return FAILED;
}

static char *with_ending(const char *path, const char *ending)
{
	size_t size = strlen(path) + strlen(ending) + 1;
	char *text = mem_alloc(size);

	snprintf(text, size, "%s%s", path, ending);
	return text;
}

static void read_mark(struct pull_part *part)
{
	struct error err;
	struct span text;

	if (file_read(part->mark, PULL_ETAG_MAX + 1, &text, &err) != OK)
		return;
	(void)snprintf(
	    part->etag, sizeof(part->etag), "%.*s", SPAN_FMT(span_trim(text)));
	file_free(&text);
}

enum result pull_part_open(
    struct pull_part *part, const char *path, struct error *err)
{
	struct stat st;

	*part = (struct pull_part){
	    .path = mem_strdup(path),
	    .part = with_ending(path, ".part"),
	    .mark = with_ending(path, ".part.etag"),
	    .fd = -1,
	    .digest = digest_new(),
	};
	if (pull_make_folders(path, err) != OK)
		return FAILED;
	part->fd = open(part->part,
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_APPEND, 0666);
	if (part->fd < 0 || fstat(part->fd, &st) < 0)
		return fail(part, "open", err);
	part->have = st.st_size;
	read_mark(part);
	if (part->have > 0 && !*part->etag)
		return pull_part_restart(part, SPAN(""), err);
	return OK;
}

bool pull_part_open_whole(
    struct pull_part *part, const char *path, int64_t size)
{
	struct stat st;

	*part = (struct pull_part){
	    .path = mem_strdup(path),
	    .part = mem_strdup(path),
	    .fd = open(path, O_RDONLY | O_CLOEXEC),
	    .digest = digest_new(),
	};
	if (part->fd < 0 || fstat(part->fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size != size) {
		pull_part_close(part);
		return false;
	}
	part->have = size;
	return true;
}

bool pull_part_is(const struct pull_part *part, const struct sha256 *sha)
{
	struct sha256 got = digest_value(part->digest);

	return part->hashed == part->have && hash_eq_constant_time(&got, sha);
}

void pull_part_close(struct pull_part *part)
{
	if (!part->path)
		return;
	if (part->fd >= 0) {
		close(part->fd);
		if (part->have == 0 && part->mark)
			pull_part_delete(part);
	}
	digest_free(&part->digest);
	free(part->path);
	free(part->part);
	free(part->mark);
	*part = (struct pull_part){.fd = -1};
}

enum result pull_part_hash(struct pull_part *part, struct error *err)
{
	int64_t end = part->have - part->hashed;
	char *room = mem_alloc(READ_SIZE);
	enum result result = OK;

	end = part->hashed + (end > SLICE ? SLICE : end);
	while (part->hashed < end) {
		size_t len = end - part->hashed > (int64_t)READ_SIZE
				 ? READ_SIZE
				 : (size_t)(end - part->hashed);
		ssize_t n = pread(part->fd, room, len, part->hashed);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n < 0 ? errno : EIO;
			result = fail(part, "read", err);
			break;
		}
		digest_add(part->digest, span_make(room, (size_t)n));
		part->hashed += n;
	}
	free(room);
	if (result == OK && part->hashed < part->have)
		return AGAIN;
	return result;
}

/* The tag goes to its file before the first byte that belongs to it. */
static enum result write_mark(struct pull_part *part, struct error *err)
{
	size_t len = strlen(part->etag);
	int fd = open(part->mark,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	bool is_fine = fd >= 0 && write(fd, part->etag, len) == (ssize_t)len;
	enum result result = is_fine ? OK : fail(part, "mark", err);

	if (fd >= 0)
		close(fd);
	return result;
}

enum result pull_part_restart(
    struct pull_part *part, struct span etag, struct error *err)
{
	if (ftruncate(part->fd, 0) < 0)
		return fail(part, "empty", err);
	part->have = part->hashed = 0;
	digest_reset(part->digest);
	if (etag.len > PULL_ETAG_MAX)
		etag.len = 0;
	(void)snprintf(part->etag, sizeof(part->etag), "%.*s", SPAN_FMT(etag));
	return write_mark(part, err);
}

enum result pull_part_write(
    struct pull_part *part, struct span bytes, struct error *err)
{
	assert(part->hashed == part->have);
	while (bytes.len > 0) {
		ssize_t n = write(part->fd, bytes.ptr, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(part, "write", err);
		digest_add(part->digest, span_head(bytes, (size_t)n));
		part->have += n;
		part->hashed += n;
		bytes = span_from(bytes, (size_t)n);
	}
	return OK;
}

/* First eight bytes: enough to tell two hashes apart. */
static const char *short_hex(const struct sha256 *sha, char out[17])
{
	for (size_t i = 0; i < 8; i++)
		snprintf(out + 2 * i, 3, "%02x", sha->bytes[i]);
	return out;
}

static enum result check(struct pull_part *part, int64_t size,
    const struct sha256 *sha, struct error *err)
{
	struct sha256 got = digest_value(part->digest);
	char a[17], b[17];

	assert(part->hashed == part->have);
	if (size >= 0 && part->have != size) {
		error_set(err,
		    "%.300s: the hub says %lld bytes, %lld came: deleted",
		    part->path, (long long)size, (long long)part->have);
		return FAILED;
	}
	if (sha && !hash_eq_constant_time(sha, &got)) {
		error_set(err,
		    "%.300s: the hub says SHA-256 %s..., it is %s...: deleted",
		    part->path, short_hex(sha, a), short_hex(&got, b));
		return FAILED;
	}
	return OK;
}

/* Makes the folder's new entry last. */
static void sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? span_dup(span_make(path, (size_t)(slash - path)))
			     : mem_strdup(".");
	int fd = open(*folder ? folder : "/", O_RDONLY | O_CLOEXEC);

	free(folder);
	if (fd < 0)
		return;
	/* A file system that cannot has done what it can. */
	(void)!fsync(fd);
	close(fd);
}

enum result pull_part_finish(struct pull_part *part, int64_t size,
    const struct sha256 *sha, struct error *err)
{
	if (check(part, size, sha, err) != OK) {
		pull_part_delete(part);
		return FAILED;
	}
	if (fsync(part->fd) < 0)
		return fail(part, "sync", err);
	if (rename(part->part, part->path) < 0)
		return fail(part, "rename", err);
	(void)unlink(part->mark);
	sync_folder(part->path);
	close(part->fd);
	part->fd = -1;
	return OK;
}

void pull_part_delete(struct pull_part *part)
{
	(void)unlink(part->part);
	(void)unlink(part->mark);
}
