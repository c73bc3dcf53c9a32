/* beside.c -- the small files of a checkpoint's directory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/engine/beside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

char *beside_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return mem_strdup(path);
	if (!span_ends_with(span_of(path), SPAN(".safetensors")))
		return NULL;
	return slash ? span_dup(span_make(path, (size_t)(slash - path)))
		     : mem_strdup(".");
}

/* Reads until <len> bytes are there or the file ends. */
static ssize_t read_all(int fd, char *at, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, at + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static enum result read_file(
    int fd, const char *path, size_t max, struct span *text, struct error *err)
{
	struct stat st;
	ssize_t n;
	char *bytes;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		error_set(err, "%s: is not a file", path);
		return FAILED;
	}
	if ((uint64_t)st.st_size > max) {
		error_set(err, "%s: %llu bytes, at most %zu", path,
		    (unsigned long long)st.st_size, max);
		return FAILED;
	}
	bytes = mem_alloc((size_t)st.st_size + 1);
	n = read_all(fd, bytes, (size_t)st.st_size);
	if (n < 0) {
		error_set(err, "%s: %s", path, strerror(errno));
		free(bytes);
		return FAILED;
	}
	*text = span_make(bytes, (size_t)n);
	return OK;
}

enum result beside_read(const char *folder, const char *name, size_t max,
    struct span *text, struct error *err)
{
	size_t len = strlen(folder) + strlen(name) + 2;
	char *path = mem_alloc(len);
	enum result result;
	int fd;

	*text = span_make(NULL, 0);
	(void)snprintf(path, len, "%s/%s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		error_set(err, "%s: %s", path, strerror(errno));
		result = errno == ENOENT || errno == ENOTDIR ? AGAIN : FAILED;
	} else {
		result = read_file(fd, path, max, text, err);
		close(fd);
	}
	free(path);
	return result;
}

void beside_free(struct span *text)
{
	free((void *)(uintptr_t)text->ptr);
	*text = span_make(NULL, 0);
}
