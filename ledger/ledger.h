/* ledger.h -- the truth about money: an append-only, checksummed log. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "base/base.h"

/*
 * Every upstream attempt is reserved before it is sent and settled when it has
 * ended, whatever way it ended. A record is a store into a mapped file, so it
 * survives kill -9 of the process at once; the ledger's thread syncs segments
 * in groups, so it survives power loss within sync_ns. Readers (export, spend)
 * show what is synced. Counters, statements and pages are projections of this
 * log and can be rebuilt from it.
 *
 * Files: state/ledger/NNNNNNNN-WW.seg, WW the writer. A segment is preallocated
 * (a full disk is met there, not at a store), has a header with its format,
 * sequence and creation time, and fixed-size records, each with a CRC-32C that
 * also covers its offset and the segment's identity. Names (keys, models,
 * rules, tasks) are written once per segment as name records and referred to
 * by number. ledger/format.h has the format byte by byte.
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
	LEDGER_REFUSED,   /* the upstream answered with an error status */
	LEDGER_ESCALATED, /* its answer was given up for another model's */
	LEDGER_OUTCOMES,
};

enum ledger_state {
	LEDGER_RESERVED,
	LEDGER_SETTLED,
	LEDGER_UNKNOWN, /* reserved by a process that is no more */
};

/* Whence the answer of a cache hit came. */
enum ledger_source {
	LEDGER_SOURCE_NONE, /* from upstream, or not known */
	LEDGER_SOURCE_MEMORY,
	LEDGER_SOURCE_NEAR, /* memory, before Redis */
	LEDGER_SOURCE_REDIS,
	LEDGER_SOURCE_COALESCED, /* it waited for another request's answer */
};

const char *ledger_kind_name(enum ledger_kind kind);
const char *ledger_outcome_name(enum ledger_outcome outcome);
const char *ledger_state_name(enum ledger_state state);

/* NULL for LEDGER_SOURCE_NONE. */
const char *ledger_source_name(enum ledger_source source);

#define LEDGER_NAME_MAX 255 /* bytes of a key's, model's, ... name */

/* 128 random-looking bits with a time in front; hex is 32 digits. */
struct ledger_id {
	uint8_t bytes[16];
};

/* "req_" or "att_", 32 digits and the NUL. */
#define LEDGER_ID_TEXT_MAX 37

/* The 32 digits alone, and as they stand in headers and exports. */
void ledger_id_format(const struct ledger_id *id, char *text);
void ledger_id_format_request(const struct ledger_id *id, char *text);
void ledger_id_format_attempt(const struct ledger_id *id, char *text);

/* Whether it is all zeros, which no id is: "none". */
bool ledger_id_is_zero(const struct ledger_id *id);

/* Any of the three forms back to an id; false when it is none of them. */
bool ledger_id_parse(struct span text, struct ledger_id *id) must_check;

/*
 * A fresh id, unique over processes and restarts: 48 bits of UTC milliseconds,
 * then random bits from a per-thread generator seeded by the kernel.
 */
struct ledger_id ledger_id_new(int64_t utc_ns);

/*
 * What is known before an attempt is sent. What a row of an older version does
 * not have (task, source, answer_of; of a settle first_token_ns, duration_ns,
 * followers) reads as zeros: not known.
 */
struct ledger_reserve {
	struct ledger_id request;
	struct ledger_id attempt;
	int64_t utc_ns;
	uint32_t attempt_number; /* from 1 */
	enum ledger_kind kind;
	const char *key; /* NULL is "", as for the other names */
	const char *model;
	const char *rule;
	const char *task;
	int64_t estimated_cost_nano; /* or MONEY_UNPRICED */
	enum ledger_source source;
	struct ledger_id answer_of; /* whose answer it is; zeros: its own */
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
	int64_t
	    first_token_ns;  /* from the request's first byte; 0: not known */
	int64_t duration_ns; /* likewise */
	uint32_t followers;  /* requests answered along with this attempt */
};

/* --- writing
 * ------------------------------------------------------------------ */

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
 * it, and names its pid), repairs torn tails (logged), starts a new segment
 * for each writer and the thread that syncs, seals and preallocates. Damage in
 * the middle of an older segment is logged and left as it is.
 */
struct ledger *ledger_open(
    const struct ledger_options *options, struct error *err) must_check;

/*
 * Syncs everything, stops the thread and gives the lock back. No writer may be
 * in use any more. What is reserved and not settled is unknown from now on.
 */
void ledger_close(struct ledger **ledger);

/* Writer <i> of options.writers, owned by the ledger. */
struct ledger_writer *ledger_writer(struct ledger *ledger, unsigned i);

/*
 * Puts an attempt on record; when this returns OK, kill -9 cannot lose it.
 * FAILED when there is no room (disk full), when a sync has failed, or when a
 * name is longer than LEDGER_NAME_MAX: then nothing may be sent upstream. No
 * system call but at the turn of a segment.
 */
enum result ledger_reserve(struct ledger_writer *writer,
    const struct ledger_reserve *reserve, struct error *err) must_check;

/*
 * Likewise its end. Room for it was set aside by the reserve, so it cannot
 * fail. An attempt resolves once: a settle for one that this writer has not
 * outstanding is logged as an error and changes nothing.
 */
void ledger_settle(
    struct ledger_writer *writer, const struct ledger_settle *settle);

/* --- reading
 * ------------------------------------------------------------------ */

/* Reserve and settle merged. */
struct ledger_row {
	struct ledger_reserve reserve;
	struct ledger_settle settle; /* zero unless the state is settled */
	enum ledger_state state;
};

enum ledger_damage_kind {
	LEDGER_TORN_TAIL, /* ends in a record not wholly written: repairable */
	LEDGER_CORRUPT,   /* a bad checksum before good records */
	LEDGER_BAD_HEADER,
	LEDGER_MISSING, /* a gap in the segments' sequence */
};

struct ledger_damage {
	char file[128];
	uint64_t offset;
	enum ledger_damage_kind kind;
	char detail[160];
};

const char *ledger_damage_name(enum ledger_damage_kind kind);

/* <row> and its names are valid during the call. True: go on. */
typedef bool ledger_row_fn(const struct ledger_row *row, void *arg);
typedef void ledger_damage_fn(const struct ledger_damage *damage, void *arg);

/*
 * Calls <row> for every synced attempt, oldest first (by reserve time), until
 * it returns false; <damage> (may be NULL) for each damage met, after which
 * reading goes on at the next good record. Works on a ledger that is being
 * written, and takes no lock. While a process writes, what it has synced is
 * shown; what a former one left is synced here first. An attempt without a
 * settle is reserved while the process that reserved it lives, else unknown.
 * Memory: one segment for each that overlaps in time, which is one a writer,
 * and 120 bytes for each settle that fell into a later segment than its
 * reserve. FAILED when <directory> cannot be read.
 */
enum result ledger_read(const char *directory, ledger_row_fn *row,
    ledger_damage_fn *damage, void *arg, struct error *err) must_check;

/* What a whole reading found; the last four are damages by kind. */
struct ledger_counts {
	uint64_t segments;
	uint64_t records; /* with a good checksum, of any kind */
	uint64_t rows;
	uint64_t reserved;
	uint64_t settled;
	uint64_t unknown;
	uint64_t torn_tails;
	uint64_t corrupt;
	uint64_t bad_headers;
	uint64_t missing;
};

/* Reads all of it as ledger_read does and counts. */
enum result ledger_verify(const char *directory, struct ledger_counts *counts,
    ledger_damage_fn *damage, void *arg, struct error *err) must_check;

/*
 * The row as one JSON object, the line of `ledger export` without its newline.
 * What is not known is null. False when it would pass the buffer's maximum.
 */
bool ledger_row_write_json(
    const struct ledger_row *row, struct buf *buf) must_check;

/* --- prices
 * -------------------------------------------------------------------- */

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

/*
 * Nano-dollars, one half-even rounding. MONEY_UNPRICED when tokens were used
 * whose price lacks, or when a count is negative, which no usage can be.
 */
int64_t ledger_cost(
    const struct ledger_price *price, const struct ledger_usage *usage);

/* --- spend
 * ---------------------------------------------------------------------- */

enum ledger_by {
	LEDGER_BY_NOTHING,
	LEDGER_BY_KEY,
	LEDGER_BY_MODEL,
	LEDGER_BY_RULE,
	LEDGER_BY_TASK, /* "" where it is not known */
	LEDGER_BY_DAY,  /* UTC */
};

struct ledger_query {
	enum ledger_by by;
	int64_t since_ns; /* UTC; 0: from the first */
	int64_t until_ns; /* UTC, not included; 0: to the last */
};

struct ledger_sum {
	const char *name; /* owned by the spend; "" for the total */
	int64_t requests; /* distinct */
	int64_t cache_hits;
	int64_t cost_nano;
	int64_t baseline_nano;
	int64_t saved_nano;
	int64_t unknown;   /* rows of state unknown */
	int64_t estimated; /* rows */
	int64_t unpriced;  /* rows with an amount that is unpriced */
};

struct ledger_spend {
	struct ledger_sum total;
	size_t n_rows;
	struct ledger_sum *rows; /* (n_rows), dearest first; days ascending */
	size_t n_damages;        /* met while reading */
};

/*
 * Sums the rows whose reserve time is in the query's range. Unpriced amounts
 * are counted, never added; sums saturate. A request with several attempts
 * counts as one: in a table by model under the one that answered it last. The
 * memory is that of ledger_read and up to 48 bytes a request. On FAILED
 * <spend> is empty.
 */
enum result ledger_spend(const char *directory,
    const struct ledger_query *query, struct ledger_spend *spend,
    struct error *err) must_check;
void ledger_spend_free(struct ledger_spend *spend);

#endif
