/* chat.c -- the choices of chat completions, whole and as deltas. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_provider/completion.h"
#include "tests/fake_provider/out.h"

static void write_id(
    const struct completion *c, unsigned index, unsigned call, struct buf *out)
{
	OUT(out, "\"call_");
	out_hex64(out, c->seed + index * 16 + call);
	OUT(out, "\"");
}

static void write_bytes(struct span text, struct buf *out)
{
	OUT(out, "[");
	for (size_t i = 0; i < text.len; i++) {
		if (i > 0)
			OUT(out, ",");
		out_u64(out, (unsigned char)text.ptr[i]);
	}
	OUT(out, "]");
}

/* One token with its probability and those of the runners-up. */
static void write_token(const struct completion *c, const struct choice *choice,
    const struct piece *piece, struct buf *out)
{
	uint32_t position = (uint32_t)(piece - choice->pieces);
	struct span text = piece_text(choice, piece);

	OUT(out, "{\"token\":");
	out_string(out, text);
	OUT(out, ",\"logprob\":");
	completion_write_logprob(c, position, 0, out);
	OUT(out, ",\"bytes\":");
	write_bytes(text, out);
	OUT(out, ",\"top_logprobs\":[");
	for (unsigned rank = 0; rank < c->top_logprobs; rank++) {
		OUT(out, "{\"token\":");
		out_string(out, rank == 0 ? text : SPAN(" other"));
		OUT(out, ",\"logprob\":");
		completion_write_logprob(c, position, rank, out);
		OUT(out, ",\"bytes\":");
		write_bytes(rank == 0 ? text : SPAN(" other"), out);
		out_span(
		    out, rank + 1 < c->top_logprobs ? SPAN("},") : SPAN("}"));
	}
	OUT(out, "]}");
}

/* The logprobs of <n> pieces from <piece> on, or null. */
static void write_logprobs(const struct completion *c, unsigned index,
    const struct piece *piece, uint32_t n, struct buf *out)
{
	bool is_first = true;

	OUT(out, ",\"logprobs\":");
	if (!c->wants_logprobs || n == 0) {
		OUT(out, "null");
		return;
	}
	OUT(out, "{\"content\":[");
	for (uint32_t i = 0; i < n; i++) {
		if (piece[i].kind != PIECE_CONTENT)
			continue;
		if (!is_first)
			OUT(out, ",");
		write_token(c, &c->choices[index], &piece[i], out);
		is_first = false;
	}
	OUT(out, "],\"refusal\":null}");
}

/* --- whole -----------------------------------------------------------------
 */

/* A call's pieces stand together: its name, then its arguments. */
static void write_calls(
    const struct completion *c, unsigned index, struct buf *out)
{
	const struct choice *choice = &c->choices[index];
	uint32_t i = 0;
	bool is_first = true;

	while (i < choice->n_pieces && choice->pieces[i].kind != PIECE_CALL)
		i++;
	OUT(out, ",\"tool_calls\":[");
	while (i < choice->n_pieces) {
		const struct piece *call = &choice->pieces[i++];
		uint32_t start = call->end, end = start;

		for (; i < choice->n_pieces &&
		       choice->pieces[i].kind == PIECE_ARGUMENTS;
		     i++)
			end = choice->pieces[i].end;
		out_span(out, is_first ? SPAN("{\"id\":") : SPAN(",{\"id\":"));
		write_id(c, index, call->call, out);
		OUT(out, ",\"type\":\"function\",\"function\":{\"name\":");
		out_string(out, piece_text(choice, call));
		OUT(out, ",\"arguments\":");
		out_string(
		    out, span_make(choice->text.ptr + start, end - start));
		OUT(out, "}}");
		is_first = false;
	}
	OUT(out, "]");
}

static void write_nullable(struct span text, struct buf *out)
{
	if (text.ptr)
		out_string(out, text);
	else
		OUT(out, "null");
}

static void write_whole(
    const struct completion *c, unsigned index, struct buf *out)
{
	const struct choice *choice = &c->choices[index];
	struct span reasoning = choice_text(choice, PIECE_REASONING);
	struct span content = choice_text(choice, PIECE_CONTENT);
	struct span refusal = choice_text(choice, PIECE_REFUSAL);
	bool has_calls = choice_text(choice, PIECE_CALL).ptr != NULL;

	/* An empty answer is "", not null. */
	if (!content.ptr && !refusal.ptr && !has_calls)
		content = SPAN("");
	OUT(out, "{\"index\":");
	out_u64(out, index);
	OUT(out, ",\"message\":{\"role\":\"assistant\",\"content\":");
	write_nullable(content, out);
	if (reasoning.ptr) {
		OUT(out, ",\"reasoning_content\":");
		out_string(out, reasoning);
	}
	if (has_calls)
		write_calls(c, index, out);
	OUT(out, ",\"refusal\":");
	write_nullable(refusal, out);
	OUT(out, "}");
	write_logprobs(c, index, choice->pieces, choice->n_pieces, out);
	OUT(out, ",\"finish_reason\":\"");
	out_span(out, span_of(choice->finish_reason));
	OUT(out, "\"}");
}

/* --- events ----------------------------------------------------------------
 */

static void open_delta(unsigned index, struct buf *out)
{
	OUT(out, "{\"index\":");
	out_u64(out, index);
	OUT(out, ",\"delta\":{");
}

static void write_opening(
    const struct completion *c, unsigned index, struct buf *out)
{
	const struct choice *choice = &c->choices[index];
	bool has_calls = choice_text(choice, PIECE_CALL).ptr != NULL;

	open_delta(index, out);
	OUT(out, "\"role\":\"assistant\",\"content\":");
	out_span(out, has_calls ? SPAN("null") : SPAN("\"\""));
	OUT(out, ",\"refusal\":null},\"logprobs\":null,"
		 "\"finish_reason\":null}");
}

static void write_call_delta(const struct completion *c, unsigned index,
    const struct piece *piece, struct buf *out)
{
	struct span text = piece_text(&c->choices[index], piece);

	OUT(out, "\"tool_calls\":[{\"index\":");
	out_u64(out, piece->call);
	if (piece->kind == PIECE_CALL) {
		OUT(out, ",\"id\":");
		write_id(c, index, piece->call, out);
		OUT(out, ",\"type\":\"function\",\"function\":{\"name\":");
		out_string(out, text);
		OUT(out, ",\"arguments\":\"\"}}]");
	} else {
		OUT(out, ",\"function\":{\"arguments\":");
		out_string(out, text);
		OUT(out, "}}]");
	}
}

static void write_piece(const struct completion *c, unsigned index,
    const struct piece *piece, struct buf *out)
{
	struct span text = piece_text(&c->choices[index], piece);

	open_delta(index, out);
	switch ((enum piece_kind)piece->kind) {
	case PIECE_REASONING:
		OUT(out, "\"reasoning_content\":");
		out_string(out, text);
		break;
	case PIECE_CONTENT:
		OUT(out, "\"content\":");
		out_string(out, text);
		break;
	case PIECE_REFUSAL:
		OUT(out, "\"refusal\":");
		out_string(out, text);
		break;
	case PIECE_CALL:
	case PIECE_ARGUMENTS:
		write_call_delta(c, index, piece, out);
		break;
	}
	OUT(out, "}");
	write_logprobs(
	    c, index, piece, piece->kind == PIECE_CONTENT ? 1 : 0, out);
	OUT(out, ",\"finish_reason\":null}");
}

static void write_finish(
    const struct completion *c, unsigned index, struct buf *out)
{
	open_delta(index, out);
	OUT(out, "},\"logprobs\":null,\"finish_reason\":\"");
	out_span(out, span_of(c->choices[index].finish_reason));
	OUT(out, "\"}");
}

const struct completion_shape completion_chat = {
    .id_prefix = {.ptr = "chatcmpl-", .len = 9},
    .object = {.ptr = "chat.completion", .len = 15},
    .chunk_object = {.ptr = "chat.completion.chunk", .len = 21},
    .has_opening = true,
    .write_whole = write_whole,
    .write_opening = write_opening,
    .write_piece = write_piece,
    .write_finish = write_finish,
};
