/* key.h -- what makes two requests the same one. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CACHE_KEY_H
#define CACHE_KEY_H

#include "base/base.h"

/*
 * The key is SHA-256 over a canonical tuple. A deny-list, not an allow-list:
 * every member of the request is in the key but those that cannot change the
 * answer (stream, stream_options, user, metadata, service_tier at the top), so
 * that a parameter which this version has never heard of makes another key.
 * Canonical are the order of an object's members (by their decoded names; equal
 * names keep their order, since the last one counts) and white space between
 * tokens. Numbers, strings and everything else are taken as they were written:
 * two ways to write one number are two keys, which costs a hit and never an
 * answer. Each part is framed by its length, so that no two tuples run into the
 * same bytes.
 */
struct cache_question {
	struct span tenant;   /* the sluice key's name */
	struct span upstream; /* what would answer: provider, URL and model */
	struct span policy;
	struct span endpoint;
	struct span headers; /* those that may change an answer, in a fixed
				form; empty: none */
	const struct json_doc *body; /* the request, an object */
};

/*
 * The key of <question>. From <scratch> come as many bytes as the parts and the
 * body's text together, 16 for each member and, where names are written with
 * escapes, their decoded lengths; false when that is exhausted or the body is
 * no object. Pure; not recursive; n log n in the members whatever their names.
 */
bool cache_key(const struct cache_question *question, struct arena *scratch,
    struct sha256 *key) must_check;

/*
 * The canonical text alone, in <scratch>; ptr NULL when that is exhausted. For
 * tests and for people who ask why two requests differ.
 */
struct span cache_canonical(const struct json_doc *body, struct arena *scratch);

#endif
