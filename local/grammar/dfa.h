/* dfa.h -- deterministic automata over bytes, and what they are made from. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_GRAMMAR_DFA_H
#define LOCAL_GRAMMAR_DFA_H

#include "base/base.h"

/*
 * Patterns, constants and numbers become one of these each. From every state
 * but the dead one an accepting state can be reached, which is what lets a mask
 * allow a token by looking at its own bytes alone.
 */
#define DFA_DEAD 0
#define DFA_START 1

enum dfa_next {
	DFA_NO_BYTE = 256, /* nothing leads on */
	DFA_MANY_BYTES = 257,
};

struct dfa {
	uint32_t n_states; /* the dead one and the start among them */
	uint32_t n_classes;
	uint8_t class_of[256];
	uint16_t *next;   /* (n_states, n_classes) */
	uint8_t *accepts; /* (n_states) */
	uint16_t *sole;   /* (n_states): the only byte that leads on, or
			     enum dfa_next */
};

static inline uint32_t dfa_step(
    const struct dfa *dfa, uint32_t state, unsigned char byte)
{
	return dfa->next[state * dfa->n_classes + dfa->class_of[byte]];
}

static inline bool dfa_is_empty(const struct dfa *dfa)
{
	return dfa->sole[DFA_START] == DFA_NO_BYTE && !dfa->accepts[DFA_START];
}

void dfa_free(struct dfa **dfa);

/* Whether it accepts the whole of <text>. */
bool dfa_matches(const struct dfa *dfa, struct span text);

/*
 * What both accept, or with <is_without> what <a> accepts and <b> does not.
 * NULL when there are too many states.
 */
struct dfa *dfa_combine(
    const struct dfa *a, const struct dfa *b, bool is_without) must_check;

/* --- making one state by state -------------------------------------------- */

/*
 * States are known by a list of numbers. Who makes an automaton interns the
 * start first, then takes the states in turn and sets where each class of
 * bytes leads; what is interned on the way is new states at the end.
 */
struct dfa_maker {
	uint8_t class_of[256];
	uint32_t n_classes;
	uint32_t n_states;
	uint32_t *words; /* (offsets[n_states]) the keys, one after the other */
	size_t cap_words;
	size_t *offsets;  /* (n_states + 1) */
	uint16_t *next;   /* (n_states, n_classes) */
	uint8_t *accepts; /* (n_states) */
	uint32_t cap;
	uint32_t *slots; /* (n_slots) states by key, 0 for none */
	uint32_t n_slots;
	bool is_over; /* a bound was passed; what is made is of no use */
};

void dfa_maker_init(struct dfa_maker *maker, uint32_t n_classes);

/* Frees what dfa_maker_finish has not taken. */
void dfa_maker_free(struct dfa_maker *maker);

/* The state with this key, DFA_DEAD past the bound. */
uint32_t dfa_maker_state(
    struct dfa_maker *maker, const uint32_t *key, size_t n);

/* The key of a state, valid until the next one is interned. */
static inline const uint32_t *dfa_maker_key(
    const struct dfa_maker *maker, uint32_t state, size_t *n)
{
	*n = maker->offsets[state + 1] - maker->offsets[state];
	return maker->words + maker->offsets[state];
}

/* The automaton without what leads nowhere, or NULL past the bound. */
struct dfa *dfa_maker_finish(struct dfa_maker *maker) must_check;

/* --- the other kind: several things at once ------------------------------- */

enum nfa_kind {
	NFA_RANGE, /* a byte of low..high leads to <out> */
	NFA_SPLIT, /* <out> and <other> at no cost, if they are not 0 */
	NFA_END,
};

struct nfa_node {
	uint8_t kind; /* enum nfa_kind */
	uint8_t low, high;
	uint32_t out, other;
};

struct nfa {
	struct nfa_node *nodes; /* (n); number 0 stands for none */
	uint32_t n, cap;
	size_t left;  /* looks at a node that may still be taken */
	bool is_over; /* a bound was passed */
};

/*
 * A piece is the nodes from <first> on up to the next piece; it begins at <in>
 * and ends at the split <out>, whose ways on are free.
 */
struct nfa_piece {
	uint32_t first;
	uint32_t in, out;
};

/* <left> bounds what nfa_to_dfa does, which takes what it did off nfa->left. */
void nfa_init(struct nfa *nfa, size_t left);
void nfa_free(struct nfa *nfa);
uint32_t nfa_add(struct nfa *nfa, struct nfa_node node);

/* A piece that accepts nothing yet: its beginning and its end stand apart. */
struct nfa_piece nfa_piece_new(struct nfa *nfa);

/* Adds a way from <in> of the piece to node <to>. */
void nfa_piece_or(struct nfa *nfa, struct nfa_piece *piece, uint32_t to);

/* Adds the bytes of <text> as one way through the piece. */
void nfa_piece_text(struct nfa *nfa, struct nfa_piece *piece, struct span text);

/*
 * The piece, which must be the last one made, <least> to <most> times;
 * UINT32_MAX: without end.
 */
struct nfa_piece nfa_repeat(
    struct nfa *nfa, struct nfa_piece piece, uint32_t least, uint32_t most);

/* Makes <out> of the piece the end and gives the automaton, NULL past a bound.
 */
struct dfa *nfa_to_dfa(struct nfa *nfa, struct nfa_piece piece) must_check;

#endif
