/* generate_line.h -- what a line of `sluice generate` asks for. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_GENERATE_LINE_H
#define GATEWAY_GENERATE_LINE_H

#include "gateway/lines.h"
#include "local/local.h"

/* What is kept from line to line. */
struct generate_line {
	bool is_plain;           /* control tokens in a prompt are text */
	const struct chat *chat; /* or NULL */
	struct tokenizer_work *work;
	struct chat_text text;   /* the line's ids */
	struct arena arena;      /* of the template */
	struct grammar *schema;  /* of --schema, a reference, or NULL */
	struct grammar *grammar; /* of the line's own, or NULL */
};

/* <line> is zeroed but for is_plain and schema, which it takes; the checkpoint
 * must outlive it. */
void generate_line_init(
    struct generate_line *line, const struct checkpoint *checkpoint);
void generate_line_free(struct generate_line *line);

/*
 * The grammar of the JSON schema in file <path>, to be given up with
 * grammar_unref. NULL with the file, and what is wrong in it, in <err>.
 */
struct grammar *generate_schema_read(
    const char *path, struct error *err) must_check;

/*
 * Reads a line's prompt, and what it says in place of the flags, into
 * <request>; all of it is borrowed until the next line.
 */
enum result generate_line_read(struct generate_line *line,
    const struct lines_question *question, struct generate_request *request,
    struct error *err) must_check;

#endif
