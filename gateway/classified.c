/* classified.c -- what was found out about a request, for its next time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/classified.h"

#include <stdlib.h>

enum {
	PLACES = 16384, /* 1.9 MiB once all are used; a power of two */
	MIX = 0x9e
};

struct place {
	struct sha256 key;
	int64_t prompt_tokens;
	struct router_features features;
	bool is_taken;
};

struct classified {
	struct place places[PLACES];
};

struct classified *classified_new(void)
{
	return mem_new(struct classified);
}

void classified_free(struct classified **classified)
{
	free(*classified);
	*classified = NULL;
}

/* The endpoint goes into the digest, which is as good as another byte. */
struct sha256 classified_key(enum endpoint endpoint, struct span body)
{
	struct sha256 key = hash_sha256(body);

	key.bytes[0] ^= (uint8_t)(MIX * (unsigned)endpoint);
	return key;
}

static size_t place_of(const struct sha256 *key)
{
	return ((size_t)key->bytes[1] << 8 | key->bytes[2]) % PLACES;
}

bool classified_find(const struct classified *classified,
    const struct sha256 *key, int64_t *prompt_tokens,
    struct router_features *features)
{
	const struct place *place = &classified->places[place_of(key)];

	if (!place->is_taken || memcmp(&place->key, key, sizeof(*key)) != 0)
		return false;
	*prompt_tokens = place->prompt_tokens;
	*features = place->features;
	return true;
}

void classified_keep(struct classified *classified, const struct sha256 *key,
    int64_t prompt_tokens, const struct router_features *features)
{
	classified->places[place_of(key)] = (struct place){
	    .key = *key,
	    .prompt_tokens = prompt_tokens,
	    .features = *features,
	    .is_taken = true,
	};
}
