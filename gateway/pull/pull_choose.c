/* pull_choose.c -- which of a repository's files the engine reads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pull/pull_choose.h"

#include <stdlib.h>

#define NODES_MAX ((size_t)256 << 20)

/* At the repository's root. */
static const char *const beside[] = {
    "LICENSE",
    "LICENSE.md",
    "LICENSE.txt",
    "NOTICE",
    "README.md",
    "additional_chat_templates/tool_use.jinja",
    "chat_template.jinja",
    "config.json",
    "config_sentence_transformers.json",
    "generation_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
};

static bool is_beside(const char *path)
{
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++)
		if (!strcmp(path, beside[i]))
			return true;
	return false;
}

/* "1_Pooling/config.json": a module of sentence-transformers. */
static bool is_module(const char *path)
{
	size_t digits = strspn(path, "0123456789");
	const char *slash = strchr(path, '/');

	return digits > 0 && path[digits] == '_' && slash &&
	       !strcmp(slash, "/config.json");
}

bool pull_is_gguf(const char *path)
{
	struct span tail = span_of(path);

	return tail.len >= 5 &&
	       span_eq_nocase(span_from(tail, tail.len - 5), SPAN(".gguf"));
}

/* Once, however often it is listed. */
static bool add(struct pull_choice *choice, const struct pull_entry *entry,
    struct error *err)
{
	for (size_t i = 0; i < choice->n; i++)
		if (!strcmp(choice->files[i]->path, entry->path))
			return true;
	if (choice->n == PULL_FILES_MAX) {
		error_set(err, "more than %d files to fetch", PULL_FILES_MAX);
		return false;
	}
	choice->files[choice->n++] = entry;
	return true;
}

static bool start(
    struct pull_listing *listing, struct pull_choice *choice, struct error *err)
{
	*choice = (struct pull_choice){.open = "."};
	choice->files = arena_alloc(
	    &listing->arena, PULL_FILES_MAX * sizeof(choice->files[0]));
	if (!choice->files)
		error_set(err, "the hub's list of files is too large");
	return choice->files != NULL;
}

static enum result choose_named(const struct pull_listing *listing,
    const char *file, struct pull_choice *choice, struct error *err)
{
	const struct pull_entry *entry =
	    pull_listing_find(listing, span_of(file));
	const char **known;
	const char *near;

	if (entry) {
		choice->open = entry->path;
		return add(choice, entry, err) ? OK : FAILED;
	}
	known = mem_alloc((listing->n + 1) * sizeof(known[0]));
	for (size_t i = 0; i < listing->n; i++)
		known[i] = listing->entries[i].path;
	near = mistakes_nearest(span_of(file), known, listing->n);
	error_set(err, "there is no file %.200s in it%s%.200s%s", file,
	    near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
	free(known);
	return FAILED;
}

/* No weights of ours: says what lies there instead. */
static enum result refuse(const struct pull_listing *listing, struct error *err)
{
	for (size_t i = 0; i < listing->n; i++) {
		struct span path = span_of(listing->entries[i].path);

		if (span_ends_with(path, SPAN(".bin")) ||
		    span_ends_with(path, SPAN(".pt")) ||
		    span_ends_with(path, SPAN(".pth"))) {
			error_set(err,
			    "its weights are pickled (%.100s), which is a "
			    "program and is never read: look for a repository "
			    "with .safetensors or .gguf files",
			    path.ptr);
			return FAILED;
		}
	}
	error_set(err, "it has no model.safetensors and no .gguf file");
	return FAILED;
}

enum result pull_choose(struct pull_listing *listing, const char *file,
    struct pull_choice *choice, struct error *err)
{
	const struct pull_entry *index, *single, *gguf = NULL;

	if (!start(listing, choice, err))
		return FAILED;
	if (*file)
		return choose_named(listing, file, choice, err);
	index = pull_listing_find(listing, SPAN(PULL_INDEX));
	single = pull_listing_find(listing, SPAN("model.safetensors"));
	for (size_t i = 0; i < listing->n; i++) {
		const struct pull_entry *entry = &listing->entries[i];

		if ((is_beside(entry->path) || is_module(entry->path)) &&
		    !add(choice, entry, err))
			return FAILED;
		if (pull_is_gguf(entry->path)) {
			gguf = entry;
			choice->n_gguf++;
		}
	}
	choice->has_index = index != NULL;
	if (index || single)
		return add(choice, index ? index : single, err) ? OK : FAILED;
	if (choice->n_gguf == 1) {
		choice->open = gguf->path;
		return add(choice, gguf, err) ? OK : FAILED;
	}
	if (choice->n_gguf == 0)
		return refuse(listing, err);
	error_set(err, "it has %zu .gguf files: name one", choice->n_gguf);
	return FAILED;
}

/* Adds <shard>, which many weights name. */
static bool add_shard(const struct pull_listing *listing, struct span shard,
    struct pull_choice *choice, struct error *err)
{
	const struct pull_entry *entry;

	/* Weights of one shard mostly follow one another. */
	for (size_t i = choice->n; i-- > 0;)
		if (span_eq(span_of(choice->files[i]->path), shard))
			return true;
	entry = pull_listing_find(listing, shard);
	if (!entry || !span_ends_with(shard, SPAN(".safetensors"))) {
		error_set(err,
		    PULL_INDEX
		    " names %s, which is no .safetensors file of the repository",
		    pull_shown(shard).text);
		return false;
	}
	return add(choice, entry, err);
}

static enum result read_shards(const struct pull_listing *listing,
    const struct json_doc *doc, struct pull_choice *choice, struct error *err)
{
	uint32_t map = json_find(doc, 0, SPAN("weight_map"));
	struct arena arena;
	bool is_key = true, ok = true;

	if (!json_is(doc, map, JSON_OBJECT) || json_count(doc, map) == 0) {
		error_set(err, PULL_INDEX " has no \"weight_map\"");
		return FAILED;
	}
	arena_init(&arena, NODES_MAX);
	json_for_each(doc, map, node) {
		struct span text;

		is_key = !is_key;
		if (!is_key)
			continue;
		text = json_text(doc, node, &arena);
		ok = add_shard(listing, text, choice, err);
		if (!ok)
			break;
	}
	arena_free(&arena);
	return ok ? OK : FAILED;
}

enum result pull_choose_shards(struct pull_listing *listing, struct span index,
    struct pull_choice *choice, struct error *err)
{
	struct arena nodes;
	struct json_doc doc;
	struct json_fault fault;
	enum result result = FAILED;

	choice->n = 0;
	arena_init(&nodes, NODES_MAX);
	if (!json_parse(index, &nodes, &doc, &fault))
		error_set(err, PULL_INDEX " is not JSON: %s at byte %zu",
		    fault.reason, fault.offset);
	else
		result = read_shards(listing, &doc, choice, err);
	arena_free(&nodes);
	return result;
}
