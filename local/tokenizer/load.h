/* load.h -- reading a tokenizer.json: what the readers of its parts share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TOKENIZER_LOAD_H
#define LOCAL_TOKENIZER_LOAD_H

#include "base/json.h"
#include "local/tokenizer/internal.h"

/*
 * The place in the file is kept as a path, so that every refusal names it:
 * `tokenizer.json: pre_tokenizer.pretokenizers[1].behavior: ...`.
 */
#define PATH_MAX_LEN 192

struct reader {
	const struct json_doc *doc;
	struct arena *arena; /* dropped after reading */
	struct tokenizer *t;
	struct error *err;
	const char *file;
	uint64_t seed;
	char path[PATH_MAX_LEN];
};

/* Fails with <key> (or "") of the place that the reader is at. */
enum result reader_fail(struct reader *r, const char *key, const char *fmt, ...)
    printf_like(3, 4);

/* Moves to a place, a formatted path. */
void reader_at(struct reader *r, const char *fmt, ...) printf_like(2, 3);

/* Member <key> of <object>; JSON_NONE when absent or null. */
uint32_t reader_find(struct reader *r, uint32_t object, const char *key);

/* A string's text, kept in the tokenizer; ptr NULL for another node. */
struct span reader_keep(struct reader *r, uint32_t node);

/*
 * Members by type. The _or readers leave <out> as it is when the member is
 * absent or null; the others then fail.
 */
enum result reader_text(struct reader *r, uint32_t object, const char *key,
    struct span *out) must_check;
enum result reader_text_or(struct reader *r, uint32_t object, const char *key,
    struct span *out) must_check;
enum result reader_bool_or(
    struct reader *r, uint32_t object, const char *key, bool *out) must_check;
enum result reader_size_or(
    struct reader *r, uint32_t object, const char *key, size_t *out) must_check;

/* Whether the member "type" is <name>. */
bool reader_is_type(struct reader *r, uint32_t object, const char *name);

/* A part of the file by its node, which may be JSON_NONE. */
enum result load_model(struct reader *r, uint32_t node) must_check;
enum result load_normalizer(struct reader *r, uint32_t node) must_check;
enum result load_splitter(struct reader *r, uint32_t node) must_check;
enum result load_decoder(struct reader *r, uint32_t node) must_check;
enum result load_template(struct reader *r, uint32_t node) must_check;
enum result load_added(struct reader *r, uint32_t node) must_check;

/*
 * Makes both templates: <first> before and <last> after each text, either of
 * them TOKENIZER_NO_ID for none, types 0 and 1. <is_shared>: a pair has only
 * one <first>, as BERT's.
 */
void load_marks(
    struct tokenizer *t, uint32_t first, uint32_t last, bool is_shared);

/*
 * What makes sequences flat: calls <read> for each step below <root>, in
 * order, with the reader's path set. <list> is the member that holds a
 * sequence's steps.
 */
typedef enum result (*read_step_fn)(struct reader *r, uint32_t node);
struct walk {
	uint32_t root;
	const char *name; /* of the part */
	const char *list;
	read_step_fn read;
};
enum result load_steps(struct reader *r, const struct walk *walk) must_check;

/* --- what several kinds of steps have (load_steps.c) ---------------------- */

/* Member "pattern": {"String": "..."} or {"Regex": "..."}. */
enum result load_pattern(
    struct reader *r, uint32_t step, struct pattern *pattern) must_check;

/* Member <key>, a text of one character. */
enum result load_char(struct reader *r, uint32_t step, const char *key,
    struct span *out) must_check;

/* Metaspace's "prepend_scheme". */
enum result load_prepend(
    struct reader *r, uint32_t step, enum split_prepend *prepend) must_check;

/* Fails: no step of this "type" is known. */
enum result load_unsupported(struct reader *r, uint32_t step);

/* Fails: there are STEPS_MAX already. */
enum result load_too_many(struct reader *r);

/* --- steps that are made alike for every kind of file (steps.c) ----------- */

/* A new step at the end of a list, NULL when STEPS_MAX are there. */
struct normalize_step *add_normalize(struct tokenizer *t);
struct split_step *add_split(struct tokenizer *t);
struct decode_step *add_decode(struct tokenizer *t);

#endif
