/* origin.c -- where calls go: immutable, counted, shared between threads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/origin.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/tls.h"

static char *copy_lower(const char *text)
{
	char *copy = mem_strdup(text);

	for (char *c = copy; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	}
	return copy;
}

static char *make_authority(const struct origin *origin)
{
	bool is_v6 = strchr(origin->host, ':') != NULL;
	size_t size = strlen(origin->host) + sizeof("[]:65535");
	char *text = mem_alloc(size);

	snprintf(text, size, is_v6 ? "[%s]:%u" : "%s:%u", origin->host,
	    (unsigned)origin->port);
	return text;
}

/*
 * Scheme, authority and CA file, with a blank between them: none of the first
 * two can hold one, so no two different origins have the same key.
 */
static void make_key(struct origin *origin, const char *ca_file)
{
	const char *scheme = origin->tls ? "https" : "http";
	size_t size;

	if (!ca_file)
		ca_file = "";
	size = strlen(scheme) + strlen(origin->authority) + strlen(ca_file) + 3;
	origin->key = mem_alloc(size);
	snprintf(
	    origin->key, size, "%s %s %s", scheme, origin->authority, ca_file);
	origin->key_len = size - 1;
	origin->key_hash = hash_fast(origin_key(origin), 0);
}

struct origin *origin_new(const struct origin_options *options)
{
	struct origin *origin = mem_new(struct origin);

	assert(options->host && *options->host);
	atomic_init(&origin->refs, 1);
	origin->host = copy_lower(options->host);
	origin->port = options->port;
	origin->is_numeric =
	    address_parse(origin->host, options->port, &origin->address);
	if (options->tls)
		origin->tls = tls_ref(options->tls);
	origin->authority = make_authority(origin);
	make_key(origin, options->ca_file);
	origin->pool_idle = options->pool_idle;
	origin->pool_keep_ns = options->pool_keep_ns;
	origin->timeouts = options->timeouts;
	return origin;
}

struct origin *origin_ref(struct origin *origin)
{
	atomic_fetch_add_explicit(&origin->refs, 1, memory_order_relaxed);
	return origin;
}

void origin_unref(struct origin **origin)
{
	struct origin *o = *origin;

	*origin = NULL;
	if (!o ||
	    atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) != 1)
		return;
	tls_unref(&o->tls);
	free(o->key);
	free(o->authority);
	free(o->host);
	free(o);
}
