/* json_keys.c -- finds keys that stand twice in an object, however written. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "base/json.h"
#include "base/json_scan.h"

#include <stdlib.h>
#include <sys/auxv.h>

/*
 * Keys are sorted by a hash of their folded text, and only those of one hash
 * are looked at again. Chosen keys cannot make that slow: with a seed that
 * their sender does not know they rarely collide, and if all of them did, what
 * remains is a sort by text. The seed changes the time, never the answer.
 */
static uint64_t hash_seed(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	uint64_t seed = 0;

	if (random)
		memcpy(&seed, random, sizeof(seed));
	return seed;
}

static int next_folded(struct json_cursor *c)
{
	int byte = json_cursor_next(c);

	return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

static uint32_t hash_folded(
    const struct json_doc *doc, uint32_t key, uint64_t seed)
{
	struct json_cursor c = json_cursor(doc, key);
	uint64_t hash = seed;
	char chunk[256];
	size_t len;
	int byte;

	do {
		byte = -1;
		for (len = 0; len < sizeof(chunk); len++) {
			byte = next_folded(&c);
			if (byte < 0)
				break;
			chunk[len] = (char)byte;
		}
		hash = hash_fast(span_make(chunk, len), hash);
	} while (byte >= 0);
	return (uint32_t)(hash >> 32 ^ hash);
}

/* By decoded and folded text. */
static int compare_text(const struct json_doc *doc, uint32_t a, uint32_t b)
{
	struct json_cursor ca = json_cursor(doc, a), cb = json_cursor(doc, b);
	int x, y;

	do {
		x = next_folded(&ca);
		y = next_folded(&cb);
	} while (x == y && x >= 0);
	return (x > y) - (x < y);
}

/* An entry is a key's hash << 32 | its node: equal hashes keep their order. */
static int by_hash(const void *pa, const void *pb)
{
	uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;

	return (a > b) - (a < b);
}

static int by_text(const void *pa, const void *pb, void *doc)
{
	uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;
	int order = compare_text(doc, (uint32_t)a, (uint32_t)b);

	return order != 0 ? order : (a > b) - (a < b);
}

/*
 * The first key among <entries> (n > 1), all of one hash and in the
 * document's order, that repeats an earlier one; JSON_NONE when none does.
 */
static uint32_t first_repeat(
    const struct json_doc *doc, uint64_t *entries, size_t n)
{
	uint32_t found = JSON_NONE;

	if (compare_text(doc, (uint32_t)entries[0], (uint32_t)entries[1]) == 0)
		return (uint32_t)entries[1];
	qsort_r(entries, n, sizeof(*entries), by_text, (void *)(uintptr_t)doc);
	for (size_t i = 1; i < n; i++) {
		uint32_t node = (uint32_t)entries[i];

		if (node < found &&
		    compare_text(doc, (uint32_t)entries[i - 1], node) == 0)
			found = node;
	}
	return found;
}

static uint32_t find_repeat(
    const struct json_doc *doc, uint64_t *entries, size_t n)
{
	uint32_t found = JSON_NONE;
	size_t start = 0;

	qsort(entries, n, sizeof(*entries), by_hash);
	for (size_t i = 1; i <= n; i++) {
		uint32_t repeat;

		if (i < n && entries[i] >> 32 == entries[start] >> 32)
			continue;
		if (i - start > 1) {
			repeat = first_repeat(doc, entries + start, i - start);
			found = repeat < found ? repeat : found;
		}
		start = i;
	}
	return found;
}

bool json_keys_are_unique(const struct json_doc *doc, uint32_t object,
    struct arena *arena, struct json_fault *fault)
{
	uint64_t seed = hash_seed(), *entries;
	size_t n = 0, count;
	uint32_t repeat;

	*fault = (struct json_fault){0};
	if (!json_is(doc, object, JSON_OBJECT))
		return true;
	count = json_count(doc, object);
	if (count < 2)
		return true;
	entries = arena_alloc(arena, count * sizeof(*entries));
	if (!entries) {
		fault->offset = doc->nodes[object].start;
		fault->reason = "more keys than the request's memory holds";
		return false;
	}
	for (uint32_t key = object + 1; n < count;
	     key = doc->nodes[key + 1].next)
		entries[n++] =
		    (uint64_t)hash_folded(doc, key, seed) << 32 | key;
	repeat = find_repeat(doc, entries, count);
	if (repeat == JSON_NONE)
		return true;
	fault->offset = doc->nodes[repeat].start;
	fault->reason = "key that stands twice";
	return false;
}
