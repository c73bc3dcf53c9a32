/* fuzz_yaml.c -- any bytes as a configuration file, variables put in. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool claim)
{
	if (!claim)
		abort();
}

static const char *look_up(const char *name, void *arg)
{
	(void)arg;
	return name[0] == 'A' ? "value" : NULL;
}

static void check_node(const struct yaml_doc *doc, const struct yaml_node *node)
{
	require(node->line > 0 && node->column > 0);
	if (node->kind == YAML_SCALAR) {
		require(node->text.ptr && node->count == 0);
		require(strlen(node->text.ptr) == node->text.len);
		return;
	}
	for (size_t i = 0; i < node->count; i++) {
		require(node->items[i] > doc->nodes);
		require(node->items[i] < doc->nodes + doc->n_nodes);
		if (node->kind == YAML_LIST)
			continue;
		require(node->keys[i] > doc->nodes);
		require(node->keys[i]->kind == YAML_SCALAR);
		/* Keys are unique, so each leads to its own value. */
		require(
		    yaml_get(node, node->keys[i]->text.ptr) == node->items[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mistakes *mistakes = mistakes_new();
	struct yaml_doc *doc = yaml_parse(
	    "fuzz.yaml", span_make((const char *)data, size), mistakes);

	require(doc || mistakes_count(mistakes) > 0);
	if (doc) {
		require(doc->root == doc->nodes);
		yaml_expand(doc, look_up, NULL, mistakes);
		for (size_t i = 0; i < doc->n_nodes; i++)
			check_node(doc, &doc->nodes[i]);
	}
	yaml_doc_free(&doc);
	mistakes_free(&mistakes);
	return 0;
}
