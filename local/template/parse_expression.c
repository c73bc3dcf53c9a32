/* parse_expression.c -- expressions, from `a if b else c` down to names. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/run.h"
#include "local/template/tree.h"

/*
 * The grammar is Jinja's own, where it differs from Python's too: filters and
 * tests bind closer than any operator, and `not` looser than a comparison. A
 * chain of operators of one level becomes one node with a list of operands, so
 * that a long sum is not a deep tree.
 */
/* The operators of one level, and the level below. */
typedef struct node *(*parse_fn)(struct parser *parser);

struct level {
	enum node_kind kind;
	parse_fn below;
	const struct {
		enum token_kind token;
		enum node_op op;
	} ops[5]; /* ended by OP_NONE */
};

static enum node_op op_at(
    const struct parser *parser, const struct level *level)
{
	for (size_t i = 0; level->ops[i].op != OP_NONE; i++) {
		if (level->ops[i].token == parser->token.kind)
			return level->ops[i].op;
	}
	return OP_NONE;
}

/* A list of operands of <kind>, or the single operand. */
static struct node *parse_chain(
    struct parser *parser, const struct level *level)
{
	uint32_t line = parser->token.line;
	struct node *first = level->below(parser), *last = first, *chain;
	enum node_op op;

	if (!first || op_at(parser, level) == OP_NONE)
		return first;
	chain = jinja_node(parser, level->kind, line);
	while (chain && (op = op_at(parser, level)) != OP_NONE) {
		if (!jinja_advance(parser))
			return NULL;
		last->next = level->below(parser);
		if (!last->next)
			return NULL;
		last = last->next;
		last->op = (uint8_t)op;
	}
	if (chain)
		chain->first = first;
	return chain;
}

static struct node *parse_unary(struct parser *parser)
{
	return jinja_parse_operand(parser, true);
}

static struct node *parse_power(struct parser *parser)
{
	static const struct level level = {
	    NODE_MATH, parse_unary, {{TOKEN_POWER, OP_POWER}}};

	return parse_chain(parser, &level);
}

static struct node *parse_product(struct parser *parser)
{
	static const struct level level = {NODE_MATH, parse_power,
	    {{TOKEN_MUL, OP_MUL}, {TOKEN_DIV, OP_DIV}, {TOKEN_FLOOR, OP_FLOOR},
		{TOKEN_MOD, OP_MOD}}};

	return parse_chain(parser, &level);
}

static struct node *parse_concat(struct parser *parser)
{
	static const struct level level = {
	    NODE_CONCAT, parse_product, {{TOKEN_TILDE, OP_ADD}}};

	return parse_chain(parser, &level);
}

static struct node *parse_sum(struct parser *parser)
{
	static const struct level level = {NODE_MATH, parse_concat,
	    {{TOKEN_ADD, OP_ADD}, {TOKEN_SUB, OP_SUB}}};

	return parse_chain(parser, &level);
}

/* Takes a comparison's operator; OP_NONE when there is none. */
static bool take_comparison(struct parser *parser, enum node_op *op)
{
	*op = OP_NONE;
	if (parser->token.kind >= TOKEN_EQ && parser->token.kind <= TOKEN_GE) {
		*op = (enum node_op)(parser->token.kind - TOKEN_EQ + OP_EQ);
		return jinja_advance(parser);
	}
	if (jinja_at_name(parser, "in")) {
		*op = OP_IN;
		return jinja_advance(parser);
	}
	if (!jinja_at_name(parser, "not"))
		return true;
	if (!jinja_peek(parser))
		return false;
	if (parser->ahead.kind != TOKEN_NAME ||
	    !span_eq(parser->ahead.text, SPAN("in")))
		return true;
	*op = OP_NOT_IN;
	return jinja_advance(parser) && jinja_advance(parser);
}

static struct node *parse_comparison(struct parser *parser)
{
	uint32_t line = parser->token.line;
	struct node *first = parse_sum(parser), *last = first, *chain = NULL;
	enum node_op op;

	while (first) {
		if (!take_comparison(parser, &op))
			return NULL;
		if (op == OP_NONE)
			break;
		if (!chain)
			chain = jinja_node(parser, NODE_COMPARE, line);
		last->next = parse_sum(parser);
		if (!chain || !last->next)
			return NULL;
		last = last->next;
		last->op = (uint8_t)op;
		chain->first = first;
	}
	return chain ? chain : first;
}

static struct node *parse_not(struct parser *parser)
{
	struct node *node;

	if (!jinja_at_name(parser, "not"))
		return parse_comparison(parser);
	node = jinja_node(parser, NODE_NOT, parser->token.line);
	if (!node || !jinja_enter(parser) || !jinja_advance(parser))
		return NULL;
	node->first = parse_not(parser);
	jinja_leave(parser);
	return node->first ? node : NULL;
}

/* `a word b word c`, of NODE_AND or NODE_OR. */
static struct node *parse_words(struct parser *parser, enum node_kind kind,
    const char *word, parse_fn below)
{
	uint32_t line = parser->token.line;
	struct node *first = below(parser), *last = first, *chain;

	if (!first || !jinja_at_name(parser, word))
		return first;
	chain = jinja_node(parser, kind, line);
	while (chain && jinja_at_name(parser, word)) {
		if (!jinja_advance(parser))
			return NULL;
		last->next = below(parser);
		if (!last->next)
			return NULL;
		last = last->next;
	}
	if (chain)
		chain->first = first;
	return chain;
}

static struct node *parse_and(struct parser *parser)
{
	return parse_words(parser, NODE_AND, "and", parse_not);
}

static struct node *parse_or(struct parser *parser)
{
	return parse_words(parser, NODE_OR, "or", parse_and);
}

/* `a if b else c if d else e`: the alternatives hang on the last one. */
static struct node *parse_choice(struct parser *parser)
{
	struct node *node = parse_or(parser), *choice;
	struct node **place = &node;
	unsigned count = 0;
	bool is_found = true;

	while (*place) {
		if (!jinja_skip_name(parser, "if", &is_found))
			return NULL;
		if (!is_found)
			return node;
		choice = jinja_node(parser, NODE_CHOICE, (*place)->line);
		if (!choice)
			return NULL;
		if (++count > TEMPLATE_DEPTH_MAX) {
			jinja_parse_fail(parser, choice->line,
			    "more than %d alternatives", TEMPLATE_DEPTH_MAX);
			return NULL;
		}
		choice->second = *place;
		*place = choice;
		choice->first = parse_or(parser);
		if (!choice->first ||
		    !jinja_skip_name(parser, "else", &is_found))
			return NULL;
		if (!is_found)
			continue;
		choice->third = parse_or(parser);
		place = &choice->third;
	}
	return NULL;
}

struct node *jinja_parse_expression(struct parser *parser, bool takes_if)
{
	struct node *node;

	if (!jinja_enter(parser))
		return NULL;
	node = takes_if ? parse_choice(parser) : parse_or(parser);
	jinja_leave(parser);
	return node;
}
