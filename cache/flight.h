/* flight.h -- equal requests at one time make one upstream call. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CACHE_FLIGHT_H
#define CACHE_FLIGHT_H

#include "cache/entry.h"

/*
 * The first request of a key leads a flight: it asks the upstream and writes
 * what comes into the flight's log. Equal requests that arrive before it has
 * landed attend: they read the log, each at its own pace and on its own
 * thread. A flight ends once: landed (the answer is whole, as an entry),
 * failed (nobody has a whole answer), refused (the answer is an error), or
 * scattered (the answer is not one to share: each asks for itself). One that
 * fails before anything was said does not end there: the attendant who has
 * waited longest leads it from then on, and only a second failure is its end.
 *
 * Who takes part holds a seat. A seat belongs to one thread; the flight's lock
 * is held for pointers only. A seat is told of news by its wake function, from
 * the leader's thread: it may only post a message to the seat's own thread,
 * which then calls seat_awake.
 */
struct flights;
struct seat;

struct flights *flights_new(void);
void flights_free(struct flights **flights); /* no seat may be left */

/* Flights under way. */
size_t flights_count(struct flights *flights);

typedef void seat_wake_fn(struct seat *seat, void *home);

struct seat_options {
	seat_wake_fn *wake; /* not called again before seat_awake */
	void *home;         /* its thread's loop */
	void *arg;          /* who sits there */
	bool only_lead;     /* a flight of one's own, which none can attend */
};

/*
 * Takes a seat in the flight of <key>: leading when there was none. The leader
 * is woken by the first who attends: what its own client holds up must now go
 * on.
 */
struct seat *flight_board(struct flights *flights, const struct sha256 *key,
    const struct seat_options *options);

/*
 * Gives the seat up. Of a leader whose flight has not ended it fails the
 * flight. The last attendant who leaves a flight whose leader is alone wakes
 * the leader.
 */
void seat_leave(struct seat **seat);

/* On the seat's own thread, for each wake; who sits there, NULL once left. */
void *seat_awake(struct seat *seat);

/* May become true for an attendant, which is woken then. */
bool seat_leads(const struct seat *seat);

/* Attendants in the flight; how many there ever were. */
size_t flight_attendants(struct seat *seat);
uint32_t flight_attended(struct seat *seat);

/* --- the leader's part
 * -------------------------------------------------------------- */

/* Which events of a stream a piece holds. */
enum flight_piece_kind {
	FLIGHT_EVENTS,  /* for everybody */
	FLIGHT_COMMENT, /* before content: headers' worth, for everybody */
	FLIGHT_USAGE,   /* the usage-only event: for who asked */
};

struct flight_piece {
	struct flight_piece *next;
	enum flight_piece_kind kind;
	struct span bytes;
};

/* The answer has begun to come: of which form and from which model. */
void flight_begin(struct seat *leader, enum cache_form form, const char *model);

/*
 * Appends to the log and wakes the attendants. False past FLIGHT_LOG_MAX: the
 * log takes no more and nobody else may board.
 */
bool flight_add(
    struct seat *leader, enum flight_piece_kind kind, struct span bytes);

#define FLIGHT_LOG_MAX ((size_t)16 << 20)

/* The log from its first piece on; only the leader's thread adds to it. */
const struct flight_piece *flight_log(const struct seat *leader);

enum flight_end {
	FLIGHT_FLYING,
	FLIGHT_LANDED,    /* flight_entry has the answer */
	FLIGHT_FAILED,    /* no answer */
	FLIGHT_REFUSED,   /* the upstream's answer is an error, for everybody */
	FLIGHT_SCATTERED, /* each for itself */
};

/* What the end leaves to the attendants. */
struct flight_result {
	enum flight_end end;
	struct cache_entry *entry; /* landed: a reference is taken */
	bool is_estimated;         /* its usage was counted, not said */
	int status;                /* failed, refused: the leader's answer */
	struct span body;          /* copied */
};
void flight_end(struct seat *leader, const struct flight_result *result);

/*
 * The leader's client is gone. True: nobody attends, the flight has failed,
 * stop. False: it goes on for the others, and the leader is woken when the
 * last of them has left.
 */
bool flight_abandon(struct seat *leader);

/* --- the attendants' part
 * ------------------------------------------------------------- */

struct flight_view {
	enum flight_end end;
	bool has_begun;
	enum cache_form form;
	const char *model; /* configured name, valid as long as the seat */
	const struct flight_result *result; /* once it has ended */
};
void flight_look(struct seat *seat, struct flight_view *view);

/* The next piece that this seat has not read, or NULL. */
const struct flight_piece *flight_read(struct seat *seat);

#endif
