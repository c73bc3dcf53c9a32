/* flight.c -- equal requests at one time make one upstream call. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/flight.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/*
 * Two locks, always in this order: the registry's, for what boards and what
 * stops boarding, and the flight's own, for its log and its seats. A piece is
 * never changed once it is linked, and lives as long as the flight, so readers
 * take the lock to follow a link and read the bytes without it.
 */
enum {
	BUCKETS = 256, /* by the key's first byte; a power of two */
	MODEL_MAX = 256
};

struct flights {
	pthread_mutex_t lock;
	struct list buckets[BUCKETS];
	size_t n;
};

struct flight {
	struct list link; /* of its bucket while it boards */
	struct flights *flights;
	struct sha256 key;
	bool boards; /* others may join; by the registry's lock */

	pthread_mutex_t lock; /* for all below */
	unsigned references;  /* seats */
	struct list seats;    /* of attendants */
	size_t attendants;
	uint32_t attended;
	struct seat *leader; /* NULL once it has left */
	bool is_alone;       /* the leader's client is gone */
	bool has_failed;     /* once, and another leads it since */
	bool has_begun;
	enum cache_form form;
	char model[MODEL_MAX];
	struct flight_piece *first, *last;
	size_t log_len;
	struct flight_result result;
};

struct seat {
	struct list link;
	struct flight *flight;
	struct seat_options options;
	atomic_bool leads;   /* written by the flight's lock */
	bool attends;        /* is in the flight's list */
	bool is_woken;       /* by the flight's lock */
	unsigned references; /* whoever sits there, and a wake under way */
	const struct flight_piece *read;
};

struct flights *flights_new(void)
{
	struct flights *flights = mem_new(struct flights);

	pthread_mutex_init(&flights->lock, NULL);
	for (size_t i = 0; i < BUCKETS; i++)
		list_init(&flights->buckets[i]);
	return flights;
}

void flights_free(struct flights **flights)
{
	struct flights *old = *flights;

	*flights = NULL;
	if (!old)
		return;
	assert(old->n == 0);
	pthread_mutex_destroy(&old->lock);
	free(old);
}

size_t flights_count(struct flights *flights)
{
	size_t n;

	pthread_mutex_lock(&flights->lock);
	n = flights->n;
	pthread_mutex_unlock(&flights->lock);
	return n;
}

/* --- life
 * -------------------------------------------------------------------------- */

static struct flight *flight_new(
    struct flights *flights, const struct sha256 *key)
{
	struct flight *flight = mem_new(struct flight);

	flight->flights = flights;
	flight->key = *key;
	list_init(&flight->link);
	list_init(&flight->seats);
	pthread_mutex_init(&flight->lock, NULL);
	return flight;
}

static void flight_free(struct flight *flight)
{
	struct flight_piece *piece = flight->first;

	while (piece) {
		struct flight_piece *next = piece->next;

		free(piece);
		piece = next;
	}
	cache_entry_unref(&flight->result.entry);
	free((char *)(uintptr_t)flight->result.body.ptr);
	pthread_mutex_destroy(&flight->lock);
	free(flight);
}

/* With the flight's lock, which is given back. */
static void drop_seat(struct seat *seat)
{
	struct flight *flight = seat->flight;
	bool is_last_of_seat = --seat->references == 0;
	bool is_last = is_last_of_seat && --flight->references == 0;

	pthread_mutex_unlock(&flight->lock);
	if (is_last_of_seat)
		free(seat);
	if (is_last)
		flight_free(flight);
}

/* --- boarding
 * ---------------------------------------------------------------------- */

static struct flight *find(struct flights *flights, const struct sha256 *key)
{
	list_for_each(link, &flights->buckets[key->bytes[0]]) {
		struct flight *flight = container_of(link, struct flight, link);

		if (!memcmp(&flight->key, key, sizeof(*key)))
			return flight;
	}
	return NULL;
}

static void stop_boarding(struct flight *flight)
{
	if (!flight->boards)
		return;
	flight->boards = false;
	list_remove(&flight->link);
	flight->flights->n--;
}

static void start_boarding(struct flights *flights, struct flight *flight)
{
	flight->boards = true;
	list_push_back(&flights->buckets[flight->key.bytes[0]], &flight->link);
	flights->n++;
}

/* With the flight's lock. */
static void wake(struct seat *seat)
{
	if (seat->is_woken || !seat->options.arg)
		return;
	seat->is_woken = true;
	seat->references++;
	seat->options.wake(seat, seat->options.home);
}

struct seat *flight_board(struct flights *flights, const struct sha256 *key,
    const struct seat_options *options)
{
	struct seat *seat = mem_new(struct seat);
	struct flight *flight = NULL;

	list_init(&seat->link);
	seat->options = *options;
	seat->references = 1;
	pthread_mutex_lock(&flights->lock);
	if (!options->only_lead)
		flight = find(flights, key);
	atomic_init(&seat->leads, !flight);
	if (!flight) {
		flight = flight_new(flights, key);
		if (!options->only_lead)
			start_boarding(flights, flight);
	}
	seat->flight = flight;
	pthread_mutex_lock(&flight->lock);
	flight->references++;
	if (seat->leads) {
		flight->leader = seat;
	} else {
		seat->attends = true;
		list_push_back(&flight->seats, &seat->link);
		flight->attendants++;
		flight->attended++;
		if (flight->attendants == 1 && flight->leader)
			wake(flight->leader);
	}
	pthread_mutex_unlock(&flight->lock);
	pthread_mutex_unlock(&flights->lock);
	return seat;
}

bool seat_leads(const struct seat *seat)
{
	return atomic_load_explicit(&seat->leads, memory_order_acquire);
}

static void wake_all(struct flight *flight)
{
	list_for_each(link, &flight->seats)
		wake(container_of(link, struct seat, link));
}

void *seat_awake(struct seat *seat)
{
	void *arg;

	pthread_mutex_lock(&seat->flight->lock);
	seat->is_woken = false;
	arg = seat->options.arg;
	drop_seat(seat);
	return arg;
}

static void stand_up(struct flight *flight, struct seat *seat)
{
	seat->attends = false;
	list_remove(&seat->link);
	list_init(&seat->link);
	flight->attendants--;
}

/*
 * A flight that failed before anything was said goes on under the attendant
 * who has waited longest; once for a failure, and as often as leaders leave
 * without having tried. With both locks.
 */
static bool hand_over(struct flight *flight, const struct flight_result *result)
{
	struct seat *heir;

	if (result->end != FLIGHT_FAILED || flight->has_begun ||
	    flight->attendants == 0 ||
	    (flight->has_failed && result->status != 0))
		return false;
	heir = container_of(flight->seats.next, struct seat, link);
	stand_up(flight, heir);
	atomic_store(&flight->leader->leads, false);
	atomic_store(&heir->leads, true);
	flight->leader = heir;
	flight->is_alone = false;
	flight->has_failed |= result->status != 0;
	wake(heir);
	return true;
}

/* With both locks. The first end counts. */
static void end(struct flight *flight, const struct flight_result *result)
{
	struct flight_result *own = &flight->result;

	if (own->end != FLIGHT_FLYING || hand_over(flight, result))
		return;
	stop_boarding(flight);
	*own = *result;
	if (own->entry)
		cache_entry_ref(own->entry);
	if (own->body.len > 0)
		own->body = span_make(span_dup(result->body), result->body.len);
	else
		own->body = span_make(NULL, 0);
	wake_all(flight);
}

void seat_leave(struct seat **seat)
{
	static const struct flight_result failed = {.end = FLIGHT_FAILED};
	struct seat *old = *seat;
	struct flight *flight;
	struct flights *flights;

	*seat = NULL;
	if (!old)
		return;
	flight = old->flight;
	flights = flight->flights;
	pthread_mutex_lock(&flights->lock);
	pthread_mutex_lock(&flight->lock);
	old->options.arg = NULL;
	if (flight->leader == old)
		end(flight, &failed);
	if (flight->leader == old)
		flight->leader = NULL;
	if (old->attends) {
		stand_up(flight, old);
		if (flight->attendants == 0 && flight->is_alone &&
		    flight->leader)
			wake(flight->leader);
	}
	pthread_mutex_unlock(&flights->lock);
	drop_seat(old);
}

size_t flight_attendants(struct seat *seat)
{
	size_t n;

	pthread_mutex_lock(&seat->flight->lock);
	n = seat->flight->attendants;
	pthread_mutex_unlock(&seat->flight->lock);
	return n;
}

uint32_t flight_attended(struct seat *seat)
{
	uint32_t n;

	pthread_mutex_lock(&seat->flight->lock);
	n = seat->flight->attended;
	pthread_mutex_unlock(&seat->flight->lock);
	return n;
}

/* --- the leader's part
 * -------------------------------------------------------------- */

void flight_begin(struct seat *leader, enum cache_form form, const char *model)
{
	struct flight *flight = leader->flight;
	struct span name = span_head(span_of(model), MODEL_MAX - 1);

	pthread_mutex_lock(&flight->lock);
	flight->has_begun = true;
	flight->form = form;
	memcpy(flight->model, name.ptr, name.len);
	flight->model[name.len] = '\0';
	wake_all(flight);
	pthread_mutex_unlock(&flight->lock);
}

static struct flight_piece *piece_new(
    enum flight_piece_kind kind, struct span bytes)
{
	struct flight_piece *piece = mem_alloc(sizeof(*piece) + bytes.len);

	memcpy(piece + 1, bytes.ptr, bytes.len);
	*piece = (struct flight_piece){
	    .kind = kind,
	    .bytes = span_make((const char *)(piece + 1), bytes.len),
	};
	return piece;
}

bool flight_add(
    struct seat *leader, enum flight_piece_kind kind, struct span bytes)
{
	struct flight *flight = leader->flight;
	struct flight_piece *piece;
	bool fits;

	/* Only the leader's thread changes the length. */
	fits = flight->log_len <= FLIGHT_LOG_MAX &&
	       bytes.len <= FLIGHT_LOG_MAX - flight->log_len;
	if (!fits)
		return false;
	piece = piece_new(kind, bytes);
	pthread_mutex_lock(&flight->lock);
	if (flight->last)
		flight->last->next = piece;
	else
		flight->first = piece;
	flight->last = piece;
	flight->log_len += bytes.len;
	wake_all(flight);
	pthread_mutex_unlock(&flight->lock);
	return true;
}

const struct flight_piece *flight_log(const struct seat *leader)
{
	return leader->flight->first;
}

void flight_end(struct seat *leader, const struct flight_result *result)
{
	struct flight *flight = leader->flight;

	pthread_mutex_lock(&flight->flights->lock);
	pthread_mutex_lock(&flight->lock);
	end(flight, result);
	pthread_mutex_unlock(&flight->lock);
	pthread_mutex_unlock(&flight->flights->lock);
}

bool flight_abandon(struct seat *leader)
{
	static const struct flight_result failed = {.end = FLIGHT_FAILED};
	struct flight *flight = leader->flight;
	bool is_over;

	pthread_mutex_lock(&flight->flights->lock);
	pthread_mutex_lock(&flight->lock);
	is_over = flight->attendants == 0;
	if (is_over)
		end(flight, &failed);
	else
		flight->is_alone = true;
	pthread_mutex_unlock(&flight->lock);
	pthread_mutex_unlock(&flight->flights->lock);
	return is_over;
}

/* --- the attendants' part
 * ------------------------------------------------------------- */

void flight_look(struct seat *seat, struct flight_view *view)
{
	struct flight *flight = seat->flight;

	pthread_mutex_lock(&flight->lock);
	*view = (struct flight_view){
	    .end = flight->result.end,
	    .has_begun = flight->has_begun,
	    .form = flight->form,
	    .model = flight->model,
	    .result = &flight->result,
	};
	pthread_mutex_unlock(&flight->lock);
}

const struct flight_piece *flight_read(struct seat *seat)
{
	struct flight *flight = seat->flight;
	const struct flight_piece *next;

	pthread_mutex_lock(&flight->lock);
	next = seat->read ? seat->read->next : flight->first;
	pthread_mutex_unlock(&flight->lock);
	if (next)
		seat->read = next;
	return next;
}
