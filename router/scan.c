/* scan.c -- one pass over a prompt: words, marks, letters. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "router/scan.h"

#define HEAD_WORDS 60  /* an opening instruction is not longer */
#define FIRST_WORDS 12 /* and says what it wants in these */
#define TAIL_WORDS 25  /* nor is a closing one */
#define TAIL_BYTES 400
#define SYSTEM_BYTES 400 /* of a system message that are looked at */
#define WIDE_WIDTH 3     /* Latin letters that one Han character replaces */
#define CLOSE_WORDS 240  /* so many are read; what follows is skimmed */
#define CLOSE_BYTES 3072 /* but for these at the end */

/* --- bytes -------------------------------------------------------------- */

enum byte_class {
	BYTE_SIGN,
	BYTE_LETTER,
	BYTE_DIGIT,
	BYTE_BLANK,
	BYTE_HIGH, /* of a character outside ASCII */
};

static const uint8_t classes[256] = {
    ['\t'] = BYTE_BLANK,
    ['\n'] = BYTE_BLANK,
    ['\r'] = BYTE_BLANK,
    ['\f'] = BYTE_BLANK,
    ['\v'] = BYTE_BLANK,
    [' '] = BYTE_BLANK,
    ['0' ... '9'] = BYTE_DIGIT,
    ['A' ... 'Z'] = BYTE_LETTER,
    ['a' ... 'z'] = BYTE_LETTER,
    [0x80 ... 0xff] = BYTE_HIGH,
};

/* A character's width by its first byte; the others have none. */
static const uint8_t skim_widths[256] = {
    [0x00 ... 0x7f] = 1,
    [0xc0 ... 0xe2] = 1,
    [0xe3 ... 0xed] = WIDE_WIDTH, /* kana, Han and Hangul */
    [0xee ... 0xff] = 1,
};

/* The byte <ahead> of the pass; a blank past the end. */
static unsigned char peek(const struct scan *s, size_t ahead)
{
	size_t i = s->at + ahead;

	return i < s->text.len ? (unsigned char)s->text.ptr[i] : ' ';
}

static bool is_class(const struct scan *s, size_t ahead, enum byte_class class)
{
	return classes[peek(s, ahead)] == class;
}

/* --- what a word is worth ----------------------------------------------- */

/* How much a word's task counts where the pass is. */
static unsigned voice(const struct scan *s)
{
	bool is_head = s->words < HEAD_WORDS;

	if (s->is_system)
		return 1;
	if (!is_head && s->at < s->tail)
		return 0;
	if (s->is_quoted || (s->is_payload && is_head))
		return 1;
	return s->words < FIRST_WORDS ? 3 : 2;
}

static void add_task(struct scan *s, const struct word *word)
{
	uint64_t bit = UINT64_C(1) << (word->number % 64);
	uint64_t *heard = &s->heard[word->number / 64];
	unsigned volume = voice(s);

	if (word->task < 0 || volume == 0 || (*heard & bit))
		return;
	/* A greeting that is quoted greets nobody here. */
	if (word->task == TASK_CHAT && volume == 1)
		return;
	*heard |= bit;
	s->tasks[word->task] += word->points * volume;
}

/*
 * A word of one letter says little: it may be a variable or an answer's mark.
 * What is quoted may be in the other language that the prompt speaks of.
 */
static void add_languages(struct scan *s, uint32_t languages, unsigned share)
{
	if (s->is_quoted || s->is_payload)
		share /= 2;
	for (; languages; languages &= languages - 1)
		s->languages[__builtin_ctz(languages)] += share;
}

static void add_letter(struct scan *s, uint32_t letter)
{
	uint32_t languages = word_letter_languages(letter);

	if (languages)
		add_languages(s, languages,
		    WORD_SHARES / (unsigned)__builtin_popcount(languages));
}

/* The last word and this one, joined by "_". */
static void look_up_pair(struct scan *s)
{
	size_t len = s->last_len + 1 + s->key_len;
	struct word_key pair = s->last;
	const struct word *word;

	if (s->last_len == 0 || len > WORD_MAX || voice(s) == 0)
		return;
	((char *)&pair)[s->last_len] = '_';
	memcpy((char *)&pair + s->last_len + 1, &s->key, s->key_len);
	word = word_find(&pair);
	if (!word)
		return;
	add_task(s, word);
	s->marks[word->mark]++;
}

/* "into Swedish", "in Polish": the name of a language as a target. */
static void note_tongue(struct scan *s)
{
	static const char *const before[] = {"in", "into", "to"};

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		if (s->last_len == strlen(before[i]) &&
		    !memcmp(&s->last, before[i], s->last_len))
			s->tasks[TASK_TRANSLATION] += 3 * voice(s);
	}
}

/* The word in key is complete. */
static void end_word(struct scan *s)
{
	const struct word *word = NULL;

	if (s->key_len <= WORD_MAX)
		word = word_find(&s->key);
	if (word) {
		add_task(s, word);
		add_languages(s, word->languages,
		    s->key_len > 1 ? word->share : word->share / 4U);
		s->marks[word->mark]++;
		if (word->mark == MARK_TONGUE)
			note_tongue(s);
	}
	look_up_pair(s);
	s->last = s->key;
	s->last_len = s->key_len <= WORD_MAX ? s->key_len : 0;
	s->words++;
}

/*
 * The character where the pass stands; 0 when it is ill-formed. Two bytes,
 * which is most of what is no ASCII, are decoded here.
 */
static size_t decode(const struct scan *s, uint32_t *code)
{
	unsigned char first = peek(s, 0);
	unsigned char second = peek(s, 1);

	if (first >= 0xc2 && first <= 0xdf && (second & 0xc0) == 0x80) {
		*code = (first & 0x1fU) << 6 | (second & 0x3fU);
		return 2;
	}
	return utf8_decode(span_from(s->text, s->at), code);
}

/* --- words -------------------------------------------------------------- */

/* Appends a letter in lower case; counts on past WORD_MAX, stores nothing. */
static void push_letter(struct scan *s, const char *bytes, size_t n)
{
	if (s->key_len + n <= WORD_MAX)
		memcpy((char *)&s->key + s->key_len, bytes, n);
	s->key_len += n;
}

#ifdef __SSE2__
/*
 * The ASCII letters at the front of 16 bytes, in lower case and zeros behind
 * them, into <key>; returns how many.
 */
static size_t push_block(const char *text, char *key)
{
	const __m128i places =
	    _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)text);
	__m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
	__m128i from_a = _mm_sub_epi8(lower, _mm_set1_epi8('a'));
	__m128i is_letter = _mm_cmpeq_epi8(
	    _mm_min_epu8(from_a, _mm_set1_epi8('z' - 'a')), from_a);
	unsigned others = ~(unsigned)_mm_movemask_epi8(is_letter);
	unsigned n = (unsigned)__builtin_ctz(others | 1U << 16);
	__m128i is_ours = _mm_cmplt_epi8(places, _mm_set1_epi8((char)n));

	_mm_storeu_si128((__m128i *)(void *)key, _mm_and_si128(lower, is_ours));
	return n;
}
#endif

/* Appends the ASCII letters where the pass stands; returns how many. */
static size_t push_ascii(struct scan *s)
{
	const char *text = s->text.ptr;
	size_t len = s->key_len;
	size_t at = s->at;
	size_t n;

#ifdef __SSE2__
	if (len + 16 <= sizeof(s->key) && at + 16 <= s->text.len) {
		n = push_block(text + at, (char *)&s->key + len);
		len += n;
		at += n;
	}
#endif
	while (at < s->text.len &&
	       classes[(unsigned char)text[at]] == BYTE_LETTER) {
		if (len < WORD_MAX)
			((char *)&s->key)[len] = (char)(text[at] | 0x20);
		len++;
		at++;
	}
	n = at - s->at;
	s->key_len = len;
	s->at = at;
	s->width += n;
	return n;
}

static bool is_wide_script(enum script script)
{
	return script == SCRIPT_HAN || script == SCRIPT_KANA ||
	       script == SCRIPT_HANGUL;
}

/*
 * Takes a letter outside ASCII into the word; false, with nothing taken, when
 * the character is none that words are made of.
 */
static bool take_high_letter(struct scan *s)
{
	uint32_t code = 0;
	size_t len = decode(s, &code);
	enum script script = len > 0 ? language_script(code) : SCRIPT_OTHER;
	uint32_t lower;
	char bytes[4];

	if (code == 0x2019 && s->key_len > 0 && is_class(s, len, BYTE_LETTER)) {
		push_letter(s, "'", 1);
		s->at += len;
		s->width++;
		return true;
	}
	if (script == SCRIPT_OTHER || is_wide_script(script))
		return false;
	lower = language_fold(code);
	add_letter(s, lower);
	push_letter(s, lower == 0xdf ? "ss" : bytes,
	    lower == 0xdf ? 2 : utf8_encode(lower, bytes));
	s->scripts[script]++;
	s->at += len;
	s->width++;
	return true;
}

/*
 * A word: letters, and apostrophes and hyphens between letters. False, with
 * nothing taken, when none begins where the pass stands.
 */
static bool read_word(struct scan *s)
{
	size_t latin = 0;

	s->key = (struct word_key){{0}};
	s->key_len = 0;
	for (;;) {
		unsigned char c;

		latin += push_ascii(s);
		c = peek(s, 0);
		if ((c == '\'' || c == '-') && s->key_len > 0 &&
		    is_class(s, 1, BYTE_LETTER)) {
			push_letter(s, c == '-' ? "-" : "'", 1);
			s->at++;
			s->width++;
		} else if (classes[c] != BYTE_HIGH || !take_high_letter(s)) {
			break;
		}
	}
	if (s->key_len == 0)
		return false;
	s->scripts[SCRIPT_LATIN] += (unsigned)latin;
	end_word(s);
	return true;
}

/* A character of a script without spaces, looked up with the one before. */
static void read_wide(struct scan *s, uint32_t code, enum script script)
{
	const struct word *word = NULL;
	size_t n;

	s->scripts[script]++;
	s->width += WIDE_WIDTH - 1;
	if (s->wide) {
		s->key = (struct word_key){{0}};
		n = utf8_encode(s->wide, (char *)&s->key);
		s->key_len = n + utf8_encode(code, (char *)&s->key + n);
		word = word_find(&s->key);
		s->words += s->scripts[script] % 2;
	}
	if (word) {
		add_task(s, word);
		s->marks[word->mark]++;
	}
	s->wide = code;
	s->last_len = 0;
}

/* --- numbers and signs -------------------------------------------------- */

/* Digits, with the points and commas between them: one number. */
static void read_number(struct scan *s)
{
	while (is_class(s, 0, BYTE_DIGIT) ||
	       ((peek(s, 0) == '.' || peek(s, 0) == ',') &&
		   is_class(s, 1, BYTE_DIGIT))) {
		s->at++;
		s->width++;
	}
	s->marks[MARK_NUMBER]++;
	s->last_len = 0;
}

/*
 * "A." or "A)" behind a blank, then B, then C: options to choose from. What
 * stands before them is the question.
 */
static void note_option(struct scan *s, char letter, size_t width)
{
	if (letter == 'a') {
		s->options_at = width;
		s->option = 'b';
	} else if (letter == s->option && letter > 'a') {
		s->option++;
		s->marks[MARK_OPTION] += letter == 'b' ? 2 : 1;
	}
}

/* What a sign says beside a word or a number that it touches. */
static void note_neighbours(struct scan *s, unsigned char c, bool touches)
{
	unsigned char next = peek(s, 1);
	char letter = (char)(s->key.part[0] & 0xff);

	if (touches && s->key_len == 1 && (c == '.' || c == ')'))
		note_option(s, letter, s->width - 1);
	else if (touches && c == '(')
		s->marks[MARK_CALL]++;
	else if (touches && c == '_' && classes[next] == BYTE_LETTER)
		s->marks[MARK_UNDERSCORE]++;
	else if (touches && s->key_len == 1 && letter == 'c' &&
		 (c == '#' || (c == '+' && next == '+')))
		s->tasks[TASK_CODE] += 6 * voice(s);
	else if (touches && c == ':' && s->key_len == 6 &&
		 !memcmp(&s->key, "answer", 6)) {
		s->stem_from = s->slot;
		s->slot = s->width;
	}
}

/* Two signs that stand together in code and hardly elsewhere. */
static bool is_code_pair(unsigned char c, unsigned char next)
{
	static const char pairs[][3] = {"=>", "->", "::", "==", "!=", "()",
	    "[]", "{}", "//", "/*", "&&", "||", "+=", "#!", "</"};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if ((unsigned char)pairs[i][0] == c &&
		    (unsigned char)pairs[i][1] == next)
			return true;
	}
	return false;
}

static void read_sign(struct scan *s, bool touches)
{
	unsigned char c = peek(s, 0);
	unsigned char next = peek(s, 1);

	note_neighbours(s, c, touches);
	if (is_code_pair(c, next) || c == '{' || c == '}' || c == ';')
		s->marks[MARK_CODE_SIGN]++;
	switch (c) {
	case '`':
		if (next == '`' && peek(s, 2) == '`') {
			s->marks[MARK_FENCE]++;
			s->at += 2;
		}
		break;
	case '\\':
		if (is_class(s, 1, BYTE_LETTER) && is_class(s, 2, BYTE_LETTER))
			s->marks[MARK_LATEX]++;
		break;
	case '$':
		s->marks[MARK_LATEX] +=
		    !is_class(s, 1, BYTE_DIGIT) && !is_class(s, 1, BYTE_BLANK);
		break;
	case '=':
	case '%':
	case '^':
	case '*':
	case '+':
		s->marks[MARK_FORMULA]++;
		break;
	case '?':
		s->marks[MARK_QUESTION] += next != '?';
		break;
	case ':':
		s->is_payload = s->is_payload || s->words >= 2;
		break;
	case '"':
		s->is_quoted = !s->is_quoted;
		break;
	default:
		break;
	}
	s->at++;
	s->width++;
	s->last_len = 0;
}

/* A character outside ASCII that is no letter of a word. */
static void read_high(struct scan *s)
{
	uint32_t code = 0;
	size_t len = decode(s, &code);
	enum script script = len > 0 ? language_script(code) : SCRIPT_OTHER;

	s->at += len > 0 ? len : 1;
	s->width++;
	if (is_wide_script(script)) {
		read_wide(s, code, script);
		return;
	}
	s->wide = 0;
	s->last_len = 0;
	if (code == 0xff1f || code == 0x61f)
		s->marks[MARK_QUESTION]++;
	else if (code == 0xff1a)
		s->is_payload = true;
	else if (code == 0x201c || code == 0x300c || code == 0xab)
		s->is_quoted = true;
	else if (code == 0x201d || code == 0x300d || code == 0xbb)
		s->is_quoted = false;
	else if ((code >= 0x2200 && code <= 0x22ff) || code == 0xd7 ||
		 code == 0xf7 || code == 0xb1)
		s->marks[MARK_FORMULA]++;
	else
		add_letter(s, code);
}

/* --- the pass ----------------------------------------------------------- */

/* Where the last TAIL_WORDS words of <text> begin. */
static size_t find_tail(struct span text)
{
	size_t least = text.len > TAIL_BYTES ? text.len - TAIL_BYTES : 0;
	size_t i = text.len;
	unsigned words = 0;

	while (i > least && words < TAIL_WORDS) {
		i--;
		if (classes[(unsigned char)text.ptr[i]] != BYTE_BLANK &&
		    (i == 0 ||
			classes[(unsigned char)text.ptr[i - 1]] == BYTE_BLANK))
			words++;
	}
	return i;
}

/* Where close reading begins again: CLOSE_BYTES before the end. */
static size_t find_close(struct span text)
{
	size_t from = text.len > CLOSE_BYTES ? text.len - CLOSE_BYTES : 0;

	while (
	    from < text.len && ((unsigned char)text.ptr[from] & 0xc0) == 0x80)
		from++;
	return from;
}

/*
 * From where the pass stands to where close reading begins again: the width,
 * and the three signs that tell a long file. By then the words have spoken.
 */
static void skim(struct scan *s)
{
	const unsigned char *text = (const unsigned char *)s->text.ptr;
	bool is_blank = s->is_blank;
	size_t width = 0;
	unsigned signs = 0;

	for (size_t i = s->at; i < s->close; i++) {
		bool was_blank = is_blank;

		is_blank = classes[text[i]] == BYTE_BLANK;
		width += skim_widths[text[i]];
		width -= (size_t)(is_blank && was_blank);
		signs += text[i] == '{' || text[i] == '}' || text[i] == ';';
	}
	s->at = s->close;
	s->width += width;
	s->marks[MARK_CODE_SIGN] += signs;
	s->is_blank = is_blank;
	s->wide = 0;
	s->key_len = 0;
	s->last_len = 0;
}

void scan_init(struct scan *scan)
{
	word_prepare();
	*scan = (struct scan){.option = 'a', .options_at = SIZE_MAX};
}

/*
 * One step: a blank, a word, a number, a sign. <touches>: a word ends just
 * before. Returns whether one ends just behind.
 */
static bool step(struct scan *s, bool touches)
{
	uint32_t wide = s->wide;

	s->wide = 0;
	switch ((enum byte_class)classes[peek(s, 0)]) {
	case BYTE_BLANK:
		s->at++;
		s->width += !s->is_blank;
		s->is_blank = true;
		return false;
	case BYTE_LETTER:
		s->is_blank = false;
		return read_word(s);
	case BYTE_DIGIT:
		read_number(s);
		break;
	case BYTE_SIGN:
		read_sign(s, touches);
		break;
	case BYTE_HIGH:
		s->is_blank = false;
		if (read_word(s))
			return true;
		s->wide = wide;
		read_high(s);
		break;
	}
	s->is_blank = false;
	return false;
}

void scan_text(struct scan *scan, struct span text, bool is_end)
{
	bool touches = false;

	scan->text = text;
	scan->at = 0;
	scan->tail = is_end ? find_tail(text) : SIZE_MAX;
	scan->close = is_end ? find_close(text) : text.len;
	scan->is_blank = true;
	scan->wide = 0;
	while (scan->at < text.len) {
		if (scan->words >= CLOSE_WORDS && scan->at < scan->close) {
			skim(scan);
			touches = false;
		} else {
			touches = step(scan, touches);
		}
	}
}

void scan_system(struct scan *scan, struct span text)
{
	struct scan system;

	scan_init(&system);
	system.is_system = true;
	scan_text(&system, span_head(text, SYSTEM_BYTES), false);
	for (unsigned i = 0; i < TASK_COUNT; i++)
		scan->tasks[i] += system.tasks[i];
}

void scan_finish(struct scan *scan)
{
	size_t end = scan->width;

	if (scan->marks[MARK_OPTION] > 0 && scan->options_at > scan->stem_from)
		end = scan->options_at;
	scan->stem = end - scan->stem_from;
}
