/* router_bench.c -- how long a decision takes, by the prompt's length. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "router/router.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUND_NS                                                               \
	(100 * NS_PER_MS) /* a measurement lasts at least this long            \
			   */
#define ROUNDS 7          /* and the best of so many counts */

static const struct router_model models[] = {
    {.name = "up/small",
	.capabilities = CAN_CHAT | CAN_TOOLS | CAN_JSON,
	.context = 4000000,
	.input_femto = 100000000,
	.cached_femto = 100000000,
	.output_femto = 400000000},
    {.name = "up/large",
	.capabilities = CAN_CHAT | CAN_TOOLS | CAN_JSON | CAN_VISION,
	.context = 4000000,
	.input_femto = 2000000000,
	.cached_femto = 200000000,
	.output_femto = 10000000000},
};

/* As many rules as people write, of which none matches: the longest way. */
static const char policy_text[] =
    "name: bench\n"
    "baseline: up/large\n"
    "use: [up/small, up/large]\n"
    "rules:\n"
    "  - {name: asked, when: 'request.headers[\"x-quality\"] == \"high\"', "
    "use: [up/large]}\n"
    "  - {name: queue, when: 'models[\"up/small\"].queue > 40', "
    "use: [up/large]}\n"
    "  - {name: code, when: 'request.task == \"code\" && request.tokens > "
    "1000000', use: [up/large]}\n"
    "  - {name: hard, when: 'request.difficulty > 0.99 && !(request.task in "
    "[\"summarising\", \"translation\"])', use: [up/large]}\n"
    "  - {name: team, when: '\"gold\" in key.tags && request.turns > 3', "
    "use: [up/large]}\n"
    "%s";

static const char pattern_rule[] =
    "  - {name: secret, when: 'request.text.matches(\"(?i)\\\\bproject "
    "(falcon|osprey)\\\\b\")', use: [up/large]}\n";

static const char prose[] =
    "Our team keeps the minutes of every meeting in one long document, and "
    "nobody reads it. What would you change first, and why? The budget is "
    "4,500 euros until June; we must not lose what was decided in 2023. ";

static const char source[] =
    "static int find(const char *key, size_t len)\n{\n\tfor (int i = 0; i < "
    "count; i++) {\n\t\tif (!strcmp(rows[i].key, key))\n\t\t\treturn "
    "rows[i].value;\n\t}\n\treturn -1;\n}\n";

static const char russian[] =
    "\u041d\u0430\u0448\u0430 "
    "\u043a\u043e\u043c\u0430\u043d\u0434\u0430 "
    "\u0437\u0430\u043f\u0438\u0441\u044b\u0432\u0430\u0435\u0442 "
    "\u043a\u0430\u0436\u0434\u0443\u044e "
    "\u0432\u0441\u0442\u0440\u0435\u0447\u0443, "
    "\u043d\u043e \u043d\u0438\u043a\u0442\u043e "
    "\u043d\u0435 \u0447\u0438\u0442\u0430\u0435\u0442. ";

static const char chinese[] =
    "\u6211\u4eec\u7684\u56e2\u961f\u628a\u6bcf\u6b21\u4f1a\u8bae\u7684"
    "\u8bb0\u5f55\u90fd\u5199\u5728\u4e00\u4e2a\u6587\u4ef6\u91cc\uff0c"
    "\u4f46\u662f\u6ca1\u6709\u4eba\u8bfb\u3002";

static struct policy *load(const char *rule)
{
	struct mistakes *mistakes = mistakes_new();
	struct policy *policy = NULL;
	struct yaml_doc *doc;
	char text[4096];

	snprintf(text, sizeof(text), policy_text, rule);
	doc = yaml_parse("bench.yaml", span_of(text), mistakes);
	if (doc)
		policy = policy_new(doc, models, 2, mistakes);
	if (!policy) {
		fprintf(
		    stderr, "router_bench: %s\n", mistakes_line(mistakes, 0));
		exit(1);
	}
	yaml_doc_free(&doc);
	mistakes_free(&mistakes);
	return policy;
}

static void decide_once(const struct policy *policy, struct span text,
    struct arena *arena, struct router_decision *decision)
{
	static const struct router_load load[2] = {
	    {.kv_free = 1, .is_healthy = true},
	    {.kv_free = 1, .is_healthy = true}};
	struct router_caller caller = {.name = "bench", .may_auto = true};
	struct router_input input = {.model = SPAN("auto"),
	    .turns = 1,
	    .choices = 1,
	    .output_limit = -1,
	    .prompt_tokens = (int64_t)text.len / 4,
	    .last_user = text};
	struct router_features features;
	struct router_question question = {.features = &features,
	    .input = &input,
	    .caller = &caller,
	    .models = models,
	    .load = load,
	    .n_models = 2,
	    .policy = policy};

	arena_reset(arena);
	router_features(&input, arena, &features);
	router_decide(&question, arena, decision);
}

/* Nanoseconds for features and decision, the best of ROUNDS. */
static double measure(const struct policy *policy, struct span text)
{
	struct router_decision decision;
	struct arena arena;
	double best = 1e300;

	arena_init(&arena, (size_t)1 << 20);
	for (int round = 0; round < ROUNDS; round++) {
		int64_t start = clock_thread_cpu_ns();
		int64_t spent = 0;
		int64_t n = 0;

		for (; spent < ROUND_NS;
		     spent = clock_thread_cpu_ns() - start) {
			for (int i = 0; i < 64; i++, n++)
				decide_once(policy, text, &arena, &decision);
		}
		if ((double)spent / (double)n < best)
			best = (double)spent / (double)n;
	}
	if (decision.outcome != ROUTER_DECIDED)
		exit(1);
	arena_free(&arena);
	return best;
}

static void report(const char *what, const char *unit, const char *rule)
{
	static const size_t lengths[] = {1024, 32 * 1024, 1024 * 1024};
	struct policy *policy = load(rule);
	size_t unit_len = strlen(unit);

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t len = lengths[i] - lengths[i] % unit_len;
		char *text = mem_alloc(len);

		for (size_t at = 0; at < len; at += unit_len)
			memcpy(text + at, unit, unit_len);
		printf("%-24s %8zu bytes %10.0f ns\n", what, len,
		    measure(policy, span_make(text, len)));
		free(text);
	}
	policy_free(&policy);
}

int main(void)
{
	report("prose", prose, "");
	report("source code", source, "");
	report("Russian", russian, "");
	report("Chinese", chinese, "");
	report("prose, with a pattern", prose, pattern_rule);
	return 0;
}
