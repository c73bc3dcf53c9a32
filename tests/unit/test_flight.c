/* test_flight.c -- who leads, who attends, and how a flight ends. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cache/flight.h"

static const struct sha256 key_a = {.bytes = {1}};
static const struct sha256 key_b = {.bytes = {1, 2}};

/* Wakes are counted, and taken when the test says so. */
struct home {
	atomic_int wakes;
	struct seat *woken;
};

static void wake(struct seat *seat, void *home_ptr)
{
	struct home *home = home_ptr;

	home->woken = seat;
	atomic_fetch_add(&home->wakes, 1);
}

static struct seat *board(
    struct flights *flights, const struct sha256 *key, struct home *home)
{
	return flight_board(flights, key,
	    &(struct seat_options){.wake = wake, .home = home, .arg = home});
}

/* Takes the wake that is due. */
static void take_wake(struct home *home)
{
	assert_int_equal(atomic_load(&home->wakes), 1);
	atomic_store(&home->wakes, 0);
	assert_ptr_equal(seat_awake(home->woken), home);
}

static struct cache_entry *make_entry(struct span body)
{
	return cache_entry_new(&key_a, &(struct cache_answer){
					   .form = CACHE_JSON,
					   .body = body,
					   .expires_utc_ns = INT64_MAX,
				       });
}

static void the_first_leads_and_equal_ones_attend(void **state)
{
	struct flights *flights = flights_new();
	struct home homes[3] = {0};
	struct seat *leader = board(flights, &key_a, &homes[0]);
	struct seat *attendant = board(flights, &key_a, &homes[1]);
	struct seat *other = board(flights, &key_b, &homes[2]);

	(void)state;
	assert_true(seat_leads(leader));
	assert_false(seat_leads(attendant));
	assert_true(seat_leads(other));
	assert_int_equal(flights_count(flights), 2);
	assert_int_equal(flight_attendants(leader), 1);
	take_wake(&homes[0]); /* somebody attends */
	seat_leave(&attendant);
	assert_null(attendant);
	assert_int_equal(flight_attendants(leader), 0);
	assert_int_equal(flight_attended(leader), 1);
	seat_leave(&leader);
	seat_leave(&other);
	assert_int_equal(flights_count(flights), 0);
	flights_free(&flights);
}

static void one_who_may_only_lead_is_alone(void **state)
{
	struct flights *flights = flights_new();
	struct home homes[2] = {0};
	struct seat *lone = flight_board(flights, &key_a,
	    &(struct seat_options){.wake = wake,
		.home = &homes[0],
		.arg = &homes[0],
		.only_lead = true});
	struct seat *next = board(flights, &key_a, &homes[1]);

	(void)state;
	assert_true(seat_leads(lone));
	assert_true(seat_leads(next));
	assert_int_equal(flights_count(flights), 1);
	assert_true(flight_abandon(lone));
	seat_leave(&lone);
	seat_leave(&next);
	flights_free(&flights);
}

static void attendants_read_the_log_each_at_its_own_pace(void **state)
{
	struct flights *flights = flights_new();
	struct home homes[3] = {0};
	struct seat *leader = board(flights, &key_a, &homes[0]);
	struct seat *early = board(flights, &key_a, &homes[1]);
	struct seat *late;
	struct flight_view view;
	const struct flight_piece *piece;

	(void)state;
	take_wake(&homes[0]);
	flight_begin(leader, CACHE_EVENTS, "up/small");
	take_wake(&homes[1]);
	flight_look(early, &view);
	assert_true(view.has_begun);
	assert_int_equal(view.form, CACHE_EVENTS);
	assert_string_equal(view.model, "up/small");
	assert_int_equal(view.end, FLIGHT_FLYING);
	assert_null(flight_read(early));
	assert_true(flight_add(leader, FLIGHT_EVENTS, SPAN("one")));
	assert_true(flight_add(leader, FLIGHT_USAGE, SPAN("two")));
	take_wake(&homes[1]); /* one for both */
	piece = flight_read(early);
	assert_true(span_eq(piece->bytes, SPAN("one")));
	late = board(flights, &key_a, &homes[2]);
	piece = flight_read(late);
	assert_true(span_eq(piece->bytes, SPAN("one")));
	piece = flight_read(late);
	assert_true(span_eq(piece->bytes, SPAN("two")));
	assert_int_equal(piece->kind, FLIGHT_USAGE);
	assert_null(flight_read(late));
	seat_leave(&late);
	seat_leave(&early);
	seat_leave(&leader);
	flights_free(&flights);
}

static void a_landed_flight_gives_its_entry_to_who_still_sits(void **state)
{
	struct flights *flights = flights_new();
	struct home homes[2] = {0};
	struct seat *leader = board(flights, &key_a, &homes[0]);
	struct seat *attendant = board(flights, &key_a, &homes[1]);
	struct cache_entry *entry = make_entry(SPAN("{}"));
	struct flight_view view;

	(void)state;
	take_wake(&homes[0]);
	flight_end(
	    leader, &(struct flight_result){
			.end = FLIGHT_LANDED, .entry = entry, .status = 200});
	cache_entry_unref(&entry);
	assert_int_equal(flights_count(flights), 0);
	seat_leave(&leader); /* the first end counts */
	take_wake(&homes[1]);
	flight_look(attendant, &view);
	assert_int_equal(view.end, FLIGHT_LANDED);
	assert_non_null(view.result->entry);
	seat_leave(&attendant);
	flights_free(&flights);
}

static const struct flight_result no_answer = {
    .end = FLIGHT_FAILED, .status = 503};

static void who_waits_longest_takes_over_from_a_leader_that_fails(void **state)
{
	struct flights *flights = flights_new();
	struct home homes[4] = {0};
	struct seat *leader = board(flights, &key_a, &homes[0]);
	struct seat *heir = board(flights, &key_a, &homes[1]);
	struct seat *other = board(flights, &key_a, &homes[2]);
	struct seat *late;
	struct flight_view view;

	(void)state;
	take_wake(&homes[0]);
	flight_end(leader, &no_answer);
	assert_false(seat_leads(leader));
	seat_leave(&leader);
	take_wake(&homes[1]);
	assert_true(seat_leads(heir));
	assert_int_equal(atomic_load(&homes[2].wakes), 0);
	late = board(flights, &key_a, &homes[3]);
	assert_false(seat_leads(late));
	flight_end(heir, &no_answer);
	take_wake(&homes[2]);
	take_wake(&homes[3]);
	flight_look(other, &view);
	assert_int_equal(view.end, FLIGHT_FAILED);
	assert_int_equal(view.result->status, 503);
	assert_int_equal(flights_count(flights), 0);
	seat_leave(&heir);
	seat_leave(&other);
	seat_leave(&late);
	flights_free(&flights);
}

static void leaders_that_leave_hand_over_as_often_as_need_be(void **state)
{
	struct flights *flights = flights_new();
	struct home homes[4] = {0};
	struct seat *seats[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		seats[i] = board(flights, &key_a, &homes[i]);
	take_wake(&homes[0]);
	for (int i = 0; i < 3; i++) {
		seat_leave(&seats[i]);
		take_wake(&homes[i + 1]);
		assert_true(seat_leads(seats[i + 1]));
	}
	seat_leave(&seats[3]);
	assert_int_equal(flights_count(flights), 0);
	flights_free(&flights);
}

static void nobody_takes_over_once_something_was_said(void **state)
{
	struct flights *flights = flights_new();
	struct home homes[2] = {0};
	struct seat *leader = board(flights, &key_a, &homes[0]);
	struct seat *attendant = board(flights, &key_a, &homes[1]);
	struct flight_view view;

	(void)state;
	take_wake(&homes[0]);
	flight_begin(leader, CACHE_EVENTS, "m");
	seat_leave(&leader);
	take_wake(&homes[1]);
	assert_false(seat_leads(attendant));
	flight_look(attendant, &view);
	assert_int_equal(view.end, FLIGHT_FAILED);
	seat_leave(&attendant);
	flights_free(&flights);
}

static void an_abandoned_flight_goes_on_while_somebody_attends(void **state)
{
	struct flights *flights = flights_new();
	struct home homes[2] = {0};
	struct seat *leader = board(flights, &key_a, &homes[0]);
	struct seat *attendant = board(flights, &key_a, &homes[1]);

	(void)state;
	take_wake(&homes[0]);
	assert_false(flight_abandon(leader));
	seat_leave(&attendant);
	take_wake(&homes[0]);
	assert_true(flight_abandon(leader));
	seat_leave(&leader);
	flights_free(&flights);
}

static void an_error_s_body_is_kept_for_the_attendants(void **state)
{
	struct flights *flights = flights_new();
	struct home homes[2] = {0};
	struct seat *leader = board(flights, &key_a, &homes[0]);
	struct seat *attendant = board(flights, &key_a, &homes[1]);
	char body[] = "no";
	struct flight_view view;

	(void)state;
	take_wake(&homes[0]);
	flight_end(leader, &(struct flight_result){.end = FLIGHT_REFUSED,
			       .status = 400,
			       .body = span_make(body, 2)});
	body[0] = 'X';
	take_wake(&homes[1]);
	flight_look(attendant, &view);
	assert_int_equal(view.result->status, 400);
	assert_true(span_eq(view.result->body, SPAN("no")));
	seat_leave(&attendant);
	seat_leave(&leader);
	flights_free(&flights);
}

static void a_wake_that_comes_after_the_leaving_finds_nobody(void **state)
{
	struct flights *flights = flights_new();
	struct home homes[2] = {0};
	struct seat *leader = board(flights, &key_a, &homes[0]);
	struct seat *attendant = board(flights, &key_a, &homes[1]);

	(void)state;
	take_wake(&homes[0]);
	assert_true(flight_add(leader, FLIGHT_EVENTS, SPAN("x")));
	seat_leave(&attendant);
	assert_null(seat_awake(homes[1].woken));
	seat_leave(&leader);
	flights_free(&flights);
}

static void a_log_takes_no_more_than_its_maximum(void **state)
{
	struct flights *flights = flights_new();
	struct home home = {0};
	struct seat *leader = board(flights, &key_a, &home);
	const size_t len = FLIGHT_LOG_MAX / 4;
	char *block = calloc(1, len);

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_true(
		    flight_add(leader, FLIGHT_EVENTS, span_make(block, len)));
	assert_false(flight_add(leader, FLIGHT_EVENTS, SPAN("x")));
	free(block);
	seat_leave(&leader);
	flights_free(&flights);
}

/* --- on threads
 * ----------------------------------------------------------------------- */

enum {
	THREADS = 4,
	FLIGHTS = 300,
	PIECES = 20
};

struct crowd {
	struct flights *flights;
	atomic_int led, attended, failed;
};

/* A thread's own mailbox: a wake is a count that it polls. */
static void note(struct seat *seat, void *home)
{
	(void)seat;
	atomic_fetch_add((atomic_int *)home, 1);
}

static void lead(struct crowd *crowd, struct seat *seat)
{
	struct cache_entry *entry = make_entry(SPAN("{\"whole\":true}"));

	flight_begin(seat, CACHE_EVENTS, "m");
	for (int i = 0; i < PIECES; i++)
		assert_true(flight_add(seat, FLIGHT_EVENTS, SPAN("piece ")));
	flight_end(seat,
	    &(struct flight_result){.end = FLIGHT_LANDED, .entry = entry});
	cache_entry_unref(&entry);
	atomic_fetch_add(&crowd->led, 1);
}

static void attend(struct crowd *crowd, struct seat *seat)
{
	struct flight_view view;
	int n = 0;

	do {
		flight_look(seat, &view);
		while (flight_read(seat))
			n++;
	} while (view.end == FLIGHT_FLYING);
	if (view.end == FLIGHT_LANDED && n == PIECES)
		atomic_fetch_add(&crowd->attended, 1);
	else
		atomic_fetch_add(&crowd->failed, 1);
}

static void *take_part(void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; i < FLIGHTS; i++) {
		struct sha256 key = {.bytes = {(uint8_t)(i >> 8), (uint8_t)i}};
		atomic_int wakes = 0;
		struct seat *seat = flight_board(crowd->flights, &key,
		    &(struct seat_options){
			.wake = note, .home = &wakes, .arg = crowd});
		struct seat *woken = seat;

		if (seat_leads(seat))
			lead(crowd, seat);
		else
			attend(crowd, seat);
		/* Once left, nobody wakes it; a wake from before holds it. */
		seat_leave(&seat);
		while (atomic_load(&wakes) > 0) {
			atomic_fetch_sub(&wakes, 1);
			seat_awake(woken);
		}
	}
	return NULL;
}

static void many_threads_board_read_and_land(void **state)
{
	struct crowd crowd = {.flights = flights_new()};
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, take_part, &crowd), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&crowd.failed), 0);
	assert_int_equal(atomic_load(&crowd.led) + atomic_load(&crowd.attended),
	    THREADS * FLIGHTS);
	assert_int_equal(flights_count(crowd.flights), 0);
	flights_free(&crowd.flights);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_leads_and_equal_ones_attend),
	    cmocka_unit_test(one_who_may_only_lead_is_alone),
	    cmocka_unit_test(attendants_read_the_log_each_at_its_own_pace),
	    cmocka_unit_test(a_landed_flight_gives_its_entry_to_who_still_sits),
	    cmocka_unit_test(
		who_waits_longest_takes_over_from_a_leader_that_fails),
	    cmocka_unit_test(leaders_that_leave_hand_over_as_often_as_need_be),
	    cmocka_unit_test(nobody_takes_over_once_something_was_said),
	    cmocka_unit_test(
		an_abandoned_flight_goes_on_while_somebody_attends),
	    cmocka_unit_test(an_error_s_body_is_kept_for_the_attendants),
	    cmocka_unit_test(a_wake_that_comes_after_the_leaving_finds_nobody),
	    cmocka_unit_test(a_log_takes_no_more_than_its_maximum),
	    cmocka_unit_test(many_threads_board_read_and_land),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
