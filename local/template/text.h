/* text.h -- strings whose every byte knows whether it may be trusted. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TEMPLATE_TEXT_H
#define LOCAL_TEMPLATE_TEXT_H

#include "local/template/value.h"

/*
 * A builder collects marked bytes: what a template prints, a block that is
 * captured, the result of an operation on strings. It grows in the run's
 * arena, to TEMPLATE_OUTPUT_MAX at most. A function that returns false has
 * made the run fail; nothing needs to be given back.
 */
struct builder {
	struct run *run;
	char *bytes;    /* (cap) */
	uint8_t *marks; /* (cap) */
	size_t len, cap;
};

void jinja_builder_init(struct builder *builder, struct run *run);

bool jinja_put(
    struct builder *builder, struct span bytes, bool is_trusted) must_check;
bool jinja_put_text(
    struct builder *builder, const struct text *text) must_check;

/* Bytes <from> to <to> of <text>. */
bool jinja_put_range(struct builder *builder, const struct text *text,
    size_t from, size_t to) must_check;

/* One byte repeated, trusted: indentation, padding. */
bool jinja_put_repeated(
    struct builder *builder, char byte, size_t count) must_check;

/* What was collected, as a string; the builder is not to be used after. */
bool jinja_builder_finish(
    struct builder *builder, struct value *out) must_check;

/* --- strings ------------------------------------------------------------ */

/* <a> and then <b>. Appending again and again takes linear time. */
bool jinja_concat(struct run *run, struct text *a, struct text *b,
    struct value *out) must_check;

/* Bytes <from> to <to>, without a copy. */
bool jinja_cut(struct run *run, const struct text *text, size_t from, size_t to,
    struct value *out) must_check;

/* Whether byte <at> may be trusted. */
static inline bool text_mark(const struct text *text, size_t at)
{
	return text->marks ? text->marks[at] : text->is_trusted;
}

/* Code points in a string. */
size_t jinja_count(const struct text *text);

/* Byte offset of code point <index>; the length when there are fewer. */
size_t jinja_offset(const struct text *text, size_t index);

/* The code point at byte <at> of valid UTF-8, and its length in bytes. */
uint32_t jinja_code_point(struct span text, size_t at, size_t *len);

/* Where the code point that ends before byte <at> begins. */
size_t jinja_before(struct span text, size_t at);

/* Python's str.isspace() of one code point. */
bool jinja_is_space(uint32_t code_point);

/*
 * str.strip(): from both ends, or one, what is in <chars>, or white space when
 * that is NULL.
 */
enum strip_ends {
	STRIP_LEFT = 1,
	STRIP_RIGHT = 2,
	STRIP_BOTH = 3
};
void jinja_strip_range(const struct text *text, const struct text *chars,
    enum strip_ends ends, size_t range[2]);

/* First <needle> in bytes <from> to the end; SIZE_MAX when absent. */
size_t jinja_find(
    struct run *run, const struct text *text, struct span needle, size_t from);

/* --- case (case.c) ------------------------------------------------------ */

enum case_rule {
	CASE_UPPER,
	CASE_LOWER,
	CASE_CAPITALIZE, /* str.capitalize() */
	CASE_TITLE,      /* str.title() */
	CASE_TITLE_WORD, /* the filter `title`, which splits at white space */
	CASE_SWAP,
};
bool jinja_case(struct run *run, const struct text *text, enum case_rule rule,
    struct value *out) must_check;

/* Python's str predicates of a whole string; false for an empty one. */
enum class_rule {
	CLASS_ALPHA,
	CLASS_ALNUM,
	CLASS_DIGIT,
	CLASS_DECIMAL,
	CLASS_SPACE,
	CLASS_UPPER,
	CLASS_LOWER,
};
bool jinja_has_class(const struct text *text, enum class_rule rule);

/* str.isprintable() of one code point. */
bool jinja_is_printable(uint32_t code_point);

/* --- printing (print.c) ------------------------------------------------- */

/* str(value) and repr(value), appended. */
bool jinja_print(struct builder *builder, const struct value *value) must_check;
bool jinja_repr(struct builder *builder, const struct value *value) must_check;

/* str(value); a string is itself. */
bool jinja_str(
    struct run *run, const struct value *value, struct text **out) must_check;

/* repr() of a float into <text> of REAL_TEXT_MAX bytes; its length. */
#define REAL_TEXT_MAX 48
size_t jinja_print_real(double real, char *text);

/* --- JSON (tojson.c) ---------------------------------------------------- */

struct json_style {
	bool is_ascii, sorts_keys;
	bool has_indent;
	struct span indent; /* of one level */
	struct span comma, colon;
};

/* json.dumps(value), appended. */
bool jinja_to_json(struct builder *builder, const struct value *value,
    const struct json_style *style) must_check;

#endif
