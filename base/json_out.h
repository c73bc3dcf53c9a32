/* json_out.h -- writes JSON text quickly into memory of a known size. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_OUT_H
#define BASE_JSON_OUT_H

#include "base/span.h"

/*
 * For lines written once a request, where printf would cost more than the
 * routing. Members follow one another with their commas; what does not fit is
 * dropped whole and noted, and the text is then not to be used.
 */
struct json_out {
	char *start, *at, *end;
	bool is_full;    /* something did not fit */
	bool has_member; /* the next one is preceded by a comma */
};

void json_out_init(struct json_out *out, char *memory, size_t len);

/* "{" and "}", "[" and "]"; the value of a member or an element. */
void json_out_open(struct json_out *out, char bracket);
void json_out_close(struct json_out *out, char bracket);

/* "name": with its comma; <name> is plain ASCII. */
void json_out_name(struct json_out *out, struct span name);

/* An element's comma, before a value in an array. */
void json_out_next(struct json_out *out);

/* Values. */
void json_out_raw(struct json_out *out, struct span text);
void json_out_string(struct json_out *out, struct span text);
void json_out_int(struct json_out *out, int64_t value);

/* <value> / 10^digits as a decimal with that many fractional digits. */
void json_out_decimal(struct json_out *out, int64_t value, unsigned digits);

/* What was written. */
struct span json_out_text(const struct json_out *out);

#endif
