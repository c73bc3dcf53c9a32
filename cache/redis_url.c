/* redis_url.c -- reads redis://, rediss:// and unix:// URLs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/redis_url.h"

#include <stdlib.h>
#include <sys/un.h>

/*
 * A URL may hold a password in any of its parts when it is ill-formed (a raw
 * "/" or "@" moves it). So a message names the part and the character's place,
 * counted from 1, and never quotes the text.
 */
#define URL_MAX 4096
#define HOST_MAX 253           /* RFC 1035, 2.3.4 */
#define DATABASE_MAX (1 << 20) /* far past any server's setting */
#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

struct reader {
	struct span text; /* all of it, for places */
	struct redis_url *url;
	struct error *err;
};

static bool fail(const struct reader *r, const char *at, const char *what)
{
	error_set(r->err, "Redis URL, character %zu: %s",
	    (size_t)(at - r->text.ptr) + 1, what);
	return false;
}

/* Where <c> first (or last) stands in <s>; s.len when it does not. */
static size_t first_of(struct span s, char c)
{
	const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;

	return at ? (size_t)(at - s.ptr) : s.len;
}

static size_t last_of(struct span s, char c)
{
	const char *at = s.len ? memrchr(s.ptr, c, s.len) : NULL;

	return at ? (size_t)(at - s.ptr) : s.len;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* <s> with each %XX decoded, into <out> of at least s.len bytes. */
static bool decode(
    const struct reader *r, struct span s, char *out, size_t *out_len)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		bool is_whole = s.len - i > 2;
		int high, low;

		if (s.ptr[i] != '%') {
			out[n++] = s.ptr[i];
			continue;
		}
		high = is_whole ? hex_value(s.ptr[i + 1]) : -1;
		low = is_whole ? hex_value(s.ptr[i + 2]) : -1;
		if (high < 0 || low < 0)
			return fail(r, s.ptr + i,
			    "a % must be followed by two hexadecimal digits "
			    "(a % itself is written %25)");
		out[n++] = (char)(high * 16 + low);
		i += 2;
	}
	*out_len = n;
	return true;
}

static bool read_secret(
    const struct reader *r, struct span s, struct secret **secret)
{
	char decoded[URL_MAX];
	size_t len;
	bool is_read = decode(r, s, decoded, &len);

	if (is_read)
		*secret = secret_new(span_make(decoded, len));
	explicit_bzero(decoded, sizeof(decoded));
	return is_read;
}

/* user, user:password or :password; the first colon divides. */
static bool read_user(const struct reader *r, struct span s)
{
	size_t colon = first_of(s, ':');

	if (colon > 0 && !read_secret(r, span_head(s, colon), &r->url->user))
		return false;
	if (colon == s.len)
		return true;
	return read_secret(r, span_from(s, colon + 1), &r->url->password);
}

struct number {
	uint64_t value, min, max;
	const char *what; /* is said of any other */
};

static bool read_number(
    const struct reader *r, struct span s, struct number *number)
{
	if (!span_to_u64(s, &number->value) || number->value < number->min ||
	    number->value > number->max)
		return fail(r, s.ptr, number->what);
	return true;
}

static bool is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/* An IPv6 address in brackets, or a name or IPv4 address; then :port. */
static bool read_host(const struct reader *r, struct span s)
{
	bool is_v6 = s.len && s.ptr[0] == '[';
	size_t end = is_v6 ? first_of(s, ']') : first_of(s, ':');
	struct span host = span_head(s, end), rest;
	struct number port = {
	    .min = 1,
	    .max = UINT16_MAX,
	    .what = "the port must be a number from 1 to 65535 (a / in a "
		    "password is written %2F)",
	};

	if (is_v6) {
		if (end == s.len)
			return fail(r, s.ptr, "the host's [ has no ]");
		host = span_from(host, 1);
		end++;
	}
	if (host.len == 0 || host.len > HOST_MAX)
		return fail(r, s.ptr,
		    "a host of 1 to 253 characters belongs "
		    "here");
	for (size_t i = 0; i < host.len; i++) {
		bool is_good = is_v6 ? hex_value(host.ptr[i]) >= 0 ||
					   host.ptr[i] == ':' ||
					   host.ptr[i] == '.'
				     : is_host_char(host.ptr[i]);

		if (!is_good)
			return fail(r, host.ptr + i,
			    "not a character of a host's name or address");
	}
	r->url->host = span_dup(host);
	rest = span_from(s, end);
	if (rest.len == 0)
		return true;
	if (rest.ptr[0] != ':')
		return fail(r, rest.ptr, "only :port may follow the host");
	if (!read_number(r, span_from(rest, 1), &port))
		return false;
	r->url->port = (uint16_t)port.value;
	return true;
}

static bool read_database(const struct reader *r, struct span s)
{
	struct number database = {
	    .max = DATABASE_MAX,
	    .what = "the database must be a number from 0 to 1048576",
	};

	if (!read_number(r, s, &database))
		return false;
	r->url->database = (uint32_t)database.value;
	return true;
}

static bool read_socket_path(const struct reader *r, struct span s)
{
	size_t end = first_of(s, '?'), len;
	struct span path = span_head(s, end), query = span_from(s, end);
	char decoded[URL_MAX];

	if (path.len < 2)
		return fail(r, s.ptr,
		    "the path of a socket belongs here, as in "
		    "unix:///run/redis/redis.sock");
	if (!decode(r, path, decoded, &len))
		return false;
	if (len > SOCKET_PATH_MAX || memchr(decoded, 0, len))
		return fail(r, s.ptr,
		    "the path of a socket has at most 107 "
		    "bytes and no NUL");
	r->url->path = span_dup(span_make(decoded, len));
	if (query.len == 0)
		return true;
	if (!span_starts_with(query, SPAN("?db=")))
		return fail(r, query.ptr, "only ?db=N may follow the path");
	return read_database(r, span_from(query, 4));
}

/* What follows host and port: nothing, "/" or "/N". */
static bool read_tail(const struct reader *r, struct span s)
{
	if (s.len && s.ptr[0] != '/')
		return fail(r, s.ptr,
		    "there are no parameters here; the "
		    "database is written as /N");
	if (s.len <= 1)
		return true;
	return read_database(r, span_from(s, 1));
}

static bool read_scheme(struct reader *r, struct span *rest, bool *is_unix)
{
	struct span scheme =
	    span_head(r->text, span_find(r->text, SPAN("://"), 0));

	if (r->text.len > URL_MAX)
		return fail(
		    r, r->text.ptr + URL_MAX, "too long (at most 4096)");
	*is_unix = span_eq_nocase(scheme, SPAN("unix"));
	r->url->is_tls = span_eq_nocase(scheme, SPAN("rediss"));
	if (!*is_unix && !r->url->is_tls &&
	    !span_eq_nocase(scheme, SPAN("redis")))
		return fail(r, r->text.ptr,
		    "it must begin with redis://, "
		    "rediss:// or unix://");
	if (r->url->is_tls && !redis_has_tls())
		return fail(r, r->text.ptr,
		    "this build cannot speak TLS to "
		    "Redis: it was made without "
		    "hiredis_ssl; use redis:// or a "
		    "TLS proxy on a unix:// socket");
	*rest = span_from(r->text, scheme.len + strlen("://"));
	return true;
}

static bool read_url(struct reader *r)
{
	struct span rest, authority;
	size_t at;
	bool is_unix = false;

	if (!read_scheme(r, &rest, &is_unix))
		return false;
	authority = span_head(rest, first_of(rest, '/'));
	authority = span_head(authority, first_of(authority, '?'));
	rest = span_from(rest, authority.len);
	at = last_of(authority, '@');
	if (at < authority.len) {
		if (!read_user(r, span_head(authority, at)))
			return false;
		authority = span_from(authority, at + 1);
	}
	if (!is_unix)
		return read_host(r, authority) && read_tail(r, rest);
	if (authority.len)
		return fail(r, authority.ptr,
		    "a socket has no host: write "
		    "unix:///path");
	return read_socket_path(r, rest);
}

/* The URL as it may be shown. */
static char *public_text(const struct redis_url *url)
{
	bool is_v6 = url->host && strchr(url->host, ':');
	struct buf buf;
	char *text;

	buf_init(&buf, 2 * URL_MAX);
	if (url->path)
		buf_printf(&buf, "unix://%s?db=%u", url->path, url->database);
	else
		buf_printf(&buf, "%s://%s%s%s:%u/%u",
		    url->is_tls ? "rediss" : "redis", is_v6 ? "[" : "",
		    url->host, is_v6 ? "]" : "", url->port, url->database);
	text = span_dup(buf_span(&buf));
	buf_free(&buf);
	return text;
}

struct redis_url *redis_url_parse(struct span text, struct error *err)
{
	struct redis_url *url = mem_new(struct redis_url);
	struct reader r = {.text = text, .url = url, .err = err};

	url->port = REDIS_PORT;
	if (!read_url(&r)) {
		redis_url_free(&url);
		return NULL;
	}
	url->text = public_text(url);
	return url;
}

void redis_url_free(struct redis_url **url)
{
	struct redis_url *old = *url;

	*url = NULL;
	if (!old)
		return;
	secret_free(&old->user);
	secret_free(&old->password);
	free(old->host);
	free(old->path);
	free(old->text);
	free(old);
}

static bool secret_eq(const struct secret *a, const struct secret *b)
{
	if (!a || !b)
		return a == b;
	return span_eq(secret_reveal(a), secret_reveal(b));
}

bool redis_url_eq(const struct redis_url *a, const struct redis_url *b)
{
	return !strcmp(a->text, b->text) && secret_eq(a->user, b->user) &&
	       secret_eq(a->password, b->password);
}

const char *redis_url_text(const struct redis_url *url)
{
	return url->text;
}
