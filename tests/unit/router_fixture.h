/* router_fixture.h -- models, a caller and a request for the router's tests. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_ROUTER_FIXTURE_H
#define TESTS_UNIT_ROUTER_FIXTURE_H

#include "router/router.h"

enum {
	SMALL,
	LARGE,
	EMBED,
	HEARING,
	LOCAL,
	GUARD,
	N_MODELS,
};

#define DOLLAR INT64_C(1000000000) /* per million tokens, in femto-dollars */

static const struct router_model models[N_MODELS] = {
    [SMALL] = {.name = "up/small",
	.capabilities = CAN_CHAT | CAN_COMPLETIONS | CAN_TOOLS | CAN_JSON,
	.context = 1000,
	.input_femto = DOLLAR / 10,
	.cached_femto = DOLLAR / 10,
	.output_femto = 4 * DOLLAR / 10},
    [LARGE] = {.name = "up/large",
	.capabilities = CAN_CHAT | CAN_TOOLS | CAN_JSON | CAN_VISION,
	.context = 2000,
	.input_femto = 2 * DOLLAR,
	.cached_femto = DOLLAR / 5,
	.output_femto = 10 * DOLLAR},
    [EMBED] = {.name = "up/embed",
	.capabilities = CAN_EMBEDDINGS,
	.context = 512,
	.input_femto = DOLLAR / 50,
	.cached_femto = DOLLAR / 50,
	.output_femto = 0},
    [HEARING] = {.name = "other/hearing",
	.capabilities = CAN_CHAT | CAN_AUDIO,
	.input_femto = MONEY_UNPRICED,
	.cached_femto = MONEY_UNPRICED,
	.output_femto = MONEY_UNPRICED},
    [LOCAL] = {.name = "local/tiny",
	.capabilities = CAN_CHAT,
	.context = 1000,
	.is_local = true},
    [GUARD] = {.name = "local/guard", .class_name = "guard"},
};

static const char *const fixture_tags[] = {"internal", "beta"};

/* One question with everything that it points to. */
struct fixture {
	struct router_input input;
	struct router_features features;
	struct router_caller caller;
	struct router_load load[N_MODELS];
	struct router_question question;
	struct arena arena;
};

/* "x-team: red" is the only header, and it has no more. */
static inline struct span fixture_header(void *arg, struct span name)
{
	(void)arg;
	if (span_eq(name, SPAN("x-team")))
		return SPAN("red");
	return span_make(NULL, 0);
}

/* A chat of 100 tokens by key "team-a" for "auto"; all models are well. */
static inline void fixture_init(struct fixture *f)
{
	*f = (struct fixture){.input = {.model = SPAN("auto"),
				  .turns = 1,
				  .choices = 1,
				  .output_limit = -1,
				  .prompt_tokens = 100,
				  .last_user = SPAN("Why is the sky blue?")},
	    .features = {.task = TASK_QUESTION,
		.language = "en",
		.tokens = 100,
		.turns = 1,
		.difficulty = .25,
		.expected_output = 10},
	    .caller = {.name = "team-a",
		.tags = fixture_tags,
		.n_tags = 2,
		.may_auto = true}};
	for (size_t i = 0; i < N_MODELS; i++)
		f->load[i] = (struct router_load){
		    .queue = (int64_t)i, .kv_free = 1, .is_healthy = true};
	f->question = (struct router_question){.features = &f->features,
	    .input = &f->input,
	    .caller = &f->caller,
	    .models = models,
	    .load = f->load,
	    .n_models = N_MODELS,
	    .header = fixture_header};
	arena_init(&f->arena, 1 << 20);
}

#endif
