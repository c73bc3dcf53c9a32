/* cel_check.c -- gives a condition's nodes types, and its names numbers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cel_check.h"

#include <assert.h>
#include <stdlib.h>

static const struct {
	const char *name;
	enum cel_op op;
	bool is_global; /* also f(x, ...) */
} functions[] = {
    {"startsWith", CEL_OP_STARTS_WITH, false},
    {"endsWith", CEL_OP_ENDS_WITH, false},
    {"contains", CEL_OP_CONTAINS, false},
    {"matches", CEL_OP_MATCHES, true},
    {"size", CEL_OP_SIZE, true},
};

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

const char *cel_a_type(enum cel_type type)
{
	static const char *const names[] = {
	    [CEL_BROKEN] = "an unknown",
	    [CEL_BOOL] = "a bool",
	    [CEL_INT] = "an int",
	    [CEL_DOUBLE] = "a double",
	    [CEL_STRING] = "a string",
	    [CEL_LIST] = "a list",
	};

	return names[type];
}

/* The same without its article. */
static const char *type_name(enum cel_type type)
{
	return strchr(cel_a_type(type), ' ') + 1;
}

/* --- operators ---------------------------------------------------------- */

static bool is_number(enum cel_type type)
{
	return type == CEL_INT || type == CEL_DOUBLE;
}

/* Whether == has a meaning between them. */
static bool may_equal(enum cel_type a, enum cel_type b)
{
	return a == b || a == CEL_BROKEN || b == CEL_BROKEN ||
	       (is_number(a) && is_number(b));
}

static enum cel_type check_logic(struct cel_checker *c, uint32_t index)
{
	static const char *const signs[] = {
	    [CEL_OP_OR] = "||", [CEL_OP_AND] = "&&", [CEL_OP_NOT] = "!"};
	uint32_t child = cel_node_at(c, index)->first;

	for (; child != CEL_NONE; child = cel_node_at(c, child)->next) {
		enum cel_type type = cel_check(c, child);

		if (type != CEL_BOOL && type != CEL_BROKEN)
			cel_refuse(c, cel_node_at(c, child)->at,
			    "%s needs a bool here, this is %s",
			    signs[cel_node_at(c, index)->op], cel_a_type(type));
	}
	return CEL_BOOL;
}

static enum cel_type check_equality(struct cel_checker *c, uint32_t index)
{
	uint32_t left = cel_node_at(c, index)->first;
	uint32_t right = cel_node_at(c, left)->next;
	enum cel_type a = cel_check(c, left);
	enum cel_type b = cel_check(c, right);
	enum cel_type x = (enum cel_type)cel_node_at(c, left)->item;
	enum cel_type y = (enum cel_type)cel_node_at(c, right)->item;

	if (!may_equal(a, b) ||
	    (a == CEL_LIST && b == CEL_LIST && !may_equal(x, y)))
		cel_refuse(c, cel_node_at(c, index)->at,
		    "%s is never equal to %s%s", cel_a_type(a), cel_a_type(b),
		    a == b ? " of other things" : "");
	cel_check_word(c, left, right);
	cel_check_word(c, right, left);
	return CEL_BOOL;
}

static enum cel_type check_order(struct cel_checker *c, uint32_t index)
{
	uint32_t left = cel_node_at(c, index)->first;
	uint32_t right = cel_node_at(c, left)->next;
	enum cel_type a = cel_check(c, left);
	enum cel_type b = cel_check(c, right);

	if (a == CEL_BROKEN || b == CEL_BROKEN)
		return CEL_BOOL;
	if (!(is_number(a) && is_number(b)) &&
	    !(a == CEL_STRING && b == CEL_STRING))
		cel_refuse(c, cel_node_at(c, index)->at,
		    "%s and %s have no order; numbers and strings have",
		    cel_a_type(a), cel_a_type(b));
	return CEL_BOOL;
}

static enum cel_type check_in(struct cel_checker *c, uint32_t index)
{
	uint32_t left = cel_node_at(c, index)->first;
	uint32_t right = cel_node_at(c, left)->next;
	enum cel_type a;
	enum cel_type b;

	if (cel_is_headers(c, right))
		return cel_check_header(c, index, left, CEL_OP_HAS_HEADER);
	a = cel_check(c, left);
	b = cel_check(c, right);
	if (b != CEL_LIST && b != CEL_BROKEN)
		cel_refuse(c, cel_node_at(c, right)->at,
		    "\"in\" needs a list on its right, this is %s%s",
		    cel_a_type(b),
		    a == CEL_STRING && b == CEL_STRING
			? "; for a part of a text write x.contains(y)"
			: "");
	else if (b == CEL_LIST &&
		 !may_equal(a, (enum cel_type)cel_node_at(c, right)->item))
		cel_refuse(c, cel_node_at(c, index)->at,
		    "%s is never in a list of %ss", cel_a_type(a),
		    type_name((enum cel_type)cel_node_at(c, right)->item));
	if (cel_node_at(c, right)->op == CEL_OP_LIST) {
		uint32_t item = cel_node_at(c, right)->first;

		for (; item != CEL_NONE; item = cel_node_at(c, item)->next)
			cel_check_word(c, left, item);
	}
	return CEL_BOOL;
}

static enum cel_type check_sum(struct cel_checker *c, uint32_t index)
{
	bool is_add = cel_node_at(c, index)->op == CEL_OP_ADD;
	uint32_t left = cel_node_at(c, index)->first;
	uint32_t right = cel_node_at(c, left)->next;
	enum cel_type a = cel_check(c, left);
	enum cel_type b = cel_check(c, right);

	if (a == CEL_BROKEN || b == CEL_BROKEN)
		return CEL_BROKEN;
	if (a == b && (is_number(a) || (a == CEL_STRING && is_add)))
		return a;
	if (is_number(a) && is_number(b))
		cel_refuse(c, cel_node_at(c, index)->at,
		    "an int and a double cannot be %s; write the int as a "
		    "double, 2.0 for 2",
		    is_add ? "added" : "subtracted");
	else
		cel_refuse(c, cel_node_at(c, index)->at,
		    "%s has no meaning between %s and %s", is_add ? "+" : "-",
		    cel_a_type(a), cel_a_type(b));
	return CEL_BROKEN;
}

static enum cel_type check_negate(struct cel_checker *c, uint32_t index)
{
	uint32_t child = cel_node_at(c, index)->first;
	enum cel_type type = cel_check(c, child);

	if (type != CEL_BROKEN && !is_number(type)) {
		cel_refuse(c, cel_node_at(c, child)->at,
		    "- needs a number here, this is %s", cel_a_type(type));
		return CEL_BROKEN;
	}
	return type;
}

static enum cel_type check_list(struct cel_checker *c, uint32_t index)
{
	enum cel_type item = CEL_BROKEN;
	uint32_t child = cel_node_at(c, index)->first;

	for (; child != CEL_NONE; child = cel_node_at(c, child)->next) {
		enum cel_type type = cel_check(c, child);

		if (type == CEL_LIST) {
			cel_refuse(c, cel_node_at(c, child)->at,
			    "a list may not stand in a list");
			return CEL_BROKEN;
		}
		if (item == CEL_BROKEN)
			item = type;
		if (type != item && type != CEL_BROKEN)
			cel_refuse(c, cel_node_at(c, child)->at,
			    "a list's elements are of one type; the first is "
			    "%s, this is %s",
			    cel_a_type(item), cel_a_type(type));
	}
	cel_node_at(c, index)->item = (uint8_t)item;
	return CEL_LIST;
}

/* --- functions ---------------------------------------------------------- */

/*
 * Where byte <at> of a string's value stands in the expression; the string's
 * beginning when escapes make that unclear.
 */
static size_t place_in_string(
    struct cel_checker *c, const struct cel_node *node, size_t at)
{
	struct span text = c->source->node->text;
	struct span value = node->as.text;
	size_t start = node->at + 1;

	if (text.ptr[node->at] == 'r' || text.ptr[node->at] == 'R')
		start++;
	if (span_eq(span_head(span_from(text, start), value.len), value))
		return start + at;
	return node->at;
}

static void check_pattern(
    struct cel_checker *c, uint32_t index, uint32_t pattern)
{
	const struct cel_node *literal = cel_node_at(c, pattern);
	struct cel_regex_fault fault;
	struct cel_regex *regex;

	if (literal->op != CEL_OP_STRING) {
		cel_refuse(c, literal->at,
		    "a pattern must be a string in quotes: it is compiled "
		    "when the policy is loaded");
		return;
	}
	regex = cel_regex_new(literal->as.text, &fault);
	if (!regex) {
		cel_refuse(c, place_in_string(c, literal, fault.at),
		    "in the pattern: %s", fault.reason);
		return;
	}
	cel_node_at(c, index)->as.regex = regex;
	cel_node_at(c, index)->op = CEL_OP_MATCHES;
}

static enum cel_type check_size(struct cel_checker *c, uint32_t index)
{
	uint32_t child = cel_node_at(c, index)->first;
	enum cel_type type = cel_check(c, child);

	if (type != CEL_STRING && type != CEL_LIST && type != CEL_BROKEN)
		cel_refuse(c, cel_node_at(c, child)->at,
		    "size needs a string or a list, this is %s",
		    cel_a_type(type));
	cel_node_at(c, index)->op = CEL_OP_SIZE;
	return CEL_INT;
}

/* x.f(y), both strings. */
static void check_strings(
    struct cel_checker *c, uint32_t index, enum cel_op op, const char *name)
{
	uint32_t child = cel_node_at(c, index)->first;
	bool is_fit = true;

	for (; child != CEL_NONE; child = cel_node_at(c, child)->next) {
		enum cel_type type = cel_check(c, child);

		if (type == CEL_STRING)
			continue;
		is_fit = false;
		if (type != CEL_BROKEN)
			cel_refuse(c, cel_node_at(c, child)->at,
			    "%s needs a string here, this is %s%s", name,
			    cel_a_type(type),
			    type == CEL_LIST && op == CEL_OP_CONTAINS
				? "; for a list write x in list"
				: "");
	}
	if (op == CEL_OP_MATCHES) {
		if (is_fit)
			check_pattern(c, index,
			    cel_node_at(c, cel_node_at(c, index)->first)->next);
	} else {
		cel_node_at(c, index)->op = (uint8_t)op;
	}
}

static void refuse_function(
    struct cel_checker *c, uint32_t index, struct span name)
{
	const char *known[LEN(functions)];
	const char *near;

	for (size_t i = 0; i < LEN(functions); i++)
		known[i] = functions[i].name;
	near = mistakes_nearest(name, known, LEN(known));
	cel_refuse(c, cel_node_at(c, index)->at,
	    "unknown function \"%.*s\"; %s%s%s", SPAN_FMT(span_head(name, 60)),
	    near ? "did you mean \"" : "there are ",
	    near ? near : "startsWith, endsWith, contains, matches and size",
	    near ? "\"?" : "");
}

static enum cel_type check_call(struct cel_checker *c, uint32_t index)
{
	struct span name = cel_node_at(c, index)->as.text;
	bool is_method = cel_node_at(c, index)->op == CEL_OP_METHOD;
	uint32_t child = cel_node_at(c, index)->first;
	size_t n = 0;
	size_t i = 0;

	for (; child != CEL_NONE; child = cel_node_at(c, child)->next)
		n++;
	while (i < LEN(functions) && !span_eq(name, span_of(functions[i].name)))
		i++;
	if (i == LEN(functions)) {
		refuse_function(c, index, name);
		return CEL_BROKEN;
	}
	if (!is_method && !functions[i].is_global) {
		cel_refuse(c, cel_node_at(c, index)->at, "write x.%s(y)",
		    functions[i].name);
		return CEL_BROKEN;
	}
	if (n != (functions[i].op == CEL_OP_SIZE ? 1 : 2)) {
		cel_refuse(c, cel_node_at(c, index)->at, "write %s",
		    functions[i].op == CEL_OP_SIZE ? "size(x)"
						   : "x.function(y)");
		return functions[i].op == CEL_OP_SIZE ? CEL_INT : CEL_BOOL;
	}
	if (functions[i].op == CEL_OP_SIZE)
		return check_size(c, index);
	check_strings(c, index, functions[i].op, functions[i].name);
	return CEL_BOOL;
}

/* --- the walk ----------------------------------------------------------- */

static enum cel_type type_of(struct cel_checker *c, uint32_t index)
{
	struct cel_node *node = cel_node_at(c, index);

	switch ((enum cel_op)node->op) {
	case CEL_OP_BOOL:
		return CEL_BOOL;
	case CEL_OP_INT:
		return CEL_INT;
	case CEL_OP_DOUBLE:
		return CEL_DOUBLE;
	case CEL_OP_STRING:
		return CEL_STRING;
	case CEL_OP_LIST:
		return check_list(c, index);
	case CEL_OP_NAME:
		return cel_check_name(c, index);
	case CEL_OP_SELECT:
		return cel_check_select(c, index);
	case CEL_OP_INDEX:
		return cel_check_index(c, index);
	case CEL_OP_CALL:
	case CEL_OP_METHOD:
		return check_call(c, index);
	case CEL_OP_OR:
	case CEL_OP_AND:
	case CEL_OP_NOT:
		return check_logic(c, index);
	case CEL_OP_EQ:
	case CEL_OP_NE:
		return check_equality(c, index);
	case CEL_OP_LT:
	case CEL_OP_LE:
	case CEL_OP_GT:
	case CEL_OP_GE:
		return check_order(c, index);
	case CEL_OP_IN:
		return check_in(c, index);
	case CEL_OP_ADD:
	case CEL_OP_SUBTRACT:
		return check_sum(c, index);
	case CEL_OP_NEGATE:
		return check_negate(c, index);
	default:
		assert(0 && "a node is checked once");
		return CEL_BROKEN;
	}
}

/* Recurses no deeper than CEL_DEPTH_MAX: the parser refused what is. */
enum cel_type cel_check(struct cel_checker *c, uint32_t index)
{
	enum cel_type type = type_of(c, index);

	cel_node_at(c, index)->type = (uint8_t)type;
	return type;
}

/* --- a program's life --------------------------------------------------- */

struct cel_program *cel_compile(const struct cel_source *source,
    const struct router_model *models, size_t n_models)
{
	struct cel_program *program = mem_new(struct cel_program);
	struct cel_checker c = {.source = source,
	    .program = program,
	    .models = models,
	    .n_models = n_models};
	enum cel_type type;

	/* Strings in 16-byte steps, dotted names: below 100 times the text. */
	arena_init(&program->strings, 128 * CEL_TEXT_MAX);
	if (!cel_parse(source, program)) {
		cel_free(&program);
		return NULL;
	}
	type = cel_check(&c, program->root);
	if (type != CEL_BOOL && type != CEL_BROKEN)
		cel_refuse(&c, program->nodes[program->root].at,
		    "a condition must be a bool, this is %s", cel_a_type(type));
	if (c.has_failed)
		cel_free(&program);
	return program;
}

void cel_free(struct cel_program **program)
{
	if (!*program)
		return;
	for (size_t i = 0; i < (*program)->n_nodes; i++) {
		struct cel_node *node = &(*program)->nodes[i];

		if (node->op == CEL_OP_MATCHES)
			cel_regex_free(&node->as.regex);
	}
	free((*program)->nodes);
	arena_free(&(*program)->strings);
	free(*program);
	*program = NULL;
}
