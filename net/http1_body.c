/* http1_body.c -- reads a body's bytes off its framing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http1_parts.h"

/*
 * The chunked coding (RFC 9112 7.1) by a machine of one byte a step; payload
 * is taken in spans. White space, which the grammar tolerates around an
 * extension's parts, is refused: implementations disagree on it.
 */
enum state {
	SIZE_FIRST,
	SIZE,
	EXT_NAME_FIRST,
	EXT_NAME,
	EXT_VALUE_FIRST,
	EXT_TOKEN,
	EXT_QUOTED,
	EXT_ESCAPED,
	EXT_QUOTE_END,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_FIRST,
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	LAST_LF,
	ENDED,
	BROKEN,
};

#define SIZE_DIGITS_MAX 16
#define SIZE_LINE_MAX 256
#define TRAILER_MAX 8192

void http1_body_start(struct http1_body *body, const struct http1_head *head)
{
	*body = (struct http1_body){
	    .framing = head->framing,
	    .left = head->framing == HTTP1_LENGTH ? head->content_length : 0,
	    .state = SIZE_FIRST,
	};
}

static bool go(struct http1_body *body, enum state state)
{
	body->state = state;
	return true;
}

static bool refuse(struct http1_body *body, const char *reason)
{
	body->state = BROKEN;
	body->reason = reason;
	return false;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool end_size_line(struct http1_body *body)
{
	body->line = 0;
	return go(body, body->left ? DATA : TRAILER_FIRST);
}

/* 1 to 16 digits, and less than 2^63 so that sums have room. */
static bool step_size(struct http1_body *body, char c)
{
	int value = hex_value(c);

	if (value >= 0) {
		if (body->line > SIZE_DIGITS_MAX)
			return refuse(body, "chunk size with too many digits");
		body->left = body->left * 16 + (unsigned)value;
		if (body->left > INT64_MAX)
			return refuse(body, "chunk size too large");
		return go(body, SIZE);
	}
	if (body->state == SIZE && c == '\r')
		return go(body, SIZE_LF);
	if (body->state == SIZE && c == ';')
		return go(body, EXT_NAME_FIRST);
	return refuse(body, "ill-formed chunk size");
}

/* What may follow a whole extension: its line's end or another one. */
static bool end_extension(struct http1_body *body, char c)
{
	if (c == '\r')
		return go(body, SIZE_LF);
	if (c == ';')
		return go(body, EXT_NAME_FIRST);
	return refuse(body, "ill-formed chunk extension");
}

/* *( ";" token [ "=" ( token / quoted-string ) ] ), RFC 9112 7.1.1. */
static bool step_extension(struct http1_body *body, char c)
{
	bool is_token = http1_char_is(c, HTTP1_TOKEN);

	switch ((enum state)body->state) {
	case EXT_NAME_FIRST:
		if (is_token)
			return go(body, EXT_NAME);
		break;
	case EXT_NAME:
		if (is_token)
			return true;
		if (c == '=')
			return go(body, EXT_VALUE_FIRST);
		return end_extension(body, c);
	case EXT_VALUE_FIRST:
		if (c == '"')
			return go(body, EXT_QUOTED);
		if (is_token)
			return go(body, EXT_TOKEN);
		break;
	case EXT_TOKEN:
		return is_token || end_extension(body, c);
	case EXT_QUOTED:
		if (c == '"')
			return go(body, EXT_QUOTE_END);
		if (c == '\\')
			return go(body, EXT_ESCAPED);
		if (http1_char_is(c, HTTP1_VALUE))
			return true;
		break;
	case EXT_ESCAPED:
		if (http1_char_is(c, HTTP1_VALUE))
			return go(body, EXT_QUOTED);
		break;
	case EXT_QUOTE_END:
	default:
		return end_extension(body, c);
	}
	return refuse(body, "ill-formed chunk extension");
}

/* Header lines like a head's (RFC 9112 7.1.2), or the body's empty line. */
static bool step_trailer(struct http1_body *body, char c)
{
	if (++body->trailer > TRAILER_MAX)
		return refuse(body, "trailers too large");
	switch ((enum state)body->state) {
	case TRAILER_FIRST:
		if (c == '\r')
			return go(body, LAST_LF);
		if (http1_char_is(c, HTTP1_TOKEN))
			return go(body, TRAILER_NAME);
		break;
	case TRAILER_NAME:
		if (http1_char_is(c, HTTP1_TOKEN))
			return true;
		if (c == ':')
			return go(body, TRAILER_VALUE);
		break;
	case TRAILER_VALUE:
		if (http1_char_is(c, HTTP1_VALUE))
			return true;
		if (c == '\r')
			return go(body, TRAILER_LF);
		break;
	case TRAILER_LF:
		if (c == '\n')
			return go(body, TRAILER_FIRST);
		break;
	case LAST_LF:
	default:
		if (c == '\n')
			return go(body, ENDED);
		break;
	}
	return refuse(body, "ill-formed trailer");
}

/* One byte that is not payload. */
static bool step(struct http1_body *body, char c)
{
	switch ((enum state)body->state) {
	case DATA_CR:
		if (c == '\r')
			return go(body, DATA_LF);
		return refuse(body, "chunk longer than its size");
	case DATA_LF:
		if (c == '\n')
			return go(body, SIZE_FIRST);
		return refuse(body, "chunk longer than its size");
	case TRAILER_FIRST:
	case TRAILER_NAME:
	case TRAILER_VALUE:
	case TRAILER_LF:
	case LAST_LF:
		return step_trailer(body, c);
	case SIZE_LF:
		if (c == '\n')
			return end_size_line(body);
		return refuse(body, "bare CR in a chunk-size line");
	default:
		break;
	}
	if (++body->line > SIZE_LINE_MAX)
		return refuse(body, "chunk-size line too long");
	if (body->state == SIZE_FIRST || body->state == SIZE)
		return step_size(body, c);
	return step_extension(body, c);
}

/* Up to body->left bytes of payload from <at> on. */
static enum http1_progress take_payload(struct http1_body *body, struct span in,
    size_t at, size_t *used, struct span *data)
{
	*data = span_from(in, at);
	if (data->len > body->left)
		data->len = (size_t)body->left;
	body->left -= data->len;
	*used = at + data->len;
	return HTTP1_DATA;
}

static enum http1_progress read_chunked(
    struct http1_body *body, struct span in, size_t *used, struct span *data)
{
	for (size_t at = 0; at < in.len && body->state != ENDED; at++) {
		if (body->state == DATA) {
			enum http1_progress progress =
			    take_payload(body, in, at, used, data);

			if (body->left == 0)
				body->state = DATA_CR;
			return progress;
		}
		if (body->state == BROKEN || !step(body, in.ptr[at]))
			break;
		*used = at + 1;
	}
	if (body->state == BROKEN)
		return HTTP1_BAD;
	return body->state == ENDED ? HTTP1_DONE : HTTP1_MORE;
}

enum http1_progress http1_body_read(
    struct http1_body *body, struct span in, size_t *used, struct span *data)
{
	*used = 0;
	*data = span_make(NULL, 0);
	switch (body->framing) {
	case HTTP1_CHUNKED:
		return read_chunked(body, in, used, data);
	case HTTP1_LENGTH:
		if (body->left == 0)
			return HTTP1_DONE;
		if (in.len == 0)
			return HTTP1_MORE;
		return take_payload(body, in, 0, used, data);
	case HTTP1_UNTIL_CLOSE:
		if (in.len == 0)
			return HTTP1_MORE;
		*data = in;
		*used = in.len;
		return HTTP1_DATA;
	case HTTP1_NO_BODY:
	case HTTP1_TUNNEL:
		break;
	}
	return HTTP1_DONE;
}

bool http1_body_may_end(const struct http1_body *body)
{
	return body->framing == HTTP1_UNTIL_CLOSE;
}
