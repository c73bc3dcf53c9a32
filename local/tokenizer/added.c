/* added.c -- finds added tokens in a text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer/added.h"

#include <stdlib.h>

#include "base/memory.h"
#include "local/tokenizer/unicode.h"

/* How <token> is written in a trie, if it belongs there. */
static struct span raw_text(const struct added_token *token)
{
	return token->is_normalized ? span_make(NULL, 0) : token->shown;
}

static struct span normalized_text(const struct added_token *token)
{
	return token->is_normalized ? token->shown : span_make(NULL, 0);
}

static struct span marked_text(const struct added_token *token)
{
	return token->is_normalized && token->is_special ? token->text
							 : span_make(NULL, 0);
}

typedef struct span (*text_of_fn)(const struct added_token *token);

static void make_trie(
    struct trie *trie, const struct added *added, text_of_fn text_of)
{
	struct trie_key *keys =
	    mem_alloc((added->n + 1) * sizeof(struct trie_key));
	size_t n = 0;

	for (size_t i = 0; i < added->n; i++) {
		struct span text = text_of(&added->tokens[i]);

		if (text.len > 0)
			keys[n++] = (struct trie_key){text, (uint32_t)i};
	}
	trie_init(trie, keys, n);
	free(keys);
}

void added_init(struct added *added)
{
	make_trie(&added->raw, added, raw_text);
	make_trie(&added->normalized, added, normalized_text);
	make_trie(&added->marked, added, marked_text);
}

void added_free(struct added *added)
{
	trie_free(&added->raw);
	trie_free(&added->normalized);
	trie_free(&added->marked);
}

/* The longest token at <i>; its number, or VOCAB_NONE. */
static uint32_t find_longest(
    const struct trie *trie, struct span text, size_t i, size_t *len)
{
	uint32_t node = 0, found = VOCAB_NONE;

	for (size_t k = i; k < text.len; k++) {
		node = trie_step(trie, node, (unsigned char)text.ptr[k]);
		if (node == 0)
			break;
		if (trie->nodes[node].value != VOCAB_NONE) {
			found = trie->nodes[node].value;
			*len = k + 1 - i;
		}
	}
	return found;
}

static size_t char_before(struct span text, size_t i)
{
	while (i > 0 && ((unsigned char)text.ptr[--i] & 0xc0) == 0x80)
		;
	return i;
}

static bool has_flag(struct span text, size_t i, unsigned flag)
{
	size_t len;

	return unicode_properties(unicode_next(text.ptr + i, &len)) & flag;
}

static bool is_inside_word(struct span text, size_t start, size_t end)
{
	return (start > 0 &&
		   has_flag(text, char_before(text, start), UNICODE_WORD)) ||
	       (end < text.len && has_flag(text, end, UNICODE_WORD));
}

static size_t skip_spaces(struct span text, size_t i)
{
	size_t len;

	while (
	    i < text.len && unicode_is_space(unicode_next(text.ptr + i, &len)))
		i += len;
	return i;
}

static size_t skip_spaces_back(struct span text, size_t i)
{
	while (i > 0 && has_flag(text, char_before(text, i), UNICODE_SPACE))
		i = char_before(text, i);
	return i;
}

/*
 * Blanks that a token takes on its right may hold the next one: the search
 * goes on from the token's own end, and then steps back.
 */
static void take(struct added_search *search, size_t start, size_t end,
    struct added_part *part)
{
	if (part->token->strips_left) {
		start = skip_spaces_back(search->text, start);
		if (start < search->done)
			start = search->done;
	}
	if (part->token->strips_right)
		end = skip_spaces(search->text, end);
	part->text = span_make(search->text.ptr + search->done,
	    start > search->done ? start - search->done : 0);
	search->done = end;
}

bool added_is_trusted(
    const struct added_search *search, size_t start, size_t end)
{
	size_t low = 0, high = search->n_trusted;

	start += search->offset;
	end += search->offset;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (search->trusted[middle].end <= start)
			low = middle + 1;
		else
			high = middle;
	}
	return low < search->n_trusted && search->trusted[low].start <= start &&
	       end <= search->trusted[low].end;
}

bool added_next(struct added_search *search, struct added_part *part)
{
	struct span text = search->text;
	size_t len = 0;

	while (search->at < text.len) {
		size_t start = search->at;
		uint32_t found =
		    search->trie->root[(unsigned char)text.ptr[start]]
			? find_longest(search->trie, text, start, &len)
			: VOCAB_NONE;

		search->at++;
		if (found == VOCAB_NONE)
			continue;
		part->token = &search->added->tokens[found];
		search->at = start + len;
		if (search->is_plain && part->token->is_special &&
		    !added_is_trusted(search, start, start + len))
			continue;
		if (part->token->is_single_word &&
		    is_inside_word(text, start, start + len))
			continue;
		take(search, start, start + len, part);
		return true;
	}
	if (search->done >= text.len)
		return false;
	*part = (struct added_part){span_from(text, search->done), NULL};
	search->done = text.len;
	return true;
}
