/* openai_join.h -- an answer that grows event by event; for openai_join*.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIALECT_OPENAI_JOIN_H
#define DIALECT_OPENAI_JOIN_H

#include "dialect/openai.h"

/*
 * Chunks are objects that add up to one object. What adding means is told for
 * each member by its name, in tables: a rule names the member and how its
 * values come together, and for a member that holds objects the rules inside
 * of it. So depth is that of the tables, not of what an upstream sends: what
 * no rule names is one value, whatever it holds.
 *
 * Nothing is copied while events are added. An object under way is a list of
 * members in the order in which they first came; each has its last value, or
 * the pieces of it, as spans of the stream.
 */
enum join_how {
	JOIN_LAST,     /* the last value that is not null */
	JOIN_FACT,     /* likewise, and neither "" nor 0 */
	JOIN_KIND,     /* object: "chat.completion.chunk" is chat.completion */
	JOIN_TEXT,     /* strings, concatenated */
	JOIN_LIST,     /* lists, one after the other */
	JOIN_EITHER,   /* a list if the first value is one, else the last */
	JOIN_OBJECT,   /* objects, by the rules inside */
	JOIN_NUMBERED, /* lists of objects that say their index, by rules */
	JOIN_USAGE,    /* a usage that is the answer's if it has no other */
	JOIN_SKIP,     /* not in the answer */
	JOIN_REFUSE,   /* anything but null: not an answer that can be joined */
};

struct join_rules;

struct join_rule {
	struct span name; /* empty: of every other member, last in its table */
	enum join_how how;
	const struct join_rules *inside;
};

struct join_rules {
	const struct join_rule *rules; /* up to and including the empty name */
	/* Of numbered objects: */
	size_t max;       /* of them: an index is smaller */
	bool needs_index; /* none without one; else its position is it */
};

struct join_piece {
	struct join_piece *next;
	struct span bytes; /* of a string between its quotes, or a list's */
};

/* Objects by their index; NULL where none has come. */
struct join_numbered {
	struct join_object **at; /* (cap) */
	size_t cap;
	size_t n; /* the highest index and one */
};

struct join_member {
	struct join_member *next;
	struct span name; /* decoded */
	struct span key;  /* as sent, quotes included */
	const struct join_rule *rule;
	enum join_how how;
	uint32_t round;   /* the object's when it last stood there */
	bool has_value;   /* one that is not null */
	struct span last; /* raw; null too, while there is no other */
	struct join_piece *first_piece, *last_piece;
	struct join_object *object;
	struct join_numbered numbered;
};

struct join_object {
	struct join_member *first, *last;
	struct join_member *hint; /* found last: the next one follows it */
	size_t n;
	uint32_t round; /* times that something was added */
};

struct join {
	struct arena *arena;  /* for what stays */
	struct arena scratch; /* for one event */
	struct json_doc doc;  /* that event */
	struct join_object top;
	struct span usage_elsewhere;

	/* What the event at hand added, to know others like it by. */
	unsigned n_texts;            /* not empty */
	unsigned n_lists;            /* not empty */
	struct join_member *said_by; /* the last text */
	struct span said;            /* ptr NULL if it has escapes */
};

/* The member of <object> called <name>, or NULL. */
struct join_member *join_find(
    const struct join_object *object, struct span name);

/* A new member at <object>'s end, by its name alone; NULL past a maximum. */
struct join_member *join_add(
    struct join *join, struct join_object *object, struct span name);

/*
 * Makes the answer of what was added and appends it to <out>. False where it is
 * not whole: a choice that did not come or did not finish; or past the arena's
 * or the buffer's maximum.
 */
bool join_finish(
    struct join *join, enum endpoint endpoint, struct buf *out) must_check;

#endif
