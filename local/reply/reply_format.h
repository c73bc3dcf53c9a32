/* reply_format.h -- the grammars in which families write their calls. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_REPLY_REPLY_FORMAT_H
#define LOCAL_REPLY_REPLY_FORMAT_H

#include "local/reply.h"

/*
 * A format is a table of rules: at a place, a word leads to another place. In
 * text everything that is no word's beginning is text; at the other places it
 * means that what was read is no call.
 */
enum reply_place {
	PLACE_NONE,
	/* text */
	PLACE_THINK_START, /* reasoning, before its first byte */
	PLACE_THINK,
	PLACE_START, /* before the first content; has TEXT's rules too */
	PLACE_TEXT,
	/* around JSON */
	PLACE_BODY,      /* of marks: an object or a list of them */
	PLACE_ITEM,      /* of a list */
	PLACE_COMMA,     /* after an item */
	PLACE_CLOSE,     /* the closing mark, or another object */
	PLACE_SEMICOLON, /* and the next object */
	/* around names */
	PLACE_LIST_OR_NAME,
	PLACE_NAME,
	PLACE_ID,
	PLACE_BRACE, /* the arguments */
	PLACE_FIRST_CALL,
	PLACE_HEAD, /* DeepSeek: "function", or the name */
	PLACE_NAME_OR_BRACE,
	PLACE_TITLE, /* the name, to the end of its line */
	PLACE_FENCE,
	PLACE_FENCED, /* after fenced arguments */
	PLACE_CALL_CLOSE,
	PLACE_NEXT_CALL,
	/* inside JSON */
	PLACE_OBJECT,    /* a call's {"name": ..., "arguments": ...} */
	PLACE_ARGUMENTS, /* the arguments' object itself */
};

enum reply_deed {
	DEED_NONE,
	DEED_NAME,  /* what was collected is the call's name */
	DEED_ID,    /* is its id */
	DEED_CLOSE, /* ends what was told: drop the word and all before it */
};

struct reply_rule {
	enum reply_place place;
	const char *word;
	enum reply_place next;
	enum reply_place back; /* after an OBJECT or ARGUMENTS */
	enum reply_deed deed;
};

#define REPLY_WORD_MAX 40 /* bytes of a rule's word */

struct reply_format {
	const char *name;
	const struct reply_rule *rules; /* (n_rules) */
	size_t n_rules;
	bool has_ids; /* of nine characters, told or made */
};

enum reply_match {
	MATCH_NONE,
	MATCH_PREFIX,
	MATCH_WHOLE,
};

/* The words around reasoning, which are no format's. */
extern const struct reply_format reply_thinking;

/*
 * Whether <text>, not empty, begins one of <format>'s words at <place>, or is
 * one, which sets <rule>.
 */
enum reply_match reply_format_match(const struct reply_format *format,
    enum reply_place place, struct span text, const struct reply_rule **rule);

/* Whether white space is skipped at a place around a call. */
bool reply_place_skips_blanks(enum reply_place place);

/* Where a name's letter leads from <place>, PLACE_NONE when it has to fail. */
enum reply_place reply_place_after_letter(enum reply_place place);

#endif
