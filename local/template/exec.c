/* exec.c -- runs a template's statements. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/run.h"

/* --- assignments -------------------------------------------------------- */

static bool assign_tuple(struct run *run, const struct node *target,
    struct scope *scope, const struct value *value)
{
	const struct node *part = target->first;
	struct items items;

	if (value->kind != VALUE_LIST && value->kind != VALUE_STRING &&
	    value->kind != VALUE_DICT && value->kind != VALUE_UNDEFINED)
		return jinja_fail(run, "cannot unpack non-iterable %s object",
		    jinja_type(value));
	if (!jinja_iterate(run, value, &items))
		return false;
	if (items.count != target->count)
		return jinja_fail(run, "%s values to unpack (expected %u)",
		    items.count < target->count ? "not enough" : "too many",
		    target->count);
	for (size_t i = 0; part; part = part->next, i++) {
		if (!jinja_assign(run, part, scope, &items.at[i]))
			return false;
	}
	return true;
}

static bool assign_attribute(struct run *run, const struct node *target,
    const struct scope *scope, const struct value *value)
{
	const struct value *space = jinja_scope_get(run, scope, target->symbol);
	struct value key = {.kind = VALUE_STRING, .as.text = target->text};

	if (!space || space->kind != VALUE_NAMESPACE)
		return jinja_fail(
		    run, "cannot assign attribute on non-namespace object");
	return jinja_space_set(run, space->as.space, &key, value);
}

bool jinja_assign(struct run *run, const struct node *target,
    struct scope *scope, const struct value *value)
{
	if (target->kind == NODE_NAME)
		return jinja_scope_set(run, scope, target->symbol, value);
	if (target->kind == NODE_SPACE)
		return assign_attribute(run, target, scope, value);
	return assign_tuple(run, target, scope, value);
}

/* --- blocks ------------------------------------------------------------- */

enum flow jinja_capture(struct run *run, const struct node *first,
    struct scope *scope, struct value *out)
{
	struct builder builder, *outer = run->out;
	enum flow flow;

	jinja_builder_init(&builder, run);
	run->out = &builder;
	flow = jinja_exec(run, first, scope);
	run->out = outer;
	if (flow == FLOW_NEXT && !jinja_builder_finish(&builder, out))
		return FLOW_FAIL;
	return flow;
}

static enum flow from_bool(bool is_done)
{
	return is_done ? FLOW_NEXT : FLOW_FAIL;
}

static enum flow exec_set_block(
    struct run *run, const struct node *node, struct scope *scope)
{
	struct scope *inner = jinja_scope_new(run, scope);
	struct value value;
	enum flow flow;

	if (!inner)
		return FLOW_FAIL;
	flow = jinja_capture(run, node->body, inner, &value);
	if (flow != FLOW_NEXT)
		return flow;
	if (node->second &&
	    !jinja_eval_filters(run, node->second, inner, &value))
		return FLOW_FAIL;
	return from_bool(jinja_assign(run, node->first, scope, &value));
}

static enum flow exec_filter_block(
    struct run *run, const struct node *node, struct scope *scope)
{
	struct scope *inner = jinja_scope_new(run, scope);
	struct value value;
	enum flow flow;

	if (!inner)
		return FLOW_FAIL;
	flow = jinja_capture(run, node->body, inner, &value);
	if (flow != FLOW_NEXT)
		return flow;
	return from_bool(jinja_eval_filters(run, node->second, inner, &value) &&
			 jinja_print(run->out, &value));
}

/* All values are found before the first name is bound. */
static enum flow exec_with(
    struct run *run, const struct node *node, struct scope *scope)
{
	struct scope *inner = jinja_scope_new(run, scope);
	struct value *values =
	    jinja_alloc(run, node->count * sizeof(struct value));
	size_t i = 0;

	if (!inner || !values)
		return FLOW_FAIL;
	for (const struct node *set = node->first; set; set = set->next) {
		if (!jinja_eval(run, set->second, scope, &values[i++]))
			return FLOW_FAIL;
	}
	i = 0;
	for (const struct node *set = node->first; set; set = set->next) {
		if (!jinja_assign(run, set->first, inner, &values[i++]))
			return FLOW_FAIL;
	}
	return jinja_exec(run, node->body, inner);
}

static enum flow exec_scope(
    struct run *run, const struct node *node, struct scope *scope)
{
	struct scope *inner = jinja_scope_new(run, scope);

	return inner ? jinja_exec(run, node->body, inner) : FLOW_FAIL;
}

/* --- macros ------------------------------------------------------------- */

/* The function that <node> defines, which sees the variables of <scope>. */
static bool make_macro(struct run *run, const struct node *node,
    struct scope *scope, struct value *out)
{
	struct macro *macro = jinja_alloc(run, sizeof(*macro));

	if (!macro)
		return false;
	*macro = (struct macro){.node = node, .scope = scope};
	*out = (struct value){.kind = VALUE_MACRO, .as.macro = macro};
	for (; scope; scope = scope->parent)
		scope->is_kept = true;
	return true;
}

static enum flow exec_macro(
    struct run *run, const struct node *node, struct scope *scope)
{
	struct value macro;

	return from_bool(make_macro(run, node, scope, &macro) &&
			 jinja_scope_set(run, scope, node->symbol, &macro));
}

/* The call of a call block has one keyword more than is written there. */
static enum flow exec_call_block(
    struct run *run, const struct node *node, struct scope *scope)
{
	const struct node *call = node->second;
	struct value callee, caller, result;
	struct arguments arguments;
	struct keyword *keywords;

	if (!jinja_eval(run, call->first, scope, &callee) ||
	    !jinja_arguments(run, call->second, scope, &arguments) ||
	    !make_macro(run, node, scope, &caller))
		return FLOW_FAIL;
	keywords =
	    jinja_alloc(run, (arguments.n_keywords + 1) * sizeof(*keywords));
	if (!keywords)
		return FLOW_FAIL;
	if (arguments.n_keywords > 0)
		memcpy(keywords, arguments.keywords,
		    arguments.n_keywords * sizeof(*keywords));
	keywords[arguments.n_keywords++] =
	    (struct keyword){SPAN("caller"), caller};
	arguments.keywords = keywords;
	return from_bool(jinja_call(run, &callee, &arguments, &result) &&
			 jinja_print(run->out, &result));
}

/* --- statements --------------------------------------------------------- */

static enum flow exec_if(
    struct run *run, const struct node *node, struct scope *scope)
{
	struct value condition;

	for (const struct node *arm = node->first; arm; arm = arm->next) {
		if (arm->first) {
			if (!jinja_eval(run, arm->first, scope, &condition))
				return FLOW_FAIL;
			if (!jinja_is_true(&condition))
				continue;
		}
		return jinja_exec(run, arm->body, scope);
	}
	return FLOW_NEXT;
}

static enum flow exec_print(
    struct run *run, const struct node *node, struct scope *scope)
{
	struct value value;

	for (const struct node *item = node->first; item; item = item->next) {
		if (!jinja_eval(run, item, scope, &value) ||
		    !jinja_print(run->out, &value))
			return FLOW_FAIL;
	}
	return FLOW_NEXT;
}

static enum flow exec_set(
    struct run *run, const struct node *node, struct scope *scope)
{
	struct value value;

	return from_bool(jinja_eval(run, node->second, scope, &value) &&
			 jinja_assign(run, node->first, scope, &value));
}

static enum flow exec_one(
    struct run *run, const struct node *node, struct scope *scope)
{
	switch (node->kind) {
	case NODE_DATA:
		return from_bool(
		    jinja_put_text(run->out, node->constant.as.text));
	case NODE_PRINT:
		return exec_print(run, node, scope);
	case NODE_IF:
		return exec_if(run, node, scope);
	case NODE_FOR:
		return jinja_exec_for(run, node, scope);
	case NODE_SET:
		return exec_set(run, node, scope);
	case NODE_SET_BLOCK:
		return exec_set_block(run, node, scope);
	case NODE_MACRO:
		return exec_macro(run, node, scope);
	case NODE_CALL_BLOCK:
		return exec_call_block(run, node, scope);
	case NODE_FILTER_BLOCK:
		return exec_filter_block(run, node, scope);
	case NODE_WITH:
		return exec_with(run, node, scope);
	case NODE_SCOPE:
		return exec_scope(run, node, scope);
	case NODE_BREAK:
		return FLOW_BREAK;
	default:
		return FLOW_CONTINUE;
	}
}

enum flow jinja_exec(
    struct run *run, const struct node *first, struct scope *scope)
{
	enum flow flow = FLOW_NEXT;

	if (++run->depth > RUN_DEPTH_MAX) {
		jinja_fail(run, "nested too deeply");
		flow = FLOW_FAIL;
	}
	for (; first && flow == FLOW_NEXT; first = first->next) {
		run->line = first->line;
		flow = jinja_charge(run, 1) ? exec_one(run, first, scope)
					    : FLOW_FAIL;
	}
	run->depth--;
	return flow;
}
