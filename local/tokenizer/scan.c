/* scan.c -- the splitting expressions that everybody uses, by hand. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "local/tokenizer/pattern.h"
#include "local/tokenizer/unicode.h"

/*
 * Each expression is a list of alternatives, tried in order at one place; a
 * scanner takes the same decisions with one look at each character. Where an
 * alternative would backtrack, the comment says what that comes to.
 */
#define BIT(category) (1u << CATEGORY_##category)
#define LETTERS (BIT(LU) | BIT(LL) | BIT(LT) | BIT(LM) | BIT(LO))
#define UPPER (BIT(LU) | BIT(LT) | BIT(LM) | BIT(LO) | BIT(M))
#define LOWER (BIT(LL) | BIT(LM) | BIT(LO) | BIT(M))
#define DIGITS BIT(N)
#define MARKS BIT(M)
#define SYMBOLS (BIT(P) | BIT(S))

enum contraction {
	CONTRACTION_NONE,
	CONTRACTION_EXACT,  /* 's before a word, lower case only */
	CONTRACTION_BEFORE, /* (?i:'s|...) by itself */
	CONTRACTION_AFTER,  /* at the end of a word */
};

struct scan_rules {
	const char *name;
	const char *expression; /* with \r and \n written as escapes */
	size_t (*match)(
	    const struct scan_rules *rules, const char *p, const char *end);
	enum contraction contraction;
	unsigned letters;     /* categories of a word; 0: upper, then lower */
	unsigned not_before;  /* what may not stand before a word's letters */
	unsigned not_symbols; /* what does not count as punctuation */
	unsigned digits;      /* in one match, at most */
	bool takes_slashes;   /* after punctuation */
};

static inline unsigned bit_at(const char *p, size_t *len)
{
	return 1u << unicode_category_of(unicode_next(p, len));
}

static inline bool is_newline(char c)
{
	return c == '\r' || c == '\n';
}

/* End of the run of <set> from <p> on. */
static const char *run_end(const char *p, const char *end, unsigned set)
{
	size_t len;

	while (p < end && (bit_at(p, &len) & set))
		p += len;
	return p;
}

/*
 * 's 't 're 've 'm 'll 'd. Without case the long s is an s too, which is the
 * only character outside ASCII that folds into one of these letters.
 */
static size_t match_contraction(
    const char *p, const char *end, bool ignores_case)
{
	static const char *const words[] = {
	    "s", "t", "re", "ve", "m", "ll", "d"};
	size_t left = (size_t)(end - p);

	if (left < 2 || *p != '\'')
		return 0;
	if (ignores_case && left >= 3 && !memcmp(p + 1, "\xc5\xbf", 2))
		return 3;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t len = strlen(words[i]), n = 0;

		while (n < len && n + 1 < left &&
		       (ignores_case && p[n + 1] >= 'A' && p[n + 1] <= 'Z'
			       ? p[n + 1] + 32
			       : p[n + 1]) == words[i][n])
			n++;
		if (n == len)
			return len + 1;
	}
	return 0;
}

/*
 * \s*[\r\n]+ (up to the last line end of the run), then \s+(?!\S) (all of the
 * run, or all but its last character when text follows), then \s+.
 */
static size_t match_space(const char *p, const char *end, bool takes_lines)
{
	const char *at = p, *line = NULL, *last = p;
	size_t len;

	while (at < end && unicode_is_space(unicode_next(at, &len))) {
		if (is_newline(*at))
			line = at + len;
		last = at;
		at += len;
	}
	if (takes_lines && line)
		return (size_t)(line - p);
	if (at == end || last == p)
		return (size_t)(at - p);
	return (size_t)(last - p);
}

/* ` ?[^\s...]+`, and the line ends (and slashes) that follow where asked. */
static size_t match_symbols(const struct scan_rules *rules, const char *p,
    const char *end, bool takes_lines)
{
	const char *at = p + (*p == ' '), *start = at;
	size_t len;

	while (at < end) {
		unsigned properties =
		    unicode_properties(unicode_next(at, &len));

		if ((properties & UNICODE_SPACE) ||
		    (1u << (properties & 15) & rules->not_symbols))
			break;
		at += len;
	}
	if (at == start)
		return 0;
	while (takes_lines && at < end &&
	       (is_newline(*at) || (rules->takes_slashes && *at == '/')))
		at++;
	return (size_t)(at - p);
}

static size_t match_digits(const char *p, const char *end, unsigned max)
{
	const char *at = p;
	size_t len;

	while (at < end && max-- > 0 && (bit_at(at, &len) & DIGITS))
		at += len;
	return (size_t)(at - p);
}

/* --- GPT-2 ---------------------------------------------------------------- */

static size_t match_gpt2(
    const struct scan_rules *rules, const char *p, const char *end)
{
	const char *at = p + (*p == ' ');
	size_t len = match_contraction(p, end, false);

	if (len)
		return len;
	if (at < end) {
		unsigned bit = bit_at(at, &len);

		if (bit & LETTERS)
			return (size_t)(run_end(at, end, LETTERS) - p);
		if (bit & DIGITS)
			return (size_t)(run_end(at, end, DIGITS) - p);
	}
	len = match_symbols(rules, p, end, false);
	return len ? len : match_space(p, end, false);
}

/* --- GPT-4 and what followed ---------------------------------------------- */

/*
 * U*L+ and, failing that, U+L*, for the sets of upper and lower case that
 * share the caseless letters and marks. U* takes a whole run; where no lower
 * case follows, L+ gets the run's last caseless character back.
 */
static const char *match_cased(const char *p, const char *end, bool *is_second)
{
	const char *at = p, *caseless = NULL;
	size_t len;

	*is_second = false;
	while (at < end) {
		unsigned bit = bit_at(at, &len);

		if (!(bit & UPPER))
			break;
		at += len;
		if (bit & LOWER)
			caseless = at;
	}
	if (at < end && (bit_at(at, &len) & LOWER))
		return run_end(at, end, LOWER);
	if (caseless)
		return caseless;
	*is_second = at > p;
	return at;
}

/*
 * Both alternatives begin with one optional character that is no letter, so
 * the order is: first form with it, first form without, second form with it,
 * second form without.
 */
static size_t match_cased_word(
    const struct scan_rules *rules, const char *p, const char *end)
{
	const char *ends[2] = {p, p}, *found = NULL;
	bool is_second[2] = {false, false};
	size_t len;
	bool has_before =
	    !is_newline(*p) && !(bit_at(p, &len) & rules->not_before);

	if (has_before)
		ends[0] = match_cased(p + len, end, &is_second[0]);
	ends[1] = match_cased(p, end, &is_second[1]);
	if (has_before && ends[0] > p + len && !is_second[0])
		found = ends[0];
	else if (ends[1] > p && !is_second[1])
		found = ends[1];
	else if (has_before && is_second[0])
		found = ends[0];
	else if (is_second[1])
		found = ends[1];
	if (!found)
		return 0;
	if (rules->contraction == CONTRACTION_AFTER)
		found += match_contraction(found, end, true);
	return (size_t)(found - p);
}

static size_t match_word(
    const struct scan_rules *rules, const char *p, const char *end)
{
	unsigned bit;
	size_t len;

	if (rules->letters == 0)
		return match_cased_word(rules, p, end);
	bit = bit_at(p, &len);
	if (!is_newline(*p) && !(bit & rules->not_before)) {
		const char *at = run_end(p + len, end, rules->letters);

		if (at > p + len)
			return (size_t)(at - p);
	}
	return (size_t)(run_end(p, end, rules->letters) - p);
}

static size_t match_gpt4(
    const struct scan_rules *rules, const char *p, const char *end)
{
	size_t len = 0;

	if (rules->contraction == CONTRACTION_BEFORE)
		len = match_contraction(p, end, true);
	if (!len)
		len = match_word(rules, p, end);
	if (!len)
		len = match_digits(p, end, rules->digits);
	if (!len)
		len = match_symbols(rules, p, end, true);
	return len ? len : match_space(p, end, true);
}

/* --- DeepSeek ------------------------------------------------------------- */

static bool is_ascii_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_ascii_punctuation(char c)
{
	return c > ' ' && c < 0x7f && !is_ascii_letter(c) &&
	       !(c >= '0' && c <= '9');
}

/* Numbers and what is in no other class belong to no match. */
static size_t match_deepseek(
    const struct scan_rules *rules, const char *p, const char *end)
{
	const char *at = p + 1;
	size_t len;

	if (is_ascii_punctuation(*p)) {
		while (at < end && is_ascii_letter(*at))
			at++;
		if (at > p + 1)
			return (size_t)(at - p);
	}
	len = match_word(rules, p, end);
	if (len)
		return len;
	at = p + (*p == ' ');
	if (at < end && run_end(at, end, SYMBOLS) > at) {
		at = run_end(at, end, SYMBOLS);
		while (at < end && is_newline(*at))
			at++;
		return (size_t)(at - p);
	}
	return match_space(p, end, true);
}

static size_t match_cjk(
    const struct scan_rules *rules, const char *p, const char *end)
{
	const char *at = p;
	size_t len;

	(void)rules;
	while (at < end) {
		uint32_t c = unicode_next(at, &len);

		if (!(c >= 0x4e00 && c <= 0x9fa5) &&
		    !(c >= 0x3040 && c <= 0x30ff))
			break;
		at += len;
	}
	return (size_t)(at - p);
}

static size_t match_number(
    const struct scan_rules *rules, const char *p, const char *end)
{
	return match_digits(p, end, rules->digits);
}

/* \w+|[^\w\s]+ */
static size_t match_words(
    const struct scan_rules *rules, const char *p, const char *end)
{
	const char *at = p;
	size_t len;
	unsigned kind =
	    unicode_properties(unicode_next(p, &len)) & UNICODE_WORD;

	(void)rules;
	while (at < end) {
		unsigned properties =
		    unicode_properties(unicode_next(at, &len));

		if ((properties & UNICODE_WORD) != kind ||
		    (!kind && (properties & UNICODE_SPACE)))
			break;
		at += len;
	}
	return (size_t)(at - p);
}

/* --- the table ------------------------------------------------------------ */

#define TAIL "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define CASED_1                                                                \
	"[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*"          \
	"[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
#define CASED_2                                                                \
	"[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+"          \
	"[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
#define SYMBOL_RUN "| ?[^\\s\\p{L}\\p{N}]+"

static const struct scan_rules known[] = {
    {.name = "gpt2",
	.expression = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+"
		      "| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
	.match = match_gpt2,
	.contraction = CONTRACTION_EXACT,
	.not_symbols = LETTERS | DIGITS},
    {.name = "llama3",
	.expression = CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
				   "|\\p{N}{1,3}" SYMBOL_RUN "[\\r\\n]*" TAIL,
	.match = match_gpt4,
	.contraction = CONTRACTION_BEFORE,
	.letters = LETTERS,
	.not_before = LETTERS | DIGITS,
	.not_symbols = LETTERS | DIGITS,
	.digits = 3},
    {.name = "qwen2",
	.expression = CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
				   "|\\p{N}" SYMBOL_RUN "[\\r\\n]*" TAIL,
	.match = match_gpt4,
	.contraction = CONTRACTION_BEFORE,
	.letters = LETTERS,
	.not_before = LETTERS | DIGITS,
	.not_symbols = LETTERS | DIGITS,
	.digits = 1},
    {.name = "qwen35",
	.expression =
	    CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"
			 "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" TAIL,
	.match = match_gpt4,
	.contraction = CONTRACTION_BEFORE,
	.letters = LETTERS | MARKS,
	.not_before = LETTERS | DIGITS,
	.not_symbols = LETTERS | MARKS | DIGITS,
	.digits = 1},
    {.name = "o200k",
	.expression = CASED_1 CONTRACTIONS
	"?|" CASED_2 CONTRACTIONS "?|\\p{N}{1,3}" SYMBOL_RUN "[\\r\\n/]*" TAIL,
	.match = match_gpt4,
	.contraction = CONTRACTION_AFTER,
	.not_before = LETTERS | DIGITS,
	.not_symbols = LETTERS | DIGITS,
	.digits = 3,
	.takes_slashes = true},
    {.name = "tekken",
	.expression =
	    CASED_1 "|" CASED_2 "|\\p{N}" SYMBOL_RUN "[\\r\\n/]*" TAIL,
	.match = match_gpt4,
	.not_before = LETTERS | DIGITS,
	.not_symbols = LETTERS | DIGITS,
	.digits = 1,
	.takes_slashes = true},
    {.name = "deepseek",
	.expression = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
		      "|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
		      "| ?[\\p{P}\\p{S}]+[\\r\\n]*" TAIL,
	.match = match_deepseek,
	.letters = LETTERS | MARKS,
	.not_before = LETTERS | SYMBOLS},
    {.name = "cjk",
	.expression = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
	.match = match_cjk},
    {.name = "digits3",
	.expression = "\\p{N}{1,3}",
	.match = match_number,
	.digits = 3},
    {.name = "digit",
	.expression = "\\p{N}",
	.match = match_number,
	.digits = 1},
    {.name = "words", .match = match_words},
};

#define KNOWN (sizeof(known) / sizeof(*known))

/* Files write line ends as themselves or as escapes: both are the same. */
static bool is_written(const char *expression, struct span text)
{
	size_t i = 0;

	for (; *expression && i < text.len; i++) {
		char c = text.ptr[i];

		if (is_newline(c) && expression[0] == '\\' &&
		    expression[1] == (c == '\r' ? 'r' : 'n'))
			expression += 2;
		else if (*expression++ != c)
			return false;
	}
	return *expression == '\0' && i == text.len;
}

const struct scan_rules *scan_find(struct span expression)
{
	for (size_t i = 0; i < KNOWN; i++) {
		if (known[i].expression &&
		    is_written(known[i].expression, expression))
			return &known[i];
	}
	return NULL;
}

const struct scan_rules *scan_by_name(const char *name)
{
	for (size_t i = 0; i < KNOWN; i++) {
		if (!strcmp(known[i].name, name))
			return &known[i];
	}
	return NULL;
}

size_t scan_match(const struct scan_rules *rules, struct span text)
{
	return rules->match(rules, text.ptr, text.ptr + text.len);
}
