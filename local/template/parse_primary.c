/* parse_primary.c -- names, literals, tuples, lists, dicts, targets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/run.h"
#include "local/template/tree.h"

/* The constants that are written as names. */
static bool find_constant(struct span name, struct value *out)
{
	static const struct {
		struct span name;
		struct value value;
	} constants[] = {
	    {{"true", 4}, {.kind = VALUE_BOOLEAN, .as.boolean = true}},
	    {{"True", 4}, {.kind = VALUE_BOOLEAN, .as.boolean = true}},
	    {{"false", 5}, {.kind = VALUE_BOOLEAN}},
	    {{"False", 5}, {.kind = VALUE_BOOLEAN}},
	    {{"none", 4}, {.kind = VALUE_NONE}},
	    {{"None", 4}, {.kind = VALUE_NONE}},
	};

	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++) {
		if (span_eq(name, constants[i].name)) {
			*out = constants[i].value;
			return true;
		}
	}
	return false;
}

/* A name in an expression; macros note what they are given unasked. */
static struct node *parse_name(struct parser *parser)
{
	const struct symbols *symbols = &parser->template->symbols;
	struct node *node = jinja_node(parser, NODE_NAME, parser->token.line);

	if (!node)
		return NULL;
	if (find_constant(parser->token.text, &node->constant)) {
		node->kind = NODE_CONSTANT;
		return jinja_advance(parser) ? node : NULL;
	}
	if (!jinja_symbol(parser, parser->token.text, &node->symbol))
		return NULL;
	parser->facts[node->symbol] |= NAME_IS_READ;
	if (node->symbol == symbols->caller)
		parser->uses |= MACRO_CALLER;
	else if (node->symbol == symbols->kwargs)
		parser->uses |= MACRO_KWARGS;
	else if (node->symbol == symbols->varargs)
		parser->uses |= MACRO_VARARGS;
	return jinja_advance(parser) ? node : NULL;
}

/* One string, or several in a row that are one. */
static struct node *parse_string(struct parser *parser)
{
	struct node *node =
	    jinja_node(parser, NODE_CONSTANT, parser->token.line);
	struct text *text = jinja_literal(parser, parser->token.text);

	if (!node || !text || !jinja_advance(parser))
		return NULL;
	while (parser->token.kind == TOKEN_STRING) {
		struct span more = parser->token.text;
		char *joined =
		    arena_alloc(parser->arena, text->len + more.len + 1);

		if (!joined) {
			jinja_parse_fail(parser, parser->token.line,
			    "the template is too large");
			return NULL;
		}
		if (text->len > 0)
			memcpy(joined, text->ptr, text->len);
		if (more.len > 0)
			memcpy(joined + text->len, more.ptr, more.len);
		text->ptr = joined;
		text->len += more.len;
		if (!jinja_advance(parser))
			return NULL;
	}
	node->constant = (struct value){.kind = VALUE_STRING, .as.text = text};
	return node;
}

static struct node *parse_number(struct parser *parser)
{
	struct node *node =
	    jinja_node(parser, NODE_CONSTANT, parser->token.line);

	if (!node)
		return NULL;
	node->constant = parser->token.kind == TOKEN_INTEGER
			     ? value_int(parser->token.integer)
			     : value_real(parser->token.real);
	return jinja_advance(parser) ? node : NULL;
}

/* [a, b] and {a: b}: expressions up to <close>, past the opening bracket. */
static struct node *parse_display(
    struct parser *parser, enum node_kind kind, enum token_kind close)
{
	struct node *node = jinja_node(parser, kind, parser->token.line);
	struct node **place;

	if (!node || !jinja_advance(parser))
		return NULL;
	place = &node->first;
	while (parser->token.kind != close) {
		if (node->count > 0 && !jinja_expect(parser, TOKEN_COMMA))
			return NULL;
		if (parser->token.kind == close)
			break;
		*place = jinja_parse_expression(parser, true);
		if (!*place)
			return NULL;
		place = &(*place)->next;
		node->count++;
		if (kind != NODE_DICT)
			continue;
		if (!jinja_expect(parser, TOKEN_COLON))
			return NULL;
		*place = jinja_parse_expression(parser, true);
		if (!*place)
			return NULL;
		place = &(*place)->next;
	}
	return jinja_advance(parser) ? node : NULL;
}

/* (a), (a, b) or (): past the bracket. */
static struct node *parse_parentheses(struct parser *parser)
{
	struct node *node;

	if (!jinja_advance(parser))
		return NULL;
	if (parser->token.kind == TOKEN_CLOSE)
		node = jinja_node(parser, NODE_TUPLE, parser->token.line);
	else
		node = jinja_parse_tuple(parser, true, NULL);
	if (!node || !jinja_expect(parser, TOKEN_CLOSE))
		return NULL;
	return node;
}

struct node *jinja_parse_primary(struct parser *parser)
{
	switch (parser->token.kind) {
	case TOKEN_NAME:
		return parse_name(parser);
	case TOKEN_STRING:
		return parse_string(parser);
	case TOKEN_INTEGER:
	case TOKEN_REAL:
		return parse_number(parser);
	case TOKEN_OPEN:
		return parse_parentheses(parser);
	case TOKEN_OPEN_LIST:
		return parse_display(parser, NODE_LIST, TOKEN_CLOSE_LIST);
	case TOKEN_OPEN_DICT:
		return parse_display(parser, NODE_DICT, TOKEN_CLOSE_DICT);
	default:
		jinja_parse_fail(parser, parser->token.line,
		    "expected an expression, got %s",
		    jinja_token_name(parser->token.kind));
		return NULL;
	}
}

static bool is_tuple_end(const struct parser *parser, const char *end)
{
	enum token_kind kind = parser->token.kind;

	return kind == TOKEN_VARIABLE_END || kind == TOKEN_BLOCK_END ||
	       kind == TOKEN_CLOSE || (end && jinja_at_name(parser, end));
}

struct node *jinja_parse_tuple(
    struct parser *parser, bool takes_if, const char *end)
{
	struct node *tuple = NULL, *last;
	struct node *first = jinja_parse_expression(parser, takes_if);

	for (last = first; last && parser->token.kind == TOKEN_COMMA;) {
		if (!tuple) {
			tuple = jinja_node(parser, NODE_TUPLE, first->line);
			if (!tuple)
				return NULL;
			tuple->first = first;
			tuple->count = 1;
		}
		if (!jinja_advance(parser))
			return NULL;
		if (is_tuple_end(parser, end))
			break;
		last->next = jinja_parse_expression(parser, takes_if);
		last = last->next;
		tuple->count++;
	}
	if (!last)
		return NULL;
	return tuple ? tuple : first;
}

/* --- targets ------------------------------------------------------------ */

/* A name, or with <takes_space> a namespace's attribute. */
static struct node *parse_target_name(struct parser *parser, bool takes_space)
{
	struct node *node = jinja_node(parser, NODE_NAME, parser->token.line);
	struct span name = parser->token.text;
	struct value constant;

	if (!node || !jinja_expect(parser, TOKEN_NAME))
		return NULL;
	if (find_constant(name, &constant) || span_eq(name, SPAN("loop"))) {
		jinja_parse_fail(parser, node->line,
		    "\"%.*s\" cannot be assigned to", SPAN_FMT(name));
		return NULL;
	}
	if (!jinja_symbol(parser, name, &node->symbol))
		return NULL;
	if (!takes_space || parser->token.kind != TOKEN_DOT) {
		parser->facts[node->symbol] |= NAME_IS_SET;
		return node;
	}
	if (!jinja_advance(parser))
		return NULL;
	node->kind = NODE_SPACE;
	node->text = jinja_literal(parser, parser->token.text);
	return node->text && jinja_expect(parser, TOKEN_NAME) ? node : NULL;
}

/* One target, or several in parentheses. */
static struct node *parse_one_target(struct parser *parser, bool takes_space)
{
	struct node *node;

	if (parser->token.kind != TOKEN_OPEN)
		return parse_target_name(parser, takes_space);
	if (!jinja_enter(parser) || !jinja_advance(parser))
		return NULL;
	node = jinja_parse_target(parser, NULL, takes_space);
	jinja_leave(parser);
	return node && jinja_expect(parser, TOKEN_CLOSE) ? node : NULL;
}

struct node *jinja_parse_target(
    struct parser *parser, const char *end, bool takes_space)
{
	struct node *first = parse_one_target(parser, takes_space);
	struct node *tuple, *last = first;

	if (!first || parser->token.kind != TOKEN_COMMA)
		return first;
	tuple = jinja_node(parser, NODE_TUPLE, first->line);
	if (!tuple)
		return NULL;
	tuple->first = first;
	tuple->count = 1;
	while (parser->token.kind == TOKEN_COMMA) {
		if (!jinja_advance(parser))
			return NULL;
		if (is_tuple_end(parser, end) ||
		    parser->token.kind == TOKEN_ASSIGN)
			break;
		last->next = parse_one_target(parser, takes_space);
		last = last->next;
		if (!last)
			return NULL;
		tuple->count++;
	}
	return tuple;
}

/* (name, name=default): past both parentheses. */
struct node *jinja_parse_parameters(struct parser *parser, uint32_t *count)
{
	struct node *first = NULL, *last = NULL, *node;

	*count = 0;
	if (!jinja_expect(parser, TOKEN_OPEN))
		return NULL;
	while (parser->token.kind != TOKEN_CLOSE) {
		if (last && !jinja_expect(parser, TOKEN_COMMA))
			return NULL;
		node = parse_target_name(parser, false);
		if (!node)
			return NULL;
		node->kind = NODE_PARAMETER;
		node->text = jinja_literal(
		    parser, parser->template->symbols.names[node->symbol]);
		if (!node->text)
			return NULL;
		if (parser->token.kind == TOKEN_ASSIGN) {
			if (!jinja_advance(parser))
				return NULL;
			node->first = jinja_parse_expression(parser, true);
			if (!node->first)
				return NULL;
		} else if (last && last->first) {
			jinja_parse_fail(parser, node->line,
			    "a parameter without a default follows one with");
			return NULL;
		}
		*(last ? &last->next : &first) = node;
		last = node;
		(*count)++;
	}
	if (!jinja_advance(parser))
		return NULL;
	/* None is not a failure: an absent list is one that is there. */
	return first ? first : jinja_node(parser, NODE_ABSENT, 0);
}
