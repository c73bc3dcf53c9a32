/* scan.h -- one pass over a prompt: what can be counted. Private to router/. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROUTER_SCAN_H
#define ROUTER_SCAN_H

#include "router/words.h"

/*
 * The pass folds case, and runs of blanks count as one, so that neither can
 * move a decision. Words that speak for a task count by where they stand: an
 * instruction opens a prompt or closes it, what is quoted or stands behind a
 * colon is mostly what the instruction is about.
 */
struct scan {
	/* What was found. */
	unsigned tasks[TASK_COUNT];         /* points */
	unsigned marks[MARK_COUNT];         /* counts */
	unsigned languages[LANGUAGE_COUNT]; /* points */
	unsigned scripts[SCRIPT_COUNT];     /* characters */
	size_t words;
	size_t width; /* characters, blanks folded, wide ones as three */
	size_t stem;  /* of these, those of the question itself */

	/* Rows of the table that have spoken: nobody is heard twice. */
	uint64_t heard[WORD_ROWS_MAX / 64];

	/* Where the pass is. */
	struct span text;
	size_t at;
	size_t tail;          /* from here on words are an instruction again */
	size_t close;         /* up to here a long text is only skimmed */
	size_t stem_from;     /* width where the question begins */
	size_t slot;          /* width behind the last "answer:" */
	size_t options_at;    /* width where its options begin */
	struct word_key key;  /* the word just read */
	size_t key_len;       /* its bytes; above WORD_MAX it is not in key */
	struct word_key last; /* the word before it, for pairs */
	size_t last_len;
	uint32_t wide; /* the character before, when of a script without
			  spaces, else 0 */
	char option;   /* the option letter to come: 'a' before the first */
	bool is_blank; /* behind a blank */
	bool is_quoted;
	bool is_payload; /* behind a colon */
	bool is_system;  /* of a system message: one point's worth each */
};

/* An empty scan. */
void scan_init(struct scan *scan);

/*
 * Reads <text>, which goes on from what was read before. UTF-8; bytes that are
 * not count as signs. <is_end>: an instruction may close it.
 */
void scan_text(struct scan *scan, struct span text, bool is_end);

/* Reads <text> as an instruction at half voice: only tasks are counted. */
void scan_system(struct scan *scan, struct span text);

/* After the last text: sets stem. */
void scan_finish(struct scan *scan);

#endif
