/* class_memo.c -- what classifiers said of texts, for their next time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/class_memo.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
	PLACES = 8192, /* 192 KiB once all are used; a power of two */
};

struct place {
	struct class_memo_key key; /* all zero: nobody has it */
	struct class_said said;
};

struct class_memo {
	uint64_t seeds[2];
	struct place places[PLACES];
};

struct class_memo *class_memo_new(void)
{
	struct class_memo *memo = mem_new(struct class_memo);
	ssize_t n = getrandom(memo->seeds, sizeof(memo->seeds), 0);

	assert(n == (ssize_t)sizeof(memo->seeds));
	return memo;
}

void class_memo_free(struct class_memo **memo)
{
	free(*memo);
	*memo = NULL;
}

struct class_memo_key class_memo_key(
    const struct class_memo *memo, const char *identity, struct span text)
{
	struct class_memo_key key;

	for (int i = 0; i < 2; i++)
		key.halves[i] = hash_fast(
		    text, hash_fast(span_of(identity), memo->seeds[i]));
	key.halves[1] |= 1;
	return key;
}

bool class_memo_find(const struct class_memo *memo,
    const struct class_memo_key *key, struct class_said *said)
{
	const struct place *place = &memo->places[key->halves[0] % PLACES];

	if (place->key.halves[0] != key->halves[0] ||
	    place->key.halves[1] != key->halves[1])
		return false;
	*said = place->said;
	return true;
}

void class_memo_keep(struct class_memo *memo, const struct class_memo_key *key,
    const struct class_said *said)
{
	memo->places[key->halves[0] % PLACES] = (struct place){*key, *said};
}
