/* stop.h -- finds where a growing text reaches a stop string. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_ENGINE_STOP_H
#define LOCAL_ENGINE_STOP_H

#include "base/span.h"

/*
 * A text that comes in pieces ends before the first stop string in it, however
 * the pieces cut that. What might still become one is not given out.
 */
struct stop {
	const struct span *texts; /* (n), borrowed, none of them empty */
	size_t n;
	size_t longest; /* bytes of the longest */
};

struct stop stop_make(const struct span *texts, size_t n);

/*
 * Where <text> ends: at the first byte of its first stop string, or SIZE_MAX
 * when it has none. Bytes before <searched> were looked through before.
 */
size_t stop_find(const struct stop *stop, struct span text, size_t searched);

/* Bytes of <text>, which has no stop string, that none can begin in. */
size_t stop_safe(const struct stop *stop, struct span text);

#endif
