/* names.h -- interned names: each text kept once, with a number. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_NAMES_H
#define LEDGER_NAMES_H

#include "base/base.h"

/*
 * A name's address stays until names_clear, so equal texts have one pointer.
 * <id> and <sequence> are the owner's: a writer keeps a name's number there
 * and the segment in which it has it, sums keep the row's index.
 */
struct name {
	uint64_t hash;
	uint64_t sequence; /* 0 when new */
	uint32_t id;       /* 0 when new */
	uint32_t len;
	char text[]; /* NUL-terminated */
};

struct names {
	struct name **table; /* (cap), NULL: free */
	size_t cap;          /* 0 or a power of two */
	size_t count;
};

/* The name of <text>, made when new. A zeroed struct is an empty table. */
struct name *names_intern(struct names *names, struct span text);

/* Frees every name. */
void names_clear(struct names *names);

#endif
