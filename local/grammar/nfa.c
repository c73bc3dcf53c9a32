/* nfa.c -- automata that are at several places at once, and their subsets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "local/grammar/dfa.h"

#define NODES_MAX 65536

void nfa_init(struct nfa *nfa, size_t left)
{
	*nfa = (struct nfa){.left = left};
	(void)nfa_add(nfa, (struct nfa_node){.kind = NFA_SPLIT});
}

void nfa_free(struct nfa *nfa)
{
	free(nfa->nodes);
	*nfa = (struct nfa){0};
}

uint32_t nfa_add(struct nfa *nfa, struct nfa_node node)
{
	if (nfa->n == NODES_MAX) {
		nfa->is_over = true;
		return 0;
	}
	if (nfa->n == nfa->cap) {
		nfa->cap = nfa->cap ? nfa->cap * 2 : 256;
		nfa->nodes =
		    mem_realloc(nfa->nodes, nfa->cap * sizeof(*nfa->nodes));
	}
	nfa->nodes[nfa->n] = node;
	return nfa->n++;
}

struct nfa_piece nfa_piece_new(struct nfa *nfa)
{
	struct nfa_piece piece;

	piece.first = nfa->n;
	piece.in = nfa_add(nfa, (struct nfa_node){.kind = NFA_SPLIT});
	piece.out = nfa_add(nfa, (struct nfa_node){.kind = NFA_SPLIT});
	return piece;
}

void nfa_piece_or(struct nfa *nfa, struct nfa_piece *piece, uint32_t to)
{
	struct nfa_node *in = &nfa->nodes[piece->in];

	if (in->out == 0) {
		in->out = to;
		return;
	}
	/* The newest way stands before the others. */
	piece->in =
	    nfa_add(nfa, (struct nfa_node){
			     .kind = NFA_SPLIT, .out = piece->in, .other = to});
}

void nfa_piece_text(struct nfa *nfa, struct nfa_piece *piece, struct span text)
{
	uint32_t at = piece->out;

	for (size_t i = text.len; i-- > 0;) {
		uint8_t byte = (uint8_t)text.ptr[i];

		at = nfa_add(nfa, (struct nfa_node){.kind = NFA_RANGE,
				      .low = byte,
				      .high = byte,
				      .out = at});
	}
	nfa_piece_or(nfa, piece, at);
}

/* A copy of a piece behind all nodes, with its own ways inside. */
static struct nfa_piece copy_piece(
    struct nfa *nfa, struct nfa_piece piece, uint32_t end)
{
	uint32_t shift = nfa->n - piece.first;

	for (uint32_t i = piece.first; i < end && !nfa->is_over; i++) {
		struct nfa_node node = nfa->nodes[i];

		if (node.out != 0)
			node.out += shift;
		if (node.other != 0)
			node.other += shift;
		(void)nfa_add(nfa, node);
	}
	if (nfa->is_over)
		return piece;
	return (struct nfa_piece){
	    piece.first + shift, piece.in + shift, piece.out + shift};
}

struct nfa_piece nfa_repeat(
    struct nfa *nfa, struct nfa_piece piece, uint32_t least, uint32_t most)
{
	bool is_endless = most == UINT32_MAX;
	uint32_t copies = is_endless ? (least ? least : 1) : most;
	struct nfa_piece whole = {.first = piece.first}, part = piece;
	uint32_t end = nfa->n, at;

	whole.in = at = nfa_add(nfa, (struct nfa_node){.kind = NFA_SPLIT});
	whole.out = nfa_add(nfa, (struct nfa_node){.kind = NFA_SPLIT});
	/* Each copy is made of the one before it, while that has no way on. */
	for (uint32_t i = 0; i < copies && !nfa->is_over; i++) {
		struct nfa_piece next = part;
		uint32_t next_end;

		if (i + 1 < copies)
			next = copy_piece(nfa, part, end);
		next_end = nfa->n;
		if (nfa->is_over)
			break;
		nfa->nodes[at].out = part.in;
		if (i >= least)
			nfa->nodes[at].other = whole.out;
		at = part.out;
		part = next;
		end = next_end;
	}
	if (nfa->is_over)
		return piece;
	if (is_endless) {
		/* Again from the last copy's beginning, or on. */
		nfa->nodes[at].out = part.in;
		nfa->nodes[at].other = whole.out;
	} else {
		nfa->nodes[at].out = whole.out;
	}
	return whole;
}

/* --- subsets -------------------------------------------------------------- */

struct subset {
	const struct nfa *nfa;
	uint32_t *marks; /* (nfa->n) the last set that a node came into */
	uint32_t mark;
	uint32_t *stack; /* (nfa->n) */
	uint32_t *set;   /* (nfa->n) */
	uint32_t n;
	size_t work;
};

static void begin_set(struct subset *s)
{
	s->mark++;
	s->n = 0;
}

/* Takes <node> and all that it leads to at no cost. */
static void add_closure(struct subset *s, uint32_t node)
{
	uint32_t top = 0;

	if (node == 0 || s->marks[node] == s->mark)
		return;
	s->marks[node] = s->mark;
	s->stack[top++] = node;
	while (top > 0) {
		const struct nfa_node *at;
		uint32_t ways[2];

		node = s->stack[--top];
		s->work++;
		at = &s->nfa->nodes[node];
		if (at->kind != NFA_SPLIT) {
			s->set[s->n++] = node;
			continue;
		}
		ways[0] = at->out;
		ways[1] = at->other;
		for (int i = 0; i < 2; i++) {
			if (ways[i] == 0 || s->marks[ways[i]] == s->mark)
				continue;
			s->marks[ways[i]] = s->mark;
			s->stack[top++] = ways[i];
		}
	}
}

static int compare_numbers(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The state of the set that was gathered, DFA_DEAD for an empty one. */
static uint32_t state_of_set(struct subset *s, struct dfa_maker *maker)
{
	if (s->n == 0)
		return DFA_DEAD;
	qsort(s->set, s->n, sizeof(*s->set), compare_numbers);
	s->work += s->n;
	return dfa_maker_state(maker, s->set, s->n);
}

/* Bytes that no range tells apart are one class; <bytes> has one of each. */
static uint32_t find_classes(
    const struct nfa *nfa, uint8_t class_of[256], uint8_t bytes[256])
{
	bool begins[257] = {true};
	uint32_t n = 0;

	for (uint32_t i = 0; i < nfa->n; i++) {
		if (nfa->nodes[i].kind != NFA_RANGE)
			continue;
		begins[nfa->nodes[i].low] = true;
		begins[nfa->nodes[i].high + 1] = true;
	}
	for (uint32_t byte = 0; byte < 256; byte++) {
		if (begins[byte])
			bytes[n++] = (uint8_t)byte;
		class_of[byte] = (uint8_t)(n - 1);
	}
	return n;
}

static void make_row(struct subset *s, struct dfa_maker *maker, uint32_t state,
    const uint8_t bytes[256])
{
	uint32_t *from;
	size_t n;
	const uint32_t *key = dfa_maker_key(maker, state, &n);

	from = mem_alloc(n * sizeof(*from));
	memcpy(from, key, n * sizeof(*from));
	for (size_t i = 0; i < n; i++) {
		if (s->nfa->nodes[from[i]].kind == NFA_END)
			maker->accepts[state] = 1;
	}
	for (uint32_t c = 0; c < maker->n_classes; c++) {
		uint32_t to;

		begin_set(s);
		for (size_t i = 0; i < n; i++) {
			const struct nfa_node *at = &s->nfa->nodes[from[i]];

			if (at->kind == NFA_RANGE && at->low <= bytes[c] &&
			    bytes[c] <= at->high)
				add_closure(s, at->out);
		}
		s->work += n;
		to = state_of_set(s, maker);
		maker->next[state * maker->n_classes + c] = (uint16_t)to;
	}
	free(from);
}

struct dfa *nfa_to_dfa(struct nfa *nfa, struct nfa_piece piece)
{
	uint32_t end = nfa_add(nfa, (struct nfa_node){.kind = NFA_END});
	uint8_t class_of[256], bytes[256];
	struct subset s = {.nfa = nfa};
	struct dfa_maker maker;
	struct dfa *dfa = NULL;

	if (nfa->is_over)
		return NULL;
	nfa->nodes[piece.out].out = end;
	s.marks = mem_zalloc(nfa->n * sizeof(*s.marks));
	s.stack = mem_alloc(nfa->n * sizeof(*s.stack));
	s.set = mem_alloc(nfa->n * sizeof(*s.set));
	dfa_maker_init(&maker, find_classes(nfa, class_of, bytes));
	memcpy(maker.class_of, class_of, sizeof(class_of));
	begin_set(&s);
	add_closure(&s, piece.in);
	(void)state_of_set(&s, &maker);
	for (uint32_t i = 1; i < maker.n_states && !maker.is_over; i++) {
		make_row(&s, &maker, i, bytes);
		if (s.work > nfa->left)
			maker.is_over = true;
	}
	dfa = dfa_maker_finish(&maker);
	dfa_maker_free(&maker);
	nfa->left -= s.work < nfa->left ? s.work : nfa->left;
	free(s.marks);
	free(s.stack);
	free(s.set);
	return dfa;
}
