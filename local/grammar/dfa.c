/* dfa.c -- automata: made state by state, trimmed, combined. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/grammar/dfa.h"

#include <stdlib.h>

#include "local/grammar.h"

#define CELLS_MAX                                                              \
	((size_t)1 << 20)           /* states times classes, of one automaton  \
				     */
#define WORDS_MAX ((size_t)1 << 23) /* of all keys while one is made */

void dfa_free(struct dfa **dfa)
{
	if (!*dfa)
		return;
	free((*dfa)->next);
	free((*dfa)->accepts);
	free((*dfa)->sole);
	free(*dfa);
	*dfa = NULL;
}

bool dfa_matches(const struct dfa *dfa, struct span text)
{
	uint32_t state = DFA_START;

	for (size_t i = 0; i < text.len && state != DFA_DEAD; i++)
		state = dfa_step(dfa, state, (unsigned char)text.ptr[i]);
	return dfa->accepts[state];
}

/* --- making --------------------------------------------------------------- */

void dfa_maker_init(struct dfa_maker *maker, uint32_t n_classes)
{
	*maker = (struct dfa_maker){.n_classes = n_classes};
	maker->offsets = mem_zalloc(2 * sizeof(*maker->offsets));
	maker->n_states = 1; /* the dead one, which no key leads to */
	maker->n_slots = 256;
	maker->slots = mem_zalloc(maker->n_slots * sizeof(*maker->slots));
	maker->cap = 1;
	maker->next = mem_zalloc(n_classes * sizeof(*maker->next));
	maker->accepts = mem_zalloc(1);
}

void dfa_maker_free(struct dfa_maker *maker)
{
	free(maker->words);
	free(maker->offsets);
	free(maker->next);
	free(maker->accepts);
	free(maker->slots);
	*maker = (struct dfa_maker){0};
}

static uint64_t hash_key(const uint32_t *key, size_t n)
{
	return hash_fast(
	    span_make((const char *)key, n * sizeof(*key)), 0x9e3779b9);
}

static bool is_key(const struct dfa_maker *maker, uint32_t state,
    const uint32_t *key, size_t n)
{
	size_t len;
	const uint32_t *other = dfa_maker_key(maker, state, &len);

	return len == n && !memcmp(other, key, n * sizeof(*key));
}

/* Where a key is, or the empty slot where it would be. */
static uint32_t *find_slot(
    const struct dfa_maker *maker, const uint32_t *key, size_t n)
{
	uint32_t at = (uint32_t)hash_key(key, n) & (maker->n_slots - 1);

	while (
	    maker->slots[at] != 0 && !is_key(maker, maker->slots[at], key, n))
		at = (at + 1) & (maker->n_slots - 1);
	return &maker->slots[at];
}

static void grow_slots(struct dfa_maker *maker)
{
	free(maker->slots);
	maker->n_slots *= 2;
	maker->slots = mem_zalloc(maker->n_slots * sizeof(*maker->slots));
	for (uint32_t i = 1; i < maker->n_states; i++) {
		size_t n;
		const uint32_t *key = dfa_maker_key(maker, i, &n);

		*find_slot(maker, key, n) = i;
	}
}

static void grow_states(struct dfa_maker *maker)
{
	uint32_t cap = maker->cap * 2 + 16;
	size_t row = maker->n_classes * sizeof(*maker->next);

	maker->next = mem_realloc(maker->next, cap * row);
	maker->accepts = mem_realloc(maker->accepts, cap);
	maker->offsets =
	    mem_realloc(maker->offsets, (cap + 1) * sizeof(*maker->offsets));
	maker->cap = cap;
}

/* Room for a key of <n> words behind the others. */
static bool reserve_words(struct dfa_maker *maker, size_t n)
{
	size_t used = maker->offsets[maker->n_states];

	if (n > WORDS_MAX - used)
		return false;
	if (used + n > maker->cap_words) {
		maker->cap_words = (used + n) * 2;
		maker->words = mem_realloc(
		    maker->words, maker->cap_words * sizeof(*maker->words));
	}
	return true;
}

uint32_t dfa_maker_state(struct dfa_maker *maker, const uint32_t *key, size_t n)
{
	uint32_t *slot = find_slot(maker, key, n), state = maker->n_states;

	if (*slot != 0)
		return *slot;
	if (state >= GRAMMAR_DFA_STATES ||
	    (state + 1) * (size_t)maker->n_classes > CELLS_MAX ||
	    !reserve_words(maker, n)) {
		maker->is_over = true;
		return DFA_DEAD;
	}
	if (state == maker->cap)
		grow_states(maker);
	memcpy(maker->words + maker->offsets[state], key, n * sizeof(*key));
	maker->offsets[state + 1] = maker->offsets[state] + n;
	memset(maker->next + state * maker->n_classes, 0,
	    maker->n_classes * sizeof(*maker->next));
	maker->accepts[state] = 0;
	*slot = state;
	maker->n_states++;
	if (maker->n_states * 2 > maker->n_slots)
		grow_slots(maker);
	return state;
}

/* Whether <state> accepts or leads to one that is known to be live. */
static bool leads_on(
    const struct dfa *dfa, const uint8_t *is_live, uint32_t state)
{
	const uint16_t *row = dfa->next + state * dfa->n_classes;

	for (uint32_t c = 0; c < dfa->n_classes; c++) {
		if (is_live[row[c]])
			return true;
	}
	return false;
}

/*
 * Marks the states from which an accepting one is reached. States are numbered
 * as they were found, so that going backwards nearly all is done in one pass.
 */
static void find_live(const struct dfa *dfa, uint8_t *is_live)
{
	bool has_changed = true;

	memcpy(is_live, dfa->accepts, dfa->n_states);
	while (has_changed) {
		has_changed = false;
		for (uint32_t i = dfa->n_states; i-- > 1;) {
			if (is_live[i] || !leads_on(dfa, is_live, i))
				continue;
			is_live[i] = 1;
			has_changed = true;
		}
	}
}

/* The bytes that lead on from a state: none, one, or several. */
static uint16_t sole_byte(const struct dfa *dfa, uint32_t state)
{
	uint16_t found = DFA_NO_BYTE;

	for (uint32_t byte = 0; byte < 256; byte++) {
		if (dfa_step(dfa, state, (unsigned char)byte) == DFA_DEAD)
			continue;
		if (found != DFA_NO_BYTE)
			return DFA_MANY_BYTES;
		found = (uint16_t)byte;
	}
	return found;
}

struct dfa *dfa_maker_finish(struct dfa_maker *maker)
{
	struct dfa *dfa;
	uint8_t *is_live;

	if (maker->is_over || maker->n_states < 2)
		return NULL;
	dfa = mem_new(struct dfa);
	dfa->n_states = maker->n_states;
	dfa->n_classes = maker->n_classes;
	memcpy(dfa->class_of, maker->class_of, sizeof(dfa->class_of));
	dfa->next = maker->next;
	dfa->accepts = maker->accepts;
	maker->next = NULL;
	maker->accepts = NULL;
	is_live = mem_zalloc(dfa->n_states);
	find_live(dfa, is_live);
	for (size_t i = 0; i < (size_t)dfa->n_states * dfa->n_classes; i++) {
		if (!is_live[dfa->next[i]])
			dfa->next[i] = DFA_DEAD;
	}
	free(is_live);
	dfa->sole = mem_alloc(dfa->n_states * sizeof(*dfa->sole));
	for (uint32_t i = 0; i < dfa->n_states; i++)
		dfa->sole[i] = sole_byte(dfa, i);
	return dfa;
}

/* --- combining ------------------------------------------------------------ */

/* Bytes that both treat alike become one class. */
static uint32_t join_classes(
    const struct dfa *a, const struct dfa *b, struct dfa_maker *maker)
{
	uint32_t pairs[256], n = 0;

	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t pair = a->class_of[byte] * 256u + b->class_of[byte],
			 i = 0;

		while (i < n && pairs[i] != pair)
			i++;
		if (i == n)
			pairs[n++] = pair;
		maker->class_of[byte] = (uint8_t)i;
	}
	return n;
}

struct dfa *dfa_combine(
    const struct dfa *a, const struct dfa *b, bool is_without)
{
	uint32_t pair[2] = {DFA_START, DFA_START}, bytes[256] = {0};
	struct dfa_maker counted = {0}, maker;
	struct dfa *dfa;

	dfa_maker_init(&maker, join_classes(a, b, &counted));
	memcpy(maker.class_of, counted.class_of, sizeof(maker.class_of));
	for (uint32_t byte = 0; byte < 256; byte++)
		bytes[maker.class_of[byte]] = byte;
	(void)dfa_maker_state(&maker, pair, 2);
	for (uint32_t i = 1; i < maker.n_states && !maker.is_over; i++) {
		uint32_t from[2];
		size_t n;

		memcpy(from, dfa_maker_key(&maker, i, &n), sizeof(from));
		maker.accepts[i] = a->accepts[from[0]] &&
				   (b->accepts[from[1]] != 0) != is_without;
		for (uint32_t c = 0; c < maker.n_classes; c++) {
			uint32_t to;

			pair[0] = dfa_step(a, from[0], (unsigned char)bytes[c]);
			pair[1] = dfa_step(b, from[1], (unsigned char)bytes[c]);
			if (!pair[0] || (!pair[1] && !is_without))
				continue;
			to = dfa_maker_state(&maker, pair, 2);
			maker.next[i * maker.n_classes + c] = (uint16_t)to;
		}
	}
	dfa = dfa_maker_finish(&maker);
	dfa_maker_free(&maker);
	return dfa;
}
