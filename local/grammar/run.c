/* run.c -- where a byte leads from each spot. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/grammar/run_parts.h"

#include <stdlib.h>

#define FRAMES_MAX (1u << 20)

void run_init(struct run *run, const struct grammar *grammar)
{
	*run = (struct run){.grammar = grammar};
}

void run_free(struct run *run)
{
	free(run->frames);
	free(run->live);
	*run = (struct run){0};
}

static void reserve(struct spot **spots, uint32_t *cap, uint32_t n)
{
	if (n <= *cap)
		return;
	*cap = n < 8 ? 16 : n * 2;
	*spots = mem_realloc(*spots, *cap * sizeof(**spots));
}

void run_copy(struct run *to, const struct run *from)
{
	reserve(&to->frames, &to->cap_frames, from->n_frames);
	reserve(&to->live, &to->cap_live, from->n_live);
	if (from->n_frames > 0)
		memcpy(to->frames, from->frames,
		    from->n_frames * sizeof(*to->frames));
	if (from->n_live > 0)
		memcpy(to->live, from->live, from->n_live * sizeof(*to->live));
	to->grammar = from->grammar;
	to->n_frames = from->n_frames;
	to->n_live = from->n_live;
	to->set = from->set;
}

/* --- spots ---------------------------------------------------------------- */

/* Whether two stacks of frames are the same, though perhaps made twice. */
static bool are_equal_frames(const struct run *run, uint32_t a, uint32_t b)
{
	while (a != b) {
		struct spot x, y;

		if (a == SPOT_NONE || b == SPOT_NONE)
			return false;
		x = run->frames[a];
		y = run->frames[b];
		a = x.up;
		b = y.up;
		x.up = y.up = 0;
		if (memcmp(&x, &y, sizeof(x)) != 0)
			return false;
	}
	return true;
}

static bool is_there(const struct run *run, const struct spot *spot)
{
	for (uint32_t i = run->set; i < run->n_live; i++) {
		struct spot other = run->live[i];

		other.up = spot->up;
		if (!memcmp(&other, spot, sizeof(other)) &&
		    are_equal_frames(run, run->live[i].up, spot->up))
			return true;
	}
	return false;
}

static void put(struct run *run, struct spot spot)
{
	if (run->n_live - run->set == RUN_SPOTS_MAX || is_there(run, &spot))
		return;
	reserve(&run->live, &run->cap_live, run->n_live + 1);
	run->live[run->n_live++] = spot;
}

static uint32_t put_frame(struct run *run, struct spot spot)
{
	reserve(&run->frames, &run->cap_frames, run->n_frames + 1);
	run->frames[run->n_frames] = spot;
	return run->n_frames++;
}

/* The spot that is <from> but in another phase. */
static struct spot in_phase(struct spot from, enum phase phase)
{
	from.phase = (uint8_t)phase;
	return from;
}

static void leave(struct run *run, uint32_t up)
{
	if (up == SPOT_NONE)
		put(run, (struct spot){.up = SPOT_NONE, .phase = PHASE_DONE});
	else
		put(run, run->frames[up]);
}

/* --- values --------------------------------------------------------------- */

static bool may_enter(const struct run *run, uint32_t node, unsigned depth)
{
	if (node == NODE_NONE)
		return false;
	/* Written so that a height without end is too high. */
	return grammar_node(run->grammar, node)->height <=
	       GRAMMAR_DEPTH_MAX - depth;
}

static void enter_leaf(
    struct run *run, uint32_t node, uint32_t up, uint8_t depth)
{
	static const uint8_t phases[] = {
	    [NODE_DFA] = PHASE_DFA,
	    [NODE_STRING] = PHASE_QUOTE,
	    [NODE_ARRAY] = PHASE_ARRAY,
	    [NODE_OBJECT] = PHASE_OBJECT,
	};
	const struct node *n = grammar_node(run->grammar, node);
	struct spot spot = {
	    .up = up, .node = node, .phase = phases[n->kind], .depth = depth};

	if (!may_enter(run, node, depth))
		return;
	if (n->kind == NODE_DFA)
		spot.index = DFA_START;
	put(run, spot);
}

static void enter(struct run *run, uint32_t node, uint32_t up, uint8_t depth)
{
	const struct node *n = grammar_node(run->grammar, node);

	if (n->kind != NODE_UNION) {
		enter_leaf(run, node, up, depth);
		return;
	}
	for (uint32_t i = 0; i < n->any.n; i++)
		enter_leaf(run, n->any.of[i], up, depth);
}

/* A value behind a colon or a comma, with or without a blank before it. */
static void enter_spaced(struct run *run, uint32_t node, struct spot next)
{
	uint32_t up = put_frame(run, next);

	put(run, (struct spot){.up = up,
		     .node = node,
		     .phase = PHASE_SPACE,
		     .depth = next.depth});
	enter(run, node, up, next.depth);
}

void run_begin(struct run *run)
{
	run->n_frames = run->n_live = run->set = 0;
	enter(run, run->grammar->root, SPOT_NONE, 0);
}

/* --- objects -------------------------------------------------------------- */

bool run_has_member(const struct run *run, const struct spot *s)
{
	const struct object_node *object = object_of(run, s);

	for (uint32_t i = s->index; i < object->n; i++) {
		if (may_enter(run, object->properties[i].node, s->depth))
			return true;
		if (object->properties[i].is_required)
			return false;
	}
	return may_enter(run, object->rest, s->depth);
}

/* The keys that may come: up to the next required one, or any other. */
static void put_members(struct run *run, struct spot s)
{
	const struct object_node *object = object_of(run, &s);
	struct spot key = in_phase(s, PHASE_KEY);

	key.count = 0;
	for (uint32_t i = s.index; i < object->n; i++) {
		key.index = i;
		if (may_enter(run, object->properties[i].node, s.depth))
			put(run, key);
		if (object->properties[i].is_required)
			return;
	}
	if (!may_enter(run, object->rest, s.depth))
		return;
	if (object->rest_key) {
		key = in_phase(s, PHASE_REST_KEY);
		key.index = DFA_START;
		key.count = 0;
		put(run, key);
	} else {
		s.index = s.count = 0;
		enter(run, run->grammar->any_string,
		    put_frame(run, in_phase(s, PHASE_COLON)), s.depth);
	}
}

static void put_value(
    struct run *run, struct spot s, uint32_t node, uint32_t next)
{
	s.index = next;
	s.count = 0;
	enter_spaced(run, node, in_phase(s, PHASE_MEMBER));
}

static void step_key(struct run *run, struct spot s, unsigned char byte)
{
	const struct property *p = &object_of(run, &s)->properties[s.index];

	if ((unsigned char)p->key.ptr[s.count] != byte)
		return;
	if (++s.count == p->key.len)
		put_value(run, s, p->node, s.index + 1);
	else
		put(run, s);
}

static void end_rest_key(struct run *run, struct spot s)
{
	const struct object_node *object = object_of(run, &s);

	put_value(run, s, object->rest, object->n);
}

static void step_rest_key(struct run *run, struct spot s, unsigned char byte)
{
	const struct object_node *object = object_of(run, &s);

	s.index = dfa_step(object->rest_key, s.index, byte);
	if (s.index == DFA_DEAD)
		return;
	if (object->rest_key->accepts[s.index])
		end_rest_key(run, s);
	else
		put(run, s);
}

static void step_member(struct run *run, struct spot s, unsigned char byte)
{
	if (byte == '}' && s.index >= object_of(run, &s)->n_to_required)
		leave(run, s.up);
	if (byte != ',' || !run_has_member(run, &s))
		return;
	put(run, in_phase(s, PHASE_GAP));
	put_members(run, s);
}

static void step_object(struct run *run, struct spot s, unsigned char byte)
{
	if (byte != '{')
		return;
	s.depth++;
	if (object_of(run, &s)->n_to_required == 0)
		put(run, in_phase(s, PHASE_CLOSE));
	put_members(run, s);
}

/* --- arrays --------------------------------------------------------------- */

/* The spot behind the next item. Without a maximum nobody needs to count on. */
static struct spot behind_item(const struct array_node *array, struct spot s)
{
	uint32_t enough = array->min;

	if (enough < array->n_first)
		enough = array->n_first;
	if (array->max != ENDLESS || s.count < enough)
		s.count++;
	return in_phase(s, PHASE_ITEM);
}

bool run_has_item(const struct run *run, const struct spot *s)
{
	const struct array_node *array = array_of(run, s);

	return s->count < array->max &&
	       may_enter(run, array_item(array, s->count), s->depth);
}

static void step_array(struct run *run, struct spot s, unsigned char byte)
{
	const struct array_node *array = array_of(run, &s);

	if (byte != '[')
		return;
	s.depth++;
	if (array->min == 0)
		put(run, in_phase(s, PHASE_END));
	if (run_has_item(run, &s))
		enter(run, array_item(array, 0),
		    put_frame(run, behind_item(array, s)), s.depth);
}

static void step_item(struct run *run, struct spot s, unsigned char byte)
{
	const struct array_node *array = array_of(run, &s);

	if (byte == ']' && s.count >= array->min)
		leave(run, s.up);
	if (byte == ',' && run_has_item(run, &s))
		enter_spaced(
		    run, array_item(array, s.count), behind_item(array, s));
}

/* --- strings and automata ------------------------------------------------- */

static void step_dfa(struct run *run, struct spot s, unsigned char byte)
{
	const struct dfa *dfa = grammar_node(run->grammar, s.node)->dfa;

	s.index = dfa_step(dfa, s.index, byte);
	if (s.index == DFA_DEAD)
		return;
	if (dfa->sole[s.index] != DFA_NO_BYTE)
		put(run, s);
	if (dfa->accepts[s.index])
		leave(run, s.up);
}

static void step_body(struct run *run, struct spot s, unsigned char byte)
{
	const struct node *n = grammar_node(run->grammar, s.node);
	enum body next = body_step((enum body)s.index, byte);

	if (next == BODY_DEAD)
		return;
	if (next == BODY_END) {
		if (s.count >= n->string.min)
			leave(run, s.up);
		return;
	}
	/* A character counts when it begins. */
	if (s.index == BODY_TEXT) {
		if (s.count == n->string.max)
			return;
		if (n->string.max != ENDLESS || s.count < n->string.min)
			s.count++;
	}
	s.index = next;
	put(run, s);
}

/* --- the step ------------------------------------------------------------- */

static void step_spot(struct run *run, struct spot s, unsigned char byte)
{
	switch ((enum phase)s.phase) {
	case PHASE_DONE:
		break;
	case PHASE_DFA:
		step_dfa(run, s, byte);
		break;
	case PHASE_QUOTE:
		if (byte == '"')
			put(run, in_phase(s, PHASE_BODY));
		break;
	case PHASE_BODY:
		step_body(run, s, byte);
		break;
	case PHASE_OBJECT:
		step_object(run, s, byte);
		break;
	case PHASE_CLOSE:
		if (byte == '}')
			leave(run, s.up);
		break;
	case PHASE_KEY:
		step_key(run, s, byte);
		break;
	case PHASE_REST_KEY:
		step_rest_key(run, s, byte);
		break;
	case PHASE_COLON:
		if (byte == ':')
			put_value(run, s, object_of(run, &s)->rest, 0);
		break;
	case PHASE_MEMBER:
		step_member(run, s, byte);
		break;
	case PHASE_GAP:
		if (byte == ' ')
			put_members(run, s);
		break;
	case PHASE_SPACE:
		if (byte == ' ')
			enter(run, s.node, s.up, s.depth);
		break;
	case PHASE_ARRAY:
		step_array(run, s, byte);
		break;
	case PHASE_END:
		if (byte == ']')
			leave(run, s.up);
		break;
	case PHASE_ITEM:
		step_item(run, s, byte);
		break;
	}
}

bool run_step(struct run *run, uint32_t first, uint32_t end, unsigned char byte)
{
	run->set = run->n_live;
	for (uint32_t i = first; i < end && run->n_frames < FRAMES_MAX; i++)
		step_spot(run, run->live[i], byte);
	return run->n_live > run->set;
}

void run_leave(struct run *run, struct spot from)
{
	run->set = run->n_live;
	if (from.phase == PHASE_REST_KEY)
		end_rest_key(run, from);
	else
		leave(run, from.up);
}

const struct dfa *run_dfa(const struct run *run, const struct spot *spot)
{
	const struct node *n = grammar_node(run->grammar, spot->node);

	if (spot->phase == PHASE_DFA)
		return n->dfa;
	return spot->phase == PHASE_REST_KEY ? n->object.rest_key : NULL;
}

/* --- sets ----------------------------------------------------------------- */

void run_settle(struct run *run)
{
	uint32_t n = run->n_live - run->set, kept = 0;
	uint32_t *number;

	memmove(run->live, run->live + run->set, n * sizeof(*run->live));
	run->n_live = n;
	run->set = 0;
	/* First who is needed, from the youngest on, then their new numbers. */
	number = mem_zalloc((run->n_frames + 1) * sizeof(*number));
	for (uint32_t i = 0; i < n; i++) {
		if (run->live[i].up != SPOT_NONE)
			number[run->live[i].up] = 1;
	}
	for (uint32_t i = run->n_frames; i-- > 0;) {
		if (number[i] && run->frames[i].up != SPOT_NONE)
			number[run->frames[i].up] = 1;
	}
	for (uint32_t i = 0; i < run->n_frames; i++) {
		struct spot frame = run->frames[i];

		if (!number[i])
			continue;
		if (frame.up != SPOT_NONE)
			frame.up = number[frame.up];
		number[i] = kept;
		run->frames[kept++] = frame;
	}
	run->n_frames = kept;
	for (uint32_t i = 0; i < n; i++) {
		if (run->live[i].up != SPOT_NONE)
			run->live[i].up = number[run->live[i].up];
	}
	free(number);
}

bool run_is_done(const struct run *run, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++) {
		if (run->live[i].phase == PHASE_DONE)
			return true;
	}
	return false;
}
