/* regex.h -- patterns for what stands in a JSON string. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_GRAMMAR_REGEX_H
#define LOCAL_GRAMMAR_REGEX_H

#include "local/grammar/dfa.h"

/*
 * The regular part of ECMA-262's patterns: characters and their escapes, . \d
 * \w \s, classes, groups, alternatives, quantifiers (lazy ones mean the same
 * here), ^ and $ at the ends of the whole pattern's alternatives. What looks
 * around, refers back, or asks for Unicode's properties is refused.
 */

/* What each takes of <left> bounds the work of a schema's patterns together. */

/*
 * The automaton of JSON strings, quotes included, whose text holds what
 * <pattern> finds, as "pattern" means it. NULL with <err> when it is
 * ill-formed, not supported or too large. It may be empty.
 */
struct dfa *regex_compile(
    struct span pattern, size_t *left, struct error *err) must_check;

/* JSON strings of <least> to <most> characters, of a bounded automaton. */
struct dfa *regex_of_length(
    uint32_t least, uint32_t most, size_t *left) must_check;

/*
 * JSON strings without any escape and a colon behind them: the keys of an
 * object as they are read where names must be told apart.
 */
struct dfa *regex_of_keys(size_t *left) must_check;

#endif
