/* render.c -- an answer's JSON: the envelope, usage, and the order of events.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_provider/completion.h"
#include "tests/fake_provider/out.h"
#include "tests/fake_provider/provider.h"
#include "tests/fake_provider/words.h"

struct span choice_text(const struct choice *choice, enum piece_kind kind)
{
	uint32_t first = 0, end;

	while (first < choice->n_pieces && choice->pieces[first].kind != kind)
		first++;
	if (first == choice->n_pieces)
		return span_make(NULL, 0);
	end = first;
	while (end < choice->n_pieces && choice->pieces[end].kind == kind)
		end++;
	return span_make(choice->text.ptr + choice->pieces[first].start,
	    choice->pieces[end - 1].end - choice->pieces[first].start);
}

void completion_write_logprob(
    const struct completion *c, uint32_t piece, unsigned rank, struct buf *out)
{
	struct words words = words_from(c->seed + piece);
	uint64_t thousandths = 1 + words_below(&words, 999) + rank * 1000;

	OUT(out, "-");
	out_u64(out, thousandths / 1000);
	OUT(out, ".");
	out_u64(out, thousandths / 100 % 10);
	out_u64(out, thousandths / 10 % 10);
	out_u64(out, thousandths % 10);
}

static void write_usage(
    const struct completion *c, uint64_t completion_tokens, struct buf *out)
{
	int64_t wrong = c->directives->wrong_usage;

	if (directive_is_set(wrong))
		completion_tokens = (uint64_t)wrong;
	OUT(out, "{\"prompt_tokens\":");
	out_u64(out, c->prompt_tokens);
	OUT(out, ",\"completion_tokens\":");
	out_u64(out, completion_tokens);
	OUT(out, ",\"total_tokens\":");
	out_u64(out, c->prompt_tokens + completion_tokens);
	OUT(out, ",\"prompt_tokens_details\":{\"cached_tokens\":");
	out_u64(out, c->cached_tokens);
	OUT(out, ",\"audio_tokens\":0},"
		 "\"completion_tokens_details\":{\"reasoning_tokens\":");
	out_u64(out, c->reasoning_tokens);
	OUT(out, ",\"audio_tokens\":0}}");
}

/* From the opening brace to the choices' opening bracket. */
static void write_envelope(
    const struct completion *c, struct span object, struct buf *out)
{
	OUT(out, "{\"id\":\"");
	out_span(out, c->shape->id_prefix);
	out_hex64(out, c->seed);
	OUT(out, "\",\"object\":\"");
	out_span(out, object);
	OUT(out, "\",\"created\":" PROVIDER_CREATED ",\"model\":");
	out_string(out, c->model);
	OUT(out, ",\"system_fingerprint\":\"simulated\",\"choices\":[");
}

void completion_write(const struct completion *c, struct buf *out)
{
	write_envelope(c, c->shape->object, out);
	for (unsigned i = 0; i < c->n_choices; i++) {
		if (i > 0)
			OUT(out, ",");
		c->shape->write_whole(c, i, out);
	}
	OUT(out, "]");
	if (!directive_is_set(c->directives->no_usage)) {
		OUT(out, ",\"usage\":");
		write_usage(c, c->completion_tokens, out);
	}
	OUT(out, "}\n");
}

/* --- events ----------------------------------------------------------------
 */

/* The choice whose turn it is, by turns among those that have not ended. */
static unsigned take_turn(struct completion *c)
{
	unsigned index = c->turn;

	while (c->choices[index].next > c->choices[index].n_pieces + 1)
		index = (index + 1) % c->n_choices;
	c->turn = (index + 1) % c->n_choices;
	return index;
}

/* Writes the next event of choice <index>; whether it is its last. */
static bool write_choice(struct completion *c, unsigned index, struct buf *out)
{
	struct choice *choice = &c->choices[index];

	if (choice->next == 0 && !c->shape->has_opening)
		choice->next = 1;
	if (choice->next == 0) {
		c->shape->write_opening(c, index, out);
	} else if (choice->next <= choice->n_pieces) {
		c->shape->write_piece(
		    c, index, &choice->pieces[choice->next - 1], out);
		c->sent_tokens++;
	} else {
		c->shape->write_finish(c, index, out);
		c->unfinished--;
	}
	return choice->next++ > choice->n_pieces;
}

static void write_usage_member(
    const struct completion *c, bool is_last, struct buf *out)
{
	const struct directives *d = c->directives;

	if (directive_is_set(d->no_usage))
		return;
	if (directive_is_set(d->usage_every_chunk) ||
	    (is_last && directive_is_set(d->usage_in_last_content))) {
		OUT(out, ",\"usage\":");
		write_usage(c, c->sent_tokens, out);
	} else if (c->wants_usage) {
		OUT(out, ",\"usage\":null");
	}
}

static bool owes_usage(const struct completion *c)
{
	return c->wants_usage && !c->sent_usage &&
	       !directive_is_set(c->directives->no_usage) &&
	       !directive_is_set(c->directives->usage_in_last_content);
}

bool completion_next(struct completion *c, struct buf *out)
{
	if (c->unfinished > 0) {
		bool is_last;

		OUT(out, "data: ");
		write_envelope(c, c->shape->chunk_object, out);
		is_last = write_choice(c, take_turn(c), out);
		OUT(out, "]");
		write_usage_member(c, is_last && c->unfinished == 0, out);
		OUT(out, "}\n\n");
		return true;
	}
	if (owes_usage(c)) {
		c->sent_usage = true;
		OUT(out, "data: ");
		write_envelope(c, c->shape->chunk_object, out);
		OUT(out, "],\"usage\":");
		write_usage(c, c->completion_tokens, out);
		OUT(out, "}\n\n");
		return true;
	}
	if (c->sent_done || directive_is_set(c->directives->no_done))
		return false;
	c->sent_done = true;
	OUT(out, "data: [DONE]\n\n");
	return true;
}
