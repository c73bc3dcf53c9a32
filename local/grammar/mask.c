/* mask.c -- walks the tree of tokens beside the grammar. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/grammar/mask.h"

#include <stdlib.h>

/*
 * A mask that took more than WORTH branches is kept under its place: the
 * spots and frames, byte for byte. When the masks of a machine pass KEPT_MAX
 * bytes all are dropped: what is still needed comes back at once.
 */
#define WORTH 512
#define KEPT_MAX ((size_t)8 << 20)
#define SLOTS 1024 /* of the table of masks; never more than half full */

struct kept {
	uint64_t hash;
	size_t len; /* bytes of <place> */
	char *place;
	uint32_t *bits;
};

struct machine {
	struct machine *next;
	struct grammar *grammar; /* borrowed: it owns this */
	struct grammar_vocab *vocab;
	pthread_mutex_t lock; /* of all below */
	struct kept slots[SLOTS];
	uint32_t n_kept;
	size_t n_bytes; /* of masks and places */
	struct buf place;
	struct run run;
	size_t n_looked; /* branches, by the mask that is made */
};

/* --- life ----------------------------------------------------------------- */

struct machine *machine_of(struct grammar *g, struct grammar_vocab *vocab)
{
	struct machine *m;

	pthread_mutex_lock(&g->lock);
	for (m = g->machines; m && m->vocab != vocab;)
		m = m->next;
	if (!m) {
		m = mem_new(struct machine);
		m->grammar = g;
		m->vocab = grammar_vocab_ref(vocab);
		pthread_mutex_init(&m->lock, NULL);
		buf_init(&m->place, (size_t)1 << 26);
		run_init(&m->run, g);
		m->next = g->machines;
		g->machines = m;
	}
	pthread_mutex_unlock(&g->lock);
	return m;
}

static void drop_masks(struct machine *m)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		free(m->slots[i].place);
		free(m->slots[i].bits);
	}
	memset(m->slots, 0, sizeof(m->slots));
	m->n_kept = 0;
	m->n_bytes = 0;
}

void machines_free(struct machine *first)
{
	while (first) {
		struct machine *m = first;

		first = m->next;
		drop_masks(m);
		buf_free(&m->place);
		run_free(&m->run);
		pthread_mutex_destroy(&m->lock);
		grammar_vocab_unref(&m->vocab);
		free(m);
	}
}

/* --- masks that are kept -------------------------------------------------- */

static bool put_spots(struct buf *buf, const struct spot *spots, uint32_t n)
{
	return n == 0 || buf_append(buf, span_make((const char *)spots,
					     n * sizeof(*spots)));
}

/*
 * The place of <run> as bytes: how many spots, they, and the frames. A settled
 * run has only the frames it needs.
 */
static struct span place_of(struct machine *m, const struct run *run)
{
	struct span count =
	    span_make((const char *)&run->n_live, sizeof(run->n_live));

	buf_consume(&m->place, SIZE_MAX);
	if (!buf_append(&m->place, count) ||
	    !put_spots(&m->place, run->live, run->n_live) ||
	    !put_spots(&m->place, run->frames, run->n_frames))
		return span_make(NULL, 0);
	return buf_span(&m->place);
}

/* The slot of a place, or the empty one where it would be. */
static struct kept *find_kept(
    struct machine *m, struct span place, uint64_t hash)
{
	uint32_t at = (uint32_t)hash % SLOTS;

	while (m->slots[at].bits &&
	       (m->slots[at].hash != hash ||
		   !span_eq(
		       place, span_make(m->slots[at].place, m->slots[at].len))))
		at = (at + 1) % SLOTS;
	return &m->slots[at];
}

static void keep(struct machine *m, struct span place, const uint32_t *bits)
{
	size_t len = m->vocab->words * sizeof(*bits);
	uint64_t hash = hash_fast(place, 0);
	struct kept *kept;

	if (len + place.len > KEPT_MAX)
		return;
	if (m->n_kept == SLOTS / 2 || m->n_bytes + len + place.len > KEPT_MAX)
		drop_masks(m);
	kept = find_kept(m, place, hash);
	kept->hash = hash;
	kept->len = place.len;
	kept->place = span_dup(place);
	kept->bits = mem_alloc(len);
	memcpy(kept->bits, bits, len);
	m->n_bytes += len + place.len;
	m->n_kept++;
}

/* --- walking -------------------------------------------------------------- */

struct level {
	uint32_t first, end; /* spots */
	uint32_t n_frames;
};

/* Marks the tokens below <branch> that the spots <first> to <end> allow. */
static void walk_spots(
    struct machine *m, uint32_t branch, struct level start, uint32_t *bits)
{
	const struct branch *branches = m->vocab->branches;
	uint32_t end = branches[branch].skip, base = branches[branch].depth;
	struct level levels[GRAMMAR_TOKEN_MAX + 1];

	levels[base] = start;
	for (uint32_t i = branch + 1; i < end;) {
		const struct branch *b = &branches[i];
		struct level from = levels[b->depth - 1];

		m->n_looked++;
		m->run.n_live = from.end;
		m->run.n_frames = from.n_frames;
		if (!run_step(&m->run, from.first, from.end, b->byte)) {
			i = b->skip;
			continue;
		}
		vocab_mark(m->vocab, b, bits);
		levels[b->depth] =
		    (struct level){m->run.set, m->run.n_live, m->run.n_frames};
		i++;
	}
	m->run.n_live = start.end;
	m->run.n_frames = start.n_frames;
}

/* What follows the value at <s>, as a level to walk from. */
static struct level level_behind(struct machine *m, struct spot s)
{
	run_leave(&m->run, s);
	return (struct level){m->run.set, m->run.n_live, m->run.n_frames};
}

/* An automaton goes through the tree by itself, without sets of spots. */
static void walk_dfa(struct machine *m, struct spot s, uint32_t *bits)
{
	const struct dfa *dfa = run_dfa(&m->run, &s);
	const struct branch *branches = m->vocab->branches;
	uint32_t states[GRAMMAR_TOKEN_MAX + 1], n = m->vocab->n_branches;
	uint32_t n_live = m->run.n_live, n_frames = m->run.n_frames;
	struct level behind = level_behind(m, s);

	states[0] = s.index;
	for (uint32_t i = 1; i < n;) {
		const struct branch *b = &branches[i];
		uint32_t state = dfa_step(dfa, states[b->depth - 1], b->byte);

		m->n_looked++;
		if (state == DFA_DEAD) {
			i = b->skip;
			continue;
		}
		vocab_mark(m->vocab, b, bits);
		states[b->depth] = state;
		if (dfa->accepts[state] && b->skip > i + 1)
			walk_spots(m, i, behind, bits);
		i = dfa->sole[state] == DFA_NO_BYTE ? b->skip : i + 1;
	}
	m->run.n_live = n_live;
	m->run.n_frames = n_frames;
}

static void add_bits(
    const struct grammar_vocab *vocab, const uint32_t *from, uint32_t *bits)
{
	for (size_t i = 0; i < vocab->words; i++)
		bits[i] |= from[i];
}

/* The tokens that stay inside and begin at most <left> characters. */
static void add_inside(
    const struct grammar_vocab *vocab, uint32_t left, uint32_t *bits)
{
	if (left == ENDLESS) {
		add_bits(vocab, vocab->all_inside, bits);
		return;
	}
	add_bits(
	    vocab, vocab->inside[left < BODY_SHORT ? left : BODY_SHORT], bits);
	for (size_t i = 0; i < vocab->n_longs; i++) {
		if (vocab->longs[i].count <= left)
			vocab_set_bit(bits, vocab->longs[i].token);
	}
}

/*
 * In a string of which <s> is the place, between two characters: what stays
 * inside is known, what closes it is walked from there on.
 */
static void walk_body(struct machine *m, struct spot s, uint32_t *bits)
{
	const struct node *n = grammar_node(m->grammar, s.node);
	const struct grammar_vocab *vocab = m->vocab;
	uint32_t n_live = m->run.n_live, left = ENDLESS, needed = 0;
	struct level behind;

	if (n->string.max != ENDLESS)
		left = n->string.max - s.count;
	if (n->string.min > s.count)
		needed = n->string.min - s.count;
	add_inside(vocab, left, bits);
	m->n_looked += WORTH; /* always worth keeping */
	behind = level_behind(m, s);
	for (size_t i = 0; i < vocab->n_exits; i++) {
		const struct body_exit *exit = &vocab->exits[i];
		const struct branch *b = &vocab->branches[exit->branch];

		if (exit->count < needed || exit->count > left)
			continue;
		vocab_mark(vocab, b, bits);
		if (b->skip > exit->branch + 1)
			walk_spots(m, exit->branch, behind, bits);
	}
	m->run.n_live = n_live;
}

/* The spots that are neither strings nor automata are walked together. */
static void make_mask(struct machine *m, const struct run *from, uint32_t *bits)
{
	uint32_t n = from->n_live, n_others = 0;
	struct run *run = &m->run;

	m->n_looked = 0;
	run_copy(run, from);
	for (uint32_t i = 0; i < n; i++) {
		const struct spot *s = &from->live[i];

		if (s->phase == PHASE_BODY && s->index == BODY_TEXT)
			walk_body(m, *s, bits);
		else if (run_dfa(&m->run, s))
			walk_dfa(m, *s, bits);
		else if (s->phase != PHASE_DONE)
			run->live[n_others++] = *s;
	}
	if (n_others > 0)
		walk_spots(
		    m, 0, (struct level){0, n_others, from->n_frames}, bits);
	for (size_t i = 0; i < m->vocab->n_ends && run_is_done(from, 0, n); i++)
		vocab_set_bit(bits, m->vocab->ends[i]);
}

static bool has_bits(const uint32_t *bits, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bits[i])
			return true;
	}
	return false;
}

bool machine_mask(struct machine *m, const struct run *run, uint32_t *bits)
{
	size_t len = m->vocab->words * sizeof(*bits);
	struct span place;
	struct kept *kept;

	pthread_mutex_lock(&m->lock);
	place = place_of(m, run);
	kept = find_kept(m, place, hash_fast(place, 0));
	if (kept->bits) {
		memcpy(bits, kept->bits, len);
	} else {
		memset(bits, 0, len);
		make_mask(m, run, bits);
		if (m->n_looked >= WORTH && place.ptr)
			keep(m, place, bits);
	}
	pthread_mutex_unlock(&m->lock);
	return has_bits(bits, m->vocab->words);
}
