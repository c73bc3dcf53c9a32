/* redis_url.h -- inside cache/: what a Redis URL says. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CACHE_REDIS_URL_H
#define CACHE_REDIS_URL_H

#include "cache/redis.h"

/*
 * The parts of a URL, decoded. Immutable once it is made. User and password are
 * secrets: they leave this struct only towards the server that the URL names.
 */
struct redis_url {
	char *host; /* a name or an address, no brackets; NULL: a socket file */
	char *path; /* of the socket file; NULL: TCP */
	uint16_t port;
	bool is_tls;
	uint32_t database;
	struct secret *user;     /* NULL: none */
	struct secret *password; /* NULL: none; may be empty */
	char *text;              /* without both */
};

#define REDIS_PORT 6379

#endif
