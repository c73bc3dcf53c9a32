/* vocab.c -- a lane's vocabulary, for texts that a grammar binds. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/scheduler/internal.h"

/* Some tens of milliseconds, for the first text of a lane that needs it. */
static enum result find_vocab(struct lane *lane, struct error *err)
{
	if (lane->vocab)
		return OK;
	if (!lane->vocab_error) {
		lane->vocab =
		    grammar_vocab_new(checkpoint_tokenizer(lane->checkpoint),
			lane->ends.ids, lane->ends.n, err);
		if (lane->vocab)
			return OK;
		lane->vocab_error = mem_strdup(err->text);
	}
	error_set(err, "%s", lane->vocab_error);
	return FAILED;
}

enum result vocab_bind(struct job *job, struct error *err)
{
	struct bound *b = &job->text->bound;

	if (!b->grammar || b->state)
		return OK;
	if (find_vocab(job->lane, err) != OK)
		return FAILED;
	return bound_begin(b, job->lane->vocab, err);
}
