/* entry.c -- an entry's bytes: written once, checked when they come back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/entry.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/memory.h"

/*
 * The bytes, which are the same in memory and in Redis; numbers are little
 * endian, times nanoseconds UTC.
 *
 *     0   4  "SLCE"
 *     4   4  CRC-32C of bytes 0..3 and of 8 to the end
 *     8   2  version of this layout: 1
 *    10   1  form: enum cache_form
 *    11   1  0
 *    12   4  length of the body
 *    16   8  stored at
 *    24   8  expires at
 *    32   8  input tokens without the cached
 *    40   8  cached tokens
 *    48   8  output tokens
 *    56   4  usage event: offset in the body (0 of JSON)
 *    60   4  usage event: length, 0: none
 *    64   4  [DONE]: offset in the body (0 of JSON)
 *    68   4  0
 *    72  16  ledger id of the attempt that made the answer
 *    88  32  key: SHA-256 of the question
 *   120      body
 *
 * The checksum finds damage, not malice: who can write to the Redis can write
 * answers. What an answer's reader relies on (marks that lie in the body in
 * their order, counts that are not negative) is checked apart from it, so that
 * no bytes whatever can lead a reader astray.
 */
#define VERSION 1

enum {
	AT_MAGIC = 0,
	AT_CRC = 4,
	AT_VERSION = 8,
	AT_FORM = 10,
	AT_ZERO_A = 11,
	AT_BODY_LEN = 12,
	AT_STORED = 16,
	AT_EXPIRES = 24,
	AT_INPUT = 32,
	AT_CACHED = 40,
	AT_OUTPUT = 48,
	AT_USAGE = 56,
	AT_USAGE_LEN = 60,
	AT_DONE = 64,
	AT_ZERO_B = 68,
	AT_ATTEMPT = 72,
	AT_KEY = 88,
	HEADER_LEN = 120,
};

static const char magic[4] = {'S', 'L', 'C', 'E'};

struct cache_entry {
	atomic_uint references;
	uint32_t body_len;
	uint8_t bytes[]; /* (HEADER_LEN + body_len) */
};

/* --- numbers -------------------------------------------------------------- */

static void put_number(uint8_t *to, uint64_t value, int n_bytes)
{
	for (int i = 0; i < n_bytes; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get_number(const uint8_t *from, int n_bytes)
{
	uint64_t value = 0;

	for (int i = 0; i < n_bytes; i++)
		value |= (uint64_t)from[i] << 8 * i;
	return value;
}

static uint32_t get_u32(const uint8_t *bytes, size_t at)
{
	return (uint32_t)get_number(bytes + at, 4);
}

static int64_t get_i64(const uint8_t *bytes, size_t at)
{
	return (int64_t)get_number(bytes + at, 8);
}

static uint32_t checksum(const uint8_t *bytes, size_t len)
{
	uint32_t crc = hash_crc32c(0, bytes, AT_CRC);

	return hash_crc32c(crc, bytes + AT_VERSION, len - AT_VERSION);
}

/* --- life ----------------------------------------------------------------- */

static struct cache_entry *allocate(size_t body_len)
{
	struct cache_entry *entry =
	    mem_alloc(sizeof(*entry) + HEADER_LEN + body_len);

	atomic_init(&entry->references, 1);
	entry->body_len = (uint32_t)body_len;
	return entry;
}

/* What must hold of an answer whoever it comes from. */
static bool is_sound(const struct cache_answer *answer)
{
	if (answer->input_tokens < 0 || answer->cached_tokens < 0 ||
	    answer->output_tokens < 0 ||
	    answer->expires_utc_ns < answer->stored_utc_ns)
		return false;
	if (answer->form == CACHE_JSON)
		return answer->usage_at == 0 && answer->usage_len == 0 &&
		       answer->done_at == 0;
	return answer->form == CACHE_EVENTS &&
	       answer->done_at <= answer->body.len &&
	       answer->usage_at <= answer->done_at &&
	       answer->usage_len <= answer->done_at - answer->usage_at;
}

static void write_header(
    uint8_t *to, const struct sha256 *key, const struct cache_answer *answer)
{
	memcpy(to + AT_MAGIC, magic, sizeof(magic));
	put_number(to + AT_VERSION, VERSION, 2);
	put_number(to + AT_FORM, answer->form, 1);
	put_number(to + AT_ZERO_A, 0, 1);
	put_number(to + AT_BODY_LEN, answer->body.len, 4);
	put_number(to + AT_STORED, (uint64_t)answer->stored_utc_ns, 8);
	put_number(to + AT_EXPIRES, (uint64_t)answer->expires_utc_ns, 8);
	put_number(to + AT_INPUT, (uint64_t)answer->input_tokens, 8);
	put_number(to + AT_CACHED, (uint64_t)answer->cached_tokens, 8);
	put_number(to + AT_OUTPUT, (uint64_t)answer->output_tokens, 8);
	put_number(to + AT_USAGE, answer->usage_at, 4);
	put_number(to + AT_USAGE_LEN, answer->usage_len, 4);
	put_number(to + AT_DONE, answer->done_at, 4);
	put_number(to + AT_ZERO_B, 0, 4);
	memcpy(to + AT_ATTEMPT, answer->attempt, sizeof(answer->attempt));
	memcpy(to + AT_KEY, key->bytes, SHA256_LEN);
}

struct cache_entry *cache_entry_new(
    const struct sha256 *key, const struct cache_answer *answer)
{
	struct cache_answer kept = *answer;
	struct cache_entry *entry;
	uint8_t *bytes;

	if (kept.form == CACHE_JSON)
		kept.usage_at = kept.usage_len = kept.done_at = 0;
	assert(kept.body.len <= CACHE_BODY_MAX);
	assert(is_sound(&kept));
	entry = allocate(kept.body.len);
	bytes = entry->bytes;
	write_header(bytes, key, &kept);
	if (kept.body.len)
		memcpy(bytes + HEADER_LEN, kept.body.ptr, kept.body.len);
	put_number(
	    bytes + AT_CRC, checksum(bytes, HEADER_LEN + kept.body.len), 4);
	return entry;
}

struct cache_entry *cache_entry_ref(struct cache_entry *entry)
{
	atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
	return entry;
}

void cache_entry_unref(struct cache_entry **entry)
{
	struct cache_entry *gone = *entry;

	*entry = NULL;
	/* Every reader's last look comes before the memory's next use. */
	if (gone && atomic_fetch_sub_explicit(
			&gone->references, 1, memory_order_acq_rel) == 1)
		free(gone);
}

/* --- what it holds -------------------------------------------------------- */

/* The answer in <bytes>, which are as long as they say. */
static void read_answer(const uint8_t *bytes, struct cache_answer *answer)
{
	*answer = (struct cache_answer){
	    .form = (enum cache_form)bytes[AT_FORM],
	    .body = span_make(
		(const char *)bytes + HEADER_LEN, get_u32(bytes, AT_BODY_LEN)),
	    .usage_at = get_u32(bytes, AT_USAGE),
	    .usage_len = get_u32(bytes, AT_USAGE_LEN),
	    .done_at = get_u32(bytes, AT_DONE),
	    .input_tokens = get_i64(bytes, AT_INPUT),
	    .cached_tokens = get_i64(bytes, AT_CACHED),
	    .output_tokens = get_i64(bytes, AT_OUTPUT),
	    .stored_utc_ns = get_i64(bytes, AT_STORED),
	    .expires_utc_ns = get_i64(bytes, AT_EXPIRES),
	};
	memcpy(answer->attempt, bytes + AT_ATTEMPT, sizeof(answer->attempt));
}

void cache_entry_answer(
    const struct cache_entry *entry, struct cache_answer *answer)
{
	read_answer(entry->bytes, answer);
}

const struct sha256 *cache_entry_key(const struct cache_entry *entry)
{
	/* A digest is an array of bytes, so that it may lie anywhere. */
	return (const struct sha256 *)(entry->bytes + AT_KEY);
}

int64_t cache_entry_expires_utc_ns(const struct cache_entry *entry)
{
	return get_i64(entry->bytes, AT_EXPIRES);
}

/*
 * glibc's malloc puts 8 bytes before a block and rounds up to 16; what is large
 * it maps, with 16 bytes before it, in whole pages.
 */
size_t cache_entry_size(const struct cache_entry *entry)
{
	size_t len = sizeof(*entry) + HEADER_LEN + entry->body_len;

	if (len < (size_t)128 << 10)
		return (len + 8 + 15) & ~(size_t)15;
	return (len + 16 + 4095) & ~(size_t)4095;
}

struct span cache_entry_bytes(const struct cache_entry *entry)
{
	return span_make(
	    (const char *)entry->bytes, HEADER_LEN + (size_t)entry->body_len);
}

/* --- from outside --------------------------------------------------------- */

const char *cache_fault_name(enum cache_fault fault)
{
	static const char *const names[CACHE_FAULT_COUNT] = {
	    [CACHE_GOOD] = "good",
	    [CACHE_TRUNCATED] = "truncated",
	    [CACHE_FOREIGN] = "foreign",
	    [CACHE_CORRUPT] = "corrupt",
	    [CACHE_OTHER_REQUEST] = "other_request",
	    [CACHE_EXPIRED] = "expired",
	};

	return names[fault];
}

/* Whether <len> bytes are one whole, undamaged entry of this version. */
static enum cache_fault check_bytes(const uint8_t *bytes, size_t len)
{
	struct cache_answer answer;

	if (len == 0)
		return CACHE_TRUNCATED;
	if (memcmp(bytes, magic, len < sizeof(magic) ? len : sizeof(magic)))
		return CACHE_FOREIGN;
	if (len < AT_VERSION + 2)
		return CACHE_TRUNCATED;
	if (get_number(bytes + AT_VERSION, 2) != VERSION)
		return CACHE_FOREIGN;
	if (len < HEADER_LEN || len - HEADER_LEN != get_u32(bytes, AT_BODY_LEN))
		return CACHE_TRUNCATED;
	if (checksum(bytes, len) != get_u32(bytes, AT_CRC))
		return CACHE_CORRUPT;
	read_answer(bytes, &answer);
	if (bytes[AT_ZERO_A] != 0 || get_u32(bytes, AT_ZERO_B) != 0 ||
	    answer.body.len > CACHE_BODY_MAX || !is_sound(&answer))
		return CACHE_CORRUPT;
	return CACHE_GOOD;
}

struct cache_entry *cache_entry_read(const struct sha256 *key,
    struct span bytes, int64_t now_utc_ns, enum cache_fault *fault)
{
	const uint8_t *from = (const uint8_t *)bytes.ptr;
	struct cache_entry *entry;

	*fault = check_bytes(from, bytes.len);
	if (*fault != CACHE_GOOD)
		return NULL;
	if (memcmp(from + AT_KEY, key->bytes, SHA256_LEN) != 0) {
		*fault = CACHE_OTHER_REQUEST;
		return NULL;
	}
	if (get_i64(from, AT_EXPIRES) <= now_utc_ns) {
		*fault = CACHE_EXPIRED;
		return NULL;
	}
	entry = allocate(bytes.len - HEADER_LEN);
	memcpy(entry->bytes, from, bytes.len);
	return entry;
}
