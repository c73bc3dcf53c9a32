/* capture.h -- what is written to standard output or error, as text. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CAPTURE_H
#define TESTS_UNIT_CAPTURE_H

/* One descriptor, led into a file for a while. */
struct capture {
	int fd;
	int before;
	int file;
	char text[8192]; /* after capture_stop, NUL-terminated */
};

void capture_start(struct capture *capture, int fd);
void capture_stop(struct capture *capture);

#endif
