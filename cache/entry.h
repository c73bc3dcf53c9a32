/* entry.h -- one answer kept, in the form in which it travels. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CACHE_ENTRY_H
#define CACHE_ENTRY_H

#include "base/base.h"

/*
 * An entry is one block of bytes, the same in memory and in Redis: a header
 * (magic, version, length, the key's SHA-256, times, usage) with a CRC-32C over
 * all of it, then the answer. It is immutable and counted by references, so
 * that any number of threads can answer from it at once.
 */
enum cache_form {
	CACHE_JSON,   /* a whole JSON answer */
	CACHE_EVENTS, /* a whole stream of server-sent events */
};

struct cache_answer {
	enum cache_form form;
	struct span body; /* as the upstream sent it */
	/* Of a stream: the events that not every client is sent. */
	uint32_t usage_at, usage_len; /* the usage-only event; len 0: none */
	uint32_t done_at;             /* [DONE] and what follows; after usage */
	int64_t input_tokens;         /* without the cached; none is negative */
	int64_t cached_tokens;
	int64_t output_tokens;
	int64_t stored_utc_ns;
	int64_t expires_utc_ns; /* not before stored_utc_ns */
	uint8_t attempt[16];    /* the attempt that made it: its ledger id */
};

struct cache_entry;

#define CACHE_BODY_MAX ((size_t)1 << 31)

/*
 * Copies <answer>, whose body has at most CACHE_BODY_MAX bytes and whose marks
 * lie in it, usage before done; of JSON the marks are taken as 0. One
 * reference, the caller's.
 */
struct cache_entry *cache_entry_new(
    const struct sha256 *key, const struct cache_answer *answer);

struct cache_entry *cache_entry_ref(struct cache_entry *entry);
void cache_entry_unref(struct cache_entry **entry);

/* Valid as long as a reference is held; the body points into the entry. */
void cache_entry_answer(
    const struct cache_entry *entry, struct cache_answer *answer);
const struct sha256 *cache_entry_key(const struct cache_entry *entry);
int64_t cache_entry_expires_utc_ns(const struct cache_entry *entry);

/* Bytes of memory that it takes, the allocator's share estimated (glibc's). */
size_t cache_entry_size(const struct cache_entry *entry);

/* Its bytes as they go to another process, valid as long as a reference. */
struct span cache_entry_bytes(const struct cache_entry *entry);

/* Why bytes that came from outside are no entry. */
enum cache_fault {
	CACHE_GOOD,
	CACHE_TRUNCATED,     /* shorter or longer than they say */
	CACHE_FOREIGN,       /* not ours, or of another version */
	CACHE_CORRUPT,       /* the checksum or a field is wrong */
	CACHE_OTHER_REQUEST, /* of another key */
	CACHE_EXPIRED,
	CACHE_FAULT_COUNT,
};
const char *cache_fault_name(enum cache_fault fault);

/*
 * An entry from <bytes>, which are trusted for nothing: NULL with <fault> set
 * unless they are whole, ours, undamaged, of <key> and not expired at
 * <now_utc_ns>. Copies.
 */
struct cache_entry *cache_entry_read(const struct sha256 *key,
    struct span bytes, int64_t now_utc_ns, enum cache_fault *fault) must_check;

#endif
