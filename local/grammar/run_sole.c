/* run_sole.c -- whether a place leaves one byte to write, or a choice. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/grammar/run_parts.h"

static unsigned sole_of_member(const struct run *run, const struct spot *s)
{
	bool may_end = s->index >= object_of(run, s)->n_to_required;
	bool may_go_on = run_has_member(run, s);

	if (may_end && may_go_on)
		return DFA_MANY_BYTES;
	return may_end ? '}' : ',';
}

static unsigned sole_of_item(const struct run *run, const struct spot *s)
{
	bool may_end = s->count >= array_of(run, s)->min;
	bool may_go_on = run_has_item(run, s);

	if (may_end && may_go_on)
		return DFA_MANY_BYTES;
	return may_end ? ']' : ',';
}

static unsigned sole_of(const struct run *run, const struct spot *s)
{
	const struct node *n = grammar_node(run->grammar, s->node);

	switch ((enum phase)s->phase) {
	case PHASE_DFA:
		return n->dfa->sole[s->index];
	case PHASE_QUOTE:
		return '"';
	case PHASE_BODY:
		return s->index == BODY_TEXT && s->count == n->string.max
			   ? '"'
			   : DFA_MANY_BYTES;
	case PHASE_OBJECT:
		return '{';
	case PHASE_CLOSE:
		return '}';
	case PHASE_KEY:
		return (unsigned char)n->object.properties[s->index]
		    .key.ptr[s->count];
	case PHASE_REST_KEY:
		return n->object.rest_key->sole[s->index];
	case PHASE_COLON:
		return ':';
	case PHASE_MEMBER:
		return sole_of_member(run, s);
	case PHASE_GAP:
	case PHASE_SPACE:
		return ' ';
	case PHASE_ARRAY:
		return '[';
	case PHASE_END:
		return ']';
	case PHASE_ITEM:
		return sole_of_item(run, s);
	case PHASE_DONE:
		break;
	}
	return DFA_MANY_BYTES;
}

unsigned run_sole_byte(
    const struct run *run, uint32_t first, uint32_t end, bool skips_blanks)
{
	unsigned found = DFA_NO_BYTE;

	for (uint32_t i = first; i < end; i++) {
		const struct spot *s = &run->live[i];
		unsigned byte;

		if (s->phase == PHASE_DONE && end - first == 1)
			return DFA_NO_BYTE;
		if (skips_blanks &&
		    (s->phase == PHASE_SPACE || s->phase == PHASE_GAP))
			continue;
		byte = sole_of(run, s);
		if (byte == DFA_MANY_BYTES ||
		    (found != DFA_NO_BYTE && found != byte))
			return DFA_MANY_BYTES;
		found = byte;
	}
	return found;
}
