/* pattern.c -- finds texts, classes and regular expressions. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer/pattern.h"

#include <assert.h>
#include <oniguruma.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"
#include "local/tokenizer/unicode.h"

#define EXPRESSION_MAX 4096
#define RETRIES_MAX 10000000         /* Oniguruma's default, in one match */
#define SEARCH_RETRIES_MAX 100000000 /* over one search */
#define STACK_MAX 1000000            /* entries for backtracking */

void match_list_free(struct match_list *list)
{
	free(list->items);
	*list = (struct match_list){0};
}

void match_list_add(
    struct match_list *list, size_t start, size_t end, bool is_match)
{
	if (list->len == list->cap) {
		list->cap = list->cap ? list->cap * 2 : 64;
		list->items =
		    mem_realloc(list->items, list->cap * sizeof(*list->items));
	}
	list->items[list->len++] = (struct match){
	    .start = (uint32_t)start,
	    .end = (uint32_t)end,
	    .is_match = is_match,
	};
}

struct pattern pattern_known(const char *name)
{
	struct pattern pattern = {
	    .kind = PATTERN_SCAN,
	    .rules = scan_by_name(name),
	};

	assert(pattern.rules);
	return pattern;
}

/* Oniguruma's compiler keeps state that is shared between threads. */
static pthread_mutex_t compiler = PTHREAD_MUTEX_INITIALIZER;

static enum result compile(
    struct span expression, OnigRegex *regex, struct error *err)
{
	OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
	const OnigUChar *start = (const OnigUChar *)expression.ptr;
	OnigUChar reason[ONIG_MAX_ERROR_MESSAGE_LEN];
	OnigErrorInfo info = {0};
	int code;

	pthread_mutex_lock(&compiler);
	code = onig_initialize(encodings, 1);
	if (code == ONIG_NORMAL)
		code = onig_new(regex, start, start + expression.len,
		    ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_ONIGURUMA,
		    &info);
	if (code != ONIG_NORMAL)
		onig_error_code_to_str(reason, code, &info);
	pthread_mutex_unlock(&compiler);
	if (code == ONIG_NORMAL)
		return OK;
	error_set(err, "not a regular expression: %s", (char *)reason);
	return FAILED;
}

enum result pattern_from_regex(
    struct pattern *pattern, struct span expression, struct error *err)
{
	OnigRegex regex = NULL;

	*pattern = (struct pattern){.rules = scan_find(expression)};
	if (pattern->rules) {
		pattern->kind = PATTERN_SCAN;
		return OK;
	}
	if (expression.len > EXPRESSION_MAX) {
		error_set(err, "a regular expression of %zu bytes, at most %d",
		    expression.len, EXPRESSION_MAX);
		return FAILED;
	}
	if (compile(expression, &regex, err) == FAILED)
		return FAILED;
	pattern->kind = PATTERN_REGEX;
	pattern->regex = regex;
	return OK;
}

void pattern_free(struct pattern *pattern)
{
	if (pattern->regex)
		onig_free(pattern->regex);
	*pattern = (struct pattern){0};
}

/* --- finding -------------------------------------------------------------- */

/* A part without a match up to <start>, then the match. */
static size_t add_match(
    struct match_list *list, size_t last, size_t start, size_t end)
{
	if (last != start)
		match_list_add(list, last, start, false);
	match_list_add(list, start, end, true);
	return end;
}

static size_t find_text(
    struct span needle, struct span text, struct match_list *list)
{
	size_t last = 0, at;

	while ((at = span_find(text, needle, last)) != SIZE_MAX)
		last = add_match(list, last, at, at + needle.len);
	return last;
}

static size_t find_class(
    unsigned flags, struct span text, struct match_list *list)
{
	size_t last = 0, len;

	for (size_t i = 0; i < text.len; i += len) {
		uint32_t c = unicode_next(text.ptr + i, &len);

		if (unicode_properties(c) & flags)
			last = add_match(list, last, i, i + len);
	}
	return last;
}

static size_t find_scan(
    const struct scan_rules *rules, struct span text, struct match_list *list)
{
	size_t last = 0, i = 0;

	while (i < text.len) {
		size_t len = scan_match(rules, span_from(text, i));

		if (len == 0)
			unicode_next(text.ptr + i, &len);
		else
			last = add_match(list, last, i, i + len);
		i += len;
	}
	return last;
}

struct search {
	OnigRegex regex;
	OnigRegion *region;
	OnigMatchParam *limits;
	struct match_list *list;
};

/*
 * All matches from left to right. An empty match is not taken where the last
 * match ended: the search then goes on one character later.
 */
static size_t find_regex(struct search *s, struct span text, struct error *err)
{
	const OnigUChar *start = (const OnigUChar *)text.ptr;
	const OnigUChar *end = start + text.len;
	size_t last = 0, from = 0, last_end = SIZE_MAX, len;

	while (from <= text.len) {
		int code = onig_search_with_param(s->regex, start, end,
		    start + from, end, s->region, ONIG_OPTION_NONE, s->limits);
		size_t match_start, match_end;

		if (code == ONIG_MISMATCH)
			break;
		if (code < 0) {
			error_set(err, "a regular expression of this "
				       "tokenizer takes too long on the text");
			return SIZE_MAX;
		}
		match_start = (size_t)s->region->beg[0];
		match_end = (size_t)s->region->end[0];
		if (match_start < last || match_end < match_start) {
			error_set(err, "a regular expression of this "
				       "tokenizer matches out of order");
			return SIZE_MAX;
		}
		if (match_start == match_end && match_end == last_end) {
			len = 1;
			if (from < text.len)
				unicode_next(text.ptr + from, &len);
			from += len;
			continue;
		}
		from = last_end = match_end;
		last = add_match(s->list, last, match_start, match_end);
	}
	return last;
}

static size_t run_regex(const struct pattern *pattern, struct span text,
    struct match_list *list, struct error *err)
{
	struct search s = {
	    .regex = pattern->regex,
	    .region = onig_region_new(),
	    .limits = onig_new_match_param(),
	    .list = list,
	};
	size_t last = SIZE_MAX;

	if (!s.region || !s.limits) {
		error_set(err, "no memory for a regular expression");
		goto out;
	}
	onig_initialize_match_param(s.limits);
	onig_set_retry_limit_in_match_of_match_param(s.limits, RETRIES_MAX);
	onig_set_retry_limit_in_search_of_match_param(
	    s.limits, SEARCH_RETRIES_MAX);
	onig_set_match_stack_limit_size_of_match_param(s.limits, STACK_MAX);
	last = find_regex(&s, text, err);
out:
	if (s.region)
		onig_region_free(s.region, 1);
	if (s.limits)
		onig_free_match_param(s.limits);
	return last;
}

enum result pattern_find(const struct pattern *pattern, struct span text,
    struct match_list *list, struct error *err)
{
	size_t last = 0;

	list->len = 0;
	if (text.len == 0)
		return OK;
	switch (pattern->kind) {
	case PATTERN_NONE:
		break;
	case PATTERN_TEXT:
		last = find_text(pattern->text, text, list);
		break;
	case PATTERN_CLASS:
		last = find_class(pattern->flags, text, list);
		break;
	case PATTERN_SCAN:
		last = find_scan(pattern->rules, text, list);
		break;
	case PATTERN_REGEX:
		last = run_regex(pattern, text, list, err);
		if (last == SIZE_MAX)
			return FAILED;
		break;
	}
	if (last != text.len)
		match_list_add(list, last, text.len, false);
	return OK;
}
