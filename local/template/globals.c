/* globals.c -- the functions that every template can call. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/builtin.h"

/* As the sandbox bounds it. */
#define RANGE_MAX 100000

static bool make_range(
    struct run *run, const int64_t bounds[3], struct value *out)
{
	/* 128 bits: no difference of two of 64 overflows. */
	__int128 span = (__int128)bounds[1] - bounds[0], step = bounds[2];
	__int128 count = 0;

	if (step > 0 && span > 0)
		count = (span - 1) / step + 1;
	else if (step < 0 && span < 0)
		count = (span + 1) / step + 1;
	if (count > RANGE_MAX)
		return jinja_fail(run, "range of more than %d", RANGE_MAX);
	if (!jinja_list(run, LIST_RANGE, (size_t)count, out))
		return false;
	for (size_t i = 0; i < (size_t)count; i++)
		out->as.list->items[i] =
		    value_int(bounds[0] + (int64_t)i * bounds[2]);
	memcpy(out->as.list->range, bounds, 3 * sizeof(bounds[0]));
	return true;
}

static bool global_range(const struct builtin_call *call, struct value *out)
{
	int64_t bounds[3] = {0, 0, 1};
	size_t n = call->all->count;

	if (n < 1 || n > 3 || call->all->n_keywords > 0)
		return jinja_fail(
		    call->run, "range takes one to three arguments");
	for (size_t i = 0; i < n; i++) {
		if (!jinja_as_int(call->run, &call->all->values[i], "range",
			&bounds[n == 1 ? 1 : i]))
			return false;
	}
	if (bounds[2] == 0)
		return jinja_fail(call->run, "range: the step is zero");
	return make_range(call->run, bounds, out);
}

/* dict(mapping or pairs, **keywords) into entries. */
static bool gather_entries(
    const struct builtin_call *call, struct entry **entries, size_t *count)
{
	const struct arguments *all = call->all;
	struct value pairs = VALUE_OF_NONE;
	struct items items = {NULL, 0}, pair;
	size_t n = 0;

	if (all->count > 1)
		return jinja_fail(call->run, "dict takes at most one argument");
	if (all->count == 1) {
		pairs = all->values[0];
		if (pairs.kind == VALUE_DICT &&
		    !jinja_view(call->run, pairs.as.dict, LIST_ITEMS, &pairs))
			return false;
		if (!jinja_iterate(call->run, &pairs, &items))
			return false;
	}
	*entries = jinja_alloc(
	    call->run, (items.count + all->n_keywords) * sizeof(**entries));
	if (!*entries)
		return false;
	for (size_t i = 0; i < items.count; i++) {
		if (!jinja_iterate(call->run, &items.at[i], &pair))
			return false;
		if (pair.count != 2)
			return jinja_fail(
			    call->run, "dict: element %zu is no pair", i);
		(*entries)[n++] = (struct entry){pair.at[0], pair.at[1]};
	}
	for (size_t i = 0; i < all->n_keywords; i++) {
		(*entries)[n].value = all->keywords[i].value;
		if (!jinja_string(call->run, all->keywords[i].name, true,
			&(*entries)[n++].key))
			return false;
	}
	*count = n;
	return true;
}

static bool global_dict(const struct builtin_call *call, struct value *out)
{
	struct entry *entries;
	size_t count;

	return gather_entries(call, &entries, &count) &&
	       jinja_dict(call->run, entries, count, out);
}

static bool global_namespace(const struct builtin_call *call, struct value *out)
{
	struct space *space = jinja_alloc(call->run, sizeof(*space));
	struct entry *entries;
	size_t count;

	if (!space || !gather_entries(call, &entries, &count))
		return false;
	*space = (struct space){0};
	for (size_t i = 0; i < count; i++) {
		if (!jinja_space_set(
			call->run, space, &entries[i].key, &entries[i].value))
			return false;
	}
	*out = (struct value){.kind = VALUE_NAMESPACE, .as.space = space};
	return true;
}

static bool global_raise(const struct builtin_call *call, struct value *out)
{
	struct text *message;

	if (!jinja_str(call->run, &call->values[0], &message))
		return false;
	*out = VALUE_OF_NONE;
	call->run->has_raised = true;
	return jinja_fail(call->run, "%.*s", SPAN_FMT(text_span(message)));
}

static bool global_strftime(const struct builtin_call *call, struct value *out)
{
	struct builder builder;
	struct text *format;

	jinja_builder_init(&builder, call->run);
	return jinja_as_text(
		   call->run, &call->values[0], "strftime_now", &format) &&
	       jinja_strftime(&builder, text_span(format)) &&
	       jinja_builder_finish(&builder, out);
}

static bool global_joiner(const struct builtin_call *call, struct value *out)
{
	struct joiner *joiner = jinja_alloc(call->run, sizeof(*joiner));

	if (!joiner)
		return false;
	*joiner = (struct joiner){.separator = call->values[0]};
	if (!is_given(call, 0) &&
	    !jinja_string(call->run, SPAN(", "), true, &joiner->separator))
		return false;
	*out = (struct value){.kind = VALUE_JOINER, .as.joiner = joiner};
	return true;
}

static bool global_cycler(const struct builtin_call *call, struct value *out)
{
	struct cycler *cycler = jinja_alloc(call->run, sizeof(*cycler));

	if (!cycler)
		return false;
	if (call->all->count == 0 || call->all->n_keywords > 0)
		return jinja_fail(
		    call->run, "at least one item has to be provided");
	*cycler = (struct cycler){
	    .count = call->all->count, .items = call->all->values};
	*out = (struct value){.kind = VALUE_CYCLER, .as.cycler = cycler};
	return true;
}

static const struct builtin globals[] = {
    {"cycler", NULL, 0, 0, global_cycler},
    {"dict", NULL, 0, 0, global_dict},
    {"joiner", "sep", 0, 0, global_joiner},
    {"namespace", NULL, 0, 0, global_namespace},
    {"raise_exception", "message", 1, 0, global_raise},
    {"range", NULL, 0, 0, global_range},
    {"strftime_now", "format", 1, 0, global_strftime},
};

const struct builtin *jinja_global_find(struct span name)
{
	return jinja_builtin_find(
	    globals, sizeof(globals) / sizeof(globals[0]), name);
}
