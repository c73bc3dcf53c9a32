/* pull_listing.c -- what a hub says of a model: commit, licence, files. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pull/pull_listing.h"

#include <stdlib.h>

/* What is kept: paths and entries; the nodes of the JSON are dropped. */
#define KEPT_MAX ((size_t)64 << 20)
#define NODES_MAX ((size_t)256 << 20)
#define SIZE_LIMIT (INT64_C(1) << 53) /* no file is that large */

struct reader {
	struct json_doc doc;
	struct arena nodes;
	struct pull_listing *listing;
	struct error *err;
};

/* The text of a string member, NUL-terminated in <arena>; NULL: no text. */
static const char *text_of(
    struct reader *r, uint32_t object, struct span key, struct arena *arena)
{
	uint32_t node = json_find(&r->doc, object, key);
	struct span text;

	if (!json_is(&r->doc, node, JSON_STRING))
		return NULL;
	text = json_text(&r->doc, node, &r->nodes);
	if (!text.ptr || memchr(text.ptr, '\0', text.len))
		return NULL;
	return arena_copy(arena, text).ptr;
}

/* Shown on terminals: only what is fit for that. */
static const char *shown_of(struct reader *r, uint32_t object, struct span key)
{
	const char *text = text_of(r, object, key, &r->listing->arena);

	return text && strlen(text) < 200 && pull_path_is_safe(span_of(text))
		   ? text
		   : NULL;
}

/* "license" of the card, a text or a list of them; else a tag. */
static const char *find_licence(struct reader *r)
{
	uint32_t card = json_find(&r->doc, 0, SPAN("cardData"));
	const char *licence = shown_of(r, card, SPAN("license"));
	uint32_t tags = json_find(&r->doc, 0, SPAN("tags"));

	if (licence && !strcmp(licence, "other"))
		licence = shown_of(r, card, SPAN("license_name"));
	if (licence || !json_is(&r->doc, tags, JSON_ARRAY))
		return licence;
	json_for_each(&r->doc, tags, tag) {
		struct span text = json_text(&r->doc, tag, &r->nodes);

		if (span_starts_with(text, SPAN("license:")) &&
		    text.len < 200 && pull_path_is_safe(text))
			return arena_copy(&r->listing->arena,
			    span_from(text, strlen("license:")))
			    .ptr;
	}
	return NULL;
}

/* The hub writes a file's hash as 64 digits, some others "sha256:..." */
static bool read_sha(struct reader *r, uint32_t lfs, struct sha256 *sha)
{
	const char *text = text_of(r, lfs, SPAN("sha256"), &r->nodes);

	if (!text)
		text = text_of(r, lfs, SPAN("oid"), &r->nodes);
	if (text && !strncmp(text, "sha256:", 7))
		text += 7;
	return text && hash_parse_hex(span_of(text), sha);
}

static enum result read_entry(struct reader *r, uint32_t sibling)
{
	struct pull_entry *entry = &r->listing->entries[r->listing->n];
	uint32_t size = json_find(&r->doc, sibling, SPAN("size"));
	uint32_t lfs = json_find(&r->doc, sibling, SPAN("lfs"));

	entry->path =
	    text_of(r, sibling, SPAN("rfilename"), &r->listing->arena);
	entry->size = -1;
	if (!entry->path || !pull_path_is_safe(span_of(entry->path))) {
		error_set(r->err,
		    "the hub lists a file with a path that must not be "
		    "written: %s",
		    pull_shown(json_raw(&r->doc, sibling)).text);
		return FAILED;
	}
	if (size != JSON_NONE && json_type(&r->doc, size) != JSON_NULL &&
	    (!json_int(&r->doc, size, &entry->size) || entry->size < 0 ||
		entry->size >= SIZE_LIMIT)) {
		error_set(r->err, "the hub's size of %.200s is not a size",
		    entry->path);
		return FAILED;
	}
	entry->has_sha = read_sha(r, lfs, &entry->sha);
	r->listing->n++;
	return OK;
}

static enum result read_entries(struct reader *r)
{
	uint32_t siblings = json_find(&r->doc, 0, SPAN("siblings"));
	size_t n;

	if (!json_is(&r->doc, siblings, JSON_ARRAY)) {
		error_set(r->err, "the hub's answer has no list of files");
		return FAILED;
	}
	n = json_count(&r->doc, siblings);
	if (n > PULL_ENTRIES_MAX) {
		error_set(r->err,
		    "the hub lists %zu files, at most %d are read", n,
		    PULL_ENTRIES_MAX);
		return FAILED;
	}
	r->listing->entries = arena_zalloc(
	    &r->listing->arena, (n + 1) * sizeof(struct pull_entry));
	if (!r->listing->entries) {
		error_set(r->err, "the hub's list of files is too large");
		return FAILED;
	}
	json_for_each(&r->doc, siblings, sibling) {
		if (read_entry(r, sibling) != OK)
			return FAILED;
	}
	return OK;
}

static enum result read_all(struct reader *r, struct span json)
{
	struct json_fault fault;
	const char *commit;

	if (!json_parse(json, &r->nodes, &r->doc, &fault)) {
		error_set(r->err,
		    "the hub's answer is not JSON: %s at byte %zu",
		    fault.reason, fault.offset);
		return FAILED;
	}
	commit = text_of(r, 0, SPAN("sha"), &r->nodes);
	if (!commit || !pull_is_commit(span_of(commit))) {
		error_set(r->err, "the hub's answer names no commit");
		return FAILED;
	}
	memcpy(r->listing->commit, commit, PULL_COMMIT_LEN);
	r->listing->id = shown_of(r, 0, SPAN("id"));
	r->listing->licence = find_licence(r);
	return read_entries(r);
}

enum result pull_listing_read(
    struct pull_listing *listing, struct span json, struct error *err)
{
	struct reader r = {.listing = listing, .err = err};
	enum result result;

	*listing = (struct pull_listing){0};
	arena_init(&listing->arena, KEPT_MAX);
	arena_init(&r.nodes, NODES_MAX);
	result = read_all(&r, json);
	arena_free(&r.nodes);
	if (result != OK)
		pull_listing_free(listing);
	return result;
}

void pull_listing_free(struct pull_listing *listing)
{
	arena_free(&listing->arena);
	*listing = (struct pull_listing){0};
}

const struct pull_entry *pull_listing_find(
    const struct pull_listing *listing, struct span path)
{
	for (size_t i = 0; i < listing->n; i++)
		if (span_eq(span_of(listing->entries[i].path), path))
			return &listing->entries[i];
	return NULL;
}
