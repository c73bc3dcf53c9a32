/* test_decide.c -- decisions: which model, by which rule, and why not. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/router_fixture.h"

static const char policy_text[] =
    "name: test\n"
    "baseline: up/large\n"
    "use: [up/small, up/large]\n"
    "cache: auto\n"
    "rules:\n"
    "  - {name: wild, when: 'request.text.matches(\"(a+)+[bc]d\")', "
    "use: [up/large]}\n"
    "  - {name: code, when: 'request.task == \"code\"', use: [up/large]}\n"
    "  - {name: kept, when: 'request.turns == 7', cache: always}\n"
    "  - {name: vectors, when: 'request.endpoint == \"embeddings\"', "
    "use: [up/embed]}\n"
    "  - {name: free, when: 'request.turns == 9', use: [other/hearing]}\n"
    "  - {name: guarded, when: 'request.class[\"guard\"] == \"bad\" && "
    "request.score[\"guard\"] > 0.5', use: [up/large]}\n"
    "  - {name: inside, when: 'request.turns == 11', "
    "use: [local/tiny, up/small, up/large], "
    "escalate: {below: 0.6, to: up/large}}\n"
    "  - {name: alone, when: 'request.turns == 12', use: [local/tiny], "
    "escalate: {below: 0.6}}\n";

static struct policy *policy;

static int load_policy(void **state)
{
	struct mistakes *mistakes = mistakes_new();
	struct yaml_doc *doc;

	(void)state;
	doc = yaml_parse("p.yaml", span_of(policy_text), mistakes);
	policy = policy_new(doc, models, N_MODELS, mistakes);
	yaml_doc_free(&doc);
	mistakes_free(&mistakes);
	return policy ? 0 : -1;
}

static int free_policy(void **state)
{
	(void)state;
	policy_free(&policy);
	return 0;
}

static void start(struct fixture *f)
{
	fixture_init(f);
	f->question.policy = policy;
}

static struct router_decision decide(struct fixture *f)
{
	struct router_decision decision;

	router_decide(&f->question, &f->arena, &decision);
	for (size_t i = 0; i < decision.n_candidates; i++) {
		const struct router_candidate *c = &decision.candidates[i];

		assert_non_null(c->reason);
		assert_int_equal(
		    c->verdict == MODEL_IN, i < decision.n_eligible);
	}
	if (decision.outcome != ROUTER_DECIDED) {
		assert_non_null(decision.error_code);
		assert_non_null(decision.error_message);
	} else {
		assert_true(decision.n_eligible > 0);
		assert_null(decision.error_code);
	}
	return decision;
}

static bool has_reason(const struct router_decision *decision, const char *part)
{
	for (size_t i = 0; i < decision->n_reasons; i++) {
		if (strstr(decision->reasons[i], part))
			return true;
	}
	return false;
}

/* --- rules -------------------------------------------------------------- */

static void takes_the_policys_own_when_no_rule_matches(void **state)
{
	struct fixture f;
	struct router_decision d;

	(void)state;
	start(&f);
	d = decide(&f);
	assert_int_equal(d.outcome, ROUTER_DECIDED);
	assert_false(d.is_pinned);
	assert_string_equal(d.rule, "default");
	assert_int_equal(d.cache, POLICY_CACHE_AUTO);
	assert_int_equal(d.baseline, LARGE);
	assert_int_equal(d.n_eligible, 2);
	assert_int_equal(d.candidates[0].model, SMALL);
	assert_int_equal(d.candidates[1].model, LARGE);
	assert_true(has_reason(&d, "no rule matches"));
	assert_true(has_reason(&d, "looks like question"));
	arena_free(&f.arena);
}

static void takes_the_first_rule_that_matches(void **state)
{
	struct fixture f;
	struct router_decision d;

	(void)state;
	start(&f);
	f.features.task = TASK_CODE;
	f.features.turns = 7;
	d = decide(&f);
	assert_string_equal(d.rule, "code");
	assert_int_equal(d.n_candidates, 1);
	assert_int_equal(d.candidates[0].model, LARGE);
	assert_true(
	    has_reason(&d, "rule \"code\" matches: request.task == \"code\""));
	arena_free(&f.arena);
}

static void a_rule_without_models_keeps_the_policys(void **state)
{
	struct fixture f;
	struct router_decision d;

	(void)state;
	start(&f);
	f.features.turns = 7;
	d = decide(&f);
	assert_string_equal(d.rule, "kept");
	assert_int_equal(d.cache, POLICY_CACHE_ALWAYS);
	assert_int_equal(d.n_eligible, 2);
	assert_int_equal(d.candidates[0].model, SMALL);
	arena_free(&f.arena);
}

static void a_rule_that_fails_does_not_match_and_says_so(void **state)
{
	struct fixture f;
	struct router_decision d;
	char text[4000];

	(void)state;
	start(&f);
	memset(text, 'a', sizeof(text));
	memcpy(text + sizeof(text) - 2, "xd", 2);
	f.input.last_user = span_make(text, sizeof(text));
	d = decide(&f);
	assert_int_equal(d.outcome, ROUTER_DECIDED);
	assert_string_equal(d.rule, "default");
	assert_true(has_reason(&d, "rule \"wild\" was passed over: the "
				   "pattern takes too many steps"));
	arena_free(&f.arena);
}

static void decides_the_same_twice(void **state)
{
	struct fixture f;
	struct router_decision a;
	struct router_decision b;

	(void)state;
	start(&f);
	a = decide(&f);
	b = decide(&f);
	assert_string_equal(a.rule, b.rule);
	assert_int_equal(a.n_candidates, b.n_candidates);
	assert_int_equal(a.n_reasons, b.n_reasons);
	for (size_t i = 0; i < a.n_candidates; i++)
		assert_int_equal(a.candidates[i].model, b.candidates[i].model);
	for (size_t i = 0; i < a.n_reasons; i++)
		assert_string_equal(a.reasons[i], b.reasons[i]);
	arena_free(&f.arena);
}

/* --- constraints -------------------------------------------------------- */

static void each_capability_takes_models_away(void **state)
{
	static const struct {
		bool tools, json, images, audio;
		enum router_verdict small, large;
	} rows[] = {
	    {true, false, false, false, MODEL_IN, MODEL_IN},
	    {false, true, false, false, MODEL_IN, MODEL_IN},
	    {false, false, true, false, MODEL_NO_VISION, MODEL_IN},
	    {false, false, false, true, MODEL_NO_AUDIO, MODEL_NO_AUDIO},
	    {true, true, true, true, MODEL_NO_VISION, MODEL_NO_AUDIO},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum router_verdict verdicts[N_MODELS] = {MODEL_IN};
		struct router_decision d;
		struct fixture f;

		start(&f);
		f.features.tools = rows[i].tools;
		f.features.json_object = rows[i].json;
		f.features.images = rows[i].images;
		f.features.audio = rows[i].audio;
		d = decide(&f);
		assert_int_equal(d.n_candidates, 2);
		for (size_t k = 0; k < 2; k++)
			verdicts[d.candidates[k].model] =
			    d.candidates[k].verdict;
		assert_int_equal(verdicts[SMALL], rows[i].small);
		assert_int_equal(verdicts[LARGE], rows[i].large);
		assert_int_equal(d.outcome,
		    rows[i].audio ? ROUTER_NO_CANDIDATE : ROUTER_DECIDED);
		arena_free(&f.arena);
	}
}

static void says_which_constraint_took_the_last(void **state)
{
	struct fixture f;
	struct router_decision d;

	(void)state;
	start(&f);
	f.features.images = true; /* takes small */
	f.features.audio = true;  /* takes large */
	d = decide(&f);
	assert_int_equal(d.outcome, ROUTER_NO_CANDIDATE);
	assert_string_equal(d.error_code, "no_eligible_model");
	assert_string_equal(d.error_param, "messages");
	assert_string_equal(d.error_message,
	    "No model of rule \"default\" can answer this request: it has "
	    "audio. The last candidate, up/large, is out: the request has "
	    "audio, which it does not hear.");
	assert_int_equal(d.n_eligible, 0);
	assert_int_equal(d.n_candidates, 2);
	arena_free(&f.arena);
}

static void the_context_has_its_own_code(void **state)
{
	struct fixture f;
	struct router_decision d;

	(void)state;
	start(&f);
	f.features.tokens = 900;
	f.input.output_limit = 100;
	d = decide(&f); /* 1,000 of 1,000 */
	assert_int_equal(d.candidates[0].model, SMALL);
	assert_int_equal(d.n_eligible, 2);
	f.input.output_limit = 101;
	d = decide(&f);
	assert_int_equal(d.candidates[0].model, LARGE);
	assert_int_equal(d.candidates[1].verdict, MODEL_CONTEXT);
	assert_string_equal(d.candidates[1].reason,
	    "the request needs about 1001 tokens of context, it has 1000");
	assert_true(has_reason(&d, "better-placed candidates are out"));
	f.input.output_limit = 1101;
	d = decide(&f);
	assert_int_equal(d.outcome, ROUTER_NO_CANDIDATE);
	assert_string_equal(d.error_code, "context_length_exceeded");
	assert_string_equal(d.error_param, "messages");
	assert_string_equal(d.error_message,
	    "The maximum context length of rule \"default\" is 2000 tokens "
	    "(up/large), but this request needs about 2001: 900 of prompt "
	    "and 1101 of output.");
	f.features.tokens = INT64_MAX;
	f.input.output_limit = INT64_MAX;
	d = decide(&f);
	assert_string_equal(d.error_code, "context_length_exceeded");
	arena_free(&f.arena);
}

static void a_capability_is_named_before_the_context(void **state)
{
	struct fixture f;
	struct router_decision d;

	(void)state;
	start(&f);
	f.features.tokens = 5000;
	f.features.images = true; /* small is out for its eyes */
	d = decide(&f);
	assert_string_equal(d.error_code, "context_length_exceeded");
	f.features.audio = true; /* and both are out for their ears */
	d = decide(&f);
	assert_string_equal(d.error_code, "no_eligible_model");
	arena_free(&f.arena);
}

static void an_unknown_context_is_not_checked(void **state)
{
	struct fixture f;
	struct router_decision d;

	(void)state;
	start(&f);
	f.features.turns = 9;
	f.features.tokens = 1000000;
	d = decide(&f);
	assert_string_equal(d.rule, "free");
	assert_int_equal(d.outcome, ROUTER_DECIDED);
	assert_int_equal(d.candidates[0].estimated_cost_nano, MONEY_UNPRICED);
	arena_free(&f.arena);
}

static void embeddings_need_their_endpoint_and_no_context(void **state)
{
	struct fixture f;
	struct router_decision d;

	(void)state;
	start(&f);
	f.input.endpoint = ROUTER_EMBEDDINGS;
	f.features.endpoint = ROUTER_EMBEDDINGS;
	f.features.tokens = 100000;
	f.features.expected_output = 0;
	d = decide(&f);
	assert_string_equal(d.rule, "vectors");
	assert_int_equal(d.candidates[0].model, EMBED);
	assert_int_equal(d.candidates[0].estimated_cost_nano, 2000000);
	f.features.task = TASK_CODE;
	d = decide(&f); /* the rule for code has only a chat model */
	assert_int_equal(d.outcome, ROUTER_NO_CANDIDATE);
	assert_string_equal(d.error_param, "model");
	assert_int_equal(d.candidates[0].verdict, MODEL_NO_ENDPOINT);
	arena_free(&f.arena);
}

static void permission_binds_candidates(void **state)
{
	bool may[N_MODELS] = {[LARGE] = true};
	struct fixture f;
	struct router_decision d;

	(void)state;
	start(&f);
	f.caller.may_use = may;
	d = decide(&f);
	assert_int_equal(d.n_eligible, 1);
	assert_int_equal(d.candidates[0].model, LARGE);
	assert_int_equal(d.candidates[1].verdict, MODEL_NOT_ALLOWED);
	may[LARGE] = false;
	d = decide(&f);
	assert_int_equal(d.outcome, ROUTER_NO_CANDIDATE);
	assert_string_equal(d.error_code, "no_eligible_model");
	assert_string_equal(d.error_param, "model");
	arena_free(&f.arena);
}

static void the_unhealthy_go_behind_the_healthy(void **state)
{
	struct fixture f;
	struct router_decision d;

	(void)state;
	start(&f);
	f.load[SMALL].is_healthy = false;
	d = decide(&f);
	assert_int_equal(d.n_eligible, 2);
	assert_int_equal(d.candidates[0].model, LARGE);
	assert_int_equal(d.candidates[1].model, SMALL);
	assert_non_null(strstr(d.candidates[1].reason, "unhealthy"));
	f.load[LARGE].is_healthy = false;
	d = decide(&f);
	assert_int_equal(d.outcome, ROUTER_DECIDED);
	assert_int_equal(d.candidates[0].model, SMALL);
	assert_true(has_reason(&d, "every candidate is unhealthy"));
	f.question.load = NULL;
	d = decide(&f);
	assert_int_equal(d.candidates[0].model, SMALL);
	arena_free(&f.arena);
}

/* --- money -------------------------------------------------------------- */

static void estimates_cost_with_every_choice(void **state)
{
	struct fixture f;
	struct router_decision d;

	(void)state;
	start(&f);
	d = decide(&f); /* 100 x 0.10 + 10 x 0.40 dollars per million */
	assert_int_equal(d.candidates[0].estimated_cost_nano, 14000);
	assert_int_equal(d.candidates[1].estimated_cost_nano, 300000);
	f.input.choices = 3;
	d = decide(&f);
	assert_int_equal(d.candidates[0].estimated_cost_nano, 22000);
	f.input.choices = 0; /* absent */
	d = decide(&f);
	assert_int_equal(d.candidates[0].estimated_cost_nano, 14000);
	f.input.choices = INT64_MAX;
	d = decide(&f);
	assert_true(d.candidates[0].estimated_cost_nano > 0);
	arena_free(&f.arena);
}

/* --- named models ------------------------------------------------------- */

static void a_named_model_is_pinned_whatever_it_can(void **state)
{
	struct fixture f;
	struct router_decision d;

	(void)state;
	start(&f);
	f.input.model = SPAN("up/small");
	f.features.images = true;
	f.features.tokens = 5000;
	f.load[SMALL].is_healthy = false;
	f.caller.may_auto = false;
	d = decide(&f);
	assert_int_equal(d.outcome, ROUTER_DECIDED);
	assert_true(d.is_pinned);
	assert_string_equal(d.rule, "pinned");
	assert_int_equal(d.baseline, SMALL);
	assert_int_equal(d.n_candidates, 1);
	assert_int_equal(d.n_eligible, 1);
	assert_int_equal(d.candidates[0].model, SMALL);
	assert_true(has_reason(&d, "asked for this model by name"));
	arena_free(&f.arena);
}

static void an_unknown_model_names_near_ones(void **state)
{
	static const struct {
		const char *model;
		const char *message;
	} rows[] = {
	    {"up/smal", "The model \"up/smal\" does not exist; did you mean "
			"\"up/small\"?"},
	    {"LARGE", "The model \"LARGE\" does not exist; did you mean "
		      "\"up/large\"?"},
	    {"atuo", "The model \"atuo\" does not exist; did you mean "
		     "\"auto\"?"},
	    {"gpt-4o", "The model \"gpt-4o\" does not exist; GET /v1/models "
		       "lists those that do."},
	    {"Auto", "The model \"Auto\" does not exist; did you mean "
		     "\"auto\"?"},
	};
	struct fixture f;

	(void)state;
	start(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct router_decision d;

		f.input.model = span_of(rows[i].model);
		d = decide(&f);
		assert_int_equal(d.outcome, ROUTER_UNKNOWN_MODEL);
		assert_string_equal(d.error_code, "model_not_found");
		assert_string_equal(d.error_param, "model");
		assert_string_equal(d.error_message, rows[i].message);
		assert_int_equal(d.n_candidates, 0);
	}
	arena_free(&f.arena);
}

static void near_names_are_those_the_key_may_use(void **state)
{
	bool may[N_MODELS] = {[SMALL] = true};
	struct fixture f;
	struct router_decision d;

	(void)state;
	start(&f);
	f.caller.may_use = may;
	f.input.model = SPAN("up/");
	d = decide(&f);
	assert_string_equal(d.error_message,
	    "The model \"up/\" does not exist; did you mean \"up/small\"?");
	f.caller.may_use = NULL;
	d = decide(&f);
	assert_string_equal(d.error_message,
	    "The model \"up/\" does not exist; did you mean \"up/small\", "
	    "\"up/large\" or \"up/embed\"?");
	arena_free(&f.arena);
}

static void long_names_are_cut_between_characters(void **state)
{
	struct fixture f;
	struct router_decision d;
	char name[301];

	(void)state;
	start(&f);
	for (size_t i = 0; i < 300; i += 3)
		memcpy(name + i, "\xe2\x82\xac", 4);
	f.input.model = span_make(name, 300);
	d = decide(&f);
	assert_int_equal(d.outcome, ROUTER_UNKNOWN_MODEL);
	assert_int_equal(
	    utf8_valid_len(span_of(d.error_message)), strlen(d.error_message));
	assert_true(strlen(d.error_message) < 200);
	arena_free(&f.arena);
}

static void a_model_may_be_forbidden_and_so_may_auto(void **state)
{
	bool may[N_MODELS] = {[LARGE] = true};
	struct fixture f;
	struct router_decision d;

	(void)state;
	start(&f);
	f.caller.may_use = may;
	f.input.model = SPAN("up/small");
	d = decide(&f);
	assert_int_equal(d.outcome, ROUTER_NOT_ALLOWED);
	assert_string_equal(d.error_code, "model_not_allowed");
	assert_string_equal(d.error_param, "model");
	f.input.model = SPAN("auto");
	f.caller.may_auto = false;
	d = decide(&f);
	assert_int_equal(d.outcome, ROUTER_NOT_ALLOWED);
	assert_string_equal(d.error_code, "model_not_allowed");
	assert_int_equal(d.n_candidates, 0);
	arena_free(&f.arena);
}

static void without_a_policy_only_names_work(void **state)
{
	struct fixture f;
	struct router_decision d;

	(void)state;
	fixture_init(&f);
	d = decide(&f);
	assert_int_equal(d.outcome, ROUTER_UNKNOWN_MODEL);
	assert_null(strstr(d.error_message, "did you mean"));
	f.input.model = SPAN("up/large");
	d = decide(&f);
	assert_int_equal(d.outcome, ROUTER_DECIDED);
	assert_int_equal(d.cache, POLICY_CACHE_AUTO);
	arena_free(&f.arena);
}

static void an_exhausted_arena_refuses_in_order(void **state)
{
	(void)state;
	for (size_t max = 0; max < 4096; max += 16) {
		struct fixture f;
		struct router_decision d;

		start(&f);
		arena_init(&f.arena, max);
		d = decide(&f);
		assert_true(d.outcome == ROUTER_DECIDED ||
			    d.outcome == ROUTER_NO_CANDIDATE);
		f.input.model = SPAN("up/smal");
		(void)decide(&f);
		arena_free(&f.arena);
	}
}

static void every_word_has_its_name(void **state)
{
	(void)state;
	assert_string_equal(router_verdict_name(MODEL_IN), "in");
	assert_string_equal(router_verdict_name(MODEL_CONTEXT), "context");
	for (int v = MODEL_IN; v <= MODEL_CONTEXT; v++)
		assert_true(
		    strlen(router_verdict_name((enum router_verdict)v)) > 1);
	assert_int_equal(router_capability(SPAN("vision")), CAN_VISION);
	assert_int_equal(router_capability(SPAN("embeddings")), CAN_EMBEDDINGS);
	assert_int_equal(router_capability(SPAN("Vision")), 0);
	assert_int_equal(router_capability(SPAN("")), 0);
	assert_string_equal(router_task_name(TASK_SUMMARISING), "summarising");
}

static void a_classifiers_word_is_a_condition(void **state)
{
	struct router_class classes[N_MODELS] = {[GUARD] = {"bad", .75}};
	struct router_decision decision;
	struct fixture f;

	(void)state;
	start(&f);
	decision = decide(&f);
	assert_string_equal(decision.rule, "default");
	f.question.classes = classes;
	decision = decide(&f);
	assert_string_equal(decision.rule, "guarded");
	classes[GUARD].score = .25;
	decision = decide(&f);
	assert_string_equal(decision.rule, "default");
	assert_true(policy_reads_class(policy, GUARD));
	assert_false(policy_reads_class(policy, LOCAL));
	arena_free(&f.arena);
}

static void an_unsure_local_model_is_followed_by_the_one_named(void **state)
{
	struct router_decision decision;
	struct fixture f;

	(void)state;
	start(&f);
	f.features.turns = 11;
	decision = decide(&f);
	assert_string_equal(decision.rule, "inside");
	assert_int_equal(decision.n_eligible, 3);
	assert_int_equal(decision.candidates[0].model, LOCAL);
	assert_non_null(decision.candidates[0].escalate);
	assert_int_equal(decision.candidates[1].model, LARGE);
	assert_null(decision.candidates[1].escalate);
	assert_int_equal(decision.candidates[2].model, SMALL);
	/* One that is not well now keeps its place behind. */
	f.load[LARGE].is_healthy = false;
	decision = decide(&f);
	assert_int_equal(decision.candidates[1].model, SMALL);
	assert_int_equal(decision.candidates[2].model, LARGE);
	arena_free(&f.arena);
}

static void the_last_candidate_is_never_given_up(void **state)
{
	struct router_decision decision;
	struct fixture f;

	(void)state;
	start(&f);
	f.features.turns = 12;
	decision = decide(&f);
	assert_string_equal(decision.rule, "alone");
	assert_int_equal(decision.n_eligible, 1);
	assert_null(decision.candidates[0].escalate);
	arena_free(&f.arena);
}

static void a_measured_price_counts_before_the_catalogues(void **state)
{
	struct router_decision decision;
	struct fixture f;

	(void)state;
	start(&f);
	f.features.turns = 12;
	f.load[LOCAL].has_price = true;
	f.load[LOCAL].input_femto = 1000000;
	f.load[LOCAL].output_femto = 20000000;
	decision = decide(&f);
	/* 100 and 10 tokens: 0.1 and 0.2 nano-dollars times a thousand. */
	assert_int_equal(decision.candidates[0].estimated_cost_nano, 300);
	arena_free(&f.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_the_policys_own_when_no_rule_matches),
	    cmocka_unit_test(takes_the_first_rule_that_matches),
	    cmocka_unit_test(a_rule_without_models_keeps_the_policys),
	    cmocka_unit_test(a_rule_that_fails_does_not_match_and_says_so),
	    cmocka_unit_test(decides_the_same_twice),
	    cmocka_unit_test(each_capability_takes_models_away),
	    cmocka_unit_test(says_which_constraint_took_the_last),
	    cmocka_unit_test(the_context_has_its_own_code),
	    cmocka_unit_test(a_capability_is_named_before_the_context),
	    cmocka_unit_test(an_unknown_context_is_not_checked),
	    cmocka_unit_test(embeddings_need_their_endpoint_and_no_context),
	    cmocka_unit_test(permission_binds_candidates),
	    cmocka_unit_test(the_unhealthy_go_behind_the_healthy),
	    cmocka_unit_test(estimates_cost_with_every_choice),
	    cmocka_unit_test(a_named_model_is_pinned_whatever_it_can),
	    cmocka_unit_test(an_unknown_model_names_near_ones),
	    cmocka_unit_test(near_names_are_those_the_key_may_use),
	    cmocka_unit_test(long_names_are_cut_between_characters),
	    cmocka_unit_test(a_model_may_be_forbidden_and_so_may_auto),
	    cmocka_unit_test(without_a_policy_only_names_work),
	    cmocka_unit_test(an_exhausted_arena_refuses_in_order),
	    cmocka_unit_test(every_word_has_its_name),
	    cmocka_unit_test(a_classifiers_word_is_a_condition),
	    cmocka_unit_test(
		an_unsure_local_model_is_followed_by_the_one_named),
	    cmocka_unit_test(the_last_candidate_is_never_given_up),
	    cmocka_unit_test(a_measured_price_counts_before_the_catalogues),
	};

	return cmocka_run_group_tests_name(
	    "decide", tests, load_policy, free_policy);
}
