/* regex.c -- reads a pattern from left to right into an automaton. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/grammar/regex.h"

#include "local/grammar/charset.h"

#define GROUPS_MAX 32
#define REPEAT_MAX 4096

/* A group that is open: its alternatives so far, and the one being read. */
struct group {
	struct nfa_piece piece;
	uint32_t at;    /* where the alternative goes on */
	bool has_ended; /* it ended with $ */
};

struct regex {
	struct nfa nfa;
	struct span rest; /* what is not read yet */
	struct group groups[GROUPS_MAX];
	size_t depth; /* of the group that is read, 0 the whole */
	struct nfa_piece atom;
	bool has_atom; /* that a quantifier may follow */
	struct error *err;
};

static bool refuse(struct regex *r, const char *what)
{
	error_set(r->err, "%s", what);
	return false;
}

static char peek(const struct regex *r, size_t ahead)
{
	return ahead < r->rest.len ? r->rest.ptr[ahead] : '\0';
}

static void skip(struct regex *r, size_t n)
{
	r->rest = span_from(r->rest, n);
}

static struct group *group_of(struct regex *r)
{
	return &r->groups[r->depth];
}

/* --- pieces --------------------------------------------------------------- */

/* Puts the atom that was read behind what the alternative has. */
static void put_atom(struct regex *r)
{
	struct group *group = group_of(r);

	if (!r->has_atom)
		return;
	r->has_atom = false;
	r->nfa.nodes[group->at].out = r->atom.in;
	group->at = r->atom.out;
}

static void take_atom(struct regex *r, struct nfa_piece atom)
{
	put_atom(r);
	r->atom = atom;
	r->has_atom = true;
}

static void take_set(struct regex *r, const struct charset *set)
{
	put_atom(r);
	take_atom(r, charset_piece(&r->nfa, set));
}

/* Any text at all, where a pattern is not anchored. */
static void take_anything(struct regex *r)
{
	struct charset all = {.n = 0};

	charset_invert(&all);
	take_set(r, &all);
	r->atom = nfa_repeat(&r->nfa, r->atom, 0, UINT32_MAX);
	put_atom(r);
}

static void begin_alternative(struct regex *r)
{
	struct group *group = group_of(r);
	uint32_t first = nfa_add(&r->nfa, (struct nfa_node){.kind = NFA_SPLIT});

	nfa_piece_or(&r->nfa, &group->piece, first);
	group->at = first;
	group->has_ended = false;
	if (r->depth > 0)
		return;
	if (peek(r, 0) == '^')
		skip(r, 1);
	else
		take_anything(r);
}

static void end_alternative(struct regex *r)
{
	struct group *group = group_of(r);

	put_atom(r);
	if (r->depth == 0 && !group->has_ended)
		take_anything(r);
	r->nfa.nodes[group->at].out = group->piece.out;
}

/* --- characters ----------------------------------------------------------- */

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The <n> hexadecimal digits after a backslash and a letter. */
static bool read_hex(struct regex *r, size_t n, uint32_t *c)
{
	*c = 0;
	for (size_t i = 0; i < n; i++) {
		int digit = hex_of(peek(r, 2 + i));

		if (digit < 0)
			return refuse(r, "has an ill-formed escape");
		*c = *c * 16 + (uint32_t)digit;
	}
	skip(r, 2 + n);
	return true;
}

/* One character after a backslash that is no class. */
static bool read_escape(struct regex *r, uint32_t *c)
{
	static const char names[] = "fnrtv", values[] = "\f\n\r\t\v";
	char letter = peek(r, 1);
	const char *name;

	if (r->rest.len < 2)
		return refuse(r, "ends with a backslash");
	if (letter == 'x')
		return read_hex(r, 2, c);
	if (letter == 'u') {
		if (peek(r, 2) == '{')
			return refuse(
			    r, "has \\u{...}, which is not supported");
		if (!read_hex(r, 4, c))
			return false;
		if (*c >= 0xd800 && *c <= 0xdfff)
			return refuse(r, "has half a surrogate pair");
		return true;
	}
	if (letter == '0' && hex_of(peek(r, 2)) < 0) {
		*c = 0;
		skip(r, 2);
		return true;
	}
	name = memchr(names, letter, sizeof(names) - 1);
	if (!name && ((letter >= '0' && letter <= '9') ||
			 ((letter | 32) >= 'a' && (letter | 32) <= 'z'))) {
		error_set(r->err, "has \\%c, which is not supported", letter);
		return false;
	}
	if (!name && (unsigned char)letter >= 0x80)
		return refuse(r, "has an ill-formed escape");
	*c = (unsigned char)(name ? values[name - names] : letter);
	skip(r, 2);
	return true;
}

static bool read_char(struct regex *r, uint32_t *c)
{
	size_t len = utf8_decode(r->rest, c);

	if (len == 0)
		return refuse(r, "is not UTF-8");
	skip(r, len);
	return true;
}

/* One end of a range in a class, or a class of its own. */
static bool read_member(
    struct regex *r, struct charset *set, uint32_t *c, bool *is_class)
{
	*is_class = false;
	if (peek(r, 0) != '\\')
		return read_char(r, c);
	if (charset_add_class(set, peek(r, 1))) {
		*is_class = true;
		skip(r, 2);
		return true;
	}
	if (peek(r, 1) == 'b') {
		*c = '\b';
		skip(r, 2);
		return true;
	}
	return read_escape(r, c);
}

static bool read_class(struct regex *r)
{
	struct charset set = {.n = 0};
	bool is_inverted, is_class, is_end_class;

	skip(r, 1);
	is_inverted = peek(r, 0) == '^';
	skip(r, is_inverted);
	while (r->rest.len > 0 && peek(r, 0) != ']') {
		uint32_t low, high;

		if (!read_member(r, &set, &low, &is_class))
			return false;
		if (is_class)
			continue;
		high = low;
		if (peek(r, 0) == '-' && r->rest.len > 1 && peek(r, 1) != ']') {
			skip(r, 1);
			if (!read_member(r, &set, &high, &is_end_class))
				return false;
			if (is_end_class || high < low)
				return refuse(r, "has an ill-formed range");
		}
		charset_add(&set, low, high);
	}
	if (r->rest.len == 0)
		return refuse(r, "has a [ without its ]");
	skip(r, 1);
	if (is_inverted)
		charset_invert(&set);
	if (set.is_over)
		return refuse(r, "has a class of too many ranges");
	take_set(r, &set);
	return true;
}

/* --- quantifiers ---------------------------------------------------------- */

/* A decimal at the front, at most REPEAT_MAX; false when there is none. */
static bool read_count(struct regex *r, uint32_t *count, bool *is_over)
{
	size_t n = 0;

	*count = 0;
	while (peek(r, n) >= '0' && peek(r, n) <= '9') {
		if (*count <= REPEAT_MAX)
			*count = *count * 10 + (uint32_t)(peek(r, n) - '0');
		n++;
	}
	*is_over = *is_over || *count > REPEAT_MAX;
	skip(r, n);
	return n > 0;
}

static bool read_braces(struct regex *r, uint32_t *least, uint32_t *most)
{
	bool is_over = false;

	skip(r, 1);
	if (!read_count(r, least, &is_over))
		return refuse(r, "has a { without a number");
	*most = *least;
	if (peek(r, 0) == ',') {
		skip(r, 1);
		if (!read_count(r, most, &is_over))
			*most = UINT32_MAX;
	}
	if (peek(r, 0) != '}')
		return refuse(r, "has a { without its }");
	skip(r, 1);
	if (is_over)
		return refuse(r, "repeats too often");
	if (*most < *least)
		return refuse(r, "has a quantifier whose ends are swapped");
	return true;
}

static bool read_quantifier(struct regex *r)
{
	uint32_t least = 0, most = UINT32_MAX;
	char c = peek(r, 0);

	if (!r->has_atom)
		return refuse(r, "has a quantifier with nothing before it");
	if (c == '{') {
		if (!read_braces(r, &least, &most))
			return false;
	} else {
		skip(r, 1);
		least = c == '+';
		most = c == '?' ? 1 : UINT32_MAX;
	}
	if (peek(r, 0) == '?')
		skip(r, 1);
	r->atom = nfa_repeat(&r->nfa, r->atom, least, most);
	put_atom(r);
	return true;
}

/* --- the whole ------------------------------------------------------------ */

static bool open_group(struct regex *r)
{
	skip(r, 1);
	if (peek(r, 0) == '?') {
		if (peek(r, 1) != ':')
			return refuse(r, "has a group that looks around or has "
					 "a name, which is not supported");
		skip(r, 2);
	}
	if (r->depth + 1 == GROUPS_MAX)
		return refuse(r, "has groups too deep");
	put_atom(r);
	r->depth++;
	group_of(r)->piece = nfa_piece_new(&r->nfa);
	begin_alternative(r);
	return true;
}

static bool close_group(struct regex *r)
{
	struct nfa_piece piece;

	if (r->depth == 0)
		return refuse(r, "has a ) without its (");
	skip(r, 1);
	end_alternative(r);
	piece = group_of(r)->piece;
	r->depth--;
	r->atom = piece;
	r->has_atom = true;
	return true;
}

static bool read_dollar(struct regex *r)
{
	skip(r, 1);
	if (r->depth > 0 || (r->rest.len > 0 && peek(r, 0) != '|'))
		return refuse(r, "has a $ that is not at the end");
	group_of(r)->has_ended = true;
	return true;
}

static bool read_atom(struct regex *r)
{
	struct charset set = {.n = 0};
	uint32_t c;

	if (peek(r, 0) == '.') {
		charset_add(&set, '\n', '\n');
		charset_add(&set, '\r', '\r');
		charset_add(&set, 0x2028, 0x2029);
		charset_invert(&set);
		skip(r, 1);
	} else if (peek(r, 0) == '\\' && charset_add_class(&set, peek(r, 1))) {
		skip(r, 2);
	} else {
		if (peek(r, 0) == '\\' ? !read_escape(r, &c)
				       : !read_char(r, &c))
			return false;
		charset_add(&set, c, c);
	}
	take_set(r, &set);
	return true;
}

static bool read_next(struct regex *r)
{
	switch (peek(r, 0)) {
	case '(':
		return open_group(r);
	case ')':
		return close_group(r);
	case '[':
		return read_class(r);
	case '$':
		return read_dollar(r);
	case '^':
		return refuse(r, "has a ^ that is not at the beginning");
	case '*':
	case '+':
	case '?':
	case '{':
		return read_quantifier(r);
	case '|':
		skip(r, 1);
		end_alternative(r);
		begin_alternative(r);
		return true;
	default:
		return read_atom(r);
	}
}

/* The piece between two quotes. */
static struct nfa_piece put_quotes(
    struct nfa *nfa, struct nfa_piece piece, struct span end)
{
	struct nfa_piece before = nfa_piece_new(nfa), after;

	nfa_piece_text(nfa, &before, SPAN("\""));
	after = nfa_piece_new(nfa);
	nfa_piece_text(nfa, &after, end);
	nfa->nodes[before.out].out = piece.in;
	nfa->nodes[piece.out].out = after.in;
	return (struct nfa_piece){piece.first, before.in, after.out};
}

struct dfa *regex_compile(struct span pattern, size_t *left, struct error *err)
{
	struct regex r = {.rest = pattern, .err = err};
	struct dfa *dfa = NULL;
	bool is_ok = true;

	nfa_init(&r.nfa, *left);
	group_of(&r)->piece = nfa_piece_new(&r.nfa);
	begin_alternative(&r);
	while (is_ok && r.rest.len > 0 && !r.nfa.is_over)
		is_ok = read_next(&r);
	if (is_ok && r.depth > 0)
		is_ok = r.nfa.is_over || refuse(&r, "has a ( without its )");
	if (is_ok && !r.nfa.is_over) {
		end_alternative(&r);
		dfa = nfa_to_dfa(
		    &r.nfa, put_quotes(&r.nfa, r.groups[0].piece, SPAN("\"")));
	}
	if (is_ok && !dfa)
		(void)refuse(&r, "is too large");
	*left = r.nfa.left;
	nfa_free(&r.nfa);
	return dfa;
}

struct dfa *regex_of_length(uint32_t least, uint32_t most, size_t *left)
{
	struct charset all = {.n = 0};
	struct nfa_piece piece;
	struct dfa *dfa;
	struct nfa nfa;

	if (least > REPEAT_MAX || (most != UINT32_MAX && most > REPEAT_MAX))
		return NULL;
	nfa_init(&nfa, *left);
	charset_invert(&all);
	piece = charset_piece(&nfa, &all);
	piece = nfa_repeat(&nfa, piece, least, most);
	dfa = nfa_to_dfa(&nfa, put_quotes(&nfa, piece, SPAN("\"")));
	*left = nfa.left;
	nfa_free(&nfa);
	return dfa;
}

struct dfa *regex_of_keys(size_t *left)
{
	struct charset all = {.n = 0};
	struct nfa_piece piece;
	struct dfa *dfa;
	struct nfa nfa;

	nfa_init(&nfa, *left);
	charset_invert(&all);
	piece = charset_raw_piece(&nfa, &all);
	piece = nfa_repeat(&nfa, piece, 0, UINT32_MAX);
	dfa = nfa_to_dfa(&nfa, put_quotes(&nfa, piece, SPAN("\":")));
	*left = nfa.left;
	nfa_free(&nfa);
	return dfa;
}
