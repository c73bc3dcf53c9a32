/* http1_parts.h -- what the codec's own files share; not for others. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_HTTP1_PARTS_H
#define NET_HTTP1_PARTS_H

#include "net/http1.h"

/* What a byte may be part of. */
enum {
	HTTP1_TOKEN = 1,  /* a method, a header's name (RFC 9110 5.6.2) */
	HTTP1_VALUE = 2,  /* a header's value, a reason phrase (5.5) */
	HTTP1_TARGET = 4, /* a request target: visible ASCII but "#" */
	HTTP1_NAME =
	    8, /* a registered name (RFC 3986 3.2.2) without "%" and "," */
};

extern const unsigned char http1_chars[256];

static inline bool http1_char_is(char c, unsigned set)
{
	return http1_chars[(unsigned char)c] & set;
}

/* Whether every byte of <s> is of <set>; true of the empty span. */
bool http1_all(struct span s, unsigned set);

/* "host:port": the host as sent, the port 0 when there is none. */
struct http1_authority {
	struct span host;
	unsigned port;
};

/*
 * Reads uri-host [":" port] (RFC 9110 7.2): a name, an IPv4 address or an IPv6
 * one in brackets, and a port of 1 to 65535 or nothing. False when ill-formed
 * or empty; percent-encoding is ill-formed here, since no name that resolves
 * needs it and what decodes it later sees another host.
 */
bool http1_parse_authority(struct span s, struct http1_authority *out);

/* What the target itself says of the host. */
struct http1_target {
	bool has_authority; /* absolute form, or CONNECT's */
	struct http1_authority authority;
	unsigned default_port; /* of the scheme; 0 for CONNECT */
};

/*
 * Reads head->target by its four forms (RFC 9112 3.2) into head->path, query
 * and host, and <out>. NULL, or static text that says what is wrong.
 */
const char *http1_parse_target(
    struct http1_head *head, struct http1_target *out);

/* Whether a Host means the same place as the target's authority. */
bool http1_same_authority(
    const struct http1_target *target, const struct http1_authority *host);

/* The header lines that decide how a message is framed and routed. */
struct http1_facts {
	size_t n_hosts;
	struct span host; /* the first */
	size_t n_lengths;
	struct span length;    /* the first */
	size_t n_coding_lines; /* Transfer-Encoding */
	size_t n_chunked;      /* codings of these names in them */
	size_t n_unknown;
	bool has_bad_coding; /* empty, or not a token */
	bool says_close;
	bool says_keep_alive;
	bool says_continue;
	bool has_other_expectation;
};

/* Notes what <header> says, if it is one of those. */
void http1_note_header(
    struct http1_facts *facts, const struct http1_header *header);

/*
 * Decides from the facts, once all header lines are known: framing, length,
 * persistence; for requests the host and the expectation too. False with
 * <fault> set when the message is to be refused.
 */
bool http1_decide_request(struct http1_head *head,
    const struct http1_facts *facts, const struct http1_target *target,
    struct http1_fault *fault);
bool http1_decide_response(struct http1_head *head,
    const struct http1_facts *facts, const struct http1_reader *reader,
    struct http1_fault *fault);

#endif
