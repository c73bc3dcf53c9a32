/* openai_split.h -- an answer told in pieces; for openai_split*.c, pieces. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIALECT_OPENAI_SPLIT_H
#define DIALECT_OPENAI_SPLIT_H

#include "dialect/openai.h"

/* --- pieces of a text ----------------------------------------------------- */

/*
 * A text is cut as it stands between its quotes, in the sender's bytes. What
 * cannot be cut is a unit: a character, or an escape, of which the two of a
 * surrogate pair are one. Returns the bytes of the unit at the front of <raw>,
 * which holds one at least, and sets <decoded> to those that it stands for.
 */
size_t piece_unit(struct span raw, size_t *decoded);

/*
 * The bytes of the word at the front of <raw>, with the spaces before it; a
 * part of it when it is long, and of scripts that have no spaces. 0 when <raw>
 * is empty.
 */
size_t piece_word(struct span raw);

/* --- tokens and their probabilities --------------------------------------- */

#define COLUMNS_MAX 8

/*
 * The probabilities of a text's tokens: lists side by side, of which one
 * names the tokens, with what the sender's object says around them.
 */
struct token_columns {
	size_t n;
	struct span before[COLUMNS_MAX]; /* each list's elements */
	struct span after;               /* the last one's */
	uint32_t array[COLUMNS_MAX];
	uint32_t at[COLUMNS_MAX]; /* next element, JSON_NONE after the last */
	size_t names;             /* the column that names the tokens */
	struct span decoded;      /* of the text, what no token has named yet */
};

/* What is cut off the front of a text at once. */
struct token_piece {
	size_t len;                     /* of the raw text */
	struct span lists[COLUMNS_MAX]; /* elements of each column, raw */
};

/*
 * Takes the next token of <raw>, or as many as it needs to come out at a
 * unit's end. Where the tokens are not what the text says, all of both is
 * taken; with the text's end, all tokens that are left. There must be one.
 * Needs <arena> for tokens with escapes: without room they count as others.
 */
void token_take(const struct json_doc *doc, struct token_columns *columns,
    struct span raw, struct arena *arena, struct token_piece *piece);

/* --- a choice on its way -------------------------------------------------- */

enum split_kind {
	SPLIT_TEXT,   /* a string, piece by piece */
	SPLIT_CALLS,  /* a list of objects, one by one, with their index */
	SPLIT_OBJECT, /* whole */
};

/* A member of a message that is told by itself, after the opening. */
struct split_source {
	struct span name;
	enum split_kind kind;
	bool has_logprobs; /* the choice's logprobs list it by this name */
	struct span open;  /* from the delta's brace to the value's bytes */
};

/* What a choice is telling. */
struct split_run {
	const struct split_source *source; /* NULL: nothing */
	struct span open;  /* of every event, up to what is said */
	struct span again; /* before the same once more, or empty */
	struct span text;  /* of SPLIT_TEXT, raw: what is left */
	uint32_t array;    /* of SPLIT_CALLS */
	uint32_t node;     /* its next element; the value of SPLIT_OBJECT */
	unsigned position; /* of the element */
	struct token_columns columns; /* n 0: none */
};

struct split_choice {
	uint32_t node;
	uint32_t message; /* completions: the choice itself */
	uint32_t logprobs;
	struct span index;
	struct span finish_reason;
	bool is_opened;
	bool has_columns; /* logprobs go with the text, not with the end */
	unsigned next;    /* source to look at */
	struct split_run *run;
};

struct split {
	struct json_doc doc;
	struct arena *arena;
	struct buf *out;
	bool is_full; /* something did not fit */
	bool is_chat;
	bool has_begun;
	bool is_alone; /* one choice is left: nobody waits for its turn */
	const struct split_source *sources; /* (n_sources) */
	unsigned n_sources;
	uint32_t usage;   /* JSON_NONE: not to be told */
	struct span head; /* of every event, up to its choices */
	/* After a text's last byte: its quote, and the rest of an event. */
	struct span close;            /* without logprobs */
	struct span close_null;       /* with null for them */
	struct span close_logprobs;   /* up to them ... */
	struct span end_logprobs;     /* ... and from there on */
	struct span end;              /* after a choice's last member */
	struct split_choice *choices; /* (n) */
	size_t n;
};

/* Reads the answer into <split>; false when it is none that can be told. */
bool split_read(struct split *split, bool has_usage) must_check;

/* Whether the top's key <key> is told by the first event alone. */
bool split_is_extra(const struct split *split, uint32_t key);

/* Whether member node <node> is told after the opening, and not with it. */
bool split_is_told(const struct split *split, const struct split_source *source,
    uint32_t node);

/* The source called <name>, or NULL. */
const struct split_source *split_source(
    const struct split *split, struct span name);

/* The next run of <choice>, false when there is no other or on is_full. */
bool split_next_run(struct split *split, struct split_choice *choice);

#endif
