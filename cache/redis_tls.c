/* redis_tls.c -- TLS under a connection to Redis, by hiredis_ssl. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/redis_tls.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "cache/redis.h"

struct redis_tls {
	SSL_CTX *context;
	SSL *ssl; /* the last connection's, which owns it */
	char *host;
	bool is_address;
};

bool redis_has_tls(void)
{
	return true;
}

/* The reason of OpenSSL's last error. */
static const char *reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text ? text : "no reason given";
}

static bool is_address(const char *host)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, bytes) == 1 ||
	       inet_pton(AF_INET6, host, bytes) == 1;
}

struct redis_tls *redis_tls_new(const char *host, struct error *err)
{
	struct redis_tls *tls = mem_new(struct redis_tls);

	ERR_clear_error();
	tls->host = mem_strdup(host);
	tls->is_address = is_address(host);
	tls->context = SSL_CTX_new(TLS_client_method());
	if (!tls->context ||
	    !SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) ||
	    !SSL_CTX_set_default_verify_paths(tls->context)) {
		error_set(err, "TLS cannot be set up: %s", reason());
		redis_tls_free(&tls);
		return NULL;
	}
	SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
	return tls;
}

void redis_tls_free(struct redis_tls **tls)
{
	struct redis_tls *old = *tls;

	*tls = NULL;
	if (!old)
		return;
	SSL_CTX_free(old->context);
	free(old->host);
	free(old);
}

static bool set_host(const struct redis_tls *tls, SSL *ssl)
{
	if (tls->is_address)
		return X509_VERIFY_PARAM_set1_ip_asc(
		    SSL_get0_param(ssl), tls->host);
	return SSL_set1_host(ssl, tls->host) &&
	       SSL_set_tlsext_host_name(ssl, tls->host);
}

enum result redis_tls_start(
    struct redis_tls *tls, struct redisContext *redis, struct error *err)
{
	SSL *ssl;

	ERR_clear_error();
	tls->ssl = NULL;
	ssl = SSL_new(tls->context);
	if (!ssl || !set_host(tls, ssl)) {
		error_set(err, "TLS cannot be set up: %s", reason());
		SSL_free(ssl);
		return FAILED;
	}
	if (redisInitiateSSL(redis, ssl) != REDIS_OK) {
		error_set(err, "the TLS handshake failed: %s", reason());
		SSL_free(ssl);
		return FAILED;
	}
	tls->ssl = ssl;
	return OK;
}

void redis_tls_prepare(void)
{
	ERR_clear_error();
}

const char *redis_tls_problem(const struct redis_tls *tls)
{
	long verdict = tls->ssl ? SSL_get_verify_result(tls->ssl) : X509_V_OK;

	if (verdict != X509_V_OK)
		return X509_verify_cert_error_string(verdict);
	return ERR_reason_error_string(ERR_peek_last_error());
}
