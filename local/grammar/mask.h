/* mask.h -- which tokens a place allows, and the masks that are kept. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_GRAMMAR_MASK_H
#define LOCAL_GRAMMAR_MASK_H

#include "local/grammar/run.h"
#include "local/grammar/vocab.h"

/*
 * What a grammar and a vocabulary have together: masks by the place that they
 * are of, for all answers, and room to walk. The grammar owns it; who uses it
 * holds its lock, which is inside.
 */
struct machine;

/* The machine for <vocab>, made where there is none; takes the grammar's lock.
 */
struct machine *machine_of(
    struct grammar *grammar, struct grammar_vocab *vocab);

/* Drops a list of machines. */
void machines_free(struct machine *first);

/* grammar_mask for the spots of <run>. */
bool machine_mask(
    struct machine *machine, const struct run *run, uint32_t *bits);

#endif
