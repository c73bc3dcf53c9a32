/* load_steps.c -- lists of steps in JSON, and what several steps have. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer/load.h"

#include <stdio.h>

/* --- walking -------------------------------------------------------------- */

#define NESTING_MAX 8

struct level {
	uint32_t list, item;
	size_t index;
};

static void name_path(struct reader *r, const struct walk *walk,
    const struct level *levels, size_t depth)
{
	char path[PATH_MAX_LEN];
	size_t len;

	snprintf(path, sizeof(path), "%s", walk->name);
	for (size_t i = 0; i < depth; i++) {
		len = strlen(path);
		snprintf(path + len, sizeof(path) - len, ".%s[%zu]", walk->list,
		    levels[i].index);
	}
	reader_at(r, "%s", path);
}

static void advance(struct reader *r, struct level *level)
{
	level->item = json_after(r->doc, level->list, level->item);
	level->index++;
}

enum result load_steps(struct reader *r, const struct walk *walk)
{
	struct level levels[NESTING_MAX];
	uint32_t node = walk->root;
	size_t depth = 0;

	while (node != JSON_NONE) {
		name_path(r, walk, levels, depth);
		if (!json_is(r->doc, node, JSON_OBJECT))
			return reader_fail(r, "", "must be an object");
		if (reader_is_type(r, node, "Sequence")) {
			uint32_t list = reader_find(r, node, walk->list);

			if (!json_is(r->doc, list, JSON_ARRAY))
				return reader_fail(
				    r, walk->list, "must be a list");
			if (depth == NESTING_MAX)
				return reader_fail(
				    r, "", "sequences nest too deep");
			levels[depth++] =
			    (struct level){list, json_first(r->doc, list), 0};
		} else {
			if (walk->read(r, node) == FAILED)
				return FAILED;
			if (depth == 0)
				return OK;
			advance(r, &levels[depth - 1]);
		}
		while (depth > 0 && levels[depth - 1].item == JSON_NONE) {
			if (--depth > 0)
				advance(r, &levels[depth - 1]);
		}
		node = depth > 0 ? levels[depth - 1].item : JSON_NONE;
	}
	return OK;
}

/* --- what several steps have ---------------------------------------------- */

enum result load_pattern(
    struct reader *r, uint32_t step, struct pattern *pattern)
{
	uint32_t node = reader_find(r, step, "pattern");
	uint32_t text = reader_find(r, node, "String");
	uint32_t regex = reader_find(r, node, "Regex");
	struct error why;

	if (json_is(r->doc, text, JSON_STRING)) {
		pattern->text = reader_keep(r, text);
		pattern->kind = PATTERN_TEXT;
		if (pattern->text.len == 0)
			return reader_fail(r, "pattern", "is empty");
		return OK;
	}
	if (!json_is(r->doc, regex, JSON_STRING))
		return reader_fail(r, "pattern",
		    "must be {\"String\": ...} or {\"Regex\": ...}");
	if (pattern_from_regex(pattern, reader_keep(r, regex), &why) == FAILED)
		return reader_fail(r, "pattern", "%s", why.text);
	return OK;
}

enum result load_unsupported(struct reader *r, uint32_t step)
{
	struct span type = SPAN("");

	if (reader_text(r, step, "type", &type) == FAILED)
		return FAILED;
	return reader_fail(r, "", "type \"%.*s\" is not supported",
	    SPAN_FMT(span_head(type, 64)));
}

enum result load_too_many(struct reader *r)
{
	return reader_fail(r, "", "more than %d steps", STEPS_MAX);
}

enum result load_char(
    struct reader *r, uint32_t step, const char *key, struct span *out)
{
	size_t len = 0;

	if (reader_text(r, step, key, out) == FAILED)
		return FAILED;
	if (out->len > 0)
		unicode_next(out->ptr, &len);
	if (len > 0 && len == out->len)
		return OK;
	return reader_fail(r, key, "must be one character");
}

enum result load_prepend(
    struct reader *r, uint32_t step, enum split_prepend *prepend)
{
	struct span scheme = SPAN("always");
	bool has_prefix = true;

	if (reader_text_or(r, step, "prepend_scheme", &scheme) == FAILED ||
	    reader_bool_or(r, step, "add_prefix_space", &has_prefix) == FAILED)
		return FAILED;
	if (span_eq(scheme, SPAN("always")))
		*prepend = PREPEND_ALWAYS;
	else if (span_eq(scheme, SPAN("first")))
		*prepend = PREPEND_FIRST;
	else if (span_eq(scheme, SPAN("never")))
		*prepend = PREPEND_NEVER;
	else
		return reader_fail(r, "prepend_scheme",
		    "must be \"always\", \"first\" or \"never\"");
	if (has_prefix || *prepend == PREPEND_NEVER)
		return OK;
	return reader_fail(
	    r, "add_prefix_space", "does not go with prepend_scheme");
}
