/* directives.h -- what a test asks an answer to do wrong. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_PROVIDER_DIRECTIVES_H
#define FAKE_PROVIDER_DIRECTIVES_H

#include "base/base.h"

/*
 * Directives are names, some with a value, that change one answer: its length
 * and shape, or what breaks on its way. They stand as "[[name=value name]]" in
 * the last user message (or prompt, or input), or come by the control port's
 * scripts; the message's win. README.md says what each does.
 *
 * One row each: kind, name, least and greatest value. A flag's value is 1; what
 * was not asked for is DIRECTIVE_UNSET.
 */
#define DIRECTIVE_UNSET INT64_C(-1)
#define DIRECTIVE_FOREVER (INT64_C(3600) * 1000) /* ms; every wait ends */

#define DIRECTIVES(NUMBER, FLAG, TEXT)                                         \
	NUMBER(status, 100, 599)                                               \
	TEXT(retry_after)                                                      \
	NUMBER(delay, 0, DIRECTIVE_FOREVER)                                    \
	NUMBER(stall, 0, DIRECTIVE_FOREVER)                                    \
	NUMBER(at, 0, INT32_MAX)                                               \
	NUMBER(cut, 0, INT32_MAX)                                              \
	NUMBER(cut_event, 0, INT32_MAX)                                        \
	FLAG(reset)                                                            \
	FLAG(hangup)                                                           \
	FLAG(garbage)                                                          \
	FLAG(bill)                                                             \
	NUMBER(malformed_event, 0, INT32_MAX)                                  \
	NUMBER(error_event, 0, INT32_MAX)                                      \
	FLAG(no_usage)                                                         \
	NUMBER(wrong_usage, 0, INT32_MAX)                                      \
	FLAG(usage_in_last_content)                                            \
	FLAG(usage_every_chunk)                                                \
	FLAG(no_done)                                                          \
	NUMBER(split, 1, INT32_MAX)                                            \
	NUMBER(tokens, 0, 1000000)                                             \
	NUMBER(pace, 0, DIRECTIVE_FOREVER)                                     \
	NUMBER(cached, 0, INT32_MAX)                                           \
	NUMBER(reasoning, 0, 1000000)                                          \
	NUMBER(calls, 1, 16)                                                   \
	FLAG(refusal)                                                          \
	FLAG(echo)                                                             \
	NUMBER(big, 1, 65536)                                                  \
	FLAG(gzip)                                                             \
	TEXT(redirect)                                                         \
	FLAG(early)                                                            \
	FLAG(close)                                                            \
	TEXT(encoding_header)                                                  \
	FLAG(http10)                                                           \
	FLAG(continue_first)                                                   \
	FLAG(no_content_length)

struct directives {
#define DIRECTIVE_NUMBER(name, least, most) int64_t name;
#define DIRECTIVE_FLAG(name) int64_t name;
#define DIRECTIVE_TEXT(name) struct span name;
	DIRECTIVES(DIRECTIVE_NUMBER, DIRECTIVE_FLAG, DIRECTIVE_TEXT)
#undef DIRECTIVE_NUMBER
#undef DIRECTIVE_FLAG
#undef DIRECTIVE_TEXT
	uint64_t split_seed; /* of split=random:SEED; 0: all of one length */
};

/* Nothing asked for. */
extern const struct directives directives_none;

/* Whether <value> was asked for. */
static inline bool directive_is_set(int64_t value)
{
	return value != DIRECTIVE_UNSET;
}

/* <value>, or <otherwise> where it was not asked for. */
static inline int64_t directive_or(int64_t value, int64_t otherwise)
{
	return value != DIRECTIVE_UNSET ? value : otherwise;
}

/*
 * Reads "name=value name ..." over what <directives> says already. Texts point
 * into <list>. FAILED names the directive that is unknown or out of range.
 */
enum result directives_read(struct directives *directives, struct span list,
    struct error *err) must_check;

/*
 * The same for every "[[...]]" within <message>. Brackets whose first word is
 * no directive are the message's own and mean nothing.
 */
enum result directives_find(struct directives *directives, struct span message,
    struct error *err) must_check;

/* Copies what the texts point to into <arena>. */
void directives_keep(struct directives *directives, struct arena *arena);

#endif
