/* compare.c -- Python's ==, <, in between values. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/run.h"
#include "local/template/value.h"

/*
 * Both walks are recursive over what values hold; lists of lists are as deep
 * as a template or a document makes them, so the depth is counted.
 */
static bool equal_at(struct run *run, const struct value *a,
    const struct value *b, unsigned depth, bool *out);

static bool equal_lists(struct run *run, const struct sequence *a,
    const struct sequence *b, unsigned depth, bool *out)
{
	*out = a == b;
	if (*out || a->kind != b->kind || a->count != b->count ||
	    a->kind == LIST_ITERATOR)
		return true;
	*out = true;
	for (size_t i = 0; *out && i < a->count; i++) {
		if (!equal_at(run, &a->items[i], &b->items[i], depth, out))
			return false;
	}
	return true;
}

static bool equal_dicts(struct run *run, const struct dict *a,
    const struct dict *b, unsigned depth, bool *out)
{
	*out = a->count == b->count;
	for (size_t i = 0; *out && i < a->count; i++) {
		const struct value *other =
		    jinja_dict_get(run, b, &a->entries[i].key);

		*out = other != NULL;
		if (other &&
		    !equal_at(run, &a->entries[i].value, other, depth, out))
			return false;
	}
	return true;
}

/* Values of one kind that is neither a number nor a container. */
static bool is_same(const struct value *a, const struct value *b)
{
	switch (a->kind) {
	case VALUE_MISSING:
	case VALUE_UNDEFINED:
	case VALUE_NONE:
		return true;
	case VALUE_BIG:
	case VALUE_STRING:
		return span_eq(text_span(a->as.text), text_span(b->as.text));
	case VALUE_METHOD:
		return false;
	default:
		return a->as.space == b->as.space; /* any pointer */
	}
}

static bool equal_at(struct run *run, const struct value *a,
    const struct value *b, unsigned depth, bool *out)
{
	int64_t i, j;
	double x, y;

	if (depth >= VALUE_NEST_MAX)
		return jinja_fail(run, "values nested too deeply");
	if (!jinja_charge(run, 1))
		return false;
	if (jinja_whole(a, &i) && jinja_whole(b, &j)) {
		*out = i == j;
	} else if (a->kind == VALUE_LIST && b->kind == VALUE_LIST) {
		return equal_lists(run, a->as.list, b->as.list, depth + 1, out);
	} else if (a->kind == VALUE_DICT && b->kind == VALUE_DICT) {
		return equal_dicts(run, a->as.dict, b->as.dict, depth + 1, out);
	} else if (a->kind == b->kind && a->kind != VALUE_REAL) {
		*out = is_same(a, b);
		if (a->kind == VALUE_STRING)
			return jinja_charge(
			    run, charge_of_bytes(a->as.text->len));
	} else {
		*out = jinja_number(a, &x) && jinja_number(b, &y) && x == y;
	}
	return true;
}

bool jinja_equal(
    struct run *run, const struct value *a, const struct value *b, bool *out)
{
	return equal_at(run, a, b, 0, out);
}

/* --- order -------------------------------------------------------------- */

static bool order_at(struct run *run, const struct value *a,
    const struct value *b, unsigned depth, int *out);

static bool order_lists(struct run *run, const struct sequence *a,
    const struct sequence *b, unsigned depth, int *out)
{
	bool is_equal;

	for (size_t i = 0; i < a->count && i < b->count; i++) {
		if (!equal_at(
			run, &a->items[i], &b->items[i], depth, &is_equal))
			return false;
		if (!is_equal)
			return order_at(
			    run, &a->items[i], &b->items[i], depth, out);
	}
	*out = (a->count > b->count) - (a->count < b->count);
	return true;
}

static int order_texts(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;

	/* UTF-8 sorts by bytes as its code points do. */
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Lists and tuples have an order, among their own kind. */
static bool is_ordered_list(const struct value *a, const struct value *b)
{
	return a->kind == VALUE_LIST && b->kind == VALUE_LIST &&
	       a->as.list->kind == b->as.list->kind &&
	       a->as.list->kind <= LIST_TUPLE;
}

static bool order_at(struct run *run, const struct value *a,
    const struct value *b, unsigned depth, int *out)
{
	int64_t i, j;
	double x, y;

	if (depth >= VALUE_NEST_MAX)
		return jinja_fail(run, "values nested too deeply");
	if (!jinja_charge(run, 1))
		return false;
	if (jinja_whole(a, &i) && jinja_whole(b, &j)) {
		*out = (i > j) - (i < j);
		return true;
	}
	if (jinja_number(a, &x) && jinja_number(b, &y)) {
		*out = x < y ? -1 : x > y ? 1 : x == y ? 0 : ORDER_NONE;
		return true;
	}
	if (a->kind == VALUE_STRING && b->kind == VALUE_STRING) {
		*out =
		    order_texts(text_span(a->as.text), text_span(b->as.text));
		return jinja_charge(run, charge_of_bytes(a->as.text->len));
	}
	if (is_ordered_list(a, b))
		return order_lists(run, a->as.list, b->as.list, depth + 1, out);
	if (a->kind == VALUE_UNDEFINED)
		return jinja_fail_undefined(run, a);
	if (b->kind == VALUE_UNDEFINED)
		return jinja_fail_undefined(run, b);
	return jinja_fail(run,
	    "'<' not supported between instances of '%s' and '%s'",
	    jinja_type(a), jinja_type(b));
}

bool jinja_order(
    struct run *run, const struct value *a, const struct value *b, int *out)
{
	return order_at(run, a, b, 0, out);
}

/* --- in ----------------------------------------------------------------- */

static bool text_contains(struct run *run, const struct text *text,
    const struct value *item, bool *out)
{
	if (item->kind != VALUE_STRING)
		return jinja_fail(run,
		    "'in <string>' requires string as left operand, not %s",
		    jinja_type(item));
	*out = jinja_find(run, text, text_span(item->as.text), 0) != SIZE_MAX;
	return true;
}

/* Takes the items of an iterator up to the one that is looked for. */
static bool iterator_contains(
    struct run *run, struct sequence *list, const struct value *item, bool *out)
{
	*out = false;
	while (!*out && list->at < list->count) {
		if (!jinja_equal(run, &list->items[list->at++], item, out))
			return false;
	}
	return true;
}

bool jinja_contains(struct run *run, const struct value *container,
    const struct value *item, bool *out)
{
	struct items items;

	*out = false;
	if (container->kind == VALUE_STRING)
		return text_contains(run, container->as.text, item, out);
	if (container->kind == VALUE_DICT) {
		if (item->kind == VALUE_LIST &&
		    item->as.list->kind != LIST_TUPLE)
			return jinja_fail(
			    run, "unhashable type: '%s'", jinja_type(item));
		*out = jinja_dict_get(run, container->as.dict, item) != NULL;
		return true;
	}
	if (container->kind != VALUE_LIST && container->kind != VALUE_UNDEFINED)
		return jinja_fail(run, "argument of type '%s' is not iterable",
		    jinja_type(container));
	if (value_is_list(container, LIST_ITERATOR))
		return iterator_contains(run, container->as.list, item, out);
	if (!jinja_iterate(run, container, &items))
		return false;
	for (size_t i = 0; !*out && i < items.count; i++) {
		if (!jinja_equal(run, &items.at[i], item, out))
			return false;
	}
	return true;
}
