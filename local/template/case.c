/* case.c -- upper and lower case and classes of characters, as Python has them.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <utf8proc.h>

#include "local/template/run.h"
#include "local/template/text.h"

/*
 * utf8proc maps one character to one. Those that become several in upper or
 * title case stand here; in lower case there is one, and the final sigma.
 * Source: Unicode's SpecialCasing.txt, the mappings without conditions.
 */
static const struct special {
	uint32_t code_point;
	const char *upper, *title;
} specials[] = {
    /* clang-format off */
    {0xdf, "SS", "Ss"},
    {0x149, "\xca\xbcN", "\xca\xbcN"},
    {0x1f0, "J\xcc\x8c", "J\xcc\x8c"},
    {0x390, "\xce\x99\xcc\x88\xcc\x81", "\xce\x99\xcc\x88\xcc\x81"},
    {0x3b0, "\xce\xa5\xcc\x88\xcc\x81", "\xce\xa5\xcc\x88\xcc\x81"},
    {0x587, "\xd4\xb5\xd5\x92", "\xd4\xb5\xd6\x82"},
    {0x1e96, "H\xcc\xb1", "H\xcc\xb1"},
    {0x1e97, "T\xcc\x88", "T\xcc\x88"},
    {0x1e98, "W\xcc\x8a", "W\xcc\x8a"},
    {0x1e99, "Y\xcc\x8a", "Y\xcc\x8a"},
    {0x1e9a, "A\xca\xbe", "A\xca\xbe"},
    {0x1f50, "\xce\xa5\xcc\x93", "\xce\xa5\xcc\x93"},
    {0x1f52, "\xce\xa5\xcc\x93\xcc\x80", "\xce\xa5\xcc\x93\xcc\x80"},
    {0x1f54, "\xce\xa5\xcc\x93\xcc\x81", "\xce\xa5\xcc\x93\xcc\x81"},
    {0x1f56, "\xce\xa5\xcc\x93\xcd\x82", "\xce\xa5\xcc\x93\xcd\x82"},
    {0x1f80, "\xe1\xbc\x88\xce\x99", "\xe1\xbe\x88"},
    {0x1f81, "\xe1\xbc\x89\xce\x99", "\xe1\xbe\x89"},
    {0x1f82, "\xe1\xbc\x8a\xce\x99", "\xe1\xbe\x8a"},
    {0x1f83, "\xe1\xbc\x8b\xce\x99", "\xe1\xbe\x8b"},
    {0x1f84, "\xe1\xbc\x8c\xce\x99", "\xe1\xbe\x8c"},
    {0x1f85, "\xe1\xbc\x8d\xce\x99", "\xe1\xbe\x8d"},
    {0x1f86, "\xe1\xbc\x8e\xce\x99", "\xe1\xbe\x8e"},
    {0x1f87, "\xe1\xbc\x8f\xce\x99", "\xe1\xbe\x8f"},
    {0x1f88, "\xe1\xbc\x88\xce\x99", "\xe1\xbe\x88"},
    {0x1f89, "\xe1\xbc\x89\xce\x99", "\xe1\xbe\x89"},
    {0x1f8a, "\xe1\xbc\x8a\xce\x99", "\xe1\xbe\x8a"},
    {0x1f8b, "\xe1\xbc\x8b\xce\x99", "\xe1\xbe\x8b"},
    {0x1f8c, "\xe1\xbc\x8c\xce\x99", "\xe1\xbe\x8c"},
    {0x1f8d, "\xe1\xbc\x8d\xce\x99", "\xe1\xbe\x8d"},
    {0x1f8e, "\xe1\xbc\x8e\xce\x99", "\xe1\xbe\x8e"},
    {0x1f8f, "\xe1\xbc\x8f\xce\x99", "\xe1\xbe\x8f"},
    {0x1f90, "\xe1\xbc\xa8\xce\x99", "\xe1\xbe\x98"},
    {0x1f91, "\xe1\xbc\xa9\xce\x99", "\xe1\xbe\x99"},
    {0x1f92, "\xe1\xbc\xaa\xce\x99", "\xe1\xbe\x9a"},
    {0x1f93, "\xe1\xbc\xab\xce\x99", "\xe1\xbe\x9b"},
    {0x1f94, "\xe1\xbc\xac\xce\x99", "\xe1\xbe\x9c"},
    {0x1f95, "\xe1\xbc\xad\xce\x99", "\xe1\xbe\x9d"},
    {0x1f96, "\xe1\xbc\xae\xce\x99", "\xe1\xbe\x9e"},
    {0x1f97, "\xe1\xbc\xaf\xce\x99", "\xe1\xbe\x9f"},
    {0x1f98, "\xe1\xbc\xa8\xce\x99", "\xe1\xbe\x98"},
    {0x1f99, "\xe1\xbc\xa9\xce\x99", "\xe1\xbe\x99"},
    {0x1f9a, "\xe1\xbc\xaa\xce\x99", "\xe1\xbe\x9a"},
    {0x1f9b, "\xe1\xbc\xab\xce\x99", "\xe1\xbe\x9b"},
    {0x1f9c, "\xe1\xbc\xac\xce\x99", "\xe1\xbe\x9c"},
    {0x1f9d, "\xe1\xbc\xad\xce\x99", "\xe1\xbe\x9d"},
    {0x1f9e, "\xe1\xbc\xae\xce\x99", "\xe1\xbe\x9e"},
    {0x1f9f, "\xe1\xbc\xaf\xce\x99", "\xe1\xbe\x9f"},
    {0x1fa0, "\xe1\xbd\xa8\xce\x99", "\xe1\xbe\xa8"},
    {0x1fa1, "\xe1\xbd\xa9\xce\x99", "\xe1\xbe\xa9"},
    {0x1fa2, "\xe1\xbd\xaa\xce\x99", "\xe1\xbe\xaa"},
    {0x1fa3, "\xe1\xbd\xab\xce\x99", "\xe1\xbe\xab"},
    {0x1fa4, "\xe1\xbd\xac\xce\x99", "\xe1\xbe\xac"},
    {0x1fa5, "\xe1\xbd\xad\xce\x99", "\xe1\xbe\xad"},
    {0x1fa6, "\xe1\xbd\xae\xce\x99", "\xe1\xbe\xae"},
    {0x1fa7, "\xe1\xbd\xaf\xce\x99", "\xe1\xbe\xaf"},
    {0x1fa8, "\xe1\xbd\xa8\xce\x99", "\xe1\xbe\xa8"},
    {0x1fa9, "\xe1\xbd\xa9\xce\x99", "\xe1\xbe\xa9"},
    {0x1faa, "\xe1\xbd\xaa\xce\x99", "\xe1\xbe\xaa"},
    {0x1fab, "\xe1\xbd\xab\xce\x99", "\xe1\xbe\xab"},
    {0x1fac, "\xe1\xbd\xac\xce\x99", "\xe1\xbe\xac"},
    {0x1fad, "\xe1\xbd\xad\xce\x99", "\xe1\xbe\xad"},
    {0x1fae, "\xe1\xbd\xae\xce\x99", "\xe1\xbe\xae"},
    {0x1faf, "\xe1\xbd\xaf\xce\x99", "\xe1\xbe\xaf"},
    {0x1fb2, "\xe1\xbe\xba\xce\x99", "\xe1\xbe\xba\xcd\x85"},
    {0x1fb3, "\xce\x91\xce\x99", "\xe1\xbe\xbc"},
    {0x1fb4, "\xce\x86\xce\x99", "\xce\x86\xcd\x85"},
    {0x1fb6, "\xce\x91\xcd\x82", "\xce\x91\xcd\x82"},
    {0x1fb7, "\xce\x91\xcd\x82\xce\x99", "\xce\x91\xcd\x82\xcd\x85"},
    {0x1fbc, "\xce\x91\xce\x99", "\xe1\xbe\xbc"},
    {0x1fc2, "\xe1\xbf\x8a\xce\x99", "\xe1\xbf\x8a\xcd\x85"},
    {0x1fc3, "\xce\x97\xce\x99", "\xe1\xbf\x8c"},
    {0x1fc4, "\xce\x89\xce\x99", "\xce\x89\xcd\x85"},
    {0x1fc6, "\xce\x97\xcd\x82", "\xce\x97\xcd\x82"},
    {0x1fc7, "\xce\x97\xcd\x82\xce\x99", "\xce\x97\xcd\x82\xcd\x85"},
    {0x1fcc, "\xce\x97\xce\x99", "\xe1\xbf\x8c"},
    {0x1fd2, "\xce\x99\xcc\x88\xcc\x80", "\xce\x99\xcc\x88\xcc\x80"},
    {0x1fd3, "\xce\x99\xcc\x88\xcc\x81", "\xce\x99\xcc\x88\xcc\x81"},
    {0x1fd6, "\xce\x99\xcd\x82", "\xce\x99\xcd\x82"},
    {0x1fd7, "\xce\x99\xcc\x88\xcd\x82", "\xce\x99\xcc\x88\xcd\x82"},
    {0x1fe2, "\xce\xa5\xcc\x88\xcc\x80", "\xce\xa5\xcc\x88\xcc\x80"},
    {0x1fe3, "\xce\xa5\xcc\x88\xcc\x81", "\xce\xa5\xcc\x88\xcc\x81"},
    {0x1fe4, "\xce\xa1\xcc\x93", "\xce\xa1\xcc\x93"},
    {0x1fe6, "\xce\xa5\xcd\x82", "\xce\xa5\xcd\x82"},
    {0x1fe7, "\xce\xa5\xcc\x88\xcd\x82", "\xce\xa5\xcc\x88\xcd\x82"},
    {0x1ff2, "\xe1\xbf\xba\xce\x99", "\xe1\xbf\xba\xcd\x85"},
    {0x1ff3, "\xce\xa9\xce\x99", "\xe1\xbf\xbc"},
    {0x1ff4, "\xce\x8f\xce\x99", "\xce\x8f\xcd\x85"},
    {0x1ff6, "\xce\xa9\xcd\x82", "\xce\xa9\xcd\x82"},
    {0x1ff7, "\xce\xa9\xcd\x82\xce\x99", "\xce\xa9\xcd\x82\xcd\x85"},
    {0x1ffc, "\xce\xa9\xce\x99", "\xe1\xbf\xbc"},
    {0xfb00, "FF", "Ff"},
    {0xfb01, "FI", "Fi"},
    {0xfb02, "FL", "Fl"},
    {0xfb03, "FFI", "Ffi"},
    {0xfb04, "FFL", "Ffl"},
    {0xfb05, "ST", "St"},
    {0xfb06, "ST", "St"},
    {0xfb13, "\xd5\x84\xd5\x86", "\xd5\x84\xd5\xb6"},
    {0xfb14, "\xd5\x84\xd4\xb5", "\xd5\x84\xd5\xa5"},
    {0xfb15, "\xd5\x84\xd4\xbb", "\xd5\x84\xd5\xab"},
    {0xfb16, "\xd5\x8e\xd5\x86", "\xd5\x8e\xd5\xb6"},
    {0xfb17, "\xd5\x84\xd4\xbd", "\xd5\x84\xd5\xad"},
    /* clang-format on */
};
#define N_SPECIALS (sizeof(specials) / sizeof(specials[0]))

static const struct special *find_special(uint32_t code_point)
{
	size_t low = 0, high = N_SPECIALS;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (specials[mid].code_point == code_point)
			return &specials[mid];
		if (specials[mid].code_point < code_point)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* --- classes ------------------------------------------------------------ */

static utf8proc_category_t category(uint32_t c)
{
	return utf8proc_category((utf8proc_int32_t)c);
}

static bool is_alpha(uint32_t c)
{
	utf8proc_category_t is = category(c);

	return is >= UTF8PROC_CATEGORY_LU && is <= UTF8PROC_CATEGORY_LO;
}

static bool is_cased(uint32_t c)
{
	utf8proc_category_t is = category(c);

	return is >= UTF8PROC_CATEGORY_LU && is <= UTF8PROC_CATEGORY_LT;
}

/* Digits that are no decimals: superscripts, circled ones and such. */
static bool is_other_digit(uint32_t c)
{
	static const uint32_t ranges[][2] = {{0xb2, 0xb3}, {0xb9, 0xb9},
	    {0x1369, 0x1371}, {0x19da, 0x19da}, {0x2070, 0x2070},
	    {0x2074, 0x2079}, {0x2080, 0x2089}, {0x2460, 0x2468},
	    {0x2474, 0x247c}, {0x2488, 0x2490}, {0x24ea, 0x24ea},
	    {0x24f5, 0x24fd}, {0x24ff, 0x24ff}, {0x2776, 0x277e},
	    {0x2780, 0x2788}, {0x278a, 0x2792}, {0x10a40, 0x10a43},
	    {0x10e60, 0x10e68}, {0x11052, 0x1105a}, {0x1f100, 0x1f10a}};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (c >= ranges[i][0] && c <= ranges[i][1])
			return true;
	}
	return false;
}

static bool is_of_class(uint32_t c, enum class_rule rule)
{
	utf8proc_category_t is = category(c);

	switch (rule) {
	case CLASS_ALPHA:
		return is_alpha(c);
	case CLASS_ALNUM:
		return is_alpha(c) || (is >= UTF8PROC_CATEGORY_ND &&
					  is <= UTF8PROC_CATEGORY_NO);
	case CLASS_DIGIT:
		return is == UTF8PROC_CATEGORY_ND || is_other_digit(c);
	case CLASS_DECIMAL:
		return is == UTF8PROC_CATEGORY_ND;
	case CLASS_SPACE:
		return jinja_is_space(c);
	case CLASS_UPPER:
		return is == UTF8PROC_CATEGORY_LU;
	default:
		return is == UTF8PROC_CATEGORY_LL;
	}
}

bool jinja_has_class(const struct text *text, enum class_rule rule)
{
	bool is_case = rule == CLASS_UPPER || rule == CLASS_LOWER;
	bool has_one = false;
	size_t len;

	for (size_t at = 0; at < text->len; at += len) {
		uint32_t c = jinja_code_point(text_span(text), at, &len);

		if (is_of_class(c, rule))
			has_one = true;
		else if (!is_case || is_cased(c))
			return false;
	}
	return has_one;
}

bool jinja_is_printable(uint32_t c)
{
	utf8proc_category_t is;

	if (c < 0x7f)
		return c >= 0x20;
	is = category(c);
	return is != UTF8PROC_CATEGORY_CN && is < UTF8PROC_CATEGORY_ZS;
}

/* --- mappings ----------------------------------------------------------- */

enum mapping {
	MAP_UPPER,
	MAP_LOWER,
	MAP_TITLE,
	MAP_NONE
};

/* Characters that a search for the letters around a sigma passes over. */
static bool is_ignorable(uint32_t c)
{
	utf8proc_category_t is = category(c);

	return is == UTF8PROC_CATEGORY_MN || is == UTF8PROC_CATEGORY_ME ||
	       is == UTF8PROC_CATEGORY_CF || is == UTF8PROC_CATEGORY_LM ||
	       is == UTF8PROC_CATEGORY_SK || c == '\'' || c == '.' ||
	       c == ':' || c == 0xb7 || c == 0x2019 || c == 0x2018 ||
	       c == 0x2024 || c == 0x2027;
}

/* Whether a capital sigma in bytes <at> to <end> ends its word. */
static bool is_final(struct span text, size_t at, size_t end)
{
	uint32_t c = 0;
	size_t len;

	while (at > 0) {
		at = jinja_before(text, at);
		c = jinja_code_point(text, at, &len);
		if (!is_ignorable(c))
			break;
		c = 0;
	}
	if (!is_cased(c))
		return false;
	for (c = 0; end < text.len; end += len) {
		c = jinja_code_point(text, end, &len);
		if (!is_ignorable(c))
			break;
		c = 0;
	}
	return !is_cased(c);
}

/* The character at <at> as <mapping> has it, with its own mark. */
static bool put_mapped(struct builder *builder, const struct text *text,
    size_t at, size_t *len, enum mapping mapping)
{
	uint32_t c = jinja_code_point(text_span(text), at, len);
	bool mark = text_mark(text, at);
	const struct special *special;
	char bytes[4];
	size_t n;

	if (c < 0x80) {
		bytes[0] = (char)c;
		if (mapping == MAP_LOWER && c >= 'A' && c <= 'Z')
			bytes[0] = (char)(c + 32);
		else if (mapping != MAP_LOWER && c >= 'a' && c <= 'z')
			bytes[0] = (char)(c - 32);
		return jinja_put(builder, span_make(bytes, 1), mark);
	}
	if (mapping == MAP_LOWER && c == 0x130)
		return jinja_put(builder, SPAN("i\xcc\x87"), mark);
	if (mapping == MAP_LOWER && c == 0x3a3)
		return jinja_put(builder,
		    is_final(text_span(text), at, at + *len) ? SPAN("\xcf\x82")
							     : SPAN("\xcf\x83"),
		    mark);
	special = mapping == MAP_LOWER ? NULL : find_special(c);
	if (special)
		return jinja_put(builder,
		    span_of(
			mapping == MAP_UPPER ? special->upper : special->title),
		    mark);
	if (mapping == MAP_UPPER)
		c = (uint32_t)utf8proc_toupper((utf8proc_int32_t)c);
	else if (mapping == MAP_LOWER)
		c = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
	else
		c = (uint32_t)utf8proc_totitle((utf8proc_int32_t)c);
	n = utf8_encode(c, bytes);
	return jinja_put(builder, span_make(bytes, n), mark);
}

/* What begins a word for the filter `title`. */
static bool begins_word(uint32_t c)
{
	return c == '-' || c == '(' || c == '{' || c == '[' || c == '<' ||
	       jinja_is_space(c);
}

/* Where <rule> takes the character <c>; MAP_NONE leaves it. */
static enum mapping choose(enum case_rule rule, uint32_t c, bool is_start)
{
	switch (rule) {
	case CASE_UPPER:
		return MAP_UPPER;
	case CASE_LOWER:
		return MAP_LOWER;
	case CASE_SWAP:
		return category(c) == UTF8PROC_CATEGORY_LU   ? MAP_LOWER
		       : category(c) == UTF8PROC_CATEGORY_LL ? MAP_UPPER
							     : MAP_NONE;
	case CASE_TITLE_WORD:
		return is_start ? MAP_UPPER : MAP_LOWER;
	default:
		return is_start ? MAP_TITLE : MAP_LOWER;
	}
}

bool jinja_case(struct run *run, const struct text *text, enum case_rule rule,
    struct value *out)
{
	struct builder builder;
	bool is_start = true;
	size_t len;

	jinja_builder_init(&builder, run);
	if (!jinja_charge(run, text->len / 16))
		return false;
	for (size_t at = 0; at < text->len; at += len) {
		uint32_t c = jinja_code_point(text_span(text), at, &len);
		enum mapping mapping = choose(rule, c, is_start);

		if (mapping == MAP_NONE
			? !jinja_put_range(&builder, text, at, at + len)
			: !put_mapped(&builder, text, at, &len, mapping))
			return false;
		if (rule == CASE_TITLE)
			is_start = !is_cased(c);
		else if (rule == CASE_TITLE_WORD)
			is_start = begins_word(c);
		else
			is_start = false;
	}
	return jinja_builder_finish(&builder, out);
}
