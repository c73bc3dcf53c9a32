/* words.h -- text that is the same whenever its seed is. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_PROVIDER_WORDS_H
#define FAKE_PROVIDER_WORDS_H

#include "base/base.h"

/*
 * Generated text is a run of words of which each counts as one token, some of
 * them not ASCII, so that boundaries fall inside of characters too.
 */
struct words {
	uint64_t state;
};

/* A sequence for <seed>. */
struct words words_from(uint64_t seed);

/* The next number, uniform over 64 bits. */
uint64_t words_number(struct words *words);

/* The next number below <below>, which is > 0. */
uint64_t words_below(struct words *words, uint64_t below);

/* The next word, with a blank in front; static, at most WORDS_LONGEST bytes. */
struct span words_next(struct words *words);

#define WORDS_LONGEST 12

#endif
