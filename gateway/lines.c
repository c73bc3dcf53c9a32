/* lines.c -- JSON Lines: a question a line in, its answer a line out. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/lines.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/command.h"

#define PIECE ((size_t)64 << 10)       /* bytes read at a time */
#define ARENA_MAX ((size_t)2000 << 20) /* sixteen bytes a node, and texts */

struct reader {
	int fd;
	struct buf in;
	size_t searched; /* bytes of it without a newline */
	bool is_over;    /* the input has ended */
	bool skips;      /* the rest of a line that was too long */
};

/* Reads more; false when there is no more, or no room. */
static bool fill(struct reader *r)
{
	char *at = buf_reserve(&r->in, PIECE);
	ssize_t n;

	if (!at)
		return false;
	do {
		n = read(r->fd, at, PIECE);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		r->is_over = true;
	else
		buf_commit(&r->in, (size_t)n);
	return n > 0;
}

/* Drops a line and what ended it. */
static void drop_line(struct reader *r, size_t len)
{
	buf_consume(&r->in, len + 1);
	r->searched = 0;
}

enum line {
	LINE_THERE,
	LINE_TOO_LONG,
	LINE_NONE,
};

/* The next line, without its newline, valid until it is dropped. */
static enum line next_line(struct reader *r, struct span *line)
{
	for (;;) {
		struct span text = buf_span(&r->in);
		size_t at = span_find(text, SPAN("\n"), r->searched);

		if (at != SIZE_MAX && r->skips) {
			r->skips = false;
			drop_line(r, at);
			continue;
		}
		if (at != SIZE_MAX || (r->is_over && text.len > 0)) {
			*line = span_head(text, at);
			return r->skips ? LINE_NONE : LINE_THERE;
		}
		if (r->is_over)
			return LINE_NONE;
		r->searched = text.len;
		if (r->skips)
			drop_line(r, text.len);
		if (!fill(r) && !r->is_over) {
			drop_line(r, text.len);
			r->skips = true;
			return LINE_TOO_LONG;
		}
	}
}

static enum result parse(
    struct span line, struct lines_question *question, struct error *err)
{
	struct json_fault fault;

	if (json_parse(line, question->arena, &question->doc, &fault))
		return OK;
	error_set(err, "the line is not JSON: byte %zu: %s", fault.offset,
	    fault.reason);
	return FAILED;
}

static void write_error(struct buf *out, const struct error *err)
{
	buf_consume(out, SIZE_MAX);
	if (!buf_append(out, SPAN("{\"error\": ")) ||
	    !json_write_string(out, span_of(err->text)) ||
	    !buf_append(out, SPAN("}")))
		buf_consume(out, SIZE_MAX);
}

/* False when nobody reads what is written. */
static bool put_answer(struct buf *out)
{
	struct span text;

	if (!buf_append(out, SPAN("\n")))
		return false;
	text = buf_span(out);
	return fwrite(text.ptr, 1, text.len, stdout) == text.len &&
	       fflush(stdout) == 0;
}

struct run {
	const struct lines *lines;
	struct reader reader;
	struct lines_question question;
	struct arena arena;
	struct buf out;
	bool has_failed;
};

/* One line; false when its answer cannot be written. */
static bool answer(struct run *r, enum line kind, struct span line)
{
	const struct lines *lines = r->lines;
	enum result result = FAILED;
	struct error err;

	arena_reset(&r->arena);
	buf_consume(&r->out, SIZE_MAX);
	r->question.number++;
	if (kind == LINE_TOO_LONG)
		error_set(
		    &err, "the line has more than %zu bytes", LINES_LEN_MAX);
	else if (parse(line, &r->question, &err) == OK)
		result = lines->answer(lines->arg, &r->question, &r->out, &err);
	if (result != OK) {
		r->has_failed = true;
		if (lines->is_plain)
			fprintf(stderr, "line %llu: %s\n",
			    (unsigned long long)r->question.number, err.text);
		else
			write_error(&r->out, &err);
	}
	return lines->is_plain ? fflush(stdout) == 0 : put_answer(&r->out);
}

int lines_run(const struct lines *lines)
{
	struct run r = {.lines = lines, .reader.fd = lines->fd};
	struct span line = {0};
	enum line kind;

	buf_init(&r.reader.in, LINES_LEN_MAX);
	buf_init(&r.out, LINES_ANSWER_MAX);
	arena_init(&r.arena, ARENA_MAX);
	r.question.arena = &r.arena;
	while ((kind = next_line(&r.reader, &line)) != LINE_NONE) {
		if (!answer(&r, kind, line)) {
			fprintf(stderr, "sluice: standard output: %s\n",
			    strerror(errno));
			r.has_failed = true;
			break;
		}
		if (kind == LINE_THERE)
			drop_line(&r.reader, line.len);
	}
	buf_free(&r.reader.in);
	buf_free(&r.out);
	arena_free(&r.arena);
	return r.has_failed ? EXIT_NO : EXIT_DONE;
}

/* --- writing -------------------------------------------------------------- */

bool lines_write_float(struct buf *out, float value)
{
	char text[32];

	if (!isfinite(value))
		return buf_append(out, SPAN("null"));
	/* Nine digits always do; most floats need fewer. */
	for (int digits = 6; digits <= 9; digits++) {
		(void)snprintf(
		    text, sizeof(text), "%.*g", digits, (double)value);
		if (digits == 9 || strtof(text, NULL) == value)
			break;
	}
	return buf_append(out, span_of(text));
}

bool lines_write_ids(struct buf *out, const uint32_t *ids, size_t n)
{
	char digits[24];
	bool ok = buf_append(out, SPAN("["));

	for (size_t i = 0; ok && i < n; i++)
		ok = (i == 0 || buf_append(out, SPAN(", "))) &&
		     buf_append(out, span_decimal(ids[i], digits));
	return ok && buf_append(out, SPAN("]"));
}

enum result lines_too_long(struct error *err)
{
	error_set(err, "the answer has more than %zu bytes", LINES_ANSWER_MAX);
	return FAILED;
}

enum result lines_no_tokenizer(struct error *err)
{
	error_set(err, "the checkpoint has no tokenizer: give token ids");
	return FAILED;
}

/* --- reading -------------------------------------------------------------- */

enum result lines_read_ids(const struct json_doc *doc, uint32_t node,
    struct token_buf *out, struct error *err)
{
	int64_t value;

	if (!json_is(doc, node, JSON_ARRAY)) {
		error_set(err, "token ids must be a list: [1, 2]");
		return FAILED;
	}
	json_for_each(doc, node, item) {
		uint32_t id;

		if (!json_int(doc, item, &value) || value < 0 ||
		    value > UINT32_MAX) {
			error_set(err, "[%zu] is not a token id: %.*s",
			    out->len,
			    SPAN_FMT(span_head(json_raw(doc, item), 32)));
			return FAILED;
		}
		id = (uint32_t)value;
		if (!token_buf_append(out, &id, 1))
			return lines_too_long(err);
	}
	return OK;
}

static uint32_t find(const struct json_doc *doc, const char *name)
{
	uint32_t node = json_find(doc, 0, span_of(name));

	return json_is(doc, node, JSON_NULL) ? JSON_NONE : node;
}

enum result lines_read_number(const struct json_doc *doc,
    const struct lines_range *range, double *out, struct error *err)
{
	uint32_t node = find(doc, range->name);
	double value;

	if (node == JSON_NONE)
		return OK;
	if (json_double(doc, node, &value) && value >= range->min &&
	    value <= range->max) {
		*out = value;
		return OK;
	}
	error_set(err, "\"%s\" must be a number from %.15g to %.15g",
	    range->name, range->min, range->max);
	return FAILED;
}
