/* schema.c -- from a JSON schema to a grammar. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "local/grammar/compile.h"

#define SCRATCH_MAX ((size_t)1 << 27)
#define WORK_MAX ((size_t)1 << 23) /* some 60 ms of making automata */
#define LOOKS_MAX (1u << 22)       /* at what "oneOf" holds */

/* --- several schemas in one ----------------------------------------------- */

static bool compile_some(struct compiler *c, const struct keywords *k,
    enum keyword keyword, uint32_t node)
{
	uint32_t list = k->at[keyword], n = 0, *of;
	size_t count;

	if (!compile_stands_alone(c, k, keyword))
		return false;
	if (!json_is(c->doc, list, JSON_ARRAY) || json_count(c->doc, list) == 0)
		return compile_refuse(c, list, "must be a list of schemas");
	count = json_count(c->doc, list);
	if (keyword == KEYWORD_ALL_OF && count > 1)
		return compile_refuse(
		    c, list, "is supported with one schema only");
	of = arena_alloc(&c->scratch, count * sizeof(*of));
	if (!of)
		return compile_refuse(c, list, "is too large");
	json_for_each(c->doc, list, item) {
		of[n] = compile_want(c, item);
		if (of[n++] == NODE_NONE)
			return false;
	}
	if (keyword == KEYWORD_ONE_OF)
		c->chosen[c->n_chosen++] = (struct wanted){list, node};
	return compile_set_union(c, node, of, n);
}

/* --- a schema ------------------------------------------------------------- */

static bool compile_schema(struct compiler *c, uint32_t schema, uint32_t node)
{
	static const enum keyword lists[] = {
	    KEYWORD_ANY_OF, KEYWORD_ONE_OF, KEYWORD_ALL_OF};
	struct keywords k;
	bool is_integer;

	if (json_is(c->doc, schema, JSON_FALSE))
		return true;
	if (json_is(c->doc, schema, JSON_TRUE)) {
		uint32_t any = compile_any(c);

		return any != NODE_NONE && compile_set_union(c, node, &any, 1);
	}
	if (!json_is(c->doc, schema, JSON_OBJECT))
		return compile_refuse(
		    c, schema, "must be a schema: an object or a boolean");
	if (!compile_read_keywords(c, schema, &k))
		return false;
	if (k.at[KEYWORD_REF] != JSON_NONE)
		return compile_ref(c, &k, node);
	for (size_t i = 0; i < 3; i++) {
		if (k.at[lists[i]] != JSON_NONE)
			return compile_some(c, &k, lists[i], node);
	}
	if (k.at[KEYWORD_ENUM] != JSON_NONE ||
	    k.at[KEYWORD_CONST] != JSON_NONE) {
		unsigned types;

		if (!compile_stands_alone(c, &k,
			k.at[KEYWORD_ENUM] != JSON_NONE ? KEYWORD_ENUM
							: KEYWORD_CONST))
			return false;
		types = k.at[KEYWORD_TYPE] == JSON_NONE
			    ? VALUE_ANY
			    : compile_types(c, &k, &is_integer);
		return types != 0 && compile_constants(c, &k, types, node);
	}
	return compile_all_types(c, &k, node);
}

/* The choices of each "oneOf" must be known to have nothing in common. */
static bool check_chosen(struct compiler *c)
{
	uint32_t left = LOOKS_MAX;

	for (uint32_t i = 0; i < c->n_chosen; i++) {
		uint32_t list = c->chosen[i].schema;

		json_for_each(c->doc, list, a) {
			for (uint32_t b = json_after(c->doc, list, a);
			     b != JSON_NONE; b = json_after(c->doc, list, b)) {
				if (grammar_is_apart(c->grammar, c->node_of[a],
					c->node_of[b], &left))
					continue;
				return compile_refuse(c, b,
				    "may hold a value that another choice of "
				    "\"oneOf\" holds too: use \"anyOf\"");
			}
		}
	}
	return true;
}

static bool compile_all(struct compiler *c)
{
	struct grammar *g = c->grammar;

	g->any_string = compile_node(c, NODE_STRING);
	g->nodes[g->any_string].string.max = ENDLESS;
	g->root = compile_want(c, c->root);
	for (uint32_t i = 0; i < c->n_queue; i++) {
		if (!compile_schema(c, c->queue[i].schema, c->queue[i].node))
			return false;
	}
	return grammar_finish(g, c->err) == OK && check_chosen(c);
}

struct grammar *grammar_schema(
    const struct json_doc *doc, uint32_t node, struct error *err)
{
	size_t room = doc->nodes[node].next;
	struct compiler c = {.doc = doc,
	    .root = node,
	    .grammar = grammar_new(),
	    .any = NODE_NONE,
	    .left = WORK_MAX,
	    .err = err};

	arena_init(&c.scratch, SCRATCH_MAX);
	c.node_of = mem_alloc(room * sizeof(*c.node_of));
	memset(c.node_of, 0xff, room * sizeof(*c.node_of));
	c.queue = mem_alloc(GRAMMAR_NODES_MAX * sizeof(*c.queue));
	c.chosen = mem_alloc(GRAMMAR_NODES_MAX * sizeof(*c.chosen));
	if (!compile_all(&c))
		grammar_unref(&c.grammar);
	free(c.node_of);
	free(c.queue);
	free(c.chosen);
	arena_free(&c.scratch);
	return c.grammar;
}

struct grammar *grammar_json(void)
{
	static const struct json_node nodes[] = {
	    {.end = 17, .next = 3, .type = JSON_OBJECT},
	    {.start = 1, .end = 7, .next = 2, .type = JSON_STRING, .depth = 1},
	    {.start = 8,
		.end = 16,
		.next = 3,
		.type = JSON_STRING,
		.depth = 1}};
	struct json_doc doc = {
	    .text = SPAN("{\"type\":\"object\"}"), .nodes = nodes, .count = 3};
	struct grammar *grammar = grammar_schema(&doc, 0, NULL);

	assert(grammar);
	return grammar;
}
