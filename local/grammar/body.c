/* body.c -- what may stand between a JSON string's quotes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/grammar/run.h"

/*
 * RFC 8259, section 7, and RFC 3629: UTF-8 without overlong forms and
 * surrogates, no raw controls and no raw DEL, escaped surrogates in pairs.
 */
static bool is_hex(unsigned char byte)
{
	return (byte >= '0' && byte <= '9') ||
	       ((byte | 32) >= 'a' && (byte | 32) <= 'f');
}

static enum body step_text(unsigned char byte)
{
	if (byte < 0x80) {
		if (byte == '"')
			return BODY_END;
		if (byte == '\\')
			return BODY_ESCAPE;
		return byte >= 0x20 && byte != 0x7f ? BODY_TEXT : BODY_DEAD;
	}
	if (byte < 0xc2 || byte > 0xf4)
		return BODY_DEAD;
	if (byte < 0xe0)
		return BODY_TAIL1;
	if (byte < 0xf0)
		return byte == 0xe0   ? BODY_TAIL_E0
		       : byte == 0xed ? BODY_TAIL_ED
				      : BODY_TAIL2;
	return byte == 0xf0   ? BODY_TAIL_F0
	       : byte == 0xf4 ? BODY_TAIL_F4
			      : BODY_TAIL3;
}

static enum body step_escape(unsigned char byte)
{
	if (byte == 'u')
		return BODY_HEX4;
	return byte != 0 && strchr("\"\\/bfnrt", byte) ? BODY_TEXT : BODY_DEAD;
}

/* The digits of \uXXXX; D8 to DB begin a pair, DC to DF cannot come first. */
static enum body step_hex(enum body at, unsigned char byte)
{
	if (!is_hex(byte))
		return BODY_DEAD;
	switch (at) {
	case BODY_HEX4:
		return (byte | 32) == 'd' ? BODY_HEX_D : BODY_HEX3;
	case BODY_HEX_D:
		if (byte <= '7')
			return BODY_HEX2;
		return byte == '8' || byte == '9' || (byte | 32) == 'a' ||
			       (byte | 32) == 'b'
			   ? BODY_HIGH2
			   : BODY_DEAD;
	case BODY_HEX3:
		return BODY_HEX2;
	case BODY_HEX2:
		return BODY_HEX1;
	case BODY_HIGH2:
		return BODY_HIGH1;
	case BODY_HIGH1:
		return BODY_LOW;
	default:
		return BODY_TEXT;
	}
}

static enum body step_low(enum body at, unsigned char byte)
{
	switch (at) {
	case BODY_LOW:
		return byte == '\\' ? BODY_LOW_U : BODY_DEAD;
	case BODY_LOW_U:
		return byte == 'u' ? BODY_LOW_D : BODY_DEAD;
	case BODY_LOW_D:
		return (byte | 32) == 'd' ? BODY_LOW_C : BODY_DEAD;
	default:
		return (byte | 32) >= 'c' && (byte | 32) <= 'f' ? BODY_HEX2
								: BODY_DEAD;
	}
}

static enum body step_tail(enum body at, unsigned char byte)
{
	unsigned char low = 0x80, high = 0xbf;
	enum body next = BODY_TAIL1;

	switch (at) {
	case BODY_TAIL_E0:
		low = 0xa0;
		break;
	case BODY_TAIL_ED:
		high = 0x9f;
		break;
	case BODY_TAIL_F0:
		low = 0x90;
		next = BODY_TAIL2;
		break;
	case BODY_TAIL_F4:
		high = 0x8f;
		next = BODY_TAIL2;
		break;
	case BODY_TAIL3:
		next = BODY_TAIL2;
		break;
	case BODY_TAIL1:
		next = BODY_TEXT;
		break;
	default:
		break;
	}
	return byte >= low && byte <= high ? next : BODY_DEAD;
}

enum body body_step(enum body at, unsigned char byte)
{
	if (at == BODY_TEXT)
		return step_text(byte);
	if (at == BODY_ESCAPE)
		return step_escape(byte);
	if (at <= BODY_HIGH1)
		return step_hex(at, byte);
	if (at <= BODY_LOW_C)
		return step_low(at, byte);
	return at < BODY_END ? step_tail(at, byte) : BODY_DEAD;
}
