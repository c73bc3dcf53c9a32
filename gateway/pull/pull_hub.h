/* pull_hub.h -- the hub that a pull asks: where it is, and with which token. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PULL_PULL_HUB_H
#define GATEWAY_PULL_PULL_HUB_H

#include "gateway/pull/pull.h"
#include "gateway/pull/pull_url.h"
#include "net/net.h"

struct pull_hub {
	struct loop *loop; /* of the pull alone: it may wait for the disk */
	struct client *client;
	struct tls_context *tls;
	struct pull_url endpoint; /* its target without a slash at the end */
	struct secret *token;     /* NULL: none, or none may be sent */
	int64_t timeout_ns;
	unsigned tries;
};

/* Endpoint, token, TLS with the system's roots; <options> may go then. */
enum result pull_hub_open(struct pull_hub *hub,
    const struct pull_options *options, struct error *err) must_check;
void pull_hub_close(struct pull_hub *hub);

/*
 * Targets below the endpoint, malloc'ed: what it says of <name>, one file of
 * <commit>, and the model's page for people (a whole URL).
 */
char *pull_hub_model(const struct pull_hub *hub, const struct pull_name *name);
char *pull_hub_file(const struct pull_hub *hub, const char *repo,
    const char *commit, const char *path);
char *pull_hub_page(const struct pull_hub *hub, const char *repo);

#endif
