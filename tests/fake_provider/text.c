/* text.c -- the choices of the older completions, whole and in pieces. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_provider/completion.h"
#include "tests/fake_provider/out.h"

/* The four arrays of <n> pieces from <piece> on, or null. */
static void write_logprobs(const struct completion *c, unsigned index,
    const struct piece *piece, uint32_t n, struct buf *out)
{
	const struct choice *choice = &c->choices[index];
	uint32_t first = (uint32_t)(piece - choice->pieces);

	OUT(out, ",\"logprobs\":");
	if (!c->wants_logprobs || n == 0) {
		OUT(out, "null");
		return;
	}
	OUT(out, "{\"tokens\":[");
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0)
			OUT(out, ",");
		out_string(out, piece_text(choice, &piece[i]));
	}
	OUT(out, "],\"token_logprobs\":[");
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0)
			OUT(out, ",");
		completion_write_logprob(c, first + i, 0, out);
	}
	OUT(out, "],\"top_logprobs\":null,\"text_offset\":[");
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0)
			OUT(out, ",");
		out_u64(out, piece[i].start);
	}
	OUT(out, "]}");
}

static void open_choice(struct span text, unsigned index, struct buf *out)
{
	OUT(out, "{\"text\":");
	out_string(out, text);
	OUT(out, ",\"index\":");
	out_u64(out, index);
}

static void write_whole(
    const struct completion *c, unsigned index, struct buf *out)
{
	const struct choice *choice = &c->choices[index];
	struct span text = span_head(choice->text,
	    choice->n_pieces > 0 ? choice->pieces[choice->n_pieces - 1].end
				 : 0);

	open_choice(text, index, out);
	write_logprobs(c, index, choice->pieces, choice->n_pieces, out);
	OUT(out, ",\"finish_reason\":\"");
	out_span(out, span_of(choice->finish_reason));
	OUT(out, "\"}");
}

static void write_piece(const struct completion *c, unsigned index,
    const struct piece *piece, struct buf *out)
{
	open_choice(piece_text(&c->choices[index], piece), index, out);
	write_logprobs(c, index, piece, 1, out);
	OUT(out, ",\"finish_reason\":null}");
}

static void write_finish(
    const struct completion *c, unsigned index, struct buf *out)
{
	open_choice(SPAN(""), index, out);
	OUT(out, ",\"logprobs\":null,\"finish_reason\":\"");
	out_span(out, span_of(c->choices[index].finish_reason));
	OUT(out, "\"}");
}

const struct completion_shape completion_text = {
    .id_prefix = {.ptr = "cmpl-", .len = 5},
    .object = {.ptr = "text_completion", .len = 15},
    .chunk_object = {.ptr = "text_completion", .len = 15},
    .has_opening = false,
    .write_whole = write_whole,
    .write_piece = write_piece,
    .write_finish = write_finish,
};
