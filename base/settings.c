/* settings.c -- configuration by table: one row a setting, docs included. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/settings.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/money.h"

enum {
	KEYS_MAX = 64
};

static void complain(const struct settings_source *source,
    const struct yaml_node *at, const struct setting *row, const char *expected)
{
	mistakes_add(source->mistakes, source->file, at->line, at->column,
	    "\"%s\" must be %s, got \"%.*s\"", row->key, expected,
	    SPAN_FMT(span_head(at->text, 60)));
}

bool settings_parse_size(struct span text, int64_t *bytes)
{
	static const struct {
		struct span suffix;
		unsigned shift;
	} units[] = {{SPAN("KiB"), 10}, {SPAN("MiB"), 20}, {SPAN("GiB"), 30},
	    {SPAN("TiB"), 40}, {SPAN("B"), 0}};
	unsigned shift = 0;
	uint64_t n;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!span_ends_with(text, units[i].suffix))
			continue;
		shift = units[i].shift;
		text = span_head(text, text.len - units[i].suffix.len);
		break;
	}
	if (!span_to_u64(text, &n) || n > (uint64_t)(INT64_MAX >> shift))
		return false;
	*bytes = (int64_t)(n << shift);
	return true;
}

char *settings_resolve_path(const char *folder, struct span path)
{
	size_t folder_len = strlen(folder);
	char *joined;

	if (path.len > 0 && path.ptr[0] == '/')
		return span_dup(path);
	while (span_starts_with(path, SPAN("./")))
		path = span_from(path, 2);
	joined = mem_alloc(folder_len + path.len + 2);
	memcpy(joined, folder, folder_len);
	joined[folder_len] = '/';
	if (path.len > 0)
		memcpy(joined + folder_len + 1, path.ptr, path.len);
	joined[folder_len + 1 + path.len] = '\0';
	return joined;
}

static bool is_text(enum setting_type type)
{
	return type == SETTING_STRING || type == SETTING_PATH;
}

/* A default is text in the same notation as the file's values. */
static struct yaml_node default_node(const struct setting *row)
{
	return (struct yaml_node){
	    .kind = YAML_SCALAR,
	    .text = span_of(row->fallback),
	};
}

static bool in_range(const struct setting *row, int64_t value)
{
	if (row->min == 0 && row->max == 0)
		return value >= 0;
	return value >= row->min && value <= row->max;
}

static void read_int(const struct setting *row,
    const struct settings_source *source, const struct yaml_node *value,
    int64_t *target)
{
	static const char *const what[] = {
	    [SETTING_SIZE] = "a size such as 512, 8KiB, 10MiB",
	    [SETTING_DURATION] = "a duration such as 500ms, 30s, 5m, 1h",
	    [SETTING_INT] = "a whole number",
	};
	uint64_t n = 0;
	int64_t parsed = 0;
	bool ok;

	if (row->type == SETTING_SIZE) {
		ok = settings_parse_size(value->text, &parsed);
	} else if (row->type == SETTING_DURATION) {
		ok = clock_parse_duration(value->text, &parsed);
	} else {
		ok = span_to_u64(value->text, &n) && n <= INT64_MAX;
		parsed = (int64_t)n;
	}
	if (!ok) {
		complain(source, value, row, what[row->type]);
		return;
	}
	if (!in_range(row, parsed)) {
		int64_t unit = row->type == SETTING_DURATION ? NS_PER_MS : 1;

		mistakes_add(source->mistakes, source->file, value->line,
		    value->column, "\"%s\" must be %lld to %lld%s, got %.*s",
		    row->key, (long long)(row->min / unit),
		    (long long)(row->max / unit),
		    row->type == SETTING_DURATION ? " ms"
		    : row->type == SETTING_SIZE   ? " bytes"
						  : "",
		    SPAN_FMT(value->text));
		return;
	}
	*target = parsed;
}

static void read_enum(const struct setting *row,
    const struct settings_source *source, const struct yaml_node *value,
    int64_t *target)
{
	char known[256];
	size_t len = 0;
	size_t n = 0;

	known[0] = '\0';
	for (; row->choices[n]; n++) {
		size_t left = sizeof(known) - len;
		int wrote;

		if (span_eq(value->text, span_of(row->choices[n]))) {
			*target = (int64_t)n;
			return;
		}
		wrote = snprintf(
		    known + len, left, "%s%s", n ? ", " : "", row->choices[n]);
		if (wrote > 0 && (size_t)wrote < left)
			len += (size_t)wrote;
	}
	const char *near = mistakes_nearest(value->text, row->choices, n);

	mistakes_add(source->mistakes, source->file, value->line, value->column,
	    "\"%s\" must be one of %s, got \"%.*s\"%s%s%s", row->key, known,
	    SPAN_FMT(span_head(value->text, 60)),
	    near ? "; did you mean \"" : "", near ? near : "",
	    near ? "\"?" : "");
}

static void read_bool(const struct setting *row,
    const struct settings_source *source, const struct yaml_node *value,
    bool *target)
{
	if (span_eq(value->text, SPAN("true")))
		*target = true;
	else if (span_eq(value->text, SPAN("false")))
		*target = false;
	else
		complain(source, value, row, "true or false");
}

static void read_price(const struct setting *row,
    const struct settings_source *source, const struct yaml_node *value,
    int64_t *target)
{
	struct error err;

	if (money_parse_price(value->text, target, &err) != OK)
		mistakes_add(source->mistakes, source->file, value->line,
		    value->column, "\"%s\": %s", row->key, err.text);
}

static void read_value(const struct setting *row,
    const struct settings_source *source, const struct yaml_node *value,
    void *target)
{
	void *at = (char *)target + row->offset;

	if (value->kind != YAML_SCALAR) {
		mistakes_add(source->mistakes, source->file, value->line,
		    value->column, "\"%s\" must be a single value, got a %s",
		    row->key, value->kind == YAML_LIST ? "list" : "map");
		return;
	}
	if (row->is_required && value->text.len == 0) {
		mistakes_add(source->mistakes, source->file, value->line,
		    value->column, "\"%s\" must not be empty", row->key);
		return;
	}
	switch (row->type) {
	case SETTING_STRING:
		*(char **)at = span_dup(value->text);
		break;
	case SETTING_PATH:
		*(char **)at =
		    settings_resolve_path(source->folder, value->text);
		break;
	case SETTING_SIZE:
	case SETTING_DURATION:
	case SETTING_INT:
		read_int(row, source, value, at);
		break;
	case SETTING_BOOL:
		read_bool(row, source, value, at);
		break;
	case SETTING_PRICE:
		read_price(row, source, value, at);
		break;
	case SETTING_ENUM:
		read_enum(row, source, value, at);
		break;
	case SETTING_NESTED:
		break;
	}
}

static const struct setting *find_row(
    const struct settings *table, struct span key)
{
	for (size_t i = 0; i < table->n; i++)
		if (span_eq(key, span_of(table->rows[i].key)))
			return &table->rows[i];
	return NULL;
}

static void refuse_unknown_keys(const struct settings *table,
    const struct settings_source *source, const struct yaml_node *map)
{
	const char *known[KEYS_MAX];
	size_t n = table->n < KEYS_MAX ? table->n : KEYS_MAX;

	for (size_t i = 0; i < n; i++)
		known[i] = table->rows[i].key;
	for (size_t i = 0; i < map->count; i++) {
		const struct yaml_node *key = map->keys[i];
		const char *near;

		if (find_row(table, key->text))
			continue;
		near = mistakes_nearest(key->text, known, n);
		mistakes_add(source->mistakes, source->file, key->line,
		    key->column, "unknown key \"%.*s\" in %s%s%s%s",
		    SPAN_FMT(span_head(key->text, 60)), table->name,
		    near ? "; did you mean \"" : "", near ? near : "",
		    near ? "\"?" : "");
	}
}

void settings_read(const struct settings *table,
    const struct settings_source *source, const struct yaml_node *map,
    void *target)
{
	if (map && map->kind != YAML_MAP) {
		mistakes_add(source->mistakes, source->file, map->line,
		    map->column, "%s must be a map of settings", table->name);
		map = NULL;
	}
	if (map)
		refuse_unknown_keys(table, source, map);
	for (size_t i = 0; i < table->n; i++) {
		const struct setting *row = &table->rows[i];
		const struct yaml_node *value;

		if (row->type == SETTING_PRICE)
			*(int64_t *)(void *)((char *)target + row->offset) =
			    MONEY_UNPRICED;
		value = map ? yaml_get(map, row->key) : NULL;
		/* A bad value leaves the default; text is replaced whole. */
		if (row->fallback && (!value || !is_text(row->type) ||
					 value->kind != YAML_SCALAR)) {
			struct yaml_node node = default_node(row);

			read_value(row, source, &node, target);
		}
		if (value && row->type != SETTING_NESTED)
			read_value(row, source, value, target);
		if (!value && row->is_required && map)
			mistakes_add(source->mistakes, source->file, map->line,
			    map->column, "\"%s\" is missing in %s", row->key,
			    table->name);
	}
}

void settings_free(const struct settings *table, void *target)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct setting *row = &table->rows[i];
		char **at;

		if (!is_text(row->type))
			continue;
		at = (char **)(void *)((char *)target + row->offset);
		free(*at);
		*at = NULL;
	}
}

bool settings_write_docs(const struct settings *table, struct buf *out)
{
	static const char *const types[] = {
	    [SETTING_STRING] = "text",
	    [SETTING_PATH] = "path",
	    [SETTING_SIZE] = "size",
	    [SETTING_DURATION] = "duration",
	    [SETTING_INT] = "number",
	    [SETTING_BOOL] = "true or false",
	    [SETTING_PRICE] = "dollars per million tokens",
	    [SETTING_ENUM] = "choice",
	    [SETTING_NESTED] = "section",
	};

	if (!buf_printf(out,
		"## %s\n\n%s\n\n| key | type | default | what it "
		"does |\n|---|---|---|---|\n",
		table->name, table->doc))
		return false;
	for (size_t i = 0; i < table->n; i++) {
		const struct setting *row = &table->rows[i];

		if (!buf_printf(out, "| `%s` | %s", row->key, types[row->type]))
			return false;
		for (size_t c = 0; row->choices && row->choices[c]; c++)
			if (!buf_printf(
				out, "%s `%s`", c ? "," : ":", row->choices[c]))
				return false;
		if (!buf_printf(out, " | %s%s%s | %s |\n",
			row->fallback ? "`" : "",
			row->fallback      ? row->fallback
			: row->is_required ? "required"
					   : "",
			row->fallback ? "`" : "", row->doc))
			return false;
	}
	return buf_append(out, SPAN("\n"));
}
