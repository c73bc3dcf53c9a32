/* pull_name.c -- hf:owner/name[@revision][:file], and which paths are safe. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pull/pull_name.h"

#include <stdio.h>

/* Room for ".part.etag" in what file systems take as a name. */
#define PART_MAX 250

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

/* An owner or a name, as the hub has them. */
static bool is_word(struct span s)
{
	if (s.len == 0 || s.len > 96 || !is_letter(s.ptr[0]) ||
	    span_find(s, SPAN(".."), 0) != SIZE_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_letter(s.ptr[i]) && !strchr("-_.", s.ptr[i]))
			return false;
	return true;
}

static bool is_repo(struct span repo)
{
	size_t slash = span_find(repo, SPAN("/"), 0);

	return slash != SIZE_MAX && repo.len <= PULL_REPO_MAX &&
	       is_word(span_head(repo, slash)) &&
	       is_word(span_from(repo, slash + 1));
}

/* Source: git-check-ref-format(1), without what nobody uses. */
static bool is_revision(struct span s)
{
	if (s.len == 0 || s.len > PULL_REVISION_MAX || s.ptr[0] == '-' ||
	    !pull_path_is_safe(s))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_letter(s.ptr[i]) && !strchr("-_./+@=", s.ptr[i]))
			return false;
	return true;
}

static void copy(char *out, size_t size, struct span text)
{
	(void)snprintf(out, size, "%.*s", SPAN_FMT(text));
}

bool pull_name_read(struct pull_name *name, const char *text, struct error *err)
{
	struct span rest = span_from(span_of(text), strlen("hf:"));
	struct span revision = SPAN("main"), file = SPAN("");
	size_t colon = span_find(rest, SPAN(":"), 0), at;
	const char *wrong = NULL;

	if (colon != SIZE_MAX) {
		file = span_from(rest, colon + 1);
		rest = span_head(rest, colon);
	}
	at = span_find(rest, SPAN("@"), 0);
	if (at != SIZE_MAX) {
		revision = span_from(rest, at + 1);
		rest = span_head(rest, at);
	}
	if (!pull_is_name(text))
		wrong = "does not begin with \"hf:\"";
	else if (!is_repo(rest))
		wrong = "has no owner/name as the hub allows them";
	else if (!is_revision(revision))
		wrong = "has no good revision behind \"@\"";
	else if (colon != SIZE_MAX &&
		 (!pull_path_is_safe(file) || file.ptr[0] == '.'))
		wrong = "has no good path of a file behind \":\"";
	if (wrong) {
		error_set(err,
		    "\"%.200s\" %s: a name is hf:owner/name[@revision][:file]",
		    text, wrong);
		return false;
	}
	copy(name->repo, sizeof(name->repo), rest);
	copy(name->revision, sizeof(name->revision), revision);
	copy(name->file, sizeof(name->file), file);
	return true;
}

/* U+0080 to U+009F are control characters to some terminals. */
static bool is_control(const unsigned char *at, const unsigned char *end)
{
	return *at < 0x20 || *at == 0x7f ||
	       (*at == 0xc2 && at + 1 < end && at[1] < 0xa0);
}

bool pull_path_is_safe(struct span path)
{
	const unsigned char *start = (const unsigned char *)path.ptr;
	struct span rest = path, part;

	if (path.len == 0 || path.len > PULL_PATH_MAX ||
	    utf8_valid_len(path) != path.len)
		return false;
	for (size_t i = 0; i < path.len; i++)
		if (is_control(start + i, start + path.len) || start[i] == '\\')
			return false;
	while (span_split(&rest, '/', &part))
		if (part.len == 0 || part.len > PART_MAX ||
		    span_eq(part, SPAN(".")) || span_eq(part, SPAN("..")))
			return false;
	return true;
}

struct pull_shown pull_shown(struct span text)
{
	struct pull_shown shown = {{0}};

	for (size_t i = 0; i < text.len && i + 1 < sizeof(shown.text); i++) {
		char c = text.ptr[i];

		shown.text[i] = c >= ' ' && c <= '~' ? c : '?';
	}
	return shown;
}

bool pull_is_commit(struct span text)
{
	if (text.len != PULL_COMMIT_LEN)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!strchr("0123456789abcdef", text.ptr[i]) || !text.ptr[i])
			return false;
	return true;
}

bool pull_encode(struct buf *out, struct span path, bool keeps_slashes)
{
	for (size_t i = 0; i < path.len; i++) {
		char c = path.ptr[i];
		bool is_plain = is_letter(c) || (c && strchr("-_.~", c)) ||
				(c == '/' && keeps_slashes);

		if (is_plain ? !buf_append(out, span_make(&c, 1))
			     : !buf_printf(out, "%%%02X", (unsigned char)c))
			return false;
	}
	return true;
}

struct pull_size pull_size(int64_t bytes)
{
	static const char units[][3] = {"kB", "MB", "GB", "TB", "PB"};
	struct pull_size size;
	double value = (double)bytes / 1000;
	size_t unit = 0;

	if (bytes < 1000) {
		(void)snprintf(size.text, sizeof(size.text), "%lld bytes",
		    (long long)bytes);
		return size;
	}
	while (value >= 999.95 && unit < 4) {
		value /= 1000;
		unit++;
	}
	(void)snprintf(
	    size.text, sizeof(size.text), "%.1f %s", value, units[unit]);
	return size;
}
