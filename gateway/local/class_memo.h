/* class_memo.h -- what classifiers said of texts, for their next time. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_CLASS_MEMO_H
#define GATEWAY_LOCAL_CLASS_MEMO_H

#include "base/base.h"

/*
 * One worker's table of a fixed size, as gateway/classified.h: a place is
 * chosen by a hash of 128 bits over the classifier and the text, with seeds
 * that are secret and of this process, and the last who came has it.
 */
struct class_memo;

/* What a classifier says: its likeliest class, and how likely that is. */
struct class_said {
	uint32_t label; /* its number */
	float score;
};

struct class_memo *class_memo_new(void);
void class_memo_free(struct class_memo **memo);

struct class_memo_key {
	uint64_t halves[2];
};

/* <identity> is the classifier's: config_local's. */
struct class_memo_key class_memo_key(
    const struct class_memo *memo, const char *identity, struct span text);

/* True when this text was here before. */
bool class_memo_find(const struct class_memo *memo,
    const struct class_memo_key *key, struct class_said *said);
void class_memo_keep(struct class_memo *memo, const struct class_memo_key *key,
    const struct class_said *said);

#endif
