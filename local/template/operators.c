/* operators.c -- arithmetic and comparisons. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "local/template/run.h"

static const char *name_of(enum node_op op)
{
	static const char *const names[] = {[OP_ADD] = "+",
	    [OP_SUB] = "-",
	    [OP_MUL] = "*",
	    [OP_DIV] = "/",
	    [OP_FLOOR] = "//",
	    [OP_MOD] = "%",
	    [OP_POWER] = "**"};

	return names[op];
}

/* --- integers ----------------------------------------------------------- */

/* Python's // and %: towards minus infinity. */
static bool divide(
    struct run *run, enum node_op op, int64_t a, int64_t b, int64_t *out)
{
	int64_t quotient, rest;

	if (b == 0)
		return jinja_fail(run, "integer division or modulo by zero");
	if (b == -1) {
		*out = 0;
		return op == OP_MOD || !__builtin_sub_overflow(0, a, out) ||
		       jinja_fail(run, "an integer past 64 bits");
	}
	quotient = a / b;
	rest = a % b;
	if (rest != 0 && (rest < 0) != (b < 0)) {
		quotient--;
		rest += b;
	}
	*out = op == OP_MOD ? rest : quotient;
	return true;
}

/* a ** b, b >= 0; true when it overflows. */
static bool overflows_power(int64_t a, int64_t b, int64_t *out)
{
	*out = 1;
	while (b > 0) {
		if (b & 1 && __builtin_mul_overflow(*out, a, out))
			return true;
		b >>= 1;
		if (b > 0 && __builtin_mul_overflow(a, a, &a))
			return true;
	}
	return false;
}

static bool integer_math(
    struct run *run, enum node_op op, int64_t a, int64_t b, struct value *out)
{
	int64_t result = 0;
	bool overflows = false;

	switch (op) {
	case OP_ADD:
		overflows = __builtin_add_overflow(a, b, &result);
		break;
	case OP_SUB:
		overflows = __builtin_sub_overflow(a, b, &result);
		break;
	case OP_MUL:
		overflows = __builtin_mul_overflow(a, b, &result);
		break;
	case OP_POWER:
		overflows = overflows_power(a, b, &result);
		break;
	default:
		if (!divide(run, op, a, b, &result))
			return false;
		break;
	}
	if (overflows)
		return jinja_fail(run, "an integer past 64 bits");
	*out = value_int(result);
	return true;
}

/* --- floats ------------------------------------------------------------- */

/* Python's float % and //: the rest has the divisor's sign. */
static double real_divide(enum node_op op, double a, double b)
{
	double rest = fmod(a, b), quotient;

	quotient = (a - rest) / b;
	if (rest < 0 ? b > 0 : rest > 0 && b < 0) {
		rest += b;
		quotient -= 1;
	}
	if (op == OP_MOD)
		return fpclassify(rest) == FP_ZERO ? copysign(0, b) : rest;
	if (fpclassify(quotient) == FP_ZERO)
		return copysign(0, a / b);
	return quotient - floor(quotient) > 0.5 ? floor(quotient) + 1
						: floor(quotient);
}

static bool real_math(
    struct run *run, enum node_op op, double a, double b, struct value *out)
{
	double result;

	switch (op) {
	case OP_ADD:
		result = a + b;
		break;
	case OP_SUB:
		result = a - b;
		break;
	case OP_MUL:
		result = a * b;
		break;
	case OP_POWER:
		result = pow(a, b);
		if (a < 0 && isnan(result) && !isnan(b))
			return jinja_fail(run, "a complex number");
		if (isinf(result) && isfinite(a) && isfinite(b))
			return jinja_fail(run, "the result is too large");
		break;
	default:
		if (fpclassify(b) == FP_ZERO)
			return jinja_fail(run, "division by zero");
		result = op == OP_DIV ? a / b : real_divide(op, a, b);
		break;
	}
	*out = value_real(result);
	return true;
}

/* --- strings and lists -------------------------------------------------- */

static bool repeat_text(
    struct run *run, const struct text *text, int64_t times, struct value *out)
{
	struct builder builder;

	jinja_builder_init(&builder, run);
	for (; times > 0 && text->len > 0; times--) {
		if (!jinja_charge(run, 1) || !jinja_put_text(&builder, text))
			return false;
	}
	return jinja_builder_finish(&builder, out);
}

static bool repeat_list(struct run *run, const struct sequence *list,
    int64_t times, struct value *out)
{
	size_t count;

	if (times < 0 || list->count == 0)
		times = 0;
	if (__builtin_mul_overflow(list->count, (size_t)times, &count))
		return jinja_fail(run, "a list that is too long");
	if (!jinja_list(run, list->kind, count, out))
		return false;
	for (size_t i = 0; i < count; i++)
		out->as.list->items[i] = list->items[i % list->count];
	return true;
}

static bool join_lists(struct run *run, const struct sequence *a,
    const struct sequence *b, struct value *out)
{
	if (!jinja_list(run, a->kind, a->count + b->count, out))
		return false;
	if (a->count > 0)
		memcpy(out->as.list->items, a->items,
		    a->count * sizeof(*a->items));
	if (b->count > 0)
		memcpy(out->as.list->items + a->count, b->items,
		    b->count * sizeof(*b->items));
	return true;
}

/* A list or a tuple. */
static bool is_sequence(const struct value *value)
{
	return value->kind == VALUE_LIST && value->as.list->kind <= LIST_TUPLE;
}

/* What strings and lists can: +, * and %; false in *is_done: nothing. */
static bool sequence_math(struct run *run, enum node_op op,
    const struct value pair[2], struct value *out, bool *is_done)
{
	const struct value *a = &pair[0], *b = &pair[1];
	int64_t times;

	*is_done = true;
	if (op == OP_MOD && a->kind == VALUE_STRING)
		return jinja_percent(run, a->as.text, b, out);
	if (op == OP_ADD && a->kind == VALUE_STRING && b->kind == VALUE_STRING)
		return jinja_concat(run, a->as.text, b->as.text, out);
	if (op == OP_ADD && is_sequence(a) && is_sequence(b) &&
	    a->as.list->kind == b->as.list->kind)
		return join_lists(run, a->as.list, b->as.list, out);
	if (op == OP_MUL && jinja_whole(a, &times)) {
		a = b;
		b = &pair[0];
	}
	if (op == OP_MUL && jinja_whole(b, &times)) {
		if (a->kind == VALUE_STRING)
			return repeat_text(run, a->as.text, times, out);
		if (is_sequence(a))
			return repeat_list(run, a->as.list, times, out);
	}
	*is_done = false;
	return true;
}

bool jinja_math(struct run *run, enum node_op op, struct value *a,
    struct value *b, struct value *out)
{
	const struct value pair[2] = {*a, *b};
	bool is_done;
	int64_t i, j;
	double x, y;

	if (jinja_whole(a, &i) && jinja_whole(b, &j) && op != OP_DIV &&
	    (op != OP_POWER || j >= 0))
		return integer_math(run, op, i, j, out);
	if (a->kind == VALUE_UNDEFINED || b->kind == VALUE_UNDEFINED)
		return jinja_fail_undefined(
		    run, a->kind == VALUE_UNDEFINED ? a : b);
	if (a->kind == VALUE_BIG || b->kind == VALUE_BIG)
		return jinja_fail(run, "an integer past 64 bits");
	if (jinja_number(a, &x) && jinja_number(b, &y))
		return real_math(run, op, x, y, out);
	if (!sequence_math(run, op, pair, out, &is_done))
		return false;
	return is_done ||
	       jinja_fail(run,
		   "unsupported operand type(s) for %s: '%s' and '%s'",
		   name_of(op), jinja_type(a), jinja_type(b));
}

/* --- comparisons -------------------------------------------------------- */

bool jinja_compare(struct run *run, enum node_op op, const struct value *a,
    const struct value *b, bool *out)
{
	int order;

	switch (op) {
	case OP_EQ:
		return jinja_equal(run, a, b, out);
	case OP_NE:
		if (!jinja_equal(run, a, b, out))
			return false;
		*out = !*out;
		return true;
	case OP_IN:
		return jinja_contains(run, b, a, out);
	case OP_NOT_IN:
		if (!jinja_contains(run, b, a, out))
			return false;
		*out = !*out;
		return true;
	default:
		break;
	}
	if (!jinja_order(run, a, b, &order))
		return false;
	*out = order == ORDER_NONE ? false
	       : op == OP_LT       ? order < 0
	       : op == OP_LE       ? order <= 0
	       : op == OP_GT       ? order > 0
				   : order >= 0;
	return true;
}
