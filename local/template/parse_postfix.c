/* parse_postfix.c -- what follows a value: .name [key] (call) |filter is test.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/run.h"
#include "local/template/tree.h"

#define POSTFIX_MAX TEMPLATE_DEPTH_MAX /* steps in a row */

/* --- calls and subscripts ----------------------------------------------- */

/* One argument: x, name=x, *x or **x. */
static struct node *parse_argument(struct parser *parser)
{
	struct node *node = NULL;
	uint32_t line = parser->token.line;

	if (parser->token.kind == TOKEN_MUL ||
	    parser->token.kind == TOKEN_POWER) {
		node = jinja_node(parser,
		    parser->token.kind == TOKEN_MUL ? NODE_STAR : NODE_STARS,
		    line);
		if (!node || !jinja_advance(parser))
			return NULL;
	} else if (parser->token.kind == TOKEN_NAME) {
		if (!jinja_peek(parser))
			return NULL;
		if (parser->ahead.kind == TOKEN_ASSIGN) {
			node = jinja_node(parser, NODE_KEYWORD, line);
			if (!node)
				return NULL;
			node->text = jinja_literal(parser, parser->token.text);
			if (!node->text || !jinja_advance(parser) ||
			    !jinja_advance(parser))
				return NULL;
		}
	}
	if (!node)
		return jinja_parse_expression(parser, true);
	node->first = jinja_parse_expression(parser, true);
	return node->first ? node : NULL;
}

/* Whether <next> may stand after an argument of kind <last>. */
static bool is_in_order(uint8_t last, uint8_t next)
{
	if (next == NODE_STARS || next == NODE_KEYWORD)
		return last != NODE_STARS;
	if (next == NODE_STAR)
		return last != NODE_STARS && last != NODE_STAR;
	return last != NODE_STARS && last != NODE_STAR && last != NODE_KEYWORD;
}

/* The arguments in parentheses, into <node>'s second and count. */
static bool parse_arguments(struct parser *parser, struct node *node)
{
	struct node **place = &node->second;
	uint8_t last = NODE_CONSTANT;

	if (!jinja_expect(parser, TOKEN_OPEN))
		return false;
	while (parser->token.kind != TOKEN_CLOSE) {
		if (*place) {
			place = &(*place)->next;
			if (!jinja_expect(parser, TOKEN_COMMA))
				return false;
			if (parser->token.kind == TOKEN_CLOSE)
				break;
		}
		*place = parse_argument(parser);
		if (!*place)
			return false;
		if (!is_in_order(last, (*place)->kind))
			return jinja_parse_fail(parser, (*place)->line,
			    "arguments in an order that no call has");
		last = (*place)->kind;
		node->count++;
	}
	return jinja_advance(parser);
}

/* Remembers that <callee> is called, to be checked when all is read. */
static bool note_call(struct parser *parser, const struct node *callee)
{
	struct pending *call;

	if (callee->kind != NODE_NAME && callee->kind != NODE_ATTRIBUTE)
		return true;
	call = arena_new(parser->arena, struct pending);
	if (!call)
		return jinja_parse_fail(
		    parser, callee->line, "the template is too large");
	call->line = callee->line;
	call->symbol = callee->symbol;
	if (callee->kind == NODE_ATTRIBUTE)
		call->method = text_span(callee->text);
	call->next = parser->calls;
	parser->calls = call;
	return true;
}

static struct node *parse_call(struct parser *parser, struct node *callee)
{
	struct node *node = jinja_node(parser, NODE_CALL, parser->token.line);

	if (!node || !note_call(parser, callee) ||
	    !parse_arguments(parser, node))
		return NULL;
	node->first = callee;
	return node;
}

/* A bound of a slice, NODE_ABSENT when it is left out. */
static struct node *parse_bound(struct parser *parser)
{
	enum token_kind kind = parser->token.kind;

	if (kind == TOKEN_COLON || kind == TOKEN_CLOSE_LIST ||
	    kind == TOKEN_COMMA)
		return jinja_node(parser, NODE_ABSENT, parser->token.line);
	return jinja_parse_expression(parser, true);
}

static struct node *fail_bracket(struct parser *parser)
{
	jinja_parse_fail(
	    parser, parser->token.line, "expected an expression in \"[]\"");
	return NULL;
}

/* x[key] or x[start:stop:step], past the bracket. */
static struct node *parse_bracket(struct parser *parser, struct node *object)
{
	struct node *node = jinja_node(parser, NODE_ITEM, parser->token.line);
	struct node *bound = parse_bound(parser);

	if (!node || !bound)
		return NULL;
	node->first = object;
	node->second = bound;
	if (parser->token.kind == TOKEN_COLON)
		node->kind = NODE_SLICE;
	else if (bound->kind == NODE_ABSENT)
		return fail_bracket(parser);
	for (int i = 0; i < 2 && node->kind == NODE_SLICE; i++) {
		if (parser->token.kind == TOKEN_COLON && !jinja_advance(parser))
			return NULL;
		bound->next = parse_bound(parser);
		bound = bound->next;
		if (!bound)
			return NULL;
	}
	return jinja_expect(parser, TOKEN_CLOSE_LIST) ? node : NULL;
}

/* x.name, or x.0 for x[0], past the dot. */
static struct node *parse_dot(struct parser *parser, struct node *object)
{
	struct token token = parser->token;
	struct node *node = jinja_node(parser, NODE_ATTRIBUTE, token.line),
		    *key;

	if (!node || !jinja_advance(parser))
		return NULL;
	node->first = object;
	if (token.kind == TOKEN_NAME) {
		node->text = jinja_literal(parser, token.text);
		return node->text ? node : NULL;
	}
	if (token.kind != TOKEN_INTEGER) {
		jinja_parse_fail(
		    parser, token.line, "expected a name after \".\"");
		return NULL;
	}
	key = jinja_node(parser, NODE_CONSTANT, token.line);
	if (!key)
		return NULL;
	key->constant = value_int(token.integer);
	node->kind = NODE_ITEM;
	node->second = key;
	return node;
}

/* Whatever follows a value directly: .name [key] (call). */
static struct node *parse_postfix(struct parser *parser, struct node *node)
{
	for (unsigned count = 0; node; count++) {
		enum token_kind kind = parser->token.kind;

		if (kind != TOKEN_DOT && kind != TOKEN_OPEN_LIST &&
		    kind != TOKEN_OPEN)
			return node;
		if (count == POSTFIX_MAX) {
			jinja_parse_fail(parser, parser->token.line,
			    "more than %d subscripts in a row", POSTFIX_MAX);
			return NULL;
		}
		if (kind == TOKEN_OPEN) {
			node = parse_call(parser, node);
			continue;
		}
		if (!jinja_advance(parser))
			return NULL;
		node = kind == TOKEN_DOT ? parse_dot(parser, node)
					 : parse_bracket(parser, node);
	}
	return NULL;
}

/* --- filters and tests -------------------------------------------------- */

/* map('upper'), select('string'): the name is known here already. */
static bool check_named(struct parser *parser, const struct node *node)
{
	const struct node *argument = node->second;
	struct span filter = span_of(node->builtin->name);
	struct span name;
	bool is_map = span_eq(filter, SPAN("map"));

	if (span_eq(filter, SPAN("selectattr")) ||
	    span_eq(filter, SPAN("rejectattr")))
		argument = argument ? argument->next : NULL;
	else if (!is_map && !span_eq(filter, SPAN("select")) &&
		 !span_eq(filter, SPAN("reject")))
		return true;
	if (!argument || argument->kind != NODE_CONSTANT ||
	    argument->constant.kind != VALUE_STRING)
		return true;
	name = text_span(argument->constant.as.text);
	if (is_map ? jinja_filter_find(name) != NULL
		   : jinja_test_find(name) != NULL)
		return true;
	return jinja_parse_fail(parser, argument->line, "unknown %s \"%.*s\"",
	    is_map ? "filter" : "test", SPAN_FMT(name));
}

/* name(arguments) after a bar, <node> goes through it. */
static struct node *parse_filter(struct parser *parser, struct node *node)
{
	struct token token = parser->token;
	struct node *filter = jinja_node(parser, NODE_FILTER, token.line);

	if (!filter || !jinja_expect(parser, TOKEN_NAME))
		return NULL;
	filter->builtin = jinja_filter_find(token.text);
	if (!filter->builtin) {
		jinja_parse_fail(parser, token.line, "unknown filter \"%.*s\"",
		    SPAN_FMT(token.text));
		return NULL;
	}
	filter->first = node;
	if (parser->token.kind == TOKEN_OPEN &&
	    !parse_arguments(parser, filter))
		return NULL;
	return check_named(parser, filter) ? filter : NULL;
}

struct node *jinja_parse_filters(
    struct parser *parser, struct node *node, bool is_inline)
{
	unsigned count = 0;

	while (parser->token.kind == TOKEN_PIPE || is_inline) {
		if (!is_inline && !jinja_advance(parser))
			return NULL;
		is_inline = false;
		node = parse_filter(parser, node);
		if (!node || ++count > POSTFIX_MAX)
			return NULL;
	}
	return node;
}

/* `is divisibleby 3`: whether an argument without parentheses follows. */
static bool has_bare_argument(const struct parser *parser)
{
	switch (parser->token.kind) {
	case TOKEN_NAME:
		return !jinja_at_name(parser, "else") &&
		       !jinja_at_name(parser, "or") &&
		       !jinja_at_name(parser, "and");
	case TOKEN_STRING:
	case TOKEN_INTEGER:
	case TOKEN_REAL:
	case TOKEN_OPEN_LIST:
	case TOKEN_OPEN_DICT:
		return true;
	default:
		return false;
	}
}

static bool parse_test_arguments(struct parser *parser, struct node *test)
{
	if (parser->token.kind == TOKEN_OPEN)
		return parse_arguments(parser, test);
	if (!has_bare_argument(parser))
		return true;
	if (jinja_at_name(parser, "is"))
		return jinja_parse_fail(parser, parser->token.line,
		    "tests with \"is\" cannot be chained");
	test->second = parse_postfix(parser, jinja_parse_primary(parser));
	test->count = 1;
	return test->second != NULL;
}

/* The test after `is`. */
static struct node *parse_test(struct parser *parser, struct node *node)
{
	struct node *test = jinja_node(parser, NODE_TEST, parser->token.line);
	struct node *negated;
	struct token token;
	bool is_negated;

	if (!test || !jinja_advance(parser) ||
	    !jinja_skip_name(parser, "not", &is_negated))
		return NULL;
	token = parser->token;
	if (!jinja_expect(parser, TOKEN_NAME))
		return NULL;
	test->first = node;
	test->builtin = jinja_test_find(token.text);
	if (!test->builtin) {
		jinja_parse_fail(parser, token.line, "unknown test \"%.*s\"",
		    SPAN_FMT(token.text));
		return NULL;
	}
	if (node->kind == NODE_NAME &&
	    (span_eq(token.text, SPAN("defined")) ||
		span_eq(token.text, SPAN("undefined"))))
		parser->facts[node->symbol] |= NAME_IS_TESTED;
	if (!parse_test_arguments(parser, test))
		return NULL;
	if (!is_negated)
		return test;
	negated = jinja_node(parser, NODE_NOT, test->line);
	if (negated)
		negated->first = test;
	return negated;
}

/* | filter, is test, (call) after a value. */
static struct node *parse_filter_chain(struct parser *parser, struct node *node)
{
	for (unsigned count = 0; node; count++) {
		if (count == POSTFIX_MAX) {
			jinja_parse_fail(parser, parser->token.line,
			    "more than %d filters in a row", POSTFIX_MAX);
			return NULL;
		}
		if (parser->token.kind == TOKEN_PIPE)
			node = jinja_parse_filters(parser, node, false);
		else if (jinja_at_name(parser, "is"))
			node = parse_test(parser, node);
		else if (parser->token.kind == TOKEN_OPEN)
			node = parse_call(parser, node);
		else
			return node;
	}
	return NULL;
}

struct node *jinja_parse_operand(struct parser *parser, bool takes_filters)
{
	struct token token = parser->token;
	struct node *node;

	if (token.kind == TOKEN_SUB || token.kind == TOKEN_ADD) {
		node = jinja_node(parser,
		    token.kind == TOKEN_SUB ? NODE_NEGATE : NODE_PLUS,
		    token.line);
		if (!node || !jinja_enter(parser) || !jinja_advance(parser))
			return NULL;
		node->first = jinja_parse_operand(parser, false);
		jinja_leave(parser);
		if (!node->first)
			return NULL;
	} else {
		node = jinja_parse_primary(parser);
	}
	node = parse_postfix(parser, node);
	return takes_filters ? parse_filter_chain(parser, node) : node;
}
