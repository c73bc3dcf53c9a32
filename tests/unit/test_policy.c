/* test_policy.c -- policy files: what they say, and every mistake in one run.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "router/policy.h"
#include "tests/unit/router_fixture.h"

static struct policy *load(const char *text, struct mistakes *mistakes)
{
	struct yaml_doc *doc = yaml_parse("p.yaml", span_of(text), mistakes);
	struct policy *policy;

	assert_non_null(doc);
	policy = policy_new(doc, models, N_MODELS, mistakes);
	yaml_doc_free(&doc);
	return policy;
}

/* Loads <text>, whose mistakes must be <expected> (n) in order. */
static void check_mistakes(
    const char *text, const char *const *expected, size_t n)
{
	struct mistakes *mistakes = mistakes_new();
	struct policy *policy = load(text, mistakes);

	assert_null(policy);
	for (size_t i = 0; i < mistakes_count(mistakes); i++) {
		if (i >= n)
			print_error("%s\n", mistakes_line(mistakes, i));
		else
			assert_string_equal(
			    mistakes_line(mistakes, i), expected[i]);
	}
	assert_int_equal(mistakes_count(mistakes), n);
	mistakes_free(&mistakes);
}

#define expect_mistakes(text, ...)                                             \
	do {                                                                   \
		static const char *const lines[] = {__VA_ARGS__};              \
		check_mistakes(text, lines, sizeof(lines) / sizeof(lines[0])); \
	} while (0)

static struct policy *load_clean(const char *text)
{
	struct mistakes *mistakes = mistakes_new();
	struct policy *policy = load(text, mistakes);

	for (size_t i = 0; i < mistakes_count(mistakes); i++)
		print_error("%s\n", mistakes_line(mistakes, i));
	assert_int_equal(mistakes_count(mistakes), 0);
	assert_non_null(policy);
	mistakes_free(&mistakes);
	return policy;
}

#define HEAD                                                                   \
	"name: test\n"                                                         \
	"baseline: up/large\n"                                                 \
	"use: [up/small, up/large]\n"

/* --- what it says ------------------------------------------------------- */

static void reads_a_whole_policy(void **state)
{
	struct policy *policy = load_clean(
	    HEAD "cache: never\n"
		 "rules:\n"
		 "  - {name: code, when: 'request.task == \"code\"', "
		 "use: [up/large]}\n"
		 "  - name: team\n"
		 "    when: key.name == \"team-a\"\n"
		 "    cache: always\n");

	(void)state;
	assert_string_equal(policy_name(policy), "test");
	assert_int_equal(policy_baseline(policy), LARGE);
	assert_int_equal(policy->use.n, 2);
	assert_int_equal(policy->use.models[0], SMALL);
	assert_int_equal(policy->use.models[1], LARGE);
	assert_int_equal(policy->cache, POLICY_CACHE_NEVER);
	assert_int_equal(policy->n_rules, 2);
	assert_string_equal(policy->rules[0].name, "code");
	assert_string_equal(
	    policy->rules[0].condition, "request.task == \"code\"");
	assert_int_equal(policy->rules[0].use.n, 1);
	assert_int_equal(policy->rules[0].use.models[0], LARGE);
	assert_int_equal(policy->rules[0].cache, POLICY_CACHE_NEVER);
	assert_int_equal(policy->rules[1].use.n, 0);
	assert_int_equal(policy->rules[1].cache, POLICY_CACHE_ALWAYS);
	policy_free(&policy);
	assert_null(policy);
	policy_free(&policy);
}

static void needs_no_rules_and_no_cache(void **state)
{
	struct policy *policy = load_clean(HEAD);

	(void)state;
	assert_int_equal(policy->n_rules, 0);
	assert_int_equal(policy->cache, POLICY_CACHE_AUTO);
	policy_free(&policy);
	policy = load_clean(HEAD "rules: []\n");
	assert_int_equal(policy->n_rules, 0);
	policy_free(&policy);
}

static void takes_an_unpriced_baseline(void **state)
{
	struct policy *policy = load_clean("name: free\n"
					   "baseline: other/hearing\n"
					   "use: [other/hearing]\n");

	(void)state;
	assert_int_equal(policy_baseline(policy), HEARING);
	policy_free(&policy);
}

/* --- mistakes ----------------------------------------------------------- */

static void names_what_is_missing(void **state)
{
	(void)state;
	expect_mistakes("{}", "p.yaml:1:1: a policy needs a \"name\"",
	    "p.yaml:1:1: a policy needs a \"baseline\", the model that its "
	    "savings are measured against",
	    "p.yaml:1:1: a policy needs \"use\", its models, best first");
	expect_mistakes(HEAD "rules: [{}]\n",
	    "p.yaml:4:9: a rule needs a \"name\"",
	    "p.yaml:4:9: a rule needs \"use\", \"cache\", \"coalesce\" or "
	    "\"escalate\", or it changes nothing",
	    "p.yaml:4:9: a rule needs a condition, \"when\"");
	expect_mistakes(
	    "[]", "p.yaml:1:1: a policy must be a map of names and values");
}

static void names_the_nearest_key_and_model(void **state)
{
	(void)state;
	expect_mistakes(HEAD "rule: []\n",
	    "p.yaml:4:1: a policy has no \"rule\"; did you mean \"rules\"?");
	expect_mistakes("name: test\nbaseline: up/lage\nuse: [up/small, gpt]\n",
	    "p.yaml:2:11: unknown model \"up/lage\"; did you mean "
	    "\"up/large\"?",
	    "p.yaml:3:17: unknown model \"gpt\"");
	expect_mistakes(HEAD
	    "rules:\n  - {name: a, wen: 'true', use: [up/small]}\n",
	    "p.yaml:5:5: a rule needs a condition, \"when\"",
	    "p.yaml:5:15: a rule has no \"wen\"; did you mean \"when\"?");
	expect_mistakes(HEAD "cache: allways\n",
	    "p.yaml:4:8: \"cache\" must be auto, always or never, got "
	    "\"allways\"; did you mean \"always\"?");
}

static void refuses_values_of_the_wrong_kind(void **state)
{
	(void)state;
	expect_mistakes("name: [a]\nbaseline: {}\nuse: up/small\n"
			"rules: {}\n",
	    "p.yaml:1:7: \"name\" must be a text",
	    "p.yaml:2:11: \"baseline\" must be a text",
	    "p.yaml:3:6: \"use\" must be a list of models, best first",
	    "p.yaml:4:8: \"rules\" must be a list");
	expect_mistakes("name: a\nbaseline: up/small\nuse: [[a], up/small]\n"
			"rules: [x]\n",
	    "p.yaml:3:7: expected a model's name",
	    "p.yaml:4:9: a rule must be a map of names and values");
	expect_mistakes("name: a\nbaseline: up/small\nuse: []\n",
	    "p.yaml:3:6: \"use\" must be a list of models, best first");
}

static void refuses_names_that_stand_twice_or_are_taken(void **state)
{
	(void)state;
	expect_mistakes(HEAD "rules:\n"
			     "  - {name: a, when: 'true', cache: never}\n"
			     "  - {name: a, when: 'true', cache: never}\n"
			     "  - {name: default, when: 'true', cache: never}\n"
			     "  - {name: pinned, when: 'true', cache: never}\n",
	    "p.yaml:6:12: two rules have the name \"a\"",
	    "p.yaml:7:12: \"default\" is what requests that no rule decided "
	    "are reported under; give the rule another name",
	    "p.yaml:8:12: \"pinned\" is what requests that no rule decided "
	    "are reported under; give the rule another name");
	expect_mistakes("name: test\nbaseline: up/large\n"
			"use: [up/small, up/small]\n",
	    "p.yaml:3:17: \"up/small\" stands twice");
	expect_mistakes("name: 'a b'\nbaseline: up/large\nuse: [up/small]\n",
	    "p.yaml:1:7: a name has 1 to 64 letters, digits, - _ . or /, got "
	    "\"a b\"");
}

static void points_inside_the_condition(void **state)
{
	(void)state;
	expect_mistakes(HEAD
	    "rules:\n"
	    "  - {name: a, when: 'request.tokns > 1', use: [up/small]}\n"
	    "  - name: b\n"
	    "    use: [up/small]\n"
	    "    when: request.turns > \"3\"\n"
	    "  - name: c\n"
	    "    use: [up/small]\n"
	    "    when: >-\n"
	    "      request.turns > 3 &&\n"
	    "      request.tols\n",
	    "p.yaml:5:30: unknown variable \"request.tokns\"; did you mean "
	    "\"request.tokens\"?",
	    "p.yaml:8:25: an int and a string have no order; numbers and "
	    "strings have",
	    "p.yaml:11:41: unknown variable \"request.tols\"; did you mean "
	    "\"request.tools\"?");
}

static void finds_all_mistakes_in_one_run(void **state)
{
	(void)state;
	expect_mistakes(
	    "name: test\n"
	    "baseline: up/lrage\n"
	    "use: [up/small, up/larg]\n"
	    "cach: auto\n"
	    "rules:\n"
	    "  - {name: a, when: 'request.tsk == \"code\"', use: [up/big]}\n"
	    "  - {name: b, when: '1', use: []}\n",
	    "p.yaml:2:11: unknown model \"up/lrage\"; did you mean "
	    "\"up/large\"?",
	    "p.yaml:3:17: unknown model \"up/larg\"; did you mean "
	    "\"up/large\"?",
	    "p.yaml:4:1: a policy has no \"cach\"; did you mean \"cache\"?",
	    "p.yaml:6:30: unknown variable \"request.tsk\"; did you mean "
	    "\"request.task\"?",
	    "p.yaml:6:52: unknown model \"up/big\"",
	    "p.yaml:7:22: a condition must be a bool, this is an int",
	    "p.yaml:7:31: \"use\" must be a list of models, best first");
}

static void refuses_also_when_the_list_of_mistakes_is_full(void **state)
{
	struct mistakes *mistakes = mistakes_new();

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		mistakes_add(mistakes, "other.yaml", 1, 1, "wrong");
	assert_null(load(HEAD "rules: 1\n", mistakes));
	assert_null(load(
	    HEAD "rules: [{name: a, when: '1', cache: never}]\n", mistakes));
	mistakes_free(&mistakes);
}

/* --- the policies that ship --------------------------------------------- */

static char *read_file(const char *path)
{
	const char *top = getenv("srcdir");
	char name[512];
	char *text = mem_zalloc(64 * 1024);
	FILE *file;

	snprintf(name, sizeof(name), "%s/%s", top ? top : ".", path);
	file = fopen(name, "r");
	assert_non_null(file);
	assert_true(fread(text, 1, 64 * 1024 - 1, file) > 0);
	fclose(file);
	return text;
}

static void loads_the_policies_that_ship(void **state)
{
	static const char *const names[] = {
	    "cost-first", "balanced", "quality-first"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char path[64];
		struct policy *policy;
		char *text;

		snprintf(path, sizeof(path), "policies/%s.yaml", names[i]);
		text = read_file(path);
		policy = load_clean(text);
		assert_string_equal(policy_name(policy), names[i]);
		assert_int_equal(policy_baseline(policy), LARGE);
		assert_true(policy->n_rules >= 3);
		policy_free(&policy);
		free(text);
	}
}

static void escalate_is_read_where_it_stands(void **state)
{
	struct policy *policy = load_clean(
	    HEAD "escalate: {below: 0.6, to: up/large}\n"
		 "rules:\n"
		 "  - {name: a, when: request.stream, escalate: never}\n"
		 "  - {name: b, when: request.tools, escalate: {hold: 9, "
		 "sample: {n: 5}}}\n");

	(void)state;
	assert_true(policy->has_escalate);
	assert_true(
	    policy->escalate.below > .59 && policy->escalate.below < .61);
	assert_int_equal(policy->escalate.hold, 48);
	assert_int_equal(policy->escalate.to, LARGE);
	assert_true(policy->rules[0].has_escalate);
	assert_false(router_escalates(&policy->rules[0].escalate));
	assert_int_equal(policy->rules[1].escalate.hold, 9);
	assert_int_equal(policy->rules[1].escalate.to, SIZE_MAX);
	assert_int_equal(policy->rules[1].escalate.sample, 5);
	assert_int_equal(policy->rules[1].escalate.agree, 3);
	policy_free(&policy);
}

static void mistakes_in_escalate_are_told(void **state)
{
	(void)state;
	expect_mistakes(HEAD "escalate: {below: 1.5, hold: 0, to: up/lrge}\n",
	    "p.yaml:4:19: \"below\" must be a chance above 0 and up to 1, "
	    "such as 0.6",
	    "p.yaml:4:30: \"hold\" must be a whole number from 1 to 4096",
	    "p.yaml:4:37: unknown model \"up/lrge\"; did you mean "
	    "\"up/large\"?");
	expect_mistakes(HEAD "escalate: {belw: 0.5}\n",
	    "p.yaml:4:12: \"escalate\" has no \"belw\"; did you mean "
	    "\"below\"?");
	expect_mistakes(HEAD "escalate: {hold: 4}\n",
	    "p.yaml:4:11: \"escalate\" needs \"below\" or \"sample\", or it "
	    "never happens");
	expect_mistakes(HEAD "escalate: often\n",
	    "p.yaml:4:11: \"escalate\" must be never or a map such as "
	    "{below: 0.6, hold: 48, to: \"up/large\"}");
	expect_mistakes(HEAD "escalate: {sample: {n: 3, agree: 4}}\n",
	    "p.yaml:4:34: \"agree\" must be a whole number from 2 to 3");
	expect_mistakes(HEAD "escalate: {sample: 3}\n",
	    "p.yaml:4:20: \"sample\" must be a map such as {n: 3, agree: 2}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_a_whole_policy),
	    cmocka_unit_test(needs_no_rules_and_no_cache),
	    cmocka_unit_test(takes_an_unpriced_baseline),
	    cmocka_unit_test(names_what_is_missing),
	    cmocka_unit_test(names_the_nearest_key_and_model),
	    cmocka_unit_test(refuses_values_of_the_wrong_kind),
	    cmocka_unit_test(refuses_names_that_stand_twice_or_are_taken),
	    cmocka_unit_test(points_inside_the_condition),
	    cmocka_unit_test(finds_all_mistakes_in_one_run),
	    cmocka_unit_test(refuses_also_when_the_list_of_mistakes_is_full),
	    cmocka_unit_test(loads_the_policies_that_ship),
	    cmocka_unit_test(escalate_is_read_where_it_stands),
	    cmocka_unit_test(mistakes_in_escalate_are_told),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
