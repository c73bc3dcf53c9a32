/* scripts.h -- directives that wait for requests to come. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_PROVIDER_SCRIPTS_H
#define FAKE_PROVIDER_SCRIPTS_H

#include "tests/fake_provider/directives.h"

/*
 * A script applies its directives to the next N requests for a model, for a
 * path ("/v1/models"), or for "*", any model. The oldest script that fits is
 * used, one for a request. All functions may be called from any thread.
 */
struct scripts;

struct scripts *scripts_new(void);
void scripts_free(struct scripts **scripts);

/* FAILED when the directives are none. */
enum result scripts_add(struct scripts *scripts, struct span target,
    uint64_t times, struct span list, struct error *err) must_check;

/* Forgets all. */
void scripts_clear(struct scripts *scripts);

/*
 * Reads the fitting script over <directives> and uses it up by one; texts come
 * from <arena>. <scripts> may be NULL. Before the body is read (<model> ptr
 * NULL) only those count that answer early; after it only the others. A
 * request without a model has an empty one.
 */
void scripts_take(struct scripts *scripts, struct span model, struct span path,
    struct directives *directives, struct arena *arena);

#endif
