/* find_ledger.c -- where the ledger of a configuration file is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/files.h"
#include "gateway/gateway.h"

enum {
	FILE_MAX = 4 << 20
};

/*
 * The text of `state`. What is not set elsewhere in the file matters only to
 * serve; a variable that lacks here leaves the text as it stands.
 */
static bool read_state(
    struct yaml_doc *doc, struct mistakes *mistakes, struct span *text)
{
	const struct yaml_node *state = yaml_get(doc->root, "state");
	size_t before = mistakes_count(mistakes);
	struct span written;

	*text = SPAN("state");
	if (state && state->kind != YAML_SCALAR) {
		mistakes_add(mistakes, doc->file, state->line, state->column,
		    "\"state\" must be a single value");
		return false;
	}
	written = state ? state->text : SPAN("");
	yaml_expand(doc, config_environment, NULL, mistakes);
	if (!state)
		return true;
	*text = state->text;
	return mistakes_count(mistakes) == before || !span_eq(*text, written) ||
	       span_find(written, SPAN("${"), 0) == SIZE_MAX;
}

static char *folder_of(const char *file, struct span state)
{
	const char *slash = strrchr(file, '/');
	char *folder = slash ? span_dup(span_make(file, (size_t)(slash - file)))
			     : mem_strdup(".");
	char *state_folder =
	    settings_resolve_path(slash == file ? "" : folder, state);
	char *ledger = settings_resolve_path(state_folder, SPAN("ledger"));

	free(folder);
	free(state_folder);
	return ledger;
}

char *gateway_projection_path(const char *ledger_folder)
{
	const char *slash = strrchr(ledger_folder, '/');
	struct span state =
	    slash ? span_make(ledger_folder, (size_t)(slash - ledger_folder))
		  : SPAN(".");
	char *folder = span_dup(state);
	char *path = settings_resolve_path(folder, SPAN("projection.sqlite"));

	free(folder);
	return path;
}

char *gateway_find_ledger(const char *config_file)
{
	struct mistakes *mistakes = mistakes_new();
	struct yaml_doc *doc = NULL;
	char *found = NULL;
	struct error err;
	struct span text, state;

	if (file_read(config_file, FILE_MAX, &text, &err) != OK)
		mistakes_add(mistakes, config_file, 0, 0, "%s", err.text);
	else
		doc = yaml_parse(config_file, text, mistakes);
	if (doc && read_state(doc, mistakes, &state))
		found = folder_of(config_file, state);
	for (size_t i = 0; !found && i < mistakes_count(mistakes); i++)
		fprintf(stderr, "%s\n", mistakes_line(mistakes, i));
	yaml_doc_free(&doc);
	file_free(&text);
	mistakes_free(&mistakes);
	return found;
}
