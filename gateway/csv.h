/* csv.h -- tables for spreadsheets (RFC 4180). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_CSV_H
#define GATEWAY_CSV_H

#include "base/base.h"

/*
 * Each appends one field with the comma before it unless it is a row's first;
 * false when the buffer is full. A text that a spreadsheet would run as a
 * formula (it begins with = + - @, a tab or a carriage return) gets a ' in
 * front. What is not known is an empty field.
 */
struct csv {
	struct buf *out;
	bool is_first; /* of its row */
	bool is_full;
};

void csv_init(struct csv *csv, struct buf *out);
void csv_text(struct csv *csv, struct span text);
void csv_int(struct csv *csv, int64_t value);
void csv_amount(struct csv *csv, int64_t nano); /* may be unpriced */
void csv_ms(struct csv *csv, int64_t ns);       /* -1: not known */
void csv_end_row(struct csv *csv);

/* A row of words: the header. */
void csv_row(struct csv *csv, const char *const *words, size_t n);

#endif
