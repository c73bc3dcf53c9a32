/* schema_value.c -- constants, strings and numbers of a schema. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "local/grammar/compile.h"
#include "local/grammar/format.h"
#include "local/grammar/number.h"
#include "local/grammar/regex.h"

/* --- constants ------------------------------------------------------------ */

#define CONSTANT_MAX ((size_t)1 << 20) /* bytes of one, and of all together */

/* What lies between two values: brackets, commas, colons, without blanks. */
static bool put_gap(struct buf *out, struct span gap)
{
	for (size_t i = 0; i < gap.len; i++) {
		char byte = gap.ptr[i];

		if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r')
			continue;
		if (!buf_append(out, span_make(&byte, 1)))
			return false;
		if ((byte == ',' || byte == ':') && !buf_append(out, SPAN(" ")))
			return false;
	}
	return true;
}

/* A string in the spelling that has the fewest escapes; DEL has one too. */
static bool put_string(struct buf *out, struct span text)
{
	struct buf plain;
	bool is_ok;

	buf_init(&plain, CONSTANT_MAX);
	is_ok = json_write_string(&plain, text);
	text = buf_span(&plain);
	for (size_t i = 0; i < text.len && is_ok; i++)
		is_ok = text.ptr[i] == '\x7f'
			    ? buf_append(out, SPAN("\\u007f"))
			    : buf_append(out, span_make(text.ptr + i, 1));
	buf_free(&plain);
	return is_ok;
}

/* The value at <node> as it is to be written. */
static bool put_value(struct compiler *c, uint32_t node, struct buf *out)
{
	const struct json_node *nodes = c->doc->nodes;
	const char *text = c->doc->text.ptr;
	uint32_t from = nodes[node].start;

	for (uint32_t i = node; i < nodes[node].next; i++) {
		enum json_type type = json_type(c->doc, i);
		bool is_ok;

		if (type == JSON_ARRAY || type == JSON_OBJECT)
			continue;
		if (!put_gap(
			out, span_make(text + from, nodes[i].start - from)))
			return false;
		if (type == JSON_STRING)
			is_ok =
			    put_string(out, json_text(c->doc, i, &c->scratch));
		else
			is_ok = buf_append(out, json_raw(c->doc, i));
		if (!is_ok)
			return false;
		from = nodes[i].end;
	}
	return put_gap(out, span_make(text + from, nodes[node].end - from));
}

static unsigned type_of(const struct json_doc *doc, uint32_t node)
{
	static const unsigned types[] = {
	    [JSON_NULL] = VALUE_NULL,
	    [JSON_FALSE] = VALUE_BOOLEAN,
	    [JSON_TRUE] = VALUE_BOOLEAN,
	    [JSON_NUMBER] = VALUE_NUMBER,
	    [JSON_STRING] = VALUE_STRING,
	    [JSON_ARRAY] = VALUE_ARRAY,
	    [JSON_OBJECT] = VALUE_OBJECT,
	};

	return types[json_type(doc, node)];
}

/* Whether equal values are equal texts: not of 1 and 1.0, nor of lists. */
static bool has_one_spelling(const struct json_doc *doc, uint32_t node)
{
	struct span text = json_raw(doc, node);

	switch (json_type(doc, node)) {
	case JSON_NUMBER:
		for (size_t i = 0; i < text.len; i++) {
			if (text.ptr[i] < '0' || text.ptr[i] > '9')
				return text.len > 1 && i == 0 &&
				       text.ptr[1] != '0' &&
				       memchr(text.ptr, '.', text.len) ==
					   NULL &&
				       memchr(text.ptr, 'e', text.len) ==
					   NULL &&
				       memchr(text.ptr, 'E', text.len) == NULL;
		}
		return true;
	case JSON_ARRAY:
	case JSON_OBJECT:
		return false;
	default:
		return true;
	}
}

struct constants {
	struct compiler *c;
	struct nfa nfa;
	struct nfa_piece piece;
	unsigned types; /* that are taken */
	unsigned found;
	size_t bytes;
	bool has_one_spelling;
	bool has_only_integers; /* "type" is "integer" */
};

static bool add_constant(struct constants *all, uint32_t node)
{
	struct compiler *c = all->c;
	unsigned type = type_of(c->doc, node);
	bool is_integer = true;
	struct buf text;
	int64_t whole;
	bool is_ok;

	if (type == VALUE_NUMBER && all->has_only_integers)
		is_integer = json_int(c->doc, node, &whole);
	if (!(type & all->types) || !is_integer)
		return true;
	buf_init(&text, CONSTANT_MAX);
	is_ok = put_value(c, node, &text);
	all->bytes += buf_len(&text);
	if (!is_ok || all->bytes > CONSTANT_MAX || all->nfa.is_over)
		is_ok = compile_refuse(c, node, "is too large");
	else
		nfa_piece_text(&all->nfa, &all->piece, buf_span(&text));
	all->found |= type;
	all->has_one_spelling =
	    all->has_one_spelling && has_one_spelling(c->doc, node);
	buf_free(&text);
	return is_ok;
}

/* Whether "type" names integers and not numbers. */
static bool asks_integers(struct compiler *c, const struct keywords *k)
{
	bool is_integer = false;

	if (k->at[KEYWORD_TYPE] != JSON_NONE)
		(void)compile_types(c, k, &is_integer);
	return is_integer;
}

bool compile_constants(
    struct compiler *c, const struct keywords *k, unsigned types, uint32_t node)
{
	struct constants all = {
	    .c = c, .types = types, .has_one_spelling = true};
	uint32_t list = k->at[KEYWORD_ENUM];
	bool is_ok = true;

	if (list != JSON_NONE && !json_is(c->doc, list, JSON_ARRAY))
		return compile_refuse(c, list, "must be a list of values");
	all.has_only_integers = asks_integers(c, k);
	nfa_init(&all.nfa, c->left);
	all.piece = nfa_piece_new(&all.nfa);
	if (list == JSON_NONE) {
		is_ok = add_constant(&all, k->at[KEYWORD_CONST]);
	} else {
		json_for_each(c->doc, list, item)
			is_ok = is_ok && add_constant(&all, item);
	}
	if (is_ok && all.found == 0)
		is_ok = compile_refuse(
		    c, k->schema, "contradicts itself: no value is left");
	if (is_ok)
		is_ok = compile_set_dfa(
		    c, node, nfa_to_dfa(&all.nfa, all.piece), k);
	c->left = all.nfa.left;
	nfa_free(&all.nfa);
	c->grammar->nodes[node].types = (uint8_t)all.found;
	c->grammar->nodes[node].is_literal = all.has_one_spelling;
	return is_ok;
}

/* --- strings -------------------------------------------------------------- */

/* Narrows <dfa> to what <more> accepts too; drops both, NULL past a bound. */
static struct dfa *narrow(struct dfa *dfa, struct dfa *more)
{
	struct dfa *both = dfa && more ? dfa_combine(dfa, more, false) : NULL;

	dfa_free(&dfa);
	dfa_free(&more);
	return both;
}

static struct dfa *pattern_dfa(struct compiler *c, uint32_t at)
{
	struct span text = json_text(c->doc, at, &c->scratch);
	struct error err = {{0}};
	struct dfa *dfa;

	if (!text.ptr) {
		(void)compile_refuse(c, at, "must be a string");
		return NULL;
	}
	dfa = regex_compile(text, &c->left, &err);
	if (!dfa)
		(void)compile_refuse(c, at, "%s", err.text);
	return dfa;
}

static struct dfa *format_dfa(struct compiler *c, uint32_t at)
{
	struct span name = json_text(c->doc, at, &c->scratch), pattern;
	struct error err = {{0}};
	struct dfa *dfa;

	pattern = name.ptr ? format_pattern(name) : name;
	if (!pattern.ptr) {
		(void)compile_refuse(c, at, "\"%.*s\" is not supported",
		    SPAN_FMT(name.ptr ? name : json_raw(c->doc, at)));
		return NULL;
	}
	dfa = regex_compile(pattern, &c->left, &err);
	if (!dfa)
		(void)compile_refuse(c, at, "%s", err.text);
	return dfa;
}

bool compile_string(struct compiler *c, const struct keywords *k, uint32_t node)
{
	uint32_t pattern = k->at[KEYWORD_PATTERN], min = 0, max = ENDLESS;
	uint32_t format = k->at[KEYWORD_FORMAT];
	struct node *at = &c->grammar->nodes[node];
	struct dfa *dfa = NULL, *more;

	if (!compile_count(c, k, KEYWORD_MIN_LENGTH, &min) ||
	    !compile_count(c, k, KEYWORD_MAX_LENGTH, &max))
		return false;
	if (min > max)
		return compile_refuse(
		    c, k->schema, "\"minLength\" is above \"maxLength\"");
	if (pattern == JSON_NONE && format == JSON_NONE) {
		at->kind = NODE_STRING;
		at->string.min = min;
		at->string.max = max;
		return true;
	}
	if (pattern != JSON_NONE && !(dfa = pattern_dfa(c, pattern)))
		return false;
	if (format != JSON_NONE) {
		more = format_dfa(c, format);
		if (!more) {
			dfa_free(&dfa);
			return false;
		}
		dfa = dfa ? narrow(dfa, more) : more;
	}
	if (min > 0 || max < ENDLESS)
		dfa = narrow(dfa, regex_of_length(min, max, &c->left));
	return compile_set_dfa(c, node, dfa, k);
}

/* --- numbers -------------------------------------------------------------- */

#define FAR 1e18 /* a bound beyond which no number is written anyway */

static bool read_bound(struct compiler *c, const struct keywords *k,
    enum keyword keyword, struct bound *bound)
{
	bool is_low = keyword == KEYWORD_MINIMUM || keyword == KEYWORD_ABOVE;
	uint32_t at = k->at[keyword];
	struct bound other;
	double number;
	int order;

	if (at == JSON_NONE)
		return true;
	if (!json_double(c->doc, at, &number))
		return compile_refuse(c, at, "must be a number");
	if (fabs(number) >= FAR) {
		if ((number < 0) == is_low)
			return true;
		return compile_refuse(c, at, "leaves no number");
	}
	other = (struct bound){.is_there = true,
	    .is_outside = keyword == KEYWORD_ABOVE || keyword == KEYWORD_BELOW};
	if (!decimal_read(json_raw(c->doc, at), &other.value) ||
	    (other.value.n_part > 0 &&
		other.value.n_whole + other.value.n_part >
		    GRAMMAR_DECIMAL_DIGITS))
		return compile_refuse(
		    c, at, "has more than %d digits", GRAMMAR_DECIMAL_DIGITS);
	/* Of two bounds the narrower one counts. */
	order =
	    bound->is_there ? decimal_compare(&other.value, &bound->value) : 1;
	if (bound->is_there && !is_low)
		order = -order;
	if (order > 0 || (order == 0 && other.is_outside))
		*bound = other;
	return true;
}

static bool read_multiple(
    struct compiler *c, const struct keywords *k, uint32_t *multiple)
{
	uint32_t at = k->at[KEYWORD_MULTIPLE_OF];
	int64_t whole;

	*multiple = 1;
	if (at == JSON_NONE)
		return true;
	if (!json_int(c->doc, at, &whole) || whole < 1 || whole > 10000)
		return compile_refuse(
		    c, at, "is supported for whole numbers from 1 to 10000");
	*multiple = (uint32_t)whole;
	return true;
}

bool compile_number(struct compiler *c, const struct keywords *k, uint32_t node,
    bool is_integer)
{
	struct number_range range = {.is_integer = is_integer};
	struct dfa *dfa;

	if (!read_bound(c, k, KEYWORD_MINIMUM, &range.low) ||
	    !read_bound(c, k, KEYWORD_ABOVE, &range.low) ||
	    !read_bound(c, k, KEYWORD_MAXIMUM, &range.high) ||
	    !read_bound(c, k, KEYWORD_BELOW, &range.high) ||
	    !read_multiple(c, k, &range.multiple))
		return false;
	/* A multiple of a whole number is whole. */
	if (k->at[KEYWORD_MULTIPLE_OF] != JSON_NONE)
		range.is_integer = true;
	dfa = number_dfa(&range);
	if (!dfa && range.multiple > 1)
		return compile_refuse(
		    c, k->at[KEYWORD_MULTIPLE_OF], "is too large here");
	return compile_set_dfa(c, node, dfa, k);
}
