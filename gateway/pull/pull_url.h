/* pull_url.h -- http and https URLs, and where a redirect leads. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PULL_PULL_URL_H
#define GATEWAY_PULL_PULL_URL_H

#include "base/base.h"

#define PULL_URL_MAX 8000 /* bytes; a CDN's signed ones have about 1,500 */

/* No user, no fragment, nothing that a request line cannot carry. */
struct pull_url {
	bool is_tls;
	uint16_t port;
	char *host;   /* a name or an address, without brackets, lower case */
	char *target; /* path and query, begins with "/" */
};

/* False when it is not a URL of ours: then <url> holds nothing. */
bool pull_url_read(struct pull_url *url, struct span text) must_check;

/*
 * Where <location>, of an answer to <base>, leads: a whole URL, "//host/path",
 * or a path from the root. Others are refused: hubs send none. Source: RFC
 * 3986 section 5.2.
 */
bool pull_url_follow(struct pull_url *url, const struct pull_url *base,
    struct span location) must_check;

void pull_url_free(struct pull_url *url);

/* Same scheme, host and port. */
bool pull_url_is_same_origin(
    const struct pull_url *a, const struct pull_url *b);

/* localhost, 127.0.0.0/8 or ::1. */
bool pull_url_is_loopback(const struct pull_url *url);

/* Appends "host", "host:8443" or "[::1]:8443": what Host says. */
bool pull_url_write_authority(
    const struct pull_url *url, struct buf *out) must_check;

#endif
