/* dialect.h -- the wire formats of LLM APIs: read, edited, never re-printed. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIALECT_DIALECT_H
#define DIALECT_DIALECT_H

#include "base/base.h"

/*
 * Pure functions over spans. A request is read strictly into what deciding and
 * billing need, and it remembers where in the client's own bytes the few
 * members stand that may have to change; everything else passes through as it
 * came, numbers, order and white space included. An answer is only looked at.
 *
 * This version speaks OpenAI's chat completions, completions and embeddings.
 */
enum endpoint {
	ENDPOINT_CHAT,
	ENDPOINT_COMPLETIONS,
	ENDPOINT_EMBEDDINGS,
	ENDPOINT_COUNT,
};

/* "chat", "completions", "embeddings". */
const char *endpoint_name(enum endpoint endpoint);

/* Its path below the base URL: "/chat/completions", ... */
const char *endpoint_path(enum endpoint endpoint);

enum message_role {
	ROLE_SYSTEM, /* and developer */
	ROLE_USER,
	ROLE_ASSISTANT,
	ROLE_TOOL, /* and function */
	ROLE_OTHER,
};

/* One run of text for the model: a message's content or one part of it. */
struct prompt_part {
	enum message_role role;
	struct span text; /* decoded */
};

/* A range of the request's bytes; len 0 and at 0: not there. */
struct byte_range {
	size_t at;
	size_t len;
};

struct dialect_request {
	enum endpoint endpoint;
	struct span body;    /* the client's bytes */
	struct json_doc doc; /* the same, read; its nodes in the arena */

	/* What decides. */
	struct span model; /* decoded */
	bool stream;
	bool has_include_usage; /* the client asked for usage in the stream */
	bool has_tools;
	bool has_images;
	bool has_audio;
	bool has_json_object; /* response_format json_object */
	bool has_json_schema; /* response_format json_schema */
	int64_t choices;      /* n or best_of, the larger; 1 when absent */
	int64_t output_limit; /* max_completion_tokens or max_tokens, the larger
				 of both; -1: none */
	bool is_deterministic; /* temperature present and 0 */
	bool has_side_effects; /* asks for more than an answer: store,
				  background or web_search_options that are
				  neither null nor false, or spoken output; an
				  answer from a cache would not do it */

	/* What the model reads. */
	size_t turns; /* messages of user and assistant; 1 for a plain prompt */
	size_t prompts; /* answered one by one: a list's length, 1 for chat;
			   output is bounded by prompts x choices x limit */
	size_t n_parts;
	const struct prompt_part *parts; /* (n_parts) in order, in the arena */
	struct span last_user; /* text of the last user message, parts joined
				  by LF, or the prompt; empty when none */
	size_t tool_bytes;     /* raw JSON of tools and functions */
	size_t schema_bytes;   /* raw JSON of response_format */
	size_t image_count;
	size_t prompt_token_ids; /* of prompts given as arrays of them */

	/* Where editing happens, as ranges of body. */
	struct byte_range model_at;          /* the value, quotes included */
	struct byte_range stream_options_at; /* the value */
	struct byte_range include_usage_at;  /* the value */
	size_t members_from; /* just after the top object's brace */
	bool has_members;    /* the top object is not empty */
	bool stream_options_has_members;
};

/* Why a request cannot be passed on; becomes a 400. */
struct dialect_refusal {
	const char *code;  /* "invalid_json", "duplicate_key", ... */
	const char *param; /* the member concerned, or NULL */
	char message[256];
};

/*
 * Reads the body of a request to <endpoint>. Refuses (false, <refusal> set):
 * - bytes that are not strict JSON or no object: invalid_json, with the offset;
 * - keys that stand twice, also in other case or by escapes, at every level
 *   that decides (the top, stream_options, response_format, each message and
 *   each content part): duplicate_key;
 * - keys there that differ in case only from one that decides, which servers
 *   that ignore case would read: unknown_parameter;
 * - a missing or empty model: missing_required_parameter;
 * - wrong types where reading them otherwise would change what is billed or
 *   decided (model, messages, stream, n, max_tokens ...): invalid_type;
 * - counts that are negative, not whole or not int64, and control characters
 *   in the model: invalid_value;
 * - what outgrows <arena>: request_too_large.
 * What it does not know it lets pass; a member that is null is a member that
 * is not there. Memory comes from <arena>; spans and the refusal's param point
 * into it, into <body> or to static text.
 */
bool dialect_read_request(enum endpoint endpoint, struct span body,
    struct arena *arena, struct dialect_request *request,
    struct dialect_refusal *refusal) must_check;

#define DIALECT_PIECES_MAX 6

/*
 * The body to send upstream as pieces to be sent one after the other: the
 * client's bytes with the model's value replaced by <upstream_model> and, when
 * <asks_usage> and the request streams without include_usage, that member
 * spliced in. Returns the number of pieces written to <pieces>, 0 when <arena>
 * is exhausted. A model that already has the wanted name leaves the bytes
 * exactly as they came. Pieces point into the body, <arena> or static text.
 */
size_t dialect_edit_request(const struct dialect_request *request,
    struct span upstream_model, bool asks_usage, struct arena *arena,
    struct span pieces[DIALECT_PIECES_MAX]);

/* What an answer said it used: disjoint counters, cached beside input. */
struct dialect_usage {
	bool has_input;       /* a prompt count that can be believed */
	bool has_output;      /* a completion count; embeddings always have 0 */
	bool has_cached;      /* said how much was cached, be it 0 */
	int64_t input_tokens; /* without the cached ones */
	int64_t cached_tokens;
	int64_t output_tokens; /* reasoning included */
	bool is_odd; /* details larger than the whole or no count, a total
			that nothing explains: the row is marked estimated */
};

/*
 * Usage over a stream: what <from> says replaces what <into> had, member by
 * member, and what it does not say stays. Counts are never summed.
 */
void dialect_usage_merge(
    struct dialect_usage *into, const struct dialect_usage *from);

/* A whole JSON answer. */
struct dialect_answer {
	bool is_json;  /* it parses */
	bool is_error; /* says "error", with or without an answer */
	bool has_tool_calls;
	bool has_audio;
	bool is_finished; /* every choice has a finish_reason (or embeddings) */
	bool is_cut;      /* one of them is not an end that the model came to or
			     was asked to keep: see dialect_keep */
	struct dialect_usage usage;
	size_t output_bytes; /* decoded, of text, reasoning, refusals, names and
				arguments of tool calls, transcripts */
	int64_t output_estimate; /* tokens of that text, by its characters */
};

/*
 * Reads a whole answer of <endpoint>. One that does not parse (or whose values
 * are more than <arena> holds) has is_json false and nothing else. Usage is
 * looked for where providers put it: usage, x_groq.usage, choices[].usage.
 */
void dialect_read_answer(enum endpoint endpoint, struct span body,
    struct arena *arena, struct dialect_answer *answer);

/* One event of a stream, by its data payload. */
struct dialect_chunk {
	bool is_done; /* [DONE] */
	bool is_json;
	bool is_error;    /* an error object */
	bool has_content; /* non-empty content, text, refusal, reasoning,
			     tool_calls, function_call or audio in a delta */
	bool has_tool_calls;
	bool has_audio;
	bool has_finish;    /* a finish_reason that is not null */
	bool is_cut;        /* one that is no good end: see dialect_keep */
	bool has_usage;     /* a usage object that is not null */
	bool is_usage_only; /* usage and an empty choices: ours to remove */
	struct dialect_usage usage;
	size_t output_bytes;     /* as above, in this chunk */
	int64_t output_estimate; /* tokens of that text, by its characters */
	uint64_t choices;        /* bit i: the event is about choice i, 0..62;
				    bit 63: about one beyond these */
	uint64_t finished;       /* likewise those with a finish_reason */
};

/* What a stream's events have in common; zero it when the stream begins. */
struct dialect_stream {
	size_t head_len; /* 0: nothing yet */
	size_t tail_len;
	uint64_t choices;
	char text[640]; /* head and tail of a plain event */
};

/*
 * Looks at one event. Nodes come from <arena>, which the caller resets between
 * events; one that is like the last but for its text is not parsed again, with
 * the same result.
 */
void dialect_read_chunk(enum endpoint endpoint, struct span data,
    struct arena *arena, struct dialect_stream *stream,
    struct dialect_chunk *chunk);

/* --- answers that are given again ----------------------------------------- */

/*
 * An answer is kept as the upstream gave it, a JSON object or a stream of
 * events, and may be asked for in the other form. The two functions below turn
 * one into the other: what comes out says what the upstream would have said in
 * that form. They slice and join the sender's bytes: numbers, escapes and
 * members that nobody here knows arrive as they were sent. Both want a whole
 * answer and say no to everything else (an error, a choice without its
 * finish_reason, spoken output, content as a list of parts), and the caller
 * then has no answer to give again.
 */

/*
 * Where, in a stream, the two events stand that a replay may have to leave out
 * or to put something before: whole events, empty line included. len 0: there
 * is none.
 */
struct dialect_marks {
	struct byte_range usage; /* of usage alone, without choices */
	struct byte_range done;  /* [DONE] */
};

/*
 * From the bytes of a whole stream to the JSON answer, appended to <out>.
 *
 * Events are read as clients do: LF, CRLF or CR, comments and other fields
 * skipped, data lines joined; what follows [DONE] is not looked at, and [DONE]
 * itself may be missing, or lack its empty line. Choices come in the order of
 * their index. In a delta content, refusal, reasoning_content, reasoning and
 * the arguments of calls are concatenated; tool_calls are merged by their
 * index, which the answer does not have; annotations, reasoning_details and the
 * lists of logprobs are joined. Of any other member, and of usage, the last
 * value counts, and null never takes the place of one. Content is null beside a
 * refusal or a call when nothing was said. What only streams have is left out
 * (obfuscation); usage that stands elsewhere in a stream (x_groq, a choice)
 * becomes the answer's.
 *
 * Working memory is taken from <arena>, linear in <events>. False, and nothing
 * appended, for what is no whole answer, for members that stand twice where
 * they would be merged, past 4096 choices or 64 different members of one
 * object, and past the arena's or the buffer's maximum.
 */
bool dialect_join(enum endpoint endpoint, struct span events,
    struct arena *arena, struct buf *out) must_check;

/*
 * From a whole JSON answer to the stream that <request> would have got, of
 * which only endpoint and has_include_usage are read; appended to <out>, with
 * <marks> counted from its first byte.
 *
 * Every event has the answer's id, created, model, service_tier and
 * system_fingerprint, the first one also the members that nobody here knows.
 * A choice of chat begins with its role and the members of its message that
 * are not said piece by piece, and ends with an empty delta, its finish_reason
 * and the choice's own other members. Between them stand reasoning, content,
 * refusal and calls, in this order; a text is cut before the spaces of its
 * words, never inside of a character or of an escape, and where there are
 * logprobs it is cut as its tokens were, each with its own. Several choices
 * take turns, a piece each, in the order in which the answer has them. With
 * has_include_usage each event says "usage":null and one more, without
 * choices, has the usage; without it, or where the answer has none, no event
 * speaks of it. "data: [DONE]" comes last.
 *
 * An answer that goes over several lines loses the white space between its
 * values, which no data line could hold.
 *
 * Working memory is taken from <arena>, linear in <answer> but for the members
 * that every event repeats, kept once for each text; what is written has them
 * once for each piece, so <out> needs a maximum that one is willing to send.
 * False, and nothing appended, as above.
 */
bool dialect_split(const struct dialect_request *request, struct span answer,
    struct arena *arena, struct buf *out,
    struct dialect_marks *marks) must_check;

/*
 * The marks of a stream as an upstream sent it. Usage-only events that stand
 * side by side, or with nothing but comments between, count as one. False when
 * they stand apart, which no one range can say. Needs no memory of the
 * caller's; its own is linear in the largest event.
 */
bool dialect_find_marks(enum endpoint endpoint, struct span events,
    struct dialect_marks *marks) must_check;

/*
 * Whether an answer may be kept: never errors, answers that were cut or
 * filtered, calls of tools and functions, spoken output, and answers that do
 * not say what they used. A good end is a finish_reason of stop or length or
 * what other servers call these (eos, eos_token, end_turn, stop_sequence,
 * max_tokens). Streams of more than 63 choices are not kept.
 *
 * A whole JSON answer is asked about by itself. For a stream, zero the struct
 * when it begins, add every event, and ask at its end, when <usage> is what
 * dialect_usage_merge made of them all.
 */
struct dialect_keep {
	bool is_spoiled;
	uint64_t choices;
	uint64_t finished;
};

bool dialect_keeps_answer(const struct dialect_answer *answer);
void dialect_keep_add(
    struct dialect_keep *keep, const struct dialect_chunk *chunk);
bool dialect_keeps_stream(
    const struct dialect_keep *keep, const struct dialect_usage *usage);

/* How errors look to the client. */
struct dialect_error {
	const char *message;
	const char *type;  /* "invalid_request_error", ... */
	const char *param; /* or NULL */
	const char *code;  /* or NULL */
};

/*
 * {"error": {"message", "type", "param", "code"}} in <arena>, null for what is
 * NULL. ptr NULL when the arena is exhausted or the texts pass 64 KiB.
 */
struct span dialect_write_error(
    const struct dialect_error *error, struct arena *arena);

/*
 * Tokens of <text> by its characters alone, for models whose tokenizer is not
 * at hand: letters, digits, signs and wide scripts each at their rate, fitted
 * to o200k_base. Some hundred bytes of English, code or JSON come within 15% of
 * it, Chinese, Japanese and Russian within 20%. Older tokenizers (cl100k_base)
 * agree on the former and spend half as much again on the latter. 0 for empty
 * text.
 */
int64_t dialect_estimate_tokens(struct span text);

#endif
