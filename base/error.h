/* error.h -- how a function says that the world failed it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/*
 * Three kinds of failure, never mixed: a programmer's mistake is an assert, a
 * peer's bad bytes are data and become an answer, and the world's failure (a
 * full disk, a missing file) is one of the results below with a message in a
 * caller-owned struct error. A message names who, what, why and what to do.
 */
enum result {
	OK = 0,
	AGAIN,  /* not now: more bytes or another event are needed */
	FAILED, /* the struct error says why */
};

struct error {
	char text[512];
};

#define must_check __attribute__((warn_unused_result))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

/* Writes the message (cut at the buffer); <err> may be NULL. */
void error_set(struct error *err, const char *fmt, ...) printf_like(2, 3);

/* Puts "context: " before the message already there. */
void error_prefix(struct error *err, const char *fmt, ...) printf_like(2, 3);

#endif
