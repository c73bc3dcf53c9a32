/* secret.c -- text that must never be printed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <stdlib.h>

#include "base/memory.h"

struct secret {
	size_t len;
	char text[];
};

struct secret *secret_new(struct span text)
{
	struct secret *secret = mem_alloc(sizeof(*secret) + text.len);

	secret->len = text.len;
	if (text.len > 0)
		memcpy(secret->text, text.ptr, text.len);
	return secret;
}

void secret_free(struct secret **secret)
{
	if (!*secret)
		return;
	explicit_bzero((*secret)->text, (*secret)->len);
	free(*secret);
	*secret = NULL;
}

struct span secret_reveal(const struct secret *secret)
{
	return span_make(secret->text, secret->len);
}
