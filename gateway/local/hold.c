/* hold.c -- whether an answer that is held back is good enough to give. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/hold.h"

#include <assert.h>

#include "cache/cache.h"

const char *hold_reason_name(enum hold_reason reason)
{
	static const char *const names[HOLD_REASONS] = {
	    [HOLD_UNSURE] = "unsure",
	    [HOLD_LOOP] = "loop",
	    [HOLD_CUT] = "cut",
	    [HOLD_DISAGREED] = "disagreed",
	};

	return names[reason];
}

enum hold_verdict hold_judge(const struct router_escalate *rule,
    const struct hold_view *view, enum hold_reason *reason)
{
	if (view->is_looping) {
		*reason = HOLD_LOOP;
		return HOLD_GIVEN_UP;
	}
	if (!view->has_ended && view->tokens < rule->hold)
		return HOLD_ON;
	if (view->is_cut) {
		*reason = HOLD_CUT;
		return HOLD_GIVEN_UP;
	}
	if (view->confidence < rule->below) {
		*reason = HOLD_UNSURE;
		return HOLD_GIVEN_UP;
	}
	return HOLD_RELEASED;
}

/* --- loops -----------------------------------------------------------------
 */

static bool is_loop(uint32_t period, uint32_t alike)
{
	uint32_t span = alike + period;

	return alike > 0 && span >= HOLD_TIMES * period && span >= HOLD_SPAN;
}

bool hold_sees_loop(struct hold_loop *loop, uint32_t token)
{
	bool is_looping = false;

	for (uint32_t p = 1; p <= HOLD_PERIOD_MAX && p <= loop->n; p++) {
		uint32_t before = loop->recent[(loop->n - p) % HOLD_PERIOD_MAX];
		uint32_t *alike = &loop->alike[p - 1];

		*alike = before == token ? *alike + 1 : 0;
		is_looping |= is_loop(p, *alike);
	}
	loop->recent[loop->n++ % HOLD_PERIOD_MAX] = token;
	return is_looping;
}

/* --- agreement --------------------------------------------------------------
 */

/* JSON in one form; ptr NULL for what is none. */
static struct span canonical(struct span text, struct arena *scratch)
{
	struct json_fault fault;
	struct json_doc doc;

	if (!json_parse(text, scratch, &doc, &fault))
		return span_make(NULL, 0);
	return cache_canonical(&doc, scratch);
}

static bool is_digit(struct span text, size_t at)
{
	return at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9';
}

static bool is_letter(struct span text, size_t at)
{
	unsigned char c;

	if (at >= text.len)
		return false;
	c = (unsigned char)text.ptr[at];
	return c >= 0x80 || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Punctuation that makes another number: 3.5 is not 35, nor -1 1. */
static bool is_of_number(struct span text, size_t at)
{
	bool follows_digit = at > 0 && is_digit(text, at - 1);
	bool follows_letter = at > 0 && is_letter(text, at - 1);

	if (!is_digit(text, at + 1))
		return false;
	if (text.ptr[at] == '.')
		return follows_digit;
	return text.ptr[at] == '-' && !follows_digit && !follows_letter;
}

/* Letters and numbers alone, without case. */
static struct span plain(struct span text, struct arena *scratch)
{
	char *out = arena_alloc(scratch, text.len + 1);
	size_t len = 0;

	for (size_t i = 0; out && i < text.len; i++) {
		char c = text.ptr[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c | 0x20);
		if (is_digit(text, i) || is_letter(text, i) ||
		    is_of_number(text, i))
			out[len++] = c;
	}
	return span_make(out, len);
}

static struct span normal(struct span text, struct arena *scratch)
{
	struct span json;

	text = span_trim(text);
	json = canonical(text, scratch);
	return json.ptr ? json : plain(text, scratch);
}

size_t hold_agreed(
    const struct span *texts, size_t n, size_t agree, struct arena *scratch)
{
	struct span forms[HOLD_SAMPLES_MAX];

	assert(n <= HOLD_SAMPLES_MAX);
	for (size_t i = 0; i < n; i++)
		forms[i] = texts[i].ptr ? normal(texts[i], scratch)
					: span_make(NULL, 0);
	for (size_t i = 0; i < n; i++) {
		size_t same = 0;

		for (size_t k = 0; forms[i].ptr && k < n; k++)
			same += forms[k].ptr && span_eq(forms[i], forms[k]);
		if (same >= agree)
			return i;
	}
	return SIZE_MAX;
}
