/* conditions.c -- the tests that follow `is`. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/builtin.h"

enum kind_rule {
	KIND_DEFINED,
	KIND_UNDEFINED,
	KIND_NONE,
	KIND_BOOLEAN,
	KIND_TRUE,
	KIND_FALSE,
	KIND_INTEGER,
	KIND_REAL,
	KIND_NUMBER,
	KIND_STRING,
	KIND_MAPPING,
	KIND_SEQUENCE,
	KIND_ITERABLE,
	KIND_CALLABLE,
	KIND_ESCAPED,
};

static bool is_callable(const struct value *value)
{
	return value->kind >= VALUE_MACRO && value->kind != VALUE_CYCLER;
}

static bool is_of_kind(const struct value *value, enum kind_rule rule)
{
	uint8_t kind = value->kind;

	switch (rule) {
	case KIND_DEFINED:
		return kind != VALUE_UNDEFINED;
	case KIND_UNDEFINED:
		return kind == VALUE_UNDEFINED;
	case KIND_NONE:
		return kind == VALUE_NONE;
	case KIND_BOOLEAN:
		return kind == VALUE_BOOLEAN;
	case KIND_TRUE:
		return kind == VALUE_BOOLEAN && value->as.boolean;
	case KIND_FALSE:
		return kind == VALUE_BOOLEAN && !value->as.boolean;
	case KIND_INTEGER:
		return kind == VALUE_INTEGER || kind == VALUE_BIG;
	case KIND_REAL:
		return kind == VALUE_REAL;
	case KIND_NUMBER:
		return kind >= VALUE_BOOLEAN && kind <= VALUE_REAL;
	case KIND_STRING:
		return kind == VALUE_STRING;
	case KIND_MAPPING:
		return kind == VALUE_DICT;
	case KIND_SEQUENCE: /* has a length and subscripts */
		return kind == VALUE_STRING || kind == VALUE_DICT ||
		       kind == VALUE_UNDEFINED ||
		       (kind == VALUE_LIST &&
			   value->as.list->kind <= LIST_RANGE);
	case KIND_ITERABLE:
		return kind == VALUE_STRING || kind == VALUE_DICT ||
		       kind == VALUE_UNDEFINED || kind == VALUE_LIST ||
		       kind == VALUE_LOOP;
	case KIND_CALLABLE:
		return is_callable(value) || kind == VALUE_UNDEFINED;
	default: /* nothing is ever escaped */
		return false;
	}
}

static bool test_kind(const struct builtin_call *call, struct value *out)
{
	*out = value_bool(
	    is_of_kind(call->self, (enum kind_rule)call->builtin->rule));
	return true;
}

/* lower and upper, of anything's str(). */
static bool test_case(const struct builtin_call *call, struct value *out)
{
	struct text *text;

	if (!jinja_str(call->run, call->self, &text))
		return false;
	*out = value_bool(
	    jinja_has_class(text, (enum class_rule)call->builtin->rule));
	return jinja_charge(call->run, text->len / 16);
}

/* ==, <, in and their names. */
static bool test_comparison(const struct builtin_call *call, struct value *out)
{
	bool holds;

	if (!jinja_compare(call->run, (enum node_op)call->builtin->rule,
		call->self, &call->values[0], &holds))
		return false;
	*out = value_bool(holds);
	return true;
}

/* odd, even, divisibleby: rule + 1 is 2 for the first two. */
static bool test_remainder(const struct builtin_call *call, struct value *out)
{
	struct value self = *call->self, two = value_int(2), rest;
	struct value divisor = is_given(call, 0) ? call->values[0] : two;
	struct value wanted = value_int(call->builtin->rule);
	bool is_equal;

	if (self.kind == VALUE_STRING)
		return jinja_fail(
		    call->run, "%s: not a number", call->builtin->name);
	if (!jinja_math(call->run, OP_MOD, &self, &divisor, &rest) ||
	    !jinja_equal(call->run, &rest, &wanted, &is_equal))
		return false;
	*out = value_bool(is_equal);
	return true;
}

/* `is`: one and the same; small values are the same when they are equal. */
static bool test_same(const struct builtin_call *call, struct value *out)
{
	const struct value *a = call->self, *b = &call->values[0];
	bool is_same = a->kind == b->kind;

	if (is_same && a->kind == VALUE_LIST)
		is_same = a->as.list == b->as.list;
	else if (is_same && a->kind == VALUE_DICT)
		is_same = a->as.dict == b->as.dict;
	else if (is_same && !jinja_equal(call->run, a, b, &is_same))
		return false;
	*out = value_bool(is_same);
	return true;
}

/* Whether there is a filter, or a test, of that name. */
static bool test_known(const struct builtin_call *call, struct value *out)
{
	struct span name;

	/* Python asks a dict, which takes only what can be a key. */
	if (!jinja_is_key(call->self) && call->self->kind != VALUE_UNDEFINED &&
	    !value_is_list(call->self, LIST_RANGE) &&
	    !value_is_list(call->self, LIST_VALUES))
		return jinja_fail(
		    call->run, "unhashable type: '%s'", jinja_type(call->self));
	name = call->self->kind == VALUE_STRING ? text_span(call->self->as.text)
						: SPAN("");
	*out =
	    value_bool(call->builtin->rule ? jinja_test_find(name) != NULL
					   : jinja_filter_find(name) != NULL);
	return true;
}

static const struct builtin tests[] = {
    {"!=", "other", 1, OP_NE, test_comparison},
    {"<", "other", 1, OP_LT, test_comparison},
    {"<=", "other", 1, OP_LE, test_comparison},
    {"==", "other", 1, OP_EQ, test_comparison},
    {">", "other", 1, OP_GT, test_comparison},
    {">=", "other", 1, OP_GE, test_comparison},
    {"boolean", "", 0, KIND_BOOLEAN, test_kind},
    {"callable", "", 0, KIND_CALLABLE, test_kind},
    {"defined", "", 0, KIND_DEFINED, test_kind},
    {"divisibleby", "num", 1, 0, test_remainder},
    {"eq", "other", 1, OP_EQ, test_comparison},
    {"equalto", "other", 1, OP_EQ, test_comparison},
    {"escaped", "", 0, KIND_ESCAPED, test_kind},
    {"even", "", 0, 0, test_remainder},
    {"false", "", 0, KIND_FALSE, test_kind},
    {"filter", "", 0, 0, test_known},
    {"float", "", 0, KIND_REAL, test_kind},
    {"ge", "other", 1, OP_GE, test_comparison},
    {"greaterthan", "other", 1, OP_GT, test_comparison},
    {"gt", "other", 1, OP_GT, test_comparison},
    {"in", "seq", 1, OP_IN, test_comparison},
    {"integer", "", 0, KIND_INTEGER, test_kind},
    {"iterable", "", 0, KIND_ITERABLE, test_kind},
    {"le", "other", 1, OP_LE, test_comparison},
    {"lessthan", "other", 1, OP_LT, test_comparison},
    {"lower", "", 0, CLASS_LOWER, test_case},
    {"lt", "other", 1, OP_LT, test_comparison},
    {"mapping", "", 0, KIND_MAPPING, test_kind},
    {"ne", "other", 1, OP_NE, test_comparison},
    {"none", "", 0, KIND_NONE, test_kind},
    {"number", "", 0, KIND_NUMBER, test_kind},
    {"odd", "", 0, 1, test_remainder},
    {"sameas", "other", 1, 0, test_same},
    {"sequence", "", 0, KIND_SEQUENCE, test_kind},
    {"string", "", 0, KIND_STRING, test_kind},
    {"test", "", 0, 1, test_known},
    {"true", "", 0, KIND_TRUE, test_kind},
    {"undefined", "", 0, KIND_UNDEFINED, test_kind},
    {"upper", "", 0, CLASS_UPPER, test_case},
};

const struct builtin *jinja_test_find(struct span name)
{
	return jinja_builtin_find(
	    tests, sizeof(tests) / sizeof(tests[0]), name);
}
