/* reply_json.h -- strict JSON, checked a byte at a time. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_REPLY_REPLY_JSON_H
#define LOCAL_REPLY_REPLY_JSON_H

#include "base/span.h"

/*
 * The grammar of base/json.h (RFC 8259, UTF-8 checked, no lone surrogate), for
 * text of which more is to come: it says at once which byte makes it no JSON,
 * and where members begin and end. The root is an object. Keeps no bytes.
 */
struct reply_json {
	uint64_t is_object; /* bit d: level d + 1 is an object's */
	const char *rest;   /* of true, false, null: what has to follow */
	uint32_t unit;      /* of a \u escape, as far as read */
	uint8_t state;
	uint8_t depth;     /* levels that are open */
	uint8_t digits;    /* of \u, read */
	uint8_t tail;      /* bytes of a character that are to come */
	uint8_t low, high; /* bounds of the next of them */
	bool is_key;
	bool has_high; /* a low surrogate's escape has to follow */
};

/* What a byte did. Depths are those after the byte. */
enum reply_json_event {
	REPLY_JSON_BAD, /* not JSON, or too deep: feed no more */
	REPLY_JSON_ON,
	REPLY_JSON_KEY_BEGAN, /* at its quote */
	REPLY_JSON_KEY_ENDED,
	REPLY_JSON_VALUE_BEGAN, /* any; a container's counts in depth already */
	REPLY_JSON_VALUE_ENDED, /* strings and containers only */
};

void reply_json_init(struct reply_json *json);

/* The next byte; after depth is 0 again white space only. */
enum reply_json_event reply_json_next(struct reply_json *json, uint8_t byte);

/* Whether <text> is one object, and white space. */
bool reply_json_is_object(struct span text);

#endif
