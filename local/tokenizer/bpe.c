/* bpe.c -- byte-pair encoding: the pair of the lowest rank is joined first. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"
#include "local/tokenizer/model.h"
#include "local/tokenizer/normalize.h"
#include "local/tokenizer/unicode.h"

/*
 * Words are short: up to SHORT symbols the best pair is found by looking at
 * all, which beats any queue. Longer pieces (a whole text, where nothing is
 * split) use a heap, so that the time is n log n. Words met before come from
 * a direct-mapped cache: natural text repeats itself.
 */
#define SHORT 32
#define WORDS ((size_t)1 << 15) /* 64 bytes each: 2 MiB a caller */

/* --- the table of merges -------------------------------------------------- */

void bpe_init(struct bpe *bpe, size_t n, uint64_t seed)
{
	size_t size = 16;

	while (size < n * 2)
		size *= 2;
	bpe->merges = mem_alloc(size * sizeof(*bpe->merges));
	memset(bpe->merges, 0xff, size * sizeof(*bpe->merges));
	bpe->mask = size - 1;
	bpe->seed = seed;
}

static struct bpe_merge *find_slot(
    const struct bpe *bpe, uint32_t left, uint32_t right)
{
	uint64_t hash = ((uint64_t)left << 32 | right) ^ bpe->seed;
	struct bpe_merge *merge;
	size_t slot;

	hash *= 0x9e3779b97f4a7c15;
	hash ^= hash >> 32;
	hash *= 0xd6e8feb86659fd93;
	slot = (hash >> 24) & bpe->mask;
	for (;; slot = (slot + 1) & bpe->mask) {
		merge = &bpe->merges[slot];
		if (merge->rank == VOCAB_NONE ||
		    (merge->left == left && merge->right == right))
			return merge;
	}
}

void bpe_put_merge(struct bpe *bpe, const struct bpe_merge *merge)
{
	*find_slot(bpe, merge->left, merge->right) = *merge;
}

/* The merge of two symbols, rank VOCAB_NONE when there is none. */
static struct bpe_merge find_merge(
    const struct model *model, uint32_t left, uint32_t right, bool is_plain)
{
	struct bpe_merge merge = *find_slot(&model->bpe, left, right);

	if (merge.rank != VOCAB_NONE && is_plain && model->special[merge.id])
		merge.rank = VOCAB_NONE;
	return merge;
}

void bpe_find_bytes(struct model *model)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		char text[4];
		uint32_t c = bytes_to_char((unsigned char)byte);
		struct span s = span_make(text, c < 0x80 ? 1 : 2);

		text[0] = (char)(c < 0x80 ? c : 0xc0 | c >> 6);
		text[1] = (char)(0x80 | (c & 0x3f));
		model->bpe.bytes[byte] = text_map_find(&model->map, s);
	}
}

/* --- the first symbols ---------------------------------------------------- */

struct symbols {
	const struct model *model;
	struct model_room *room;
	bool is_plain;
	size_t len;       /* in room->symbols */
	bool has_pending; /* an unknown token waits to be joined or put */
};

static void add(struct symbols *s, uint32_t id)
{
	struct model_room *room = s->room;

	if (s->len == room->symbols_cap) {
		room->symbols_cap = room->symbols_cap ? s->len * 2 : 64;
		room->symbols = mem_realloc(
		    room->symbols, room->symbols_cap * sizeof(*room->symbols));
	}
	room->symbols[s->len++].id = id;
}

/* All bytes of a character as byte tokens; false when one is missing. */
static bool add_fallback(struct symbols *s, struct span text)
{
	const uint32_t *ids = s->model->bpe.fallback;

	for (size_t i = 0; i < text.len; i++) {
		if (ids[(unsigned char)text.ptr[i]] == VOCAB_NONE)
			return false;
	}
	for (size_t i = 0; i < text.len; i++)
		add(s, ids[(unsigned char)text.ptr[i]]);
	return true;
}

/*
 * An unknown character waits, so that the next one can join it. Byte tokens
 * do not push it out: it then comes after them, as in HF tokenizers.
 */
static enum result add_unknown(struct symbols *s, struct error *err)
{
	const struct model *model = s->model;

	if (!model->has_unknown)
		return OK;
	if (model->unknown == VOCAB_NONE) {
		error_set(err, "the vocabulary lacks its unknown token");
		return FAILED;
	}
	if (s->has_pending && !model->bpe.fuses_unknown)
		add(s, model->unknown);
	s->has_pending = true;
	return OK;
}

static void flush_unknown(struct symbols *s)
{
	if (s->has_pending)
		add(s, s->model->unknown);
	s->has_pending = false;
}

static enum result add_symbol(
    struct symbols *s, uint32_t id, struct span text, struct error *err)
{
	if (id != VOCAB_NONE) {
		flush_unknown(s);
		add(s, id);
		return OK;
	}
	if (s->model->bpe.has_fallback && add_fallback(s, text))
		return OK;
	return add_unknown(s, err);
}

static enum result add_bytes(
    struct symbols *s, struct span text, struct error *err)
{
	for (size_t i = 0; i < text.len; i++) {
		uint32_t id = s->model->bpe.bytes[(unsigned char)text.ptr[i]];

		if (add_symbol(s, id, SPAN(""), err) == FAILED)
			return FAILED;
	}
	return OK;
}

/* A character with the affixes that its place in the word asks for. */
static struct span with_affixes(const struct bpe *bpe, struct model_room *room,
    struct span part, bool is_first, bool is_last)
{
	struct span prefix = is_first ? SPAN("") : bpe->prefix;
	struct span suffix = is_last ? bpe->suffix : SPAN("");
	char *at;

	if (prefix.len == 0 && suffix.len == 0)
		return part;
	at = model_room_text(room, prefix.len + part.len + suffix.len);
	if (prefix.len)
		memcpy(at, prefix.ptr, prefix.len);
	memcpy(at + prefix.len, part.ptr, part.len);
	if (suffix.len)
		memcpy(at + prefix.len + part.len, suffix.ptr, suffix.len);
	return span_make(at, prefix.len + part.len + suffix.len);
}

static enum result add_chars(
    struct symbols *s, struct span text, struct error *err)
{
	size_t len;

	for (size_t i = 0; i < text.len; i += len) {
		struct span part = span_make(text.ptr + i, 0);
		uint32_t id;

		unicode_next(text.ptr + i, &len);
		part.len = len;
		part = with_affixes(
		    &s->model->bpe, s->room, part, i == 0, i + len == text.len);
		id = model_find(s->model, part, s->is_plain);
		if (add_symbol(s, id, part, err) == FAILED)
			return FAILED;
	}
	return OK;
}

/* --- joining -------------------------------------------------------------- */

static size_t merge_short(const struct symbols *s)
{
	struct bpe_symbol *symbols = s->room->symbols;
	struct bpe_merge pairs[SHORT];
	size_t n = s->len;

	for (size_t i = 0; i + 1 < n; i++)
		pairs[i] = find_merge(
		    s->model, symbols[i].id, symbols[i + 1].id, s->is_plain);
	while (n > 1) {
		size_t best = 0;

		for (size_t i = 1; i + 1 < n; i++) {
			if (pairs[i].rank < pairs[best].rank)
				best = i;
		}
		if (pairs[best].rank == VOCAB_NONE)
			break;
		symbols[best].id = pairs[best].id;
		n--;
		for (size_t i = best + 1; i < n; i++) {
			symbols[i].id = symbols[i + 1].id;
			pairs[i - 1] = pairs[i];
		}
		if (best > 0)
			pairs[best - 1] =
			    find_merge(s->model, symbols[best - 1].id,
				symbols[best].id, s->is_plain);
		if (best + 1 < n)
			pairs[best] = find_merge(s->model, symbols[best].id,
			    symbols[best + 1].id, s->is_plain);
	}
	return n;
}

static bool is_before(
    const struct bpe_candidate *a, const struct bpe_candidate *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void push(struct model_room *room, struct bpe_candidate candidate)
{
	size_t i = room->heap_len++;

	if (i == room->heap_cap) {
		room->heap_cap = room->heap_cap ? room->heap_cap * 2 : 256;
		room->heap = mem_realloc(
		    room->heap, room->heap_cap * sizeof(*room->heap));
	}
	while (i > 0 && is_before(&candidate, &room->heap[(i - 1) / 2])) {
		room->heap[i] = room->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	room->heap[i] = candidate;
}

static struct bpe_candidate pop(struct model_room *room)
{
	struct bpe_candidate *heap = room->heap, top = heap[0];
	struct bpe_candidate last = heap[--room->heap_len];
	size_t i = 0, n = room->heap_len;

	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && is_before(&heap[child + 1], &heap[child]))
			child++;
		if (!is_before(&heap[child], &last))
			break;
		heap[i] = heap[child];
	}
	heap[i] = last;
	return top;
}

/* Queues the pair that begins at symbol <at>, when it can be joined. */
static void queue(const struct symbols *s, uint32_t at)
{
	const struct bpe_symbol *symbols = s->room->symbols;
	struct bpe_merge merge;

	if (at == VOCAB_NONE || symbols[at].next == VOCAB_NONE)
		return;
	merge = find_merge(s->model, symbols[at].id,
	    symbols[symbols[at].next].id, s->is_plain);
	if (merge.rank != VOCAB_NONE)
		push(s->room, (struct bpe_candidate){merge.rank, at, merge.id});
}

static void merge_candidate(
    const struct symbols *s, struct bpe_candidate candidate)
{
	struct bpe_symbol *symbols = s->room->symbols;
	struct bpe_symbol *left = &symbols[candidate.at], *right;
	struct bpe_merge merge;

	if (left->id == VOCAB_NONE || left->next == VOCAB_NONE)
		return;
	right = &symbols[left->next];
	merge = find_merge(s->model, left->id, right->id, s->is_plain);
	if (merge.rank == VOCAB_NONE || merge.id != candidate.id)
		return; /* one of the two was joined elsewhere meanwhile */
	left->id = candidate.id;
	left->next = right->next;
	right->id = VOCAB_NONE;
	if (left->next != VOCAB_NONE)
		symbols[left->next].prev = candidate.at;
	queue(s, left->prev);
	queue(s, candidate.at);
}

static size_t merge_long(const struct symbols *s)
{
	struct bpe_symbol *symbols = s->room->symbols;
	size_t n = 0;

	for (size_t i = 0; i < s->len; i++) {
		symbols[i].prev = i ? (uint32_t)i - 1 : VOCAB_NONE;
		symbols[i].next = i + 1 < s->len ? (uint32_t)i + 1 : VOCAB_NONE;
	}
	s->room->heap_len = 0;
	for (size_t i = 0; i < s->len; i++)
		queue(s, (uint32_t)i);
	while (s->room->heap_len > 0)
		merge_candidate(s, pop(s->room));
	for (size_t i = 0; i < s->len; i++) {
		if (symbols[i].id != VOCAB_NONE)
			symbols[n++].id = symbols[i].id;
	}
	return n;
}

/* --- words ---------------------------------------------------------------- */

static struct word *find_word(
    struct model_room *room, const struct model_piece *piece, uint64_t seed)
{
	if (piece->text.len > WORD_TEXT)
		return NULL;
	if (!room->words)
		room->words = mem_zalloc(WORDS * sizeof(*room->words));
	return &room->words[hash_fast(piece->text, seed) & (WORDS - 1)];
}

static bool is_word(const struct word *word, const struct model_piece *piece)
{
	return word->len == piece->text.len &&
	       word->is_plain == piece->is_plain &&
	       !memcmp(word->text, piece->text.ptr, word->len);
}

/* Keeps the ids from <start> on, unless they are too many. */
static void keep_word(struct word *word, const struct model_piece *piece,
    const struct token_buf *ids, size_t start)
{
	size_t n = ids->len - start;

	if (n > WORD_IDS)
		return;
	word->len = (uint8_t)piece->text.len;
	word->n = (uint8_t)n;
	word->is_plain = piece->is_plain;
	memcpy(word->text, piece->text.ptr, piece->text.len);
	if (n > 0)
		memcpy(word->ids, ids->ids + start, n * sizeof(*word->ids));
}

/* A piece that is a token as a whole, when merges may be ignored. */
static uint32_t find_whole(const struct model *model, struct model_room *room,
    const struct model_piece *piece)
{
	struct span text = piece->text;
	size_t n = 0;
	char *out;

	if (!model->bpe.ignores_merges)
		return VOCAB_NONE;
	if (!model->bpe.is_bytes)
		return model_find(model, text, piece->is_plain);
	out = model_room_text(room, text.len * 2);
	for (size_t i = 0; i < text.len; i++) {
		uint32_t c = bytes_to_char((unsigned char)text.ptr[i]);

		if (c >= 0x80)
			out[n++] = (char)(0xc0 | c >> 6);
		out[n++] = (char)(c < 0x80 ? c : 0x80 | (c & 0x3f));
	}
	return model_find(model, span_make(out, n), piece->is_plain);
}

static enum result encode_word(const struct model *model,
    struct model_room *room, const struct model_piece *piece,
    struct token_buf *ids, struct error *err)
{
	struct symbols s = {
	    .model = model, .room = room, .is_plain = piece->is_plain};
	uint32_t whole = find_whole(model, room, piece);
	enum result result;
	size_t n;

	if (whole != VOCAB_NONE)
		return model_put(ids, &whole, 1, err);
	result = model->bpe.is_bytes ? add_bytes(&s, piece->text, err)
				     : add_chars(&s, piece->text, err);
	if (result == FAILED)
		return FAILED;
	flush_unknown(&s);
	n = s.len <= SHORT ? merge_short(&s) : merge_long(&s);
	for (size_t i = 0; i < n; i++) {
		if (model_put(ids, &room->symbols[i].id, 1, err) == FAILED)
			return FAILED;
	}
	return OK;
}

enum result bpe_encode(const struct model *model, struct model_room *room,
    const struct model_piece *piece, struct token_buf *ids, struct error *err)
{
	struct word *word = find_word(room, piece, model->bpe.seed);
	size_t start = ids->len;

	if (word && is_word(word, piece))
		return model_put(ids, word->ids, word->n, err);
	if (encode_word(model, room, piece, ids, err) == FAILED)
		return FAILED;
	if (word)
		keep_word(word, piece, ids, start);
	return OK;
}
