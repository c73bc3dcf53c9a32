/* fuzz_redis_url.c -- any bytes as a Redis URL. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cache/redis_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool claim)
{
	if (!claim)
		abort();
}

static bool is_printable(const char *text)
{
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			return false;
	}
	return true;
}

/* What may be shown reads as the same URL, but for user and password. */
static void check_text(const struct redis_url *url)
{
	struct error err;
	struct redis_url *again;

	/* A path is shown decoded, so it may read as something else. */
	if (url->path)
		return;
	require(is_printable(url->text));
	again = redis_url_parse(span_of(url->text), &err);
	require(again && redis_url_eq(again, again));
	require(!again->user && !again->password);
	require(!strcmp(again->text, url->text));
	require(redis_url_eq(again, url) == (!url->user && !url->password));
	redis_url_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = {0};
	struct redis_url *url =
	    redis_url_parse(span_make((const char *)data, size), &err);

	if (!url) {
		require(err.text[0] && is_printable(err.text));
		return 0;
	}
	require(!url->host != !url->path);
	require(url->port > 0);
	check_text(url);
	redis_url_free(&url);
	return 0;
}
