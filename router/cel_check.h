/* cel_check.h -- what the checker's two files share: private to router/. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROUTER_CEL_CHECK_H
#define ROUTER_CEL_CHECK_H

#include "router/cel.h"

/*
 * cel_check.c walks the tree and knows types, cel_names.c knows what may be
 * named: variables, headers, models, tasks. A mistake is reported where it
 * stands, gives the node the type CEL_BROKEN, and the walk goes on.
 */
struct cel_checker {
	const struct cel_source *source;
	struct cel_program *program;
	const struct router_model *models;
	size_t n_models;
	bool has_failed;
};

#define cel_refuse(c, at, ...)                                                 \
	do {                                                                   \
		cel_mistake((c)->source, (at), __VA_ARGS__);                   \
		(c)->has_failed = true;                                        \
	} while (0)

static inline struct cel_node *cel_node_at(
    const struct cel_checker *c, uint32_t index)
{
	return &c->program->nodes[index];
}

/* Turns a node into one without children. */
static inline void cel_make_leaf(struct cel_node *node, enum cel_op op)
{
	node->op = (uint8_t)op;
	node->first = CEL_NONE;
}

/* Checks a node and what is below it; its type, CEL_BROKEN after a mistake. */
enum cel_type cel_check(struct cel_checker *c, uint32_t index);

/* "a string", "an int" */
const char *cel_a_type(enum cel_type type);

/* --- names: each resolves its node, or reports it and gives CEL_BROKEN ---- */

/* A bare name, which is no value. */
enum cel_type cel_check_name(struct cel_checker *c, uint32_t index);

/* x.y */
enum cel_type cel_check_select(struct cel_checker *c, uint32_t index);

/* x[y] */
enum cel_type cel_check_index(struct cel_checker *c, uint32_t index);

/* Whether a node is request.headers, not yet resolved. */
bool cel_is_headers(const struct cel_checker *c, uint32_t index);

/* <index> becomes <op> of the header that the string node <name> names. */
enum cel_type cel_check_header(
    struct cel_checker *c, uint32_t index, uint32_t name, enum cel_op op);

/*
 * Refuses a task or endpoint compared with a word that it never is: the rule
 * would silently never match.
 */
void cel_check_word(struct cel_checker *c, uint32_t variable, uint32_t literal);

#endif
