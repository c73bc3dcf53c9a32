/* embeddings.h -- /v1/embeddings and /v1/models. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_PROVIDER_EMBEDDINGS_H
#define FAKE_PROVIDER_EMBEDDINGS_H

#include "tests/fake_provider/ask.h"
#include "tests/fake_provider/directives.h"

/*
 * One vector of length 1 for each input, which is the same wherever that input
 * comes again.
 */
void embeddings_write(const struct ask *ask,
    const struct directives *directives, struct buf *out);

/* Whether <model> is in the comma list <models>. */
bool models_have(struct span models, struct span model);

/* One model's object, and the list of all. */
void models_write_one(struct span model, struct buf *out);
void models_write_list(struct span models, struct buf *out);

#endif
