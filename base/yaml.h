/* yaml.h -- a YAML file as a tree whose every node knows its place. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include "base/arena.h"
#include "base/mistakes.h"
#include "base/span.h"

/*
 * Reads the subset that configuration needs: one document of maps, lists and
 * scalars. Anchors, aliases, tags and merge keys are mistakes, and so is a
 * key that stands twice in one map: what is not read would be misread. Depth
 * is at most 32, size 4 MiB, nodes 200,000. libyaml stays behind this header.
 */
enum yaml_kind {
	YAML_SCALAR,
	YAML_LIST,
	YAML_MAP,
};

struct yaml_node {
	enum yaml_kind kind;
	unsigned line;    /* from 1 */
	unsigned column;  /* from 1, in characters */
	bool is_quoted;   /* a scalar in quotes: never null, number or bool */
	struct span text; /* scalar: its value, NUL-terminated, no NUL inside */
	size_t count;     /* children of a list or pairs of a map */
	struct yaml_node **items; /* (count) elements, or the pairs' values */
	struct yaml_node **keys;  /* (count) the pairs' keys, all scalars */
};

struct yaml_doc {
	char *file;              /* name for messages */
	struct yaml_node *root;  /* never NULL: an empty file is an empty map */
	struct yaml_node *nodes; /* (n_nodes) in the file's order */
	size_t n_nodes;
	struct arena arena; /* nodes and texts, those after expansion too */
};

/*
 * Parses <text>; <file> names it in messages. Mistakes are added, each with
 * its place, and what could be read is returned without the pairs that they
 * concern: the first of two equal keys stays. The caller owns the document. It
 * is NULL, with a mistake, when the text is not YAML or past the limits: half
 * a tree would only lead to mistakes that are none.
 */
struct yaml_doc *yaml_parse(
    const char *file, struct span text, struct mistakes *mistakes) must_check;

/* Not named yaml_free: libyaml calls a function of that name for itself. */
void yaml_doc_free(struct yaml_doc **doc);

/* The value at <key>; NULL when absent or <map> is NULL or not a map. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/*
 * Replaces ${NAME}, ${NAME:-default} and $$ in every scalar by <lookup>'s
 * values (NULL: not set, and a mistake when there is no default). As in the
 * shell the default also stands in for an empty value; it is plain text up to
 * the next '}'. A name is letters, digits and '_', no digit first. Any other
 * $ stays, and values are not expanded again. Keys are left alone, and so is
 * a scalar with a mistake in it; is_quoted is kept.
 */
typedef const char *yaml_lookup_fn(const char *name, void *arg);
void yaml_expand(struct yaml_doc *doc, yaml_lookup_fn *lookup, void *arg,
    struct mistakes *mistakes);

#endif
