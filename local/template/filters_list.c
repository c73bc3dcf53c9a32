/* filters_list.c -- filters of lists and dicts: map, select, sort, join. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/builtin.h"

/* --- keys --------------------------------------------------------------- */

/* What an item is sorted, compared or counted as. */
struct key_rule {
	struct run *run;
	const struct value *attribute; /* a path, or NULL for the item */
	bool folds_case;
};

static bool find_key(
    const struct key_rule *rule, const struct value *item, struct value *out)
{
	*out = *item;
	if (rule->attribute &&
	    !jinja_path(rule->run, item, rule->attribute, NULL, out))
		return false;
	if (rule->folds_case && out->kind == VALUE_STRING)
		return jinja_case(rule->run, out->as.text, CASE_LOWER, out);
	return true;
}

/* The keys of several attributes, "a,b", as a list. */
static bool find_keys(
    const struct key_rule *rule, const struct value *item, struct value *out)
{
	struct key_rule one = *rule;
	struct value path, keys;
	struct span rest, part;
	size_t n = 1;

	if (!rule->attribute || rule->attribute->kind != VALUE_STRING)
		return find_key(rule, item, out);
	rest = text_span(rule->attribute->as.text);
	for (size_t i = 0; i < rest.len; i++)
		n += rest.ptr[i] == ',';
	if (n == 1)
		return find_key(rule, item, out);
	if (!jinja_list(rule->run, LIST_LIST, n, &keys))
		return false;
	one.attribute = &path;
	for (size_t i = 0; i < n && span_split(&rest, ',', &part); i++) {
		if (!jinja_string(rule->run, part, true, &path) ||
		    !find_key(&one, item, &keys.as.list->items[i]))
			return false;
	}
	*out = keys;
	return true;
}

/* --- sorting ------------------------------------------------------------ */

/* Merges [from, mid) and [mid, end) of <keyed> into <spare>; stable. */
static bool merge(struct run *run, const struct entry *keyed,
    struct entry *spare, const size_t bounds[3], bool is_reversed)
{
	size_t i = bounds[0], j = bounds[1];
	int order;

	for (size_t to = bounds[0]; to < bounds[2]; to++) {
		bool takes_right = i >= bounds[1];

		if (!takes_right && j < bounds[2]) {
			if (!jinja_order(
				run, &keyed[i].key, &keyed[j].key, &order))
				return false;
			takes_right = is_reversed ? order < 0 : order > 0;
			if (order == ORDER_NONE)
				takes_right = false;
		}
		spare[to] = takes_right ? keyed[j++] : keyed[i++];
	}
	return true;
}

static bool sort_keyed(
    struct run *run, struct entry *keyed, size_t n, bool is_reversed)
{
	struct entry *spare = jinja_alloc(run, n * sizeof(*spare));

	if (!spare)
		return false;
	for (size_t width = 1; width < n; width *= 2) {
		for (size_t from = 0; from < n; from += 2 * width) {
			size_t mid = from + width < n ? from + width : n;
			size_t end = mid + width < n ? mid + width : n;

			if (!merge(run, keyed, spare,
				(const size_t[]){from, mid, end}, is_reversed))
				return false;
		}
		memcpy(keyed, spare, n * sizeof(*keyed));
	}
	return true;
}

/* Items sorted by what find_keys says of each. */
static bool sort_items(const struct key_rule *rule, const struct items *items,
    bool is_reversed, struct value *out)
{
	struct entry *keyed =
	    jinja_alloc(rule->run, items->count * sizeof(*keyed));

	if (!keyed || !jinja_list(rule->run, LIST_LIST, items->count, out))
		return false;
	for (size_t i = 0; i < items->count; i++) {
		keyed[i].value = items->at[i];
		if (!find_keys(rule, &items->at[i], &keyed[i].key))
			return false;
	}
	if (!sort_keyed(rule->run, keyed, items->count, is_reversed))
		return false;
	for (size_t i = 0; i < items->count; i++)
		out->as.list->items[i] = keyed[i].value;
	return true;
}

static bool filter_sort(const struct builtin_call *call, struct value *out)
{
	struct key_rule rule = {.run = call->run,
	    .attribute = is_set(call, 2) ? &call->values[2] : NULL,
	    .folds_case = !flag_of(call, 1)};
	struct items items;

	return jinja_iterate(call->run, call->self, &items) &&
	       sort_items(&rule, &items, flag_of(call, 0), out);
}

static bool filter_dictsort(const struct builtin_call *call, struct value *out)
{
	struct value place = value_int(0), pairs;
	struct key_rule rule = {.run = call->run,
	    .attribute = &place,
	    .folds_case = !flag_of(call, 0)};
	struct items items;
	struct text *by;

	if (call->self->kind == VALUE_UNDEFINED)
		return jinja_fail_undefined(call->run, call->self);
	if (call->self->kind != VALUE_DICT)
		return jinja_fail(call->run, "dictsort: '%s' is no dict",
		    jinja_type(call->self));
	if (is_given(call, 1)) {
		if (!jinja_as_text(call->run, &call->values[1], "by", &by))
			return false;
		if (span_eq(text_span(by), SPAN("value")))
			place = value_int(1);
		else if (!span_eq(text_span(by), SPAN("key")))
			return jinja_fail(call->run,
			    "dictsort: by must be \"key\" or \"value\"");
	}
	return jinja_view(call->run, call->self->as.dict, LIST_ITEMS, &pairs) &&
	       jinja_iterate(call->run, &pairs, &items) &&
	       sort_items(&rule, &items, flag_of(call, 2), out);
}

/* min and max, <rule> says which. */
static bool filter_extreme(const struct builtin_call *call, struct value *out)
{
	struct key_rule rule = {.run = call->run,
	    .attribute = is_set(call, 1) ? &call->values[1] : NULL,
	    .folds_case = !flag_of(call, 0)};
	struct value best, key;
	struct items items;
	int order;

	if (!jinja_iterate(call->run, call->self, &items))
		return false;
	if (items.count == 0)
		return jinja_undefined_hint(
		    call->run, "No aggregated item, sequence was empty.", out);
	if (!find_key(&rule, &items.at[0], &best))
		return false;
	*out = items.at[0];
	for (size_t i = 1; i < items.count; i++) {
		if (!find_key(&rule, &items.at[i], &key) ||
		    !jinja_order(call->run, &key, &best, &order))
			return false;
		if (order != ORDER_NONE &&
		    (call->builtin->rule ? order > 0 : order < 0)) {
			best = key;
			*out = items.at[i];
		}
	}
	return true;
}

static bool filter_unique(const struct builtin_call *call, struct value *out)
{
	struct key_rule rule = {.run = call->run,
	    .attribute = is_set(call, 1) ? &call->values[1] : NULL,
	    .folds_case = !flag_of(call, 0)};
	struct items items;
	struct value *keys;
	size_t n = 0;

	if (!jinja_iterate(call->run, call->self, &items) ||
	    !jinja_list(call->run, LIST_ITERATOR, items.count, out))
		return false;
	keys = jinja_alloc(call->run, items.count * sizeof(*keys));
	if (!keys)
		return false;
	for (size_t i = 0; i < items.count; i++) {
		bool is_known = false;

		if (!find_key(&rule, &items.at[i], &keys[n]))
			return false;
		if (!jinja_is_key(&keys[n]))
			return jinja_fail(call->run, "unhashable type: '%s'",
			    jinja_type(&keys[n]));
		for (size_t j = 0; j < n && !is_known; j++) {
			if (!jinja_equal(
				call->run, &keys[j], &keys[n], &is_known))
				return false;
		}
		if (!is_known)
			out->as.list->items[n++] = items.at[i];
	}
	out->as.list->count = n;
	return true;
}

/* --- map, select, reject ------------------------------------------------ */

/* map(attribute=..., default=...) */
static bool map_attribute(const struct builtin_call *call,
    const struct items *items, struct sequence *to)
{
	const struct value *path = NULL, *fallback = NULL;

	for (size_t i = 0; i < call->all->n_keywords; i++) {
		const struct keyword *keyword = &call->all->keywords[i];

		if (span_eq(keyword->name, SPAN("attribute")))
			path = &keyword->value;
		else if (span_eq(keyword->name, SPAN("default")))
			fallback = &keyword->value;
		else
			path = NULL;
	}
	if (!path || call->all->count > 0)
		return jinja_fail(call->run,
		    "map takes a filter's name, or attribute and default");
	if (fallback && fallback->kind == VALUE_NONE)
		fallback = NULL;
	for (size_t i = 0; i < items->count; i++) {
		if (path->kind == VALUE_NONE)
			to->items[i] = items->at[i];
		else if (!jinja_path(call->run, &items->at[i], path, fallback,
			     &to->items[i]))
			return false;
	}
	return true;
}

/* The arguments without the first <n>. */
static struct arguments skip_arguments(const struct arguments *all, size_t n)
{
	struct arguments rest = *all;

	rest.values += n;
	rest.count -= n;
	return rest;
}

static bool filter_map(const struct builtin_call *call, struct value *out)
{
	const struct builtin *filter = NULL;
	struct arguments rest;
	struct items items;

	if (!jinja_is_true(call->self))
		return jinja_list(call->run, LIST_ITERATOR, 0, out);
	if (!jinja_iterate(call->run, call->self, &items) ||
	    !jinja_list(call->run, LIST_ITERATOR, items.count, out))
		return false;
	if (call->all->count == 0)
		return map_attribute(call, &items, out->as.list);
	if (call->all->values[0].kind == VALUE_STRING)
		filter =
		    jinja_filter_find(text_span(call->all->values[0].as.text));
	if (!filter)
		return jinja_fail(call->run, "map: there is no such filter");
	rest = skip_arguments(call->all, 1);
	for (size_t i = 0; i < items.count; i++) {
		if (!jinja_charge(call->run, 1) ||
		    !jinja_call_builtin(call->run, filter, &items.at[i], &rest,
			&out->as.list->items[i]))
			return false;
	}
	return true;
}

enum select_rule {
	SELECT_ATTRIBUTE = 1,
	SELECT_REJECTS = 2
};

/* Whether <item> passes a test, or is true where there is none. */
static bool passes(const struct builtin_call *call, const struct builtin *test,
    const struct value *item, bool *out)
{
	size_t offset = call->builtin->rule & SELECT_ATTRIBUTE;
	struct value value = *item, result;
	struct arguments rest;

	if (!jinja_charge(call->run, 1))
		return false;
	if (offset &&
	    !jinja_path(call->run, item, &call->all->values[0], NULL, &value))
		return false;
	result = value;
	if (test) {
		rest = skip_arguments(call->all, offset + 1);
		if (!jinja_call_builtin(
			call->run, test, &value, &rest, &result))
			return false;
	}
	*out = jinja_is_true(&result) !=
	       ((call->builtin->rule & SELECT_REJECTS) != 0);
	return true;
}

/* select, reject, selectattr, rejectattr. */
static bool filter_select(const struct builtin_call *call, struct value *out)
{
	size_t offset = call->builtin->rule & SELECT_ATTRIBUTE, n = 0;
	const struct builtin *test = NULL;
	struct items items;
	bool is_kept;

	if (!jinja_is_true(call->self))
		return jinja_list(call->run, LIST_ITERATOR, 0, out);
	if (call->all->count < offset)
		return jinja_fail(call->run, "%s needs an attribute's name",
		    call->builtin->name);
	if (call->all->count > offset) {
		const struct value *name = &call->all->values[offset];

		if (name->kind == VALUE_STRING)
			test = jinja_test_find(text_span(name->as.text));
		if (!test)
			return jinja_fail(call->run,
			    "%s: there is no such test", call->builtin->name);
	}
	if (!jinja_iterate(call->run, call->self, &items) ||
	    !jinja_list(call->run, LIST_ITERATOR, items.count, out))
		return false;
	for (size_t i = 0; i < items.count; i++) {
		if (!passes(call, test, &items.at[i], &is_kept))
			return false;
		if (is_kept)
			out->as.list->items[n++] = items.at[i];
	}
	out->as.list->count = n;
	return true;
}

/* --- others ------------------------------------------------------------- */

static bool filter_join(const struct builtin_call *call, struct value *out)
{
	struct text nothing = {.ptr = "", .is_trusted = true};
	struct text *separator = &nothing;
	struct value mapped;
	struct items items;

	if (!jinja_iterate(call->run, call->self, &items))
		return false;
	if (is_given(call, 0) &&
	    !jinja_str(call->run, &call->values[0], &separator))
		return false;
	if (is_set(call, 1)) {
		if (!jinja_list(call->run, LIST_LIST, items.count, &mapped))
			return false;
		for (size_t i = 0; i < items.count; i++) {
			if (!jinja_path(call->run, &items.at[i],
				&call->values[1], NULL,
				&mapped.as.list->items[i]))
				return false;
		}
		items.at = mapped.as.list->items;
	}
	return jinja_join(call->run, separator, &items, true, out);
}

static bool filter_length(const struct builtin_call *call, struct value *out)
{
	int64_t length;

	if (!jinja_length(call->run, call->self, &length))
		return false;
	*out = value_int(length);
	return true;
}

static bool filter_first(const struct builtin_call *call, struct value *out)
{
	struct sequence *list = call->self->as.list;
	struct items items;

	/* Of an iterator it takes one. */
	if (value_is_list(call->self, LIST_ITERATOR) &&
	    list->at < list->count) {
		*out = list->items[list->at++];
		return true;
	}
	if (!jinja_iterate(call->run, call->self, &items))
		return false;
	if (items.count == 0)
		return jinja_undefined_hint(
		    call->run, "No first item, sequence was empty.", out);
	*out = items.at[0];
	return true;
}

static bool filter_last(const struct builtin_call *call, struct value *out)
{
	struct items items;

	if (value_is_list(call->self, LIST_ITERATOR))
		return jinja_fail(
		    call->run, "'generator' object is not reversible");
	if (!jinja_iterate(call->run, call->self, &items))
		return false;
	if (items.count == 0)
		return jinja_undefined_hint(
		    call->run, "No last item, sequence was empty.", out);
	*out = items.at[items.count - 1];
	return true;
}

static bool filter_list(const struct builtin_call *call, struct value *out)
{
	return jinja_collect(call->run, call->self, LIST_LIST, out);
}

static bool filter_items(const struct builtin_call *call, struct value *out)
{
	if (call->self->kind == VALUE_UNDEFINED)
		return jinja_list(call->run, LIST_ITERATOR, 0, out);
	if (call->self->kind != VALUE_DICT)
		return jinja_fail(
		    call->run, "Can only get item pairs from a mapping.");
	if (!jinja_view(call->run, call->self->as.dict, LIST_ITEMS, out))
		return false;
	out->as.list->kind = LIST_ITERATOR;
	return true;
}

static bool filter_reverse(const struct builtin_call *call, struct value *out)
{
	const struct value bounds[3] = {
	    VALUE_OF_NONE, VALUE_OF_NONE, value_int(-1)};
	struct value list;

	if (call->self->kind == VALUE_STRING)
		return jinja_slice(call->run, call->self, bounds, out);
	if (!jinja_collect(call->run, call->self, LIST_LIST, &list) ||
	    !jinja_slice(call->run, &list, bounds, out))
		return false;
	if (!value_is_list(call->self, LIST_ITERATOR))
		out->as.list->kind = LIST_ITERATOR;
	return true;
}

static bool filter_sum(const struct builtin_call *call, struct value *out)
{
	struct value sum = is_given(call, 1) ? call->values[1] : value_int(0);
	struct value item;
	struct items items;

	if (!jinja_iterate(call->run, call->self, &items))
		return false;
	if (sum.kind == VALUE_STRING)
		return jinja_fail(call->run, "sum() can't sum strings");
	for (size_t i = 0; i < items.count; i++) {
		item = items.at[i];
		if (is_set(call, 0) && !jinja_path(call->run, &items.at[i],
					   &call->values[0], NULL, &item))
			return false;
		if (!jinja_charge(call->run, 1) ||
		    !jinja_math(call->run, OP_ADD, &sum, &item, out))
			return false;
		sum = *out;
	}
	*out = sum;
	return true;
}

/* --- the table ---------------------------------------------------------- */

const struct builtin *jinja_list_filters(size_t *n)
{
	static const struct builtin filters[] = {
	    {"count", "", 0, 0, filter_length},
	    {"dictsort", "case_sensitive,by,reverse", 0, 0, filter_dictsort},
	    {"first", "", 0, 0, filter_first},
	    {"items", "", 0, 0, filter_items},
	    {"join", "d,attribute", 0, 0, filter_join},
	    {"last", "", 0, 0, filter_last},
	    {"length", "", 0, 0, filter_length},
	    {"list", "", 0, 0, filter_list},
	    {"map", NULL, 0, 0, filter_map},
	    {"max", "case_sensitive,attribute", 0, 1, filter_extreme},
	    {"min", "case_sensitive,attribute", 0, 0, filter_extreme},
	    {"reject", NULL, 0, SELECT_REJECTS, filter_select},
	    {"rejectattr", NULL, 0, SELECT_REJECTS | SELECT_ATTRIBUTE,
		filter_select},
	    {"reverse", "", 0, 0, filter_reverse},
	    {"select", NULL, 0, 0, filter_select},
	    {"selectattr", NULL, 0, SELECT_ATTRIBUTE, filter_select},
	    {"sort", "reverse,case_sensitive,attribute", 0, 0, filter_sort},
	    {"sum", "attribute,start", 0, 0, filter_sum},
	    {"unique", "case_sensitive,attribute", 0, 0, filter_unique},
	};

	*n = sizeof(filters) / sizeof(filters[0]);
	return filters;
}
