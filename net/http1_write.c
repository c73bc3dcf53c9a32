/* http1_write.c -- writes heads and chunk sizes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "net/http1_parts.h"

/* The registered status codes (RFC 9110 15, RFC 6585) that pass here. */
static const struct {
	int status;
	const char *reason;
} reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {511, "Network Authentication Required"},
};

const char *http1_reason(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Unknown";
}

/* Appends the parts one after another, all or none. */
static bool append_parts(struct buf *out, const struct span *parts, size_t n)
{
	size_t len = 0;
	char *at;

	for (size_t i = 0; i < n; i++)
		len += parts[i].len;
	at = buf_reserve(out, len);
	if (!at)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (parts[i].len)
			memcpy(at, parts[i].ptr, parts[i].len);
		at += parts[i].len;
	}
	buf_commit(out, len);
	return true;
}

bool http1_write_status(struct buf *out, int status)
{
	char digits[3] = {
	    (char)('0' + status / 100 % 10),
	    (char)('0' + status / 10 % 10),
	    (char)('0' + status % 10),
	};
	const struct span parts[] = {
	    SPAN("HTTP/1.1 "),
	    span_make(digits, sizeof(digits)),
	    SPAN(" "),
	    span_of(http1_reason(status)),
	    SPAN("\r\n"),
	};

	assert(status >= 100 && status <= 999);
	return append_parts(out, parts, sizeof(parts) / sizeof(parts[0]));
}

bool http1_write_request_line(
    struct buf *out, struct span method, struct span target)
{
	const struct span parts[] = {
	    method,
	    SPAN(" "),
	    target,
	    SPAN(" HTTP/1.1\r\n"),
	};

	assert(http1_is_token(method));
	assert(target.len > 0 && http1_all(target, HTTP1_TARGET));
	return append_parts(out, parts, sizeof(parts) / sizeof(parts[0]));
}

bool http1_write_header(struct buf *out, struct span name, struct span value)
{
	const struct span parts[] = {
	    name,
	    SPAN(": "),
	    value,
	    SPAN("\r\n"),
	};

	assert(http1_is_token(name));
	assert(http1_is_value(value));
	return append_parts(out, parts, sizeof(parts) / sizeof(parts[0]));
}

size_t http1_write_chunk_size(uint64_t size, char out[20])
{
	size_t n_digits = 1, at;

	for (uint64_t rest = size >> 4; rest; rest >>= 4)
		n_digits++;
	for (at = n_digits; at-- > 0; size >>= 4)
		out[at] = "0123456789abcdef"[size & 15];
	out[n_digits] = '\r';
	out[n_digits + 1] = '\n';
	return n_digits + 2;
}
