/* fuzz_cache_entry.c -- bytes from a foreign Redis are an entry or nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>

#include "cache/entry.h"

/*
 * The input is read as it is, under the key that it names; then once more with
 * its checksum made right, which lets the fields after it be reached. What is
 * accepted must be safe to answer from and be the same bytes when it is written
 * again. Last the input is the body of an answer, which must come back.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	AT_CRC = 4,
	AT_KEY = 88,
	HEADER_LEN = 120,
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* What who answers from it relies on. */
static void check_answer(const struct cache_answer *answer)
{
	volatile char last;

	check(answer->form == CACHE_JSON || answer->form == CACHE_EVENTS);
	check(answer->done_at <= answer->body.len);
	check(
	    (uint64_t)answer->usage_at + answer->usage_len <= answer->done_at);
	check(answer->input_tokens >= 0 && answer->cached_tokens >= 0 &&
	      answer->output_tokens >= 0);
	check(answer->expires_utc_ns >= answer->stored_utc_ns);
	for (size_t i = 0; i < answer->body.len; i++)
		last = answer->body.ptr[i];
	(void)last;
}

/* Whether <bytes> are an entry; what is one must be one again. */
static bool read_entry(struct span bytes, int64_t now)
{
	struct sha256 key = {{0}};
	enum cache_fault fault;
	struct cache_entry *entry, *again;
	struct cache_answer answer;

	if (bytes.len >= HEADER_LEN)
		memcpy(key.bytes, bytes.ptr + AT_KEY, SHA256_LEN);
	entry = cache_entry_read(&key, bytes, now, &fault);
	check(fault < CACHE_FAULT_COUNT);
	check((fault == CACHE_GOOD) == (entry != NULL));
	check(fault != CACHE_OTHER_REQUEST);
	if (!entry)
		return false;
	cache_entry_answer(entry, &answer);
	check_answer(&answer);
	check(answer.expires_utc_ns > now);
	again = cache_entry_new(&key, &answer);
	check(span_eq(cache_entry_bytes(again), bytes));
	cache_entry_unref(&again);
	cache_entry_unref(&entry);
	key.bytes[0] ^= 1;
	check(!cache_entry_read(&key, bytes, now, &fault));
	check(fault == CACHE_OTHER_REQUEST);
	return true;
}

static void mend_checksum(uint8_t *bytes, size_t len)
{
	uint32_t crc = hash_crc32c(0, bytes, AT_CRC);

	crc = hash_crc32c(crc, bytes + AT_CRC + 4, len - AT_CRC - 4);
	for (int i = 0; i < 4; i++)
		bytes[AT_CRC + i] = (uint8_t)(crc >> 8 * i);
}

/* An answer with this body and marks drawn from its first bytes. */
static void write_and_read(struct span body)
{
	struct sha256 key = hash_sha256(body);
	struct cache_answer answer = {
	    .form = body.len % 2 ? CACHE_EVENTS : CACHE_JSON,
	    .body = body,
	    .expires_utc_ns = 1,
	};
	struct cache_entry *entry;

	if (body.len > 2 && answer.form == CACHE_EVENTS) {
		answer.done_at = (uint32_t)((uint8_t)body.ptr[0] % body.len);
		answer.usage_at = (uint8_t)body.ptr[1] % (answer.done_at + 1);
		answer.usage_len = answer.done_at - answer.usage_at;
	}
	entry = cache_entry_new(&key, &answer);
	check(read_entry(cache_entry_bytes(entry), 0));
	check(!read_entry(cache_entry_bytes(entry), 1));
	check(cache_entry_size(entry) >= cache_entry_bytes(entry).len);
	cache_entry_unref(&entry);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_make((const char *)data, size);
	char *mended;

	read_entry(in, 0);
	read_entry(in, INT64_MIN);
	if (size >= HEADER_LEN) {
		mended = malloc(size);
		check(mended != NULL);
		memcpy(mended, data, size);
		mend_checksum((uint8_t *)mended, size);
		read_entry(span_make(mended, size), INT64_MIN);
		free(mended);
	}
	write_and_read(in);
	return 0;
}
