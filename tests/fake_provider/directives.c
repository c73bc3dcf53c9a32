/* directives.c -- reads directives by their table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_provider/directives.h"

#include "net/http1.h"

enum kind {
	KIND_NUMBER,
	KIND_FLAG,
	KIND_TEXT,
};

struct row {
	const char *name;
	enum kind kind;
	size_t offset; /* in struct directives */
	int64_t least;
	int64_t most;
};

static const struct row rows[] = {
#define ROW_NUMBER(name, least, most)                                          \
	{#name, KIND_NUMBER, offsetof(struct directives, name), least, most},
#define ROW_FLAG(name)                                                         \
	{#name, KIND_FLAG, offsetof(struct directives, name), 0, 1},
#define ROW_TEXT(name)                                                         \
	{#name, KIND_TEXT, offsetof(struct directives, name), 0, 0},
    DIRECTIVES(ROW_NUMBER, ROW_FLAG, ROW_TEXT)};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

const struct directives directives_none = {
#define NONE_NUMBER(name, least, most) .name = DIRECTIVE_UNSET,
#define NONE_FLAG(name) .name = DIRECTIVE_UNSET,
#define NONE_TEXT(name) .name = {.ptr = NULL, .len = 0},
    DIRECTIVES(NONE_NUMBER, NONE_FLAG, NONE_TEXT)};

static const struct row *find_row(struct span name)
{
	/* "continue" cannot name a member of a struct in C. */
	if (span_eq(name, SPAN("continue")))
		name = SPAN("continue_first");
	for (size_t i = 0; i < N_ROWS; i++) {
		if (span_eq(name, span_of(rows[i].name)))
			return &rows[i];
	}
	return NULL;
}

static bool read_number(
    const struct row *row, struct span value, int64_t *number)
{
	uint64_t parsed;

	if (span_eq(value, SPAN("forever"))) {
		*number = DIRECTIVE_FOREVER;
		return row->most == DIRECTIVE_FOREVER;
	}
	if (!span_to_u64(value, &parsed) || parsed > INT64_MAX)
		return false;
	*number = (int64_t)parsed;
	return *number >= row->least && *number <= row->most;
}

/* "random:SEED": pieces of 1 to 16 bytes. */
static bool read_random_split(
    struct directives *directives, const struct row *row, struct span value)
{
	struct span prefix = SPAN("random:");
	uint64_t seed;

	if (row->offset != offsetof(struct directives, split) ||
	    !span_starts_with(value, prefix) ||
	    !span_to_u64(span_from(value, prefix.len), &seed))
		return false;
	directives->split = 16;
	directives->split_seed = seed + 1;
	return true;
}

static enum result read_one(
    struct directives *directives, struct span word, struct error *err)
{
	struct span value = {.ptr = NULL}, name = word;
	const struct row *row;
	size_t equals = span_find(word, SPAN("="), 0);
	void *member;
	int64_t number;

	if (equals != SIZE_MAX) {
		name = span_head(word, equals);
		value = span_from(word, equals + 1);
	}
	row = find_row(name);
	if (!row) {
		error_set(err, "there is no directive \"%.*s\"",
		    SPAN_FMT(span_head(name, 64)));
		return FAILED;
	}
	member = (char *)directives + row->offset;
	if (row->kind == KIND_FLAG && !value.ptr) {
		*(int64_t *)member = 1;
	} else if (row->kind == KIND_TEXT && value.len > 0 &&
		   http1_is_value(value)) {
		*(struct span *)member = value;
	} else if (row->kind == KIND_NUMBER &&
		   read_number(row, value, &number)) {
		*(int64_t *)member = number;
	} else if (!read_random_split(directives, row, value)) {
		error_set(err, "directive \"%s\" cannot be \"%.*s\"", row->name,
		    SPAN_FMT(span_head(value, 64)));
		return FAILED;
	}
	return OK;
}

enum result directives_read(
    struct directives *directives, struct span list, struct error *err)
{
	struct span word;

	while (list.ptr && span_split(&list, ' ', &word)) {
		word = span_trim(word);
		if (word.len > 0 && read_one(directives, word, err) != OK)
			return FAILED;
	}
	return OK;
}

static bool begins_with_directive(struct span list)
{
	struct span rest = span_trim(list), word;

	if (!span_split(&rest, ' ', &word))
		return false;
	return find_row(span_head(word, span_find(word, SPAN("="), 0))) != NULL;
}

/* Where "[[" begins at or after <from>: one byte is sought far faster. */
static size_t find_opening(struct span message, size_t from)
{
	while (from + 1 < message.len) {
		const char *bracket =
		    memchr(message.ptr + from, '[', message.len - from - 1);

		if (!bracket)
			break;
		from = (size_t)(bracket - message.ptr);
		if (bracket[1] == '[')
			return from;
		from++;
	}
	return SIZE_MAX;
}

enum result directives_find(
    struct directives *directives, struct span message, struct error *err)
{
	size_t start = find_opening(message, 0), end;

	while (start != SIZE_MAX) {
		struct span list;

		end = span_find(message, SPAN("]]"), start);
		if (end == SIZE_MAX)
			break;
		list = span_from(span_head(message, end), start + 2);
		if (begins_with_directive(list) &&
		    directives_read(directives, list, err) != OK)
			return FAILED;
		start = find_opening(message, end);
	}
	return OK;
}

void directives_keep(struct directives *directives, struct arena *arena)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		struct span *text =
		    (struct span *)((char *)directives + rows[i].offset);

		if (rows[i].kind == KIND_TEXT && text->ptr)
			*text = arena_copy(arena, *text);
	}
}
