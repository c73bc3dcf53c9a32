/* format.c -- "%s" % values and "{}".format(values). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "local/template/builtin.h"
#include "local/template/methods.h"

/*
 * Of Python's two ways to format what templates have use for: %s %r %d %i %f
 * %x %% with flags, width and precision, and {}, {0}, {name}. A format that
 * asks for more fails. Source: Python's library reference, "printf-style
 * String Formatting" and "Format String Syntax".
 */
struct directive {
	bool is_left, has_zeros, has_sign;
	int64_t width;     /* 0: none */
	int64_t precision; /* -1: none */
	char type;
};

#define WIDTH_MAX 1000

static int64_t read_number(struct span text, size_t *at)
{
	int64_t number = 0;

	while (*at < text.len && text.ptr[*at] >= '0' && text.ptr[*at] <= '9' &&
	       number <= WIDTH_MAX)
		number = number * 10 + (text.ptr[(*at)++] - '0');
	return number;
}

/* What follows the percent sign at *at - 1. */
static bool read_directive(
    struct run *run, struct span format, size_t *at, struct directive *out)
{
	*out = (struct directive){.precision = -1};
	for (; *at < format.len; (*at)++) {
		if (format.ptr[*at] == '-')
			out->is_left = true;
		else if (format.ptr[*at] == '0')
			out->has_zeros = true;
		else if (format.ptr[*at] == '+')
			out->has_sign = true;
		else
			break;
	}
	out->width = read_number(format, at);
	if (*at < format.len && format.ptr[*at] == '.') {
		(*at)++;
		out->precision = read_number(format, at);
	}
	if (out->width > WIDTH_MAX || out->precision > WIDTH_MAX)
		return jinja_fail(run, "a format wider than %d", WIDTH_MAX);
	if (*at >= format.len)
		return jinja_fail(run, "incomplete format");
	out->type = format.ptr[(*at)++];
	return true;
}

/* <text> in the directive's width. */
static bool put_padded(
    struct builder *builder, const struct text *text, const struct directive *d)
{
	size_t len = jinja_count(text);
	size_t missing = (size_t)d->width > len ? (size_t)d->width - len : 0;

	return jinja_put_repeated(builder, ' ', d->is_left ? 0 : missing) &&
	       jinja_put_text(builder, text) &&
	       jinja_put_repeated(builder, ' ', d->is_left ? missing : 0);
}

static bool put_string(struct builder *builder, const struct value *value,
    const struct directive *d)
{
	struct builder inner;
	struct text *text, cut;
	struct value printed;

	if (d->type == 's') {
		if (!jinja_str(builder->run, value, &text))
			return false;
	} else {
		jinja_builder_init(&inner, builder->run);
		if (!jinja_repr(&inner, value) ||
		    !jinja_builder_finish(&inner, &printed))
			return false;
		text = printed.as.text;
	}
	cut = *text;
	if (d->precision >= 0)
		cut.len = jinja_offset(text, (size_t)d->precision);
	return put_padded(builder, &cut, d);
}

static bool put_number(struct builder *builder, const struct value *value,
    const struct directive *d)
{
	char text[WIDTH_MAX + 400];
	struct text number = {.ptr = text, .is_trusted = true};
	struct directive plain = *d;
	int64_t whole = 0;
	double real;
	int width = d->has_zeros && !d->is_left ? (int)d->width : 0;

	if (!jinja_number(value, &real))
		return jinja_fail(builder->run,
		    "%%%c format: a real number is required, not %s", d->type,
		    jinja_type(value));
	if (d->type == 'f') {
		number.len = (size_t)snprintf(text, sizeof(text),
		    d->has_sign ? "%+0*.*f" : "%0*.*f", width,
		    d->precision < 0 ? 6 : (int)d->precision, real);
	} else {
		if (!jinja_whole(value, &whole)) {
			if (d->type == 'x' || !(fabs(real) < 9e18))
				return jinja_fail(builder->run,
				    "%%%c format: an integer of 64 bits is "
				    "required",
				    d->type);
			whole = (int64_t)real;
		}
		if (d->type == 'x')
			number.len = (size_t)snprintf(text, sizeof(text),
			    whole < 0 ? "-%0*llx" : "%0*llx", width,
			    whole < 0 ? 0 - (unsigned long long)whole
				      : (unsigned long long)whole);
		else
			number.len = (size_t)snprintf(text, sizeof(text),
			    d->has_sign ? "%+0*lld" : "%0*lld", width,
			    (long long)whole);
	}
	if (number.len >= sizeof(text))
		return jinja_fail(builder->run, "a number that is too long");
	return put_padded(builder, &number, &plain);
}

/* The values one after the other: a tuple's, or the single one. */
struct given {
	const struct value *values;
	size_t count, at;
};

static bool put_directive(
    struct builder *builder, const struct directive *d, struct given *given)
{
	const struct value *value;

	if (d->type == '%')
		return jinja_put(builder, SPAN("%"), true);
	if (given->at == given->count)
		return jinja_fail(
		    builder->run, "not enough arguments for format string");
	value = &given->values[given->at++];
	switch (d->type) {
	case 's':
	case 'r':
		return put_string(builder, value, d);
	case 'd':
	case 'i':
	case 'f':
	case 'x':
		return put_number(builder, value, d);
	default:
		return jinja_fail(builder->run,
		    "the format \"%%%c\" is not supported", d->type);
	}
}

bool jinja_percent(struct run *run, const struct text *format,
    const struct value *values, struct value *out)
{
	bool is_tuple = value_is_list(values, LIST_TUPLE);
	struct given given = {values, 1, 0};
	struct builder builder;
	struct directive d;
	size_t at = 0, mark;

	if (is_tuple)
		given = (struct given){
		    values->as.list->items, values->as.list->count, 0};
	jinja_builder_init(&builder, run);
	while (at < format->len) {
		mark = span_find(text_span(format), SPAN("%"), at);
		if (mark == SIZE_MAX)
			mark = format->len;
		if (!jinja_put_range(&builder, format, at, mark))
			return false;
		at = mark + 1;
		if (mark < format->len &&
		    (!read_directive(run, text_span(format), &at, &d) ||
			!put_directive(&builder, &d, &given)))
			return false;
	}
	if (given.at < given.count && values->kind != VALUE_DICT &&
	    (is_tuple || values->kind != VALUE_LIST))
		return jinja_fail(run,
		    "not all arguments converted during string formatting");
	return jinja_builder_finish(&builder, out);
}

/* --- str.format --------------------------------------------------------- */

static const struct value *find_keyword(
    const struct arguments *all, struct span name)
{
	for (size_t i = 0; i < all->n_keywords; i++) {
		if (span_eq(all->keywords[i].name, name))
			return &all->keywords[i].value;
	}
	return NULL;
}

/* The value of {field}; the empty ones count up by *next. */
static bool find_field(const struct builtin_call *call, struct span field,
    size_t *next, const struct value **out)
{
	const struct arguments *all = call->all;
	int64_t place = (int64_t)*next;

	*out = NULL;
	if (field.len == 0)
		(*next)++;
	else if (!jinja_parse_int(field, 10, &place))
		*out = find_keyword(all, field);
	if (field.len == 0 ||
	    (!*out && field.ptr[0] >= '0' && field.ptr[0] <= '9')) {
		if (place >= 0 && (uint64_t)place < all->count)
			*out = &all->values[place];
	}
	for (size_t i = 0; i < field.len && !*out; i++) {
		if (strchr(":!.[{", field.ptr[i]))
			return jinja_fail(call->run,
			    "the format field \"{%.*s}\" is not supported",
			    SPAN_FMT(span_head(field, 60)));
	}
	return *out != NULL ||
	       jinja_fail(call->run, "format: nothing for \"{%.*s}\"",
		   SPAN_FMT(span_head(field, 60)));
}

bool jinja_format_method(const struct builtin_call *call, struct value *out)
{
	const struct text *format = call->self->as.text;
	struct span span = text_span(format);
	const struct value *value;
	struct builder builder;
	size_t at = 0, next = 0, from, end;

	jinja_builder_init(&builder, call->run);
	while (at < span.len) {
		for (from = at; at < span.len && span.ptr[at] != '{' &&
				span.ptr[at] != '}';)
			at++;
		if (!jinja_put_range(&builder, format, from, at))
			return false;
		if (at == span.len)
			break;
		if (at + 1 < span.len && span.ptr[at + 1] == span.ptr[at]) {
			if (!jinja_put_range(&builder, format, at, at + 1))
				return false;
			at += 2;
			continue;
		}
		end = span_find(span, SPAN("}"), at);
		if (span.ptr[at] == '}' || end == SIZE_MAX)
			return jinja_fail(
			    call->run, "a single brace in a format");
		if (!find_field(call,
			span_make(span.ptr + at + 1, end - at - 1), &next,
			&value) ||
		    !jinja_print(&builder, value))
			return false;
		at = end + 1;
	}
	return jinja_builder_finish(&builder, out);
}
