/* test_sample.c -- what is chosen, and what is told of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "local/sample.h"

/* Probabilities 0.5, 0.25, 0.125, 0.0625, 0.0625 of ids 2, 0, 4, 1, 3. */
#define VOCAB 5
static const float logits[VOCAB] = {
    -1.3862944F, -2.7725887F, -0.6931472F, -2.7725887F, -2.0794415F};

static struct sampler *make(const struct sample_options *options)
{
	struct error err;
	struct sampler *sampler = sampler_new(options, VOCAB, &err);

	if (!sampler)
		fail_msg("%s", err.text);
	return sampler;
}

/* How often each token is chosen in 4,000 draws, each by itself. */
static void count(const struct sample_options *options, uint32_t counts[VOCAB])
{
	struct sample_options one = *options;

	memset(counts, 0, VOCAB * sizeof(*counts));
	for (uint32_t i = 0; i < 4000; i++) {
		struct sampler *sampler;

		one.seed = i;
		sampler = make(&one);
		counts[sampler_next(sampler, logits).token]++;
		sampler_free(&sampler);
	}
}

static void chooses_the_likeliest_when_cold(void **state)
{
	struct sample_options options = {.temperature = 0, .seed = 9};
	struct sampler *sampler = make(&options);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(sampler_next(sampler, logits).token, 2);
	sampler_free(&sampler);
}

static void draws_by_probability(void **state)
{
	struct sample_options options = {.temperature = 1};
	uint32_t n[VOCAB];

	(void)state;
	count(&options, n);
	/* Four standard deviations of a binomial are at most 126. */
	assert_in_range(n[2], 2000 - 126, 2000 + 126);
	assert_in_range(n[0], 1000 - 110, 1000 + 110);
	assert_in_range(n[4], 500 - 84, 500 + 84);
	options.temperature = 0.5F;
	count(&options, n);
	/* Squared: 0.5^2 of 0.3359 in all */
	assert_in_range(n[2], 2977 - 111, 2977 + 111);
}

/* Of the first two one over them is no float. */
static void hardly_any_temperature_is_none(void **state)
{
	static const float temperatures[] = {1e-45F, 1e-40F, 1e-38F, 1e-20F};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct sample_options options = {
		    .temperature = temperatures[i]};
		uint32_t counts[VOCAB] = {0};

		count(&options, counts);
		assert_int_equal(counts[2], 4000);
	}
}

static void narrows_to_what_the_options_leave(void **state)
{
	struct sample_options options = {.temperature = 1, .top_k = 2};
	uint32_t n[VOCAB];

	(void)state;
	count(&options, n);
	assert_int_equal(n[2] + n[0], 4000);
	assert_true(n[0] > 0);
	options = (struct sample_options){.temperature = 1, .top_p = 0.74F};
	count(&options, n);
	assert_int_equal(n[2] + n[0], 4000);
	assert_true(n[0] > 0);
	options.top_p = 0.76F;
	count(&options, n);
	assert_int_equal(n[1] + n[3], 0);
	assert_true(n[4] > 0);
	options = (struct sample_options){.temperature = 1, .min_p = 0.3F};
	count(&options, n);
	assert_int_equal(n[2] + n[0], 4000);
	options = (struct sample_options){.temperature = 1, .top_p = 1e-6F};
	count(&options, n);
	assert_int_equal(n[2], 4000);
}

static void repeats_itself_for_a_seed(void **state)
{
	struct sample_options options = {.temperature = 2, .seed = 77};
	struct sampler *a = make(&options), *b = make(&options), *c;
	uint32_t same = 0;

	(void)state;
	options.seed = 78;
	c = make(&options);
	for (int i = 0; i < 64; i++) {
		uint32_t token = sampler_next(a, logits).token;

		assert_int_equal(token, sampler_next(b, logits).token);
		same += token == sampler_next(c, logits).token;
	}
	assert_true(same < 64);
	sampler_free(&a);
	sampler_free(&b);
	sampler_free(&c);
}

static void penalises_what_was_said(void **state)
{
	struct sample_options options = {.presence = 1};
	struct sampler *sampler = make(&options);
	uint32_t seen = 2;

	(void)state;
	assert_int_equal(sampler_next(sampler, logits).token, 2);
	assert_int_equal(sampler_next(sampler, logits).token, 0);
	assert_int_equal(sampler_next(sampler, logits).token, 2);
	sampler_free(&sampler);
	/* Frequency grows with each time: 2, 0 and so on. */
	options = (struct sample_options){.frequency = 0.5F};
	sampler = make(&options);
	assert_int_equal(sampler_next(sampler, logits).token, 2);
	assert_int_equal(sampler_next(sampler, logits).token, 2);
	assert_int_equal(sampler_next(sampler, logits).token, 0);
	sampler_free(&sampler);
	/* Repetition counts the prompt: -0.69 * 2.5 is below -1.39. */
	options = (struct sample_options){.repetition = 2.5F};
	sampler = make(&options);
	sampler_see(sampler, &seen, 1);
	assert_int_equal(sampler_next(sampler, logits).token, 0);
	sampler_free(&sampler);
}

static void adds_the_callers_bias(void **state)
{
	struct sample_bias biases[] = {{2, -INFINITY}, {3, 2}};
	struct sample_options options = {.biases = biases, .n_biases = 2};
	struct sampler *sampler = make(&options);
	struct sample_choice choice = sampler_next(sampler, logits);

	(void)state;
	assert_int_equal(choice.token, 3);
	/* What is told of it does not know of the bias. */
	assert_int_equal(choice.likeliest, 2);
	assert_true(fabsf(choice.logprob - logits[3]) < 1e-6F);
	sampler_free(&sampler);
}

static void chooses_among_what_a_mask_allows(void **state)
{
	static const struct sample_bias bias = {.token = 1, .bias = 1};
	struct sample_options options = {.temperature = 0};
	uint32_t words = 1 << 1 | 1 << 4, drawn[VOCAB] = {0};
	struct sample_mask mask = {&words, 1};
	struct sampler *sampler = make(&options);
	struct sample_choice choice = sampler_choose(sampler, logits, &mask);

	(void)state;
	assert_int_equal(choice.token, 4);
	assert_int_equal(choice.likeliest, 2);
	assert_true(fabs((double)choice.logprob - log(0.125)) < 1e-6);
	assert_true(choice.is_masked);
	assert_true(fabs((double)choice.removed - 1 + 0.125 +
			 exp((double)logits[1])) < 1e-6);
	assert_false(sampler_next(sampler, logits).is_masked);
	sampler_free(&sampler);
	options = (struct sample_options){.biases = &bias, .n_biases = 1};
	sampler = make(&options);
	assert_int_equal(sampler_choose(sampler, logits, &mask).token, 1);
	sampler_free(&sampler);
	options = (struct sample_options){.temperature = 1};
	sampler = make(&options);
	for (int i = 0; i < 400; i++)
		drawn[sampler_choose(sampler, logits, &mask).token]++;
	assert_int_equal(drawn[1] + drawn[4], 400);
	assert_true(drawn[1] > 0 && drawn[4] > drawn[1]);
	sampler_free(&sampler);
}

/* Sorting as far as is needed draws what sorting everything does. */
static void draws_from_a_long_vocabulary(void **state)
{
	struct sample_options options = {.temperature = 1, .top_k = 50};
	static float many[5000];
	struct error err;
	struct sampler *sampler;

	(void)state;
	for (uint32_t i = 0; i < 5000; i++)
		many[i] = -(float)((i * 2654435761U) % 5000) / 250;
	sampler = sampler_new(&options, 5000, &err);
	for (int i = 0; i < 2000; i++)
		assert_true(
		    many[sampler_next(sampler, many).token] > -50.0F / 250);
	sampler_free(&sampler);
	options = (struct sample_options){.temperature = 1, .top_p = 0.5F};
	sampler = sampler_new(&options, 5000, &err);
	/* Half of the weight lies above log(2) of an even slope. */
	for (int i = 0; i < 2000; i++)
		assert_true(many[sampler_next(sampler, many).token] > -0.70F);
	sampler_free(&sampler);
}

static void tells_what_the_model_thought(void **state)
{
	struct sample_options options = {.temperature = 0};
	struct sampler *sampler = make(&options);
	struct sample_choice choice = sampler_next(sampler, logits);

	(void)state;
	assert_true(fabsf(choice.logprob - logf(0.5F)) < 1e-6F);
	assert_true(fabsf(choice.margin - logf(2)) < 1e-6F);
	/* 0.5 + 0.5 + 0.375 + 0.25 + 0.25 bits */
	assert_true(fabsf(choice.entropy - 1.875F * logf(2)) < 1e-6F);
	sampler_free(&sampler);
}

static void lists_the_likeliest_in_order(void **state)
{
	struct sample_top top[VOCAB + 1];
	static const uint32_t order[] = {2, 0, 4, 1, 3};

	(void)state;
	assert_int_equal(sample_top(logits, VOCAB, 3, top), 3);
	assert_int_equal(sample_top(logits, VOCAB, VOCAB + 1, top), VOCAB);
	for (uint32_t i = 0; i < VOCAB; i++) {
		assert_int_equal(top[i].token, order[i]);
		assert_true(fabsf(top[i].logprob - logits[order[i]]) < 1e-6F);
	}
}

static void survives_logits_that_are_no_numbers(void **state)
{
	const float bad[VOCAB] = {NAN, 1, NAN, INFINITY, -INFINITY};
	const float worse[VOCAB] = {NAN, NAN, NAN, NAN, NAN};
	struct sample_options options = {.temperature = 1, .top_p = 0.9F};
	struct sampler *sampler = make(&options);

	(void)state;
	for (int i = 0; i < 10; i++) {
		uint32_t token = sampler_next(sampler, bad).token;

		assert_true(token == 1 || token == 3);
		assert_true(sampler_next(sampler, worse).token < VOCAB);
	}
	sampler_free(&sampler);
}

static void refuses_options_out_of_range(void **state)
{
	struct sample_bias bias = {VOCAB, 1};
	const struct sample_options wrong[] = {
	    {.temperature = -1},
	    {.temperature = NAN},
	    {.top_p = 1.5F},
	    {.min_p = -0.1F},
	    {.biases = &bias, .n_biases = 1},
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_null(sampler_new(&wrong[i], VOCAB, &err));
	assert_non_null(strstr(err.text, "logit_bias: token 5"));
}

static void sums_up_a_text(void **state)
{
	struct sample_summary sum = {0};
	struct sample_choice held = {.is_masked = true, .removed = 0.5F};

	(void)state;
	assert_true(sample_mean_logprob(&sum) == 0);
	for (int i = 0; i < 40; i++) {
		struct sample_choice choice = {
		    .logprob = i >= 10 && i < 26 ? -2 : -1,
		    .margin = 1,
		    .entropy = 0.5F,
		};

		sample_summarise(&sum, &choice);
	}
	assert_int_equal(sum.n, 40);
	assert_true(fabs(sample_mean_logprob(&sum) + 56.0 / 40) < 1e-9);
	assert_true(sum.min_logprob == -2);
	assert_true(sum.min_window == -2);
	assert_true(fabs(sum.sum_entropy - 20) < 1e-9);
	/* What no mask was on tells nothing of masks. */
	assert_true(sample_mean_removed(&sum) < 0);
	for (int i = 0; i < 3; i++) {
		sample_summarise_mask(&sum, &held);
		held.removed = 0.125F;
	}
	held.is_masked = false;
	sample_summarise_mask(&sum, &held);
	assert_true(fabs(sample_mean_removed(&sum) - 0.25) < 1e-9);
	assert_int_equal(sum.n, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(chooses_the_likeliest_when_cold),
	    cmocka_unit_test(draws_by_probability),
	    cmocka_unit_test(hardly_any_temperature_is_none),
	    cmocka_unit_test(narrows_to_what_the_options_leave),
	    cmocka_unit_test(repeats_itself_for_a_seed),
	    cmocka_unit_test(penalises_what_was_said),
	    cmocka_unit_test(adds_the_callers_bias),
	    cmocka_unit_test(chooses_among_what_a_mask_allows),
	    cmocka_unit_test(draws_from_a_long_vocabulary),
	    cmocka_unit_test(tells_what_the_model_thought),
	    cmocka_unit_test(lists_the_likeliest_in_order),
	    cmocka_unit_test(survives_logits_that_are_no_numbers),
	    cmocka_unit_test(refuses_options_out_of_range),
	    cmocka_unit_test(sums_up_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
