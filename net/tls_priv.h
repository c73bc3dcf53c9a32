/* tls_priv.h -- what a TLS stream takes from its context. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_TLS_PRIV_H
#define NET_TLS_PRIV_H

#include <openssl/ssl.h>

#include "net/tls.h"

/* What an SSL carries for the callbacks of its context. */
struct tls_peer {
	struct tls_context *context; /* borrowed */
	const char *name;            /* whom a client expects; else NULL */
};

/*
 * A new handshake under <peer>'s context, which must outlive it: for a client,
 * with SNI, verification of the name or address, and the session kept from the
 * last time. NULL when OpenSSL refuses the name.
 */
SSL *tls_new_ssl(struct tls_peer *peer);

#endif
