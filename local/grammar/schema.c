/* schema.c -- from a JSON schema to a grammar. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "local/grammar/compile.h"
#include "local/grammar/number.h"

#define SCRATCH_MAX ((size_t)1 << 27)
#define WORK_MAX ((size_t)1 << 23)  /* some 60 ms of making automata */
#define LOOKS_MAX (1u << 22)        /* at what "oneOf" holds */
#define CELLS_MAX ((size_t)1 << 22) /* of all automata of a grammar, 8 MiB */

static const struct {
	struct span name;
	enum about about;
} keywords[] = {
#define KEYWORD_ROW(id, name, about) {SPAN(name), about},
    KEYWORDS(KEYWORD_ROW)
#undef KEYWORD_ROW
};

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

/* Makes <node> the union of <of> (n), which are copied. */
static bool set_union(
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

/* --- keywords ------------------------------------------------------------- */

static bool read_keyword(
    struct compiler *c, struct keywords *k, uint32_t key, uint32_t value)
{
	struct span name = json_text(c->doc, key, &c->scratch);

	for (size_t i = 0; i < KEYWORD_COUNT; i++) {
		if (!span_eq(name, keywords[i].name))
			continue;
		k->at[i] = value;
		return true;
	}
	if (span_starts_with(name, SPAN("x-")))
		return true;
	return compile_refuse(
	    c, k->schema, "\"%.*s\" is not supported", SPAN_FMT(name));
}

static bool read_keywords(
    struct compiler *c, uint32_t schema, struct keywords *k)
{
	k->schema = schema;
	for (size_t i = 0; i < KEYWORD_COUNT; i++)
		k->at[i] = JSON_NONE;
	for (uint32_t key = json_first(c->doc, schema); key != JSON_NONE;) {
		uint32_t value = json_after(c->doc, schema, key);

		if (!read_keyword(c, k, key, value))
			return false;
		key = json_after(c->doc, schema, value);
	}
	return true;
}

/* Refuses what stands beside a keyword that decides all by itself. */
static bool stands_alone(
    struct compiler *c, const struct keywords *k, enum keyword keyword)
{
	for (size_t i = 0; i < KEYWORD_COUNT; i++) {
		bool is_type =
		    i == KEYWORD_TYPE &&
		    (keyword == KEYWORD_ENUM || keyword == KEYWORD_CONST);

		if (i == keyword || k->at[i] == JSON_NONE || is_type ||
		    keywords[i].about == ABOUT_NOTHING)
			continue;
		return compile_refuse(c, k->schema,
		    "\"%s\" beside \"%s\" is not supported",
		    keywords[i].name.ptr, keywords[keyword].name.ptr);
	}
	return true;
}

bool compile_count(struct compiler *c, const struct keywords *k,
    enum keyword keyword, uint32_t *value)
{
	uint32_t at = k->at[keyword];
	double number;

	if (at == JSON_NONE)
		return true;
	if (!json_double(c->doc, at, &number) || number < 0 ||
	    (number < 1e9 && number != (double)(uint32_t)number))
		return compile_refuse(
		    c, at, "must be a whole number from 0 on");
	*value = number < 1e9 ? (uint32_t)number : ENDLESS - 1;
	return true;
}

/* --- references ----------------------------------------------------------- */

/* One step of a pointer: ~1 is a slash, ~0 a tilde, %22 a quote. */
static struct span decode_step(struct compiler *c, struct span step)
{
	static const char hex[] = "0123456789abcdef";
	char *text = arena_alloc(&c->scratch, step.len + 1);
	size_t n = 0;

	if (!text)
		return step;
	for (size_t i = 0; i < step.len; i++) {
		char byte = step.ptr[i];

		if (byte == '%' && i + 2 < step.len) {
			const char *high = strchr(hex, step.ptr[i + 1] | 32);
			const char *low = strchr(hex, step.ptr[i + 2] | 32);

			if (high && low) {
				byte = (char)((high - hex) * 16 + (low - hex));
				i += 2;
			}
		} else if (byte == '~' && i + 1 < step.len) {
			byte = step.ptr[++i] == '1' ? '/' : '~';
		}
		text[n++] = byte;
	}
	return span_make(text, n);
}

static uint32_t item_at(
    const struct json_doc *doc, uint32_t array, uint64_t index)
{
	uint32_t at = json_first(doc, array);

	while (index-- > 0 && at != JSON_NONE)
		at = json_after(doc, array, at);
	return at;
}

/* The node that a pointer (RFC 6901) leads to, or JSON_NONE. */
static uint32_t follow(struct compiler *c, struct span pointer)
{
	uint32_t at = c->root;
	struct span step;

	/* Down from the root only, so that it cannot leave the schema. */
	if (!span_split(&pointer, '/', &step) || !span_eq(step, SPAN("#")))
		return JSON_NONE;
	while (at != JSON_NONE && span_split(&pointer, '/', &step)) {
		uint64_t index;

		step = decode_step(c, step);
		if (json_is(c->doc, at, JSON_OBJECT)) {
			at = json_find(c->doc, at, step);
		} else if (json_is(c->doc, at, JSON_ARRAY) &&
			   span_to_u64(step, &index)) {
			at = item_at(c->doc, at, index);
		} else {
			at = JSON_NONE;
		}
	}
	return at;
}

static bool compile_ref(
    struct compiler *c, const struct keywords *k, uint32_t node)
{
	uint32_t at = k->at[KEYWORD_REF], target;
	struct span text = json_text(c->doc, at, &c->scratch);

	if (!stands_alone(c, k, KEYWORD_REF))
		return false;
	target = text.ptr ? follow(c, text) : JSON_NONE;
	if (target == JSON_NONE)
		return compile_refuse(c, at,
		    "must be the place of a schema here, like "
		    "\"#/$defs/name\"");
	target = compile_want(c, target);
	return target != NODE_NONE && set_union(c, node, &target, 1);
}

/* --- several schemas in one ----------------------------------------------- */

static bool compile_some(struct compiler *c, const struct keywords *k,
    enum keyword keyword, uint32_t node)
{
	uint32_t list = k->at[keyword], n = 0, *of;
	size_t count;

	if (!stands_alone(c, k, keyword))
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
	return set_union(c, node, of, n);
}

/* --- types ---------------------------------------------------------------- */

static const struct {
	struct span name;
	unsigned types;
} type_names[] = {
    {SPAN("null"), VALUE_NULL},
    {SPAN("boolean"), VALUE_BOOLEAN},
    {SPAN("number"), VALUE_NUMBER},
    {SPAN("integer"), VALUE_NUMBER},
    {SPAN("string"), VALUE_STRING},
    {SPAN("array"), VALUE_ARRAY},
    {SPAN("object"), VALUE_OBJECT},
};

static unsigned read_type(
    struct compiler *c, uint32_t at, bool *is_integer, bool *is_number)
{
	struct span name = json_text(c->doc, at, &c->scratch);

	for (size_t i = 0;
	     name.ptr && i < sizeof(type_names) / sizeof(*type_names); i++) {
		if (!span_eq(name, type_names[i].name))
			continue;
		if (span_eq(name, SPAN("integer")))
			*is_integer = true;
		if (span_eq(name, SPAN("number")))
			*is_number = true;
		return type_names[i].types;
	}
	(void)compile_refuse(c, at,
	    "must be null, boolean, number, integer, string, array or object");
	return 0;
}

/* Without "type" the value is of those types that other keywords speak of. */
static unsigned guess_types(const struct keywords *k)
{
	static const unsigned types[] = {
	    [ABOUT_STRINGS] = VALUE_STRING,
	    [ABOUT_NUMBERS] = VALUE_NUMBER,
	    [ABOUT_ARRAYS] = VALUE_ARRAY,
	    [ABOUT_OBJECTS] = VALUE_OBJECT,
	};
	unsigned found = 0;

	for (size_t i = 0; i < KEYWORD_COUNT; i++) {
		if (k->at[i] != JSON_NONE)
			found |= types[keywords[i].about];
	}
	return found ? found : VALUE_ANY;
}

unsigned compile_types(
    struct compiler *c, const struct keywords *k, bool *is_integer)
{
	uint32_t at = k->at[KEYWORD_TYPE];
	bool is_number = false;
	unsigned types = 0;

	*is_integer = false;
	if (at == JSON_NONE)
		return guess_types(k);
	if (!json_is(c->doc, at, JSON_ARRAY))
		return read_type(c, at, is_integer, &is_number);
	if (json_count(c->doc, at) == 0) {
		(void)compile_refuse(c, at, "must name a type");
		return 0;
	}
	json_for_each(c->doc, at, item) {
		unsigned one = read_type(c, item, is_integer, &is_number);

		if (one == 0)
			return 0;
		types |= one;
	}
	*is_integer = *is_integer && !is_number;
	return types;
}

/* null, true and false are constants. */
static bool set_words(
    struct compiler *c, const struct keywords *k, unsigned type, uint32_t node)
{
	struct nfa_piece piece;
	struct nfa nfa;
	bool is_ok;

	nfa_init(&nfa, c->left);
	piece = nfa_piece_new(&nfa);
	if (type == VALUE_NULL) {
		nfa_piece_text(&nfa, &piece, SPAN("null"));
	} else {
		nfa_piece_text(&nfa, &piece, SPAN("true"));
		nfa_piece_text(&nfa, &piece, SPAN("false"));
	}
	is_ok = compile_set_dfa(c, node, nfa_to_dfa(&nfa, piece), k);
	c->left = nfa.left;
	nfa_free(&nfa);
	c->grammar->nodes[node].is_literal = true;
	return is_ok;
}

static bool compile_type(struct compiler *c, const struct keywords *k,
    unsigned type, bool is_integer, uint32_t node)
{
	bool is_ok;

	switch (type) {
	case VALUE_STRING:
		is_ok = compile_string(c, k, node);
		break;
	case VALUE_NUMBER:
		is_ok = compile_number(c, k, node, is_integer);
		break;
	case VALUE_ARRAY:
		is_ok = compile_array(c, k, node);
		break;
	case VALUE_OBJECT:
		is_ok = compile_object(c, k, node);
		break;
	default:
		is_ok = set_words(c, k, type, node);
	}
	/* Without "type" the schema accepts what its keywords do not touch. */
	c->grammar->nodes[node].types = (uint8_t)type;
	if (k->at[KEYWORD_TYPE] == JSON_NONE)
		c->grammar->nodes[node].types = VALUE_ANY;
	return is_ok;
}

static bool compile_all_types(
    struct compiler *c, const struct keywords *k, uint32_t node)
{
	uint32_t of[8], n = 0;
	bool is_integer;
	unsigned types = compile_types(c, k, &is_integer);

	if (types == 0)
		return false;
	if ((types & (types - 1)) == 0)
		return compile_type(c, k, types, is_integer, node);
	for (unsigned type = 1; type < VALUE_ANY; type <<= 1) {
		if (!(types & type))
			continue;
		of[n] = compile_node(c, NODE_NEVER);
		if (of[n] == NODE_NONE ||
		    !compile_type(c, k, type, is_integer, of[n]))
			return false;
		n++;
	}
	return set_union(c, node, of, n);
}

uint32_t compile_any(struct compiler *c)
{
	struct keywords none;

	if (c->any != NODE_NONE)
		return c->any;
	none.schema = c->root;
	for (size_t i = 0; i < KEYWORD_COUNT; i++)
		none.at[i] = JSON_NONE;
	c->any = compile_node(c, NODE_NEVER);
	if (c->any != NODE_NONE && !compile_all_types(c, &none, c->any))
		return NODE_NONE;
	return c->any;
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

		return any != NODE_NONE && set_union(c, node, &any, 1);
	}
	if (!json_is(c->doc, schema, JSON_OBJECT))
		return compile_refuse(
		    c, schema, "must be a schema: an object or a boolean");
	if (!read_keywords(c, schema, &k))
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

		if (!stands_alone(c, &k,
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
