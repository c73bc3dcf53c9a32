/* billed.h -- the log of every request that a real provider would bill. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_PROVIDER_BILLED_H
#define FAKE_PROVIDER_BILLED_H

#include "net/loop.h"

/*
 * A line is on file before the first byte of its answer leaves: what a client
 * has seen an answer to is in the log, whatever is killed when. So the line is
 * written when the request is accepted and says that it will complete; where
 * it does not, a second line with the same "seq" follows and counts instead.
 *
 * The lines of a loop's turn leave as one write(2), in a hook at the turn's
 * end, which runs before the streams send. Workers append to the same file;
 * each write is whole lines.
 */
struct billed;
struct billing;

enum billed_outcome {
	BILLED_COMPLETED,
	BILLED_CUT,         /* the provider broke the answer off */
	BILLED_CLIENT_GONE, /* the client did */
};

/* What a line says; the spans are read while it is added. */
struct bill {
	uint64_t seq;        /* set by billing_accept */
	struct span attempt; /* the request's x-request-id, or empty */
	struct span model;
	uint64_t prompt_tokens;
	uint64_t cached_tokens;
	uint64_t completion_tokens;
	bool is_stream;
};

/* Appends to <path>; NULL: to memory of its own. */
struct billed *billed_open(const char *path, struct error *err) must_check;
void billed_close(struct billed **billed);

/* Appends the lines since the last reset, one for each "seq": its last. */
void billed_read(struct billed *billed, struct buf *out);

/* What was written so far is not read again; the file keeps it. */
void billed_reset(struct billed *billed);

/* One worker's side of it. */
struct billing *billing_new(struct billed *billed, struct loop *loop);
void billing_free(struct billing **billing);

/* The first line of <bill>. */
void billing_accept(struct billing *billing, struct bill *bill);

/* The line that replaces it; <bill>'s tokens are those delivered. */
void billing_amend(struct billing *billing, const struct bill *bill,
    enum billed_outcome outcome);

/* Writes what this turn has added so far. */
void billing_flush(struct billing *billing);

#endif
