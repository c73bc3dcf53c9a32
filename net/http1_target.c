/* http1_target.c -- a request's target and the host that it is meant for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>

#include "net/http1_parts.h"

#define PORT_MAX 65535

/* An IPv6 address without its brackets. Zones and IPvFuture are not. */
static bool is_ipv6(struct span s)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (s.len == 0 || s.len >= sizeof(text))
		return false;
	/* A NUL would end the text early; inet_pton refuses the rest. */
	if (memchr(s.ptr, '\0', s.len))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	return inet_pton(AF_INET6, text, &address) == 1;
}

/* *DIGIT (RFC 3986 3.2.3); nothing after the colon is no port at all. */
static bool read_port(struct span s, unsigned *port)
{
	unsigned value = 0;

	*port = 0;
	if (s.len == 0)
		return true;
	if (s.len > 5)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		value = value * 10 + (unsigned)(s.ptr[i] - '0');
	}
	if (value == 0 || value > PORT_MAX)
		return false;
	*port = value;
	return true;
}

bool http1_parse_authority(struct span s, struct http1_authority *out)
{
	size_t end = 0;

	if (s.len > 0 && s.ptr[0] == '[') {
		const char *close = memchr(s.ptr, ']', s.len);

		if (!close)
			return false;
		end = (size_t)(close - s.ptr) + 1;
		if (!is_ipv6(span_make(s.ptr + 1, end - 2)))
			return false;
	} else {
		while (end < s.len && http1_char_is(s.ptr[end], HTTP1_NAME))
			end++;
	}
	if (end == 0)
		return false;
	out->host = span_head(s, end);
	out->port = 0;
	if (end == s.len)
		return true;
	return s.ptr[end] == ':' &&
	       read_port(span_from(s, end + 1), &out->port);
}

bool http1_same_authority(
    const struct http1_target *target, const struct http1_authority *host)
{
	const struct http1_authority *authority = &target->authority;
	unsigned here = authority->port, there = host->port;

	if (here == 0)
		here = target->default_port;
	if (there == 0)
		there = target->default_port;
	return here == there && span_eq_nocase(authority->host, host->host);
}

static void split_query(struct http1_head *head, struct span s)
{
	const char *mark = s.len ? memchr(s.ptr, '?', s.len) : NULL;
	size_t end = mark ? (size_t)(mark - s.ptr) : s.len;

	head->path = span_head(s, end);
	if (mark)
		head->query = span_from(s, end + 1);
}

static bool starts_with_nocase(struct span s, struct span prefix)
{
	return s.len >= prefix.len &&
	       span_eq_nocase(span_head(s, prefix.len), prefix);
}

/* RFC 9112 3.2.2. User information is refused as RFC 9110 4.2.4 asks. */
static const char *parse_absolute(
    struct http1_head *head, struct http1_target *out)
{
	struct span rest, authority;
	size_t end = 0;

	if (starts_with_nocase(head->target, SPAN("http://"))) {
		rest = span_from(head->target, strlen("http://"));
		out->default_port = 80;
	} else if (starts_with_nocase(head->target, SPAN("https://"))) {
		rest = span_from(head->target, strlen("https://"));
		out->default_port = 443;
	} else {
		return "target is neither a path nor an http URI";
	}
	while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
		end++;
	authority = span_head(rest, end);
	if (!http1_parse_authority(authority, &out->authority))
		return "ill-formed host in the target";
	out->has_authority = true;
	head->host = authority;
	split_query(head, span_from(rest, end));
	if (head->path.len == 0)
		head->path = SPAN("/");
	return NULL;
}

/* RFC 9112 3.2.3: CONNECT names a host and always a port. */
static const char *parse_connect(
    struct http1_head *head, struct http1_target *out)
{
	if (!http1_parse_authority(head->target, &out->authority) ||
	    out->authority.port == 0)
		return "CONNECT needs a host and a port";
	out->has_authority = true;
	out->default_port = 0;
	head->host = head->target;
	return NULL;
}

const char *http1_parse_target(
    struct http1_head *head, struct http1_target *out)
{
	struct span target = head->target;

	*out = (struct http1_target){0};
	head->path = head->query = head->host = span_make(NULL, 0);
	if (target.len == 0)
		return "no target";
	if (!http1_all(target, HTTP1_TARGET))
		return "a byte that does not belong in a target";
	if (span_eq(head->method, SPAN("CONNECT")))
		return parse_connect(head, out);
	if (target.ptr[0] == '/') {
		split_query(head, target);
		return NULL;
	}
	if (span_eq(target, SPAN("*"))) {
		if (!span_eq(head->method, SPAN("OPTIONS")))
			return "target * without OPTIONS";
		head->path = target;
		return NULL;
	}
	return parse_absolute(head, out);
}
