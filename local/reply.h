/* reply.h -- what a model wrote: reasoning, content and tool calls apart. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_REPLY_H
#define LOCAL_REPLY_H

#include "base/span.h"

/*
 * An open-weight model writes text; a client wants its reasoning, its content
 * and its tool calls each in their place. A reply takes the text as it comes,
 * in pieces of any size, and tells the parts at once where that is possible. It
 * goes over bytes one by one, so the parts of a streamed answer, joined, are
 * those of the whole one, however the text was cut.
 *
 * Each family marks its calls in its own way: that is its format. Text that
 * looks like a call and is none (broken JSON, another shape, a tool that the
 * request does not have, an end in the middle) comes out as content, unchanged.
 * A call is told as soon as its name is known and its arguments have begun, and
 * they are told as they come, the model's own bytes; should they break then,
 * the call's end says that it is not whole, and what follows is content. With
 * `holds_calls` a call is told only when its object is complete, and nothing
 * that breaks is told as one.
 *
 * White space beside reasoning and beside calls is theirs: blank lines before
 * and white space after reasoning, white space before a call, blank lines after
 * either. Arguments and all other content stay as they are.
 */
struct reply;
struct reply_format;

#define REPLY_HELD_MAX                                                         \
	((size_t)1 << 20)   /* of what may be a call; then it is               \
			       content */
#define REPLY_CALLS_MAX 128 /* what follows is content */
#define REPLY_DEPTH_MAX 64  /* of JSON, the call's object included */
#define REPLY_NAME_MAX 256  /* bytes */

enum reply_kind {
	REPLY_REASONING,
	REPLY_CONTENT,
	REPLY_CALL,      /* begins one: call, id, name */
	REPLY_ARGUMENTS, /* of the call last begun: JSON text, in pieces */
	REPLY_CALL_END,  /* is_whole */
};

struct reply_part {
	enum reply_kind kind;
	struct span text; /* reasoning, content, arguments: never empty */
	struct span id;   /* REPLY_CALL */
	struct span name; /* REPLY_CALL */
	uint32_t call;    /* calls and arguments: 0, 1, ... */
	bool is_whole;    /* REPLY_CALL_END: the arguments are a JSON object */
};

/* Takes one part; its spans are borrowed for the call only. */
typedef void reply_part_fn(const struct reply_part *part, void *arg);

struct reply_options {
	const struct reply_format *format; /* NULL: no calls */
	bool thinks;                       /* <think> may open the answer */
	bool starts_thinking;              /* the prompt has opened it */
	bool has_tools;                    /* else nothing is a call */
	bool holds_calls;
	const struct span *tools; /* (n_tools) names, copied; none: any name */
	size_t n_tools;
	uint64_t seed; /* of the ids that the model does not give */
};

/* ---- formats ---- */

/*
 * hermes, llama3, mistral, phi, deepseek; NULL for `none` and for a name that
 * is none of these: reply_format_is_known tells them apart.
 */
const struct reply_format *reply_format_named(struct span name);
bool reply_format_is_known(struct span name);

/* The format's name, `none` for NULL; static. */
const char *reply_format_name(const struct reply_format *format);

/*
 * The format in which a chat template writes calls, found by the marks in it;
 * <family> (config.json's model_type, or GGUF's architecture) decides where
 * they are shared. NULL when it has none that is known.
 */
const struct reply_format *reply_format_detect(
    struct span template, struct span family);

/*
 * Texts that a format needs to see and that may be control tokens of the
 * checkpoint, which decoding would leave out: those of <think> first, then the
 * format's (which may be NULL). NULL after the last.
 */
const char *reply_marker(const struct reply_format *format, size_t i);

/* Whether a chat template knows of <think>: `thinks`. */
bool reply_template_thinks(struct span template);

/* Whether a rendered prompt leaves <think> open: `starts_thinking`. */
bool reply_prompt_thinks(struct span prompt);

/* ---- life ---- */

/* Never NULL; options and tools are copied. */
struct reply *reply_new(const struct reply_options *options);
void reply_free(struct reply **reply);

/*
 * Takes the next piece and tells <fn> the parts that are certain by now, text
 * in as few parts as that allows. Pieces of whole characters give parts of
 * whole characters.
 */
void reply_push(
    struct reply *reply, struct span piece, reply_part_fn *fn, void *arg);

/* The text has ended: tells the rest. Nothing may be pushed after. */
void reply_finish(struct reply *reply, reply_part_fn *fn, void *arg);

/* All of it for a text that is there as a whole. */
void reply_split(const struct reply_options *options, struct span text,
    reply_part_fn *fn, void *arg);

/* ---- queries ---- */

/* How many calls were told: any makes the finish reason tool_calls. */
uint32_t reply_calls(const struct reply *reply);

#endif
