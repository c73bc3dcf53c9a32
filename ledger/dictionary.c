/* dictionary.c -- a segment's names by their numbers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/dictionary.h"

#include <stdlib.h>

/* Stands for a name whose record is damaged. */
#define LOST_NAME "(lost)"

#define FIRST_CAP 64

static void put(struct dictionary *dictionary, uint32_t id, const char *text)
{
	uint32_t cap = dictionary->cap ? dictionary->cap : FIRST_CAP;

	while (cap <= id)
		cap *= 2;
	if (cap > dictionary->cap) {
		dictionary->texts =
		    mem_realloc(dictionary->texts, cap * sizeof(const char *));
		memset(dictionary->texts + dictionary->cap, 0,
		    (cap - dictionary->cap) * sizeof(const char *));
		dictionary->cap = cap;
	}
	dictionary->texts[id] = text;
}

void dictionary_take(struct dictionary *dictionary, const uint8_t *slot,
    uint32_t index, struct names *pool)
{
	struct format_name part;
	uint8_t total;

	if (!format_read_name(slot, &part, &total) || part.id > index + 1)
		return;
	if (part.part == 0) {
		dictionary->id = part.id;
		dictionary->next_slot = index;
		dictionary->total = total;
		dictionary->len = 0;
	} else if (dictionary->id != part.id ||
		   dictionary->next_slot != index ||
		   dictionary->total != total ||
		   dictionary->len != part.part * FORMAT_NAME_PART) {
		return;
	}
	memcpy(
	    dictionary->text + dictionary->len, part.bytes.ptr, part.bytes.len);
	dictionary->len = (uint8_t)(dictionary->len + part.bytes.len);
	dictionary->next_slot = index + 1;
	if (dictionary->len == total)
		put(dictionary, part.id,
		    names_intern(pool, span_make(dictionary->text, total))
			->text);
}

const char *dictionary_find(const struct dictionary *dictionary, uint32_t id)
{
	const char *text = id < dictionary->cap ? dictionary->texts[id] : NULL;

	if (id == 0)
		return "";
	return text ? text : LOST_NAME;
}

void dictionary_free(struct dictionary *dictionary)
{
	free(dictionary->texts);
	*dictionary = (struct dictionary){0};
}
