/* pull_near.h -- what a hub has that is called nearly so. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PULL_PULL_NEAR_H
#define GATEWAY_PULL_PULL_NEAR_H

#include "gateway/pull/pull_hub.h"

/*
 * For a name that the hub does not know, as <err> says: asks it, once and
 * without trying again, for the model's revisions, else for models of its owner
 * or of such a name, and adds up to five of them to <err>. What goes wrong with
 * that is not said.
 */
void pull_add_near(
    struct pull_hub *hub, const struct pull_name *name, struct error *err);

/*
 * The names in the answers, for tests: up to <max> of them as hf:owner/name
 * or hf:owner/name@revision, those that pull would take, nearest first where
 * one is near. <names> are filled with malloc'ed strings; returns how many.
 */
size_t pull_near_revisions(
    struct span json, const struct pull_name *name, char **names, size_t max);
size_t pull_near_models(
    struct span json, const struct pull_name *name, char **names, size_t max);

#endif
