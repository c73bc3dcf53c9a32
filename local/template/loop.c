/* loop.c -- `for`, and what the variable `loop` knows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/run.h"

/*
 * The condition of `for ... if` is asked as late as HF's environment asks it:
 * when the item is needed, so that it sees what earlier turns have changed in a
 * namespace. loop.last looks one item ahead, loop.length at all.
 */

/* The next item that passes; false in *found at the end. */
static bool next_item(struct loop *loop, struct value *item, bool *found)
{
	struct run *run = loop->run;
	struct scope *scope;
	struct value passes;

	*found = false;
	while (!*found && loop->rest.count > 0) {
		*item = *loop->rest.at++;
		loop->rest.count--;
		*found = true;
		if (!loop->is_filtering)
			return true;
		scope = jinja_scope_new(run, loop->outer);
		if (!scope || !jinja_charge(run, 1) ||
		    !jinja_assign(run, loop->node->first, scope, item) ||
		    !jinja_eval(run, loop->node->third, scope, &passes))
			return false;
		*found = jinja_is_true(&passes);
	}
	return true;
}

/* Fills loop->after, MISSING at the end. */
static bool look_ahead(struct loop *loop)
{
	bool found;

	if (loop->after.kind != VALUE_MISSING)
		return true;
	if (!next_item(loop, &loop->after, &found))
		return false;
	if (!found)
		loop->after.kind = VALUE_MISSING;
	return true;
}

/* Decides on all that is left. */
static bool find_length(struct loop *loop)
{
	size_t count = 0;
	struct value kept;
	bool found;

	if (loop->length >= 0)
		return true;
	if (!jinja_list(loop->run, LIST_LIST, loop->rest.count, &kept))
		return false;
	for (;;) {
		if (!next_item(loop, &kept.as.list->items[count], &found))
			return false;
		if (!found)
			break;
		count++;
	}
	loop->rest = (struct items){kept.as.list->items, count};
	loop->is_filtering = false;
	loop->length = (int64_t)count + loop->index0 + 1 +
		       (loop->after.kind != VALUE_MISSING);
	return true;
}

/* --- loop.x ------------------------------------------------------------- */

static bool get_position(struct loop *loop, struct span name, struct value *out)
{
	const struct {
		struct span name;
		int64_t value;
	} positions[] = {
	    {SPAN("index"), loop->index0 + 1},
	    {SPAN("index0"), loop->index0},
	    {SPAN("depth"), loop->depth0 + 1},
	    {SPAN("depth0"), loop->depth0},
	};

	for (size_t i = 0; i < sizeof(positions) / sizeof(*positions); i++) {
		if (span_eq(name, positions[i].name)) {
			*out = value_int(positions[i].value);
			return true;
		}
	}
	return false;
}

static bool get_length(struct loop *loop, struct span name, struct value *out)
{
	if (!find_length(loop))
		return false;
	*out = value_int(span_eq(name, SPAN("length")) ? loop->length
			 : span_eq(name, SPAN("revindex"))
			     ? loop->length - loop->index0
			     : loop->length - (loop->index0 + 1));
	return true;
}

static bool get_neighbour(
    struct loop *loop, struct span name, struct value *out)
{
	if (span_eq(name, SPAN("previtem"))) {
		if (loop->index0 == 0)
			return jinja_undefined_hint(
			    loop->run, "there is no previous item", out);
		*out = loop->before;
		return true;
	}
	if (!look_ahead(loop))
		return false;
	if (span_eq(name, SPAN("last"))) {
		*out = value_bool(loop->after.kind == VALUE_MISSING);
		return true;
	}
	if (loop->after.kind == VALUE_MISSING)
		return jinja_undefined_hint(
		    loop->run, "there is no next item", out);
	*out = loop->after;
	return true;
}

bool jinja_loop_attribute(
    struct loop *loop, struct span name, struct value *out)
{
	out->kind = VALUE_MISSING;
	if (span_eq(name, SPAN("first"))) {
		*out = value_bool(loop->index0 == 0);
		return true;
	}
	if (get_position(loop, name, out))
		return true;
	if (span_eq(name, SPAN("length")) || span_eq(name, SPAN("revindex")) ||
	    span_eq(name, SPAN("revindex0")))
		return get_length(loop, name, out);
	if (span_eq(name, SPAN("last")) || span_eq(name, SPAN("nextitem")) ||
	    span_eq(name, SPAN("previtem")))
		return get_neighbour(loop, name, out);
	return true;
}

/* --- for ---------------------------------------------------------------- */

/* One turn, in <scope>. */
static enum flow exec_turn(
    struct loop *loop, const struct value *item, struct scope *scope)
{
	struct run *run = loop->run;
	struct value self = {.kind = VALUE_LOOP, .as.loop = loop};

	loop->index0++;
	loop->before = loop->current;
	loop->current = *item;
	if (!jinja_scope_set(run, scope, run->template->symbols.loop, &self) ||
	    !jinja_assign(run, loop->node->first, scope, item))
		return FLOW_FAIL;
	return jinja_exec(run, loop->node->body, scope);
}

static enum flow exec_turns(struct loop *loop)
{
	struct run *run = loop->run;
	struct scope *scope = jinja_scope_new(run, loop->outer);
	enum flow flow = FLOW_NEXT;
	struct value item;
	bool found = true;

	while (scope && flow != FLOW_BREAK) {
		item = loop->after;
		if (item.kind == VALUE_MISSING &&
		    !next_item(loop, &item, &found))
			return FLOW_FAIL;
		if (!found)
			break;
		loop->after.kind = VALUE_MISSING;
		flow = exec_turn(loop, &item, scope);
		if (flow == FLOW_FAIL || !jinja_charge(run, 1))
			return FLOW_FAIL;
		if (flow == FLOW_NEXT)
			loop->has_ended_turn = true;
		scope = jinja_scope_again(run, scope);
	}
	return scope ? FLOW_NEXT : FLOW_FAIL;
}

/* A loop over <iterable>, and its else. */
static enum flow exec_loop(struct loop *loop, const struct value *iterable)
{
	struct run *run = loop->run;
	struct scope *inner;
	enum flow flow;

	if (!jinja_iterate(run, iterable, &loop->rest))
		return FLOW_FAIL;
	if (!loop->is_filtering && !value_is_list(iterable, LIST_ITERATOR))
		loop->length = (int64_t)loop->rest.count;
	flow = exec_turns(loop);
	/* A turn that was broken off has not ended, nor has one continued. */
	if (flow != FLOW_NEXT || !loop->node->other || loop->has_ended_turn)
		return flow;
	inner = jinja_scope_new(run, loop->outer);
	return inner ? jinja_exec(run, loop->node->other, inner) : FLOW_FAIL;
}

/* The loop's state outlives it where a macro or a namespace kept it. */
static struct loop *make_loop(struct run *run, const struct node *node,
    struct scope *outer, int64_t depth0)
{
	struct loop *loop = jinja_alloc(run, sizeof(*loop));

	if (loop)
		*loop = (struct loop){.run = run,
		    .node = node,
		    .outer = outer,
		    .index0 = -1,
		    .length = -1,
		    .is_filtering = node->third != NULL,
		    .depth0 = depth0};
	return loop;
}

enum flow jinja_exec_for(
    struct run *run, const struct node *node, struct scope *scope)
{
	struct loop *loop = make_loop(run, node, scope, 0);
	struct value iterable;

	if (!loop || !jinja_eval(run, node->second, scope, &iterable))
		return FLOW_FAIL;
	return exec_loop(loop, &iterable);
}

bool jinja_loop_call(
    struct loop *loop, const struct arguments *arguments, struct value *out)
{
	struct run *run = loop->run;
	struct builder builder, *outer = run->out;
	struct loop *inner;
	enum flow flow;

	if (!loop->node->flags)
		return jinja_fail(run,
		    "the loop must have the 'recursive' marker to be called");
	if (arguments->count != 1 || arguments->n_keywords > 0)
		return jinja_fail(run, "loop() takes one argument");
	inner = make_loop(run, loop->node, loop->outer, loop->depth0 + 1);
	if (!inner)
		return false;
	jinja_builder_init(&builder, run);
	run->out = &builder;
	flow = exec_loop(inner, &arguments->values[0]);
	run->out = outer;
	return flow != FLOW_FAIL && jinja_builder_finish(&builder, out);
}
