/* pull_url.c -- http and https URLs, and where a redirect leads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pull/pull_url.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* Visible ASCII: what a request line can carry. */
static bool is_plain(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f)
			return false;
	return true;
}

static bool is_host(struct span host, bool is_bracketed)
{
	char text[64];
	struct in6_addr address;

	if (host.len == 0 || host.len > 253)
		return false;
	if (is_bracketed) {
		if (host.len >= sizeof(text))
			return false;
		memcpy(text, host.ptr, host.len);
		text[host.len] = '\0';
		return inet_pton(AF_INET6, text, &address) == 1;
	}
	for (size_t i = 0; i < host.len; i++) {
		char c = host.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '-' || c == '.' ||
			c == '_'))
			return false;
	}
	return true;
}

/* "host", "host:port", "[address]:port" into <url>. */
static bool read_authority(struct pull_url *url, struct span text)
{
	bool is_bracketed = span_starts_with(text, SPAN("["));
	size_t end = span_find(text, is_bracketed ? SPAN("]") : SPAN(":"), 0);
	struct span host = span_head(text, end), rest = span_from(text, end);
	uint64_t port;

	if (is_bracketed) {
		if (end == SIZE_MAX)
			return false;
		host = span_from(host, 1);
		rest = span_from(rest, 1);
	}
	if (!is_host(host, is_bracketed))
		return false;
	if (rest.len > 0) {
		if (rest.ptr[0] != ':' ||
		    !span_to_u64(span_from(rest, 1), &port) || port == 0 ||
		    port > UINT16_MAX)
			return false;
		url->port = (uint16_t)port;
	}
	url->host = span_dup(host);
	for (char *c = url->host; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return true;
}

/* What stands behind "//": the authority and the target. */
static bool read_rest(struct pull_url *url, struct span text)
{
	size_t end = 0;
	struct span target;

	while (end < text.len && !strchr("/?", text.ptr[end]))
		end++;
	target = span_from(text, end);
	if (!read_authority(url, span_head(text, end)))
		return false;
	if (target.len > 0 && target.ptr[0] == '/') {
		url->target = span_dup(target);
		return true;
	}
	url->target = mem_alloc(target.len + 2);
	url->target[0] = '/';
	if (target.len > 0)
		memcpy(url->target + 1, target.ptr, target.len);
	url->target[target.len + 1] = '\0';
	return true;
}

/* Without its fragment; false for what no request could carry. */
static bool is_fit(struct span *text)
{
	*text = span_head(*text, span_find(*text, SPAN("#"), 0));
	return text->len > 0 && text->len <= PULL_URL_MAX && is_plain(*text);
}

static bool starts_with_nocase(struct span text, struct span prefix)
{
	return span_eq_nocase(span_head(text, prefix.len), prefix);
}

bool pull_url_read(struct pull_url *url, struct span text)
{
	*url = (struct pull_url){.port = 80};
	if (!is_fit(&text))
		return false;
	if (starts_with_nocase(text, SPAN("https://"))) {
		url->is_tls = true;
		url->port = 443;
		text = span_from(text, strlen("https://"));
	} else if (starts_with_nocase(text, SPAN("http://"))) {
		text = span_from(text, strlen("http://"));
	} else {
		return false;
	}
	return read_rest(url, text);
}

bool pull_url_follow(
    struct pull_url *url, const struct pull_url *base, struct span location)
{
	*url = (struct pull_url){0};
	if (!is_fit(&location))
		return false;
	if (location.ptr[0] != '/')
		return pull_url_read(url, location);
	url->is_tls = base->is_tls;
	if (span_starts_with(location, SPAN("//"))) {
		url->port = base->is_tls ? 443 : 80;
		return read_rest(url, span_from(location, 2));
	}
	url->port = base->port;
	url->host = mem_strdup(base->host);
	url->target = span_dup(location);
	return true;
}

void pull_url_free(struct pull_url *url)
{
	free(url->host);
	free(url->target);
	*url = (struct pull_url){0};
}

bool pull_url_is_same_origin(const struct pull_url *a, const struct pull_url *b)
{
	return a->is_tls == b->is_tls && a->port == b->port &&
	       !strcmp(a->host, b->host);
}

bool pull_url_is_loopback(const struct pull_url *url)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, url->host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, url->host, &v6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&v6);
	return !strcmp(url->host, "localhost");
}

bool pull_url_write_authority(const struct pull_url *url, struct buf *out)
{
	bool is_v6 = strchr(url->host, ':') != NULL;

	return buf_printf(out, is_v6 ? "[%s]" : "%s", url->host) &&
	       (url->port == (url->is_tls ? 443 : 80) ||
		   buf_printf(out, ":%u", (unsigned)url->port));
}
