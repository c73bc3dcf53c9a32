/* filters.c -- filters of single values: strings, numbers, JSON. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "local/template/builtin.h"

/* --- strings ------------------------------------------------------------ */

/* upper, lower, title, capitalize: of anything's str(). */
static bool filter_case(const struct builtin_call *call, struct value *out)
{
	struct text *text;

	return jinja_str(call->run, call->self, &text) &&
	       jinja_case(
		   call->run, text, (enum case_rule)call->builtin->rule, out);
}

/* string, safe: nothing is escaped, so all is safe. */
static bool filter_string(const struct builtin_call *call, struct value *out)
{
	struct text *text;

	if (!jinja_str(call->run, call->self, &text))
		return false;
	*out = (struct value){.kind = VALUE_STRING, .as.text = text};
	return true;
}

static bool filter_trim(const struct builtin_call *call, struct value *out)
{
	struct text *text;

	return jinja_str(call->run, call->self, &text) &&
	       jinja_strip(call->run, text, &call->values[0], STRIP_BOTH, out);
}

static bool filter_replace(const struct builtin_call *call, struct value *out)
{
	struct text *text, *old, *new;
	int64_t count = -1;

	if (!jinja_str(call->run, call->self, &text) ||
	    !jinja_str(call->run, &call->values[0], &old) ||
	    !jinja_str(call->run, &call->values[1], &new))
		return false;
	if (is_set(call, 2) &&
	    !jinja_as_int(call->run, &call->values[2], "count", &count))
		return false;
	return jinja_replace(
	    call->run, text, (const struct text *[]){old, new}, count, out);
}

/* The indentation: so many blanks, or a string. */
static bool find_indentation(const struct builtin_call *call, struct value *out)
{
	struct builder builder;
	int64_t width = 4;

	if (call->values[0].kind == VALUE_STRING) {
		*out = call->values[0];
		return true;
	}
	if (is_given(call, 0) &&
	    !jinja_as_int(call->run, &call->values[0], "width", &width))
		return false;
	jinja_builder_init(&builder, call->run);
	return jinja_put_repeated(
		   &builder, ' ', width > 0 ? (size_t)width : 0) &&
	       jinja_builder_finish(&builder, out);
}

/* Lines end with \n after it, whatever ended them before. */
static bool filter_indent(const struct builtin_call *call, struct value *out)
{
	bool first = flag_of(call, 1), blank = flag_of(call, 2);
	struct builder builder;
	struct value indent;
	struct text *text;
	size_t at = 0, end, next;

	if (!jinja_as_text(call->run, call->self, "indent: value", &text) ||
	    !find_indentation(call, &indent))
		return false;
	jinja_builder_init(&builder, call->run);
	do {
		end = jinja_line_end(text_span(text), at, &next);
		if (at > 0 && !jinja_put(&builder, SPAN("\n"), true))
			return false;
		if ((at > 0 ? blank || end > at : first) &&
		    !jinja_put_text(&builder, indent.as.text))
			return false;
		if (!jinja_put_range(&builder, text, at, end))
			return false;
		at = next;
		/* A last newline is followed by an empty line, a last \r not.
		 */
	} while (
	    end < text->len && !(next == text->len && text->ptr[end] == '\r'));
	return jinja_builder_finish(&builder, out);
}

static bool filter_format(const struct builtin_call *call, struct value *out)
{
	struct run *run = call->run;
	struct text *text;
	struct value values;

	if (!jinja_str(run, call->self, &text))
		return false;
	if (call->all->n_keywords > 0)
		return jinja_fail(run, "format with keywords is not supported");
	if (!jinja_list(run, LIST_TUPLE, call->all->count, &values))
		return false;
	if (call->all->count > 0)
		memcpy(values.as.list->items, call->all->values,
		    call->all->count * sizeof(struct value));
	return jinja_percent(run, text, &values, out);
}

/* --- numbers ------------------------------------------------------------ */

static bool filter_abs(const struct builtin_call *call, struct value *out)
{
	const struct value zero = value_int(0);
	struct value self = *call->self, start = zero;
	int64_t whole;

	if (self.kind == VALUE_REAL) {
		*out = value_real(fabs(self.as.real));
		return true;
	}
	if (self.kind == VALUE_BIG && self.as.text->ptr[0] != '-') {
		*out = self;
		return true;
	}
	if (!jinja_whole(&self, &whole))
		return jinja_fail(call->run, "bad operand type for abs(): '%s'",
		    jinja_type(&self));
	return jinja_math(
	    call->run, whole < 0 ? OP_SUB : OP_ADD, &start, &self, out);
}

/* int() of a float: its whole part. False: there is none. */
static bool truncate_real(double real, int64_t *out)
{
	if (!(real > -9223372036854775808.0 && real < 9223372036854775808.0))
		return false;
	*out = (int64_t)real;
	return true;
}

static bool filter_int(const struct builtin_call *call, struct value *out)
{
	const struct value *self = call->self;
	int64_t base = 10, whole;
	struct span text;
	double real;

	if (self->kind == VALUE_UNDEFINED)
		return jinja_fail_undefined(call->run, self);
	if (is_given(call, 1) &&
	    !jinja_as_int(call->run, &call->values[1], "base", &base))
		return false;
	*out = is_given(call, 0) ? call->values[0] : value_int(0);
	if (self->kind == VALUE_BIG) {
		*out = *self;
	} else if (self->kind == VALUE_STRING) {
		text = text_span(self->as.text);
		if (jinja_parse_int(text, base, &whole) ||
		    (jinja_parse_real(text, &real) &&
			truncate_real(real, &whole)))
			*out = value_int(whole);
	} else if (jinja_whole(self, &whole)) {
		*out = value_int(whole);
	} else if (self->kind == VALUE_REAL && !isnan(self->as.real)) {
		if (!truncate_real(self->as.real, &whole))
			return jinja_fail(call->run, "an integer past 64 bits");
		*out = value_int(whole);
	}
	return true;
}

static bool filter_float(const struct builtin_call *call, struct value *out)
{
	const struct value *self = call->self;
	double real;

	if (self->kind == VALUE_UNDEFINED)
		return jinja_fail_undefined(call->run, self);
	*out = is_given(call, 0) ? call->values[0] : value_real(0);
	if (jinja_number(self, &real) ||
	    (self->kind == VALUE_STRING &&
		jinja_parse_real(text_span(self->as.text), &real)))
		*out = value_real(real);
	return true;
}

/* To so many digits: what printf rounds exactly, halves to even. */
static double round_digits(double real, int64_t digits)
{
	char text[400];

	if (digits > 22 || !isfinite(real))
		return real;
	if (digits < 0) {
		double power = pow(10, (double)-digits);

		return digits < -308 ? 0 * real
				     : nearbyint(real / power) * power;
	}
	snprintf(text, sizeof(text), "%.*f", (int)digits, real);
	return strtod(text, NULL);
}

static bool filter_round(const struct builtin_call *call, struct value *out)
{
	const struct value *self = call->self;
	struct text *method = NULL;
	int64_t precision = 0, whole;
	double real, power;

	if (self->kind == VALUE_UNDEFINED)
		return jinja_fail_undefined(call->run, self);
	if (!jinja_number(self, &real))
		return jinja_fail(
		    call->run, "round: '%s' is no number", jinja_type(self));
	if ((is_given(call, 0) && !jinja_as_int(call->run, &call->values[0],
				      "precision", &precision)) ||
	    (is_given(call, 1) &&
		!jinja_as_text(call->run, &call->values[1], "method", &method)))
		return false;
	if (!method || span_eq(text_span(method), SPAN("common"))) {
		if (self->kind == VALUE_REAL)
			*out = value_real(round_digits(real, precision));
		else if (self->kind == VALUE_BIG && precision >= 0)
			*out = *self;
		else if (!jinja_whole(self, &whole))
			return jinja_fail(call->run, "an integer past 64 bits");
		else
			*out =
			    value_int((int64_t)round_digits(real, precision));
		return true;
	}
	power = pow(10, (double)precision);
	if (span_eq(text_span(method), SPAN("ceil")))
		*out = value_real(ceil(real * power) / power);
	else if (span_eq(text_span(method), SPAN("floor")))
		*out = value_real(floor(real * power) / power);
	else
		return jinja_fail(
		    call->run, "round: method must be common, ceil or floor");
	return true;
}

/* --- others ------------------------------------------------------------- */

static bool filter_default(const struct builtin_call *call, struct value *out)
{
	bool is_replaced = call->self->kind == VALUE_UNDEFINED ||
			   (flag_of(call, 1) && !jinja_is_true(call->self));

	if (!is_replaced)
		*out = *call->self;
	else if (is_given(call, 0))
		*out = call->values[0];
	else
		return jinja_string(call->run, SPAN(""), true, out);
	return true;
}

static bool filter_attr(const struct builtin_call *call, struct value *out)
{
	struct text *name;

	if (!jinja_as_text(call->run, &call->values[0], "attr: name", &name))
		return false;
	/* Unlike x.name it does not go on to x["name"]. */
	if (call->self->kind == VALUE_DICT &&
	    !jinja_method_find(call->self, text_span(name)) &&
	    !jinja_method_is_unsafe(call->self, text_span(name)))
		return jinja_undefined(
		    call->run, jinja_owner(call->self), text_span(name), out);
	return jinja_attribute(call->run, call->self, name, out);
}

/* The indentation of one level, as json.dumps(indent=) takes it. */
static bool find_json_indent(
    const struct builtin_call *call, struct json_style *style)
{
	static const char blanks[] = "                                ";
	int64_t width = 0;
	struct text *text;

	style->has_indent = is_set(call, 1);
	if (!style->has_indent)
		return true;
	style->comma = SPAN(",");
	if (call->values[1].kind == VALUE_STRING) {
		text = call->values[1].as.text;
		style->indent = text_span(text);
		return true;
	}
	if (!jinja_as_int(call->run, &call->values[1], "indent", &width))
		return false;
	if (width >= (int64_t)sizeof(blanks))
		return jinja_fail(
		    call->run, "indent is more than %zu", sizeof(blanks) - 1);
	style->indent = span_make(blanks, width > 0 ? (size_t)width : 0);
	return true;
}

static bool filter_tojson(const struct builtin_call *call, struct value *out)
{
	struct json_style style = {.comma = SPAN(", "), .colon = SPAN(": ")};
	struct builder builder;
	struct items items;
	struct text *comma, *colon;

	style.is_ascii = flag_of(call, 0);
	style.sorts_keys = flag_of(call, 3);
	if (!find_json_indent(call, &style))
		return false;
	if (is_set(call, 2)) {
		if (!jinja_iterate(call->run, &call->values[2], &items))
			return false;
		if (items.count != 2)
			return jinja_fail(
			    call->run, "separators must be a pair");
		if (!jinja_as_text(
			call->run, &items.at[0], "separator", &comma) ||
		    !jinja_as_text(
			call->run, &items.at[1], "separator", &colon))
			return false;
		style.comma = text_span(comma);
		style.colon = text_span(colon);
	}
	jinja_builder_init(&builder, call->run);
	return jinja_to_json(&builder, call->self, &style) &&
	       jinja_builder_finish(&builder, out);
}

/* --- the table ---------------------------------------------------------- */

static const struct builtin filters[] = {
    {"abs", "", 0, 0, filter_abs},
    {"attr", "name", 1, 0, filter_attr},
    {"capitalize", "", 0, CASE_CAPITALIZE, filter_case},
    {"d", "default_value,boolean", 0, 0, filter_default},
    {"default", "default_value,boolean", 0, 0, filter_default},
    {"float", "default", 0, 0, filter_float},
    {"format", NULL, 0, 0, filter_format},
    {"indent", "width,first,blank", 0, 0, filter_indent},
    {"int", "default,base", 0, 0, filter_int},
    {"lower", "", 0, CASE_LOWER, filter_case},
    {"replace", "old,new,count", 2, 0, filter_replace},
    {"round", "precision,method", 0, 0, filter_round},
    {"safe", "", 0, 0, filter_string},
    {"string", "", 0, 0, filter_string},
    {"title", "", 0, CASE_TITLE_WORD, filter_case},
    {"tojson", "ensure_ascii,indent,separators,sort_keys", 0, 0, filter_tojson},
    {"trim", "chars", 0, 0, filter_trim},
    {"upper", "", 0, CASE_UPPER, filter_case},
};

const struct builtin *jinja_builtin_find(
    const struct builtin *rows, size_t n, struct span name)
{
	for (size_t i = 0; i < n; i++) {
		if (span_eq(span_of(rows[i].name), name))
			return &rows[i];
	}
	return NULL;
}

const struct builtin *jinja_filter_find(struct span name)
{
	const struct builtin *found = jinja_builtin_find(
	    filters, sizeof(filters) / sizeof(filters[0]), name);
	const struct builtin *rows;
	size_t n;

	if (found)
		return found;
	rows = jinja_list_filters(&n);
	return jinja_builtin_find(rows, n, name);
}
