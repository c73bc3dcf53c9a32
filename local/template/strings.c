/* strings.c -- what methods and filters of strings share. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/builtin.h"

/* Inserts the new text before each character and at the end. */
static bool insert_everywhere(struct builder *builder, const struct text *text,
    const struct text *new, int64_t count)
{
	size_t at = 0, len;

	for (; count != 0; count--, at += len) {
		if (!jinja_charge(builder->run, 1) ||
		    !jinja_put_text(builder, new))
			return false;
		if (at == text->len)
			return true;
		jinja_code_point(text_span(text), at, &len);
		if (!jinja_put_range(builder, text, at, at + len))
			return false;
	}
	return jinja_put_range(builder, text, at, text->len);
}

bool jinja_replace(struct run *run, const struct text *text,
    const struct text *pair[2], int64_t count, struct value *out)
{
	struct span old = text_span(pair[0]);
	struct builder builder;
	size_t at = 0, found;

	jinja_builder_init(&builder, run);
	if (old.len == 0) {
		if (!insert_everywhere(&builder, text, pair[1], count))
			return false;
		return jinja_builder_finish(&builder, out);
	}
	for (; count != 0; count--) {
		found = span_find(text_span(text), old, at);
		if (found == SIZE_MAX)
			break;
		if (!jinja_charge(run, 1) ||
		    !jinja_put_range(&builder, text, at, found) ||
		    !jinja_put_text(&builder, pair[1]))
			return false;
		at = found + old.len;
	}
	return jinja_charge(run, charge_of_bytes(text->len)) &&
	       jinja_put_range(&builder, text, at, text->len) &&
	       jinja_builder_finish(&builder, out);
}

bool jinja_strip(struct run *run, const struct text *text,
    const struct value *chars, enum strip_ends ends, struct value *out)
{
	struct text *set = NULL;
	size_t range[2];

	if (chars->kind != VALUE_MISSING && chars->kind != VALUE_NONE &&
	    !jinja_as_text(run, chars, "strip: chars", &set))
		return false;
	if (!jinja_charge(run, charge_of_bytes(text->len)))
		return false;
	jinja_strip_range(text, set, ends, range);
	return jinja_cut(run, text, range[0], range[1], out);
}

bool jinja_join(struct run *run, const struct text *separator,
    const struct items *items, bool takes_all, struct value *out)
{
	struct builder builder;

	jinja_builder_init(&builder, run);
	for (size_t i = 0; i < items->count; i++) {
		if (i > 0 && !jinja_put_text(&builder, separator))
			return false;
		if (!takes_all && items->at[i].kind != VALUE_STRING)
			return jinja_fail(run,
			    "sequence item %zu: expected str, %s found", i,
			    jinja_type(&items->at[i]));
		if (!jinja_charge(run, 1) ||
		    !jinja_print(&builder, &items->at[i]))
			return false;
	}
	return jinja_builder_finish(&builder, out);
}

static bool is_line_end(uint32_t c)
{
	return (c >= '\n' && c <= '\r') || (c >= 0x1c && c <= 0x1e) ||
	       c == 0x85 || c == 0x2028 || c == 0x2029;
}

size_t jinja_line_end(struct span text, size_t from, size_t *next)
{
	size_t len;

	for (; from < text.len; from += len) {
		uint32_t c = jinja_code_point(text, from, &len);

		if (!is_line_end(c))
			continue;
		*next = from + len;
		if (c == '\r' && *next < text.len && text.ptr[*next] == '\n')
			(*next)++;
		return from;
	}
	*next = text.len;
	return text.len;
}
