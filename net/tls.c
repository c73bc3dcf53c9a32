/* tls.c -- TLS contexts: certificates, trust and sessions kept. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "net/tls_priv.h"

#define SESSIONS_KEPT 64 /* names for which a client keeps a session */

struct kept_session {
	char *name;
	SSL_SESSION *session;
};

struct tls_context {
	atomic_uint references;
	SSL_CTX *ctx;
	pthread_mutex_t lock; /* guards kept and next_kept */
	struct kept_session kept[SESSIONS_KEPT];
	size_t next_kept; /* which is replaced next */
};

/* The oldest entry of this thread's error queue, which it empties. */
static const char *openssl_reason(void)
{
	unsigned long code = ERR_get_error();
	const char *reason = ERR_reason_error_string(code);

	if (code != 0 && ERR_SYSTEM_ERROR(code))
		reason = strerror(ERR_GET_REASON(code));
	ERR_clear_error();
	return reason ? reason : "unknown reason";
}

/* --- sessions kept for resumption ---------------------------------------- */

/* The entry for <name>, or NULL. The lock is held. */
static struct kept_session *find_kept(
    struct tls_context *context, const char *name)
{
	for (size_t i = 0; i < SESSIONS_KEPT; i++) {
		struct kept_session *kept = &context->kept[i];

		if (kept->name && strcmp(kept->name, name) == 0)
			return kept;
	}
	return NULL;
}

/*
 * OpenSSL's callback; 0 says that it keeps the session's reference. A copy is
 * kept here, since a connection that ends without a close_notify, as many
 * servers let theirs, spoils its own session for resumption.
 */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	const struct tls_peer *peer = SSL_get_app_data(ssl);
	struct tls_context *context = peer->context;
	struct kept_session *kept;

	pthread_mutex_lock(&context->lock);
	kept = find_kept(context, peer->name);
	if (!kept) {
		kept = &context->kept[context->next_kept];
		context->next_kept = (context->next_kept + 1) % SESSIONS_KEPT;
		free(kept->name);
		kept->name = mem_strdup(peer->name);
	}
	SSL_SESSION_free(kept->session);
	kept->session = SSL_SESSION_dup(session);
	pthread_mutex_unlock(&context->lock);
	return 0;
}

static void offer_session(SSL *ssl, const struct tls_peer *peer)
{
	struct tls_context *context = peer->context;
	SSL_SESSION *copy = NULL;
	struct kept_session *kept;

	pthread_mutex_lock(&context->lock);
	kept = find_kept(context, peer->name);
	if (kept && kept->session && SSL_SESSION_is_resumable(kept->session))
		copy = SSL_SESSION_dup(kept->session);
	pthread_mutex_unlock(&context->lock);
	if (copy)
		SSL_set_session(ssl, copy);
	SSL_SESSION_free(copy);
}

/* --- contexts ------------------------------------------------------------ */

/* A gateway cannot ask anybody for a key's pass phrase. */
static int refuse_password(char *into, int len, int rwflag, void *arg)
{
	(void)into;
	(void)len;
	(void)rwflag;
	(void)arg;
	return -1;
}

/*
 * Buffers are released while a connection is idle, and what is to be written
 * may move between two tries, since a chain's blocks are refilled. Reading
 * ahead takes a record with one system call instead of two.
 */
static struct tls_context *make_context(const SSL_METHOD *method)
{
	struct tls_context *context = mem_new(struct tls_context);

	atomic_init(&context->references, 1);
	pthread_mutex_init(&context->lock, NULL);
	context->ctx = SSL_CTX_new(method);
	assert(context->ctx);
	SSL_CTX_set_min_proto_version(context->ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(context->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
					   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					   SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(
	    context->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_read_ahead(context->ctx, 1);
	SSL_CTX_set_default_passwd_cb(context->ctx, refuse_password);
	ERR_clear_error();
	return context;
}

/* RFC 7301: takes http/1.1 from the client's list or ends the handshake. */
static int choose_protocol(SSL *ssl, const unsigned char **out,
    unsigned char *out_len, const unsigned char *in, unsigned in_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in,
		in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* Sessions are resumed by tickets, so the server itself keeps none. */
struct tls_context *tls_server_new(
    const char *cert_file, const char *key_file, struct error *err)
{
	static const unsigned char id[] = "sluice";
	struct tls_context *context = make_context(TLS_server_method());
	SSL_CTX *ctx = context->ctx;

	SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
		error_set(err,
		    "%s: cannot read a PEM certificate chain from it: %s",
		    cert_file, openssl_reason());
	else if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) !=
		 1)
		error_set(err,
		    "%s: cannot read a PEM private key (without pass phrase) that fits %s from it: %s",
		    key_file, cert_file, openssl_reason());
	else if (SSL_CTX_check_private_key(ctx) != 1)
		error_set(err,
		    "%s: is not the key of the certificate in %s: %s", key_file,
		    cert_file, openssl_reason());
	else
		return context;
	tls_unref(&context);
	return NULL;
}

struct tls_context *tls_client_new(const char *ca_file, struct error *err)
{
	static const unsigned char protocols[] = "\x08http/1.1";
	struct tls_context *context = make_context(TLS_client_method());
	SSL_CTX *ctx = context->ctx;

	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(
	    ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, keep_session);
	(void)SSL_CTX_set_alpn_protos(ctx, protocols, sizeof(protocols) - 1);
	if (SSL_CTX_set_default_verify_paths(ctx) != 1)
		error_set(err, "cannot read the system's root certificates: %s",
		    openssl_reason());
	else if (ca_file && SSL_CTX_load_verify_file(ctx, ca_file) != 1)
		error_set(err, "%s: cannot read PEM certificates from it: %s",
		    ca_file, openssl_reason());
	else
		return context;
	tls_unref(&context);
	return NULL;
}

struct tls_context *tls_ref(struct tls_context *context)
{
	if (context)
		atomic_fetch_add(&context->references, 1);
	return context;
}

void tls_unref(struct tls_context **context_ptr)
{
	struct tls_context *context = *context_ptr;

	*context_ptr = NULL;
	if (!context || atomic_fetch_sub(&context->references, 1) > 1)
		return;
	for (size_t i = 0; i < SESSIONS_KEPT; i++) {
		SSL_SESSION_free(context->kept[i].session);
		free(context->kept[i].name);
	}
	SSL_CTX_free(context->ctx);
	pthread_mutex_destroy(&context->lock);
	free(context);
}

/* --- handshakes ---------------------------------------------------------- */

/* The macro for it casts away a const, which the call does keep. */
static bool set_sni(SSL *ssl, const char *name)
{
	return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
		   TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)name) == 1;
}

/*
 * Whom the certificate must name: RFC 6125 for host names, where an address
 * counts only as an address (and is not sent as SNI, RFC 6066 section 3).
 */
static bool expect_name(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	struct in6_addr address;

	X509_VERIFY_PARAM_set_hostflags(
	    param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (inet_pton(AF_INET, name, &address) == 1 ||
	    inet_pton(AF_INET6, name, &address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
	return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1 &&
	       set_sni(ssl, name);
}

SSL *tls_new_ssl(struct tls_peer *peer)
{
	SSL *ssl = SSL_new(peer->context->ctx);

	assert(ssl);
	SSL_set_app_data(ssl, peer);
	if (!peer->name) {
		SSL_set_accept_state(ssl);
		return ssl;
	}
	SSL_set_connect_state(ssl);
	if (!expect_name(ssl, peer->name)) {
		SSL_free(ssl);
		ERR_clear_error();
		return NULL;
	}
	offer_session(ssl, peer);
	return ssl;
}
