/* objects.c -- the methods of dicts, lists, loops and cyclers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/builtin.h"
#include "local/template/methods.h"

/* --- dict --------------------------------------------------------------- */

/* keys, values, items: <rule> is the kind of view. */
static bool method_view(const struct builtin_call *call, struct value *out)
{
	return jinja_view(call->run, call->self->as.dict,
	    (enum list_kind)call->builtin->rule, out);
}

static bool method_get(const struct builtin_call *call, struct value *out)
{
	const struct value *key = &call->values[0];
	const struct value *found;

	if (key->kind == VALUE_DICT || value_is_list(key, LIST_LIST))
		return jinja_fail(
		    call->run, "unhashable type: '%s'", jinja_type(key));
	found = jinja_dict_get(call->run, call->self->as.dict, key);
	*out = found               ? *found
	       : is_given(call, 1) ? call->values[1]
				   : VALUE_OF_NONE;
	return true;
}

/* dict.copy() and list.copy(): nothing changes, so it is the same one. */
static bool method_copy(const struct builtin_call *call, struct value *out)
{
	if (call->self->kind == VALUE_LIST)
		return jinja_collect(call->run, call->self, LIST_LIST, out);
	*out = *call->self;
	return true;
}

/* --- list --------------------------------------------------------------- */

/* index and, by rule 1, count. */
static bool method_places(const struct builtin_call *call, struct value *out)
{
	const struct sequence *list = call->self->as.list;
	int64_t count = 0;
	bool is_equal;

	for (size_t i = 0; i < list->count; i++) {
		if (!jinja_equal(call->run, &list->items[i], &call->values[0],
			&is_equal))
			return false;
		if (is_equal && !call->builtin->rule) {
			*out = value_int((int64_t)i);
			return true;
		}
		count += is_equal;
	}
	*out = value_int(count);
	return call->builtin->rule ||
	       jinja_fail(call->run, "the value is not in the list");
}

/* --- loops and cyclers -------------------------------------------------- */

static bool method_cycle(const struct builtin_call *call, struct value *out)
{
	size_t n = call->all->count;

	if (n == 0)
		return jinja_fail(call->run, "no items for cycling given");
	*out = call->all->values[(size_t)call->self->as.loop->index0 % n];
	return true;
}

static bool method_changed(const struct builtin_call *call, struct value *out)
{
	struct loop *loop = call->self->as.loop;
	bool is_equal = false;
	struct value seen;

	if (!jinja_list(call->run, LIST_TUPLE, call->all->count, &seen))
		return false;
	for (size_t i = 0; i < call->all->count; i++)
		seen.as.list->items[i] = call->all->values[i];
	if (loop->changed.kind != VALUE_MISSING &&
	    !jinja_equal(call->run, &loop->changed, &seen, &is_equal))
		return false;
	loop->changed = seen;
	*out = value_bool(!is_equal);
	return true;
}

static bool method_next(const struct builtin_call *call, struct value *out)
{
	struct cycler *cycler = call->self->as.cycler;

	*out = cycler->items[cycler->at];
	cycler->at = (cycler->at + 1) % cycler->count;
	return true;
}

static bool method_reset(const struct builtin_call *call, struct value *out)
{
	call->self->as.cycler->at = 0;
	*out = VALUE_OF_NONE;
	return true;
}

/* --- the tables --------------------------------------------------------- */

static const struct builtin dict_methods[] = {
    {"copy", "", 0, 0, method_copy},
    {"get", "/key,/default", 1, 0, method_get},
    {"items", "", 0, LIST_ITEMS, method_view},
    {"keys", "", 0, LIST_KEYS, method_view},
    {"values", "", 0, LIST_VALUES, method_view},
};
static const struct builtin list_methods[] = {
    {"count", "/value", 1, 1, method_places},
    {"index", "/value", 1, 0, method_places},
    {"copy", "", 0, 0, method_copy}, /* not of tuples: the last one */
};
static const struct builtin loop_methods[] = {
    {"changed", NULL, 0, 0, method_changed},
    {"cycle", NULL, 0, 0, method_cycle},
};
static const struct builtin cycler_methods[] = {
    {"next", "", 0, 0, method_next},
    {"reset", "", 0, 0, method_reset},
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

const struct builtin *jinja_method_find(
    const struct value *value, struct span name)
{
	const struct builtin *rows = NULL;
	size_t n = 0;

	if (value->kind == VALUE_STRING) {
		rows = jinja_text_methods(&n);
	} else if (value->kind == VALUE_DICT) {
		rows = dict_methods;
		n = COUNT(dict_methods);
	} else if (value->kind == VALUE_LIST &&
		   value->as.list->kind <= LIST_RANGE) {
		rows = list_methods;
		n = COUNT(list_methods) - !value_is_list(value, LIST_LIST);
	} else if (value->kind == VALUE_LOOP) {
		rows = loop_methods;
		n = COUNT(loop_methods);
	} else if (value->kind == VALUE_CYCLER) {
		rows = cycler_methods;
		n = COUNT(cycler_methods);
	}
	return jinja_builtin_find(rows, n, name);
}

/* --- what is not there -------------------------------------------------- */

static bool is_among(struct span name, const char *names)
{
	struct span rest = span_of(names), word;

	while (span_split(&rest, ' ', &word)) {
		if (span_eq(word, name))
			return true;
	}
	return false;
}

bool jinja_method_is_unsafe(const struct value *value, struct span name)
{
	if (name.len > 1 && name.ptr[0] == '_' && name.ptr[1] == '_')
		return value->kind != VALUE_DICT;
	if (value->kind == VALUE_DICT)
		return is_among(name, "clear pop popitem setdefault update");
	if (value_is_list(value, LIST_LIST))
		return is_among(name, "append clear pop reverse insert sort "
				      "extend remove");
	return false;
}

bool jinja_method_is_lacking(struct span name)
{
	return is_among(name,
	    "casefold encode expandtabs format_map fromkeys isascii "
	    "isidentifier isnumeric isprintable istitle maketrans translate "
	    "bit_length conjugate is_integer to_bytes as_integer_ratio hex");
}
