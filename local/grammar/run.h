/* run.h -- walks a grammar byte by byte, at several places at once. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_GRAMMAR_RUN_H
#define LOCAL_GRAMMAR_RUN_H

#include "local/grammar/program.h"

/*
 * A spot is one place where the text may be: in a node, and above it the spots
 * that go on when its value has ended. An anyOf is at several spots until the
 * bytes tell which it is. From every spot the text can be ended, so that
 * dropping one, which happens past RUN_SPOTS_MAX, costs possibilities and never
 * makes a text that is not valid.
 */
enum phase {
	PHASE_DONE,     /* the answer is whole */
	PHASE_DFA,      /* <index>: the automaton's state */
	PHASE_QUOTE,    /* before a string */
	PHASE_BODY,     /* in one; <index>: enum body, <count>: characters */
	PHASE_OBJECT,   /* before an object */
	PHASE_CLOSE,    /* an empty object may end */
	PHASE_KEY,      /* property <index>, <count> bytes of its key */
	PHASE_REST_KEY, /* <index>: state of the automaton of other keys */
	PHASE_COLON,    /* behind any other key */
	PHASE_MEMBER,   /* behind a value; <index>: the next property */
	PHASE_GAP,   /* a blank before the key of property <index> or later */
	PHASE_SPACE, /* a blank before a value */
	PHASE_ARRAY, /* before an array */
	PHASE_END,   /* an empty array may end */
	PHASE_ITEM,  /* behind an item; <count>: items */
};

#define SPOT_NONE UINT32_MAX
#define RUN_SPOTS_MAX 512

struct spot {
	uint32_t up; /* frame that goes on after this node's value, SPOT_NONE */
	uint32_t node;
	uint32_t index, count; /* as the phase says */
	uint8_t phase;         /* enum phase */
	uint8_t depth;         /* objects and arrays that are open */
	uint16_t zero;         /* no padding: spots are compared as bytes */
};

/*
 * Frames are spots that wait; they refer to older frames only. Both arrays are
 * used as stacks: a walk puts new sets and frames behind those there are and
 * drops them again.
 */
struct run {
	const struct grammar *grammar;
	struct spot *frames; /* (n_frames) */
	uint32_t n_frames, cap_frames;
	struct spot *live; /* (n_live) the sets of spots */
	uint32_t n_live, cap_live;
	uint32_t set; /* first spot of the set that is being made */
};

void run_init(struct run *run, const struct grammar *grammar);
void run_free(struct run *run);

/* Empties it and puts the spots before an answer's first byte. */
void run_begin(struct run *run);

/* Makes <to> what <from> is, for the same grammar. */
void run_copy(struct run *to, const struct run *from);

/*
 * Puts where the spots <first> up to <end> come by <byte> behind all spots,
 * from run->set on; false when there is none.
 */
bool run_step(
    struct run *run, uint32_t first, uint32_t end, unsigned char byte);

/*
 * Puts where spot <from> goes on when its value, or its key, has ended, as a
 * new set.
 */
void run_leave(struct run *run, struct spot from);

/* The automaton that a spot is in, or NULL. */
const struct dfa *run_dfa(const struct run *run, const struct spot *spot);

/* Drops all spots but the set made last, and the frames that it needs not. */
void run_settle(struct run *run);

/* Whether the spots <first> up to <end> hold a whole answer. */
bool run_is_done(const struct run *run, uint32_t first, uint32_t end);

/*
 * The only byte that the spots <first> up to <end> allow, or enum dfa_next:
 * an end counts as one more byte. With <skips_blanks> a blank that may be left
 * out does not count.
 */
unsigned run_sole_byte(
    const struct run *run, uint32_t first, uint32_t end, bool skips_blanks);

/* --- in a string ---------------------------------------------------------- */

/* Where in a string's text; 0 is between two characters. */
enum body {
	BODY_TEXT,
	BODY_ESCAPE, /* behind a backslash */
	BODY_HEX4,   /* four digits to come, that are no low surrogate */
	BODY_HEX_D,  /* the second one, behind a D */
	BODY_HEX3,   /* any three, two or one */
	BODY_HEX2,
	BODY_HEX1,
	BODY_HIGH2, /* of a high surrogate two digits, or one */
	BODY_HIGH1,
	BODY_LOW, /* \uDC00 .. \uDFFF, from the backslash on */
	BODY_LOW_U,
	BODY_LOW_D,
	BODY_LOW_C,
	BODY_TAIL1, /* one, two or three continuation bytes */
	BODY_TAIL2,
	BODY_TAIL3,
	BODY_TAIL_E0, /* those that may follow these lead bytes */
	BODY_TAIL_ED,
	BODY_TAIL_F0,
	BODY_TAIL_F4,
	BODY_END,  /* the closing quote was read */
	BODY_DEAD, /* not a string */
};

enum body body_step(enum body at, unsigned char byte);

#endif
