/* steps.c -- lists of steps, filled from any kind of file. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer/load.h"

struct normalize_step *add_normalize(struct tokenizer *t)
{
	if (!t->normalizer)
		t->normalizer =
		    tokenizer_take(t, STEPS_MAX * sizeof(*t->normalizer));
	return t->n_normalizer < STEPS_MAX ? &t->normalizer[t->n_normalizer++]
					   : NULL;
}

struct split_step *add_split(struct tokenizer *t)
{
	if (!t->splitter)
		t->splitter =
		    tokenizer_take(t, STEPS_MAX * sizeof(*t->splitter));
	return t->n_splitter < STEPS_MAX ? &t->splitter[t->n_splitter++] : NULL;
}

struct decode_step *add_decode(struct tokenizer *t)
{
	if (!t->decoder)
		t->decoder = tokenizer_take(t, STEPS_MAX * sizeof(*t->decoder));
	return t->n_decoder < STEPS_MAX ? &t->decoder[t->n_decoder++] : NULL;
}
