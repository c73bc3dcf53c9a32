/* language.c -- scripts, lower case, and the language that they point to. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "router/words.h"

/* The scripts that decide about languages, by ranges in ascending order. */
static const struct {
	uint32_t from;
	uint32_t to;
	enum script script;
} ranges[] = {
    {0x00aa, 0x00aa, SCRIPT_LATIN},
    {0x00ba, 0x00ba, SCRIPT_LATIN},
    {0x00c0, 0x00d6, SCRIPT_LATIN},
    {0x00d8, 0x00f6, SCRIPT_LATIN},
    {0x00f8, 0x024f, SCRIPT_LATIN},
    {0x0370, 0x03ff, SCRIPT_GREEK},
    {0x0400, 0x052f, SCRIPT_CYRILLIC},
    {0x0590, 0x05ff, SCRIPT_HEBREW},
    {0x0620, 0x065f, SCRIPT_ARABIC},
    {0x066e, 0x06d3, SCRIPT_ARABIC},
    {0x0900, 0x097f, SCRIPT_DEVANAGARI},
    {0x0e01, 0x0e5b, SCRIPT_THAI},
    {0x1100, 0x11ff, SCRIPT_HANGUL},
    {0x1e00, 0x1eff, SCRIPT_LATIN},
    {0x1f00, 0x1fff, SCRIPT_GREEK},
    {0x3005, 0x3007, SCRIPT_HAN},
    {0x3041, 0x30ff, SCRIPT_KANA},
    {0x3400, 0x4dbf, SCRIPT_HAN},
    {0x4e00, 0x9fff, SCRIPT_HAN},
    {0xac00, 0xd7a3, SCRIPT_HANGUL},
    {0x20000, 0x3134f, SCRIPT_HAN},
};

enum script language_script(uint32_t code_point)
{
	size_t low = 0;
	size_t high = sizeof(ranges) / sizeof(ranges[0]);

	/* The two blocks that prompts are made of go first. */
	if (code_point >= 0x4e00 && code_point <= 0x9fff)
		return SCRIPT_HAN;
	if (code_point >= 0x0400 && code_point <= 0x052f)
		return SCRIPT_CYRILLIC;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (code_point < ranges[middle].from)
			high = middle;
		else if (code_point > ranges[middle].to)
			low = middle + 1;
		else
			return ranges[middle].script;
	}
	return SCRIPT_OTHER;
}

uint32_t language_fold(uint32_t c)
{
	if (c >= 0xc0 && c <= 0xde && c != 0xd7)
		return c + 0x20;
	if (c == 0x130 || c == 0x131)
		return 'i';
	/* Pairs: even is upper in most of Latin Extended-A, odd in some. */
	if ((c >= 0x100 && c <= 0x137) || (c >= 0x14a && c <= 0x177) ||
	    (c >= 0x1e00 && c <= 0x1eff) ||
	    (c >= 0x460 && c <= 0x52f && c != 0x4c0 && c != 0x4cf &&
		!(c >= 0x4c1 && c <= 0x4ce)))
		return c | 1;
	if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
		return c + (c & 1);
	if (c == 0x178)
		return 0xff;
	if (c >= 0x391 && c <= 0x3a9)
		return c + 0x20;
	if (c >= 0x410 && c <= 0x42f)
		return c + 0x20;
	if (c >= 0x400 && c <= 0x40f)
		return c + 0x50;
	return c;
}

/* The best of <from> to <to>, or <otherwise> when none has points. */
static enum word_language best_of(
    const unsigned *points, enum word_language from, enum word_language to)
{
	enum word_language best = from;

	for (unsigned i = from; i <= (unsigned)to; i++) {
		if (points[i] > points[best])
			best = (enum word_language)i;
	}
	return best;
}

static const char *choose_latin(const unsigned *points)
{
	enum word_language best = best_of(points, LANGUAGE_EN, LANGUAGE_TR);

	return points[best] > 0 ? word_language_code(best) : "und";
}

const char *language_choose(const unsigned *points, const unsigned *scripts)
{
	static const struct {
		enum script script;
		enum word_language language;
	} alone[] = {
	    {SCRIPT_GREEK, LANGUAGE_EL},
	    {SCRIPT_HEBREW, LANGUAGE_HE},
	    {SCRIPT_DEVANAGARI, LANGUAGE_HI},
	    {SCRIPT_THAI, LANGUAGE_TH},
	    {SCRIPT_HANGUL, LANGUAGE_KO},
	};
	unsigned east = scripts[SCRIPT_HAN] + scripts[SCRIPT_KANA];
	enum script most = SCRIPT_LATIN;
	unsigned weight;

	/*
	 * A character of these says as much as two or three Latin letters, and
	 * a prompt in them quotes Latin words, not the other way round.
	 */
	for (unsigned i = SCRIPT_CYRILLIC; i < SCRIPT_HAN; i++) {
		if (scripts[i] > scripts[most])
			most = (enum script)i;
	}
	weight = scripts[most];
	if (3 * scripts[SCRIPT_HANGUL] > weight &&
	    scripts[SCRIPT_HANGUL] >= east)
		return word_language_code(LANGUAGE_KO);
	if (3 * east > weight)
		return word_language_code(8 * scripts[SCRIPT_KANA] > east
					      ? LANGUAGE_JA
					      : LANGUAGE_ZH);
	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
		if (alone[i].script == most)
			return word_language_code(alone[i].language);
	}
	if (most == SCRIPT_ARABIC)
		return word_language_code(
		    points[LANGUAGE_FA] > points[LANGUAGE_AR] ? LANGUAGE_FA
							      : LANGUAGE_AR);
	if (most == SCRIPT_CYRILLIC)
		return word_language_code(
		    best_of(points, LANGUAGE_RU, LANGUAGE_UK));
	return choose_latin(points);
}
