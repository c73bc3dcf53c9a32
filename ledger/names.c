/* names.c -- interned names: each text kept once, with a number. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/names.h"

#include <stdlib.h>

#define FIRST_CAP 64

static struct name **probe(
    const struct names *names, uint64_t hash, struct span text)
{
	size_t i = (size_t)hash & (names->cap - 1);

	while (names->table[i]) {
		const struct name *name = names->table[i];

		if (name->hash == hash &&
		    span_eq(span_make(name->text, name->len), text))
			break;
		i = (i + 1) & (names->cap - 1);
	}
	return &names->table[i];
}

static void grow(struct names *names)
{
	struct names old = *names;

	names->cap = old.cap ? old.cap * 2 : FIRST_CAP;
	names->table = mem_zalloc(names->cap * sizeof(struct name *));
	for (size_t i = 0; i < old.cap; i++) {
		struct name *name = old.table[i];

		if (name)
			*probe(names, name->hash,
			    span_make(name->text, name->len)) = name;
	}
	free(old.table);
}

struct name *names_intern(struct names *names, struct span text)
{
	uint64_t hash = hash_fast(text, 0);
	struct name **place, *name;

	if (names->count + 1 > names->cap / 2)
		grow(names);
	place = probe(names, hash, text);
	if (*place)
		return *place;
	name = mem_zalloc(sizeof(*name) + text.len + 1);
	name->hash = hash;
	name->len = (uint32_t)text.len;
	if (text.len > 0)
		memcpy(name->text, text.ptr, text.len);
	*place = name;
	names->count++;
	return name;
}

void names_clear(struct names *names)
{
	for (size_t i = 0; i < names->cap; i++)
		free(names->table[i]);
	free(names->table);
	*names = (struct names){0};
}
