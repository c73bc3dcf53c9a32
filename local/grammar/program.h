/* program.h -- a compiled schema: what its values are, one node each. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_GRAMMAR_PROGRAM_H
#define LOCAL_GRAMMAR_PROGRAM_H

#include <pthread.h>
#include <stdatomic.h>

#include "local/grammar.h"
#include "local/grammar/dfa.h"

#define NODE_NONE UINT32_MAX
#define ENDLESS UINT32_MAX      /* no maximum */
#define HEIGHT_NEVER UINT32_MAX /* no value can be written */

enum node_kind {
	NODE_NEVER,
	NODE_DFA,    /* constants, numbers, patterns: an automaton's texts */
	NODE_STRING, /* any string of so many characters */
	NODE_ARRAY,
	NODE_OBJECT,
	NODE_UNION,
};

/* Types of JSON values, as bits. */
enum value_type {
	VALUE_NULL = 1,
	VALUE_BOOLEAN = 2,
	VALUE_NUMBER = 4,
	VALUE_STRING = 8,
	VALUE_ARRAY = 16,
	VALUE_OBJECT = 32,
	VALUE_ANY = 63,
};

struct property {
	struct span name; /* decoded */
	struct span key;  /* as it is written, with quotes and colon */
	uint32_t node;
	bool is_required;
};

struct array_node {
	uint32_t *first; /* (n_first) nodes of the first items */
	uint32_t n_first;
	uint32_t rest;     /* of those that follow, or NODE_NONE */
	uint32_t min, max; /* items; ENDLESS */
};

struct object_node {
	struct property *properties; /* (n) in the order they are written */
	uint32_t n;
	uint32_t n_to_required; /* one past the last required one */
	uint32_t rest;          /* of other properties, or NODE_NONE */
	bool is_closed;         /* the schema itself forbids others */
	/* Keys that are no property's, with quotes and colon; NULL where there
	 * are no properties, and a key is any string. */
	const struct dfa *rest_key;
};

struct union_node {
	uint32_t *of; /* (n) nodes; once compiled, none of them a union */
	uint32_t n;
};

struct node {
	uint8_t kind;    /* enum node_kind */
	uint8_t types;   /* of enum value_type, that the schema accepts */
	bool is_literal; /* NODE_DFA of constants, each in its only spelling */
	uint32_t height; /* levels that its lowest value needs, 0 for a plain
			    one; HEIGHT_NEVER */
	union {
		const struct dfa *dfa;
		struct {
			uint32_t min, max;
		} string; /* characters; ENDLESS */
		struct array_node array;
		struct object_node object;
		struct union_node any;
	};
};

struct machine;

struct grammar {
	struct arena arena; /* nodes and texts */
	struct node *nodes; /* (n_nodes) */
	uint32_t n_nodes;
	uint32_t root;
	uint32_t any_string; /* node of any string, for keys */
	struct dfa **dfas;   /* (n_dfas) owned */
	uint32_t n_dfas;
	atomic_uint refs;
	pthread_mutex_t lock;     /* of the list below */
	struct machine *machines; /* one for each vocabulary it was used with */
};

static inline const struct node *grammar_node(
    const struct grammar *grammar, uint32_t node)
{
	return &grammar->nodes[node];
}

/* The node of the <i>th item of an array, or NODE_NONE. */
static inline uint32_t array_item(const struct array_node *array, uint32_t i)
{
	return i < array->n_first ? array->first[i] : array->rest;
}

/* Compiled without its checks; the grammar's one reference is the caller's. */
struct grammar *grammar_new(void);

/*
 * The last step of compiling: heights, unions of unions made one, and whether
 * any value can be written at all. FAILED with what is wrong.
 */
enum result grammar_finish(
    struct grammar *grammar, struct error *err) must_check;

/*
 * Whether no JSON value is both nodes'; false where that is not known. Each
 * look at something is taken off <left>, and without any left nothing is known.
 */
bool grammar_is_apart(
    const struct grammar *grammar, uint32_t a, uint32_t b, uint32_t *left);

#endif
