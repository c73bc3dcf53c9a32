/* classes.h -- what classifiers in this process say of a request. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_CLASSES_H
#define GATEWAY_LOCAL_CLASSES_H

#include "gateway/local/class_memo.h"
#include "local/local.h"
#include "router/router.h"

/*
 * A policy may ask what a local classifier says of the last user message. The
 * step `inspect` finds that out between classify and decide, for those that a
 * condition of the policy reads and for requests that the policy decides. It
 * waits for as long as engine.class_wait says; a classifier that is not ready,
 * busy or late has said nothing. What comes late is remembered all the same,
 * for the next time.
 */
struct request;
struct worker;

/* Frees what the step holds for <request>. */
void classes_drop(struct request *request);

/* At the worker's end, before its loop's: nobody is waited for any more. */
void classes_close(struct worker *worker);

/* --- without a loop, as `sluice route` asks ---------------------------------
 */

/*
 * What the classifier says of <text>, and the class' name in <arena>. Computes
 * at once; FAILED with the reason.
 */
enum result classes_ask(const struct checkpoint *checkpoint, struct span text,
    struct arena *arena, struct router_class *out,
    struct error *err) must_check;

#endif
