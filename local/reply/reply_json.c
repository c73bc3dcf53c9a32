/* reply_json.c -- strict JSON, checked a byte at a time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/reply/reply_json.h"
#include "local/reply.h"

#include <string.h>

_Static_assert(REPLY_DEPTH_MAX <= 64, "is_object has a bit for each level");

enum state {
	ROOT,
	FIRST_KEY, /* or } */
	KEY,
	COLON,
	FIRST_ITEM, /* or ] */
	VALUE,
	AFTER, /* a value: , or the container's end */
	STRING,
	ESCAPE,
	HEX,
	WORD,
	MINUS,
	ZERO,
	WHOLE,
	POINT,
	FRACTION,
	EXPONENT,
	EXPONENT_SIGN,
	EXPONENT_DIGITS,
	DONE,
};

void reply_json_init(struct reply_json *json)
{
	memset(json, 0, sizeof(*json));
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static enum reply_json_event open_container(
    struct reply_json *json, bool is_object)
{
	uint64_t bit = UINT64_C(1) << json->depth % 64;

	if (json->depth >= REPLY_DEPTH_MAX)
		return REPLY_JSON_BAD;
	json->depth++;
	json->is_object =
	    is_object ? json->is_object | bit : json->is_object & ~bit;
	json->state = is_object ? FIRST_KEY : FIRST_ITEM;
	return REPLY_JSON_VALUE_BEGAN;
}

static enum reply_json_event close_container(struct reply_json *json)
{
	json->depth--;
	json->state = json->depth > 0 ? AFTER : DONE;
	return REPLY_JSON_VALUE_ENDED;
}

static bool is_in_object(const struct reply_json *json)
{
	return json->is_object >> (json->depth - 1) & 1;
}

static enum reply_json_event open_word(
    struct reply_json *json, const char *word)
{
	json->rest = word + 1;
	json->state = WORD;
	return REPLY_JSON_VALUE_BEGAN;
}

static enum reply_json_event open_string(struct reply_json *json, bool is_key)
{
	json->state = STRING;
	json->is_key = is_key;
	return is_key ? REPLY_JSON_KEY_BEGAN : REPLY_JSON_VALUE_BEGAN;
}

static enum reply_json_event open_value(struct reply_json *json, uint8_t c)
{
	switch (c) {
	case '{':
	case '[':
		return open_container(json, c == '{');
	case '"':
		return open_string(json, false);
	case 't':
		return open_word(json, "true");
	case 'f':
		return open_word(json, "false");
	case 'n':
		return open_word(json, "null");
	default:
		if (c != '-' && !is_digit(c))
			return REPLY_JSON_BAD;
		json->state = c == '-' ? MINUS : c == '0' ? ZERO : WHOLE;
		return REPLY_JSON_VALUE_BEGAN;
	}
}

static enum reply_json_event after_value(struct reply_json *json, uint8_t c)
{
	bool is_object = is_in_object(json);

	if (c == (is_object ? '}' : ']'))
		return close_container(json);
	if (c == ',')
		json->state = is_object ? KEY : VALUE;
	else if (is_blank(c))
		json->state = AFTER;
	else
		return REPLY_JSON_BAD;
	return REPLY_JSON_ON;
}

/* Between tokens, where white space may stand. */
static enum reply_json_event between(struct reply_json *json, uint8_t c)
{
	if (is_blank(c))
		return REPLY_JSON_ON;
	switch (json->state) {
	case ROOT:
		return c == '{' ? open_container(json, true) : REPLY_JSON_BAD;
	case FIRST_KEY:
		if (c == '}')
			return close_container(json);
		return c == '"' ? open_string(json, true) : REPLY_JSON_BAD;
	case KEY:
		return c == '"' ? open_string(json, true) : REPLY_JSON_BAD;
	case COLON:
		json->state = VALUE;
		return c == ':' ? REPLY_JSON_ON : REPLY_JSON_BAD;
	case FIRST_ITEM:
		return c == ']' ? close_container(json) : open_value(json, c);
	case VALUE:
		return open_value(json, c);
	default:
		return REPLY_JSON_BAD;
	}
}

/* The first byte of a character beyond ASCII. Source: RFC 3629. */
static bool open_character(struct reply_json *json, uint8_t c)
{
	if (c < 0xc2 || c > 0xf4)
		return false;
	json->tail = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	json->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	json->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	return true;
}

static enum reply_json_event in_string(struct reply_json *json, uint8_t c)
{
	if (json->tail > 0) {
		if (c < json->low || c > json->high)
			return REPLY_JSON_BAD;
		json->tail--;
		json->low = 0x80;
		json->high = 0xbf;
		return REPLY_JSON_ON;
	}
	if (c == '\\') {
		json->state = ESCAPE;
		return REPLY_JSON_ON;
	}
	if (json->has_high || c < 0x20)
		return REPLY_JSON_BAD;
	if (c == '"') {
		json->state = json->is_key ? COLON : AFTER;
		return json->is_key ? REPLY_JSON_KEY_ENDED
				    : REPLY_JSON_VALUE_ENDED;
	}
	return c < 0x80 || open_character(json, c) ? REPLY_JSON_ON
						   : REPLY_JSON_BAD;
}

static enum reply_json_event in_escape(struct reply_json *json, uint8_t c)
{
	json->digits = 0;
	json->unit = 0;
	json->state = c == 'u' ? HEX : STRING;
	if (c == 'u')
		return REPLY_JSON_ON;
	if (json->has_high || c == '\0' || !strchr("\"\\/bfnrt", c))
		return REPLY_JSON_BAD;
	return REPLY_JSON_ON;
}

static enum reply_json_event in_hex(struct reply_json *json, uint8_t c)
{
	uint8_t letter = c | 0x20;
	uint32_t digit;

	if (is_digit(c))
		digit = (uint32_t)c - '0';
	else if (letter >= 'a' && letter <= 'f')
		digit = (uint32_t)letter - 'a' + 10;
	else
		return REPLY_JSON_BAD;
	json->unit = json->unit << 4 | digit;
	if (++json->digits < 4)
		return REPLY_JSON_ON;
	json->state = STRING;
	if ((json->unit >> 10 == 0xdc00 >> 10) != json->has_high)
		return REPLY_JSON_BAD;
	json->has_high = json->unit >> 10 == 0xd800 >> 10;
	return REPLY_JSON_ON;
}

static enum reply_json_event in_word(struct reply_json *json, uint8_t c)
{
	if (c != (uint8_t)*json->rest)
		return REPLY_JSON_BAD;
	if (*++json->rest == '\0')
		json->state = AFTER;
	return REPLY_JSON_ON;
}

/* The state that <c> leads a number to; AFTER when it is no part of it. */
static enum state number_after(enum state state, uint8_t c)
{
	bool can_point = state == ZERO || state == WHOLE;
	bool can_raise = can_point || state == FRACTION;

	if (c == '.' && can_point)
		return POINT;
	if ((c | 0x20) == 'e' && can_raise)
		return EXPONENT;
	if ((c == '+' || c == '-') && state == EXPONENT)
		return EXPONENT_SIGN;
	if (!is_digit(c) || state == ZERO)
		return AFTER;
	if (state == MINUS)
		return c == '0' ? ZERO : WHOLE;
	if (state == POINT)
		return FRACTION;
	if (state == EXPONENT || state == EXPONENT_SIGN)
		return EXPONENT_DIGITS;
	return state;
}

static enum reply_json_event in_number(struct reply_json *json, uint8_t c)
{
	enum state was = (enum state)json->state;
	enum state next = number_after(was, c);

	if (next == AFTER) {
		if (was != ZERO && was != WHOLE && was != FRACTION &&
		    was != EXPONENT_DIGITS)
			return REPLY_JSON_BAD;
		return after_value(json, c);
	}
	json->state = (uint8_t)next;
	return REPLY_JSON_ON;
}

enum reply_json_event reply_json_next(struct reply_json *json, uint8_t byte)
{
	switch ((enum state)json->state) {
	case STRING:
		return in_string(json, byte);
	case ESCAPE:
		return in_escape(json, byte);
	case HEX:
		return in_hex(json, byte);
	case WORD:
		return in_word(json, byte);
	case AFTER:
		return after_value(json, byte);
	case MINUS:
	case ZERO:
	case WHOLE:
	case POINT:
	case FRACTION:
	case EXPONENT:
	case EXPONENT_SIGN:
	case EXPONENT_DIGITS:
		return in_number(json, byte);
	case ROOT:
	case FIRST_KEY:
	case KEY:
	case COLON:
	case FIRST_ITEM:
	case VALUE:
	case DONE:
		break;
	}
	return between(json, byte);
}

bool reply_json_is_object(struct span text)
{
	struct reply_json json;

	reply_json_init(&json);
	for (size_t i = 0; i < text.len; i++)
		if (reply_json_next(&json, (uint8_t)text.ptr[i]) ==
		    REPLY_JSON_BAD)
			return false;
	return json.state == DONE;
}
