/* schema_type.c -- "type": a value of one type, of several, or of any. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/grammar/compile.h"

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

unsigned compile_types(
    struct compiler *c, const struct keywords *k, bool *is_integer)
{
	uint32_t at = k->at[KEYWORD_TYPE];
	bool is_number = false;
	unsigned types = 0;

	*is_integer = false;
	if (at == JSON_NONE)
		return compile_guess_types(k);
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

bool compile_all_types(
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
	return compile_set_union(c, node, of, n);
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
