/* parse_statement.c -- text, {{ output }} and the {% statements %}. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/run.h"
#include "local/template/tree.h"

#define IS_RECURSIVE 1 /* flags of NODE_FOR */

/* Statements of Jinja that chat templates have no use for. */
static const char *const unsupported[] = {
    "autoescape", "block", "extends", "from", "import", "include"};

/* --- the pieces of blocks ----------------------------------------------- */

/* From the end of the present tag to the tag that <ends> it. */
static bool parse_block(
    struct parser *parser, const char *const *ends, struct node **out)
{
	if (parser->token.kind == TOKEN_COLON && !jinja_advance(parser))
		return false;
	return jinja_expect(parser, TOKEN_BLOCK_END) &&
	       jinja_parse_body(parser, ends, out);
}

/* The same, past the name that ends it. */
static bool parse_whole_block(
    struct parser *parser, const char *end, struct node **out)
{
	const char *const ends[] = {end, NULL};

	return parse_block(parser, ends, out) && jinja_advance(parser);
}

static bool is_end(const struct parser *parser, const char *const *ends)
{
	for (size_t i = 0; ends[i]; i++) {
		if (jinja_at_name(parser, ends[i]))
			return true;
	}
	return false;
}

static struct node *parse_output(struct parser *parser)
{
	struct node *node = jinja_node(parser, NODE_PRINT, parser->token.line);

	if (!node || !jinja_advance(parser))
		return NULL;
	node->first = jinja_parse_tuple(parser, true, NULL);
	if (!node->first || !jinja_expect(parser, TOKEN_VARIABLE_END))
		return NULL;
	return node;
}

static struct node *parse_data(struct parser *parser)
{
	struct node *node = jinja_node(parser, NODE_DATA, parser->token.line);

	if (!node)
		return NULL;
	node->constant.kind = VALUE_STRING;
	node->constant.as.text = jinja_literal(parser, parser->token.text);
	return node->constant.as.text && jinja_advance(parser) ? node : NULL;
}

static bool fail_at_end(struct parser *parser, const char *const *ends)
{
	return jinja_parse_fail(parser, parser->token.line,
	    "unexpected end of template, expected {%% %s %%}", ends[0]);
}

/* A statement past its "{%", with its "%}". */
static struct node *parse_tag(struct parser *parser)
{
	struct node *node = NULL;

	if (!jinja_enter(parser))
		return NULL;
	if (parser->token.kind != TOKEN_NAME)
		jinja_parse_fail(parser, parser->token.line,
		    "expected the name of a statement");
	else
		node = jinja_parse_statement(parser);
	jinja_leave(parser);
	return node && jinja_expect(parser, TOKEN_BLOCK_END) ? node : NULL;
}

bool jinja_parse_body(
    struct parser *parser, const char *const *ends, struct node **out)
{
	*out = NULL;
	while (parser->token.kind != TOKEN_END) {
		if (parser->token.kind == TOKEN_BLOCK_BEGIN) {
			if (!jinja_advance(parser))
				return false;
			if (is_end(parser, ends))
				return true;
			*out = parse_tag(parser);
		} else if (parser->token.kind == TOKEN_VARIABLE_BEGIN) {
			*out = parse_output(parser);
		} else if (parser->token.text.len == 0) {
			if (!jinja_advance(parser))
				return false;
			continue;
		} else {
			*out = parse_data(parser);
		}
		if (!*out)
			return false;
		out = &(*out)->next;
	}
	return ends[0] ? fail_at_end(parser, ends) : true;
}

/* --- statements --------------------------------------------------------- */

static struct node *parse_if(struct parser *parser, struct node *node)
{
	static const char *const ends[] = {"endif", "elif", "else", NULL};
	struct node **place = &node->first;
	bool is_else = false;

	while (!jinja_at_name(parser, "endif")) {
		struct node *arm =
		    jinja_node(parser, NODE_ARM, parser->token.line);

		if (!arm || is_else) {
			if (arm)
				jinja_parse_fail(parser, arm->line,
				    "expected {%% endif %%}");
			return NULL;
		}
		is_else = jinja_at_name(parser, "else");
		if (!jinja_advance(parser))
			return NULL;
		if (!is_else) {
			arm->first = jinja_parse_tuple(parser, false, NULL);
			if (!arm->first)
				return NULL;
		}
		if (!parse_block(parser, ends, &arm->body))
			return NULL;
		*place = arm;
		place = &arm->next;
	}
	return jinja_advance(parser) ? node : NULL;
}

/* `for` up to the end of its tag. */
static bool parse_for_head(struct parser *parser, struct node *node)
{
	bool is_there = false;

	node->first = jinja_parse_target(parser, "in", false);
	if (!node->first || !jinja_skip_name(parser, "in", &is_there))
		return false;
	if (!is_there)
		return jinja_parse_fail(
		    parser, parser->token.line, "expected \"in\"");
	node->second = jinja_parse_tuple(parser, false, "recursive");
	if (!node->second || !jinja_skip_name(parser, "if", &is_there))
		return false;
	if (is_there) {
		node->third = jinja_parse_expression(parser, true);
		if (!node->third)
			return false;
	}
	if (!jinja_skip_name(parser, "recursive", &is_there))
		return false;
	node->flags = is_there ? IS_RECURSIVE : 0;
	return true;
}

static struct node *parse_for(struct parser *parser, struct node *node)
{
	static const char *const ends[] = {"endfor", "else", NULL};
	bool is_body;

	if (!jinja_advance(parser) || !parse_for_head(parser, node))
		return NULL;
	parser->n_loops++;
	is_body = parse_block(parser, ends, &node->body);
	parser->n_loops--;
	if (!is_body)
		return NULL;
	if (jinja_at_name(parser, "endfor"))
		return jinja_advance(parser) ? node : NULL;
	if (!jinja_advance(parser) ||
	    !parse_whole_block(parser, "endfor", &node->other))
		return NULL;
	return node;
}

static struct node *parse_set(struct parser *parser, struct node *node)
{
	if (!jinja_advance(parser))
		return NULL;
	node->first = jinja_parse_target(parser, NULL, true);
	if (!node->first)
		return NULL;
	if (parser->token.kind == TOKEN_ASSIGN) {
		if (!jinja_advance(parser))
			return NULL;
		node->second = jinja_parse_tuple(parser, true, NULL);
		return node->second ? node : NULL;
	}
	node->kind = NODE_SET_BLOCK;
	if (parser->token.kind == TOKEN_PIPE) {
		node->second = jinja_parse_filters(parser, NULL, false);
		if (!node->second)
			return NULL;
	}
	return parse_whole_block(parser, "endset", &node->body) ? node : NULL;
}

/*
 * The body of a macro or call block: a function, whose breaks end no loop
 * outside of it.
 */
static bool parse_function(
    struct parser *parser, const char *end, struct node *node)
{
	uint32_t n_loops = parser->n_loops;
	uint8_t uses = parser->uses;
	bool is_read;

	parser->n_loops = 0;
	parser->uses = 0;
	is_read = parse_whole_block(parser, end, &node->body);
	node->flags = parser->uses;
	parser->uses |= uses;
	parser->n_loops = n_loops;
	return is_read;
}

/* The parameters at the present token, into first and count. */
static bool parse_signature(struct parser *parser, struct node *node)
{
	node->first = jinja_parse_parameters(parser, &node->count);
	if (!node->first)
		return false;
	if (node->count == 0)
		node->first = NULL;
	return true;
}

static struct node *parse_macro(struct parser *parser, struct node *node)
{
	struct span name;

	if (!jinja_advance(parser))
		return NULL;
	name = parser->token.text;
	if (!jinja_expect(parser, TOKEN_NAME) ||
	    !jinja_symbol(parser, name, &node->symbol))
		return NULL;
	parser->facts[node->symbol] |= NAME_IS_SET;
	if (!parse_signature(parser, node) ||
	    !parse_function(parser, "endmacro", node))
		return NULL;
	return node;
}

static struct node *parse_call_block(struct parser *parser, struct node *node)
{
	node->symbol = parser->template->symbols.caller;
	if (!jinja_advance(parser))
		return NULL;
	if (parser->token.kind == TOKEN_OPEN && !parse_signature(parser, node))
		return NULL;
	node->second = jinja_parse_expression(parser, true);
	if (!node->second)
		return NULL;
	if (node->second->kind != NODE_CALL) {
		jinja_parse_fail(parser, node->line, "expected a call");
		return NULL;
	}
	return parse_function(parser, "endcall", node) ? node : NULL;
}

static struct node *parse_filter_block(struct parser *parser, struct node *node)
{
	if (!jinja_advance(parser))
		return NULL;
	node->second = jinja_parse_filters(parser, NULL, true);
	if (!node->second ||
	    !parse_whole_block(parser, "endfilter", &node->body))
		return NULL;
	return node;
}

static struct node *parse_with(struct parser *parser, struct node *node)
{
	struct node **place = &node->first;

	if (!jinja_advance(parser))
		return NULL;
	while (parser->token.kind != TOKEN_BLOCK_END) {
		if (node->first && !jinja_expect(parser, TOKEN_COMMA))
			return NULL;
		*place = jinja_node(parser, NODE_SET, parser->token.line);
		if (!*place)
			return NULL;
		(*place)->first = jinja_parse_target(parser, NULL, false);
		if (!(*place)->first || !jinja_expect(parser, TOKEN_ASSIGN))
			return NULL;
		(*place)->second = jinja_parse_expression(parser, true);
		if (!(*place)->second)
			return NULL;
		place = &(*place)->next;
		node->count++;
	}
	return parse_whole_block(parser, "endwith", &node->body) ? node : NULL;
}

static struct node *parse_print(struct parser *parser, struct node *node)
{
	struct node **place = &node->first;

	if (!jinja_advance(parser))
		return NULL;
	while (parser->token.kind != TOKEN_BLOCK_END) {
		if (node->first && !jinja_expect(parser, TOKEN_COMMA))
			return NULL;
		*place = jinja_parse_expression(parser, true);
		if (!*place)
			return NULL;
		place = &(*place)->next;
	}
	return node;
}

static struct node *parse_jump(struct parser *parser, struct node *node)
{
	if (parser->n_loops == 0) {
		jinja_parse_fail(parser, node->line,
		    "\"%.*s\" outside of a loop", SPAN_FMT(parser->token.text));
		return NULL;
	}
	return jinja_advance(parser) ? node : NULL;
}

/* HF marks what the assistant says with it; it prints what is inside. */
static struct node *parse_generation(struct parser *parser, struct node *node)
{
	if (!jinja_advance(parser) ||
	    !parse_function(parser, "endgeneration", node))
		return NULL;
	return node;
}

static void fail_statement(struct parser *parser, struct span name)
{
	for (size_t i = 0; i < sizeof(unsupported) / sizeof(*unsupported);
	     i++) {
		if (span_eq(name, span_of(unsupported[i]))) {
			jinja_parse_fail(parser, parser->token.line,
			    "the statement \"%s\" is not supported",
			    unsupported[i]);
			return;
		}
	}
	jinja_parse_fail(parser, parser->token.line,
	    "unknown statement \"%.*s\"", SPAN_FMT(name));
}

struct node *jinja_parse_statement(struct parser *parser)
{
	static const struct {
		struct span name;
		enum node_kind kind;
		struct node *(*parse)(struct parser *, struct node *);
	} statements[] = {
	    {{"if", 2}, NODE_IF, parse_if},
	    {{"for", 3}, NODE_FOR, parse_for},
	    {{"set", 3}, NODE_SET, parse_set},
	    {{"macro", 5}, NODE_MACRO, parse_macro},
	    {{"call", 4}, NODE_CALL_BLOCK, parse_call_block},
	    {{"filter", 6}, NODE_FILTER_BLOCK, parse_filter_block},
	    {{"with", 4}, NODE_WITH, parse_with},
	    {{"print", 5}, NODE_PRINT, parse_print},
	    {{"break", 5}, NODE_BREAK, parse_jump},
	    {{"continue", 8}, NODE_CONTINUE, parse_jump},
	    {{"generation", 10}, NODE_SCOPE, parse_generation},
	};
	struct span name = parser->token.text;

	for (size_t i = 0; i < sizeof(statements) / sizeof(*statements); i++) {
		struct node *node;

		if (!span_eq(name, statements[i].name))
			continue;
		node =
		    jinja_node(parser, statements[i].kind, parser->token.line);
		return node ? statements[i].parse(parser, node) : NULL;
	}
	fail_statement(parser, name);
	return NULL;
}
