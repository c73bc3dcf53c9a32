/* subscript.c -- x.name, x[key], x[a:b:c], as HF's sandbox allows them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/run.h"

/* --- attributes --------------------------------------------------------- */

static bool make_method(struct run *run, const struct builtin *builtin,
    const struct value *self, struct value *out)
{
	struct method *method = jinja_alloc(run, sizeof(*method));

	if (!method)
		return false;
	*method = (struct method){.builtin = builtin, .self = *self};
	*out = (struct value){.kind = VALUE_METHOD, .as.method = method};
	return true;
}

/*
 * The attribute that Python's object has; MISSING when it has none. What would
 * change the object is there and undefined, as the sandbox has it.
 */
static bool find_attribute(struct run *run, const struct value *object,
    struct text *name, struct value *out)
{
	struct span span = text_span(name);
	const struct builtin *builtin;
	const struct value *found;
	const char *hint;

	out->kind = VALUE_MISSING;
	if (object->kind == VALUE_NAMESPACE) {
		if (!jinja_charge(run, object->as.space->count / 8))
			return false;
		found = jinja_space_find(object->as.space, span);
		if (found)
			*out = *found;
		return true;
	}
	if (object->kind == VALUE_LOOP) {
		if (!jinja_loop_attribute(object->as.loop, span, out))
			return false;
		if (out->kind != VALUE_MISSING)
			return true;
	}
	if (object->kind == VALUE_CYCLER && span_eq(span, SPAN("current"))) {
		*out = object->as.cycler->items[object->as.cycler->at];
		return true;
	}
	if (object->kind == VALUE_MACRO && span_eq(span, SPAN("name")))
		return jinja_string(run,
		    run->template->symbols
			.names[object->as.macro->node->symbol],
		    true, out);
	builtin = jinja_method_find(object, span);
	if (builtin)
		return make_method(run, builtin, object, out);
	if (!jinja_method_is_unsafe(object, span))
		return true;
	hint = arena_printf(run->arena,
	    "access to attribute '%.*s' of '%s' object is unsafe.",
	    SPAN_FMT(span), jinja_type(object));
	return hint ? jinja_undefined_hint(run, hint, out)
		    : jinja_fail(run, "too little memory");
}

/* --- items -------------------------------------------------------------- */

/* The place of Python's index in <count> items; false past the ends. */
static bool find_place(int64_t index, size_t count, size_t *out)
{
	if (index < 0)
		index += (int64_t)count;
	*out = (size_t)index;
	return index >= 0 && (size_t)index < count;
}

static bool item_of_text(
    struct run *run, const struct text *text, int64_t index, struct value *out)
{
	size_t place, from, len;

	if (!jinja_charge(run, charge_of_bytes(text->len)))
		return false;
	if (!find_place(index, jinja_count(text), &place))
		return true;
	from = jinja_offset(text, place);
	jinja_code_point(text_span(text), from, &len);
	return jinja_cut(run, text, from, from + len, out);
}

/* obj[key]; MISSING where Python finds none. */
static bool find_item(struct run *run, const struct value *object,
    const struct value *key, struct value *out)
{
	const struct value *found;
	int64_t index;
	size_t place;

	out->kind = VALUE_MISSING;
	if (object->kind == VALUE_DICT) {
		found = jinja_dict_get(run, object->as.dict, key);
		if (found)
			*out = *found;
		return true;
	}
	if (!jinja_whole(key, &index))
		return true;
	if (object->kind == VALUE_STRING)
		return item_of_text(run, object->as.text, index, out);
	if (object->kind == VALUE_LIST && object->as.list->kind <= LIST_RANGE &&
	    find_place(index, object->as.list->count, &place))
		*out = object->as.list->items[place];
	return true;
}

bool jinja_attribute(struct run *run, const struct value *object,
    struct text *name, struct value *out)
{
	const struct value key = {.kind = VALUE_STRING, .as.text = name};

	if (object->kind == VALUE_UNDEFINED)
		return jinja_fail_undefined(run, object);
	if (!find_attribute(run, object, name, out))
		return false;
	if (out->kind == VALUE_MISSING && !find_item(run, object, &key, out))
		return false;
	if (out->kind != VALUE_MISSING)
		return true;
	return jinja_undefined(run, jinja_owner(object), text_span(name), out);
}

bool jinja_item(struct run *run, const struct value *object,
    const struct value *key, struct value *out)
{
	struct text *name;

	if (object->kind == VALUE_UNDEFINED)
		return jinja_fail_undefined(run, object);
	if (!find_item(run, object, key, out))
		return false;
	if (out->kind == VALUE_MISSING && key->kind == VALUE_STRING &&
	    !find_attribute(run, object, key->as.text, out))
		return false;
	if (out->kind != VALUE_MISSING)
		return true;
	return jinja_str(run, key, &name) &&
	       jinja_undefined(run, jinja_owner(object), text_span(name), out);
}

/* --- slices ------------------------------------------------------------- */

struct slice {
	int64_t start, step;
	size_t count;
};

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

/* A bound, from the end when negative, within what <step> may reach. */
static bool find_bound(struct run *run, const struct value *bound,
    int64_t length, bool is_backwards, int64_t *out)
{
	int64_t value;

	if (bound->kind == VALUE_NONE)
		return true;
	if (bound->kind == VALUE_UNDEFINED)
		return jinja_fail_undefined(run, bound);
	if (!jinja_whole(bound, &value))
		return jinja_fail(run, "slice indices must be integers");
	if (value < 0)
		value += length;
	*out = is_backwards ? clamp(value, -1, length - 1)
			    : clamp(value, 0, length);
	return true;
}

static bool find_slice(struct run *run, const struct value bounds[3],
    int64_t length, struct slice *out)
{
	int64_t stop;
	bool is_backwards;

	out->step = 1;
	if (bounds[2].kind != VALUE_NONE &&
	    !jinja_whole(&bounds[2], &out->step))
		return jinja_fail(run, "slice indices must be integers");
	if (out->step == 0)
		return jinja_fail(run, "slice step cannot be zero");
	is_backwards = out->step < 0;
	out->step = clamp(out->step, -INT32_MAX, INT32_MAX);
	out->start = is_backwards ? length - 1 : 0;
	stop = is_backwards ? -1 : length;
	if (!find_bound(run, &bounds[0], length, is_backwards, &out->start) ||
	    !find_bound(run, &bounds[1], length, is_backwards, &stop))
		return false;
	out->count = 0;
	if (is_backwards && stop < out->start)
		out->count = (size_t)((out->start - stop - 1) / -out->step + 1);
	else if (!is_backwards && stop > out->start)
		out->count = (size_t)((stop - out->start - 1) / out->step + 1);
	return true;
}

static bool slice_text(struct run *run, const struct text *text,
    const struct value bounds[3], struct value *out)
{
	struct builder builder;
	struct slice slice;
	size_t from, to, *offsets;

	if (!jinja_charge(run, charge_of_bytes(text->len)) ||
	    !find_slice(run, bounds, (int64_t)jinja_count(text), &slice))
		return false;
	if (slice.step == 1) {
		from = jinja_offset(text, (size_t)slice.start);
		to = jinja_offset(text, (size_t)slice.start + slice.count);
		return jinja_cut(run, text, from, to, out);
	}
	offsets = jinja_alloc(run, (text->len + 1) * sizeof(*offsets));
	if (!offsets || !jinja_charge(run, text->len / 16))
		return false;
	for (size_t at = 0, n = 0, len; at < text->len; at += len) {
		jinja_code_point(text_span(text), at, &len);
		offsets[n++] = at;
		offsets[n] = at + len;
	}
	jinja_builder_init(&builder, run);
	for (size_t i = 0; i < slice.count; i++) {
		size_t place = (size_t)(slice.start + (int64_t)i * slice.step);

		if (!jinja_put_range(
			&builder, text, offsets[place], offsets[place + 1]))
			return false;
	}
	return jinja_builder_finish(&builder, out);
}

bool jinja_slice(struct run *run, const struct value *object,
    const struct value bounds[3], struct value *out)
{
	const struct sequence *list = object->as.list;
	struct slice slice;

	if (object->kind == VALUE_STRING)
		return slice_text(run, object->as.text, bounds, out);
	if (object->kind == VALUE_UNDEFINED)
		return jinja_fail_undefined(run, object);
	if (object->kind != VALUE_LIST || list->kind > LIST_RANGE)
		return jinja_undefined(
		    run, jinja_owner(object), SPAN("slice"), out);
	if (!find_slice(run, bounds, (int64_t)list->count, &slice) ||
	    !jinja_list(run, list->kind == LIST_RANGE ? LIST_LIST : list->kind,
		slice.count, out))
		return false;
	for (size_t i = 0; i < slice.count; i++)
		out->as.list->items[i] = list->items[(
		    size_t)(slice.start + (int64_t)i * slice.step)];
	return true;
}

/* --- paths -------------------------------------------------------------- */

static bool is_number(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	}
	return text.len > 0 && text.len < 10;
}

/* An item, or <fallback> where there is none and that is not NULL. */
static bool item_or(struct run *run, const struct value *object,
    const struct value *key, const struct value *fallback, struct value *out)
{
	if (!jinja_item(run, object, key, out))
		return false;
	if (out->kind == VALUE_UNDEFINED && fallback)
		*out = *fallback;
	return true;
}

bool jinja_path(struct run *run, const struct value *object,
    const struct value *path, const struct value *fallback, struct value *out)
{
	struct span rest, part;
	struct value key, item = *object;
	int64_t index;

	if (path->kind != VALUE_STRING)
		return item_or(run, object, path, fallback, out);
	rest = text_span(path->as.text);
	while (span_split(&rest, '.', &part)) {
		if (is_number(part)) {
			if (!jinja_parse_int(part, 10, &index))
				return false;
			key = value_int(index);
		} else if (!jinja_string(run, part, true, &key)) {
			return false;
		}
		if (!item_or(run, &item, &key, fallback, out))
			return false;
		item = *out;
	}
	return true;
}
