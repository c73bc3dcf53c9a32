/* text.c -- marked strings: building, joining, cutting, searching. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/text.h"
#include "local/template/run.h"

/* --- builders ----------------------------------------------------------- */

void jinja_builder_init(struct builder *builder, struct run *run)
{
	*builder = (struct builder){.run = run};
}

static bool reserve(struct builder *builder, size_t len)
{
	size_t cap = builder->cap ? builder->cap : 64;
	char *bytes;

	if (len <= builder->cap - builder->len)
		return true;
	if (len > TEMPLATE_OUTPUT_MAX - builder->len)
		return jinja_fail(builder->run, "a text of more than %zu bytes",
		    TEMPLATE_OUTPUT_MAX);
	while (cap - builder->len < len)
		cap *= 2;
	bytes = jinja_alloc(builder->run, 2 * cap);
	if (!bytes)
		return false;
	if (builder->len > 0) {
		memcpy(bytes, builder->bytes, builder->len);
		memcpy(bytes + cap, builder->marks, builder->len);
	}
	builder->bytes = bytes;
	builder->marks = (uint8_t *)bytes + cap;
	builder->cap = cap;
	return true;
}

bool jinja_put(struct builder *builder, struct span bytes, bool is_trusted)
{
	if (bytes.len == 0)
		return true;
	if (!reserve(builder, bytes.len) ||
	    !jinja_charge(builder->run, charge_of_bytes(bytes.len)))
		return false;
	memcpy(builder->bytes + builder->len, bytes.ptr, bytes.len);
	memset(builder->marks + builder->len, is_trusted, bytes.len);
	builder->len += bytes.len;
	return true;
}

bool jinja_put_range(
    struct builder *builder, const struct text *text, size_t from, size_t to)
{
	size_t at = builder->len;

	if (from >= to)
		return true;
	if (!jinja_put(builder, span_make(text->ptr + from, to - from),
		text->is_trusted))
		return false;
	if (text->marks)
		memcpy(builder->marks + at, text->marks + from, to - from);
	return true;
}

bool jinja_put_text(struct builder *builder, const struct text *text)
{
	return jinja_put_range(builder, text, 0, text->len);
}

bool jinja_put_repeated(struct builder *builder, char byte, size_t count)
{
	if (count == 0)
		return true;
	if (!reserve(builder, count) ||
	    !jinja_charge(builder->run, charge_of_bytes(count)))
		return false;
	memset(builder->bytes + builder->len, byte, count);
	memset(builder->marks + builder->len, true, count);
	builder->len += count;
	return true;
}

bool jinja_builder_finish(struct builder *builder, struct value *out)
{
	bool is_trusted = builder->len == 0 || builder->marks[0];

	if (!jinja_string(builder->run,
		span_make(builder->len > 0 ? builder->bytes : "", builder->len),
		is_trusted, out))
		return false;
	if (builder->len > 0 &&
	    memchr(builder->marks, !is_trusted, builder->len))
		out->as.text->marks = builder->marks;
	return true;
}

/* --- joining ------------------------------------------------------------ */

static void copy_marks(uint8_t *to, const struct text *text)
{
	if (text->len == 0)
		return;
	if (text->marks)
		memcpy(to, text->marks, text->len);
	else
		memset(to, text->is_trusted, text->len);
}

/* Puts <b> behind <a> where there is room for it after <a>'s own bytes. */
static bool append_in_place(
    struct text *joined, const struct text *a, const struct text *b)
{
	struct tail *tail = a->tail;

	if (!tail || a->ptr + a->len != tail->bytes + tail->used ||
	    tail->cap - tail->used < b->len)
		return false;
	memcpy(tail->bytes + tail->used, b->ptr, b->len);
	copy_marks(tail->marks + tail->used, b);
	tail->used += b->len;
	joined->ptr = a->ptr;
	joined->marks = a->marks;
	joined->tail = tail;
	return true;
}

/* Copies both; with <tail> there is room to go on as long again. */
static bool append_copied(struct run *run, struct text *joined,
    const struct text *a, const struct text *b)
{
	bool is_uniform =
	    !a->marks && !b->marks && a->is_trusted == b->is_trusted;
	size_t len = a->len + b->len, cap = a->is_joined ? 2 * len : len;
	struct tail *tail = NULL;
	char *bytes;

	if (a->is_joined) {
		tail = jinja_alloc(run, sizeof(*tail));
		if (!tail)
			return false;
		is_uniform = false;
	}
	bytes = jinja_alloc(run, is_uniform ? cap : 2 * cap);
	if (!bytes)
		return false;
	memcpy(bytes, a->ptr, a->len);
	memcpy(bytes + a->len, b->ptr, b->len);
	joined->ptr = bytes;
	joined->is_trusted = a->is_trusted;
	if (is_uniform)
		return true;
	copy_marks((uint8_t *)bytes + cap, a);
	copy_marks((uint8_t *)bytes + cap + a->len, b);
	joined->marks = (uint8_t *)bytes + cap;
	if (tail)
		*tail = (struct tail){.used = len,
		    .cap = cap,
		    .bytes = bytes,
		    .marks = (uint8_t *)bytes + cap};
	joined->tail = tail;
	return true;
}

/*
 * The second time that something is joined to a string there will be a third:
 * from then on the string has room behind it, which the longest of those that
 * share it may take.
 */
bool jinja_concat(
    struct run *run, struct text *a, struct text *b, struct value *out)
{
	struct text *joined;

	if (a->len == 0 || b->len == 0) {
		*out = (struct value){
		    .kind = VALUE_STRING, .as.text = a->len ? a : b};
		return true;
	}
	if (b->len > TEMPLATE_OUTPUT_MAX - a->len)
		return jinja_fail(
		    run, "a text of more than %zu bytes", TEMPLATE_OUTPUT_MAX);
	joined = jinja_alloc(run, sizeof(*joined));
	if (!joined || !jinja_charge(run, charge_of_bytes(b->len)))
		return false;
	*joined = (struct text){.len = a->len + b->len, .is_joined = true};
	*out = (struct value){.kind = VALUE_STRING, .as.text = joined};
	if (append_in_place(joined, a, b))
		return true;
	return jinja_charge(run, charge_of_bytes(a->len)) &&
	       append_copied(run, joined, a, b);
}

bool jinja_cut(struct run *run, const struct text *text, size_t from, size_t to,
    struct value *out)
{
	if (!jinja_string(run, span_make(text->ptr + from, to - from),
		text->is_trusted, out))
		return false;
	if (text->marks)
		out->as.text->marks = text->marks + from;
	return true;
}

/* --- code points -------------------------------------------------------- */

static bool is_continuation(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

size_t jinja_count(const struct text *text)
{
	size_t count = 0;

	for (size_t i = 0; i < text->len; i++)
		count += !is_continuation(text->ptr[i]);
	return count;
}

size_t jinja_offset(const struct text *text, size_t index)
{
	size_t at = 0;

	for (; at < text->len; at++) {
		if (!is_continuation(text->ptr[at]) && index-- == 0)
			break;
	}
	return at;
}

uint32_t jinja_code_point(struct span text, size_t at, size_t *len)
{
	uint32_t code_point = (unsigned char)text.ptr[at];

	*len = 1;
	if (code_point >= 0x80) {
		*len = utf8_decode(span_from(text, at), &code_point);
		if (*len == 0)
			*len = 1;
	}
	return code_point;
}

size_t jinja_before(struct span text, size_t at)
{
	do
		at--;
	while (at > 0 && is_continuation(text.ptr[at]));
	return at;
}

bool jinja_is_space(uint32_t c)
{
	if (c < 0x80)
		return (c >= 9 && c <= 13) || (c >= 28 && c <= 32);
	return c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
	       c == 0x202f || c == 0x205f || c == 0x3000;
}

/* --- stripping, searching ----------------------------------------------- */

static bool is_stripped(
    struct span text, size_t at, size_t len, const struct text *chars)
{
	size_t ignored;

	if (!chars)
		return jinja_is_space(jinja_code_point(text, at, &ignored));
	return span_find(text_span(chars), span_make(text.ptr + at, len), 0) !=
	       SIZE_MAX;
}

void jinja_strip_range(const struct text *text, const struct text *chars,
    enum strip_ends ends, size_t range[2])
{
	struct span span = text_span(text);
	size_t from = 0, to = text->len, len;

	while (ends & STRIP_LEFT && from < to) {
		jinja_code_point(span, from, &len);
		if (!is_stripped(span, from, len, chars))
			break;
		from += len;
	}
	while (ends & STRIP_RIGHT && to > from) {
		size_t at = jinja_before(span, to);

		if (!is_stripped(span, at, to - at, chars))
			break;
		to = at;
	}
	range[0] = from;
	range[1] = to;
}

size_t jinja_find(
    struct run *run, const struct text *text, struct span needle, size_t from)
{
	run->steps += charge_of_bytes(text->len - from);
	return span_find(text_span(text), needle, from);
}
