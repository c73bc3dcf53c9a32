/* methods.c -- the methods of strings. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/methods.h"
#include "local/template/builtin.h"

static struct text *self_of(const struct builtin_call *call)
{
	return call->self->as.text;
}

static bool method_case(const struct builtin_call *call, struct value *out)
{
	return jinja_case(
	    call->run, self_of(call), (enum case_rule)call->builtin->rule, out);
}

static bool method_class(const struct builtin_call *call, struct value *out)
{
	*out = value_bool(jinja_has_class(
	    self_of(call), (enum class_rule)call->builtin->rule));
	return jinja_charge(call->run, self_of(call)->len / 16);
}

static bool method_strip(const struct builtin_call *call, struct value *out)
{
	return jinja_strip(call->run, self_of(call), &call->values[0],
	    (enum strip_ends)call->builtin->rule, out);
}

/* --- splitting ---------------------------------------------------------- */

/* Pieces of a string, found from either end. */
struct pieces {
	struct run *run;
	const struct text *text;
	struct value *items;
	size_t count, cap;
};

static bool add_piece(struct pieces *pieces, size_t from, size_t to)
{
	if (pieces->count == pieces->cap) {
		size_t cap = pieces->cap ? pieces->cap * 2 : 8;
		struct value *items =
		    jinja_alloc(pieces->run, cap * sizeof(*items));

		if (!items)
			return false;
		if (pieces->count > 0)
			memcpy(items, pieces->items,
			    pieces->count * sizeof(*items));
		pieces->items = items;
		pieces->cap = cap;
	}
	return jinja_charge(pieces->run, 1) &&
	       jinja_cut(pieces->run, pieces->text, from, to,
		   &pieces->items[pieces->count++]);
}

static bool finish_pieces(
    struct pieces *pieces, bool is_reversed, struct value *out)
{
	size_t n = pieces->count;

	if (!jinja_charge(pieces->run, charge_of_bytes(pieces->text->len)) ||
	    !jinja_list(pieces->run, LIST_LIST, n, out))
		return false;
	for (size_t i = 0; i < n; i++)
		out->as.list->items[i] =
		    pieces->items[is_reversed ? n - 1 - i : i];
	return true;
}

static bool is_space_at(const struct text *text, size_t at, size_t *len)
{
	return jinja_is_space(jinja_code_point(text_span(text), at, len));
}

/* At runs of white space; none is empty. */
static bool split_at_space(struct pieces *pieces, int64_t limit)
{
	const struct text *text = pieces->text;
	size_t at = 0, from, len, range[2];

	for (;; limit--) {
		while (at < text->len && is_space_at(text, at, &len))
			at += len;
		if (at == text->len)
			return true;
		from = at;
		if (limit == 0)
			break;
		while (at < text->len && !is_space_at(text, at, &len))
			at += len;
		if (!add_piece(pieces, from, at))
			return false;
	}
	jinja_strip_range(text, NULL, STRIP_RIGHT, range);
	return add_piece(pieces, from, limit == 0 ? text->len : range[1]);
}

/* The same from the end; the pieces come last first. */
static bool split_at_space_back(struct pieces *pieces, int64_t limit)
{
	const struct text *text = pieces->text;
	size_t to = text->len, at, len;

	for (;; limit--) {
		while (to > 0 && is_space_at(text,
				     jinja_before(text_span(text), to), &len))
			to = jinja_before(text_span(text), to);
		if (to == 0)
			return true;
		if (limit == 0)
			return add_piece(pieces, 0, to);
		at = to;
		while (at > 0 && !is_space_at(text,
				     jinja_before(text_span(text), at), &len))
			at = jinja_before(text_span(text), at);
		if (!add_piece(pieces, at, to))
			return false;
		to = at;
	}
}

static bool split_at(struct pieces *pieces, struct span mark, int64_t limit)
{
	size_t from = 0, found;

	for (; limit != 0; limit--) {
		found = span_find(text_span(pieces->text), mark, from);
		if (found == SIZE_MAX)
			break;
		if (!add_piece(pieces, from, found))
			return false;
		from = found + mark.len;
	}
	return add_piece(pieces, from, pieces->text->len);
}

static bool ends_with_at(struct span text, size_t end, struct span mark)
{
	return end >= mark.len &&
	       memcmp(text.ptr + end - mark.len, mark.ptr, mark.len) == 0;
}

static bool split_at_back(
    struct pieces *pieces, struct span mark, int64_t limit)
{
	struct span text = text_span(pieces->text);
	size_t to = text.len, at = text.len;

	while (limit != 0 && at >= mark.len) {
		if (!ends_with_at(text, at, mark)) {
			at--;
			continue;
		}
		if (!add_piece(pieces, at, to))
			return false;
		at -= mark.len;
		to = at;
		limit--;
	}
	return add_piece(pieces, 0, to);
}

/* split and rsplit; rule 1 is the latter. */
static bool method_split(const struct builtin_call *call, struct value *out)
{
	struct pieces pieces = {.run = call->run, .text = self_of(call)};
	bool is_back = call->builtin->rule != 0, is_done;
	struct text *mark = NULL;
	int64_t limit = -1;

	if (is_set(call, 0) &&
	    !jinja_as_text(call->run, &call->values[0], "split: sep", &mark))
		return false;
	if (is_given(call, 1) && !jinja_as_int(call->run, &call->values[1],
				     "split: maxsplit", &limit))
		return false;
	if (mark && mark->len == 0)
		return jinja_fail(call->run, "empty separator");
	if (!mark)
		is_done = is_back ? split_at_space_back(&pieces, limit)
				  : split_at_space(&pieces, limit);
	else
		is_done = is_back
			      ? split_at_back(&pieces, text_span(mark), limit)
			      : split_at(&pieces, text_span(mark), limit);
	return is_done && finish_pieces(&pieces, is_back, out);
}

static bool method_splitlines(
    const struct builtin_call *call, struct value *out)
{
	struct pieces pieces = {.run = call->run, .text = self_of(call)};
	bool keeps_ends = flag_of(call, 0);
	size_t at = 0, end, next;

	while (at < pieces.text->len) {
		end = jinja_line_end(text_span(pieces.text), at, &next);
		if (!add_piece(&pieces, at, keeps_ends ? next : end))
			return false;
		at = next;
	}
	return finish_pieces(&pieces, false, out);
}

/* partition and rpartition; rule 1 is the latter. */
static bool method_partition(const struct builtin_call *call, struct value *out)
{
	struct text *text = self_of(call), *mark;
	size_t found = SIZE_MAX, len = text->len;
	struct value *items;

	if (!jinja_as_text(call->run, &call->values[0], "sep", &mark))
		return false;
	if (mark->len == 0)
		return jinja_fail(call->run, "empty separator");
	if (!call->builtin->rule)
		found = jinja_find(call->run, text, text_span(mark), 0);
	for (size_t end = len; call->builtin->rule && end >= mark->len; end--) {
		if (ends_with_at(text_span(text), end, text_span(mark))) {
			found = end - mark->len;
			break;
		}
	}
	if (!jinja_list(call->run, LIST_TUPLE, 3, out))
		return false;
	items = out->as.list->items;
	if (found == SIZE_MAX) {
		size_t whole = call->builtin->rule ? 0 : len;

		return jinja_cut(call->run, text, 0, whole, &items[0]) &&
		       jinja_cut(call->run, text, 0, 0, &items[1]) &&
		       jinja_cut(call->run, text, whole, len, &items[2]);
	}
	return jinja_cut(call->run, text, 0, found, &items[0]) &&
	       jinja_cut(call->run, mark, 0, mark->len, &items[1]) &&
	       jinja_cut(call->run, text, found + mark->len, len, &items[2]);
}

/* --- searching ---------------------------------------------------------- */

/* The bytes between the optional bounds <place> and <place> + 1. */
static bool find_range(
    const struct builtin_call *call, size_t place, size_t range[2])
{
	const struct text *text = self_of(call);
	int64_t length = (int64_t)jinja_count(text), at;

	range[0] = 0;
	range[1] = text->len;
	for (size_t i = 0; i < 2; i++) {
		if (!is_set(call, place + i))
			continue;
		if (!jinja_as_int(
			call->run, &call->values[place + i], "index", &at))
			return false;
		if (at < 0)
			at = at + length > 0 ? at + length : 0;
		/* A start past the end finds nothing, not even "". */
		range[i] = at <= length ? jinja_offset(text, (size_t)at)
			   : i == 0     ? SIZE_MAX
					: text->len;
	}
	return jinja_charge(call->run, charge_of_bytes(text->len));
}

static bool has_end(struct span text, struct span part, bool is_suffix)
{
	return is_suffix ? span_ends_with(text, part)
			 : span_starts_with(text, part);
}

/* startswith and, by rule 1, endswith; of a tuple any. */
static bool method_ends(const struct builtin_call *call, struct value *out)
{
	const struct value *given = &call->values[0];
	bool is_suffix = call->builtin->rule != 0;
	struct span text = text_span(self_of(call));
	struct text *part;
	size_t range[2];
	struct items parts = {given, 1};

	if (!find_range(call, 1, range))
		return false;
	*out = value_bool(false);
	if (value_is_list(given, LIST_TUPLE))
		parts = (struct items){
		    given->as.list->items, given->as.list->count};
	for (size_t i = 0; i < parts.count; i++) {
		if (!jinja_as_text(call->run, &parts.at[i],
			"startswith/endswith: first argument", &part))
			return false;
		if (range[0] <= range[1] &&
		    has_end(span_make(text.ptr + range[0], range[1] - range[0]),
			text_span(part), is_suffix))
			*out = value_bool(true);
	}
	return true;
}

enum find_rule {
	FIND_BACK = 1,
	FIND_MUST = 2
};

/* find, rfind, index, rindex. */
static bool method_find(const struct builtin_call *call, struct value *out)
{
	const struct text *text = self_of(call);
	struct text *part, before;
	struct span whole;
	size_t range[2], found = SIZE_MAX;

	if (!jinja_as_text(call->run, &call->values[0], "sub", &part) ||
	    !find_range(call, 1, range))
		return false;
	whole = span_make(text->ptr, range[1]);
	if (range[0] <= range[1] && !(call->builtin->rule & FIND_BACK))
		found = span_find(whole, text_span(part), range[0]);
	for (size_t end = range[1];
	     call->builtin->rule & FIND_BACK && range[0] <= range[1] &&
	     end >= range[0] + part->len;
	     end--) {
		if (part->len == 0 ||
		    ends_with_at(whole, end, text_span(part))) {
			found = end - part->len;
			break;
		}
	}
	if (found == SIZE_MAX && call->builtin->rule & FIND_MUST)
		return jinja_fail(call->run, "substring not found");
	before = (struct text){.ptr = text->ptr, .len = found};
	*out =
	    value_int(found == SIZE_MAX ? -1 : (int64_t)jinja_count(&before));
	return true;
}

static bool method_count(const struct builtin_call *call, struct value *out)
{
	const struct text *text = self_of(call);
	int64_t count = 0;
	struct text *part;
	size_t range[2], at;

	if (!jinja_as_text(call->run, &call->values[0], "sub", &part) ||
	    !find_range(call, 1, range))
		return false;
	*out = value_int(0);
	if (range[0] > range[1])
		return true;
	if (part->len == 0) {
		struct text inside = {
		    .ptr = text->ptr + range[0], .len = range[1] - range[0]};

		*out = value_int((int64_t)jinja_count(&inside) + 1);
		return true;
	}
	for (at = range[0];; at += part->len) {
		at = span_find(
		    span_make(text->ptr, range[1]), text_span(part), at);
		if (at == SIZE_MAX)
			break;
		count++;
	}
	*out = value_int(count);
	return true;
}

/* --- others ------------------------------------------------------------- */

static bool method_replace(const struct builtin_call *call, struct value *out)
{
	struct text *old, *new;
	int64_t count = -1;

	if (!jinja_as_text(call->run, &call->values[0], "old", &old) ||
	    !jinja_as_text(call->run, &call->values[1], "new", &new) ||
	    (is_given(call, 2) &&
		!jinja_as_int(call->run, &call->values[2], "count", &count)))
		return false;
	return jinja_replace(call->run, self_of(call),
	    (const struct text *[]){old, new}, count, out);
}

static bool method_join(const struct builtin_call *call, struct value *out)
{
	struct items items;

	return jinja_iterate(call->run, &call->values[0], &items) &&
	       jinja_join(call->run, self_of(call), &items, false, out);
}

/* removeprefix and, by rule 1, removesuffix. */
static bool method_remove(const struct builtin_call *call, struct value *out)
{
	const struct text *text = self_of(call);
	bool is_suffix = call->builtin->rule != 0;
	size_t from = 0, to = text->len;
	struct text *part;

	if (!jinja_as_text(call->run, &call->values[0], "affix", &part))
		return false;
	if (has_end(text_span(text), text_span(part), is_suffix)) {
		if (is_suffix)
			to -= part->len;
		else
			from += part->len;
	}
	return jinja_cut(call->run, text, from, to, out);
}

enum pad_rule {
	PAD_LEFT,
	PAD_RIGHT,
	PAD_BOTH,
	PAD_ZEROS
};

/* ljust, rjust, center, zfill: <rule> says where the filling goes. */
static bool method_pad(const struct builtin_call *call, struct value *out)
{
	const struct text *text = self_of(call);
	struct text blank = {.ptr = " ", .len = 1, .is_trusted = true};
	struct text *fill = &blank;
	enum pad_rule rule = (enum pad_rule)call->builtin->rule;
	int64_t width, missing, left, sign = 0;
	struct builder builder;

	if (!jinja_as_int(call->run, &call->values[0], "width", &width) ||
	    (is_given(call, 1) &&
		!jinja_as_text(call->run, &call->values[1], "fillchar", &fill)))
		return false;
	if (jinja_count(fill) != 1)
		return jinja_fail(
		    call->run, "the fill must be one character long");
	missing = width - (int64_t)jinja_count(text);
	missing = missing > 0 ? missing : 0;
	left = rule == PAD_RIGHT  ? 0
	       : rule == PAD_BOTH ? missing / 2 + (missing & width & 1)
				  : missing;
	if (rule == PAD_ZEROS) {
		blank.ptr = "0";
		sign = text->len > 0 &&
		       (text->ptr[0] == '-' || text->ptr[0] == '+');
	}
	jinja_builder_init(&builder, call->run);
	if (!jinja_put_range(&builder, text, 0, (size_t)sign))
		return false;
	for (int64_t i = 0; i < missing; i++) {
		if (i == left &&
		    !jinja_put_range(&builder, text, (size_t)sign, text->len))
			return false;
		if (!jinja_charge(call->run, 1) ||
		    !jinja_put_text(&builder, fill))
			return false;
	}
	return (left < missing ||
		   jinja_put_range(&builder, text, (size_t)sign, text->len)) &&
	       jinja_builder_finish(&builder, out);
}

/* --- the table ---------------------------------------------------------- */

const struct builtin *jinja_text_methods(size_t *n)
{
	static const struct builtin methods[] = {
	    {"capitalize", "", 0, CASE_CAPITALIZE, method_case},
	    {"center", "/width,/fillchar", 1, PAD_BOTH, method_pad},
	    {"count", "/sub,/start,/end", 1, 0, method_count},
	    {"endswith", "/suffix,/start,/end", 1, 1, method_ends},
	    {"find", "/sub,/start,/end", 1, 0, method_find},
	    {"format", NULL, 0, 0, jinja_format_method},
	    {"index", "/sub,/start,/end", 1, FIND_MUST, method_find},
	    {"isalnum", "", 0, CLASS_ALNUM, method_class},
	    {"isalpha", "", 0, CLASS_ALPHA, method_class},
	    {"isdecimal", "", 0, CLASS_DECIMAL, method_class},
	    {"isdigit", "", 0, CLASS_DIGIT, method_class},
	    {"islower", "", 0, CLASS_LOWER, method_class},
	    {"isspace", "", 0, CLASS_SPACE, method_class},
	    {"isupper", "", 0, CLASS_UPPER, method_class},
	    {"join", "/iterable", 1, 0, method_join},
	    {"ljust", "/width,/fillchar", 1, PAD_RIGHT, method_pad},
	    {"lower", "", 0, CASE_LOWER, method_case},
	    {"lstrip", "/chars", 0, STRIP_LEFT, method_strip},
	    {"partition", "/sep", 1, 0, method_partition},
	    {"removeprefix", "/prefix", 1, 0, method_remove},
	    {"removesuffix", "/suffix", 1, 1, method_remove},
	    {"replace", "/old,/new,/count", 2, 0, method_replace},
	    {"rfind", "/sub,/start,/end", 1, FIND_BACK, method_find},
	    {"rindex", "/sub,/start,/end", 1, FIND_BACK | FIND_MUST,
		method_find},
	    {"rjust", "/width,/fillchar", 1, PAD_LEFT, method_pad},
	    {"rpartition", "/sep", 1, 1, method_partition},
	    {"rsplit", "sep,maxsplit", 0, 1, method_split},
	    {"rstrip", "/chars", 0, STRIP_RIGHT, method_strip},
	    {"split", "sep,maxsplit", 0, 0, method_split},
	    {"splitlines", "keepends", 0, 0, method_splitlines},
	    {"startswith", "/prefix,/start,/end", 1, 0, method_ends},
	    {"strip", "/chars", 0, STRIP_BOTH, method_strip},
	    {"swapcase", "", 0, CASE_SWAP, method_case},
	    {"title", "", 0, CASE_TITLE, method_case},
	    {"upper", "", 0, CASE_UPPER, method_case},
	    {"zfill", "/width", 1, PAD_ZEROS, method_pad},
	};

	*n = sizeof(methods) / sizeof(methods[0]);
	return methods;
}
