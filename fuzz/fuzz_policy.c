/* fuzz_policy.c -- any bytes as a policy file: loaded, and then decided by. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/router_fixture.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool claim)
{
	if (!claim)
		abort();
}

static void check(const struct router_decision *d)
{
	bool is_decided = d->outcome == ROUTER_DECIDED;

	require(is_decided == (d->n_eligible > 0));
	require(is_decided == (d->error_message == NULL));
	require(d->rule && d->baseline < N_MODELS);
	for (size_t i = 0; i < d->n_candidates; i++) {
		require(d->candidates[i].model < N_MODELS);
		require(d->candidates[i].reason);
		require((i < d->n_eligible) ==
			(d->candidates[i].verdict == MODEL_IN));
	}
	for (size_t i = 0; i < d->n_reasons; i++)
		require(d->reasons[i] != NULL);
}

/* A request that the file's own bytes are the text of. */
static void decide(const struct policy *policy, struct span text, bool is_large)
{
	struct router_decision decision;
	struct fixture f;

	fixture_init(&f);
	f.question.policy = policy;
	f.input.last_user = text;
	f.input.prompt_tokens = is_large ? 5000 : 50;
	f.input.images = is_large;
	router_features(&f.input, &f.arena, &f.features);
	require(f.features.difficulty >= 0 && f.features.difficulty <= 1);
	router_decide(&f.question, &f.arena, &decision);
	check(&decision);
	arena_free(&f.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_make((const char *)data, size);
	struct mistakes *mistakes = mistakes_new();
	struct yaml_doc *doc = yaml_parse("fuzz.yaml", text, mistakes);
	struct policy *policy = NULL;
	size_t before = mistakes_count(mistakes);

	if (doc)
		policy = policy_new(doc, models, N_MODELS, mistakes);
	yaml_doc_free(&doc);
	if (policy) {
		require(mistakes_count(mistakes) == before);
		require(policy_baseline(policy) < N_MODELS);
		require(policy_name(policy) != NULL);
		decide(policy, text, false);
		decide(policy, text, true);
	}
	policy_free(&policy);
	mistakes_free(&mistakes);
	return 0;
}
