/* files.c -- a small file, read whole. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	PIECE = 64 * 1024
};

enum result file_read(
    const char *path, size_t max, struct span *text, struct error *err)
{
	bool is_stdin = !strcmp(path, "-");
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	enum result result = FAILED;
	struct buf buf;

	*text = span_make(NULL, 0);
	if (fd < 0) {
		error_set(err, "%s: %s", path, strerror(errno));
		return FAILED;
	}
	buf_init(&buf, max + PIECE);
	for (;;) {
		char *room = buf_reserve(&buf, PIECE);
		ssize_t n = room ? read(fd, room, PIECE) : -1;

		if (n < 0 && room && errno == EINTR)
			continue;
		if (n < 0 && room) {
			error_set(err, "%s: %s", path, strerror(errno));
			break;
		}
		if (!room || buf_len(&buf) + (size_t)n > max) {
			error_set(err, "%s: larger than %zu bytes", path, max);
			break;
		}
		buf_commit(&buf, (size_t)n);
		if (n == 0) {
			*text =
			    span_make(span_dup(buf_span(&buf)), buf_len(&buf));
			result = OK;
			break;
		}
	}
	buf_free(&buf);
	if (!is_stdin)
		close(fd);
	return result;
}

void file_free(struct span *text)
{
	free((void *)(uintptr_t)text->ptr);
	*text = span_make(NULL, 0);
}
