/* json_string.c -- from a JSON string to its text, and from text to JSON. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/json_scan.h"
#include "base/utf8.h"

size_t json_decode_escape(
    const char *at, const char *end, char *out, size_t *out_len)
{
	static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
	const char *name;
	uint32_t code_point;
	int32_t unit;

	if (at[1] != 'u') {
		name = memchr(names, at[1], sizeof(names) - 1);
		*out = name ? values[name - names] : at[1];
		*out_len = 1;
		return 2;
	}
	unit = json_hex4(at + 2, end);
	if (!json_is_high_surrogate(unit)) {
		*out_len = utf8_encode((uint32_t)unit, out);
		return 6;
	}
	code_point = 0x10000 + (((uint32_t)unit - 0xd800) << 10) +
		     ((uint32_t)json_hex4(at + 8, end) - 0xdc00);
	*out_len = utf8_encode(code_point, out);
	return 12;
}

struct span json_text(
    const struct json_doc *doc, uint32_t node, struct arena *arena)
{
	const char *at, *end;
	bool has_high = false;
	char *out, *to;

	if (!json_is(doc, node, JSON_STRING))
		return span_make(NULL, 0);
	at = doc->text.ptr + doc->nodes[node].start + 1;
	end = doc->text.ptr + doc->nodes[node].end - 1;
	if (!doc->nodes[node].has_escape)
		return span_make(at, (size_t)(end - at));
	/* Every escape is longer than what it stands for. */
	out = to = arena_alloc(arena, (size_t)(end - at));
	if (!out)
		return span_make(NULL, 0);
	while (at < end) {
		const char *stop = json_scan_plain(at, end, &has_high);
		size_t len = (size_t)(stop - at);

		memcpy(to, at, len);
		to += len;
		at = stop;
		if (at < end) {
			at += json_decode_escape(at, end, to, &len);
			to += len;
		}
	}
	return span_make(out, (size_t)(to - out));
}

static bool write_escape(struct buf *buf, unsigned char c)
{
	static const char names[] = "btnvfr"; /* of 8 to 13, 11 has none */
	static const char hex[] = "0123456789abcdef";
	char out[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	if (c >= 0x20)
		out[1] = (char)c;
	else if (c >= 8 && c <= 13 && c != 11)
		out[1] = names[c - 8];
	return buf_append(buf, span_make(out, out[1] == 'u' ? 6 : 2));
}

/* Writes bytes that need no escape, ill-formed ones as U+FFFD each. */
static bool write_plain(struct buf *buf, struct span s, bool has_high)
{
	while (has_high && s.len > 0) {
		size_t valid = utf8_valid_len(s);

		if (valid == s.len)
			break;
		if (!buf_append(buf, span_head(s, valid)) ||
		    !buf_append(buf, SPAN("\xef\xbf\xbd")))
			return false;
		s = span_from(s, valid + 1);
	}
	return buf_append(buf, s);
}

static bool write_quoted(struct buf *buf, struct span text)
{
	const char *at = text.ptr, *end = at + text.len;

	if (!buf_append(buf, SPAN("\"")))
		return false;
	while (at < end) {
		bool has_high = false;
		const char *stop = json_scan_plain(at, end, &has_high);

		if (!write_plain(
			buf, span_make(at, (size_t)(stop - at)), has_high))
			return false;
		at = stop;
		if (at < end && !write_escape(buf, (unsigned char)*at++))
			return false;
	}
	return buf_append(buf, SPAN("\""));
}

bool json_write_string(struct buf *buf, struct span text)
{
	size_t len = buf_len(buf);

	if (!text.ptr)
		text = SPAN("");
	if (write_quoted(buf, text))
		return true;
	buf->end = buf->start + len;
	return false;
}
