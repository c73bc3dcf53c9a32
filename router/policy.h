/* policy.h -- a policy as loaded: private to router/. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROUTER_POLICY_H
#define ROUTER_POLICY_H

#include "router/cel.h"

/*
 * Read-only after loading and shared between threads. Models are indices into
 * the array that policy_new was given.
 */
struct policy_use {
	size_t *models; /* (n) owned, best first; NULL: the policy's own */
	size_t n;
};

struct policy_rule {
	char *name;
	char *condition; /* as written, for people */
	struct cel_program *when;
	struct policy_use use;
	enum policy_cache cache;
	bool coalesces;
	bool has_escalate;
	struct router_escalate escalate;
};

struct policy {
	char *name;
	size_t baseline;
	size_t n_models; /* of the catalogue it was read against */
	struct policy_use use;
	enum policy_cache cache;
	bool coalesces;
	bool has_escalate;
	struct router_escalate escalate;
	struct policy_rule *rules; /* (n_rules) in the file's order */
	size_t n_rules;
};

/* The keys that a map may have, and what it is called in messages. */
struct policy_keys {
	const char *what;
	const char *const *known; /* (n) */
	size_t n;
};

/* Reports the keys of <map> that <keys> does not have; false when there are. */
bool policy_check_keys(const struct router_escalate_place *place,
    const struct yaml_node *map, const struct policy_keys *keys) must_check;

/* <name>'s index among <models> (n); SIZE_MAX when it is none of them. */
size_t policy_find_model(
    const struct router_model *models, size_t n, struct span name);

#endif
