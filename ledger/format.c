/* format.c -- encodes and decodes a segment's header and records. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/format.h"

#include <assert.h>
#include <endian.h>

#define MAGIC "SLUICELG"
#define VERSION 1
#define SIGNED_LEN 76 /* header bytes under the checksum, which follows */
#define COPY_OFFSET 2048
#define COPY_LEN 80

static void put_u32(uint8_t *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
}

static void put_u64(uint8_t *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof(value));
}

static void put_i64(uint8_t *at, int64_t value)
{
	put_u64(at, (uint64_t)value);
}

static uint32_t get_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static uint64_t get_u64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

static int64_t get_i64(const uint8_t *at)
{
	return (int64_t)get_u64(at);
}

/* --- header ------------------------------------------------------------------
 */

uint32_t format_write_header(const struct format_header *header, uint8_t *page)
{
	uint32_t identity;

	memset(page, 0, FORMAT_HEADER_LEN);
	memcpy(page, MAGIC, 8);
	put_u32(page + 8, VERSION);
	put_u32(page + 12, FORMAT_HEADER_LEN);
	put_u32(page + 16, FORMAT_SLOT_LEN);
	put_u32(page + 20, header->writer);
	put_u64(page + 24, header->sequence);
	put_i64(page + 32, header->created_utc_ns);
	memcpy(page + 40, header->run, FORMAT_RUN_LEN);
	put_u32(page + 56, header->pid);
	memcpy(page + 60, header->boot, FORMAT_BOOT_LEN);
	identity = hash_crc32c(0, page, SIGNED_LEN);
	put_u32(page + SIGNED_LEN, identity);
	memcpy(page + COPY_OFFSET, page, COPY_LEN);
	return identity;
}

/* NULL when the header at <at> can be used, else what is wrong. */
static const char *fault_of_header(const uint8_t *at)
{
	if (memcmp(at, MAGIC, 8) != 0)
		return "does not begin as a segment does";
	if (hash_crc32c(0, at, SIGNED_LEN) != get_u32(at + SIGNED_LEN))
		return "its checksum is wrong";
	if (get_u32(at + 8) != VERSION ||
	    get_u32(at + 12) != FORMAT_HEADER_LEN ||
	    get_u32(at + 16) != FORMAT_SLOT_LEN)
		return "its format is not one that this version reads";
	return NULL;
}

static void read_fields(const uint8_t *at, struct format_header *header)
{
	header->writer = get_u32(at + 20);
	header->sequence = get_u64(at + 24);
	header->created_utc_ns = get_i64(at + 32);
	memcpy(header->run, at + 40, FORMAT_RUN_LEN);
	header->pid = get_u32(at + 56);
	memcpy(header->boot, at + 60, FORMAT_BOOT_LEN);
}

enum format_header_state format_read_header(const uint8_t *page,
    struct format_header *header, uint32_t *identity, const char **why)
{
	uint8_t made[FORMAT_HEADER_LEN];
	const uint8_t *at = page;

	*why = fault_of_header(at);
	if (*why) {
		at = page + COPY_OFFSET;
		if (fault_of_header(at))
			return FORMAT_HEADER_BAD;
	}
	read_fields(at, header);
	*identity = format_write_header(header, made);
	/* Mark and doubt change while the segment lives. */
	memcpy(made + FORMAT_MARK_OFFSET, page + FORMAT_MARK_OFFSET, 16);
	if (*why)
		return FORMAT_HEADER_SCARRED;
	if (memcmp(page, made, FORMAT_HEADER_LEN) != 0) {
		*why = "bytes of it that mean nothing have changed";
		return FORMAT_HEADER_SCARRED;
	}
	return FORMAT_HEADER_GOOD;
}

uint64_t format_mark(const uint8_t *page)
{
	return get_u64(page + FORMAT_MARK_OFFSET);
}

bool format_is_doubted(const uint8_t *page)
{
	return get_u64(page + FORMAT_DOUBT_OFFSET) != 0;
}

bool format_is_rebooted(const struct format_header *header, const uint8_t *boot)
{
	static const uint8_t unknown[FORMAT_BOOT_LEN];

	return memcmp(header->boot, boot, FORMAT_BOOT_LEN) != 0 ||
	       !memcmp(boot, unknown, FORMAT_BOOT_LEN);
}

uint64_t format_le64(uint64_t value)
{
	return htole64(value);
}

/* --- records -----------------------------------------------------------------
 */

/*
 * Every slot begins with its checksum (4 bytes) and its kind (1 byte).
 * name:    part 5, total length 6, id 8, bytes 12..127
 * reserve: request 8, attempt 24, time 40, estimate 48, attempt number 56,
 *          key 60, model 64, rule 68, kind 72, source 73, task 76,
 *          answer of 80
 * settle:  attempt 8, time 24, input 32, cached 40, output 48, cost 56,
 *          baseline 64, saved 72, reserve's segment 80 and slot 88, status 92,
 *          outcome 96, estimated 97, followers 100, first token 104,
 *          duration 112
 * seal, void: time 8
 * What an older version left as zeros is not known.
 */
static uint8_t *begin(uint8_t *slot, enum format_kind kind)
{
	memset(slot, 0, FORMAT_SLOT_LEN);
	slot[4] = (uint8_t)kind;
	return slot;
}

void format_write_name(const struct format_name *name, uint8_t *slot)
{
	struct span rest =
	    span_from(name->bytes, (size_t)name->part * FORMAT_NAME_PART);

	assert(name->bytes.len <= LEDGER_NAME_MAX);
	rest = span_head(rest, FORMAT_NAME_PART);
	begin(slot, FORMAT_NAME);
	slot[5] = name->part;
	slot[6] = (uint8_t)name->bytes.len;
	put_u32(slot + 8, name->id);
	if (rest.len > 0)
		memcpy(slot + 12, rest.ptr, rest.len);
}

void format_write_reserve(const struct format_reserve *reserve, uint8_t *slot)
{
	begin(slot, FORMAT_RESERVE);
	memcpy(slot + 8, reserve->request.bytes, 16);
	memcpy(slot + 24, reserve->attempt.bytes, 16);
	put_i64(slot + 40, reserve->utc_ns);
	put_i64(slot + 48, reserve->estimated_cost_nano);
	put_u32(slot + 56, reserve->attempt_number);
	put_u32(slot + 60, reserve->key);
	put_u32(slot + 64, reserve->model);
	put_u32(slot + 68, reserve->rule);
	slot[72] = (uint8_t)reserve->kind;
	slot[73] = (uint8_t)reserve->source;
	put_u32(slot + 76, reserve->task);
	memcpy(slot + 80, reserve->answer_of.bytes, 16);
}

void format_write_settle(const struct format_settle *record, uint8_t *slot)
{
	const struct ledger_settle *settle = &record->settle;

	begin(slot, FORMAT_SETTLE);
	memcpy(slot + 8, settle->attempt.bytes, 16);
	put_i64(slot + 24, settle->utc_ns);
	put_i64(slot + 32, settle->input_tokens);
	put_i64(slot + 40, settle->cached_tokens);
	put_i64(slot + 48, settle->output_tokens);
	put_i64(slot + 56, settle->cost_nano);
	put_i64(slot + 64, settle->baseline_nano);
	put_i64(slot + 72, settle->saved_nano);
	put_u64(slot + 80, record->reserve_sequence);
	put_u32(slot + 88, record->reserve_slot);
	put_u32(slot + 92, (uint32_t)settle->status);
	slot[96] = (uint8_t)settle->outcome;
	slot[97] = settle->is_estimated;
	put_u32(slot + 100, settle->followers);
	put_i64(slot + 104, settle->first_token_ns);
	put_i64(slot + 112, settle->duration_ns);
}

void format_write_plain(enum format_kind kind, int64_t utc_ns, uint8_t *slot)
{
	begin(slot, kind);
	put_i64(slot + 8, utc_ns);
}

static uint32_t checksum(const uint8_t *slot, uint32_t identity, uint64_t index)
{
	uint64_t number = htole64(index);
	uint32_t crc = hash_crc32c(identity, &number, sizeof(number));

	return hash_crc32c(crc, slot + 4, FORMAT_SLOT_LEN - 4);
}

void format_seal_slot(uint8_t *slot, uint32_t identity, uint64_t index)
{
	put_u32(slot, checksum(slot, identity, index));
}

enum format_check format_check_slot(
    const uint8_t *slot, uint32_t identity, uint64_t index)
{
	static const uint8_t zeros[FORMAT_SLOT_LEN];

	if (slot[4] == FORMAT_EMPTY)
		return memcmp(slot, zeros, sizeof(zeros)) ? FORMAT_IS_BAD
							  : FORMAT_IS_EMPTY;
	return checksum(slot, identity, index) == get_u32(slot) ? FORMAT_IS_GOOD
								: FORMAT_IS_BAD;
}

enum format_kind format_kind(const uint8_t *slot)
{
	return (enum format_kind)slot[4];
}

bool format_read_name(
    const uint8_t *slot, struct format_name *name, uint8_t *total)
{
	size_t before = (size_t)slot[5] * FORMAT_NAME_PART;
	size_t left;

	if (slot[5] >= FORMAT_NAME_SLOTS_MAX || before > slot[6])
		return false;
	left = slot[6] - before;
	name->id = get_u32(slot + 8);
	name->part = slot[5];
	name->bytes = span_make((const char *)slot + 12,
	    left < FORMAT_NAME_PART ? left : FORMAT_NAME_PART);
	*total = slot[6];
	return name->id > 0;
}

bool format_read_reserve(const uint8_t *slot, struct format_reserve *reserve)
{
	memcpy(reserve->request.bytes, slot + 8, 16);
	memcpy(reserve->attempt.bytes, slot + 24, 16);
	reserve->utc_ns = get_i64(slot + 40);
	reserve->estimated_cost_nano = get_i64(slot + 48);
	reserve->attempt_number = get_u32(slot + 56);
	reserve->key = get_u32(slot + 60);
	reserve->model = get_u32(slot + 64);
	reserve->rule = get_u32(slot + 68);
	reserve->kind = (enum ledger_kind)slot[72];
	reserve->source = (enum ledger_source)slot[73];
	reserve->task = get_u32(slot + 76);
	memcpy(reserve->answer_of.bytes, slot + 80, 16);
	return slot[72] <= LEDGER_CACHE_HIT &&
	       slot[73] <= LEDGER_SOURCE_COALESCED;
}

bool format_reserves(const uint8_t *slot, const struct ledger_id *attempt)
{
	return format_kind(slot) == FORMAT_RESERVE &&
	       !memcmp(slot + 24, attempt->bytes, sizeof(attempt->bytes));
}

bool format_read_settle(const uint8_t *slot, struct format_settle *record)
{
	struct ledger_settle *settle = &record->settle;

	memcpy(settle->attempt.bytes, slot + 8, 16);
	settle->utc_ns = get_i64(slot + 24);
	settle->input_tokens = get_i64(slot + 32);
	settle->cached_tokens = get_i64(slot + 40);
	settle->output_tokens = get_i64(slot + 48);
	settle->cost_nano = get_i64(slot + 56);
	settle->baseline_nano = get_i64(slot + 64);
	settle->saved_nano = get_i64(slot + 72);
	record->reserve_sequence = get_u64(slot + 80);
	record->reserve_slot = get_u32(slot + 88);
	settle->status = (int)get_u32(slot + 92);
	settle->outcome = (enum ledger_outcome)slot[96];
	settle->is_estimated = slot[97] == 1;
	settle->followers = get_u32(slot + 100);
	settle->first_token_ns = get_i64(slot + 104);
	settle->duration_ns = get_i64(slot + 112);
	return slot[96] < LEDGER_OUTCOMES && slot[97] <= 1;
}
