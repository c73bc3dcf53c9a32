/* completion.h -- one generated answer, and its rendering whole or in events.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_PROVIDER_COMPLETION_H
#define FAKE_PROVIDER_COMPLETION_H

#include "tests/fake_provider/ask.h"
#include "tests/fake_provider/directives.h"

/*
 * An answer is planned before its first byte leaves: the text of each choice,
 * cut into pieces of which each is a token and, in a stream, an event. What is
 * planned depends on the request's bytes and the directives alone. Everything
 * lives in the request's arena.
 */
enum piece_kind {
	PIECE_REASONING,
	PIECE_CONTENT,
	PIECE_REFUSAL,
	PIECE_CALL, /* opens a tool call; its text is the function's name */
	PIECE_ARGUMENTS, /* of the call before */
};

struct piece {
	uint32_t start; /* in the choice's text */
	uint32_t end;
	uint8_t kind; /* enum piece_kind */
	uint8_t call; /* which tool call, from 0 */
};

struct choice {
	struct span text;
	const struct piece *pieces; /* (n_pieces) */
	uint32_t n_pieces;
	uint32_t next; /* event: 0 opens, 1.. pieces, n_pieces + 1 ends */
	const char *finish_reason;
};

struct completion_shape;

struct completion {
	const struct completion_shape *shape;
	const struct directives *directives;
	uint64_t seed;
	struct span model;
	struct choice *choices; /* (n_choices) */
	unsigned n_choices;
	unsigned turn;       /* the choice whose event comes next */
	unsigned unfinished; /* choices with events to come */
	bool is_stream;
	bool wants_usage;
	bool wants_logprobs;
	unsigned top_logprobs;
	bool sent_usage; /* the events at the end */
	bool sent_done;
	uint64_t prompt_tokens;
	uint64_t cached_tokens;
	uint64_t reasoning_tokens;
	uint64_t completion_tokens; /* reasoning included */
	uint64_t sent_tokens;       /* pieces in events so far */
};

/* What planning needs beside the request; the buffers are scratch. */
struct completion_means {
	const struct directives *directives;
	uint64_t seed;
	unsigned tokens;     /* length where nothing asks for another */
	struct span request; /* all of its body, for echo */
	struct buf *text;
	struct buf *pieces;
};

/*
 * Plans the answer to <ask> into its arena; NULL with <fault> set when more is
 * asked for than a simulation should hold.
 */
struct completion *completion_plan(const struct ask *ask,
    const struct completion_means *means, struct ask_fault *fault) must_check;

/* The whole answer as one JSON object. */
void completion_write(const struct completion *completion, struct buf *out);

/* The next event with its empty line; false, and nothing, when all were. */
bool completion_next(struct completion *completion, struct buf *out);

/* --- for the shapes --------------------------------------------------------
 */

/* What differs between chat and the older completions. */
struct completion_shape {
	struct span id_prefix;
	struct span object;
	struct span chunk_object;
	bool has_opening; /* an event with the role comes first */
	/* One element of "choices": whole, and of each kind of event. */
	void (*write_whole)(
	    const struct completion *c, unsigned index, struct buf *out);
	void (*write_opening)(
	    const struct completion *c, unsigned index, struct buf *out);
	void (*write_piece)(const struct completion *c, unsigned index,
	    const struct piece *piece, struct buf *out);
	void (*write_finish)(
	    const struct completion *c, unsigned index, struct buf *out);
};

extern const struct completion_shape completion_chat;
extern const struct completion_shape completion_text;

static inline struct span piece_text(
    const struct choice *choice, const struct piece *piece)
{
	return span_make(
	    choice->text.ptr + piece->start, piece->end - piece->start);
}

/* The text of all pieces of <kind>, which stand together; else ptr NULL. */
struct span choice_text(const struct choice *choice, enum piece_kind kind);

/* A negative number with three decimals, the same for the same arguments. */
void completion_write_logprob(
    const struct completion *c, uint32_t piece, unsigned rank, struct buf *out);

#endif
