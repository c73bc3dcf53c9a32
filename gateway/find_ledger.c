/* find_ledger.c -- where the ledger of a configuration file is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/files.h"
#include "gateway/gateway.h"

enum {
	FILE_MAX = 4 << 20
};

/* What is not set matters only to serve. */
static const char *lookup(const char *name, void *arg)
{
	const char *value = getenv(name);

	(void)arg;
	return value ? value : "";
}

static char *folder_of(const char *file, const struct yaml_doc *doc)
{
	const struct yaml_node *state = yaml_get(doc->root, "state");
	const char *slash = strrchr(file, '/');
	char *folder = slash ? span_dup(span_make(file, (size_t)(slash - file)))
			     : mem_strdup(".");
	char *state_folder = settings_resolve_path(slash == file ? "" : folder,
	    state && state->kind == YAML_SCALAR ? state->text : SPAN("state"));
	char *ledger = settings_resolve_path(state_folder, SPAN("ledger"));

	free(folder);
	free(state_folder);
	return ledger;
}

char *gateway_find_ledger(const char *config_file)
{
	struct mistakes *mistakes = mistakes_new();
	struct yaml_doc *doc = NULL;
	char *found = NULL;
	struct error err;
	struct span text;

	if (file_read(config_file, FILE_MAX, &text, &err) != OK)
		mistakes_add(mistakes, config_file, 0, 0, "%s", err.text);
	else
		doc = yaml_parse(config_file, text, mistakes);
	if (doc) {
		yaml_expand(doc, lookup, NULL, mistakes);
		found = folder_of(config_file, doc);
	}
	for (size_t i = 0; !found && i < mistakes_count(mistakes); i++)
		fprintf(stderr, "%s\n", mistakes_line(mistakes, i));
	yaml_doc_free(&doc);
	file_free(&text);
	mistakes_free(&mistakes);
	return found;
}
