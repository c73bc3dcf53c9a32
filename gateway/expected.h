/* expected.h -- whether an answer is the one that was expected. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_EXPECTED_H
#define GATEWAY_EXPECTED_H

#include "base/base.h"

/*
 * Letters are compared without case (ASCII), runs of blanks and of punctuation
 * count as one blank, and what stands at either end as nothing; but verbatim,
 * where a sign, a quote and a capital matter, as in a line of a program.
 */
enum expected_match {
	EXPECTED_CONTAINS, /* the words stand somewhere in the answer */
	EXPECTED_EXACT,    /* they are the answer */
	EXPECTED_STARTS,   /* it begins with them */
	EXPECTED_NUMBER,   /* the last number in it is the expected one */
	EXPECTED_VERBATIM, /* byte for byte, but for white space around it */
};

/* The word that data files use; false for another one. */
bool expected_match_of(struct span word, enum expected_match *out);

/* <scratch> is memory for the comparison only. False when it is exhausted. */
bool expected_is(enum expected_match match, struct span answer,
    struct span expected, struct arena *scratch);

#endif
