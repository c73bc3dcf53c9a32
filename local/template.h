/* template.h -- chat templates: a conversation to the text a model reads. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TEMPLATE_H
#define LOCAL_TEMPLATE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "base/span.h"

/*
 * A checkpoint's chat template is a program in Jinja, written by whoever
 * published the checkpoint: it runs here in a sandbox that has no files, no
 * clock and no way to go on for ever. What it renders is, to the byte, what HF
 * transformers renders from it (trim_blocks and lstrip_blocks on, loop
 * controls, `generation` blocks, tojson without HTML escapes). A template that
 * needs what is not here is refused when it is loaded, with the line and the
 * feature; nothing is ever put in its place.
 *
 * The text comes in parts: what stems from the conversation is not trusted,
 * what the template itself says is. Marks follow each byte through every
 * operation on strings, so that a control token which a user wrote, or which
 * only comes about where user's text meets the template's, stays text. Control
 * tokens are to be looked for inside single trusted parts only; what lies
 * between two of them is one text, whatever its parts, and is encoded as one.
 *
 * A template never changes once it is loaded: threads may share it.
 */
struct template;

#define TEMPLATE_SOURCE_MAX ((size_t)1 << 20)  /* bytes of a template */
#define TEMPLATE_STEPS_MAX 2000000             /* of one rendering */
#define TEMPLATE_DEPTH_MAX 64                  /* of nesting, and of calls */
#define TEMPLATE_OUTPUT_MAX ((size_t)16 << 20) /* bytes of any one string */
#define TEMPLATE_MEMORY_MAX ((size_t)256 << 20)

/* What a rendering is given. */
struct template_input {
	/*
	 * An object: "messages", "tools", "documents",
	 * "add_generation_prompt" and whatever else the caller passes on.
	 * Numbers keep Python's int and float, members their order. All of its
	 * strings are untrusted.
	 */
	const struct json_doc *data;
	/*
	 * An object of what the checkpoint says of itself, "bos_token" and so
	 * on; its strings are trusted. A member of <data> hides one of the same
	 * name. NULL for none.
	 */
	const struct json_doc *trusted;
	int64_t now_ns;       /* UTC, for strftime_now */
	int32_t utc_offset_s; /* local time is that much later */
};

struct template_part {
	size_t start, end; /* bytes of the text */
	bool is_trusted;
};

/* Lives in the arena that the rendering was given. */
struct template_output {
	struct span text;
	const struct template_part *parts; /* (n_parts), without a gap */
	size_t n_parts;                    /* neighbours differ in is_trusted */
	bool has_raised; /* FAILED: the template itself said so */
};

/*
 * Reads a template; <source> may be dropped after. NULL with <err>, such as
 * `line 12: unknown filter "xmlattr"`, when it is ill-formed, too large or
 * needs something that is not here.
 */
struct template *template_load(
    struct span source, struct error *err) must_check;

/* NULL is fine. */
void template_free(struct template **template);

/*
 * Renders into <out>, all memory from <arena>, whose maximum bounds it:
 * TEMPLATE_MEMORY_MAX is a good one. As transformers does, messages lose
 * members that are null and get their reasoning under each name it goes by,
 * and tools and documents are none when absent. FAILED with <err>: the
 * message that the template raised (has_raised), else `line 3: ...`.
 */
enum result template_render(const struct template *template,
    const struct template_input *input, struct arena *arena,
    struct template_output *out, struct error *err) must_check;

/*
 * Whether the template reads a variable of that name anywhere; one that it only
 * sets is not read, nor is a member of something else. "tools": a conversation
 * with tools can be rendered so that the model sees them.
 */
bool template_reads(const struct template *template, struct span name);

#endif
