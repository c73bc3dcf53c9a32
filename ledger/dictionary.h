/* dictionary.h -- a segment's names by their numbers. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_DICTIONARY_H
#define LEDGER_DICTIONARY_H

#include "ledger/format.h"
#include "ledger/names.h"

/*
 * A writer writes a name once a segment and refers to it by number from then
 * on. A long name comes in parts, in consecutive slots. A number is at most
 * one more than its slot's, since each name takes a slot: so the memory is
 * bounded by the segment.
 */
struct dictionary {
	const char **texts; /* (cap) by number; NULL: not there */
	uint32_t cap;

	/* the name that is coming in parts */
	uint32_t id;
	uint32_t next_slot;
	uint8_t total;
	uint8_t len;
	char text[LEDGER_NAME_MAX];
};

/*
 * Takes the name record in <slot>, number <index> of the segment; the text is
 * interned in <pool>. A zeroed struct is an empty dictionary.
 */
void dictionary_take(struct dictionary *dictionary, const uint8_t *slot,
    uint32_t index, struct names *pool);

/* The text of number <id>, "" for 0; "(lost)" when its record is damaged. */
const char *dictionary_find(const struct dictionary *dictionary, uint32_t id);

/* Frees the table; the texts are the pool's. */
void dictionary_free(struct dictionary *dictionary);

#endif
