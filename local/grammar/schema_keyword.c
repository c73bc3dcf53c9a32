/* schema_keyword.c -- a schema's members, by the table of keywords. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/grammar/compile.h"

static const struct {
	struct span name;
	enum about about;
} keywords[] = {
#define KEYWORD_ROW(id, name, about) {SPAN(name), about},
    KEYWORDS(KEYWORD_ROW)
#undef KEYWORD_ROW
};

static bool read_keyword(
    struct compiler *c, struct keywords *k, uint32_t key, uint32_t value)
{
	struct span name = json_text(c->doc, key, &c->scratch);

	for (size_t i = 0; i < KEYWORD_COUNT; i++) {
		if (!span_eq(name, keywords[i].name))
			continue;
		k->at[i] = value;
		return true;
	}
	if (span_starts_with(name, SPAN("x-")))
		return true;
	return compile_refuse(
	    c, k->schema, "\"%.*s\" is not supported", SPAN_FMT(name));
}

bool compile_read_keywords(
    struct compiler *c, uint32_t schema, struct keywords *k)
{
	k->schema = schema;
	for (size_t i = 0; i < KEYWORD_COUNT; i++)
		k->at[i] = JSON_NONE;
	for (uint32_t key = json_first(c->doc, schema); key != JSON_NONE;) {
		uint32_t value = json_after(c->doc, schema, key);

		if (!read_keyword(c, k, key, value))
			return false;
		key = json_after(c->doc, schema, value);
	}
	return true;
}

bool compile_stands_alone(
    struct compiler *c, const struct keywords *k, enum keyword keyword)
{
	for (size_t i = 0; i < KEYWORD_COUNT; i++) {
		bool is_type =
		    i == KEYWORD_TYPE &&
		    (keyword == KEYWORD_ENUM || keyword == KEYWORD_CONST);

		if (i == keyword || k->at[i] == JSON_NONE || is_type ||
		    keywords[i].about == ABOUT_NOTHING)
			continue;
		return compile_refuse(c, k->schema,
		    "\"%s\" beside \"%s\" is not supported",
		    keywords[i].name.ptr, keywords[keyword].name.ptr);
	}
	return true;
}

bool compile_count(struct compiler *c, const struct keywords *k,
    enum keyword keyword, uint32_t *value)
{
	uint32_t at = k->at[keyword];
	double number;

	if (at == JSON_NONE)
		return true;
	if (!json_double(c->doc, at, &number) || number < 0 ||
	    (number < 1e9 && number != (double)(uint32_t)number))
		return compile_refuse(
		    c, at, "must be a whole number from 0 on");
	*value = number < 1e9 ? (uint32_t)number : ENDLESS - 1;
	return true;
}

unsigned compile_guess_types(const struct keywords *k)
{
	static const unsigned types[] = {
	    [ABOUT_STRINGS] = VALUE_STRING,
	    [ABOUT_NUMBERS] = VALUE_NUMBER,
	    [ABOUT_ARRAYS] = VALUE_ARRAY,
	    [ABOUT_OBJECTS] = VALUE_OBJECT,
	};
	unsigned found = 0;

	for (size_t i = 0; i < KEYWORD_COUNT; i++) {
		if (k->at[i] != JSON_NONE)
			found |= types[keywords[i].about];
	}
	return found ? found : VALUE_ANY;
}
