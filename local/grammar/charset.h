/* charset.h -- sets of characters, and how they stand in a JSON string. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_GRAMMAR_CHARSET_H
#define LOCAL_GRAMMAR_CHARSET_H

#include "local/grammar/dfa.h"

#define CHARSET_RANGES 256

struct char_range {
	uint32_t low, high; /* code points, both inside */
};

struct charset {
	struct char_range ranges[CHARSET_RANGES];
	uint32_t n;
	bool is_over; /* there were more ranges */
};

void charset_add(struct charset *set, uint32_t low, uint32_t high);

/* Adds what <letter> of \d \D \w \W \s \S stands for; false for another. */
bool charset_add_class(struct charset *set, char letter);

/* All of Unicode but what is in the set. */
void charset_invert(struct charset *set);

/*
 * Adds to <nfa> the piece that reads one character of the set as a JSON string
 * has it: as itself where it may, a quote, a backslash and the controls that
 * have one by their short escape. Other controls cannot be written.
 */
struct nfa_piece charset_piece(struct nfa *nfa, const struct charset *set);

/* The same without escapes: what needs one cannot be written. */
struct nfa_piece charset_raw_piece(struct nfa *nfa, const struct charset *set);

#endif
