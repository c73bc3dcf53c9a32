/* test_settle.c -- what an attempt cost, in the ledger and on the request. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/request.h"
#include "net/call.h"
#include "tests/unit/gateway_help.h"

/* Nano-dollars a token: small 100/50/400, large 2000/200/10000. */
static const char text[] =
    "providers:\n"
    "  - {name: up, base_url: \"http://127.0.0.1:9101/v1\", "
    "breaker: {failures: 2}}\n"
    "models:\n"
    "  - {name: up/small, provider: up, "
    "price: {input: 0.10, cached_input: 0.05, output: 0.40}}\n"
    "  - {name: up/large, provider: up, "
    "price: {input: 2.00, cached_input: 0.20, output: 10.00}}\n"
    "  - {name: up/unknown, provider: up}\n"
    "policy: policy.yaml\n";

enum {
	SMALL,
	LARGE,
	UNKNOWN
};

struct fixture {
	struct place *place;
	char directory[160];
	struct metrics *metrics;
	struct upstreams *upstreams;
	struct snapshot *snapshot;
	struct ledger *ledger;
	struct worker worker;
	struct config_key key;
	struct request request;
	struct ledger_settle rows[4]; /* read back, by attempt number */
	enum ledger_state states[4];
	size_t n_rows;
};

static int set_up(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	struct error err;
	void *place;

	log_set_level(LOG_ERROR);
	place_set_up(&place);
	f->place = place;
	place_load_well(f->place, text);
	f->metrics = metrics_new(gateway_metric_specs, METRIC_COUNT);
	f->upstreams = upstreams_new(f->metrics);
	f->snapshot =
	    snapshot_new(config_ref(f->place->config), f->upstreams, NULL);
	snprintf(
	    f->directory, sizeof(f->directory), "%s/ledger", f->place->folder);
	f->ledger = ledger_open(
	    &(struct ledger_options){
		.directory = f->directory,
		.writers = 1,
		.segment_bytes = 1 << 20,
	    },
	    &err);
	assert_non_null(f->ledger);
	f->worker.loop = loop_new(&err);
	assert_non_null(f->worker.loop);
	f->worker.ledger = ledger_writer(f->ledger, 0);
	f->request = (struct request){
	    .worker = &f->worker,
	    .snapshot = f->snapshot,
	    .config = f->snapshot->config,
	    .id = ledger_id_new(clock_utc_ns()),
	    .features = {.tokens = 10},
	    .decision = {.rule = "default", .baseline = LARGE},
	};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	void *place = f->place;

	ledger_close(&f->ledger);
	snapshot_unref(&f->snapshot);
	upstreams_free(&f->upstreams);
	metrics_free(&f->metrics);
	loop_free(&f->worker.loop);
	place_tear_down(&place);
	free(f);
	return 0;
}

/* A fresh attempt at <model>, on record and under way. */
static struct attempt *begin(struct fixture *f, size_t model)
{
	struct request *request = &f->request;
	struct attempt *attempt = &request->attempt;
	struct error err;

	*attempt = (struct attempt){
	    .id = ledger_id_new(clock_utc_ns()),
	    .model = &request->config->models[model],
	    .model_index = model,
	    .upstream = f->snapshot->upstreams[model],
	    .is_reserved = true,
	    .started_ns = 1,
	};
	request->has_attempt = true;
	request->attempts++;
	assert_int_equal(ledger_reserve(f->worker.ledger,
			     &(struct ledger_reserve){
				 .request = request->id,
				 .attempt = attempt->id,
				 .utc_ns = clock_utc_ns(),
				 .attempt_number = request->attempts,
				 .key = "team-a",
				 .model = attempt->model->name,
				 .rule = "default",
			     },
			     &err),
	    OK);
	attempt->upstream->in_flight++;
	return attempt;
}

static struct dialect_usage said(int64_t input, int64_t cached, int64_t output)
{
	return (struct dialect_usage){
	    .has_input = true,
	    .has_output = true,
	    .has_cached = true,
	    .input_tokens = input,
	    .cached_tokens = cached,
	    .output_tokens = output,
	};
}

static bool keep_row(const struct ledger_row *row, void *arg)
{
	struct fixture *f = arg;
	size_t i = row->reserve.attempt_number - 1;

	assert_true(i < 4);
	f->rows[i] = row->settle;
	f->states[i] = row->state;
	f->n_rows++;
	return true;
}

/* Ends the ledger and reads what it holds. */
static void read_back(struct fixture *f)
{
	struct error err;

	ledger_close(&f->ledger);
	assert_int_equal(
	    ledger_read(f->directory, keep_row, NULL, f, &err), OK);
}

/* The only row has these tokens and amounts, and so has the request. */
static void assert_row(struct fixture *f, const int64_t tokens[3],
    const int64_t nano[3], bool is_estimated)
{
	const struct amounts *amounts = &f->request.amounts;
	const struct ledger_settle *row = &f->rows[0];

	read_back(f);
	assert_int_equal(f->n_rows, 1);
	assert_int_equal(f->states[0], LEDGER_SETTLED);
	assert_int_equal(row->outcome, f->request.outcome);
	assert_int_equal(row->status, f->request.attempt.status);
	assert_int_equal(row->input_tokens, tokens[0]);
	assert_int_equal(row->cached_tokens, tokens[1]);
	assert_int_equal(row->output_tokens, tokens[2]);
	assert_int_equal(row->cost_nano, nano[0]);
	assert_int_equal(row->baseline_nano, nano[1]);
	assert_int_equal(row->saved_nano, nano[2]);
	assert_int_equal(row->is_estimated, is_estimated);
	assert_int_equal(amounts->input_tokens, tokens[0]);
	assert_int_equal(amounts->output_tokens, tokens[2]);
	assert_int_equal(amounts->cost_nano, nano[0]);
	assert_int_equal(amounts->baseline_nano, nano[1]);
	assert_int_equal(amounts->saved_nano, nano[2]);
	assert_int_equal(amounts->is_estimated, is_estimated);
	assert_int_equal(f->request.attempt.upstream->in_flight, 0);
}

#define ROW(f, is_estimated, input, cached, output, cost, baseline, saved)     \
	assert_row(f, (const int64_t[]){input, cached, output},                \
	    (const int64_t[]){cost, baseline, saved}, is_estimated)

/* --- usage ------------------------------------------------------------------
 */

static void bills_what_the_upstream_said(void **state)
{
	struct fixture *f = *state;
	struct attempt *attempt = begin(f, SMALL);

	attempt->status = 200;
	attempt->saw_content = true;
	attempt->output_estimate = 70;
	attempt->usage = said(1000, 200, 50);
	attempt_settle(&f->request, LEDGER_COMPLETED);
	assert_int_equal(metric_value(attempt->upstream->cost), 130000);
	assert_int_equal(metric_value(attempt->upstream->saved), 2410000);
	assert_int_equal(metric_value(attempt->upstream->estimated), 0);
	ROW(f, false, 1000, 200, 50, 130000, 2540000, 2410000);
}

static void a_0_that_was_said_is_0(void **state)
{
	struct fixture *f = *state;
	struct attempt *attempt = begin(f, SMALL);

	attempt->status = 200;
	attempt->output_estimate = 70;
	attempt->usage = said(0, 0, 0);
	attempt_settle(&f->request, LEDGER_COMPLETED);
	ROW(f, false, 0, 0, 0, 0, 0, 0);
}

static void usage_that_lacks_is_estimated_and_marked(void **state)
{
	struct fixture *f = *state;
	struct attempt *attempt = begin(f, SMALL);

	attempt->status = 200;
	attempt->output_estimate = 7;
	attempt_settle(&f->request, LEDGER_COMPLETED);
	assert_int_equal(metric_value(attempt->upstream->estimated), 1);
	ROW(f, true, 10, 0, 7, 3800, 90000, 86200);
}

static void half_a_usage_is_completed_and_marked(void **state)
{
	struct fixture *f = *state;
	struct attempt *attempt = begin(f, SMALL);

	attempt->status = 200;
	attempt->output_estimate = 7;
	attempt->usage =
	    (struct dialect_usage){.has_input = true, .input_tokens = 20};
	attempt_settle(&f->request, LEDGER_COMPLETED);
	ROW(f, true, 20, 0, 7, 4800, 110000, 105200);
}

static void an_odd_usage_is_marked(void **state)
{
	struct fixture *f = *state;
	struct attempt *attempt = begin(f, SMALL);

	attempt->status = 200;
	attempt->usage = said(10, 0, 1);
	attempt->usage.is_odd = true;
	attempt_settle(&f->request, LEDGER_COMPLETED);
	ROW(f, true, 10, 0, 1, 1400, 30000, 28600);
}

static void an_error_answer_used_nothing(void **state)
{
	struct fixture *f = *state;
	struct attempt *attempt = begin(f, SMALL);

	attempt->status = 500;
	attempt->output_estimate = 30;
	attempt_settle(&f->request, LEDGER_REFUSED);
	ROW(f, false, 0, 0, 0, 0, 0, 0);
}

static void one_that_says_usage_is_billed_and_saved_nothing(void **state)
{
	struct fixture *f = *state;
	struct attempt *attempt = begin(f, SMALL);

	attempt->status = 500;
	attempt->usage = said(10, 0, 0);
	attempt_settle(&f->request, LEDGER_REFUSED);
	ROW(f, false, 10, 0, 0, 1000, 0, -1000);
}

/* --- ends that are not whole ------------------------------------------------
 */

static void a_client_that_left_pays_for_what_was_made(void **state)
{
	struct fixture *f = *state;
	struct attempt *attempt = begin(f, SMALL);

	attempt->status = 200;
	attempt->saw_content = true;
	attempt->output_estimate = 7;
	attempt_settle(&f->request, LEDGER_CLIENT_GONE);
	ROW(f, true, 10, 0, 7, 3800, 90000, 86200);
}

static void a_request_that_never_left_us_cost_nothing(void **state)
{
	struct fixture *f = *state;
	struct call call = {.was_sent = false};

	begin(f, SMALL)->call = &call;
	attempt_settle(&f->request, LEDGER_CLIENT_GONE);
	ROW(f, false, 0, 0, 0, 0, 0, 0);
}

static void one_that_did_cost_its_prompt(void **state)
{
	struct fixture *f = *state;
	struct call call = {.was_sent = true};

	begin(f, SMALL)->call = &call;
	attempt_settle(&f->request, LEDGER_CLIENT_GONE);
	ROW(f, true, 10, 0, 0, 1000, 20000, 19000);
}

static void a_running_usage_is_a_lower_limit(void **state)
{
	struct fixture *f = *state;
	struct attempt *attempt = begin(f, SMALL);

	attempt->status = 200;
	attempt->saw_content = true;
	attempt->output_estimate = 7;
	attempt->usage = said(20, 0, 5);
	attempt_settle(&f->request, LEDGER_UPSTREAM_DIED);
	ROW(f, true, 20, 0, 7, 4800, 110000, 105200);
}

static void a_final_usage_is_exact_however_the_stream_ended(void **state)
{
	struct fixture *f = *state;
	struct attempt *attempt = begin(f, SMALL);

	attempt->status = 200;
	attempt->saw_content = true;
	attempt->saw_finish = true;
	attempt->output_estimate = 7;
	attempt->usage = said(20, 0, 5);
	attempt_settle(&f->request, LEDGER_CLIENT_GONE);
	ROW(f, false, 20, 0, 5, 4000, 90000, 86000);
}

static void no_connection_costs_nothing(void **state)
{
	struct fixture *f = *state;

	begin(f, SMALL)->failure = ATTEMPT_AWAY;
	attempt_settle(&f->request, LEDGER_UPSTREAM_DIED);
	ROW(f, false, 0, 0, 0, 0, 0, 0);
}

static void an_answer_that_never_came_may_have_cost_more(void **state)
{
	struct fixture *f = *state;

	begin(f, SMALL)->failure = ATTEMPT_LATE;
	attempt_settle(&f->request, LEDGER_TIMED_OUT);
	ROW(f, true, 0, 0, 0, 0, 0, 0);
}

/* --- prices and baselines ---------------------------------------------------
 */

static void a_pinned_model_is_its_own_baseline(void **state)
{
	struct fixture *f = *state;
	struct attempt *attempt = begin(f, SMALL);

	f->request.decision.is_pinned = true;
	f->request.decision.baseline = SMALL;
	attempt->status = 200;
	attempt->usage = said(10, 0, 1);
	attempt_settle(&f->request, LEDGER_COMPLETED);
	ROW(f, false, 10, 0, 1, 1400, 1400, 0);
}

static void savings_may_be_negative(void **state)
{
	struct fixture *f = *state;
	struct attempt *attempt = begin(f, LARGE);

	f->request.decision.baseline = SMALL;
	attempt->status = 200;
	attempt->usage = said(10, 0, 1);
	attempt_settle(&f->request, LEDGER_COMPLETED);
	ROW(f, false, 10, 0, 1, 30000, 1400, -28600);
}

static void what_has_no_price_is_unpriced(void **state)
{
	struct fixture *f = *state;
	struct attempt *attempt = begin(f, UNKNOWN);

	attempt->status = 200;
	attempt->usage = said(10, 0, 1);
	attempt_settle(&f->request, LEDGER_COMPLETED);
	assert_int_equal(metric_value(attempt->upstream->unpriced), 1);
	assert_int_equal(metric_value(attempt->upstream->cost), 0);
	ROW(f, false, 10, 0, 1, MONEY_UNPRICED, 30000, MONEY_UNPRICED);
}

static void nothing_used_is_0_at_any_price(void **state)
{
	struct fixture *f = *state;

	begin(f, UNKNOWN)->status = 500;
	attempt_settle(&f->request, LEDGER_REFUSED);
	ROW(f, false, 0, 0, 0, 0, 0, 0);
}

/* --- several attempts -------------------------------------------------------
 */

static void a_requests_amounts_are_the_sum_of_its_attempts(void **state)
{
	struct fixture *f = *state;
	const struct amounts *amounts = &f->request.amounts;
	struct attempt *attempt = begin(f, SMALL);

	attempt->status = 200;
	attempt->usage = said(10, 0, 0);
	attempt_settle(&f->request, LEDGER_UPSTREAM_DIED);
	assert_int_equal(amounts->saved_nano, -1000);
	attempt = begin(f, LARGE);
	attempt->status = 200;
	attempt->usage = said(10, 0, 1);
	attempt_settle(&f->request, LEDGER_COMPLETED);
	assert_int_equal(amounts->cost_nano, 31000);
	assert_int_equal(amounts->baseline_nano, 30000);
	assert_int_equal(amounts->saved_nano, -1000);
	assert_int_equal(amounts->input_tokens, 20);
	assert_true(amounts->is_estimated);
	assert_int_equal(f->request.outcome, LEDGER_COMPLETED);
	read_back(f);
	assert_int_equal(f->n_rows, 2);
	assert_int_equal(f->rows[0].outcome, LEDGER_UPSTREAM_DIED);
	assert_int_equal(f->rows[0].cost_nano, 1000);
	assert_int_equal(f->rows[1].cost_nano, 30000);
	assert_false(f->rows[1].is_estimated);
}

static void one_unpriced_attempt_makes_the_sum_unpriced(void **state)
{
	struct fixture *f = *state;
	const struct amounts *amounts = &f->request.amounts;
	struct attempt *attempt = begin(f, UNKNOWN);

	attempt->status = 200;
	attempt->usage = said(10, 0, 0);
	attempt_settle(&f->request, LEDGER_UPSTREAM_DIED);
	attempt = begin(f, LARGE);
	attempt->status = 200;
	attempt->usage = said(10, 0, 1);
	attempt_settle(&f->request, LEDGER_COMPLETED);
	assert_int_equal(amounts->cost_nano, MONEY_UNPRICED);
	assert_int_equal(amounts->saved_nano, MONEY_UNPRICED);
	assert_int_equal(amounts->baseline_nano, 30000);
}

static void settles_once_and_only_what_was_reserved(void **state)
{
	struct fixture *f = *state;
	struct attempt *attempt;

	attempt_settle(&f->request, LEDGER_COMPLETED);
	attempt = begin(f, SMALL);
	attempt->status = 200;
	attempt->usage = said(10, 0, 1);
	attempt_settle(&f->request, LEDGER_COMPLETED);
	attempt->usage = said(99, 0, 99);
	attempt_settle(&f->request, LEDGER_CLIENT_GONE);
	assert_int_equal(f->request.outcome, LEDGER_COMPLETED);
	ROW(f, false, 10, 0, 1, 1400, 30000, 28600);
}

/* --- the breaker, which opens at the second failure ------------------------
 */

/* One that was let through as the breaker stands now. */
static void end(struct fixture *f, int status, enum ledger_outcome outcome)
{
	struct attempt *attempt = begin(f, SMALL);

	attempt->status = status;
	attempt->is_probe = upstream_is_probed(attempt->upstream);
	attempt_settle(&f->request, outcome);
}

static void assert_breaker(struct fixture *f, enum breaker_state state)
{
	assert_int_equal(
	    atomic_load(&f->snapshot->upstreams[SMALL]->breaker), state);
}

static void tells_the_breaker_what_failed(void **state)
{
	static const struct {
		int status;
		enum ledger_outcome outcome;
	} failures[] = {{0, LEDGER_UPSTREAM_DIED}, {0, LEDGER_TIMED_OUT},
	    {200, LEDGER_UPSTREAM_DIED}, {500, LEDGER_REFUSED},
	    {503, LEDGER_REFUSED}, {401, LEDGER_REFUSED}, {403, LEDGER_REFUSED},
	    {302, LEDGER_REFUSED}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		upstream_succeeded(f->snapshot->upstreams[SMALL]);
		end(f, failures[i].status, failures[i].outcome);
		assert_breaker(f, BREAKER_CLOSED);
		end(f, failures[i].status, failures[i].outcome);
		assert_breaker(f, BREAKER_OPEN);
	}
}

static void an_answer_to_a_bad_request_is_a_good_sign(void **state)
{
	struct fixture *f = *state;

	end(f, 500, LEDGER_REFUSED);
	end(f, 400, LEDGER_REFUSED);
	end(f, 500, LEDGER_REFUSED);
	assert_breaker(f, BREAKER_CLOSED);
	end(f, 200, LEDGER_COMPLETED);
	end(f, 500, LEDGER_REFUSED);
	assert_breaker(f, BREAKER_CLOSED);
	end(f, 500, LEDGER_REFUSED);
	assert_breaker(f, BREAKER_OPEN);
}

static void what_says_nothing_gives_the_probe_back(void **state)
{
	static const struct {
		int status;
		enum ledger_outcome outcome;
	} ends[] = {{0, LEDGER_CLIENT_GONE}, {200, LEDGER_CLIENT_GONE},
	    {429, LEDGER_REFUSED}, {408, LEDGER_REFUSED}, {409, LEDGER_REFUSED},
	    /* Refused by ourselves: there was no room for its head. */
	    {0, LEDGER_REFUSED}};
	struct fixture *f = *state;
	struct upstream *up = f->snapshot->upstreams[SMALL];

	end(f, 500, LEDGER_REFUSED);
	end(f, 500, LEDGER_REFUSED);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		assert_true(upstream_may_try(up, INT64_MAX));
		assert_breaker(f, BREAKER_HALF_OPEN);
		end(f, ends[i].status, ends[i].outcome);
		assert_breaker(f, BREAKER_OPEN);
	}
}

static void only_the_probe_speaks_while_the_breaker_is_not_closed(void **state)
{
	struct fixture *f = *state;
	struct upstream *up = f->snapshot->upstreams[SMALL];
	struct attempt *old;

	end(f, 500, LEDGER_REFUSED);
	end(f, 500, LEDGER_REFUSED);
	assert_true(upstream_may_try(up, INT64_MAX));
	/* It was sent before the breaker opened, and ends only now. */
	old = begin(f, SMALL);
	old->status = 200;
	attempt_settle(&f->request, LEDGER_COMPLETED);
	assert_breaker(f, BREAKER_HALF_OPEN);
	begin(f, SMALL)->status = 500;
	attempt_settle(&f->request, LEDGER_REFUSED);
	assert_breaker(f, BREAKER_HALF_OPEN);
	end(f, 200, LEDGER_COMPLETED);
	assert_breaker(f, BREAKER_CLOSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(bills_what_the_upstream_said),
	    TEST(a_0_that_was_said_is_0),
	    TEST(usage_that_lacks_is_estimated_and_marked),
	    TEST(half_a_usage_is_completed_and_marked),
	    TEST(an_odd_usage_is_marked),
	    TEST(an_error_answer_used_nothing),
	    TEST(one_that_says_usage_is_billed_and_saved_nothing),
	    TEST(a_client_that_left_pays_for_what_was_made),
	    TEST(a_request_that_never_left_us_cost_nothing),
	    TEST(one_that_did_cost_its_prompt),
	    TEST(a_running_usage_is_a_lower_limit),
	    TEST(a_final_usage_is_exact_however_the_stream_ended),
	    TEST(no_connection_costs_nothing),
	    TEST(an_answer_that_never_came_may_have_cost_more),
	    TEST(a_pinned_model_is_its_own_baseline),
	    TEST(savings_may_be_negative),
	    TEST(what_has_no_price_is_unpriced),
	    TEST(nothing_used_is_0_at_any_price),
	    TEST(a_requests_amounts_are_the_sum_of_its_attempts),
	    TEST(one_unpriced_attempt_makes_the_sum_unpriced),
	    TEST(settles_once_and_only_what_was_reserved),
	    TEST(tells_the_breaker_what_failed),
	    TEST(an_answer_to_a_bad_request_is_a_good_sign),
	    TEST(what_says_nothing_gives_the_probe_back),
	    TEST(only_the_probe_speaks_while_the_breaker_is_not_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
