/* call.c -- arguments, and the calls of functions, methods and macros. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/run.h"

/* --- arguments ---------------------------------------------------------- */

/* What grows while arguments are evaluated; <first> is their list. */
struct gathered {
	struct run *run;
	struct scope *scope;
	struct arguments *out;
};

static bool add_positional(
    struct gathered *g, const struct value *from, size_t count)
{
	struct arguments *out = g->out;
	struct value *values =
	    jinja_alloc(g->run, (out->count + count) * sizeof(*values));

	if (!values)
		return false;
	if (out->count > 0)
		memcpy(values, out->values, out->count * sizeof(*values));
	if (count > 0)
		memcpy(values + out->count, from, count * sizeof(*values));
	out->values = values;
	out->count += count;
	return true;
}

static bool add_keyword(
    struct gathered *g, struct span name, const struct value *value)
{
	struct arguments *out = g->out;
	size_t cap = out->n_keywords + 1;
	struct keyword *keywords;

	for (size_t i = 0; i < out->n_keywords; i++) {
		if (span_eq(out->keywords[i].name, name))
			return jinja_fail(g->run,
			    "got multiple values for keyword argument '%.*s'",
			    SPAN_FMT(span_head(name, 100)));
	}
	/* Room for 4, 8, 16: no more than doubles what is copied. */
	if (out->n_keywords == 0 ||
	    (out->n_keywords >= 4 && (out->n_keywords & (cap - 2)) == 0)) {
		cap = out->n_keywords ? 2 * out->n_keywords : 4;
		keywords = jinja_alloc(g->run, cap * sizeof(*keywords));
		if (!keywords)
			return false;
		if (out->n_keywords > 0)
			memcpy(keywords, out->keywords,
			    out->n_keywords * sizeof(*keywords));
		out->keywords = keywords;
	}
	out->keywords[out->n_keywords++] = (struct keyword){name, *value};
	return true;
}

static bool add_star(struct gathered *g, const struct value *value)
{
	struct items items;

	return jinja_iterate(g->run, value, &items) &&
	       add_positional(g, items.at, items.count);
}

static bool add_stars(struct gathered *g, const struct value *value)
{
	const struct dict *dict = value->as.dict;

	if (value->kind != VALUE_DICT)
		return jinja_fail(
		    g->run, "argument after ** must be a mapping");
	/* Each is compared with all before: 64 are more than any call has. */
	if (dict->count > 64)
		return jinja_fail(g->run, "more than 64 keyword arguments");
	for (size_t i = 0; i < dict->count; i++) {
		const struct entry *entry = &dict->entries[i];

		if (entry->key.kind != VALUE_STRING)
			return jinja_fail(g->run, "keywords must be strings");
		if (!add_keyword(
			g, text_span(entry->key.as.text), &entry->value))
			return false;
	}
	return true;
}

static bool add_argument(struct gathered *g, const struct node *node)
{
	bool is_plain = node->kind != NODE_KEYWORD && node->kind != NODE_STAR &&
			node->kind != NODE_STARS;
	struct value value;

	if (!jinja_eval(
		g->run, is_plain ? node : node->first, g->scope, &value))
		return false;
	switch (node->kind) {
	case NODE_KEYWORD:
		return add_keyword(g, text_span(node->text), &value);
	case NODE_STAR:
		return add_star(g, &value);
	case NODE_STARS:
		return add_stars(g, &value);
	default:
		g->out->values[g->out->count++] = value;
		return true;
	}
}

bool jinja_arguments(struct run *run, const struct node *first,
    struct scope *scope, struct arguments *out)
{
	struct gathered g = {.run = run, .scope = scope, .out = out};
	size_t n = 0;

	*out = (struct arguments){0};
	for (const struct node *node = first; node; node = node->next)
		n++;
	if (n == 0)
		return true;
	/* Those written one by one come first. */
	out->values = jinja_alloc(run, n * sizeof(struct value));
	if (!out->values)
		return false;
	for (const struct node *node = first; node; node = node->next) {
		if (!add_argument(&g, node))
			return false;
	}
	return true;
}

/* --- built-in functions ------------------------------------------------- */

/* The place of <name> among the parameters; PARAMETERS_MAX: none. */
static size_t find_parameter(
    const struct builtin *builtin, struct span name, size_t *count)
{
	struct span rest = span_of(builtin->parameters), part;
	size_t found = PARAMETERS_MAX;

	*count = 0;
	if (rest.len == 0)
		return found;
	while (span_split(&rest, ',', &part)) {
		if (span_eq(part, name))
			found = *count;
		(*count)++;
	}
	return found;
}

static bool bind(struct run *run, const struct builtin *builtin,
    const struct arguments *arguments, struct value *values)
{
	size_t count;

	find_parameter(builtin, SPAN(""), &count);
	if (arguments->count > count)
		return jinja_fail(run,
		    "%s takes at most %zu arguments, got %zu", builtin->name,
		    count, arguments->count);
	for (size_t i = 0; i < arguments->count; i++)
		values[i] = arguments->values[i];
	for (size_t i = 0; i < arguments->n_keywords; i++) {
		const struct keyword *keyword = &arguments->keywords[i];
		size_t place = find_parameter(builtin, keyword->name, &count);

		if (place == PARAMETERS_MAX ||
		    values[place].kind != VALUE_MISSING)
			return jinja_fail(run,
			    "%s got an unexpected argument '%.*s'",
			    builtin->name,
			    SPAN_FMT(span_head(keyword->name, 100)));
		values[place] = keyword->value;
	}
	for (size_t i = 0; i < builtin->required; i++) {
		if (values[i].kind == VALUE_MISSING)
			return jinja_fail(
			    run, "%s needs another argument", builtin->name);
	}
	return true;
}

bool jinja_call_builtin(struct run *run, const struct builtin *builtin,
    const struct value *self, const struct arguments *arguments,
    struct value *out)
{
	struct value values[PARAMETERS_MAX] = {{0}};
	struct builtin_call call = {.run = run,
	    .builtin = builtin,
	    .self = self,
	    .values = values,
	    .all = arguments};

	if (builtin->parameters && !bind(run, builtin, arguments, values))
		return false;
	return builtin->function(&call, out);
}

/* --- macros ------------------------------------------------------------- */

struct macro_call {
	struct run *run;
	const struct node *node;
	struct scope *scope; /* of the call */
	const struct arguments *arguments;
	uint64_t is_used; /* keywords, a bit each */
};

/* The keyword <name>, counted as used; NULL when it was not given. */
static const struct value *take_keyword(
    struct macro_call *call, struct span name)
{
	const struct arguments *arguments = call->arguments;

	for (size_t i = 0; i < arguments->n_keywords && i < 64; i++) {
		if (!(call->is_used >> i & 1) &&
		    span_eq(arguments->keywords[i].name, name)) {
			call->is_used |= UINT64_C(1) << i;
			return &arguments->keywords[i].value;
		}
	}
	return NULL;
}

/* One parameter: given by place, by name, by its default, or undefined. */
static bool bind_parameter(
    struct macro_call *call, const struct node *parameter, size_t place)
{
	struct run *run = call->run;
	const struct value *given = NULL;
	struct value value;
	const char *hint;

	if (place < call->arguments->count)
		given = &call->arguments->values[place];
	else
		given = take_keyword(call, text_span(parameter->text));
	if (given) {
		value = *given;
	} else if (parameter->first) {
		if (!jinja_eval(run, parameter->first, call->scope, &value))
			return false;
	} else {
		hint = arena_printf(run->arena,
		    "parameter '%.*s' was not provided",
		    SPAN_FMT(text_span(parameter->text)));
		if (!hint || !jinja_undefined_hint(run, hint, &value))
			return jinja_fail(run, "too little memory");
	}
	return jinja_scope_set(run, call->scope, parameter->symbol, &value);
}

static bool bind_caller(struct macro_call *call)
{
	struct run *run = call->run;
	const struct value *given = take_keyword(call, SPAN("caller"));
	struct value value;

	if (given)
		value = *given;
	else if (!jinja_undefined_hint(run, "No caller defined", &value))
		return false;
	return jinja_scope_set(
	    run, call->scope, run->template->symbols.caller, &value);
}

/* What is left of the keywords, as the dict `kwargs`. */
static bool bind_keywords(struct macro_call *call)
{
	struct run *run = call->run;
	const struct arguments *arguments = call->arguments;
	struct entry *entries =
	    jinja_alloc(run, arguments->n_keywords * sizeof(*entries));
	struct value value;
	size_t count = 0;

	if (!entries)
		return false;
	for (size_t i = 0; i < arguments->n_keywords && i < 64; i++) {
		if (call->is_used >> i & 1)
			continue;
		entries[count].value = arguments->keywords[i].value;
		if (!jinja_string(run, arguments->keywords[i].name, true,
			&entries[count++].key))
			return false;
		call->is_used |= UINT64_C(1) << i;
	}
	return jinja_dict(run, entries, count, &value) &&
	       jinja_scope_set(
		   run, call->scope, run->template->symbols.kwargs, &value);
}

/* What is left of the arguments, as the tuple `varargs`. */
static bool bind_rest(struct macro_call *call, size_t from)
{
	struct run *run = call->run;
	size_t given = call->arguments->count;
	size_t count = given > from ? given - from : 0;
	struct value value;

	if (!jinja_list(run, LIST_TUPLE, count, &value))
		return false;
	for (size_t i = 0; i < count; i++)
		value.as.list->items[i] = call->arguments->values[from + i];
	return jinja_scope_set(
	    run, call->scope, run->template->symbols.varargs, &value);
}

static bool has_parameter(const struct node *node, const char *name)
{
	for (const struct node *p = node->first; p; p = p->next) {
		if (span_eq(text_span(p->text), span_of(name)))
			return true;
	}
	return false;
}

static bool check_rest(const struct macro_call *call)
{
	const struct arguments *arguments = call->arguments;
	const struct node *node = call->node;

	if (arguments->count > node->count &&
	    (!(node->flags & MACRO_VARARGS) || has_parameter(node, "varargs")))
		return jinja_fail(call->run,
		    "macro takes not more than %u argument(s)", node->count);
	if (arguments->n_keywords > 64)
		return jinja_fail(call->run, "more than 64 keyword arguments");
	for (size_t i = 0; i < arguments->n_keywords; i++) {
		if (!(call->is_used >> i & 1))
			return jinja_fail(call->run,
			    "macro takes no keyword argument '%.*s'",
			    SPAN_FMT(
				span_head(arguments->keywords[i].name, 100)));
	}
	return true;
}

static bool bind_macro(struct macro_call *call)
{
	const struct node *node = call->node;
	size_t place = 0;

	for (const struct node *p = node->first; p; p = p->next) {
		if (!bind_parameter(call, p, place++))
			return false;
	}
	if (node->flags & MACRO_CALLER && !has_parameter(node, "caller") &&
	    !bind_caller(call))
		return false;
	if (node->flags & MACRO_KWARGS && !has_parameter(node, "kwargs") &&
	    !bind_keywords(call))
		return false;
	if (node->flags & MACRO_VARARGS && !has_parameter(node, "varargs") &&
	    !bind_rest(call, node->count))
		return false;
	return check_rest(call);
}

static bool call_macro(struct run *run, const struct macro *macro,
    const struct arguments *arguments, struct value *out)
{
	struct macro_call call = {.run = run,
	    .node = macro->node,
	    .scope = jinja_scope_new(run, macro->scope),
	    .arguments = arguments};

	return call.scope && bind_macro(&call) &&
	       jinja_capture(run, macro->node->body, call.scope, out) ==
		   FLOW_NEXT;
}

/* --- calls -------------------------------------------------------------- */

static bool call_joiner(struct joiner *joiner,
    const struct arguments *arguments, struct run *run, struct value *out)
{
	if (arguments->count + arguments->n_keywords > 0)
		return jinja_fail(run, "a joiner takes no arguments");
	*out = joiner->separator;
	if (joiner->is_used)
		return true;
	joiner->is_used = true;
	return jinja_string(run, SPAN(""), true, out);
}

static bool call_value(struct run *run, const struct value *callee,
    const struct arguments *arguments, struct value *out)
{
	switch (callee->kind) {
	case VALUE_FUNCTION:
		return jinja_call_builtin(
		    run, callee->as.function, callee, arguments, out);
	case VALUE_METHOD:
		return jinja_call_builtin(run, callee->as.method->builtin,
		    &callee->as.method->self, arguments, out);
	case VALUE_MACRO:
		return call_macro(run, callee->as.macro, arguments, out);
	case VALUE_JOINER:
		return call_joiner(callee->as.joiner, arguments, run, out);
	case VALUE_LOOP:
		return jinja_loop_call(callee->as.loop, arguments, out);
	case VALUE_UNDEFINED:
		return jinja_fail_undefined(run, callee);
	default:
		return jinja_fail(
		    run, "'%s' object is not callable", jinja_type(callee));
	}
}

bool jinja_call(struct run *run, const struct value *callee,
    const struct arguments *arguments, struct value *out)
{
	uint32_t line = run->line;
	bool is_done;

	if (++run->calls > TEMPLATE_DEPTH_MAX)
		is_done = jinja_fail(run, "more than %d calls in each other",
		    TEMPLATE_DEPTH_MAX);
	else
		is_done = jinja_charge(run, 1) &&
			  call_value(run, callee, arguments, out);
	run->calls--;
	run->line = line;
	return is_done;
}

/* --- what functions ask of their arguments ------------------------------ */

bool jinja_as_text(struct run *run, const struct value *value, const char *what,
    struct text **out)
{
	if (value->kind == VALUE_UNDEFINED)
		return jinja_fail_undefined(run, value);
	if (value->kind != VALUE_STRING)
		return jinja_fail(
		    run, "%s must be str, not %s", what, jinja_type(value));
	*out = value->as.text;
	return true;
}

bool jinja_as_int(
    struct run *run, const struct value *value, const char *what, int64_t *out)
{
	if (value->kind == VALUE_UNDEFINED)
		return jinja_fail_undefined(run, value);
	return jinja_whole(value, out) ||
	       jinja_fail(run, "%s must be an integer, not %s", what,
		   jinja_type(value));
}
