/* pattern.h -- what splits and replacements look for in a text. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TOKENIZER_PATTERN_H
#define LOCAL_TOKENIZER_PATTERN_H

#include "base/error.h"
#include "base/span.h"

/*
 * A pattern is a fixed text, a class of characters (each character a match),
 * a known splitting expression with a scanner written for it, or any other
 * regular expression, which Oniguruma runs, as it does for HF tokenizers.
 */
struct scan_rules;

enum pattern_kind {
	PATTERN_NONE,
	PATTERN_TEXT,
	PATTERN_CLASS,
	PATTERN_SCAN,
	PATTERN_REGEX,
};

struct pattern {
	enum pattern_kind kind;
	struct span text;               /* of a fixed text; borrowed */
	unsigned flags;                 /* of a class: enum unicode_flag */
	const struct scan_rules *rules; /* of a scanner */
	void *regex;                    /* Oniguruma's, owned */
};

/* Offsets of a text's parts, which follow each other without gaps. */
struct match {
	uint32_t start, end;
	bool is_match;
};

struct match_list {
	struct match *items; /* (len) */
	size_t len;
	size_t cap;
};

void match_list_free(struct match_list *list);
void match_list_add(
    struct match_list *list, size_t start, size_t end, bool is_match);

/*
 * A regular expression, by its scanner where there is one. FAILED with
 * Oniguruma's reason when it is no expression, or longer than 4 KiB.
 */
enum result pattern_from_regex(struct pattern *pattern, struct span expression,
    struct error *err) must_check;

/* The scanner of a known expression by name ("gpt2", "words"). */
struct pattern pattern_known(const char *name);

/* Frees what the pattern owns. */
void pattern_free(struct pattern *pattern);

/*
 * Sets <list> to the parts of <text>, matches and what stands between; nothing
 * for an empty text. FAILED when the expression takes too many steps.
 */
enum result pattern_find(const struct pattern *pattern, struct span text,
    struct match_list *list, struct error *err) must_check;

/* --- scan.c --------------------------------------------------------------- */

/* The rules for an expression written exactly so, or NULL. */
const struct scan_rules *scan_find(struct span expression);

/* Rules by name, NULL when there are none. */
const struct scan_rules *scan_by_name(const char *name);

/*
 * Length of the match at the front of <text>, 0 for none; <text> is
 * well-formed UTF-8 and not empty.
 */
size_t scan_match(const struct scan_rules *rules, struct span text);

#endif
