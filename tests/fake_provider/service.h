/* service.h -- the two things a connection can talk to. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_PROVIDER_SERVICE_H
#define FAKE_PROVIDER_SERVICE_H

#include "tests/fake_provider/caller.h"

/* The provider's API. */
extern const struct service provider_service;

/* What tests steer it by: /script, /billed, /requests, /reset. */
extern const struct service control_service;

/* An error object: what is NULL in <fault> is null there. */
void service_refuse(struct caller *caller, const struct ask_fault *fault,
    const struct directives *directives);

/* The path of a request in <arena>, with its %2F and the like decoded. */
struct span service_path(const struct http1_head *head, struct arena *arena);

#endif
