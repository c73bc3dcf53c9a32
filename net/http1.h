/* http1.h -- a strict HTTP/1.1 codec: bytes in, heads and bodies out. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_HTTP1_H
#define NET_HTTP1_H

#include "base/base.h"

/*
 * Pure: no I/O, no clock, no allocation. One codec serves both sides. What two
 * implementations could read in two ways is refused, never repaired and never
 * forwarded: a bare CR or LF, white space before a colon, folded lines, two
 * lengths, a length beside a transfer coding, an unknown coding, odd chunk
 * sizes, a missing, double or ill-formed Host, one that contradicts an
 * absolute target. Source: RFC 9112, RFC 9110.
 *
 * Heads point into the bytes given, so they live as long as those do.
 */
#define HTTP1_HEADERS_MAX 128

struct http1_limits {
	size_t line;         /* start line and each header line, without CRLF */
	size_t headers;      /* number of header lines, <= HTTP1_HEADERS_MAX */
	size_t header_bytes; /* the whole head, its empty line included */
};

extern const struct http1_limits http1_default_limits; /* 8 KiB, 100, 32 KiB */

struct http1_header {
	struct span name;  /* as sent; compare with span_eq_nocase */
	struct span value; /* without surrounding blanks */
};

/* How a body ends. */
enum http1_framing {
	HTTP1_NO_BODY,
	HTTP1_LENGTH, /* content_length bytes; may be 0 */
	HTTP1_CHUNKED,
	HTTP1_UNTIL_CLOSE, /* responses only */
	HTTP1_TUNNEL,      /* CONNECT, its answer, or 101: not ours to read */
};

enum http1_refusal {
	HTTP1_FINE,
	HTTP1_BAD_REQUEST,       /* 400 */
	HTTP1_LINE_TOO_LONG,     /* 431: a header line */
	HTTP1_TARGET_TOO_LONG,   /* 414: the request line */
	HTTP1_HEADERS_TOO_LARGE, /* 431: the head, or the number of its lines */
	HTTP1_UNKNOWN_CODING,    /* 501: a transfer coding but chunked */
	HTTP1_BAD_VERSION,       /* 505 */
	HTTP1_EXPECTATION,       /* 417: an Expect but 100-continue */
};

struct http1_head {
	/* requests */
	struct span method;
	struct span target; /* as sent */
	struct span path;   /* of the target, "/" where it has none, "*" for
			       OPTIONS; without query; empty for CONNECT */
	struct span query;  /* after "?", or empty */
	struct span host;   /* of an absolute target or CONNECT's, else Host;
			       empty only where HTTP/1.0 sent none */
	bool expects_continue;
	/* responses */
	int status;
	struct span reason;
	/* both */
	int minor;        /* HTTP/1.minor, 0 or 1 */
	bool keeps_alive; /* by version and Connection */
	enum http1_framing framing;
	uint64_t content_length; /* with HTTP1_LENGTH */
	size_t n_headers;
	struct http1_header headers[HTTP1_HEADERS_MAX];
};

struct http1_fault {
	enum http1_refusal refusal;
	const char *reason; /* static text for the log and the answer */
};

/* What a reader of heads keeps between its calls: zero it for each message. */
struct http1_reader {
	const struct http1_limits *limits; /* NULL: the default ones */
	bool is_head_answer; /* responses: the request was a HEAD */
	bool is_connect_answer;
	size_t scanned; /* bytes known not to hold the end of the head */
	size_t line;    /* where the line begins that has not ended yet */
	size_t lines;   /* lines before it, the start line being the first */
	struct http1_fault fault;
};

/*
 * Reads one head from the front of <in>. Returns the number of bytes it took
 * (the empty line included), 0 when more are needed, -1 when it is refused,
 * with reader->fault set. <head> is to be read only after a positive answer;
 * of its headers only the first n_headers are ever written. Empty lines before
 * a request line are not accepted but for one CRLF (RFC 9112 2.2).
 *
 * Limits hold and lines are checked also while the head is incomplete; the
 * verdict is the same however the bytes were cut. A caller that is fed byte by
 * byte (with <in> always from the head's first byte, wherever that now lies)
 * stays linear by what the reader keeps.
 *
 * A CONNECT request is read (authority form, HTTP1_TUNNEL, never kept alive):
 * the caller answers 405. HTTP/1.0 may lack a Host, as RFC 9112 3.2 has it.
 */
ptrdiff_t http1_read_request(struct http1_reader *reader, struct span in,
    struct http1_head *head) must_check;

/*
 * The same for a response. 1xx answers are returned like any other (framing
 * HTTP1_NO_BODY): the caller skips them.
 */
ptrdiff_t http1_read_response(struct http1_reader *reader, struct span in,
    struct http1_head *head) must_check;

/* The value of header <name> (any case), ptr NULL when it is not there. */
struct span http1_header(const struct http1_head *head, struct span name);

/* The status that answers a refusal: 400, 414, 417, 431, 501 or 505. */
int http1_refusal_status(const struct http1_fault *fault);

/* The standard reason phrase, "Unknown" where there is none. */
const char *http1_reason(int status);

/* Where a body's reader is. */
struct http1_body {
	enum http1_framing framing;
	uint64_t left;  /* of the length, or of the current chunk */
	unsigned state; /* inside the chunked coding */
	size_t line;    /* bytes of the current chunk-size line, at most 256 */
	size_t trailer; /* bytes of trailers so far */
	const char *reason; /* static text once it is ill-formed */
};

enum http1_progress {
	HTTP1_MORE, /* all of <in> is used and the body goes on */
	HTTP1_DATA, /* <data> is set; call again with the rest */
	HTTP1_DONE, /* the body has ended; bytes after *used are not its own */
	HTTP1_BAD,  /* ill-formed: body->reason says why */
};

/* Makes ready to read the body of <head>. */
void http1_body_start(struct http1_body *body, const struct http1_head *head);

/*
 * Reads on from the front of <in>: sets *used to the bytes taken and, for
 * HTTP1_DATA, <data> to the payload among them (within <in>). Chunk extensions
 * are checked and dropped, trailers (at most 8 KiB) are checked and dropped.
 * A body until close is DATA as long as there is some.
 */
enum http1_progress http1_body_read(struct http1_body *body, struct span in,
    size_t *used, struct span *data) must_check;

/* Whether a body may end here with the connection: only one until close. */
bool http1_body_may_end(const struct http1_body *body);

/*
 * Writing, HTTP/1.1 always. A name or value with a byte that does not belong
 * there (CR, LF, NUL, ...) is a programmer's mistake: assert. False, and
 * nothing written, when <out> would pass its maximum. The caller ends the head
 * with CRLF.
 */
bool http1_write_status(struct buf *out, int status) must_check;
bool http1_write_request_line(
    struct buf *out, struct span method, struct span target) must_check;
bool http1_write_header(
    struct buf *out, struct span name, struct span value) must_check;

/* "<size in hex>\r\n"; the payload and CRLF follow. Returns its length <= 18.
 */
size_t http1_write_chunk_size(uint64_t size, char out[20]);

/*
 * Whether the bytes of <s> may stand in a header's value (RFC 9110 5.5; blanks
 * around it are not minded), and whether it is a token (5.6.2).
 */
bool http1_is_value(struct span s);
bool http1_is_token(struct span s);

#endif
