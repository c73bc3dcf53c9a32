/* format.h -- the bytes of a segment: header and records, pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_FORMAT_H
#define LEDGER_FORMAT_H

#include "ledger/ledger.h"

/*
 * A segment is one header page and then slots of 128 bytes, a record each;
 * everything is little-endian. A record is valid by its checksum alone: the
 * CRC-32C goes on from the segment's identity (the header's checksum) over the
 * slot's number and its bytes, so that a record found in another segment, or
 * in another place of this one, is no record. An unused slot is all zero.
 * Slots do not straddle sectors, so that a power cut loses whole slots.
 *
 * Header page: magic 0, version 8 (u32), page length 12, slot length 16,
 * writer 20, sequence 24 (u64), creation 32 (UTC ns), run 40 (16 bytes), pid
 * 56, boot 60 (16 bytes), checksum of these at 76; the mark at 128 and the
 * doubt at 136 (u64 each, in no checksum since they change); a copy of the
 * first 80 bytes at 2048, in another sector; zeros elsewhere.
 */
#define FORMAT_HEADER_LEN 4096
#define FORMAT_SLOT_LEN 128
#define FORMAT_MARK_OFFSET 128
#define FORMAT_DOUBT_OFFSET 136
#define FORMAT_RUN_LEN 16
#define FORMAT_BOOT_LEN 16

/* Longest segment that is read: 1 GiB of records. */
#define FORMAT_SLOTS_MAX (UINT32_C(1) << 23)

/* Bytes of a name in one slot; a long name takes the slots that follow. */
#define FORMAT_NAME_PART 116
#define FORMAT_NAME_SLOTS_MAX 3

struct format_header {
	uint32_t writer;
	uint64_t sequence; /* from 1, per writer, over all processes */
	int64_t created_utc_ns;
	uint8_t run[FORMAT_RUN_LEN]; /* random, one a process and ledger */
	uint32_t pid;
	/*
	 * Of the system when the segment was made; zeros: not known. When the
	 * system runs yet, no power cut can have lost what was stored.
	 */
	uint8_t boot[FORMAT_BOOT_LEN];
};

enum format_header_state {
	FORMAT_HEADER_GOOD,
	FORMAT_HEADER_SCARRED, /* readable, with bytes that are not as made */
	FORMAT_HEADER_BAD,
};

enum format_kind {
	FORMAT_EMPTY = 0,
	FORMAT_NAME = 1,
	FORMAT_RESERVE = 2,
	FORMAT_SETTLE = 3,
	FORMAT_SEAL = 4, /* the segment's last record */
	FORMAT_VOID = 5, /* fills a slot that a power cut left empty */
};

enum format_check {
	FORMAT_IS_EMPTY,
	FORMAT_IS_GOOD,
	FORMAT_IS_BAD,
};

/* Part <part> (from 0) of name number <id>; <bytes> is the whole name. */
struct format_name {
	uint32_t id;
	uint8_t part;
	struct span bytes;
};

/* A reserve with its names as numbers; 0 is "". */
struct format_reserve {
	struct ledger_id request;
	struct ledger_id attempt;
	int64_t utc_ns;
	int64_t estimated_cost_nano;
	uint32_t attempt_number;
	uint32_t key;
	uint32_t model;
	uint32_t rule;
	uint32_t task;
	enum ledger_kind kind;
	enum ledger_source source;
	struct ledger_id answer_of;
};

/* A settle, and where its reserve is: same writer, segment and slot. */
struct format_settle {
	struct ledger_settle settle;
	uint64_t reserve_sequence;
	uint32_t reserve_slot;
};

/* --- header ------------------------------------------------------------------
 */

/* Fills <page> (FORMAT_HEADER_LEN) and returns the segment's identity. */
uint32_t format_write_header(const struct format_header *header, uint8_t *page);

/*
 * The header of <page> (FORMAT_HEADER_LEN bytes) into <header> and <identity>
 * unless it is BAD; <why> says what is wrong with it (static text).
 */
enum format_header_state format_read_header(const uint8_t *page,
    struct format_header *header, uint32_t *identity, const char **why);

/* Slots from the first on that are synced; and whether a sync failed. */
uint64_t format_mark(const uint8_t *page);
bool format_is_doubted(const uint8_t *page);

/*
 * Whether the system may have been started anew since the segment was made;
 * <boot> (FORMAT_BOOT_LEN) is of the present start.
 */
bool format_is_rebooted(
    const struct format_header *header, const uint8_t *boot);

/* A number as it stands in the file. */
uint64_t format_le64(uint64_t value);

/* --- records -----------------------------------------------------------------
 */

/* Each fills <slot> (FORMAT_SLOT_LEN bytes) but its checksum. */
void format_write_name(const struct format_name *name, uint8_t *slot);
void format_write_reserve(const struct format_reserve *reserve, uint8_t *slot);
void format_write_settle(const struct format_settle *record, uint8_t *slot);

/* FORMAT_SEAL and FORMAT_VOID: when. */
void format_write_plain(enum format_kind kind, int64_t utc_ns, uint8_t *slot);

/* Puts the checksum of slot number <index> of segment <identity> in. */
void format_seal_slot(uint8_t *slot, uint32_t identity, uint64_t index);

enum format_check format_check_slot(
    const uint8_t *slot, uint32_t identity, uint64_t index);

/* Whatever its checksum says. */
enum format_kind format_kind(const uint8_t *slot);

/*
 * The fields of a slot of that kind; false when one is out of its range, which
 * no checksum can promise. A name's bytes are those of this part, borrowed
 * from the slot, and <total> is the whole name's length.
 */
bool format_read_name(
    const uint8_t *slot, struct format_name *name, uint8_t *total);
bool format_read_reserve(const uint8_t *slot, struct format_reserve *reserve);
bool format_read_settle(const uint8_t *slot, struct format_settle *settle);

/* Whether <slot> says that it reserves <attempt>. */
bool format_reserves(const uint8_t *slot, const struct ledger_id *attempt);

/* Slots that a name of <len> bytes takes. */
static inline size_t format_name_slots(size_t len)
{
	return len <= FORMAT_NAME_PART
		   ? 1
		   : (len + FORMAT_NAME_PART - 1) / FORMAT_NAME_PART;
}

/* Offset in the file of slot <index>. */
static inline uint64_t format_offset(uint64_t index)
{
	return FORMAT_HEADER_LEN + index * FORMAT_SLOT_LEN;
}

#endif
