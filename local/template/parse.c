/* parse.c -- what reading expressions and statements share: tokens, names. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "local/template/run.h"
#include "local/template/tree.h"

bool jinja_parse_fail(
    struct parser *parser, uint32_t line, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	error_set(parser->err, "line %u: %s", line, text);
	return false;
}

/* --- tokens ------------------------------------------------------------- */

bool jinja_advance(struct parser *parser)
{
	if (parser->has_ahead) {
		parser->token = parser->ahead;
		parser->has_ahead = false;
		return true;
	}
	return jinja_lex_next(&parser->lexer, &parser->token);
}

bool jinja_peek(struct parser *parser)
{
	if (parser->has_ahead)
		return true;
	parser->has_ahead = jinja_lex_next(&parser->lexer, &parser->ahead);
	return parser->has_ahead;
}

bool jinja_expect(struct parser *parser, enum token_kind kind)
{
	const struct token *token = &parser->token;

	if (token->kind == kind)
		return jinja_advance(parser);
	if (token->kind == TOKEN_NAME)
		return jinja_parse_fail(parser, token->line,
		    "expected %s, got \"%.*s\"", jinja_token_name(kind),
		    SPAN_FMT(token->text));
	return jinja_parse_fail(parser, token->line, "expected %s, got %s",
	    jinja_token_name(kind), jinja_token_name(token->kind));
}

bool jinja_at_name(const struct parser *parser, const char *name)
{
	return parser->token.kind == TOKEN_NAME &&
	       span_eq(parser->token.text, span_of(name));
}

bool jinja_skip_name(struct parser *parser, const char *name, bool *found)
{
	*found = jinja_at_name(parser, name);
	return !*found || jinja_advance(parser);
}

/* --- nodes -------------------------------------------------------------- */

struct node *jinja_node(
    struct parser *parser, enum node_kind kind, uint32_t line)
{
	struct node *node = arena_new(parser->arena, struct node);

	if (!node) {
		jinja_parse_fail(parser, line, "the template is too large");
		return NULL;
	}
	node->kind = (uint8_t)kind;
	node->line = line;
	return node;
}

struct text *jinja_literal(struct parser *parser, struct span text)
{
	struct text *literal = arena_new(parser->arena, struct text);

	if (!literal) {
		jinja_parse_fail(
		    parser, parser->token.line, "the template is too large");
		return NULL;
	}
	literal->ptr = text.ptr;
	literal->len = text.len;
	literal->is_trusted = true;
	return literal;
}

bool jinja_enter(struct parser *parser)
{
	if (parser->depth++ < TEMPLATE_DEPTH_MAX)
		return true;
	return jinja_parse_fail(parser, parser->token.line,
	    "nested deeper than %d levels", TEMPLATE_DEPTH_MAX);
}

void jinja_leave(struct parser *parser)
{
	parser->depth--;
}

/* --- names -------------------------------------------------------------- */

uint32_t jinja_symbol_find(const struct symbols *symbols, struct span name)
{
	for (uint32_t i = 0; i < symbols->count; i++) {
		if (span_eq(symbols->names[i], name))
			return i;
	}
	return SYMBOL_NONE;
}

static bool grow_symbols(struct parser *parser)
{
	struct symbols *symbols = &parser->template->symbols;
	uint32_t cap = symbols->cap ? symbols->cap * 2 : 64;
	struct span *names = arena_alloc(parser->arena, cap * sizeof(*names));
	uint8_t *facts = arena_zalloc(parser->arena, cap);

	if (!names || !facts || cap > TEMPLATE_NAMES_MAX)
		return jinja_parse_fail(parser, parser->token.line,
		    "more than %d names", TEMPLATE_NAMES_MAX);
	if (symbols->count > 0) {
		memcpy(names, symbols->names, symbols->count * sizeof(*names));
		memcpy(facts, parser->facts, symbols->count);
	}
	symbols->names = names;
	symbols->cap = cap;
	parser->facts = facts;
	return true;
}

bool jinja_symbol(struct parser *parser, struct span name, uint32_t *out)
{
	struct symbols *symbols = &parser->template->symbols;

	*out = jinja_symbol_find(symbols, name);
	if (*out != SYMBOL_NONE)
		return true;
	if (symbols->count == symbols->cap && !grow_symbols(parser))
		return false;
	symbols->names[symbols->count] = arena_copy(parser->arena, name);
	*out = symbols->count++;
	return symbols->names[*out].ptr != NULL ||
	       jinja_parse_fail(
		   parser, parser->token.line, "the template is too large");
}

/* --- what is called ----------------------------------------------------- */

static bool check_function(struct parser *parser, const struct pending *call)
{
	struct span name = parser->template->symbols.names[call->symbol];
	uint8_t known = NAME_IS_SET | NAME_IS_TESTED;

	if ((parser->facts[call->symbol] & known) || jinja_global_find(name))
		return true;
	return jinja_parse_fail(
	    parser, call->line, "unknown function \"%.*s\"", SPAN_FMT(name));
}

bool jinja_check_calls(struct parser *parser)
{
	const struct pending *first = NULL;

	/* The list is the last first; the first mistake is what to show. */
	for (struct pending *call = parser->calls, *next; call; call = next) {
		next = call->next;
		call->next = (struct pending *)(uintptr_t)first;
		first = call;
	}
	for (const struct pending *call = first; call; call = call->next) {
		if (call->method.len == 0) {
			if (!check_function(parser, call))
				return false;
		} else if (jinja_method_is_lacking(call->method)) {
			return jinja_parse_fail(parser, call->line,
			    "unknown method \"%.*s\"", SPAN_FMT(call->method));
		}
	}
	return true;
}

/* --- the whole ---------------------------------------------------------- */

static bool add_names(struct parser *parser)
{
	struct symbols *symbols = &parser->template->symbols;
	const struct {
		struct span name;
		uint32_t *symbol;
	} names[] = {
	    {SPAN("loop"), &symbols->loop},
	    {SPAN("caller"), &symbols->caller},
	    {SPAN("kwargs"), &symbols->kwargs},
	    {SPAN("varargs"), &symbols->varargs},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!jinja_symbol(parser, names[i].name, names[i].symbol))
			return false;
		parser->facts[*names[i].symbol] = NAME_IS_SET;
	}
	return true;
}

bool jinja_parse(struct parser *parser, struct span source)
{
	static const char *const no_ends[] = {NULL};

	return jinja_lex_start(
		   &parser->lexer, source, parser->arena, parser->err) &&
	       add_names(parser) && jinja_advance(parser) &&
	       jinja_parse_body(parser, no_ends, &parser->template->body) &&
	       jinja_check_calls(parser);
}
