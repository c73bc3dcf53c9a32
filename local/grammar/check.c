/* check.c -- what a compiled schema can hold: heights, unions, differences. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "local/grammar/program.h"

#define LEAVES_MAX 65536 /* choices of all unions together */
#define APART_DEPTH 4    /* objects in objects that are looked into */

/* --- heights -------------------------------------------------------------- */

static uint32_t higher(uint32_t height)
{
	return height >= GRAMMAR_DEPTH_MAX ? HEIGHT_NEVER : height + 1;
}

static uint32_t height_of_array(
    const struct grammar *g, const struct array_node *array)
{
	uint32_t most = 0;

	/* All items behind the first ones are of one height. */
	for (uint32_t i = 0; i < array->min && i <= array->n_first; i++) {
		uint32_t item = array_item(array, i), height = HEIGHT_NEVER;

		if (item != NODE_NONE)
			height = g->nodes[item].height;
		if (height > most)
			most = height;
	}
	return array->min == 0 ? 1 : higher(most);
}

static uint32_t height_of_object(
    const struct grammar *g, const struct object_node *object)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < object->n_to_required; i++) {
		const struct property *property = &object->properties[i];

		if (property->is_required &&
		    g->nodes[property->node].height > most)
			most = g->nodes[property->node].height;
	}
	return higher(most);
}

static uint32_t height_of(const struct grammar *g, const struct node *node)
{
	uint32_t least = HEIGHT_NEVER;

	switch (node->kind) {
	case NODE_DFA:
	case NODE_STRING:
		return 0;
	case NODE_ARRAY:
		return height_of_array(g, &node->array);
	case NODE_OBJECT:
		return height_of_object(g, &node->object);
	case NODE_UNION:
		for (uint32_t i = 0; i < node->any.n; i++) {
			uint32_t height = g->nodes[node->any.of[i]].height;

			if (height < least)
				least = height;
		}
		return least;
	default:
		return HEIGHT_NEVER;
	}
}

/*
 * A value that holds itself has no height until one choice ends it: heights
 * start without end and sink until nothing changes, at most once a level and
 * a union.
 */
static void find_heights(struct grammar *g)
{
	bool has_changed = true;

	for (uint32_t i = 0; i < g->n_nodes; i++)
		g->nodes[i].height = HEIGHT_NEVER;
	while (has_changed) {
		has_changed = false;
		for (uint32_t i = g->n_nodes; i-- > 0;) {
			uint32_t height = height_of(g, &g->nodes[i]);

			if (height >= g->nodes[i].height)
				continue;
			g->nodes[i].height = height;
			has_changed = true;
		}
	}
}

/* --- unions --------------------------------------------------------------- */

struct flatten {
	struct grammar *g;
	uint32_t *marks; /* (n_nodes) the last union that a node came into */
	uint32_t *stack; /* (n_nodes) */
	uint32_t *found; /* (n_nodes) */
	uint32_t n_found;
	uint32_t left; /* choices that may still be made */
};

/* The choices of union <node> that can be written and are no unions. */
static void find_leaves(struct flatten *f, uint32_t node)
{
	uint32_t top = 0, mark = node + 1;

	f->n_found = 0;
	f->stack[top++] = node;
	f->marks[node] = mark;
	while (top > 0) {
		uint32_t at = f->stack[--top];
		const struct node *n = &f->g->nodes[at];

		if (n->kind != NODE_UNION) {
			if (n->height != HEIGHT_NEVER)
				f->found[f->n_found++] = at;
			continue;
		}
		for (uint32_t i = n->any.n; i-- > 0;) {
			uint32_t to = n->any.of[i];

			if (f->marks[to] == mark)
				continue;
			f->marks[to] = mark;
			f->stack[top++] = to;
		}
	}
}

static bool flatten_union(struct flatten *f, uint32_t node)
{
	struct node *n = &f->g->nodes[node];
	uint32_t *of;

	find_leaves(f, node);
	if (f->n_found > f->left)
		return false;
	f->left -= f->n_found;
	of = arena_alloc(&f->g->arena, (f->n_found + 1) * sizeof(*of));
	if (!of)
		return false;
	memcpy(of, f->found, f->n_found * sizeof(*of));
	n->any.of = of;
	n->any.n = f->n_found;
	n->types = 0;
	for (uint32_t i = 0; i < n->any.n; i++)
		n->types |= f->g->nodes[of[i]].types;
	return true;
}

static bool flatten_unions(struct grammar *g)
{
	struct flatten f = {.g = g, .left = LEAVES_MAX};
	bool is_ok = true;

	f.marks = mem_zalloc(g->n_nodes * sizeof(*f.marks));
	f.stack = mem_alloc(g->n_nodes * sizeof(*f.stack));
	f.found = mem_alloc(g->n_nodes * sizeof(*f.found));
	for (uint32_t i = 0; i < g->n_nodes && is_ok; i++) {
		if (g->nodes[i].kind == NODE_UNION)
			is_ok = flatten_union(&f, i);
	}
	free(f.marks);
	free(f.stack);
	free(f.found);
	return is_ok;
}

enum result grammar_finish(struct grammar *g, struct error *err)
{
	find_heights(g);
	if (g->nodes[g->root].height == HEIGHT_NEVER) {
		error_set(err,
		    "schema: no value of at most %d levels can satisfy it",
		    GRAMMAR_DEPTH_MAX);
		return FAILED;
	}
	if (flatten_unions(g))
		return OK;
	error_set(err, "schema: has too many choices");
	return FAILED;
}

/* --- differences ---------------------------------------------------------- */

struct apart {
	const struct grammar *g;
	unsigned depth; /* of objects */
	uint32_t *left; /* looks that may still be taken */
};

/* Counts <n> looks; false when there were enough. */
static bool may_look(struct apart *apart, uint32_t n)
{
	if (*apart->left < n) {
		*apart->left = 0;
		return false;
	}
	*apart->left -= n;
	return true;
}

static bool is_apart(struct apart *apart, uint32_t a, uint32_t b);

/* Whether <a> requires a property that <b> does not allow. */
static bool requires_other(struct apart *apart, const struct object_node *a,
    const struct object_node *b)
{
	if (!b->is_closed || !may_look(apart, a->n_to_required * b->n))
		return false;
	for (uint32_t i = 0; i < a->n_to_required; i++) {
		bool is_there = !a->properties[i].is_required;

		for (uint32_t k = 0; k < b->n && !is_there; k++)
			is_there = span_eq(
			    a->properties[i].name, b->properties[k].name);
		if (!is_there)
			return true;
	}
	return false;
}

static bool are_objects_apart(struct apart *apart, const struct object_node *a,
    const struct object_node *b)
{
	if (requires_other(apart, a, b) || requires_other(apart, b, a))
		return true;
	if (!may_look(apart, a->n_to_required * b->n_to_required))
		return false;
	for (uint32_t i = 0; i < a->n_to_required; i++) {
		const struct property *p = &a->properties[i];

		for (uint32_t k = 0; p->is_required && k < b->n_to_required;
		     k++) {
			const struct property *q = &b->properties[k];

			if (q->is_required && span_eq(p->name, q->name) &&
			    is_apart(apart, p->node, q->node))
				return true;
		}
	}
	return false;
}

static bool are_leaves_apart(struct apart *apart, uint32_t a, uint32_t b)
{
	const struct node *x = grammar_node(apart->g, a);
	const struct node *y = grammar_node(apart->g, b);
	struct dfa *both;
	bool is_empty;

	if (!(x->types & y->types))
		return true;
	if (x->types == VALUE_OBJECT && y->types == VALUE_OBJECT &&
	    x->kind == NODE_OBJECT && y->kind == NODE_OBJECT)
		return are_objects_apart(apart, &x->object, &y->object);
	if (!x->is_literal || !y->is_literal ||
	    !may_look(apart, x->dfa->n_states + y->dfa->n_states))
		return false;
	both = dfa_combine(x->dfa, y->dfa, false);
	is_empty = both && dfa_is_empty(both);
	dfa_free(&both);
	return is_empty;
}

/* Bounded in depth, and in all by what may be looked at. */
static bool is_apart(struct apart *apart, uint32_t a, uint32_t b)
{
	const struct node *x = grammar_node(apart->g, a);
	const struct node *y = grammar_node(apart->g, b);
	uint32_t n = x->kind == NODE_UNION ? x->any.n : 1;
	uint32_t m = y->kind == NODE_UNION ? y->any.n : 1;
	bool is_so = apart->depth < APART_DEPTH && may_look(apart, n * m + 1);

	apart->depth++;
	for (uint32_t i = 0; i < n && is_so; i++) {
		uint32_t from = x->kind == NODE_UNION ? x->any.of[i] : a;

		for (uint32_t k = 0; k < m && is_so; k++) {
			uint32_t to = y->kind == NODE_UNION ? y->any.of[k] : b;

			is_so = from != to && are_leaves_apart(apart, from, to);
		}
	}
	apart->depth--;
	return is_so;
}

bool grammar_is_apart(
    const struct grammar *g, uint32_t a, uint32_t b, uint32_t *left)
{
	struct apart apart = {.g = g, .left = left};

	return is_apart(&apart, a, b);
}
