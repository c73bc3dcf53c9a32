/* cel_check.c -- gives a condition's nodes types, and its names numbers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cel.h"

#include <assert.h>
#include <stdlib.h>

struct checker {
	const struct cel_source *source;
	struct cel_program *program;
	const struct router_model *models;
	size_t n_models;
	bool has_failed;
};

static enum cel_type check(struct checker *c, uint32_t index);

#define mistake(c, at, ...)                                                    \
	do {                                                                   \
		cel_mistake((c)->source, (at), __VA_ARGS__);                   \
		(c)->has_failed = true;                                        \
	} while (0)

static const struct {
	const char *name;
	enum cel_type type;
} variables[VARIABLE_COUNT] = {
#define CEL_VARIABLE_ROW(name, type, number) [number] = {name, type},
    CEL_VARIABLES(CEL_VARIABLE_ROW)
#undef CEL_VARIABLE_ROW
};

static const struct {
	const char *name;
	enum cel_model_field field;
	enum cel_type type;
} model_fields[] = {
    {"queue", MODEL_FIELD_QUEUE, CEL_INT},
    {"kv_free", MODEL_FIELD_KV_FREE, CEL_DOUBLE},
    {"healthy", MODEL_FIELD_HEALTHY, CEL_BOOL},
};

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

static const char *type_name(enum cel_type type)
{
	static const char *const names[] = {
	    [CEL_BROKEN] = "unknown",
	    [CEL_BOOL] = "bool",
	    [CEL_INT] = "int",
	    [CEL_DOUBLE] = "double",
	    [CEL_STRING] = "string",
	    [CEL_LIST] = "list",
	};

	return names[type];
}

/* The same with its article. */
static const char *a_type(enum cel_type type)
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

static struct cel_node *node_at(struct checker *c, uint32_t index)
{
	return &c->program->nodes[index];
}

static bool is_name(struct checker *c, uint32_t index, const char *name)
{
	const struct cel_node *node = node_at(c, index);

	return node->op == CEL_OP_NAME && span_eq(node->as.text, span_of(name));
}

/* Turns a node into one without children. */
static void make_leaf(struct cel_node *node, enum cel_op op)
{
	node->op = (uint8_t)op;
	node->first = CEL_NONE;
}

/* --- names -------------------------------------------------------------- */

/* What a name that is no variable may have been meant for. */
static const char *nearest_variable(struct span name)
{
	const char *known[VARIABLE_COUNT];

	for (size_t i = 0; i < VARIABLE_COUNT; i++) {
		const char *dot = strchr(variables[i].name, '.');

		known[i] = variables[i].name;
		if (span_eq(name, span_of(dot + 1)))
			return known[i];
	}
	return mistakes_nearest(name, known, VARIABLE_COUNT);
}

static enum cel_type refuse_name(struct checker *c, size_t at, struct span name)
{
	static const char *const roots[] = {"request", "key", "models"};
	const char *near = nearest_variable(name);

	for (size_t i = 0; i < LEN(roots); i++) {
		if (span_eq(name, span_of(roots[i]))) {
			mistake(c, at,
			    "\"%s\" is not a value by itself; name a member, "
			    "as %s",
			    roots[i],
			    i == 0   ? "request.task"
			    : i == 1 ? "key.name"
				     : "models[\"name\"].queue");
			return CEL_BROKEN;
		}
	}
	if (!near)
		near = mistakes_nearest(name, roots, LEN(roots));
	if (near)
		mistake(c, at, "unknown name \"%.*s\"; did you mean \"%s\"?",
		    SPAN_FMT(span_head(name, 60)), near);
	else
		mistake(c, at,
		    "unknown name \"%.*s\"; a condition reads request, key "
		    "and models, and text stands in quotes",
		    SPAN_FMT(span_head(name, 60)));
	return CEL_BROKEN;
}

/* The whole dotted name "root.member", in the program's arena. */
static struct span dotted(
    struct checker *c, const char *root, struct span member)
{
	char *name = arena_printf(&c->program->strings, "%s.%.*s", root,
	    SPAN_FMT(span_head(member, 100)));

	assert(name); /* bounded by the expression's length */
	return span_of(name);
}

/* request.x or key.x */
static enum cel_type check_variable(
    struct checker *c, uint32_t index, const char *root)
{
	struct cel_node *node = node_at(c, index);
	struct span name = dotted(c, root, node->as.text);
	const char *known[VARIABLE_COUNT];
	const char *near;
	size_t n = 0;

	for (unsigned i = 0; i < VARIABLE_COUNT; i++) {
		if (span_eq(name, span_of(variables[i].name))) {
			make_leaf(node, CEL_OP_VARIABLE);
			node->as.variable = (enum cel_variable)i;
			if (variables[i].type == CEL_LIST)
				node->item = CEL_STRING;
			return variables[i].type;
		}
		if (span_starts_with(span_of(variables[i].name), span_of(root)))
			known[n++] = variables[i].name;
	}
	if (span_eq(name, SPAN("request.headers"))) {
		mistake(c, node->at,
		    "request.headers needs a name: "
		    "request.headers[\"x-name\"]");
		return CEL_BROKEN;
	}
	near = mistakes_nearest(name, known, n);
	if (near)
		mistake(c, node->at,
		    "unknown variable \"%.*s\"; did you mean \"%s\"?",
		    SPAN_FMT(name), near);
	else
		mistake(c, node->at, "unknown variable \"%.*s\"; %s",
		    SPAN_FMT(name),
		    root[0] == 'k'
			? "key has name and tags"
			: "request has task, language, model, endpoint, "
			  "tokens, turns, difficulty, tools, images, "
			  "json_schema, stream, text and headers[...]");
	return CEL_BROKEN;
}

/* request.headers[...] with the node of the brackets or of the left of "in". */
static enum cel_type check_header(
    struct checker *c, uint32_t index, uint32_t name, enum cel_op op)
{
	struct cel_node *node = node_at(c, index);
	struct cel_node *key = node_at(c, name);
	struct span lower;
	char *text;

	if (key->op != CEL_OP_STRING) {
		mistake(
		    c, key->at, "a header's name must be a string in quotes");
		return CEL_BROKEN;
	}
	text = arena_alloc(&c->program->strings, key->as.text.len + 1);
	assert(text);
	lower = span_make(text, key->as.text.len);
	for (size_t i = 0; i < lower.len; i++) {
		char byte = key->as.text.ptr[i];

		text[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte + 32) : byte;
	}
	make_leaf(node, op);
	node->as.text = lower;
	return op == CEL_OP_HEADER ? CEL_STRING : CEL_BOOL;
}

static bool is_headers(struct checker *c, uint32_t index)
{
	const struct cel_node *node = node_at(c, index);

	return node->op == CEL_OP_SELECT &&
	       span_eq(node->as.text, SPAN("headers")) &&
	       is_name(c, node->first, "request");
}

static enum cel_type check_index(struct checker *c, uint32_t index)
{
	uint32_t object = node_at(c, index)->first;
	uint32_t key = node_at(c, object)->next;

	if (is_headers(c, object))
		return check_header(c, index, key, CEL_OP_HEADER);
	if (is_name(c, object, "models"))
		mistake(c, node_at(c, index)->at,
		    "models[...] needs a member: queue, kv_free or healthy");
	else
		mistake(c, node_at(c, index)->at,
		    "only request.headers and models take [...]");
	return CEL_BROKEN;
}

/* The index of the model named by node <key>; SIZE_MAX after a mistake. */
static size_t find_model(struct checker *c, uint32_t key)
{
	const struct cel_node *node = node_at(c, key);
	const char **names;
	const char *near;

	if (node->op != CEL_OP_STRING) {
		mistake(
		    c, node->at, "a model's name must be a string in quotes");
		return SIZE_MAX;
	}
	for (size_t i = 0; i < c->n_models; i++) {
		if (span_eq(node->as.text, span_of(c->models[i].name)))
			return i;
	}
	names = mem_alloc((c->n_models + 1) * sizeof(names[0]));
	for (size_t i = 0; i < c->n_models; i++)
		names[i] = c->models[i].name;
	near = mistakes_nearest(node->as.text, names, c->n_models);
	mistake(c, node->at, "unknown model \"%.*s\"%s%s%s",
	    SPAN_FMT(span_head(node->as.text, 100)),
	    near ? "; did you mean \"" : "", near ? near : "",
	    near ? "\"?" : "");
	free(names);
	return SIZE_MAX;
}

/* models["name"].field */
static enum cel_type check_model(struct checker *c, uint32_t index)
{
	struct cel_node *node = node_at(c, index);
	uint32_t key = node_at(c, node_at(c, node->first)->first)->next;
	size_t model = find_model(c, key);
	const char *known[LEN(model_fields)];
	const char *near;

	for (size_t i = 0; i < LEN(model_fields); i++) {
		known[i] = model_fields[i].name;
		if (!span_eq(node->as.text, span_of(known[i])))
			continue;
		make_leaf(node, CEL_OP_MODEL);
		node->as.model.index = model;
		node->as.model.field = model_fields[i].field;
		return model == SIZE_MAX ? CEL_BROKEN : model_fields[i].type;
	}
	near = mistakes_nearest(node->as.text, known, LEN(known));
	mistake(c, node->at,
	    "a model has no \"%.*s\"; it has queue, kv_free and healthy%s%s%s",
	    SPAN_FMT(span_head(node->as.text, 60)),
	    near ? "; did you mean \"" : "", near ? near : "",
	    near ? "\"?" : "");
	return CEL_BROKEN;
}

static enum cel_type check_select(struct checker *c, uint32_t index)
{
	struct cel_node *node = node_at(c, index);
	uint32_t object = node->first;
	const struct cel_node *inner = node_at(c, object);

	if (is_name(c, object, "request"))
		return check_variable(c, index, "request");
	if (is_name(c, object, "key"))
		return check_variable(c, index, "key");
	if (inner->op == CEL_OP_INDEX && is_name(c, inner->first, "models"))
		return check_model(c, index);
	if (is_name(c, object, "models")) {
		mistake(c, node->at,
		    "models take a name in brackets: models[\"name\"].queue");
		return CEL_BROKEN;
	}
	if (inner->op == CEL_OP_NAME)
		return refuse_name(c, inner->at, inner->as.text);
	if (check(c, object) != CEL_BROKEN)
		mistake(c, node->at, "%s has no member \"%.*s\"",
		    a_type(node_at(c, object)->type),
		    SPAN_FMT(span_head(node_at(c, index)->as.text, 60)));
	return CEL_BROKEN;
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

static enum cel_type check_logic(struct checker *c, uint32_t index)
{
	static const char *const signs[] = {
	    [CEL_OP_OR] = "||", [CEL_OP_AND] = "&&", [CEL_OP_NOT] = "!"};
	uint32_t child = node_at(c, index)->first;

	for (; child != CEL_NONE; child = node_at(c, child)->next) {
		enum cel_type type = check(c, child);

		if (type != CEL_BOOL && type != CEL_BROKEN)
			mistake(c, node_at(c, child)->at,
			    "%s needs a bool here, this is %s",
			    signs[node_at(c, index)->op], a_type(type));
	}
	return CEL_BOOL;
}

/*
 * A task or endpoint compared with a word that it never is: the rule would
 * silently never match.
 */
static void check_word(struct checker *c, uint32_t variable, uint32_t literal)
{
	static const char *const endpoints[] = {
	    "chat", "completions", "embeddings"};
	const struct cel_node *left = node_at(c, variable);
	const struct cel_node *right = node_at(c, literal);
	const char *tasks[TASK_COUNT];
	const char *const *known = endpoints;
	size_t n = LEN(endpoints);
	const char *near;

	if (left->op != CEL_OP_VARIABLE || right->op != CEL_OP_STRING)
		return;
	if (left->as.variable == VARIABLE_TASK) {
		for (unsigned i = 0; i < TASK_COUNT; i++)
			tasks[i] = router_task_name((enum router_task)i);
		known = tasks;
		n = TASK_COUNT;
	} else if (left->as.variable != VARIABLE_ENDPOINT) {
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (span_eq(right->as.text, span_of(known[i])))
			return;
	}
	near = mistakes_nearest(right->as.text, known, n);
	mistake(c, right->at, "%s is never \"%.*s\"; %s%s%s",
	    variables[left->as.variable].name,
	    SPAN_FMT(span_head(right->as.text, 60)),
	    near ? "did you mean \"" : "it is one of ",
	    near ? near
	    : n == TASK_COUNT
		? "code, mathematics, extraction, summarising, translation, "
		  "classification, question, chat, creative"
		: "chat, completions, embeddings",
	    near ? "\"?" : "");
}

static enum cel_type check_equality(struct checker *c, uint32_t index)
{
	uint32_t left = node_at(c, index)->first;
	uint32_t right = node_at(c, left)->next;
	enum cel_type a = check(c, left);
	enum cel_type b = check(c, right);
	enum cel_type x = (enum cel_type)node_at(c, left)->item;
	enum cel_type y = (enum cel_type)node_at(c, right)->item;

	if (!may_equal(a, b) ||
	    (a == CEL_LIST && b == CEL_LIST && !may_equal(x, y)))
		mistake(c, node_at(c, index)->at, "%s is never equal to %s%s",
		    a_type(a), a_type(b), a == b ? " of other things" : "");
	check_word(c, left, right);
	check_word(c, right, left);
	return CEL_BOOL;
}

static enum cel_type check_order(struct checker *c, uint32_t index)
{
	uint32_t left = node_at(c, index)->first;
	uint32_t right = node_at(c, left)->next;
	enum cel_type a = check(c, left);
	enum cel_type b = check(c, right);

	if (a == CEL_BROKEN || b == CEL_BROKEN)
		return CEL_BOOL;
	if (!(is_number(a) && is_number(b)) &&
	    !(a == CEL_STRING && b == CEL_STRING))
		mistake(c, node_at(c, index)->at,
		    "%s and %s have no order; numbers and strings have",
		    a_type(a), a_type(b));
	return CEL_BOOL;
}

static enum cel_type check_in(struct checker *c, uint32_t index)
{
	uint32_t left = node_at(c, index)->first;
	uint32_t right = node_at(c, left)->next;
	enum cel_type a;
	enum cel_type b;

	if (is_headers(c, right))
		return check_header(c, index, left, CEL_OP_HAS_HEADER);
	a = check(c, left);
	b = check(c, right);
	if (b != CEL_LIST && b != CEL_BROKEN)
		mistake(c, node_at(c, right)->at,
		    "\"in\" needs a list on its right, this is %s%s", a_type(b),
		    a == CEL_STRING && b == CEL_STRING
			? "; for a part of a text write x.contains(y)"
			: "");
	else if (b == CEL_LIST &&
		 !may_equal(a, (enum cel_type)node_at(c, right)->item))
		mistake(c, node_at(c, index)->at,
		    "%s is never in a list of %ss", a_type(a),
		    type_name((enum cel_type)node_at(c, right)->item));
	if (node_at(c, right)->op == CEL_OP_LIST) {
		uint32_t item = node_at(c, right)->first;

		for (; item != CEL_NONE; item = node_at(c, item)->next)
			check_word(c, left, item);
	}
	return CEL_BOOL;
}

static enum cel_type check_sum(struct checker *c, uint32_t index)
{
	bool is_add = node_at(c, index)->op == CEL_OP_ADD;
	uint32_t left = node_at(c, index)->first;
	uint32_t right = node_at(c, left)->next;
	enum cel_type a = check(c, left);
	enum cel_type b = check(c, right);

	if (a == CEL_BROKEN || b == CEL_BROKEN)
		return CEL_BROKEN;
	if (a == b && (is_number(a) || (a == CEL_STRING && is_add)))
		return a;
	if (is_number(a) && is_number(b))
		mistake(c, node_at(c, index)->at,
		    "an int and a double cannot be %s; write the int as a "
		    "double, 2.0 for 2",
		    is_add ? "added" : "subtracted");
	else
		mistake(c, node_at(c, index)->at,
		    "%s has no meaning between %s and %s", is_add ? "+" : "-",
		    a_type(a), a_type(b));
	return CEL_BROKEN;
}

static enum cel_type check_negate(struct checker *c, uint32_t index)
{
	uint32_t child = node_at(c, index)->first;
	enum cel_type type = check(c, child);

	if (type != CEL_BROKEN && !is_number(type)) {
		mistake(c, node_at(c, child)->at,
		    "- needs a number here, this is %s", a_type(type));
		return CEL_BROKEN;
	}
	return type;
}

static enum cel_type check_list(struct checker *c, uint32_t index)
{
	enum cel_type item = CEL_BROKEN;
	uint32_t child = node_at(c, index)->first;

	for (; child != CEL_NONE; child = node_at(c, child)->next) {
		enum cel_type type = check(c, child);

		if (type == CEL_LIST) {
			mistake(c, node_at(c, child)->at,
			    "a list may not stand in a list");
			return CEL_BROKEN;
		}
		if (item == CEL_BROKEN)
			item = type;
		if (type != item && type != CEL_BROKEN)
			mistake(c, node_at(c, child)->at,
			    "a list's elements are of one type; the first is "
			    "%s, this is %s",
			    a_type(item), a_type(type));
	}
	node_at(c, index)->item = (uint8_t)item;
	return CEL_LIST;
}

/* --- functions ---------------------------------------------------------- */

/*
 * Where byte <at> of a string's value stands in the expression; the string's
 * beginning when escapes make that unclear.
 */
static size_t place_in_string(
    struct checker *c, const struct cel_node *node, size_t at)
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

static void check_pattern(struct checker *c, uint32_t index, uint32_t pattern)
{
	const struct cel_node *literal = node_at(c, pattern);
	struct cel_regex_fault fault;
	struct cel_regex *regex;

	if (literal->op != CEL_OP_STRING) {
		mistake(c, literal->at,
		    "a pattern must be a string in quotes: it is compiled "
		    "when the policy is loaded");
		return;
	}
	regex = cel_regex_new(literal->as.text, &fault);
	if (!regex) {
		mistake(c, place_in_string(c, literal, fault.at),
		    "in the pattern: %s", fault.reason);
		return;
	}
	node_at(c, index)->as.regex = regex;
	node_at(c, index)->op = CEL_OP_MATCHES;
}

static enum cel_type check_size(struct checker *c, uint32_t index)
{
	uint32_t child = node_at(c, index)->first;
	enum cel_type type = check(c, child);

	if (type != CEL_STRING && type != CEL_LIST && type != CEL_BROKEN)
		mistake(c, node_at(c, child)->at,
		    "size needs a string or a list, this is %s", a_type(type));
	node_at(c, index)->op = CEL_OP_SIZE;
	return CEL_INT;
}

/* x.f(y), both strings. */
static void check_strings(
    struct checker *c, uint32_t index, enum cel_op op, const char *name)
{
	uint32_t child = node_at(c, index)->first;
	bool is_fit = true;

	for (; child != CEL_NONE; child = node_at(c, child)->next) {
		enum cel_type type = check(c, child);

		if (type == CEL_STRING)
			continue;
		is_fit = false;
		if (type != CEL_BROKEN)
			mistake(c, node_at(c, child)->at,
			    "%s needs a string here, this is %s%s", name,
			    a_type(type),
			    type == CEL_LIST && op == CEL_OP_CONTAINS
				? "; for a list write x in list"
				: "");
	}
	if (op == CEL_OP_MATCHES) {
		if (is_fit)
			check_pattern(c, index,
			    node_at(c, node_at(c, index)->first)->next);
	} else {
		node_at(c, index)->op = (uint8_t)op;
	}
}

static void refuse_function(struct checker *c, uint32_t index, struct span name)
{
	const char *known[LEN(functions)];
	const char *near;

	for (size_t i = 0; i < LEN(functions); i++)
		known[i] = functions[i].name;
	near = mistakes_nearest(name, known, LEN(known));
	mistake(c, node_at(c, index)->at, "unknown function \"%.*s\"; %s%s%s",
	    SPAN_FMT(span_head(name, 60)),
	    near ? "did you mean \"" : "there are ",
	    near ? near : "startsWith, endsWith, contains, matches and size",
	    near ? "\"?" : "");
}

static enum cel_type check_call(struct checker *c, uint32_t index)
{
	struct span name = node_at(c, index)->as.text;
	bool is_method = node_at(c, index)->op == CEL_OP_METHOD;
	uint32_t child = node_at(c, index)->first;
	size_t n = 0;
	size_t i = 0;

	for (; child != CEL_NONE; child = node_at(c, child)->next)
		n++;
	while (i < LEN(functions) && !span_eq(name, span_of(functions[i].name)))
		i++;
	if (i == LEN(functions)) {
		refuse_function(c, index, name);
		return CEL_BROKEN;
	}
	if (!is_method && !functions[i].is_global) {
		mistake(c, node_at(c, index)->at, "write x.%s(y)",
		    functions[i].name);
		return CEL_BROKEN;
	}
	if (n != (functions[i].op == CEL_OP_SIZE ? 1 : 2)) {
		mistake(c, node_at(c, index)->at, "write %s",
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

static enum cel_type type_of(struct checker *c, uint32_t index)
{
	struct cel_node *node = node_at(c, index);

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
		return refuse_name(c, node->at, node->as.text);
	case CEL_OP_SELECT:
		return check_select(c, index);
	case CEL_OP_INDEX:
		return check_index(c, index);
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
		assert(!"a node is checked once");
		return CEL_BROKEN;
	}
}

/* Recurses no deeper than CEL_DEPTH_MAX: the parser refused what is. */
static enum cel_type check(struct checker *c, uint32_t index)
{
	enum cel_type type = type_of(c, index);

	node_at(c, index)->type = (uint8_t)type;
	return type;
}

/* --- a program's life --------------------------------------------------- */

struct cel_program *cel_compile(const struct cel_source *source,
    const struct router_model *models, size_t n_models)
{
	struct cel_program *program = mem_new(struct cel_program);
	struct checker c = {.source = source,
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
	type = check(&c, program->root);
	if (type != CEL_BOOL && type != CEL_BROKEN)
		mistake(&c, program->nodes[program->root].at,
		    "a condition must be a bool, this is %s", a_type(type));
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
