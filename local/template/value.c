/* value.c -- making values, and what kind of thing each is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "local/template/run.h"
#include "local/template/value.h"

bool jinja_string(
    struct run *run, struct span bytes, bool is_trusted, struct value *out)
{
	struct text *text = jinja_alloc(run, sizeof(*text));

	if (!text)
		return false;
	*text = (struct text){
	    .ptr = bytes.ptr, .len = bytes.len, .is_trusted = is_trusted};
	*out = (struct value){.kind = VALUE_STRING, .as.text = text};
	return true;
}

bool jinja_list(
    struct run *run, enum list_kind kind, size_t count, struct value *out)
{
	struct sequence *list;

	if (count > TEMPLATE_MEMORY_MAX / sizeof(struct value) ||
	    !jinja_charge(run, count / 8))
		return jinja_fail(run, "a list of %zu items", count);
	list = jinja_alloc(run, sizeof(*list) + count * sizeof(struct value));
	if (!list)
		return false;
	*list = (struct sequence){
	    .kind = kind, .count = count, .items = (struct value *)(list + 1)};
	*out = (struct value){.kind = VALUE_LIST, .as.list = list};
	return true;
}

static bool make_undefined(
    struct run *run, struct undefined made, struct value *out)
{
	struct undefined *undefined = jinja_alloc(run, sizeof(*undefined));

	if (!undefined)
		return false;
	*undefined = made;
	*out =
	    (struct value){.kind = VALUE_UNDEFINED, .as.undefined = undefined};
	return true;
}

bool jinja_undefined(
    struct run *run, struct span owner, struct span name, struct value *out)
{
	return make_undefined(
	    run, (struct undefined){.owner = owner, .name = name}, out);
}

bool jinja_undefined_hint(struct run *run, const char *hint, struct value *out)
{
	return make_undefined(run, (struct undefined){.hint = hint}, out);
}

/* --- kinds -------------------------------------------------------------- */

const char *jinja_type(const struct value *value)
{
	static const char *const kinds[] = {
	    [VALUE_MISSING] = "missing",
	    [VALUE_UNDEFINED] = "Undefined",
	    [VALUE_NONE] = "NoneType",
	    [VALUE_BOOLEAN] = "bool",
	    [VALUE_INTEGER] = "int",
	    [VALUE_BIG] = "int",
	    [VALUE_REAL] = "float",
	    [VALUE_STRING] = "str",
	    [VALUE_DICT] = "dict",
	    [VALUE_NAMESPACE] = "TemplateNamespace",
	    [VALUE_MACRO] = "Macro",
	    [VALUE_FUNCTION] = "function",
	    [VALUE_METHOD] = "builtin_function_or_method",
	    [VALUE_LOOP] = "LoopContext",
	    [VALUE_CYCLER] = "Cycler",
	    [VALUE_JOINER] = "Joiner",
	};
	static const char *const lists[] = {
	    [LIST_LIST] = "list",
	    [LIST_TUPLE] = "tuple",
	    [LIST_RANGE] = "range",
	    [LIST_KEYS] = "dict_keys",
	    [LIST_VALUES] = "dict_values",
	    [LIST_ITEMS] = "dict_items",
	    [LIST_ITERATOR] = "generator",
	};

	if (value->kind == VALUE_LIST)
		return lists[value->as.list->kind];
	return kinds[value->kind];
}

struct span jinja_owner(const struct value *value)
{
	switch (value->kind) {
	case VALUE_NONE:
		return SPAN("None");
	case VALUE_BOOLEAN:
		return SPAN("bool object");
	case VALUE_INTEGER:
	case VALUE_BIG:
		return SPAN("int object");
	case VALUE_REAL:
		return SPAN("float object");
	case VALUE_STRING:
		return SPAN("str object");
	case VALUE_DICT:
		return SPAN("dict object");
	case VALUE_LIST:
		return value_is_list(value, LIST_LIST)    ? SPAN("list object")
		       : value_is_list(value, LIST_TUPLE) ? SPAN("tuple object")
							  : SPAN("iterable");
	default:
		return span_of(jinja_type(value));
	}
}

bool jinja_is_true(const struct value *value)
{
	switch (value->kind) {
	case VALUE_MISSING:
	case VALUE_UNDEFINED:
	case VALUE_NONE:
		return false;
	case VALUE_BOOLEAN:
		return value->as.boolean;
	case VALUE_INTEGER:
		return value->as.integer != 0;
	case VALUE_REAL:
		return fpclassify(value->as.real) != FP_ZERO;
	case VALUE_STRING:
		return value->as.text->len > 0;
	case VALUE_LIST:
		return value->as.list->kind == LIST_ITERATOR ||
		       value->as.list->count > 0;
	case VALUE_DICT:
		return value->as.dict->count > 0;
	default:
		return true;
	}
}

bool jinja_whole(const struct value *value, int64_t *out)
{
	if (value->kind == VALUE_BOOLEAN)
		*out = value->as.boolean;
	else if (value->kind == VALUE_INTEGER)
		*out = value->as.integer;
	else
		return false;
	return true;
}

bool jinja_number(const struct value *value, double *out)
{
	int64_t whole;

	if (value->kind == VALUE_REAL) {
		*out = value->as.real;
		return true;
	}
	if (value->kind == VALUE_BIG)
		return jinja_parse_real(text_span(value->as.text), out);
	if (!jinja_whole(value, &whole))
		return false;
	*out = (double)whole;
	return true;
}

/* --- lists -------------------------------------------------------------- */

/* The code points of a string, each a string. */
static bool iterate_text(
    struct run *run, const struct text *text, struct items *out)
{
	size_t count = jinja_count(text), at = 0, len;
	struct value list;

	if (!jinja_charge(run, count) ||
	    !jinja_list(run, LIST_LIST, count, &list))
		return false;
	for (size_t i = 0; i < count; i++, at += len) {
		jinja_code_point(text_span(text), at, &len);
		if (!jinja_cut(
			run, text, at, at + len, &list.as.list->items[i]))
			return false;
	}
	*out = (struct items){list.as.list->items, count};
	return true;
}

bool jinja_iterate(
    struct run *run, const struct value *value, struct items *out)
{
	struct sequence *list;
	struct value keys;

	*out = (struct items){NULL, 0};
	switch (value->kind) {
	case VALUE_UNDEFINED:
		return true;
	case VALUE_STRING:
		return iterate_text(run, value->as.text, out);
	case VALUE_DICT:
		if (!jinja_view(run, value->as.dict, LIST_KEYS, &keys))
			return false;
		*out = (struct items){keys.as.list->items, keys.as.list->count};
		return true;
	case VALUE_LIST:
		list = value->as.list;
		*out = (struct items){
		    list->items + list->at, list->count - list->at};
		if (list->kind == LIST_ITERATOR)
			list->at = list->count;
		return true;
	default:
		return jinja_fail(
		    run, "'%s' object is not iterable", jinja_type(value));
	}
}

bool jinja_collect(struct run *run, const struct value *value,
    enum list_kind kind, struct value *out)
{
	struct items items;

	if (!jinja_iterate(run, value, &items) ||
	    !jinja_list(run, kind, items.count, out))
		return false;
	if (items.count > 0)
		memcpy(out->as.list->items, items.at,
		    items.count * sizeof(*items.at));
	return true;
}

bool jinja_view(struct run *run, const struct dict *dict, enum list_kind kind,
    struct value *out)
{
	struct value pair;

	if (!jinja_list(run, kind, dict->count, out))
		return false;
	for (size_t i = 0; i < dict->count; i++) {
		struct value *item = &out->as.list->items[i];

		if (kind == LIST_KEYS) {
			*item = dict->entries[i].key;
		} else if (kind == LIST_VALUES) {
			*item = dict->entries[i].value;
		} else {
			if (!jinja_list(run, LIST_TUPLE, 2, &pair))
				return false;
			pair.as.list->items[0] = dict->entries[i].key;
			pair.as.list->items[1] = dict->entries[i].value;
			*item = pair;
		}
	}
	return true;
}

bool jinja_length(struct run *run, const struct value *value, int64_t *out)
{
	switch (value->kind) {
	case VALUE_UNDEFINED:
		*out = 0;
		return true;
	case VALUE_STRING:
		*out = (int64_t)jinja_count(value->as.text);
		return jinja_charge(run, charge_of_bytes(value->as.text->len));
	case VALUE_DICT:
		*out = (int64_t)value->as.dict->count;
		return true;
	case VALUE_LIST:
		if (value->as.list->kind == LIST_ITERATOR)
			break;
		*out = (int64_t)value->as.list->count;
		return true;
	default:
		break;
	}
	return jinja_fail(
	    run, "object of type '%s' has no len()", jinja_type(value));
}
