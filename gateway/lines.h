/* lines.h -- JSON Lines: a question a line in, its answer a line out. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LINES_H
#define GATEWAY_LINES_H

#include "base/base.h"
#include "local/local.h"

/*
 * Commands that answer lines read standard input, or a file, to its end. Each
 * line of JSON gets one line on standard output, in order and at once; one that
 * cannot be answered gets {"error": "..."} in its place, and the command ends
 * with exit status 1.
 */
#define LINES_LEN_MAX ((size_t)256 << 20)     /* bytes of a question */
#define LINES_ANSWER_MAX ((size_t)2000 << 20) /* bytes of an answer */

struct lines_question {
	struct json_doc doc;
	struct arena *arena; /* dropped after the answer */
	uint64_t number;     /* of the line, from 1 on */
};

/* Appends the answer to <out>; FAILED with the reason. */
typedef enum result (*lines_answer_fn)(void *arg,
    const struct lines_question *question, struct buf *out, struct error *err);

struct lines {
	lines_answer_fn answer;
	void *arg;
	/* The answer function writes to standard output by itself, plain text;
	 * errors are messages on standard error. */
	bool is_plain;
	int fd; /* is read to its end; 0 is standard input */
};

/* Answers all lines; an exit status. */
int lines_run(const struct lines *lines);

/* Appends a number, so that the same float is read from it; null for no number.
 */
bool lines_write_float(struct buf *out, float value) must_check;

/* Appends "[1, 2]". */
bool lines_write_ids(struct buf *out, const uint32_t *ids, size_t n) must_check;

/* What is said of text where there is no tokenizer. */
enum result lines_no_tokenizer(struct error *err);

/* What a function that could not append fails with. */
enum result lines_too_long(struct error *err);

/* Appends the token ids of list <node>; FAILED when it is not one. */
enum result lines_read_ids(const struct json_doc *doc, uint32_t node,
    struct token_buf *out, struct error *err) must_check;

/*
 * Members of an object by type; JSON null is as good as absent, which leaves
 * <out> as it is. FAILED with the member named when it is of another type or
 * out of range.
 */
struct lines_range {
	const char *name;
	double min, max;
};
enum result lines_read_number(const struct json_doc *doc,
    const struct lines_range *range, double *out, struct error *err) must_check;

#endif
