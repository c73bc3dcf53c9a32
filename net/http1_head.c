/* http1_head.c -- reads the head of a request or a response, line by line. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "net/http1_parts.h"
#include "net/scan.h"

const struct http1_limits http1_default_limits = {
    .line = 8192,
    .headers = 100,
    .header_bytes = 32768,
};

/*
 * Each line is checked when its CRLF is there, so that nonsense is refused
 * before the head has ended, and always the earliest nonsense: how the bytes
 * were cut on their way changes nothing. What lines mean together is decided
 * at the end. A head that came in several pieces may have moved in memory, so
 * it is walked once more when it is whole: twice over every byte at the most.
 */
enum walk {
	WALK_MORE,
	WALK_BAD,
	WALK_LINE,
	WALK_END,
};

/* What one walk over the lines gathers. */
struct walker {
	struct http1_reader *reader;
	const struct http1_limits *limits;
	bool is_request;
	struct http1_head *head;
	struct http1_target target;
	struct http1_facts facts;
};

static enum walk refuse(
    struct walker *walker, enum http1_refusal refusal, const char *reason)
{
	walker->reader->fault.refusal = refusal;
	walker->reader->fault.reason = reason;
	return WALK_BAD;
}

/* The request line has a status of its own, since it is the target's fault. */
static enum walk refuse_size(
    struct walker *walker, enum http1_refusal refusal, const char *reason)
{
	if (walker->is_request && walker->reader->lines == 0)
		return refuse(
		    walker, HTTP1_TARGET_TOO_LONG, "request line too long");
	return refuse(walker, refusal, reason);
}

/*
 * Takes the next line off <in>, which ends where the head's limit does.
 * Nothing but CRLF ends a line and no other control byte stands in one.
 */
static enum walk next_line(
    struct walker *walker, struct span in, struct span *line)
{
	struct http1_reader *reader = walker->reader;
	size_t room = walker->limits->line;
	size_t left = in.len - reader->line;
	size_t end = left > room ? reader->line + room + 1 : in.len;
	size_t at = scan_control(in.ptr, reader->scanned, end);

	reader->scanned = at;
	if (at == end && left > room)
		return refuse_size(
		    walker, HTTP1_LINE_TOO_LONG, "line too long");
	if (at == end)
		return WALK_MORE;
	if (in.ptr[at] == '\n')
		return refuse(walker, HTTP1_BAD_REQUEST, "bare LF");
	if (in.ptr[at] != '\r')
		return refuse(walker, HTTP1_BAD_REQUEST, "control character");
	if (at + 1 == in.len)
		return WALK_MORE;
	if (in.ptr[at + 1] != '\n')
		return refuse(walker, HTTP1_BAD_REQUEST, "bare CR");
	*line = span_make(in.ptr + reader->line, at - reader->line);
	reader->line = reader->scanned = at + 2;
	return WALK_LINE;
}

/* "HTTP/" DIGIT "." DIGIT, and of those 1.0 and 1.1. */
static enum walk parse_version(struct walker *walker, struct span s)
{
	if (s.len != 8 || memcmp(s.ptr, "HTTP/", 5) != 0 || s.ptr[5] < '0' ||
	    s.ptr[5] > '9' || s.ptr[6] != '.' || s.ptr[7] < '0' ||
	    s.ptr[7] > '9')
		return refuse(walker, HTTP1_BAD_REQUEST, "ill-formed version");
	if (s.ptr[5] != '1' || s.ptr[7] > '1')
		return refuse(walker, HTTP1_BAD_VERSION,
		    "a version other than HTTP/1.0 and HTTP/1.1");
	walker->head->minor = s.ptr[7] - '0';
	return WALK_LINE;
}

/* method SP target SP version (RFC 9112 3). */
static enum walk parse_request_line(struct walker *walker, struct span line)
{
	struct http1_head *head = walker->head;
	const char *last = line.ptr + line.len, *at = line.ptr, *second;
	const char *reason;

	while (at < last && http1_char_is(*at, HTTP1_TOKEN))
		at++;
	if (at == line.ptr || at == last || *at != ' ')
		return refuse(walker, HTTP1_BAD_REQUEST, "ill-formed method");
	head->method = span_make(line.ptr, (size_t)(at - line.ptr));
	at++;
	second = memchr(at, ' ', (size_t)(last - at));
	if (!second)
		return refuse(walker, HTTP1_BAD_REQUEST,
		    "request line without a version");
	head->target = span_make(at, (size_t)(second - at));
	second++;
	if (parse_version(walker, span_make(second, (size_t)(last - second))) ==
	    WALK_BAD)
		return WALK_BAD;
	reason = http1_parse_target(head, &walker->target);
	if (reason)
		return refuse(walker, HTTP1_BAD_REQUEST, reason);
	return WALK_LINE;
}

/*
 * version SP 3DIGIT SP [reason] (RFC 9112 4). The second space is due even
 * without a reason, but servers leave it out and nothing hangs on it.
 */
static enum walk parse_status_line(struct walker *walker, struct span line)
{
	struct http1_head *head = walker->head;
	int status = 0;

	if (parse_version(walker, span_head(line, 8)) == WALK_BAD)
		return WALK_BAD;
	if (line.len < 12 || line.ptr[8] != ' ' ||
	    (line.len > 12 && line.ptr[12] != ' '))
		return refuse(
		    walker, HTTP1_BAD_REQUEST, "ill-formed status line");
	for (size_t i = 9; i < 12; i++) {
		if (line.ptr[i] < '0' || line.ptr[i] > '9')
			return refuse(
			    walker, HTTP1_BAD_REQUEST, "ill-formed status");
		status = status * 10 + (line.ptr[i] - '0');
	}
	if (status < 100)
		return refuse(walker, HTTP1_BAD_REQUEST, "ill-formed status");
	head->status = status;
	head->reason = span_from(line, 13);
	return WALK_LINE;
}

/* name ":" OWS value OWS (RFC 9112 5); the name ends where the colon is. */
static enum walk parse_header(struct walker *walker, struct span line)
{
	struct http1_head *head = walker->head;
	struct http1_header *header = &head->headers[walker->reader->lines - 1];
	const char *at = line.ptr, *last = line.ptr + line.len;

	if (*at == ' ' || *at == '\t')
		return refuse(walker, HTTP1_BAD_REQUEST, "folded header line");
	while (at < last && http1_char_is(*at, HTTP1_TOKEN))
		at++;
	if (at == line.ptr || at == last || *at != ':')
		return refuse(
		    walker, HTTP1_BAD_REQUEST, "ill-formed header name");
	header->name = span_make(line.ptr, (size_t)(at - line.ptr));
	at++;
	while (at < last && (*at == ' ' || *at == '\t'))
		at++;
	while (last > at && (last[-1] == ' ' || last[-1] == '\t'))
		last--;
	header->value = span_make(at, (size_t)(last - at));
	http1_note_header(&walker->facts, header);
	return WALK_LINE;
}

/* One line, which lines before it (reader->lines) say how to read. */
static enum walk take_line(struct walker *walker, struct span line)
{
	struct http1_reader *reader = walker->reader;
	enum walk walk;

	if (reader->lines > 0) {
		if (line.len == 0)
			return WALK_END;
		walk = parse_header(walker, line);
	} else if (walker->is_request) {
		/* One empty line is forgiven here (RFC 9112 2.2). */
		if (line.len == 0 && reader->line == 2)
			return WALK_LINE;
		walk = parse_request_line(walker, line);
	} else {
		walk = parse_status_line(walker, line);
	}
	if (walk == WALK_LINE)
		reader->lines++;
	return walk;
}

/* Goes on from where the reader is, to the end of the head or of <in>. */
static enum walk walk_head(struct walker *walker, struct span in)
{
	struct http1_reader *reader = walker->reader;
	enum walk walk;
	struct span line;

	do {
		if (reader->lines == walker->limits->headers + 1 &&
		    reader->line < in.len && in.ptr[reader->line] != '\r')
			return refuse(walker, HTTP1_HEADERS_TOO_LARGE,
			    "too many header lines");
		walk = next_line(walker, in, &line);
		if (walk == WALK_LINE)
			walk = take_line(walker, line);
	} while (walk == WALK_LINE);
	return walk;
}

static bool decide(struct walker *walker)
{
	struct http1_reader *reader = walker->reader;
	struct http1_head *head = walker->head;

	head->n_headers = reader->lines - 1;
	if (walker->is_request) {
		head->status = 0;
		head->reason = span_make(NULL, 0);
		return http1_decide_request(
		    head, &walker->facts, &walker->target, &reader->fault);
	}
	head->method = head->target = span_make(NULL, 0);
	head->path = head->query = head->host = span_make(NULL, 0);
	head->expects_continue = false;
	return http1_decide_response(
	    head, &walker->facts, reader, &reader->fault);
}

static ptrdiff_t read_head(struct walker *walker, struct span in)
{
	struct http1_reader *reader = walker->reader;
	bool is_fresh = reader->line == 0;
	enum walk walk;

	walker->limits =
	    reader->limits ? reader->limits : &http1_default_limits;
	assert(walker->limits->headers <= HTTP1_HEADERS_MAX);
	assert(in.len >= reader->scanned);
	if (reader->fault.refusal != HTTP1_FINE)
		return -1;
	in = span_head(in, walker->limits->header_bytes);
	walk = walk_head(walker, in);
	if (walk == WALK_MORE && in.len == walker->limits->header_bytes)
		walk = refuse_size(
		    walker, HTTP1_HEADERS_TOO_LARGE, "head too large");
	if (walk == WALK_END && !is_fresh) {
		reader->line = reader->scanned = reader->lines = 0;
		walker->facts = (struct http1_facts){0};
		walk = walk_head(walker, in);
	}
	if (walk == WALK_MORE)
		return 0;
	if (walk == WALK_BAD || !decide(walker))
		return -1;
	return (ptrdiff_t)reader->line;
}

ptrdiff_t http1_read_request(
    struct http1_reader *reader, struct span in, struct http1_head *head)
{
	struct walker walker = {
	    .reader = reader,
	    .is_request = true,
	    .head = head,
	};

	return read_head(&walker, in);
}

ptrdiff_t http1_read_response(
    struct http1_reader *reader, struct span in, struct http1_head *head)
{
	struct walker walker = {.reader = reader, .head = head};

	return read_head(&walker, in);
}

struct span http1_header(const struct http1_head *head, struct span name)
{
	for (size_t i = 0; i < head->n_headers; i++) {
		if (span_eq_nocase(head->headers[i].name, name))
			return head->headers[i].value;
	}
	return span_make(NULL, 0);
}

int http1_refusal_status(const struct http1_fault *fault)
{
	switch (fault->refusal) {
	case HTTP1_TARGET_TOO_LONG:
		return 414;
	case HTTP1_LINE_TOO_LONG:
	case HTTP1_HEADERS_TOO_LARGE:
		return 431;
	case HTTP1_UNKNOWN_CODING:
		return 501;
	case HTTP1_BAD_VERSION:
		return 505;
	case HTTP1_EXPECTATION:
		return 417;
	case HTTP1_FINE:
	case HTTP1_BAD_REQUEST:
		break;
	}
	return 400;
}
