/* words.c -- text that is the same whenever its seed is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_provider/words.h"

#define WORD(text)                                                             \
	{                                                                      \
		.ptr = " " text, .len = sizeof(text)                           \
	}

/* A power of two of them, so that choosing one is a mask. */
static const struct span vocabulary[] = {WORD("the"), WORD("a"), WORD("of"),
    WORD("and"), WORD("to"), WORD("in"), WORD("is"), WORD("that"), WORD("for"),
    WORD("with"), WORD("river"), WORD("lock"), WORD("water"), WORD("gate"),
    WORD("level"), WORD("boat"), WORD("basin"), WORD("canal"), WORD("rises"),
    WORD("falls"), WORD("opens"), WORD("closes"), WORD("slowly"),
    WORD("quickly"), WORD("before"), WORD("after"), WORD("through"),
    WORD("upper"), WORD("lower"), WORD("keeper"), WORD("stone"), WORD("timber"),
    WORD("chamber"), WORD("flow"), WORD("measure"), WORD("depth"),
    WORD("morning"), WORD("evening"), WORD("twelve"), WORD("three"),
    WORD("narrow"), WORD("broad"), WORD("north"), WORD("south"), WORD("bridge"),
    WORD("barge"), WORD("cargo"), WORD("grain"), WORD("coal"), WORD("paid"),
    WORD("toll"), WORD("ledger"), WORD("counts"), WORD("each"), WORD("passage"),
    WORD("na\xc3\xafve"),
    WORD("Stra\xc3\x9f"
	 "e"),
    WORD("\xe6\xb0\xb4"), WORD("\xe9\x97\xb8"), WORD("caf\xc3\xa9"), WORD("42"),
    WORD("7.5"), WORD("m\xc2\xb3"), WORD("\xe2\x86\x92")};

#define N_WORDS (sizeof(vocabulary) / sizeof(vocabulary[0]))

_Static_assert((N_WORDS & (N_WORDS - 1)) == 0, "the mask needs a power of two");

struct words words_from(uint64_t seed)
{
	return (struct words){.state = seed};
}

/* A Weyl sequence through a mixer; the constants are odd and well spread. */
uint64_t words_number(struct words *words)
{
	uint64_t x = words->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 31)) * UINT64_C(0x6a09e667f3bcc909);
	x = (x ^ (x >> 29)) * UINT64_C(0xbb67ae8584caa73b);
	return x ^ (x >> 32);
}

uint64_t words_below(struct words *words, uint64_t below)
{
	return words_number(words) % below;
}

struct span words_next(struct words *words)
{
	return vocabulary[words_number(words) & (N_WORDS - 1)];
}
