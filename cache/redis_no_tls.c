/* redis_no_tls.c -- what stands for TLS to Redis where hiredis has none. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/redis.h"
#include "cache/redis_tls.h"

bool redis_has_tls(void)
{
	return false;
}

struct redis_tls *redis_tls_new(const char *host, struct error *err)
{
	error_set(err, "%s: this build has no TLS to Redis", host);
	return NULL;
}

void redis_tls_free(struct redis_tls **tls)
{
	*tls = NULL;
}

enum result redis_tls_start(
    struct redis_tls *tls, struct redisContext *redis, struct error *err)
{
	(void)tls;
	(void)redis;
	error_set(err, "this build has no TLS to Redis");
	return FAILED;
}

void redis_tls_prepare(void)
{
}

const char *redis_tls_problem(const struct redis_tls *tls)
{
	(void)tls;
	return NULL;
}
