/* capture.c -- what is written to standard output or error, as text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/capture.h"

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void capture_start(struct capture *capture, int fd)
{
	char path[] = "/tmp/capture-XXXXXX";

	fflush(NULL);
	capture->fd = fd;
	capture->before = dup(fd);
	capture->file = mkstemp(path);
	assert_true(capture->before >= 0 && capture->file >= 0);
	unlink(path);
	assert_true(dup2(capture->file, fd) >= 0);
}

void capture_stop(struct capture *capture)
{
	ssize_t n;

	fflush(NULL);
	assert_true(dup2(capture->before, capture->fd) >= 0);
	n = pread(capture->file, capture->text, sizeof(capture->text) - 1, 0);
	assert_true(n >= 0);
	capture->text[n] = '\0';
	close(capture->before);
	close(capture->file);
}
