/* digest.h -- SHA-256 of bytes as they arrive. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_DIGEST_H
#define NET_DIGEST_H

#include "base/base.h"

/*
 * For bodies that are too large to be held: each piece is added when it comes,
 * and the value can be asked for at any time. Source: FIPS 180-4.
 */
struct digest;

/* Of no bytes yet; the caller's. */
struct digest *digest_new(void);

/* Accepts NULL, leaves NULL. */
void digest_free(struct digest **digest);

/* Forgets what was added. */
void digest_reset(struct digest *digest);

void digest_add(struct digest *digest, struct span bytes);

/* Of all that was added since it was new or reset; more may be added after. */
struct sha256 digest_value(const struct digest *digest);

#endif
