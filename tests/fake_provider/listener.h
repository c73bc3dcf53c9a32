/* listener.h -- accepts connections for a worker. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_PROVIDER_LISTENER_H
#define FAKE_PROVIDER_LISTENER_H

#include "tests/fake_provider/caller.h"

/*
 * One worker's listening socket. Several workers' share a port by
 * SO_REUSEPORT, and the kernel spreads connections over them.
 */
struct listener;

/*
 * Binds <address> ("127.0.0.1:9101", "[::1]:0", ":8080") and hands what it
 * accepts to <service>.
 */
struct listener *listener_open(struct worker *worker, const char *address,
    const struct service *service, struct error *err) must_check;

void listener_close(struct listener **listener);

/* "127.0.0.1:9101", with the port that was bound; as long as the listener. */
const char *listener_address(const struct listener *listener);

#endif
