/* spell.c -- whether a vocabulary can write what a grammar asks for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/grammar/program.h"
#include "local/grammar/vocab.h"

/*
 * An answer stands between two characters wherever a token may end, unless
 * every byte that goes on with a character has a token. So it can always go on
 * when from each such place some character leads on that a token writes alone.
 * That is asked of the automata and of the names of properties; brackets,
 * quotes and what any string may hold every vocabulary has.
 */
#define CHARACTER_MAX 4 /* bytes */

static size_t character_len(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

static bool is_tail(unsigned byte)
{
	return byte >= 0x80 && byte <= 0xbf;
}

/* --- names ---------------------------------------------------------------- */

/* Whether a token is <text>, which is one character. */
static bool has_character(const struct grammar_vocab *vocab, struct span text)
{
	const struct branch *branches = vocab->branches;
	uint32_t at = 0;

	if (text.len == 1 || vocab->has_parts)
		return vocab->has_byte[(unsigned char)text.ptr[0]];
	for (size_t i = 0; i < text.len; i++) {
		uint32_t end = branches[at++].skip;

		while (
		    at < end && branches[at].byte != (unsigned char)text.ptr[i])
			at = branches[at].skip;
		if (at >= end)
			return false;
	}
	return branches[at].n_tokens > 0;
}

static enum result check_name(const struct grammar_vocab *vocab,
    const struct property *property, struct error *err)
{
	struct span rest = property->key;

	while (rest.len > 0) {
		struct span one =
		    span_head(rest, character_len((unsigned char)rest.ptr[0]));

		if (!has_character(vocab, one)) {
			error_set(err,
			    "the vocabulary has no token that is \"%.*s\" "
			    "alone, which the property \"%.*s\" needs",
			    SPAN_FMT(one),
			    SPAN_FMT(span_head(property->name, 100)));
			return FAILED;
		}
		rest = span_from(rest, one.len);
	}
	return OK;
}

/* --- automata ------------------------------------------------------------- */

/* Whether bytes <first> to <last> of <state> lead on and have tokens. */
static bool has_way(const struct grammar_vocab *vocab, const struct dfa *dfa,
    uint32_t state, const unsigned range[2])
{
	for (unsigned byte = range[0]; byte <= range[1]; byte++) {
		if (vocab->has_byte[byte] &&
		    dfa_step(dfa, state, (unsigned char)byte) != DFA_DEAD)
			return true;
	}
	return false;
}

/* Whether a character of several bytes leads on that is a token. */
static bool has_long_way(
    const struct grammar_vocab *vocab, const struct dfa *dfa, uint32_t state)
{
	uint32_t states[CHARACTER_MAX + 1] = {state};
	size_t len = 0;

	for (uint32_t i = 1; i < vocab->n_branches;) {
		const struct branch *b = &vocab->branches[i];

		if (b->depth == 1)
			len = character_len(b->byte);
		states[b->depth] = dfa_step(dfa, states[b->depth - 1], b->byte);
		if (b->depth == len && len > 1 && b->n_tokens > 0 &&
		    states[b->depth] != DFA_DEAD)
			return true;
		i = b->depth == len || states[b->depth] == DFA_DEAD ? b->skip
								    : i + 1;
	}
	return false;
}

static bool is_inside_character(const struct dfa *dfa, uint32_t state)
{
	for (unsigned byte = 0x80; byte <= 0xbf; byte++) {
		if (dfa_step(dfa, state, (unsigned char)byte) != DFA_DEAD)
			return true;
	}
	return false;
}

static bool can_go_on(
    const struct grammar_vocab *vocab, const struct dfa *dfa, uint32_t state)
{
	unsigned sole = dfa->sole[state];

	if (dfa->accepts[state] || sole == DFA_NO_BYTE)
		return true; /* what follows is a bracket, a comma or the end */
	if (sole < 0x80)
		return vocab->has_byte[sole];
	return has_way(vocab, dfa, state, (const unsigned[]){0, 0x7f}) ||
	       is_inside_character(dfa, state) ||
	       (vocab->has_parts ? has_way(vocab, dfa, state,
				       (const unsigned[]){0xc2, 0xf4})
				 : has_long_way(vocab, dfa, state));
}

/* The first character that leads on from <state>. */
static size_t name_way(
    const struct dfa *dfa, uint32_t state, char out[CHARACTER_MAX])
{
	size_t n = 0;

	do {
		unsigned byte = 0;

		while (byte < 0xff &&
		       dfa_step(dfa, state, (unsigned char)byte) == DFA_DEAD)
			byte++;
		if (n > 0 && !is_tail(byte))
			break;
		state = dfa_step(dfa, state, (unsigned char)byte);
		out[n++] = (char)byte;
	} while (n < character_len((unsigned char)out[0]));
	return n;
}

static enum result check_dfa(
    const struct grammar_vocab *vocab, const struct dfa *dfa, struct error *err)
{
	char text[CHARACTER_MAX];

	for (uint32_t state = DFA_START; state < dfa->n_states; state++) {
		if (can_go_on(vocab, dfa, state))
			continue;
		error_set(err,
		    "the vocabulary has no token that is \"%.*s\" alone, which "
		    "a constant or a pattern needs",
		    (int)name_way(dfa, state, text), text);
		return FAILED;
	}
	return OK;
}

/* --- all of it ------------------------------------------------------------ */

static enum result check_object(const struct grammar *grammar,
    const struct object_node *object, const struct grammar_vocab *vocab,
    struct error *err)
{
	for (uint32_t i = 0; i < object->n; i++) {
		const struct property *p = &object->properties[i];

		/* One that can have no value is never written. */
		if (grammar_node(grammar, p->node)->height != HEIGHT_NEVER &&
		    check_name(vocab, p, err) != OK)
			return FAILED;
	}
	return object->rest_key && object->rest != NODE_NONE
		   ? check_dfa(vocab, object->rest_key, err)
		   : OK;
}

enum result grammar_is_spelled(const struct grammar *grammar,
    const struct grammar_vocab *vocab, struct error *err)
{
	enum result result = OK;

	if (vocab->has_all)
		return OK;
	for (uint32_t i = 0; i < grammar->n_nodes && result == OK; i++) {
		const struct node *node = grammar_node(grammar, i);

		if (node->kind == NODE_DFA)
			result = check_dfa(vocab, node->dfa, err);
		else if (node->kind == NODE_OBJECT)
			result =
			    check_object(grammar, &node->object, vocab, err);
	}
	return result;
}
