/* records.h -- every request that was seen, for tests to read. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_PROVIDER_RECORDS_H
#define FAKE_PROVIDER_RECORDS_H

#include "net/http1.h"

/*
 * A record begins with a request's head and is completed as the exchange goes
 * on, by the worker that has it; the control port reads them all. Only the
 * last RECORDS_MAX are kept. Times are of the monotonic clock, which all
 * programs of a machine share, so that a test can compare them with its own.
 */
#define RECORDS_MAX 10000

struct record;
struct records;

struct records *records_new(void);
void records_free(struct records **records);

/* Appends one JSON object a line, oldest first. */
void records_write(struct records *records, struct buf *out);

/* Forgets all; those under way go on unseen. */
void records_clear(struct records *records);

/* A record of the head in <bytes>, copied, which came on connection
 * <connection>. */
struct record *record_begin(
    struct records *records, struct span bytes, uint64_t connection);

/* The body has come; copied. */
void record_body(struct record *record, struct span body, int64_t now_ns);

/* How far an answer came. */
struct record_end {
	int status;
	uint64_t events;
	uint64_t bytes;  /* of the body, before framing */
	int64_t sent_ns; /* when something was last written; 0: never */
	int64_t now_ns;
	const char *outcome; /* static: "completed", "cut", "client_gone" */
};

/* The exchange is over; the record is let go of. NULL is accepted. */
void record_end(struct record **record, const struct record_end *end);

#endif
