/* cel_parse.c -- a condition's tokens to a tree of bounded depth. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cel.h"

/*
 * Recursive descent in CEL's order of precedence:
 *
 *	or       = and { "||" and }
 *	and      = relation { "&&" relation }
 *	relation = sum { ("==" | "!=" | "<" | "<=" | ">" | ">=" | "in") sum }
 *	sum      = unary { ("+" | "-") unary }
 *	unary    = { "!" | "-" } member
 *	member   = primary { "." name [ "(" list ")" ] | "[" or "]" }
 *	primary  = literal | name [ "(" list ")" ] | "(" or ")" | "[" list "]"
 *
 * A syntax mistake ends the parse: what follows it would be guesswork.
 */
struct parser {
	const struct cel_source *source;
	struct cel_program *program;
	struct cel_token token; /* the one to be read next */
	unsigned depth;         /* of brackets and unary operators */
	bool has_failed;
};

static uint32_t parse_or(struct parser *p);

/* Reports once; afterwards the parse only unwinds. */
#define fail(p, at, ...)                                                       \
	do {                                                                   \
		if (!(p)->has_failed)                                          \
			cel_mistake((p)->source, (at), __VA_ARGS__);           \
		(p)->has_failed = true;                                        \
		(p)->token.kind = TOKEN_END;                                   \
	} while (0)

static void advance(struct parser *p)
{
	if (p->has_failed)
		return;
	p->token = cel_lex(
	    p->source, p->token.at + p->token.raw.len, &p->program->strings);
	if (p->token.kind == TOKEN_BAD) {
		p->has_failed = true;
		p->token.kind = TOKEN_END;
	}
}

static bool accept(struct parser *p, enum cel_token_kind kind)
{
	if (p->token.kind != kind)
		return false;
	advance(p);
	return true;
}

static void expect(struct parser *p, enum cel_token_kind kind, const char *what)
{
	if (p->token.kind == TOKEN_END)
		fail(p, p->token.at, "expected %s before the end", what);
	else if (!accept(p, kind))
		fail(p, p->token.at, "expected %s, got \"%.*s\"", what,
		    SPAN_FMT(span_head(p->token.raw, 40)));
}

/* --- nodes -------------------------------------------------------------- */

static struct cel_node *node_at(struct parser *p, uint32_t index)
{
	return &p->program->nodes[index];
}

/* A new node; nodes may move, so no pointer to one outlives this call. */
static uint32_t new_node(struct parser *p, enum cel_op op, size_t at)
{
	struct cel_program *program = p->program;
	uint32_t index = (uint32_t)program->n_nodes;

	if (program->n_nodes == program->cap) {
		program->cap = program->cap ? 2 * program->cap : 16;
		program->nodes = mem_realloc(
		    program->nodes, program->cap * sizeof(program->nodes[0]));
	}
	program->n_nodes++;
	program->nodes[index] = (struct cel_node){.op = (uint8_t)op,
	    .at = (uint32_t)at,
	    .depth = 1,
	    .first = CEL_NONE,
	    .next = CEL_NONE};
	return index;
}

/* Puts <child> behind <last> (CEL_NONE: as the first) under <parent>. */
static void add_child(
    struct parser *p, uint32_t parent, uint32_t last, uint32_t child)
{
	unsigned depth = node_at(p, child)->depth + 1U;

	if (last == CEL_NONE)
		node_at(p, parent)->first = child;
	else
		node_at(p, last)->next = child;
	if (depth > CEL_DEPTH_MAX) {
		fail(p, node_at(p, parent)->at,
		    "nested too deeply; %d levels are the most", CEL_DEPTH_MAX);
		return;
	}
	if (depth > node_at(p, parent)->depth)
		node_at(p, parent)->depth = (uint8_t)depth;
}

static uint32_t new_binary(
    struct parser *p, enum cel_op op, size_t at, uint32_t left, uint32_t right)
{
	uint32_t index = new_node(p, op, at);

	add_child(p, index, CEL_NONE, left);
	add_child(p, index, left, right);
	return index;
}

/* Elements up to <close>, which is taken, as children behind <last>. */
static void parse_items(
    struct parser *p, uint32_t parent, uint32_t last, enum cel_token_kind close)
{
	if (accept(p, close))
		return;
	do {
		uint32_t item = parse_or(p);

		add_child(p, parent, last, item);
		last = item;
	} while (accept(p, TOKEN_COMMA) && p->token.kind != close);
	expect(p, close,
	    close == TOKEN_CLOSE ? "\",\" or \")\"" : "\",\" or \"]\"");
}

/* --- the grammar -------------------------------------------------------- */

static uint32_t parse_name(struct parser *p)
{
	struct cel_token name = p->token;
	uint32_t index;

	advance(p);
	if (span_eq(name.raw, SPAN("true")) ||
	    span_eq(name.raw, SPAN("false"))) {
		index = new_node(p, CEL_OP_BOOL, name.at);
		node_at(p, index)->as.boolean = name.raw.ptr[0] == 't';
		return index;
	}
	if (accept(p, TOKEN_OPEN)) {
		index = new_node(p, CEL_OP_CALL, name.at);
		node_at(p, index)->as.text = name.raw;
		parse_items(p, index, CEL_NONE, TOKEN_CLOSE);
		return index;
	}
	index = new_node(p, CEL_OP_NAME, name.at);
	node_at(p, index)->as.text = name.raw;
	return index;
}

/* <minus>: a "-" stood before, which is part of a number. */
static uint32_t parse_literal(struct parser *p, size_t at, bool minus)
{
	struct cel_token token = p->token;
	uint64_t most = minus ? UINT64_C(1) << 63 : INT64_MAX;
	uint32_t index;

	if (token.kind == TOKEN_STRING) {
		index = new_node(p, CEL_OP_STRING, at);
		node_at(p, index)->as.text = token.text;
	} else if (token.kind == TOKEN_DOUBLE) {
		index = new_node(p, CEL_OP_DOUBLE, at);
		node_at(p, index)->as.real = minus ? -token.real : token.real;
	} else {
		index = new_node(p, CEL_OP_INT, at);
		if (token.integer > most)
			fail(p, at, "the number %.*s is too large",
			    SPAN_FMT(token.raw));
		node_at(p, index)->as.integer =
		    (int64_t)(minus ? -token.integer : token.integer);
	}
	advance(p);
	return index;
}

static uint32_t parse_primary(struct parser *p)
{
	size_t at = p->token.at;
	uint32_t index;

	switch (p->token.kind) {
	case TOKEN_INT:
	case TOKEN_DOUBLE:
	case TOKEN_STRING:
		return parse_literal(p, at, false);
	case TOKEN_NAME:
		return parse_name(p);
	case TOKEN_OPEN:
		advance(p);
		index = parse_or(p);
		expect(p, TOKEN_CLOSE, "\")\"");
		return index;
	case TOKEN_OPEN_LIST:
		advance(p);
		index = new_node(p, CEL_OP_LIST, at);
		parse_items(p, index, CEL_NONE, TOKEN_CLOSE_LIST);
		return index;
	case TOKEN_END:
		fail(p, at, "expected a value before the end");
		break;
	default:
		fail(p, at, "expected a value, got \"%.*s\"",
		    SPAN_FMT(p->token.raw));
		break;
	}
	return new_node(p, CEL_OP_BOOL, at);
}

/* ".name" or ".name(...)" behind <object>; the dot was taken. */
static uint32_t parse_member(struct parser *p, uint32_t object)
{
	struct cel_token name = p->token;
	uint32_t index;

	if (name.kind != TOKEN_NAME) {
		expect(p, TOKEN_NAME, "a name after \".\"");
		return object;
	}
	advance(p);
	index = new_node(p, CEL_OP_SELECT, name.at);
	node_at(p, index)->as.text = name.raw;
	add_child(p, index, CEL_NONE, object);
	if (accept(p, TOKEN_OPEN)) {
		node_at(p, index)->op = CEL_OP_METHOD;
		parse_items(p, index, object, TOKEN_CLOSE);
	}
	return index;
}

static uint32_t parse_postfix(struct parser *p, uint32_t index)
{
	while (!p->has_failed) {
		size_t at = p->token.at;

		if (accept(p, TOKEN_DOT)) {
			index = parse_member(p, index);
		} else if (accept(p, TOKEN_OPEN_LIST)) {
			index =
			    new_binary(p, CEL_OP_INDEX, at, index, parse_or(p));
			expect(p, TOKEN_CLOSE_LIST, "\"]\"");
		} else {
			break;
		}
	}
	return index;
}

static bool enter(struct parser *p)
{
	if (p->depth < CEL_DEPTH_MAX) {
		p->depth++;
		return true;
	}
	fail(p, p->token.at, "nested too deeply; %d levels are the most",
	    CEL_DEPTH_MAX);
	return false;
}

static uint32_t parse_unary(struct parser *p)
{
	size_t at = p->token.at;
	bool is_not = p->token.kind == TOKEN_NOT;
	uint32_t index;

	if (!is_not && p->token.kind != TOKEN_MINUS)
		return parse_postfix(p, parse_primary(p));
	advance(p);
	if (!is_not &&
	    (p->token.kind == TOKEN_INT || p->token.kind == TOKEN_DOUBLE))
		return parse_postfix(p, parse_literal(p, at, true));
	index = new_node(p, is_not ? CEL_OP_NOT : CEL_OP_NEGATE, at);
	if (enter(p)) {
		add_child(p, index, CEL_NONE, parse_unary(p));
		p->depth--;
	}
	return index;
}

static uint32_t parse_sum(struct parser *p)
{
	uint32_t left = parse_unary(p);

	while (p->token.kind == TOKEN_PLUS || p->token.kind == TOKEN_MINUS) {
		enum cel_op op =
		    p->token.kind == TOKEN_PLUS ? CEL_OP_ADD : CEL_OP_SUBTRACT;
		size_t at = p->token.at;

		advance(p);
		left = new_binary(p, op, at, left, parse_unary(p));
	}
	return left;
}

static bool relation_of(enum cel_token_kind kind, enum cel_op *op)
{
	static const struct {
		enum cel_token_kind kind;
		enum cel_op op;
	} relations[] = {
	    {TOKEN_EQ, CEL_OP_EQ},
	    {TOKEN_NE, CEL_OP_NE},
	    {TOKEN_LT, CEL_OP_LT},
	    {TOKEN_LE, CEL_OP_LE},
	    {TOKEN_GT, CEL_OP_GT},
	    {TOKEN_GE, CEL_OP_GE},
	    {TOKEN_IN, CEL_OP_IN},
	};

	for (size_t i = 0; i < sizeof(relations) / sizeof(relations[0]); i++) {
		if (relations[i].kind == kind) {
			*op = relations[i].op;
			return true;
		}
	}
	return false;
}

static uint32_t parse_relation(struct parser *p)
{
	uint32_t left = parse_sum(p);
	enum cel_op op;

	while (relation_of(p->token.kind, &op)) {
		size_t at = p->token.at;

		advance(p);
		left = new_binary(p, op, at, left, parse_sum(p));
	}
	return left;
}

/*
 * One node for a whole chain of the same operator, so that its length does not
 * count as depth.
 */
static uint32_t parse_chain(struct parser *p, enum cel_token_kind kind,
    enum cel_op op, uint32_t (*operand)(struct parser *p))
{
	uint32_t last = operand(p);
	uint32_t index;

	if (p->token.kind != kind)
		return last;
	index = new_node(p, op, p->token.at);
	add_child(p, index, CEL_NONE, last);
	while (accept(p, kind)) {
		uint32_t next = operand(p);

		add_child(p, index, last, next);
		last = next;
	}
	return index;
}

static uint32_t parse_and(struct parser *p)
{
	return parse_chain(p, TOKEN_AND, CEL_OP_AND, parse_relation);
}

static uint32_t parse_or(struct parser *p)
{
	uint32_t index;

	if (!enter(p))
		return new_node(p, CEL_OP_BOOL, p->token.at);
	index = parse_chain(p, TOKEN_OR, CEL_OP_OR, parse_and);
	p->depth--;
	return index;
}

/* An operand too many: mostly a word in place of an operator. */
static void refuse_rest(struct parser *p)
{
	static const struct {
		const char *word;
		const char *sign;
	} words[] = {{"and", "&&"}, {"or", "||"}, {"not", "!"}, {"is", "=="}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (span_eq_nocase(p->token.raw, span_of(words[i].word)))
			fail(p, p->token.at,
			    "unexpected \"%.*s\"; it is written %s",
			    SPAN_FMT(p->token.raw), words[i].sign);
	}
	fail(p, p->token.at, "expected an operator or the end, got \"%.*s\"",
	    SPAN_FMT(span_head(p->token.raw, 40)));
}

bool cel_parse(const struct cel_source *source, struct cel_program *program)
{
	struct parser p = {.source = source, .program = program};

	if (source->node->text.len > CEL_TEXT_MAX) {
		cel_mistake(source, 0,
		    "an expression may have %zu bytes, this one has %zu",
		    CEL_TEXT_MAX, source->node->text.len);
		return false;
	}
	advance(&p);
	program->root = parse_or(&p);
	if (!p.has_failed && p.token.kind != TOKEN_END)
		refuse_rest(&p);
	return !p.has_failed;
}
