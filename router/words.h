/* words.h -- the words that tell a task or a language: private to router/. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROUTER_WORDS_H
#define ROUTER_WORDS_H

#include "router/router.h"

/*
 * One table for all: a word, or two words of an instruction joined by "_", or
 * two neighbouring characters of a script without spaces, in lower case. It
 * says which languages use the word as a matter of course, which task it speaks
 * for and how loudly, and which mark of difficulty it is.
 */
enum word_language {
	LANGUAGE_EN,
	LANGUAGE_DE,
	LANGUAGE_FR,
	LANGUAGE_ES,
	LANGUAGE_IT,
	LANGUAGE_PT,
	LANGUAGE_NL,
	LANGUAGE_PL,
	LANGUAGE_TR,
	LANGUAGE_RU,
	LANGUAGE_UK,
	LANGUAGE_ZH,
	LANGUAGE_JA,
	LANGUAGE_KO,
	LANGUAGE_AR,
	LANGUAGE_FA,
	LANGUAGE_HI,
	LANGUAGE_EL,
	LANGUAGE_HE,
	LANGUAGE_TH,
	LANGUAGE_COUNT,
};

/* ISO 639-1. */
const char *word_language_code(enum word_language language);

/* What counts besides words of a task; see the table in features.c. */
enum mark {
	MARK_NONE,
	MARK_FENCE,         /* ``` */
	MARK_CODE_SIGN,     /* { } ; => -> :: == != */
	MARK_CODE_WORD,     /* return, void, elif ... */
	MARK_CALL,          /* a word and "(" without a blank */
	MARK_UNDERSCORE,    /* a_word */
	MARK_NUMBER,        /* a run of digits */
	MARK_LATEX,         /* \frac, $ */
	MARK_FORMULA,       /* = ^ + < > beside digits, and Unicode's signs */
	MARK_QUESTION,      /* ? */
	MARK_QUESTION_WORD, /* what, why ... */
	MARK_QUANTITY,      /* how many, how much */
	MARK_REASONING,     /* prove, derive, show that ... */
	MARK_STEP,          /* step by step, first, then */
	MARK_CONSTRAINT,    /* must, exactly, at most ... */
	MARK_NEGATION,      /* not, without, except */
	MARK_CONDITION,     /* if, suppose, assume, given */
	MARK_OPTION,        /* an answer to choose: A. B. C. */
	MARK_DOCUMENT, /* a text that the request speaks of: email, essay */
	MARK_CHOICE,   /* or */
	MARK_TONGUE,   /* the name of a language */
	MARK_COUNT,
};

#define WORD_MAX ((size_t)32) /* bytes; longer words are not in the table */

#define WORD_ROWS_MAX 2048
#define WORD_SHARES 24 /* divisible by most numbers of languages */

/* A word in lower case, zero-padded. */
struct word_key {
	uint64_t part[4];
};

struct word {
	struct word_key key;
	uint32_t languages; /* bits of enum word_language */
	int8_t task;        /* enum router_task, or -1 */
	uint8_t points;     /* for the task, 1 (a hint) to 6 (says it) */
	uint8_t mark;       /* enum mark */
	uint8_t share;      /* of WORD_SHARES, for each of its languages */
	uint16_t number;    /* of the row, below WORD_ROWS_MAX */
};

/* Builds the index, once for the process, before the first look-up. */
void word_prepare(void);

/* The row of <key>, or NULL. Thread-safe after word_prepare. */
const struct word *word_find(const struct word_key *key);

/*
 * The points that a letter outside ASCII (in lower case) gives to languages:
 * their bits, 0 for most letters.
 */
uint32_t word_letter_languages(uint32_t letter);

/*
 * The language of a text, as a code of router_features: scripts decide where
 * they can, words and letters where they are shared.
 * <points> (LANGUAGE_COUNT) are what words and letters gave; <scripts>
 * (SCRIPT_COUNT) count letters.
 */
enum script {
	SCRIPT_LATIN,
	SCRIPT_CYRILLIC,
	SCRIPT_GREEK,
	SCRIPT_HEBREW,
	SCRIPT_ARABIC,
	SCRIPT_DEVANAGARI,
	SCRIPT_THAI,
	SCRIPT_HAN,
	SCRIPT_KANA,
	SCRIPT_HANGUL,
	SCRIPT_OTHER, /* no letter */
	SCRIPT_COUNT,
};

const char *language_choose(const unsigned *points, const unsigned *scripts);

/* The script of a character outside ASCII. */
enum script language_script(uint32_t code_point);

/*
 * Lower case of a letter, by rule for Latin, Greek and Cyrillic, the scripts of
 * the table; others as they are. Turkish's two i are one.
 */
uint32_t language_fold(uint32_t code_point);

#endif
