/* reply_state.h -- what a reply knows: shared by its two halves. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_REPLY_REPLY_STATE_H
#define LOCAL_REPLY_REPLY_STATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "local/reply/reply_format.h"
#include "local/reply/reply_json.h"

#define REPLY_ID_LEN 9        /* of a format that has ids */
#define REPLY_SLICE_MAX 65536 /* bytes between two tellings */

/* How far a call's arguments are. */
enum reply_arguments {
	ARGUMENTS_NONE,
	ARGUMENTS_OPEN,      /* held */
	ARGUMENTS_STREAMING, /* told as they come; nothing is held then */
	ARGUMENTS_READY,     /* held, complete */
	ARGUMENTS_TOLD,
};

/* A member of a call's object. */
enum reply_member {
	MEMBER_NONE, /* one that a call does not have */
	MEMBER_OTHER,
	MEMBER_NAME,
	MEMBER_ARGUMENTS,
	MEMBER_ID,
};

/* The call that is being read. Offsets are into what is held. */
struct reply_call {
	struct reply_json json;
	enum reply_place back;    /* after its last byte */
	enum reply_member member; /* whose value is being read */
	enum reply_arguments arguments;
	uint8_t level; /* of the JSON where the arguments begin */
	bool is_bare;  /* nothing but its shape says that it is a call */
	bool has_name;
	size_t from; /* of the key or value that is being read */
	size_t args_from, args_to;
	size_t name_len;
	char name[REPLY_NAME_MAX];
	size_t id_len; /* 0: none was given */
	char id[REPLY_ID_LEN];
};

struct reply {
	const struct reply_format *format; /* NULL: nothing is a call */
	bool thinks;
	bool holds_calls;
	bool has_ended;
	uint64_t seed;
	struct span *tools; /* (n_tools), into tool_text */
	size_t n_tools;
	char *tool_text;

	reply_part_fn *fn; /* of the push that is on */
	void *arg;
	struct buf run; /* text of one kind that is certain and not told */
	enum reply_kind run_kind;

	/*
	 * What is not certain: in text white space, then a word's beginning at
	 * <mark>; else white space, the word that opened the candidate, and all
	 * of that, a word's beginning or collected letters at <mark>.
	 */
	struct buf held;
	size_t mark;
	size_t from; /* of the letters collected */
	enum reply_place place;
	bool is_edge;     /* white space before what comes next is dropped */
	bool has_thought; /* <think> is text from now on */
	uint32_t n_calls; /* told */
	struct reply_call call;
};

/* ---- reply.c: telling ---- */

/* Adds certain text. */
void reply_run(struct reply *reply, enum reply_kind kind, struct span text);

/* Tells the text that waits, then <part>. */
void reply_tell(struct reply *reply, const struct reply_part *part);

/* Drops what is held: it was a call's or a mark's. */
void reply_drop(struct reply *reply);

/* ---- reply_call.c ---- */

/* Forgets the last call. */
void reply_call_reset(struct reply *reply);

/*
 * The JSON begins at the { that is held last; false when the call cannot be:
 * a name that is none of the request's.
 */
bool reply_call_open(struct reply *reply, const struct reply_rule *rule);

/* What a byte of the call's JSON did. */
enum reply_call_result {
	CALL_ON,
	CALL_DONE,    /* its last byte: place is <back> now */
	CALL_REFUSED, /* no call; the byte was taken */
	CALL_BROKEN,  /* no JSON; the byte was not taken */
};
enum reply_call_result reply_call_byte(struct reply *reply, char c);

/* The call ends before its time: tells that, if it was told of. */
void reply_call_break(struct reply *reply);

/* Takes letters that were read as the call's name, or its id. */
void reply_call_set_name(struct reply *reply, struct span name);
void reply_call_set_id(struct reply *reply, struct span id);

#endif
