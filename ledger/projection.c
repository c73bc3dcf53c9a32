/* projection.c -- the thread that projects the log, and its beginning anew. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/projection.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "ledger/projector.h"
#include "ledger/tail.h"

/* Between passes; after one with many records longer: fewer cells are met. */
#define PASS_NS (250 * NS_PER_MS)
#define BUSY_PASS_NS NS_PER_S
#define BUSY_RECORDS 1000
#define CLOSE_NS (2 * NS_PER_S)
#define BACKOFF_MIN_NS NS_PER_S
#define BACKOFF_MAX_NS (60 * NS_PER_S)
#define DOUBT_NS (60 * NS_PER_S)
#define NICENESS 10

/* What a transaction takes at most: memory, and how long it may be. */
#define CELLS_MAX 8192
#define RECORDS_MAX 65536

/*
 * All but what is atomic or under the mutex is the thread's; before it runs
 * and after, its opener's.
 */
struct projection {
	char *ledger;
	char *path;
	struct metric *lag;
	struct metric *rows;
	struct metric *fails;
	int64_t (*utc_ns)(void);

	struct store *store; /* all three or none */
	struct projector *projector;
	struct tail *tail;
	bool has_complained;
	int64_t backoff_ns;
	int64_t pause_ns;             /* until the next pass */
	_Atomic int64_t caught_up_ns; /* monotonic */
	atomic_bool is_doubted;
	int64_t examined_ns; /* monotonic; 0: not yet */

	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool is_stopping; /* under mutex */
};

/* --- one file, one ledger ----------------------------------------------------
 */

static void take_cursor(const struct store_cursor *cursor, void *arg)
{
	tail_set_cursor(arg, cursor);
}

static void shut(struct projection *projection)
{
	tail_free(&projection->tail);
	projector_free(&projection->projector);
	store_close(&projection->store);
}

static enum result open_parts(
    struct projection *projection, bool *is_spoilt, struct error *err)
{
	projection->store = store_open(projection->path, is_spoilt, err);
	if (!projection->store)
		return FAILED;
	projection->projector = projector_new(projection->store, err);
	projection->tail = tail_new(projection->ledger);
	if (projection->projector &&
	    store_each_cursor(
		projection->store, take_cursor, projection->tail, err) == OK)
		return OK;
	*is_spoilt = store_is_spoilt(projection->store);
	shut(projection);
	return FAILED;
}

static void begin_anew(struct projection *projection, const char *why)
{
	log_warn("projection", "rebuilding", "path=%s why=\"%s\"",
	    projection->path, why);
	shut(projection);
	store_remove(projection->path);
}

static enum result ensure_open(struct projection *projection, struct error *err)
{
	bool is_spoilt;

	if (projection->store)
		return OK;
	if (open_parts(projection, &is_spoilt, err) == OK)
		return OK;
	if (!is_spoilt)
		return FAILED;
	begin_anew(projection, err->text);
	return open_parts(projection, &is_spoilt, err);
}

/* --- passes ------------------------------------------------------------------
 */

static enum result take_reserve(void *arg, const struct ledger_reserve *reserve,
    const struct place *place, struct error *err)
{
	return projector_reserve(arg, reserve, place, err);
}

static enum result take_settle(
    void *arg, const struct ledger_settle *settle, struct error *err)
{
	return projector_settle(arg, settle, err);
}

static bool is_over(const struct place *place, void *arg)
{
	return tail_is_over(arg, place);
}

/* Reads as much as a transaction takes; AGAIN when that was all. */
static enum result read_some(struct projection *projection, struct error *err)
{
	struct projector *projector = projection->projector;
	const struct tail_sink sink = {take_reserve, take_settle, projector};
	int64_t from = projector_records(projector);
	enum result result = OK;

	while (result == OK && projector_cells(projector) < CELLS_MAX &&
	       projector_records(projector) - from < RECORDS_MAX)
		result = tail_read(projection->tail, &sink, err);
	if (result != AGAIN || !tail_has_deaths(projection->tail))
		return result;
	if (projector_lose(projector, is_over, projection->tail, err) != OK)
		return FAILED;
	tail_forget_deaths(projection->tail);
	return AGAIN;
}

/* One transaction. AGAIN: all that the last refresh saw is projected. */
static enum result step(struct projection *projection, struct error *err)
{
	struct store *store = projection->store;
	int64_t rows = projector_rows(projection->projector);
	enum result result;

	if (store_begin(store, err) != OK)
		return FAILED;
	result = read_some(projection, err);
	if (result == FAILED ||
	    projector_flush(projection->projector, projection->utc_ns(), err) !=
		OK ||
	    tail_save(projection->tail, store, err) != OK ||
	    store_commit(store, err) != OK ||
	    store_checkpoint(store, err) != OK)
		return FAILED;
	rows = projector_rows(projection->projector) - rows;
	if (projection->rows)
		metric_add(projection->rows, rows);
	return result;
}

/* Whether a transaction would change anything. */
static enum result look(struct projection *projection, struct error *err)
{
	if (ensure_open(projection, err) != OK ||
	    tail_refresh(projection->tail, err) != OK)
		return FAILED;
	if (tail_has_deaths(projection->tail))
		return OK;
	return tail_has_more(projection->tail, err);
}

static bool is_told_to_stop(struct projection *projection)
{
	bool is_stopping;

	pthread_mutex_lock(&projection->mutex);
	is_stopping = projection->is_stopping;
	pthread_mutex_unlock(&projection->mutex);
	return is_stopping;
}

/* Projects all there is. AGAIN: it is done. OK: told to stop before that. */
static enum result pass(struct projection *projection, struct error *err)
{
	enum result result = look(projection, err);

	while (result == OK) {
		result = step(projection, err);
		if (result == OK && is_told_to_stop(projection))
			return OK;
	}
	return result;
}

static bool must_begin_anew(const struct projection *projection)
{
	return (projection->tail && tail_is_misfit(projection->tail)) ||
	       (projection->store && store_is_spoilt(projection->store));
}

/* What went wrong stops here; it is tried again after a while. */
static void complain(struct projection *projection, const struct error *err)
{
	if (projection->fails)
		metric_add(projection->fails, 1);
	if (!projection->has_complained)
		log_error("projection", "failed",
		    "error=\"%s\" text=\"pages show what was there before; "
		    "it is tried again\"",
		    err->text);
	projection->has_complained = true;
	shut(projection);
	projection->backoff_ns = projection->backoff_ns == 0
				     ? BACKOFF_MIN_NS
				     : projection->backoff_ns * 2;
	if (projection->backoff_ns > BACKOFF_MAX_NS)
		projection->backoff_ns = BACKOFF_MAX_NS;
}

static void note_caught_up(struct projection *projection, int64_t since)
{
	atomic_store(&projection->caught_up_ns, since);
	projection->backoff_ns = 0;
	if (projection->has_complained)
		log_info(
		    "projection", "recovered", "path=%s", projection->path);
	projection->has_complained = false;
}

static enum result examine(struct projection *projection, struct error *err)
{
	int64_t now = clock_mono_ns();

	if (!atomic_load(&projection->is_doubted) || !projection->store ||
	    (projection->examined_ns != 0 &&
		now - projection->examined_ns < DOUBT_NS))
		return OK;
	projection->examined_ns = now;
	atomic_store(&projection->is_doubted, false);
	return store_examine(projection->store, err);
}

static int64_t records_of(const struct projection *projection)
{
	return projection->projector ? projector_records(projection->projector)
				     : 0;
}

static void turn(struct projection *projection)
{
	int64_t began = clock_mono_ns();
	int64_t records = records_of(projection);
	struct error err = {{0}};
	enum result result = examine(projection, &err);

	if (result == OK)
		result = pass(projection, &err);
	if (result == FAILED && must_begin_anew(projection)) {
		begin_anew(projection, err.text);
		result = pass(projection, &err);
	}
	if (result == FAILED)
		complain(projection, &err);
	if (result == AGAIN)
		note_caught_up(projection, began);
	records = records_of(projection) - records;
	projection->pause_ns = records > BUSY_RECORDS ? BUSY_PASS_NS : PASS_NS;
	if (projection->backoff_ns > 0)
		projection->pause_ns = projection->backoff_ns;
	if (projection->lag)
		metric_set(
		    projection->lag, projection_lag(projection) / NS_PER_S);
}

/* --- the thread --------------------------------------------------------------
 */

/* False when it is time to stop. */
static bool wait_for_turn(struct projection *projection)
{
	int64_t until =
	    clock_mono_ns() +
	    (projection->backoff_ns ? projection->backoff_ns : PASS_NS);
	const struct timespec deadline = {
	    .tv_sec = until / NS_PER_S,
	    .tv_nsec = until % NS_PER_S,
	};
	bool is_stopping;
	int error = 0;

	pthread_mutex_lock(&projection->mutex);
	while (!projection->is_stopping && error != ETIMEDOUT)
		error = pthread_cond_timedwait(
		    &projection->wake, &projection->mutex, &deadline);
	is_stopping = projection->is_stopping;
	pthread_mutex_unlock(&projection->mutex);
	return !is_stopping;
}

static void *run_thread(void *arg)
{
	struct projection *projection = arg;

	pthread_setname_np(pthread_self(), "projection");
	/* On Linux this is the calling thread's alone. */
	setpriority(PRIO_PROCESS, 0, NICENESS);
	do
		turn(projection);
	while (wait_for_turn(projection));
	return NULL;
}

static struct projection *new_projection(
    const struct projection_options *options)
{
	struct projection *projection = mem_new(struct projection);
	pthread_condattr_t attributes;

	projection->ledger = mem_strdup(options->ledger);
	projection->path = mem_strdup(options->path);
	projection->lag = options->lag;
	projection->rows = options->rows;
	projection->fails = options->fails;
	projection->utc_ns = options->utc_ns ? options->utc_ns : clock_utc_ns;
	atomic_store(&projection->caught_up_ns, clock_mono_ns());
	pthread_mutex_init(&projection->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&projection->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	return projection;
}

static void free_projection(struct projection *projection)
{
	shut(projection);
	pthread_cond_destroy(&projection->wake);
	pthread_mutex_destroy(&projection->mutex);
	free(projection->ledger);
	free(projection->path);
	free(projection);
}

struct projection *projection_open(
    const struct projection_options *options, struct error *err)
{
	struct projection *projection = new_projection(options);
	struct error why = {{0}};
	int error;

	/* Here already, so that the first page finds a file. */
	if (ensure_open(projection, &why) != OK)
		complain(projection, &why);
	error =
	    pthread_create(&projection->thread, NULL, run_thread, projection);
	if (!error)
		return projection;
	error_set(
	    err, "projection: cannot start its thread: %s", strerror(error));
	free_projection(projection);
	return NULL;
}

/* The last passes, for as long as closing may take. */
static void finish(struct projection *projection)
{
	int64_t until = clock_mono_ns() + CLOSE_NS;
	struct error err = {{0}};
	enum result result = look(projection, &err);

	while (result == OK && clock_mono_ns() < until) {
		result = step(projection, &err);
		if (result == AGAIN)
			result = look(projection, &err);
	}
	if (result == FAILED)
		log_warn("projection", "not_finished",
		    "error=\"%s\" text=\"the next start goes on\"", err.text);
}

void projection_close(struct projection **projection)
{
	struct projection *old = *projection;

	if (!old)
		return;
	*projection = NULL;
	pthread_mutex_lock(&old->mutex);
	old->is_stopping = true;
	pthread_cond_signal(&old->wake);
	pthread_mutex_unlock(&old->mutex);
	pthread_join(old->thread, NULL);
	if (old->store)
		finish(old);
	free_projection(old);
}

void projection_doubt(struct projection *projection)
{
	atomic_store(&projection->is_doubted, true);
}

int64_t projection_lag(struct projection *projection)
{
	int64_t lag = clock_mono_ns() - atomic_load(&projection->caught_up_ns);

	return lag > 0 ? lag : 0;
}

/* --- made anew ---------------------------------------------------------------
 */

static enum result make_all(struct projection *projection,
    projection_progress_fn *tell, void *arg, struct error *err)
{
	enum result result = look(projection, err);

	while (result == OK) {
		uint64_t done, all;

		result = step(projection, err);
		if (result == AGAIN)
			result = look(projection, err);
		tail_progress(projection->tail, &done, &all);
		if (tell)
			tell(done, all, arg);
	}
	return result == AGAIN ? OK : FAILED;
}

enum result projection_rebuild(const struct projection_options *options,
    projection_progress_fn *tell, void *arg, int64_t *records,
    struct error *err)
{
	struct projection *projection;
	uint8_t run[FORMAT_RUN_LEN];
	enum result result;
	int lock;

	if (getrandom(run, sizeof(run), 0) != (ssize_t)sizeof(run)) {
		error_set(err,
		    "projection: the kernel gives no random bytes: %s",
		    strerror(errno));
		return FAILED;
	}
	lock = lock_take(options->ledger, run, err);
	if (lock < 0)
		return FAILED;
	store_remove(options->path);
	projection = new_projection(options);
	result = make_all(projection, tell, arg, err);
	if (result == OK)
		*records = projector_records(projection->projector);
	free_projection(projection);
	close(lock);
	return result;
}
