/* reply_fixture.h -- what a reply told, as one text that tests can compare. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_REPLY_FIXTURE_H
#define TESTS_UNIT_REPLY_FIXTURE_H

#include "base/buf.h"
#include "local/reply.h"

/*
 * Parts as <R>reasoning <C>content <T0 name> <A>arguments <E>, or <B> for the
 * end of a call that is not whole; neighbours of a kind are joined. Each part
 * is checked as it comes: calls are numbered, begin and end in turn, texts are
 * not empty, and the arguments of a whole call are a JSON object.
 */
struct told {
	struct buf text;
	struct buf ids; /* "id " for each call */
	struct buf arguments;
	struct reply *reply;
	bool is_in_call;
	bool checks_utf8; /* each part is valid */
	int last;         /* kind, or -1 */
	uint32_t n_calls;
};

void told_init(struct told *told);
void told_free(struct told *told);

/* A reply_part_fn; <arg> is a struct told. */
void told_part(const struct reply_part *part, void *arg);

/* All of <text>, in pieces of <len> bytes (0: at once). */
void told_pieces(struct told *told, const struct reply_options *options,
    struct span text, size_t len);

/* The same, cut at random by <seed>; <by_characters> keeps these whole. */
void told_cuts(struct told *told, const struct reply_options *options,
    struct span text, uint64_t *seed, bool by_characters);

/* The next of a row of random numbers, below <n>. */
size_t told_random(uint64_t *seed, size_t n);

/* Both told the same. */
void told_assert_equal(const struct told *a, const struct told *b);

/* Options of a format by name, with tools and <think>. */
struct reply_options told_options(const char *format);

#endif
