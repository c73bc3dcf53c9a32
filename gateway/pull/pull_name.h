/* pull_name.h -- hf:owner/name[@revision][:file], and which paths are safe. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PULL_PULL_NAME_H
#define GATEWAY_PULL_PULL_NAME_H

#include "base/base.h"

#define PULL_REPO_MAX 192     /* owner/name */
#define PULL_REVISION_MAX 200 /* a branch, a tag, a commit */
#define PULL_PATH_MAX 1024    /* of a file, below its repository */

/* A commit's name: hexadecimal digits. */
#define PULL_COMMIT_LEN 40

/* Whether <text> means a hub's model and not a path. */
static inline bool pull_is_name(const char *text)
{
	return span_starts_with(span_of(text), SPAN("hf:"));
}

struct pull_name {
	char repo[PULL_REPO_MAX + 1]; /* owner/name */
	char revision[PULL_REVISION_MAX + 1];
	char file[PULL_PATH_MAX + 1]; /* empty: what the engine reads */
};

/* False with what is wrong, and the form, in <err>. */
bool pull_name_read(
    struct pull_name *name, const char *text, struct error *err) must_check;

/*
 * Whether <path>, which somebody else has chosen, stays below the folder that
 * it is put in, and is fit to be shown: relative, no part "." or ".." or empty
 * or over 250 bytes, UTF-8 without control characters or backslashes.
 */
bool pull_path_is_safe(struct span path);

/* <text> as a message may show it: printable ASCII, cut, "?" for the rest. */
struct pull_shown {
	char text[121];
};
struct pull_shown pull_shown(struct span text);

/* 40 hexadecimal digits in lower case. */
bool pull_is_commit(struct span text);

/*
 * Appends <path> with what has no place in a URL's path as %XX; slashes stay
 * where <keeps_slashes>. False past the buffer's maximum.
 */
bool pull_encode(
    struct buf *out, struct span path, bool keeps_slashes) must_check;

/* "269.1 MB", decimal units, for people. */
struct pull_size {
	char text[40];
};
struct pull_size pull_size(int64_t bytes);

#endif
