/* dict.c -- dicts that keep their order, and namespaces. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/run.h"
#include "local/template/value.h"

/*
 * A dict is made at once and never changes. A short one is searched from end
 * to end, a long one has its places sorted by key: whatever keys a client
 * sends, making one takes n log n steps and asking it log n.
 */
#define SHORT_DICT 8

/* Any order that puts equal keys beside each other; strings by bytes. */
static int compare_keys(const struct value *a, const struct value *b)
{
	const struct sequence *left = a->as.list, *right = b->as.list;
	double x, y;

	if (a->kind == b->kind &&
	    (a->kind == VALUE_STRING || a->kind == VALUE_BIG)) {
		struct span s = text_span(a->as.text);
		struct span t = text_span(b->as.text);
		size_t len = s.len < t.len ? s.len : t.len;
		int order = len > 0 ? memcmp(s.ptr, t.ptr, len) : 0;

		return order ? order : (s.len > t.len) - (s.len < t.len);
	}
	if (a->kind == VALUE_INTEGER && b->kind == VALUE_INTEGER)
		return (a->as.integer > b->as.integer) -
		       (a->as.integer < b->as.integer);
	if (jinja_number(a, &x) && jinja_number(b, &y))
		return (x > y) - (x < y);
	if (jinja_number(a, &x) || jinja_number(b, &y))
		return jinja_number(a, &x) ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->kind != VALUE_LIST)
		return 0;
	for (size_t i = 0; i < left->count && i < right->count; i++) {
		int order = compare_keys(&left->items[i], &right->items[i]);

		if (order)
			return order;
	}
	return (left->count > right->count) - (left->count < right->count);
}

static bool is_key(const struct value *key, unsigned depth)
{
	const struct sequence *list = key->as.list;

	if (key->kind != VALUE_LIST)
		return key->kind >= VALUE_NONE && key->kind <= VALUE_STRING;
	if (list->kind != LIST_TUPLE || depth > 8)
		return false;
	for (size_t i = 0; i < list->count; i++) {
		if (!is_key(&list->items[i], depth + 1))
			return false;
	}
	return true;
}

bool jinja_is_key(const struct value *value)
{
	return is_key(value, 0);
}

/* Sorts places by key, equal ones by place: merges from runs of one. */
static void sort_places(
    const struct entry *entries, uint32_t *places, uint32_t *spare, size_t n)
{
	for (size_t width = 1; width < n; width *= 2) {
		for (size_t from = 0; from < n; from += 2 * width) {
			size_t mid = from + width < n ? from + width : n;
			size_t end = mid + width < n ? mid + width : n;
			size_t i = from, j = mid;

			for (size_t to = from; to < end; to++) {
				bool is_left =
				    j >= end ||
				    (i < mid &&
					compare_keys(&entries[places[i]].key,
					    &entries[places[j]].key) <= 0);

				spare[to] = places[is_left ? i++ : j++];
			}
		}
		memcpy(places, spare, n * sizeof(*places));
	}
}

/* Of keys that repeat: the first place gets the last value. */
static void drop_repeated(struct dict *dict, const uint32_t *places)
{
	size_t n = dict->count, kept = 0;

	for (size_t i = 0; i < n;) {
		struct entry *first = &dict->entries[places[i]];
		size_t j = i + 1;

		while (j < n && compare_keys(&first->key,
				    &dict->entries[places[j]].key) == 0) {
			struct entry *again = &dict->entries[places[j++]];

			first->value = again->value;
			again->key.kind = VALUE_MISSING;
		}
		i = j;
	}
	for (size_t i = 0; i < n; i++) {
		if (dict->entries[i].key.kind != VALUE_MISSING)
			dict->entries[kept++] = dict->entries[i];
	}
	dict->count = kept;
}

static bool order_dict(struct run *run, struct dict *dict)
{
	size_t n = dict->count;
	uint32_t *places = jinja_alloc(run, 2 * n * sizeof(*places));

	if (!places || !jinja_charge(run, n))
		return false;
	for (size_t i = 0; i < n; i++)
		places[i] = (uint32_t)i;
	sort_places(dict->entries, places, places + n, n);
	drop_repeated(dict, places);
	if (dict->count < n) {
		n = dict->count;
		for (size_t i = 0; i < n; i++)
			places[i] = (uint32_t)i;
		sort_places(dict->entries, places, places + n, n);
	}
	dict->order = n > SHORT_DICT ? places : NULL;
	return true;
}

bool jinja_dict(
    struct run *run, struct entry *entries, size_t count, struct value *out)
{
	struct dict *dict = jinja_alloc(run, sizeof(*dict));

	if (!dict || count > UINT32_MAX / 2)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!jinja_is_key(&entries[i].key))
			return jinja_fail(run, "unhashable type: '%s'",
			    jinja_type(&entries[i].key));
	}
	*dict = (struct dict){.count = count, .entries = entries};
	*out = (struct value){.kind = VALUE_DICT, .as.dict = dict};
	return count < 2 || order_dict(run, dict);
}

const struct value *jinja_dict_get(
    struct run *run, const struct dict *dict, const struct value *key)
{
	size_t low = 0, high = dict->count;

	run->steps++;
	if (!dict->order) {
		for (size_t i = 0; i < dict->count; i++) {
			if (compare_keys(key, &dict->entries[i].key) == 0)
				return &dict->entries[i].value;
		}
		return NULL;
	}
	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct entry *entry = &dict->entries[dict->order[mid]];
		int order = compare_keys(key, &entry->key);

		if (order == 0)
			return &entry->value;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* --- namespaces --------------------------------------------------------- */

struct value *jinja_space_find(const struct space *space, struct span key)
{
	for (size_t i = 0; i < space->count; i++) {
		if (span_eq(text_span(space->entries[i].key.as.text), key))
			return &space->entries[i].value;
	}
	return NULL;
}

bool jinja_space_set(struct run *run, struct space *space,
    const struct value *key, const struct value *value)
{
	struct value *place;
	struct span name;

	if (key->kind != VALUE_STRING)
		return jinja_fail(run, "a namespace's names are strings");
	name = text_span(key->as.text);
	if (span_starts_with(name, SPAN("_")))
		return jinja_fail(run,
		    "a namespace's name may not begin with an underscore: %.*s",
		    SPAN_FMT(span_head(name, 80)));
	if (!jinja_charge(run, space->count / 8))
		return false;
	place = jinja_space_find(space, name);
	if (place) {
		*place = *value;
		return true;
	}
	if (space->count == space->cap) {
		size_t cap = space->cap ? space->cap * 2 : 4;
		struct entry *entries =
		    jinja_alloc(run, cap * sizeof(*entries));

		if (!entries)
			return false;
		if (space->count > 0)
			memcpy(entries, space->entries,
			    space->count * sizeof(*entries));
		space->entries = entries;
		space->cap = cap;
	}
	space->entries[space->count++] = (struct entry){*key, *value};
	return true;
}
