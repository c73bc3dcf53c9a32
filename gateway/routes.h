/* routes.h -- the data port's URLs: one row each. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_ROUTES_H
#define GATEWAY_ROUTES_H

#include "gateway/request.h"

struct route;
typedef enum step_result route_fn(
    struct request *request, const struct route *route, struct span rest);

struct route {
	const char *path;    /* whole, or up to its slash when is_prefix */
	bool is_prefix;      /* what follows the slash is handed on */
	const char *methods; /* "POST", "GET HEAD" */
	const char *allow;   /* the Allow header's value */
	enum endpoint endpoint;
	route_fn *run;
};

/*
 * The row of <path>, NULL when there is none; <rest> is what follows a prefix.
 * The API is found with and without "/v1", since some clients leave it out.
 */
const struct route *route_find(struct span path, struct span *rest);

/* Answers OPTIONS with the methods <allowed>. */
enum step_result route_options(struct request *request, const char *allowed);

bool route_takes(const struct route *route, struct span method);

#endif
