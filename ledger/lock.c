/* lock.c -- one process a ledger, and who of its writers is alive. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger/files.h"

#define LOCK_MODE 0600
#define PID_TEXT_MAX 24

static char *lock_path(const char *directory)
{
	char *path = NULL;

	if (asprintf(&path, "%s/lock", directory) < 0)
		return mem_strdup("");
	return path;
}

int64_t lock_tag(const uint8_t *run)
{
	uint64_t word;

	memcpy(&word, run, sizeof(word));
	/* A file offset past the first byte, with room for one byte more. */
	return (int64_t)(le64toh(word) >> 2) + 1;
}

static bool set_lock(int fd, int64_t start)
{
	struct flock lock = {
	    .l_type = F_WRLCK,
	    .l_whence = SEEK_SET,
	    .l_start = start,
	    .l_len = 1,
	};

	return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* Says who has the lock, as far as the file tells. */
static void refuse(int fd, const char *directory, struct error *err)
{
	char text[PID_TEXT_MAX] = "";
	ssize_t len = files_read(fd, text, sizeof(text) - 1, 0);
	struct span rest = span_make(text, len > 0 ? (size_t)len : 0);
	struct span digits;
	uint64_t pid;

	if (span_split(&rest, '\n', &digits) && span_to_u64(digits, &pid))
		error_set(err,
		    "%s: another `sluice serve` (pid %" PRIu64
		    ") has this ledger; stop it, or give this one a `state` of "
		    "its own",
		    directory, pid);
	else
		error_set(err,
		    "%s: another `sluice serve` has this ledger; stop it, or "
		    "give this one a `state` of its own",
		    directory);
}

int lock_take(const char *directory, const uint8_t *run, struct error *err)
{
	char *path = lock_path(directory);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, LOCK_MODE);
	char text[PID_TEXT_MAX];
	int len;

	if (fd < 0) {
		error_set(err,
		    "%s: cannot open the ledger's lock: %s; check the "
		    "directory's owner and mode",
		    path, strerror(errno));
		goto out;
	}
	if (!set_lock(fd, 0)) {
		if (errno == EAGAIN || errno == EACCES)
			refuse(fd, directory, err);
		else
			error_set(err,
			    "%s: cannot lock the ledger: %s; `state` must be "
			    "on a file system that has locks",
			    path, strerror(errno));
		goto failed;
	}
	if (!set_lock(fd, lock_tag(run))) {
		error_set(err, "%s: cannot lock the ledger: %s", path,
		    strerror(errno));
		goto failed;
	}
	/* Only a message shows it, so that failing here does no harm. */
	len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0 || !files_write(fd, text, (size_t)len, 0))
		log_warn("ledger", "lock_without_pid", "path=%s error=\"%s\"",
		    path, strerror(errno));
	goto out;

failed:
	close(fd);
	fd = -1;
out:
	free(path);
	return fd;
}

int lock_open(const char *directory)
{
	char *path = lock_path(directory);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	free(path);
	return fd;
}

/* The first locked byte in a range; 0 when there is none. */
static int64_t first_held(int fd, int64_t start, int64_t len)
{
	struct flock lock = {
	    .l_type = F_RDLCK,
	    .l_whence = SEEK_SET,
	    .l_start = start,
	    .l_len = len,
	};

	if (fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_start;
}

bool lock_is_held(int fd, int64_t tag)
{
	return first_held(fd, tag, 1) != 0;
}

int64_t lock_any_held(int fd)
{
	return first_held(fd, 1, 0);
}
