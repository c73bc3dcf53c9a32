/* classified.c -- what was found out about a request, for its next time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/classified.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
	PLACES = 65536, /* 5 MiB once all are used; a power of two */
};

struct place {
	struct classified_key key; /* all zero: nobody has it */
	int64_t prompt_tokens;
	struct router_features features;
};

struct classified {
	uint64_t seeds[2];
	struct place places[PLACES];
};

struct classified *classified_new(void)
{
	struct classified *classified = mem_new(struct classified);
	ssize_t n = getrandom(classified->seeds, sizeof(classified->seeds), 0);

	assert(n == (ssize_t)sizeof(classified->seeds));
	return classified;
}

void classified_free(struct classified **classified)
{
	free(*classified);
	*classified = NULL;
}

struct classified_key classified_key(const struct classified *classified,
    enum endpoint endpoint, struct span body)
{
	const uint64_t *seeds = classified->seeds;

	return (struct classified_key){{
	    hash_fast(body, seeds[0] ^ (uint64_t)endpoint),
	    hash_fast(body, seeds[1] ^ (uint64_t)endpoint) | 1,
	}};
}

static bool is_same(
    const struct classified_key *a, const struct classified_key *b)
{
	return a->halves[0] == b->halves[0] && a->halves[1] == b->halves[1];
}

bool classified_find(const struct classified *classified,
    const struct classified_key *key, int64_t *prompt_tokens,
    struct router_features *features)
{
	const struct place *place =
	    &classified->places[key->halves[0] % PLACES];

	if (!is_same(&place->key, key))
		return false;
	*prompt_tokens = place->prompt_tokens;
	*features = place->features;
	return true;
}

void classified_keep(struct classified *classified,
    const struct classified_key *key, int64_t prompt_tokens,
    const struct router_features *features)
{
	classified->places[key->halves[0] % PLACES] = (struct place){
	    .key = *key,
	    .prompt_tokens = prompt_tokens,
	    .features = *features,
	};
}
