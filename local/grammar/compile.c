/* compile.c -- what all who compile a schema do: refuse, take nodes and memory.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/grammar/compile.h"

#include <stdarg.h>
#include <stdio.h>

#define CELLS_MAX ((size_t)1 << 22) /* of all automata of a grammar, 8 MiB */

/* --- what is wrong where -------------------------------------------------- */

/* The place of <node> as a reader would write it: schema.properties.age. */
static struct span path_of(struct compiler *c, uint32_t node)
{
	const struct json_doc *doc = c->doc;
	uint32_t at = c->root;
	struct buf path;
	struct span text;

	buf_init(&path, 300);
	(void)!buf_append(&path, SPAN("schema"));
	while (at != node) {
		bool is_object = json_is(doc, at, JSON_OBJECT), is_ok;
		uint32_t child = json_first(doc, at), key = child;
		unsigned index = 0;

		while (doc->nodes[child].next <= node) {
			key = child;
			child = doc->nodes[child].next;
			index++;
		}
		if (is_object)
			is_ok = buf_printf(&path, ".%.*s",
			    SPAN_FMT(json_text(doc, key, &c->scratch)));
		else
			is_ok = buf_printf(&path, "[%u]", index);
		if (!is_ok)
			break;
		at = child;
	}
	text = arena_copy(&c->scratch, buf_span(&path));
	buf_free(&path);
	return text;
}

bool compile_refuse(struct compiler *c, uint32_t node, const char *fmt, ...)
{
	struct span path = path_of(c, node);
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	error_set(c->err, "%.*s: %s", SPAN_FMT(path), text);
	return false;
}

/* --- nodes ---------------------------------------------------------------- */

void *compile_take(struct compiler *c, size_t len)
{
	void *at = arena_zalloc(&c->grammar->arena, len);

	if (!at)
		error_set(c->err, "schema: is too large");
	return at;
}

uint32_t compile_node(struct compiler *c, enum node_kind kind)
{
	struct grammar *g = c->grammar;
	uint32_t n = g->n_nodes;

	if (n == GRAMMAR_NODES_MAX) {
		error_set(c->err, "schema: has more than %u schemas inside", n);
		return NODE_NONE;
	}
	if ((n & (n - 1)) == 0)
		g->nodes =
		    mem_realloc(g->nodes, (n ? n * 2 : 1) * sizeof(*g->nodes));
	g->nodes[n] = (struct node){.kind = (uint8_t)kind};
	return g->n_nodes++;
}

uint32_t compile_want(struct compiler *c, uint32_t schema)
{
	uint32_t node = c->node_of[schema];

	if (node != NODE_NONE)
		return node;
	node = compile_node(c, NODE_NEVER);
	if (node == NODE_NONE)
		return NODE_NONE;
	c->node_of[schema] = node;
	c->queue[c->n_queue++] = (struct wanted){schema, node};
	return node;
}

bool compile_set_dfa(struct compiler *c, uint32_t node, struct dfa *dfa,
    const struct keywords *k)
{
	struct grammar *g = c->grammar;
	uint32_t n = g->n_dfas;

	if (!dfa)
		return compile_refuse(c, k->schema, "is too large");
	if ((n & (n - 1)) == 0)
		g->dfas = mem_realloc(
		    g->dfas, (n ? n * 2 : 1) * sizeof(struct dfa *));
	g->dfas[g->n_dfas++] = dfa;
	c->cells += (size_t)dfa->n_states * dfa->n_classes;
	if (c->cells > CELLS_MAX) {
		error_set(c->err, "schema: its patterns, constants and numbers "
				  "are too large together");
		return false;
	}
	if (dfa_is_empty(dfa))
		return compile_refuse(
		    c, k->schema, "contradicts itself: no value is left");
	g->nodes[node].kind = NODE_DFA;
	g->nodes[node].dfa = dfa;
	return true;
}

bool compile_set_union(
    struct compiler *c, uint32_t node, const uint32_t *of, uint32_t n)
{
	uint32_t *copy = compile_take(c, n * sizeof(*copy));
	struct node *at = &c->grammar->nodes[node];

	if (!copy)
		return false;
	memcpy(copy, of, n * sizeof(*copy));
	at->kind = NODE_UNION;
	at->any.of = copy;
	at->any.n = n;
	return true;
}
