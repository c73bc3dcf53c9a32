/* writer.h -- chosen tokens to text that is given out. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_ENGINE_WRITER_H
#define LOCAL_ENGINE_WRITER_H

#include "local/generate.h"

/*
 * A writer is told the tokens of an answer one by one and makes the text: whole
 * UTF-8, without special tokens (but those that are to be shown), ended before
 * the first stop string. Text that may still become part of a character or of a
 * stop string is held back, and so are the tokens that gave it: a token is
 * settled when some of its text has been given out, or when the text ends and
 * it gave some that is left. Without a tokenizer there is no text and every
 * token is settled at once.
 */
struct writer;

struct writer_options {
	const struct tokenizer *tokenizer; /* or NULL; outlives the writer */
	const struct span *stops;          /* (n_stops), copied */
	size_t n_stops;
	const uint32_t *shown; /* (n_shown) special tokens to show, copied */
	size_t n_shown;
};

/* FAILED, with the option named, when stop strings are not as they must be. */
enum result writer_check(
    const struct writer_options *options, struct error *err) must_check;

struct writer *writer_new(const struct writer_options *options);
void writer_free(struct writer **writer);

/*
 * Adds a token. <is_over> becomes true when a stop string ended the text; the
 * writer takes no more then. FAILED when the text is too long.
 */
enum result writer_push(struct writer *writer, uint32_t token, bool *is_over,
    struct error *err) must_check;

/* The same for the end: nothing is held back any more. */
enum result writer_finish(
    struct writer *writer, bool *is_over, struct error *err) must_check;

/* Text that may be given out and was not yet; borrowed until the next push. */
struct span writer_take(struct writer *writer);

/* Tokens that are settled, from the first on; after the end those that stay. */
size_t writer_settled(const struct writer *writer);

/* All of the text so far, what is held back included; borrowed. */
struct span writer_text(const struct writer *writer);

#endif
