/* secret.h -- text that must never be printed. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/span.h"

/*
 * A secret is opaque so that no format string can take it by accident; the one
 * function that shows it is named for what it does, and grep finds its few
 * callers. Its memory is wiped when it is freed.
 */
struct secret;

/* Copies <text>. */
struct secret *secret_new(struct span text);

/* Wipes and frees; accepts NULL, leaves NULL. */
void secret_free(struct secret **secret);

/* The text, borrowed: only to be sent to the origin that it belongs to. */
struct span secret_reveal(const struct secret *secret);

#endif
