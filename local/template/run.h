/* run.h -- one rendering under way: its limits, variables and errors. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TEMPLATE_RUN_H
#define LOCAL_TEMPLATE_RUN_H

#include "local/template.h"
#include "local/template/text.h"
#include "local/template/tree.h"
#include "local/template/value.h"

/*
 * Every function of the interpreter returns false, or FLOW_FAIL, once the run
 * has failed; the first reason stands in run->err. Recursion in C is counted:
 * expressions and statements by run->depth, macros by run->calls.
 */
#define RUN_DEPTH_MAX 400 /* levels of expressions and statements under way */

/* A variable of an inner scope. */
struct binding {
	uint32_t symbol;
	struct value value;
};

/*
 * The variables of a loop's turn, a macro's call, a block. What is not there is
 * looked for in the parent, at last in run->globals.
 */
struct scope {
	struct scope *parent; /* NULL: the template itself */
	uint32_t count, cap;
	bool is_kept; /* a macro was defined here and may outlive the turn */
	struct binding *bindings;
};

struct run {
	const struct template *template;
	const struct template_input *input;
	struct arena *arena;
	struct error *err;
	struct builder *out;
	struct value *globals; /* by symbol; MISSING where there is none */
	uint64_t steps;
	uint32_t depth, calls;
	uint32_t line;
	bool has_failed;
	bool has_raised; /* by the template itself */
};

/* Notes the reason, with the line; always false. */
bool jinja_fail(struct run *run, const char *fmt, ...) printf_like(2, 3);

/* The use of an undefined value. */
bool jinja_fail_undefined(struct run *run, const struct value *undefined);

/* Counts <steps>; false past the limit. */
bool jinja_charge(struct run *run, uint64_t steps) must_check;

/* The cost of looking at <bytes> of text. */
static inline uint64_t charge_of_bytes(size_t bytes)
{
	return bytes / 256;
}

/* Memory of the run; NULL and failed past the arena's maximum. */
void *jinja_alloc(struct run *run, size_t len) must_check;

/* --- variables (scope.c) ------------------------------------------------ */

struct scope *jinja_scope_new(struct run *run, struct scope *parent);

/* Makes an emptied scope of <scope>, or a new one when that is kept. */
struct scope *jinja_scope_again(struct run *run, struct scope *scope);

/* NULL when there is no such variable. */
const struct value *jinja_scope_get(
    const struct run *run, const struct scope *scope, uint32_t symbol);

bool jinja_scope_set(struct run *run, struct scope *scope, uint32_t symbol,
    const struct value *value) must_check;

/* --- statements (exec.c, loop.c) ---------------------------------------- */

enum flow {
	FLOW_NEXT,
	FLOW_BREAK,
	FLOW_CONTINUE,
	FLOW_FAIL,
};

enum flow jinja_exec(
    struct run *run, const struct node *first, struct scope *scope) must_check;
enum flow jinja_exec_for(
    struct run *run, const struct node *node, struct scope *scope) must_check;

/* Runs <first> with its output caught. */
enum flow jinja_capture(struct run *run, const struct node *first,
    struct scope *scope, struct value *out) must_check;

/* Assigns to a name, a tuple of targets or a namespace's attribute. */
bool jinja_assign(struct run *run, const struct node *target,
    struct scope *scope, const struct value *value) must_check;

/* --- expressions (eval.c, operators.c, subscript.c) --------------------- */

bool jinja_eval(struct run *run, const struct node *node, struct scope *scope,
    struct value *out) must_check;

/* The filters of a `filter` or `set` block, over what the block printed. */
bool jinja_eval_filters(struct run *run, const struct node *node,
    struct scope *scope, struct value *value) must_check;

bool jinja_math(struct run *run, enum node_op op, struct value *a,
    struct value *b, struct value *out) must_check;
bool jinja_compare(struct run *run, enum node_op op, const struct value *a,
    const struct value *b, bool *out) must_check;

/* x.name and x[key], as HF's sandbox does them. */
bool jinja_attribute(struct run *run, const struct value *object,
    struct text *name, struct value *out) must_check;
bool jinja_item(struct run *run, const struct value *object,
    const struct value *key, struct value *out) must_check;

/* A slice; MISSING or none where a bound was left out. */
bool jinja_slice(struct run *run, const struct value *object,
    const struct value bounds[3], struct value *out) must_check;

/*
 * A path "a.0.b", or an index, followed as `map(attribute=...)` does;
 * <fallback> (or NULL) takes the place of what is undefined on the way.
 */
bool jinja_path(struct run *run, const struct value *object,
    const struct value *path, const struct value *fallback,
    struct value *out) must_check;

/* --- calls (call.c) ----------------------------------------------------- */

struct keyword {
	struct span name;
	struct value value;
};

struct arguments {
	struct value *values; /* (count) */
	size_t count;
	struct keyword *keywords; /* (n_keywords) */
	size_t n_keywords;
};

/* Evaluates a call's arguments. */
bool jinja_arguments(struct run *run, const struct node *first,
    struct scope *scope, struct arguments *out) must_check;

bool jinja_call(struct run *run, const struct value *callee,
    const struct arguments *arguments, struct value *out) must_check;

#define PARAMETERS_MAX 6

/*
 * The call of a built-in filter, test, method, or global function. <self> is
 * the value filtered or the method's owner. <values> are the arguments by
 * parameter, VALUE_MISSING where one was not given; a function that takes any
 * number of them looks at <all>.
 */
struct builtin_call {
	struct run *run;
	const struct builtin *builtin;
	const struct value *self;
	const struct value *values; /* (PARAMETERS_MAX) */
	const struct arguments *all;
};
typedef bool (*builtin_fn)(const struct builtin_call *call, struct value *out);

struct builtin {
	const char *name;
	const char *parameters; /* "sep,maxsplit", "" for none, NULL: any */
	uint8_t required;       /* of them */
	uint8_t rule;           /* what tells functions apart that share one */
	builtin_fn function;
};

bool jinja_call_builtin(struct run *run, const struct builtin *builtin,
    const struct value *self, const struct arguments *arguments,
    struct value *out) must_check;

const struct builtin *jinja_filter_find(struct span name);
const struct builtin *jinja_test_find(struct span name);
const struct builtin *jinja_global_find(struct span name);

/* A method of str, or of dict, list and the other objects. */
const struct builtin *jinja_method_find(
    const struct value *value, struct span name);

/* Whether Python has a method of that name which this sandbox has not. */
bool jinja_method_is_lacking(struct span name);

/* Whether the sandbox keeps templates from it: it would change the value. */
bool jinja_method_is_unsafe(const struct value *value, struct span name);

/* An argument as what it must be; <what> is for the message. */
bool jinja_as_text(struct run *run, const struct value *value, const char *what,
    struct text **out) must_check;
bool jinja_as_int(struct run *run, const struct value *value, const char *what,
    int64_t *out) must_check;

/* --- loops -------------------------------------------------------------- */

struct loop {
	struct run *run;
	const struct node *node;
	struct scope *outer;
	struct items rest;   /* not looked at yet */
	int64_t index0;      /* -1 before the first */
	int64_t length;      /* -1: not asked for yet */
	bool is_filtering;   /* `for ... if` still decides on the rest */
	bool has_ended_turn; /* without break or continue: there is no else */
	struct value before, current, after; /* MISSING: none */
	struct value changed; /* what loop.changed() saw last, a tuple */
	int64_t depth0;       /* of a recursive loop */
};

/* loop.name; MISSING when loops have no such thing. */
bool jinja_loop_attribute(
    struct loop *loop, struct span name, struct value *out) must_check;

/* loop(iterable) of a recursive one. */
bool jinja_loop_call(struct loop *loop, const struct arguments *arguments,
    struct value *out) must_check;

/* --- what the host gives ------------------------------------------------ */

/* The documents' members into run->globals (data.c). */
bool jinja_load_data(struct run *run) must_check;

/* strftime() of the run's local time (strftime.c). */
bool jinja_strftime(struct builder *builder, struct span format) must_check;

/* str % values and str.format() (format.c). */
bool jinja_percent(struct run *run, const struct text *format,
    const struct value *values, struct value *out) must_check;

/* float(text), int(text, base) as Python reads them; false: it is none. */
bool jinja_parse_real(struct span text, double *out);
bool jinja_parse_int(struct span text, int64_t base, int64_t *out);

#endif
