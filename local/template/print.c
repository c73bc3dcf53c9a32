/* print.c -- str() and repr(), as Python prints. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "local/template/run.h"
#include "local/template/text.h"

/* --- floats ------------------------------------------------------------- */

struct digits {
	char digits[20]; /* (count) significant ones */
	size_t count;
	int exponent; /* of the first one */
};

/* The fewest digits that are read back as <real>. */
static void find_digits(double real, struct digits *out)
{
	char text[40];
	const char *at;

	for (int precision = 0; precision < 17; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision, real);
		if (strtod(text, NULL) == real)
			break;
	}
	out->count = 0;
	for (at = text; *at && *at != 'e'; at++) {
		if (*at >= '0' && *at <= '9')
			out->digits[out->count++] = *at;
	}
	out->exponent = (int)strtol(at + 1, NULL, 10);
	while (out->count > 1 && out->digits[out->count - 1] == '0')
		out->count--;
}

/* The digits with a point and no exponent. */
static size_t print_plain(const struct digits *d, char *to)
{
	char *start = to;
	int place = d->exponent;

	if (place < 0) {
		*to++ = '0';
		*to++ = '.';
		for (int i = -1; i > place; i--)
			*to++ = '0';
	}
	for (size_t i = 0; i < d->count; i++) {
		*to++ = d->digits[i];
		if (place-- == 0)
			*to++ = '.';
	}
	for (; place >= 0; place--) {
		*to++ = '0';
		if (place == 0)
			*to++ = '.';
	}
	if (to[-1] == '.')
		*to++ = '0';
	return (size_t)(to - start);
}

static size_t print_power(const struct digits *d, char *to)
{
	char *start = to;

	*to++ = d->digits[0];
	if (d->count > 1) {
		*to++ = '.';
		memcpy(to, d->digits + 1, d->count - 1);
		to += d->count - 1;
	}
	return (size_t)(to - start) +
	       (size_t)snprintf(to, 8, "e%+03d", d->exponent);
}

size_t jinja_print_real(double real, char *text)
{
	struct digits digits;
	size_t len = 0;

	if (isnan(real))
		return (size_t)snprintf(text, REAL_TEXT_MAX, "nan");
	if (signbit(real))
		text[len++] = '-';
	if (isinf(real))
		return len + (size_t)snprintf(text + len, 8, "inf");
	if (fpclassify(real) == FP_ZERO)
		return len + (size_t)snprintf(text + len, 8, "0.0");
	find_digits(fabs(real), &digits);
	if (digits.exponent >= -4 && digits.exponent < 16)
		return len + print_plain(&digits, text + len);
	return len + print_power(&digits, text + len);
}

/* --- repr --------------------------------------------------------------- */

static bool repr_at(
    struct builder *builder, const struct value *value, unsigned depth);

static bool put_trusted(struct builder *builder, const char *text)
{
	return jinja_put(builder, span_of(text), true);
}

/* One character of a string in quotes; escapes are of its own mark. */
static bool put_quoted(struct builder *builder, const struct text *text,
    size_t at, size_t *len, char quote)
{
	uint32_t c = jinja_code_point(text_span(text), at, len);
	char escape[12] = {'\\', (char)c};

	if (c == '\n' || c == '\r' || c == '\t')
		escape[1] = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
	else if (c == '\\' || c == (unsigned char)quote)
		escape[1] = (char)c;
	else if (jinja_is_printable(c))
		return jinja_put_range(builder, text, at, at + *len);
	else
		snprintf(escape, sizeof(escape),
		    c < 0x100     ? "\\x%02x"
		    : c < 0x10000 ? "\\u%04x"
				  : "\\U%08x",
		    c);
	return jinja_put(builder, span_of(escape), text_mark(text, at));
}

static bool repr_text(struct builder *builder, const struct text *text)
{
	struct span span = text_span(text);
	bool has_single = span_find(span, SPAN("'"), 0) != SIZE_MAX;
	bool has_double = span_find(span, SPAN("\""), 0) != SIZE_MAX;
	char quote = has_single && !has_double ? '"' : '\'';
	size_t len;

	if (!jinja_put(builder, span_make(&quote, 1), true))
		return false;
	for (size_t at = 0; at < text->len; at += len) {
		if (!put_quoted(builder, text, at, &len, quote))
			return false;
	}
	return jinja_put(builder, span_make(&quote, 1), true);
}

static bool repr_items(
    struct builder *builder, const struct sequence *list, unsigned depth)
{
	bool is_tuple = list->kind == LIST_TUPLE;

	if (!put_trusted(builder, is_tuple ? "(" : "["))
		return false;
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0 && !put_trusted(builder, ", "))
			return false;
		if (!repr_at(builder, &list->items[i], depth))
			return false;
	}
	if (is_tuple && list->count == 1 && !put_trusted(builder, ","))
		return false;
	return put_trusted(builder, is_tuple ? ")" : "]");
}

static bool repr_list(
    struct builder *builder, const struct value *value, unsigned depth)
{
	const struct sequence *list = value->as.list;
	char text[96];

	switch (list->kind) {
	case LIST_LIST:
	case LIST_TUPLE:
		return repr_items(builder, list, depth);
	case LIST_RANGE:
		snprintf(text, sizeof(text), "range(%lld, %lld, %lld",
		    (long long)list->range[0], (long long)list->range[1],
		    (long long)list->range[2]);
		if (list->range[2] == 1)
			*strrchr(text, ',') = '\0';
		return put_trusted(builder, text) && put_trusted(builder, ")");
	case LIST_ITERATOR:
		return put_trusted(builder, "<generator object>");
	default:
		return put_trusted(builder, jinja_type(value)) &&
		       put_trusted(builder, "(") &&
		       repr_items(builder, list, depth) &&
		       put_trusted(builder, ")");
	}
}

static bool repr_entries(struct builder *builder, const struct entry *entries,
    size_t count, unsigned depth)
{
	if (!put_trusted(builder, "{"))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && !put_trusted(builder, ", "))
			return false;
		if (!repr_at(builder, &entries[i].key, depth) ||
		    !put_trusted(builder, ": ") ||
		    !repr_at(builder, &entries[i].value, depth))
			return false;
	}
	return put_trusted(builder, "}");
}

static bool repr_at(
    struct builder *builder, const struct value *value, unsigned depth)
{
	char text[REAL_TEXT_MAX];
	size_t len;

	if (depth > VALUE_NEST_MAX)
		return jinja_fail(builder->run, "values nested too deeply");
	switch (value->kind) {
	case VALUE_UNDEFINED:
		return put_trusted(builder, "Undefined");
	case VALUE_NONE:
		return put_trusted(builder, "None");
	case VALUE_BOOLEAN:
		return put_trusted(
		    builder, value->as.boolean ? "True" : "False");
	case VALUE_INTEGER:
		snprintf(
		    text, sizeof(text), "%lld", (long long)value->as.integer);
		return put_trusted(builder, text);
	case VALUE_REAL:
		len = jinja_print_real(value->as.real, text);
		return jinja_put(builder, span_make(text, len), true);
	case VALUE_BIG:
		return jinja_put(builder, text_span(value->as.text), true);
	case VALUE_STRING:
		return repr_text(builder, value->as.text);
	case VALUE_LIST:
		return repr_list(builder, value, depth + 1);
	case VALUE_DICT:
		return repr_entries(builder, value->as.dict->entries,
		    value->as.dict->count, depth + 1);
	case VALUE_NAMESPACE:
		return put_trusted(builder, "<Namespace ") &&
		       repr_entries(builder, value->as.space->entries,
			   value->as.space->count, depth + 1) &&
		       put_trusted(builder, ">");
	default:
		return put_trusted(builder, "<") &&
		       put_trusted(builder, jinja_type(value)) &&
		       put_trusted(builder, ">");
	}
}

bool jinja_repr(struct builder *builder, const struct value *value)
{
	return jinja_charge(builder->run, 1) && repr_at(builder, value, 0);
}

bool jinja_print(struct builder *builder, const struct value *value)
{
	if (value->kind == VALUE_STRING)
		return jinja_put_text(builder, value->as.text);
	if (value->kind == VALUE_UNDEFINED)
		return true;
	return jinja_repr(builder, value);
}

bool jinja_str(struct run *run, const struct value *value, struct text **out)
{
	struct builder builder;
	struct value text;

	if (value->kind == VALUE_STRING) {
		*out = value->as.text;
		return true;
	}
	jinja_builder_init(&builder, run);
	if (!jinja_print(&builder, value) ||
	    !jinja_builder_finish(&builder, &text))
		return false;
	*out = text.as.text;
	return true;
}
