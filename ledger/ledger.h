/* ledger.h -- the truth about money: an append-only, checksummed log. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "base/base.h"

/*
 * Every upstream attempt is reserved before it is sent and settled when it has
 * ended, whatever way it ended. A record is a store into a mapped file, so it
 * survives kill -9 of the process at once; the ledger's thread syncs segments
 * in groups, so it survives power loss within SYNC_NS. Readers (export, spend)
 * show what is synced. Counters, statements and pages are projections of this
 * log and can be rebuilt from it.
 *
 * Files: state/ledger/NNNNNNNN-WW.seg, WW the writer. A segment is preallocated
 * (a full disk is met there, not at a store), has a header with its format,
 * sequence and creation time, and fixed-size records, each with a CRC-32C that
 * also covers its offset and the segment's identity. Names (keys, models,
 * rules) are written once per segment as name records and referred to by
 * number.
 */
enum ledger_kind {
	LEDGER_UPSTREAM,
	LEDGER_LOCAL,
	LEDGER_CACHE_HIT,
};

enum ledger_outcome {
	LEDGER_COMPLETED,
	LEDGER_CLIENT_GONE,
	LEDGER_UPSTREAM_DIED,
	LEDGER_TIMED_OUT,
	LEDGER_REFUSED, /* the upstream answered with an error status */
};

enum ledger_state {
	LEDGER_RESERVED,
	LEDGER_SETTLED,
	LEDGER_UNKNOWN, /* reserved by a process that is no more */
};

const char *ledger_kind_name(enum ledger_kind kind);
const char *ledger_outcome_name(enum ledger_outcome outcome);
const char *ledger_state_name(enum ledger_state state);

/* 128 random-looking bits with a time in front; hex is 32 digits. */
struct ledger_id {
	uint8_t bytes[16];
};

/* 33 bytes with the NUL. */
void ledger_id_format(const struct ledger_id *id, char *text);

/*
 * A fresh id, unique over processes and restarts: 48 bits of UTC milliseconds,
 * then random bits from a per-thread generator seeded by the kernel.
 */
struct ledger_id ledger_id_new(int64_t utc_ns);

/* What is known before an attempt is sent. */
struct ledger_reserve {
	struct ledger_id request;
	struct ledger_id attempt;
	int64_t utc_ns;
	uint32_t attempt_number; /* from 1 */
	enum ledger_kind kind;
	const char *key;
	const char *model;
	const char *rule;
	int64_t estimated_cost_nano; /* or MONEY_UNPRICED */
};

/* What is known when it has ended. */
struct ledger_settle {
	struct ledger_id attempt;
	int64_t utc_ns;
	enum ledger_outcome outcome;
	int status; /* HTTP status of the answer, 0 when none */
	int64_t input_tokens;
	int64_t cached_tokens;
	int64_t output_tokens;
	bool is_estimated;
	int64_t cost_nano; /* or MONEY_UNPRICED */
	int64_t baseline_nano;
	int64_t saved_nano;
};

/* --- writing ------------------------------------------------------------------ */

struct ledger;
struct ledger_writer; /* one a worker; used by its thread only */

struct ledger_options {
	const char *directory; /* made when missing; locked against a second */
	unsigned writers;
	size_t segment_bytes; /* 0: 16 MiB */
	int64_t sync_ns;      /* 0: 200 ms between group syncs */
};

/*
 * Opens or makes the ledger: takes the lock (fails when another process has
 * it), repairs torn tails (logged), marks what a former process had reserved
 * and not settled as unknown, starts the thread that syncs, seals and
 * preallocates.
 */
struct ledger *ledger_open(const struct ledger_options *options,
    struct error *err) must_check;

/* Syncs everything and stops the thread. */
void ledger_close(struct ledger **ledger);

struct ledger_writer *ledger_writer(struct ledger *ledger, unsigned i);

/*
 * Puts an attempt on record; when this returns OK, kill -9 cannot lose it.
 * FAILED when there is no room (disk full): then nothing may be sent upstream.
 * No system call but at the turn of a segment.
 */
enum result ledger_reserve(struct ledger_writer *writer,
    const struct ledger_reserve *reserve, struct error *err) must_check;

/* Likewise its end. Room for it was set aside by the reserve. */
void ledger_settle(struct ledger_writer *writer,
    const struct ledger_settle *settle);

/* --- reading ------------------------------------------------------------------ */

/* Reserve and settle merged. */
struct ledger_row {
	struct ledger_reserve reserve;
	struct ledger_settle settle; /* zero but for state reserved, unknown */
	enum ledger_state state;
};

enum ledger_damage_kind {
	LEDGER_TORN_TAIL, /* ends in a record not wholly written: repairable */
	LEDGER_CORRUPT,	  /* a bad checksum before good records */
	LEDGER_BAD_HEADER,
	LEDGER_MISSING,	  /* a gap in the segments' sequence */
};

struct ledger_damage {
	char file[128];
	uint64_t offset;
	enum ledger_damage_kind kind;
	char detail[160];
};

typedef bool ledger_row_fn(const struct ledger_row *row, void *arg);
typedef void ledger_damage_fn(const struct ledger_damage *damage, void *arg);

/*
 * Calls <row> for every synced attempt, oldest first (by reserve time), until
 * it returns false; <damage> (may be NULL) for each damage met, after which
 * reading goes on at the next good record. Works on a ledger that is being
 * written, and takes no lock.
 */
enum result ledger_read(const char *directory, ledger_row_fn *row,
    ledger_damage_fn *damage, void *arg, struct error *err) must_check;

/* --- prices -------------------------------------------------------------------- */

/* A model's price, in femto-dollars per token; MONEY_UNPRICED: unknown. */
struct ledger_price {
	int64_t input_femto;
	int64_t cached_femto;
	int64_t output_femto;
};

struct ledger_usage {
	int64_t input_tokens; /* without the cached */
	int64_t cached_tokens;
	int64_t output_tokens;
};

/* Nano-dollars, one half-even rounding; MONEY_UNPRICED when a price lacks. */
int64_t ledger_cost(const struct ledger_price *price,
    const struct ledger_usage *usage);

/* --- spend ---------------------------------------------------------------------- */

enum ledger_by {
	LEDGER_BY_NOTHING,
	LEDGER_BY_KEY,
	LEDGER_BY_MODEL,
	LEDGER_BY_RULE,
	LEDGER_BY_DAY, /* UTC */
};

struct ledger_sum {
	const char *name; /* owned by the spend */
	int64_t requests; /* distinct */
	int64_t cache_hits;
	int64_t cost_nano;
	int64_t baseline_nano;
	int64_t saved_nano;
	int64_t unknown;   /* rows of state unknown */
	int64_t estimated; /* rows */
	int64_t unpriced;  /* rows */
};

struct ledger_spend {
	struct ledger_sum total;
	size_t n_rows;
	struct ledger_sum *rows; /* (n_rows), dearest first; days ascending */
	size_t n_damages;
};

/*
 * Sums the rows with since <= reserve time < until (UTC ns; 0: open). Unpriced
 * amounts are counted, never added. A request with several attempts counts as
 * one: in a table by model under the one that answered it last.
 */
enum result ledger_spend(const char *directory, enum ledger_by by,
    int64_t since_ns, int64_t until_ns, struct ledger_spend *spend)
    must_check;
void ledger_spend_free(struct ledger_spend *spend);

#endif
