/* eval.c -- the value of an expression. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/run.h"

/* --- names and literals ------------------------------------------------- */

static bool eval_name(struct run *run, const struct node *node,
    const struct scope *scope, struct value *out)
{
	const struct value *found = jinja_scope_get(run, scope, node->symbol);
	struct span name;

	if (found) {
		*out = *found;
		return true;
	}
	name = run->template->symbols.names[node->symbol];
	*out = (struct value){
	    .kind = VALUE_FUNCTION, .as.function = jinja_global_find(name)};
	if (out->as.function)
		return true;
	return jinja_undefined(run, SPAN(""), name, out);
}

static bool eval_list(struct run *run, const struct node *node,
    struct scope *scope, struct value *out)
{
	size_t i = 0;

	if (!jinja_list(run, node->kind == NODE_LIST ? LIST_LIST : LIST_TUPLE,
		node->count, out))
		return false;
	for (const struct node *item = node->first; item; item = item->next) {
		if (!jinja_eval(run, item, scope, &out->as.list->items[i++]))
			return false;
	}
	return true;
}

static bool eval_dict(struct run *run, const struct node *node,
    struct scope *scope, struct value *out)
{
	struct entry *entries =
	    jinja_alloc(run, node->count * sizeof(*entries));
	size_t i = 0;

	if (!entries)
		return false;
	for (const struct node *key = node->first; key; key = key->next->next) {
		if (!jinja_eval(run, key, scope, &entries[i].key) ||
		    !jinja_eval(run, key->next, scope, &entries[i].value))
			return false;
		i++;
	}
	return jinja_dict(run, entries, i, out);
}

/* --- subscripts --------------------------------------------------------- */

static bool eval_attribute(struct run *run, const struct node *node,
    struct scope *scope, struct value *out)
{
	struct value object;

	return jinja_eval(run, node->first, scope, &object) &&
	       jinja_attribute(run, &object, node->text, out);
}

static bool eval_item(struct run *run, const struct node *node,
    struct scope *scope, struct value *out)
{
	struct value object, key;

	return jinja_eval(run, node->first, scope, &object) &&
	       jinja_eval(run, node->second, scope, &key) &&
	       jinja_item(run, &object, &key, out);
}

static bool eval_slice(struct run *run, const struct node *node,
    struct scope *scope, struct value *out)
{
	const struct node *bound = node->second;
	struct value object, bounds[3];

	if (!jinja_eval(run, node->first, scope, &object))
		return false;
	for (int i = 0; i < 3; i++, bound = bound->next) {
		bounds[i] = VALUE_OF_NONE;
		if (bound->kind != NODE_ABSENT &&
		    !jinja_eval(run, bound, scope, &bounds[i]))
			return false;
	}
	return jinja_slice(run, &object, bounds, out);
}

/* --- operators ---------------------------------------------------------- */

static bool eval_math(struct run *run, const struct node *node,
    struct scope *scope, struct value *out)
{
	const struct node *operand = node->first;
	struct value left, right;

	if (!jinja_eval(run, operand, scope, &left))
		return false;
	while ((operand = operand->next)) {
		if (!jinja_eval(run, operand, scope, &right) ||
		    !jinja_math(
			run, (enum node_op)operand->op, &left, &right, out))
			return false;
		left = *out;
	}
	return true;
}

static bool eval_concat(struct run *run, const struct node *node,
    struct scope *scope, struct value *out)
{
	struct value operand;
	struct text *text, *joined = NULL;

	for (const struct node *at = node->first; at; at = at->next) {
		if (!jinja_eval(run, at, scope, &operand) ||
		    !jinja_str(run, &operand, &text))
			return false;
		*out = (struct value){.kind = VALUE_STRING, .as.text = text};
		if (joined && !jinja_concat(run, joined, text, out))
			return false;
		joined = out->as.text;
	}
	return true;
}

static bool eval_comparison(struct run *run, const struct node *node,
    struct scope *scope, struct value *out)
{
	const struct node *operand = node->first;
	struct value left, right;
	bool holds = true;

	if (!jinja_eval(run, operand, scope, &left))
		return false;
	while (holds && (operand = operand->next)) {
		if (!jinja_eval(run, operand, scope, &right) ||
		    !jinja_compare(
			run, (enum node_op)operand->op, &left, &right, &holds))
			return false;
		left = right;
	}
	*out = value_bool(holds);
	return true;
}

/* The first operand that decides, as Python's `and` and `or`. */
static bool eval_logic(struct run *run, const struct node *node,
    struct scope *scope, struct value *out)
{
	bool ends_at = node->kind == NODE_OR;

	for (const struct node *at = node->first; at; at = at->next) {
		if (!jinja_eval(run, at, scope, out))
			return false;
		if (jinja_is_true(out) == ends_at)
			break;
	}
	return true;
}

static bool eval_sign(struct run *run, const struct node *node,
    struct scope *scope, struct value *out)
{
	struct value zero = value_int(0), operand;

	if (!jinja_eval(run, node->first, scope, &operand))
		return false;
	if (operand.kind == VALUE_REAL) {
		*out = value_real(node->kind == NODE_NEGATE ? -operand.as.real
							    : operand.as.real);
		return true;
	}
	if (operand.kind > VALUE_REAL || operand.kind == VALUE_NONE)
		return jinja_fail(run, "bad operand type for unary %c: '%s'",
		    node->kind == NODE_NEGATE ? '-' : '+',
		    jinja_type(&operand));
	return jinja_math(run, node->kind == NODE_NEGATE ? OP_SUB : OP_ADD,
	    &zero, &operand, out);
}

static bool eval_choice(struct run *run, const struct node *node,
    struct scope *scope, struct value *out)
{
	struct value condition;

	if (!jinja_eval(run, node->first, scope, &condition))
		return false;
	if (jinja_is_true(&condition))
		return jinja_eval(run, node->second, scope, out);
	if (node->third)
		return jinja_eval(run, node->third, scope, out);
	return jinja_undefined_hint(
	    run, "the inline if-expression was false and has no else", out);
}

/* --- calls -------------------------------------------------------------- */

static bool eval_call(struct run *run, const struct node *node,
    struct scope *scope, struct value *out)
{
	struct arguments arguments;
	struct value callee;

	return jinja_eval(run, node->first, scope, &callee) &&
	       jinja_arguments(run, node->second, scope, &arguments) &&
	       jinja_call(run, &callee, &arguments, out);
}

static bool eval_builtin(struct run *run, const struct node *node,
    struct scope *scope, struct value *out)
{
	struct arguments arguments = {0};
	struct value self;

	if (!jinja_eval(run, node->first, scope, &self))
		return false;
	if (node->second &&
	    !jinja_arguments(run, node->second, scope, &arguments))
		return false;
	return jinja_call_builtin(run, node->builtin, &self, &arguments, out);
}

bool jinja_eval_filters(struct run *run, const struct node *node,
    struct scope *scope, struct value *value)
{
	struct arguments arguments;
	struct value self;

	/* The innermost filter has no operand but the block. */
	if (node->first && !jinja_eval_filters(run, node->first, scope, value))
		return false;
	self = *value;
	return jinja_arguments(run, node->second, scope, &arguments) &&
	       jinja_call_builtin(run, node->builtin, &self, &arguments, value);
}

/* --- expressions -------------------------------------------------------- */

static bool eval_one(struct run *run, const struct node *node,
    struct scope *scope, struct value *out)
{
	switch (node->kind) {
	case NODE_LIST:
	case NODE_TUPLE:
		return eval_list(run, node, scope, out);
	case NODE_DICT:
		return eval_dict(run, node, scope, out);
	case NODE_ATTRIBUTE:
		return eval_attribute(run, node, scope, out);
	case NODE_ITEM:
		return eval_item(run, node, scope, out);
	case NODE_SLICE:
		return eval_slice(run, node, scope, out);
	case NODE_CALL:
		return eval_call(run, node, scope, out);
	case NODE_FILTER:
	case NODE_TEST:
		return eval_builtin(run, node, scope, out);
	case NODE_NOT:
		if (!jinja_eval(run, node->first, scope, out))
			return false;
		*out = value_bool(!jinja_is_true(out));
		return true;
	case NODE_NEGATE:
	case NODE_PLUS:
		return eval_sign(run, node, scope, out);
	case NODE_AND:
	case NODE_OR:
		return eval_logic(run, node, scope, out);
	case NODE_CONCAT:
		return eval_concat(run, node, scope, out);
	case NODE_MATH:
		return eval_math(run, node, scope, out);
	case NODE_COMPARE:
		return eval_comparison(run, node, scope, out);
	default:
		return eval_choice(run, node, scope, out);
	}
}

bool jinja_eval(struct run *run, const struct node *node, struct scope *scope,
    struct value *out)
{
	bool is_done;

	if (node->kind == NODE_CONSTANT) {
		*out = node->constant;
		return true;
	}
	run->line = node->line;
	if (node->kind == NODE_NAME)
		return eval_name(run, node, scope, out);
	if (!jinja_charge(run, 1))
		return false;
	if (++run->depth > RUN_DEPTH_MAX)
		is_done = jinja_fail(run, "nested too deeply");
	else
		is_done = eval_one(run, node, scope, out);
	run->depth--;
	return is_done;
}
