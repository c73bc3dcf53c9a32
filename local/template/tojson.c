/* tojson.c -- json.dumps(), as the filter `tojson` calls it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "local/template/run.h"
#include "local/template/text.h"

/*
 * Source: Python's json module. What the strings hold keeps its marks, all
 * else is the template's own.
 */
static bool write_at(struct builder *builder, const struct value *value,
    const struct json_style *style, unsigned depth);

static bool put_trusted(struct builder *builder, const char *text)
{
	return jinja_put(builder, span_of(text), true);
}

/* \uXXXX, twice past the 16 bits. */
static bool put_unicode(struct builder *builder, uint32_t c, bool mark)
{
	char text[16];

	if (c < 0x10000)
		snprintf(text, sizeof(text), "\\u%04x", c);
	else
		snprintf(text, sizeof(text), "\\u%04x\\u%04x",
		    0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
	return jinja_put(builder, span_of(text), mark);
}

/* The character at <at>, which cannot stand as it is. */
static bool put_escape(
    struct builder *builder, const struct text *text, size_t at, size_t *len)
{
	static const char from[] = "\"\\\n\r\t\f\b";
	static const char into[] = "\"\\nrtfb";
	uint32_t c = jinja_code_point(text_span(text), at, len);
	const char *found = c > 0 && c < 0x80 ? strchr(from, (int)c) : NULL;
	bool mark = text_mark(text, at);
	char escape[2] = {'\\', 0};

	if (!found)
		return put_unicode(builder, c, mark);
	escape[1] = into[found - from];
	return jinja_put(builder, span_make(escape, 2), mark);
}

static bool is_plain(unsigned char byte, bool is_ascii)
{
	return byte >= 0x20 && byte != '"' && byte != '\\' &&
	       (!is_ascii || byte < 0x7f);
}

static bool write_text(
    struct builder *builder, const struct text *text, bool is_ascii)
{
	size_t from = 0, at = 0, len;

	if (!put_trusted(builder, "\""))
		return false;
	while (at < text->len) {
		if (is_plain((unsigned char)text->ptr[at], is_ascii)) {
			at++;
			continue;
		}
		if (!jinja_put_range(builder, text, from, at) ||
		    !put_escape(builder, text, at, &len))
			return false;
		at += len;
		from = at;
	}
	return jinja_put_range(builder, text, from, at) &&
	       put_trusted(builder, "\"");
}

static bool write_real(struct builder *builder, double real)
{
	char text[REAL_TEXT_MAX];
	size_t len;

	if (isnan(real))
		return put_trusted(builder, "NaN");
	if (isinf(real))
		return put_trusted(
		    builder, real > 0 ? "Infinity" : "-Infinity");
	len = jinja_print_real(real, text);
	return jinja_put(builder, span_make(text, len), true);
}

/* A newline and the indentation of <depth> levels, where it is asked for. */
static bool put_break(
    struct builder *builder, const struct json_style *style, unsigned depth)
{
	if (!style->has_indent)
		return true;
	if (!put_trusted(builder, "\n"))
		return false;
	for (unsigned i = 0; i < depth; i++) {
		if (!jinja_put(builder, style->indent, true))
			return false;
	}
	return true;
}

static bool write_list(struct builder *builder, const struct sequence *list,
    const struct json_style *style, unsigned depth)
{
	if (list->count == 0)
		return put_trusted(builder, "[]");
	if (!put_trusted(builder, "["))
		return false;
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0 && !jinja_put(builder, style->comma, true))
			return false;
		if (!put_break(builder, style, depth + 1) ||
		    !write_at(builder, &list->items[i], style, depth + 1))
			return false;
	}
	return put_break(builder, style, depth) && put_trusted(builder, "]");
}

/* A key: what is not a string is written as one. */
static bool write_key(struct builder *builder, const struct value *key,
    const struct json_style *style)
{
	if (key->kind == VALUE_STRING)
		return write_text(builder, key->as.text, style->is_ascii);
	if (key->kind == VALUE_LIST)
		return jinja_fail(builder->run,
		    "keys must be str, int, float, bool or None, not %s",
		    jinja_type(key));
	return put_trusted(builder, "\"") && write_at(builder, key, style, 0) &&
	       put_trusted(builder, "\"");
}

/* The entries in the order they are to be written in. */
static bool sort_entries(
    struct run *run, const struct dict *dict, struct entry **out)
{
	struct entry *sorted =
	    jinja_alloc(run, dict->count * sizeof(struct entry));

	if (!sorted)
		return false;
	for (size_t i = 0; i < dict->count; i++) {
		size_t to = i;

		for (; to > 0; to--) {
			int order;

			if (!jinja_order(run, &sorted[to - 1].key,
				&dict->entries[i].key, &order))
				return false;
			if (order <= 0)
				break;
			sorted[to] = sorted[to - 1];
		}
		sorted[to] = dict->entries[i];
	}
	*out = sorted;
	return true;
}

static bool write_dict(struct builder *builder, const struct dict *dict,
    const struct json_style *style, unsigned depth)
{
	struct entry *entries = dict->entries;

	if (dict->count == 0)
		return put_trusted(builder, "{}");
	if (style->sorts_keys && !sort_entries(builder->run, dict, &entries))
		return false;
	if (!put_trusted(builder, "{"))
		return false;
	for (size_t i = 0; i < dict->count; i++) {
		if (i > 0 && !jinja_put(builder, style->comma, true))
			return false;
		if (!put_break(builder, style, depth + 1) ||
		    !write_key(builder, &entries[i].key, style) ||
		    !jinja_put(builder, style->colon, true) ||
		    !write_at(builder, &entries[i].value, style, depth + 1))
			return false;
	}
	return put_break(builder, style, depth) && put_trusted(builder, "}");
}

static bool write_at(struct builder *builder, const struct value *value,
    const struct json_style *style, unsigned depth)
{
	if (depth > VALUE_NEST_MAX)
		return jinja_fail(builder->run, "values nested too deeply");
	if (!jinja_charge(builder->run, 1))
		return false;
	switch (value->kind) {
	case VALUE_NONE:
		return put_trusted(builder, "null");
	case VALUE_BOOLEAN:
		return put_trusted(
		    builder, value->as.boolean ? "true" : "false");
	case VALUE_INTEGER:
	case VALUE_BIG:
		return jinja_repr(builder, value);
	case VALUE_REAL:
		return write_real(builder, value->as.real);
	case VALUE_STRING:
		return write_text(builder, value->as.text, style->is_ascii);
	case VALUE_DICT:
		return write_dict(builder, value->as.dict, style, depth);
	case VALUE_LIST:
		if (value->as.list->kind <= LIST_TUPLE)
			return write_list(
			    builder, value->as.list, style, depth);
		break;
	default:
		break;
	}
	return jinja_fail(builder->run,
	    "Object of type %s is not JSON serializable", jinja_type(value));
}

bool jinja_to_json(struct builder *builder, const struct value *value,
    const struct json_style *style)
{
	return write_at(builder, value, style, 0);
}
