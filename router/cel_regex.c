/* cel_regex.c -- patterns in RE2's syntax, matched by PCRE2 within bounds. */
/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "router/cel.h"

#include <pcre2.h>
#include <stdarg.h>
#include <stdio.h>

/*
 * A pattern means the same here and in RE2, or it is refused: the operator may
 * move a policy to Envoy or back. PCRE2 has more, and the more is what can
 * take exponential time or depend on an engine.
 */
struct cel_regex {
	pcre2_code *code;
	pcre2_match_context *limits;
};

/* The most that RE2 takes in a{n}. */
#define REPEAT_MAX 1000

/* --- what RE2 has not --------------------------------------------------- */

static bool refuse(struct cel_regex_fault *fault, size_t at, const char *fmt,
    ...) printf_like(3, 4);

/* Always false. */
static bool refuse(
    struct cel_regex_fault *fault, size_t at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(fault->reason, sizeof(fault->reason), fmt, args);
	va_end(args);
	fault->at = at;
	return false;
}

static char peek(struct span s, size_t i)
{
	return i < s.len ? s.ptr[i] : '\0';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alphanumeric(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* An escape at <i>; moves <i> behind it. */
static bool check_escape(
    struct span s, size_t *i, struct cel_regex_fault *fault)
{
	static const char known[] = "AbBdDsSwWpPaftnrvx0Q";
	char c = peek(s, *i + 1);
	size_t end;

	if (c >= '1' && c <= '9')
		return refuse(fault, *i,
		    "back references like \\%c are not supported", c);
	if (c == 'z' || c == 'Z')
		return refuse(fault, *i,
		    "\\%c is not supported; write $ for the text's end", c);
	if (is_alphanumeric(c) && !strchr(known, c))
		return refuse(fault, *i, "\\%c is not supported", c);
	*i += 2;
	if (c == 'Q') {
		end = span_find(s, SPAN("\\E"), *i);
		*i = end == SIZE_MAX ? s.len : end + 2;
	}
	return true;
}

/* A bracket expression at <i>; moves <i> behind it. */
static bool check_class(struct span s, size_t *i, struct cel_regex_fault *fault)
{
	(*i)++;
	if (peek(s, *i) == '^')
		(*i)++;
	if (peek(s, *i) == ']')
		(*i)++;
	while (*i < s.len && s.ptr[*i] != ']') {
		if (s.ptr[*i] == '\\') {
			if (!check_escape(s, i, fault))
				return false;
		} else if (s.ptr[*i] == '[' && peek(s, *i + 1) == ':') {
			size_t end = span_find(s, SPAN(":]"), *i + 2);

			*i = end == SIZE_MAX ? *i + 1 : end + 2;
		} else {
			(*i)++;
		}
	}
	if (*i < s.len)
		(*i)++;
	return true;
}

/* "(?" at <i>: flags, a name or a plain group; moves <i> behind its head. */
static bool check_group(struct span s, size_t *i, struct cel_regex_fault *fault)
{
	struct span rest = span_from(s, *i + 2);
	size_t n = 0;

	if (span_starts_with(rest, SPAN("=")) ||
	    span_starts_with(rest, SPAN("!")) ||
	    span_starts_with(rest, SPAN("<=")) ||
	    span_starts_with(rest, SPAN("<!")))
		return refuse(fault, *i, "look-around is not supported");
	if (span_starts_with(rest, SPAN("P<"))) {
		*i += 4;
		return true;
	}
	if (span_starts_with(rest, SPAN("<"))) {
		*i += 3;
		return true;
	}
	while (n < rest.len && strchr("imsU-", rest.ptr[n]))
		n++;
	if (peek(rest, n) != ')' && peek(rest, n) != ':')
		return refuse(fault, *i,
		    "this kind of group is not supported; those that are: "
		    "(...), (?:...), (?P<name>...), (?i), (?i:...)");
	*i += 2 + n + 1;
	return true;
}

/* {n}, {n,} or {n,m} at <i>: its end, or <i> when it is only a brace. */
static size_t braces_end(struct span s, size_t i, unsigned *most)
{
	size_t at = i + 1;
	unsigned value = 0;

	*most = 0;
	if (!is_digit(peek(s, at)))
		return i;
	while (is_digit(peek(s, at)) || peek(s, at) == ',') {
		char c = s.ptr[at++];

		value = c == ',' ? 0 : value * 10 + (unsigned)(c - '0');
		if (value > REPEAT_MAX)
			value = REPEAT_MAX + 1;
		if (value > *most)
			*most = value;
	}
	return peek(s, at) == '}' ? at + 1 : i;
}

/* A quantifier at <i>; moves <i> behind it and its "?". */
static bool check_quantifier(
    struct span s, size_t *i, struct cel_regex_fault *fault)
{
	size_t start = *i;
	unsigned most = 0;

	if (s.ptr[*i] == '{') {
		size_t end = braces_end(s, *i, &most);

		if (end == *i) {
			(*i)++;
			return true;
		}
		*i = end;
	} else {
		(*i)++;
	}
	if (most > REPEAT_MAX)
		return refuse(
		    fault, start, "at most %d repetitions", REPEAT_MAX);
	if (peek(s, *i) == '+')
		return refuse(
		    fault, *i, "possessive repetition is not supported");
	if (peek(s, *i) == '?')
		(*i)++;
	return true;
}

static bool check_syntax(struct span s, struct cel_regex_fault *fault)
{
	size_t i = 0;
	bool ok = true;

	while (ok && i < s.len) {
		switch (s.ptr[i]) {
		case '\\':
			ok = check_escape(s, &i, fault);
			break;
		case '[':
			ok = check_class(s, &i, fault);
			break;
		case '(':
			if (peek(s, i + 1) == '*')
				return refuse(fault, i,
				    "verbs like (*...) are not supported");
			if (peek(s, i + 1) == '?')
				ok = check_group(s, &i, fault);
			else
				i++;
			break;
		case '*':
		case '+':
		case '?':
		case '{':
			ok = check_quantifier(s, &i, fault);
			break;
		default:
			i++;
			break;
		}
	}
	return ok;
}

/* --- compiling ---------------------------------------------------------- */

static pcre2_code *compile(struct span pattern, struct cel_regex_fault *fault)
{
	/* As RE2: "." stops at LF, "$" is the very end, classes are ASCII. */
	uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF |
			   PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C |
			   PCRE2_NO_AUTO_CAPTURE;
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	pcre2_code *code = NULL;
	PCRE2_SIZE at = 0;
	int status = PCRE2_ERROR_NOMEMORY;

	if (context) {
		pcre2_set_newline(context, PCRE2_NEWLINE_LF);
		pcre2_set_parens_nest_limit(context, CEL_DEPTH_MAX);
		code = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len,
		    options, &status, &at, context);
		pcre2_compile_context_free(context);
	}
	if (!code) {
		PCRE2_UCHAR reason[120] = "";

		pcre2_get_error_message(status, reason, sizeof(reason));
		refuse(fault, at, "%s", (const char *)reason);
	}
	return code;
}

struct cel_regex *cel_regex_new(
    struct span pattern, struct cel_regex_fault *fault)
{
	struct cel_regex *regex;
	pcre2_code *code;

	if (!check_syntax(pattern, fault))
		return NULL;
	code = compile(pattern, fault);
	if (!code)
		return NULL;
	/* Where the system forbids it the interpreter serves as well. */
	(void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	regex = mem_new(struct cel_regex);
	regex->code = code;
	regex->limits = pcre2_match_context_create(NULL);
	if (!regex->limits) {
		refuse(fault, 0, "out of memory");
		cel_regex_free(&regex);
		return NULL;
	}
	pcre2_set_match_limit(regex->limits, CEL_MATCH_STEPS);
	pcre2_set_depth_limit(regex->limits, CEL_MATCH_STEPS);
	pcre2_set_heap_limit(regex->limits, 1024);
	return regex;
}

void cel_regex_free(struct cel_regex **regex)
{
	if (!*regex)
		return;
	pcre2_match_context_free((*regex)->limits);
	pcre2_code_free((*regex)->code);
	free(*regex);
	*regex = NULL;
}

/* --- matching ----------------------------------------------------------- */

#define WINDOW ((size_t)8192)
#define OVERLAP ((size_t)1024)

/* PCRE2's memory for one match: the arena's, which nobody gives back. */
static void *take(size_t len, void *arena)
{
	return arena_alloc(arena, len);
}

static void keep(void *ptr, void *arena)
{
	(void)ptr;
	(void)arena;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/*
 * The end of a window that begins at <from>: behind a blank where there is one
 * in its last kilobyte, so that no word is cut, else between two characters.
 */
static size_t window_end(struct span text, size_t from)
{
	size_t end = from + WINDOW;
	size_t least = end - OVERLAP;

	if (end >= text.len)
		return text.len;
	for (size_t i = end; i > least; i--) {
		if (is_blank(text.ptr[i - 1]))
			return i;
	}
	while (end > least && ((unsigned char)text.ptr[end] & 0xc0) == 0x80)
		end--;
	return end;
}

static const char *explain(int status)
{
	switch (status) {
	case PCRE2_ERROR_MATCHLIMIT:
	case PCRE2_ERROR_DEPTHLIMIT:
		return "the pattern takes too many steps on this text";
	case PCRE2_ERROR_JIT_STACKLIMIT:
	case PCRE2_ERROR_HEAPLIMIT:
	case PCRE2_ERROR_NOMEMORY:
		return "the pattern takes too much memory on this text";
	default:
		return "the pattern could not be matched";
	}
}

bool cel_regex_match(const struct cel_regex *regex, struct span text,
    struct arena *arena, bool *matches, const char **why)
{
	pcre2_general_context *memory =
	    pcre2_general_context_create(take, keep, arena);
	pcre2_match_data *data =
	    memory ? pcre2_match_data_create(1, memory) : NULL;
	int status = PCRE2_ERROR_NOMATCH;
	size_t from = 0;
	size_t end = 0;

	*matches = false;
	if (!data) {
		*why = explain(PCRE2_ERROR_NOMEMORY);
		return false;
	}
	if (text.len > CEL_MATCH_TEXT_MAX) {
		*why = "the text is too long for a pattern";
		return false;
	}
	do {
		end = window_end(text, from);
		status = pcre2_match(regex->code,
		    (PCRE2_SPTR)(text.ptr ? text.ptr : ""), end, from,
		    end < text.len ? PCRE2_NOTEOL : 0, data, regex->limits);
		from = end - OVERLAP;
		while (end < text.len &&
		       ((unsigned char)text.ptr[from] & 0xc0) == 0x80)
			from++;
	} while (status == PCRE2_ERROR_NOMATCH && end < text.len);
	*matches = status >= 0;
	if (status < 0 && status != PCRE2_ERROR_NOMATCH) {
		*why = explain(status);
		return false;
	}
	return true;
}
