/* settings.h -- configuration by table: one row a setting, docs included. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include "base/buf.h"
#include "base/yaml.h"

/*
 * A section of configuration is a C struct and a table with one row for each
 * of its members: its key, type, range, default and one sentence of
 * documentation. Reading, checking, defaults and docs/configuration.md all
 * come from the row. Members that are lists or maps of their own have a row
 * of type SETTING_NESTED, for the key and the documentation; their reader is
 * the caller's.
 */
enum setting_type {
	SETTING_STRING,   /* char *, malloc'ed, NULL when absent */
	SETTING_PATH,     /* char *, made relative to the file's folder */
	SETTING_SIZE,     /* int64_t bytes: 512, 8KiB, 10MiB, 1GiB */
	SETTING_DURATION, /* int64_t ns: 500ms, 30s, 5m, 1h, 7d */
	SETTING_INT,      /* int64_t */
	SETTING_BOOL,     /* bool */
	SETTING_PRICE,    /* int64_t femto-dollars per token, from dollars per
			     million tokens; MONEY_UNPRICED when absent */
	SETTING_ENUM,     /* int64_t: index into choices */
	SETTING_NESTED,   /* nothing stored */
};

struct setting {
	const char *key;
	enum setting_type type;
	size_t offset;
	const char *fallback; /* as it would be written; NULL: absent */
	int64_t min, max;     /* of sizes, durations (ns) and ints; 0, 0: any
				 that is not negative */
	const char *const *choices; /* of an enum, NULL-terminated */
	bool is_required;
	const char *doc; /* one or two sentences */
};

struct settings {
	const char *name; /* "limits", for messages and documentation */
	const struct setting *rows;
	size_t n;
	const char *doc; /* a sentence on the section */
};

/* Where a file's values are read from and its mistakes go. */
struct settings_source {
	const char *file;
	const char *folder; /* of the file, for relative paths */
	struct mistakes *mistakes;
};

/*
 * Reads <map> (NULL: everything absent) into <target> by the table. Unknown
 * keys are mistakes with the nearest known name; every row gets its default
 * where the file is silent. What was read before a mistake stays, so that the
 * whole file is checked in one run.
 */
void settings_read(const struct settings *table,
    const struct settings_source *source, const struct yaml_node *map,
    void *target);

/* Frees the strings of <target>. */
void settings_free(const struct settings *table, void *target);

/* A number with a unit (512, 8KiB, 10MiB, 1GiB); false when ill-formed. */
bool settings_parse_size(struct span text, int64_t *bytes);

/* The section as a Markdown table. */
bool settings_write_docs(const struct settings *table, struct buf *out);

/* <path> relative to <folder> unless it is absolute; malloc'ed. */
char *settings_resolve_path(const char *folder, struct span path);

#endif
