/* cel_names.c -- what a condition may name, and what it was meant to. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cel_check.h"

#include <assert.h>
#include <stdlib.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

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

static bool is_name(
    const struct cel_checker *c, uint32_t index, const char *name)
{
	const struct cel_node *node = cel_node_at(c, index);

	return node->op == CEL_OP_NAME && span_eq(node->as.text, span_of(name));
}

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

static enum cel_type refuse_name(
    struct cel_checker *c, size_t at, struct span name)
{
	static const char *const roots[] = {"request", "key", "models"};
	const char *near = nearest_variable(name);

	for (size_t i = 0; i < LEN(roots); i++) {
		if (span_eq(name, span_of(roots[i]))) {
			cel_refuse(c, at,
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
		cel_refuse(c, at, "unknown name \"%.*s\"; did you mean \"%s\"?",
		    SPAN_FMT(span_head(name, 60)), near);
	else
		cel_refuse(c, at,
		    "unknown name \"%.*s\"; a condition reads request, key "
		    "and models, and text stands in quotes",
		    SPAN_FMT(span_head(name, 60)));
	return CEL_BROKEN;
}

/* Whether a node is request.class or request.score. */
static bool is_class(const struct cel_checker *c, uint32_t index)
{
	const struct cel_node *node = cel_node_at(c, index);

	return node->op == CEL_OP_SELECT &&
	       is_name(c, node->first, "request") &&
	       (span_eq(node->as.text, SPAN("class")) ||
		   span_eq(node->as.text, SPAN("score")));
}

/* The whole dotted name "root.member", in the program's arena. */
static struct span dotted(
    struct cel_checker *c, const char *root, struct span member)
{
	char *name = arena_printf(&c->program->strings, "%s.%.*s", root,
	    SPAN_FMT(span_head(member, 100)));

	assert(name); /* bounded by the expression's length */
	return span_of(name);
}

/* request.x or key.x */
static enum cel_type check_variable(
    struct cel_checker *c, uint32_t index, const char *root)
{
	struct cel_node *node = cel_node_at(c, index);
	struct span name = dotted(c, root, node->as.text);
	const char *known[VARIABLE_COUNT];
	const char *near;
	size_t n = 0;

	for (unsigned i = 0; i < VARIABLE_COUNT; i++) {
		if (span_eq(name, span_of(variables[i].name))) {
			cel_make_leaf(node, CEL_OP_VARIABLE);
			node->as.variable = (enum cel_variable)i;
			if (variables[i].type == CEL_LIST)
				node->item = CEL_STRING;
			return variables[i].type;
		}
		if (span_starts_with(span_of(variables[i].name), span_of(root)))
			known[n++] = variables[i].name;
	}
	if (span_eq(name, SPAN("request.headers"))) {
		cel_refuse(c, node->at,
		    "request.headers needs a name: "
		    "request.headers[\"x-name\"]");
		return CEL_BROKEN;
	}
	if (is_class(c, index)) {
		cel_refuse(c, node->at,
		    "%.*s needs a classifier's name in brackets",
		    SPAN_FMT(name));
		return CEL_BROKEN;
	}
	near = mistakes_nearest(name, known, n);
	if (near)
		cel_refuse(c, node->at,
		    "unknown variable \"%.*s\"; did you mean \"%s\"?",
		    SPAN_FMT(name), near);
	else
		cel_refuse(c, node->at, "unknown variable \"%.*s\"; %s",
		    SPAN_FMT(name),
		    root[0] == 'k'
			? "key has name and tags"
			: "request has task, language, model, endpoint, "
			  "tokens, turns, difficulty, tools, images, "
			  "json_schema, stream, text, headers[...], "
			  "class[...] and score[...]");
	return CEL_BROKEN;
}

/* request.headers[...] with the node of the brackets or of the left of "in". */
enum cel_type cel_check_header(
    struct cel_checker *c, uint32_t index, uint32_t name, enum cel_op op)
{
	struct cel_node *node = cel_node_at(c, index);
	struct cel_node *key = cel_node_at(c, name);
	struct span lower;
	char *text;

	if (key->op != CEL_OP_STRING) {
		cel_refuse(
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
	cel_make_leaf(node, op);
	node->as.text = lower;
	return op == CEL_OP_HEADER ? CEL_STRING : CEL_BOOL;
}

bool cel_is_headers(const struct cel_checker *c, uint32_t index)
{
	const struct cel_node *node = cel_node_at(c, index);

	return node->op == CEL_OP_SELECT &&
	       span_eq(node->as.text, SPAN("headers")) &&
	       is_name(c, node->first, "request");
}

/* The model that is offered as the class named by node <key>. */
static size_t find_class(struct cel_checker *c, uint32_t key)
{
	const struct cel_node *node = cel_node_at(c, key);
	const char **names = mem_alloc((c->n_models + 1) * sizeof(names[0]));
	size_t found = SIZE_MAX, n = 0;
	const char *near;

	for (size_t i = 0; i < c->n_models; i++) {
		const char *name = c->models[i].class_name;

		if (!name)
			continue;
		names[n++] = name;
		if (node->op == CEL_OP_STRING &&
		    span_eq(node->as.text, span_of(name)))
			found = i;
	}
	near = node->op == CEL_OP_STRING
		   ? mistakes_nearest(node->as.text, names, n)
		   : NULL;
	if (node->op != CEL_OP_STRING)
		cel_refuse(c, node->at,
		    "a classifier's name must be a string in quotes");
	else if (found == SIZE_MAX)
		cel_refuse(c, node->at,
		    "no local model is offered as class \"%.*s\"%s%s%s",
		    SPAN_FMT(span_head(node->as.text, 100)),
		    near ? "; did you mean \"" : "", near ? near : "",
		    near ? "\"?" : "");
	free(names);
	return found;
}

/* request.class["name"] or request.score["name"] */
static enum cel_type check_class(struct cel_checker *c, uint32_t index)
{
	struct cel_node *node = cel_node_at(c, index);
	const struct cel_node *object = cel_node_at(c, node->first);
	bool is_score = span_eq(object->as.text, SPAN("score"));
	size_t model = find_class(c, object->next);

	cel_make_leaf(node, CEL_OP_MODEL);
	node->as.model.index = model;
	node->as.model.field = is_score ? MODEL_FIELD_SCORE : MODEL_FIELD_CLASS;
	if (model == SIZE_MAX)
		return CEL_BROKEN;
	return is_score ? CEL_DOUBLE : CEL_STRING;
}

enum cel_type cel_check_index(struct cel_checker *c, uint32_t index)
{
	uint32_t object = cel_node_at(c, index)->first;
	uint32_t key = cel_node_at(c, object)->next;

	if (cel_is_headers(c, object))
		return cel_check_header(c, index, key, CEL_OP_HEADER);
	if (is_class(c, object))
		return check_class(c, index);
	if (is_name(c, object, "models"))
		cel_refuse(c, cel_node_at(c, index)->at,
		    "models[...] needs a member: queue, kv_free or healthy");
	else
		cel_refuse(c, cel_node_at(c, index)->at,
		    "only request.headers, request.class, request.score "
		    "and models take [...]");
	return CEL_BROKEN;
}

/* The index of the model named by node <key>; SIZE_MAX after a mistake. */
static size_t find_model(struct cel_checker *c, uint32_t key)
{
	const struct cel_node *node = cel_node_at(c, key);
	const char **names;
	const char *near;

	if (node->op != CEL_OP_STRING) {
		cel_refuse(
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
	cel_refuse(c, node->at, "unknown model \"%.*s\"%s%s%s",
	    SPAN_FMT(span_head(node->as.text, 100)),
	    near ? "; did you mean \"" : "", near ? near : "",
	    near ? "\"?" : "");
	free(names);
	return SIZE_MAX;
}

/* models["name"].field */
static enum cel_type check_model(struct cel_checker *c, uint32_t index)
{
	struct cel_node *node = cel_node_at(c, index);
	uint32_t key = cel_node_at(c, cel_node_at(c, node->first)->first)->next;
	size_t model = find_model(c, key);
	const char *known[LEN(model_fields)];
	const char *near;

	for (size_t i = 0; i < LEN(model_fields); i++) {
		known[i] = model_fields[i].name;
		if (!span_eq(node->as.text, span_of(known[i])))
			continue;
		cel_make_leaf(node, CEL_OP_MODEL);
		node->as.model.index = model;
		node->as.model.field = model_fields[i].field;
		return model == SIZE_MAX ? CEL_BROKEN : model_fields[i].type;
	}
	near = mistakes_nearest(node->as.text, known, LEN(known));
	cel_refuse(c, node->at,
	    "a model has no \"%.*s\"; it has queue, kv_free and healthy%s%s%s",
	    SPAN_FMT(span_head(node->as.text, 60)),
	    near ? "; did you mean \"" : "", near ? near : "",
	    near ? "\"?" : "");
	return CEL_BROKEN;
}

enum cel_type cel_check_select(struct cel_checker *c, uint32_t index)
{
	struct cel_node *node = cel_node_at(c, index);
	uint32_t object = node->first;
	const struct cel_node *inner = cel_node_at(c, object);

	if (is_name(c, object, "request"))
		return check_variable(c, index, "request");
	if (is_name(c, object, "key"))
		return check_variable(c, index, "key");
	if (inner->op == CEL_OP_INDEX && is_name(c, inner->first, "models"))
		return check_model(c, index);
	if (is_name(c, object, "models")) {
		cel_refuse(c, node->at,
		    "models take a name in brackets: models[\"name\"].queue");
		return CEL_BROKEN;
	}
	if (inner->op == CEL_OP_NAME)
		return refuse_name(c, inner->at, inner->as.text);
	if (cel_check(c, object) != CEL_BROKEN)
		cel_refuse(c, node->at, "%s has no member \"%.*s\"",
		    cel_a_type(cel_node_at(c, object)->type),
		    SPAN_FMT(span_head(cel_node_at(c, index)->as.text, 60)));
	return CEL_BROKEN;
}

void cel_check_word(struct cel_checker *c, uint32_t variable, uint32_t literal)
{
	static const char *const endpoints[] = {
	    "chat", "completions", "embeddings"};
	const struct cel_node *left = cel_node_at(c, variable);
	const struct cel_node *right = cel_node_at(c, literal);
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
	cel_refuse(c, right->at, "%s is never \"%.*s\"; %s%s%s",
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

enum cel_type cel_check_name(struct cel_checker *c, uint32_t index)
{
	const struct cel_node *node = cel_node_at(c, index);

	return refuse_name(c, node->at, node->as.text);
}
