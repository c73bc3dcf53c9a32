/* json_out.c -- writes JSON text quickly into memory of a known size. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_out.h"

#include "base/utf8.h"

void json_out_init(struct json_out *out, char *memory, size_t len)
{
	*out = (struct json_out){
	    .start = memory,
	    .at = memory,
	    .end = memory + len,
	};
}

static bool has_room(struct json_out *out, size_t len)
{
	if ((size_t)(out->end - out->at) >= len)
		return true;
	out->is_full = true;
	return false;
}

void json_out_raw(struct json_out *out, struct span text)
{
	if (text.len == 0 || !has_room(out, text.len))
		return;
	memcpy(out->at, text.ptr, text.len);
	out->at += text.len;
}

static void put(struct json_out *out, char c)
{
	if (has_room(out, 1))
		*out->at++ = c;
}

void json_out_open(struct json_out *out, char bracket)
{
	put(out, bracket);
	out->has_member = false;
}

void json_out_close(struct json_out *out, char bracket)
{
	put(out, bracket);
	out->has_member = true;
}

void json_out_next(struct json_out *out)
{
	if (out->has_member)
		json_out_raw(out, SPAN(", "));
	out->has_member = true;
}

void json_out_name(struct json_out *out, struct span name)
{
	json_out_next(out);
	put(out, '"');
	json_out_raw(out, name);
	json_out_raw(out, SPAN("\": "));
}

static void put_escape(struct json_out *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	const char text[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	switch (c) {
	case '"':
		json_out_raw(out, SPAN("\\\""));
		break;
	case '\\':
		json_out_raw(out, SPAN("\\\\"));
		break;
	case '\n':
		json_out_raw(out, SPAN("\\n"));
		break;
	default:
		json_out_raw(out, span_make(text, sizeof(text)));
	}
}

/* Bytes that stand for themselves in a string. */
static const bool plain[256] = {
    [' '] = true,
    ['!'] = true,
    ['#' ... '['] = true,
    [']' ... 0x7f] = true,
};

void json_out_string(struct json_out *out, struct span text)
{
	put(out, '"');
	while (text.len > 0) {
		unsigned char c = (unsigned char)text.ptr[0];
		uint32_t point;
		size_t n = 0;

		while (n < text.len && plain[(unsigned char)text.ptr[n]])
			n++;
		if (n == 0 && c >= 0x80)
			n = utf8_decode(text, &point);
		if (n > 0) {
			json_out_raw(out, span_head(text, n));
		} else {
			n = 1;
			if (c < 0x80)
				put_escape(out, c);
			else
				json_out_raw(out, SPAN("\xef\xbf\xbd"));
		}
		text = span_from(text, n);
	}
	put(out, '"');
}

/* Digits of <value>, at least <least> of them, into the end of <text>. */
static size_t digits_of(uint64_t value, unsigned least, char text[24])
{
	size_t n = 0;

	while (value > 0 || n < least) {
		text[23 - n++] = (char)('0' + value % 10);
		value /= 10;
	}
	return n;
}

static uint64_t magnitude(int64_t value)
{
	return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

void json_out_int(struct json_out *out, int64_t value)
{
	char text[24];
	size_t n = digits_of(magnitude(value), 1, text);

	if (value < 0)
		put(out, '-');
	json_out_raw(out, span_make(text + 24 - n, n));
}

void json_out_decimal(struct json_out *out, int64_t value, unsigned digits)
{
	char text[24];
	size_t n = digits_of(magnitude(value), digits + 1, text);

	if (value < 0)
		put(out, '-');
	json_out_raw(out, span_make(text + 24 - n, n - digits));
	if (digits == 0)
		return;
	put(out, '.');
	json_out_raw(out, span_make(text + 24 - digits, digits));
}

struct span json_out_text(const struct json_out *out)
{
	return span_make(out->start, (size_t)(out->at - out->start));
}
