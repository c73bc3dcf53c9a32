/* projector.c -- turns the log's records into what the projection keeps. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/projector.h"

#include <stdlib.h>

#include "ledger/idmap.h"
#include "ledger/names.h"

/* Attempts are pruned when they are this part more than are kept. */
#define PRUNE_PART 100

/* How often cells that are past their time are looked for. */
#define PRUNE_EVERY_S 3600

/* An attempt that is reserved and has not ended. */
struct pending {
	struct store_attempt attempt;
	bool is_stored; /* it stands in the file's table, too */
	bool is_free;   /* of the array: no attempt */
};

struct projector {
	struct store *store;
	struct store_state state;
	int64_t attempts_max;
	int64_t pruned_s; /* when cells were last looked through */

	struct names names; /* with their numbers as id */
	uint32_t n_names;

	struct idmap index;      /* attempt to its place in <pending> */
	struct pending *pending; /* (n_pending) */
	size_t n_pending, cap_pending;
	size_t *free_places; /* (n_free), as long as <pending> */
	size_t n_free;

	struct rollup_map minutes; /* of all dimensions, since the last flush */
	struct rollup_map levels[ROLLUP_LEVELS];
	struct rollup_map coarse;
};

/* --- names -------------------------------------------------------------------
 */

static void take_name(uint32_t id, struct span text, void *arg)
{
	struct projector *projector = arg;

	names_intern(&projector->names, text)->id = id;
	if (id > projector->n_names)
		projector->n_names = id;
}

static enum result number_of(struct projector *projector, const char *text,
    uint32_t *id, struct error *err)
{
	struct name *name;

	*id = 0;
	if (!text || !*text)
		return OK;
	name = names_intern(&projector->names, span_of(text));
	if (name->id == 0) {
		name->id = ++projector->n_names;
		if (store_put_name(projector->store, name->id,
			span_make(name->text, name->len), err) != OK)
			return FAILED;
	}
	*id = name->id;
	return OK;
}

/* --- pending attempts --------------------------------------------------------
 */

static struct pending *add_pending(
    struct projector *projector, const struct ledger_id *attempt)
{
	uint64_t *place = idmap_put(&projector->index, attempt);

	/* An attempt is reserved once; of two the later one counts. */
	if (*place != IDMAP_NONE)
		return &projector->pending[*place];
	if (projector->n_free > 0) {
		*place = projector->free_places[--projector->n_free];
		return &projector->pending[*place];
	}
	if (projector->n_pending == projector->cap_pending) {
		size_t cap = projector->cap_pending;

		cap = cap ? cap * 2 : 64;
		projector->pending = mem_realloc(
		    projector->pending, cap * sizeof(*projector->pending));
		projector->free_places = mem_realloc(projector->free_places,
		    cap * sizeof(*projector->free_places));
		projector->cap_pending = cap;
	}
	*place = projector->n_pending++;
	projector->pending[*place] = (struct pending){.is_free = true};
	return &projector->pending[*place];
}

static enum result drop_pending(
    struct projector *projector, size_t place, struct error *err)
{
	struct pending *pending = &projector->pending[place];
	struct ledger_id attempt = pending->attempt.reserve.attempt;
	bool is_stored = pending->is_stored;

	*pending = (struct pending){.is_free = true};
	projector->free_places[projector->n_free++] = place;
	return is_stored ? store_drop_pending(projector->store, &attempt, err)
			 : OK;
}

static void take_pending(const struct store_attempt *attempt, void *arg)
{
	struct projector *projector = arg;

	*add_pending(projector, &attempt->reserve.attempt) =
	    (struct pending){.attempt = *attempt, .is_stored = true};
}

/* --- life --------------------------------------------------------------------
 */

struct projector *projector_new(struct store *store, struct error *err)
{
	struct projector *projector = mem_new(struct projector);

	projector->store = store;
	projector->attempts_max = PROJECTOR_ATTEMPTS;
	if (store_load_state(store, &projector->state, err) == OK &&
	    store_each_name(store, take_name, projector, err) == OK &&
	    store_each_pending(store, take_pending, projector, err) == OK)
		return projector;
	projector_free(&projector);
	return NULL;
}

void projector_free(struct projector **projector)
{
	struct projector *old = *projector;

	if (!old)
		return;
	*projector = NULL;
	names_clear(&old->names);
	idmap_free(&old->index);
	free(old->pending);
	free(old->free_places);
	rollup_map_free(&old->minutes);
	for (size_t i = 0; i < ROLLUP_LEVELS; i++)
		rollup_map_free(&old->levels[i]);
	rollup_map_free(&old->coarse);
	free(old);
}

size_t projector_cells(const struct projector *projector)
{
	return projector->minutes.n;
}

int64_t projector_records(const struct projector *projector)
{
	return projector->state.records;
}

int64_t projector_rows(const struct projector *projector)
{
	return projector->state.rows;
}

/* --- counting ----------------------------------------------------------------
 */

static int64_t floor_seconds(int64_t utc_ns)
{
	return utc_ns / NS_PER_S - (utc_ns % NS_PER_S < 0);
}

static struct rollup *cell_of(
    struct projector *projector, const struct store_attempt *attempt)
{
	struct rollup_key key = {
	    .bucket = rollup_bucket(floor_seconds(attempt->reserve.utc_ns),
		rollup_seconds(ROLLUP_MINUTE)),
	};

	memcpy(key.names, attempt->names, sizeof(key.names));
	return rollup_map_get(&projector->minutes, &key);
}

/* What belongs to the row, whatever becomes of its request. */
static void count_row(
    struct rollup *rollup, const struct store_attempt *attempt)
{
	const struct ledger_settle *settle = &attempt->settle;
	bool is_hit = attempt->reserve.kind == LEDGER_CACHE_HIT;

	rollup_add(rollup, ROLLUP_ROWS, 1);
	rollup_add(rollup, ROLLUP_CACHE_HITS, is_hit);
	rollup_add(rollup, ROLLUP_UNKNOWN, attempt->state == LEDGER_UNKNOWN);
	if (attempt->state != LEDGER_SETTLED)
		return;
	rollup_add(rollup, ROLLUP_ESTIMATED, settle->is_estimated);
	rollup_add(rollup, ROLLUP_UNPRICED,
	    settle->cost_nano == MONEY_UNPRICED ||
		settle->baseline_nano == MONEY_UNPRICED ||
		settle->saved_nano == MONEY_UNPRICED);
	rollup_add(
	    rollup, ROLLUP_ESCALATED, settle->outcome == LEDGER_ESCALATED);
	rollup_add(rollup, ROLLUP_INPUT, settle->input_tokens);
	rollup_add(rollup, ROLLUP_CACHED, settle->cached_tokens);
	rollup_add(rollup, ROLLUP_OUTPUT, settle->output_tokens);
	rollup_add(rollup, ROLLUP_COST, settle->cost_nano);
	rollup_add(rollup, ROLLUP_BASELINE, settle->baseline_nano);
	rollup_add(rollup, ROLLUP_SAVED, settle->saved_nano);
	if (is_hit)
		rollup_add(rollup, ROLLUP_SAVED_BY_CACHE, settle->saved_nano);
}

static enum rollup_sum outcome_of(const struct store_attempt *attempt)
{
	static const enum rollup_sum outcomes[] = {
	    [LEDGER_COMPLETED] = ROLLUP_COMPLETED,
	    [LEDGER_CLIENT_GONE] = ROLLUP_CLIENT_GONE,
	    [LEDGER_UPSTREAM_DIED] = ROLLUP_UPSTREAM_DIED,
	    [LEDGER_TIMED_OUT] = ROLLUP_TIMED_OUT,
	    [LEDGER_REFUSED] = ROLLUP_REFUSED,
	    /* Nobody answered after it. */
	    [LEDGER_ESCALATED] = ROLLUP_UPSTREAM_DIED,
	};

	return attempt->state == LEDGER_SETTLED
		   ? outcomes[attempt->settle.outcome]
		   : ROLLUP_LOST;
}

/* What belongs to the request; <times> is 1, or -1 to take it back. */
static void count_request(struct projector *projector,
    const struct store_attempt *attempt, int32_t times)
{
	static const enum rollup_sum sources[] = {
	    /* Hits of a version that did not say: memory was all it had. */
	    [LEDGER_SOURCE_NONE] = ROLLUP_MEMORY,
	    [LEDGER_SOURCE_MEMORY] = ROLLUP_MEMORY,
	    [LEDGER_SOURCE_NEAR] = ROLLUP_NEAR,
	    [LEDGER_SOURCE_REDIS] = ROLLUP_REDIS,
	    [LEDGER_SOURCE_COALESCED] = ROLLUP_COALESCED,
	};
	struct rollup *rollup = cell_of(projector, attempt);

	rollup_add(rollup, ROLLUP_REQUESTS, times);
	rollup_add(rollup, outcome_of(attempt), times);
	if (attempt->reserve.kind == LEDGER_CACHE_HIT)
		rollup_add(rollup, sources[attempt->reserve.source], times);
	histogram_add(
	    &rollup->first_token, attempt->settle.first_token_ns, times);
	histogram_add(&rollup->duration, attempt->settle.duration_ns, times);
}

/* Whether <a> was reserved after <b>, in the order of ledger_read. */
static bool is_later(
    const struct store_attempt *a, const struct store_attempt *b)
{
	if (a->reserve.utc_ns != b->reserve.utc_ns)
		return a->reserve.utc_ns > b->reserve.utc_ns;
	if (a->place.writer != b->place.writer)
		return a->place.writer > b->place.writer;
	if (a->place.sequence != b->place.sequence)
		return a->place.sequence > b->place.sequence;
	return a->place.slot > b->place.slot;
}

/*
 * Moves the request's count to the attempt, when it is the one to have it. The
 * first attempt of a request has number 1, and the next one is not reserved
 * before it has ended: of most requests nothing need be looked up.
 */
static enum result take_count(struct projector *projector,
    struct store_attempt *attempt, struct error *err)
{
	struct store_attempt before;
	enum result result = AGAIN;

	if (attempt->reserve.attempt_number > 1)
		result = store_find_counted(
		    projector->store, &attempt->reserve.request, &before, err);
	if (result == FAILED)
		return FAILED;
	attempt->is_counted = result == AGAIN || is_later(attempt, &before);
	if (!attempt->is_counted)
		return OK;
	count_request(projector, attempt, 1);
	if (result == AGAIN)
		return OK;
	count_request(projector, &before, -1);
	return store_uncount(projector->store, &before, err);
}

static enum result end_attempt(struct projector *projector,
    struct store_attempt *attempt, struct error *err)
{
	count_row(cell_of(projector, attempt), attempt);
	if (take_count(projector, attempt, err) != OK)
		return FAILED;
	projector->state.attempts++;
	projector->state.rows++;
	return store_put_attempt(projector->store, attempt, err);
}

/* --- records -----------------------------------------------------------------
 */

static void note_record(struct projector *projector, int64_t utc_ns)
{
	projector->state.records++;
	if (utc_ns > projector->state.as_of_ns)
		projector->state.as_of_ns = utc_ns;
}

enum result projector_reserve(struct projector *projector,
    const struct ledger_reserve *reserve, const struct place *place,
    struct error *err)
{
	const char *const texts[ROLLUP_DIMS] = {
	    [ROLLUP_KEY] = reserve->key,
	    [ROLLUP_MODEL] = reserve->model,
	    [ROLLUP_RULE] = reserve->rule,
	    [ROLLUP_TASK] = reserve->task,
	};
	struct store_attempt attempt = {.reserve = *reserve, .place = *place};
	struct pending *pending;

	for (size_t i = 0; i < ROLLUP_DIMS; i++)
		if (number_of(projector, texts[i], &attempt.names[i], err) !=
		    OK)
			return FAILED;
	/* Borrowed texts do not outlive the call. */
	attempt.reserve.key = NULL;
	attempt.reserve.model = NULL;
	attempt.reserve.rule = NULL;
	attempt.reserve.task = NULL;
	pending = add_pending(projector, &reserve->attempt);
	pending->attempt = attempt;
	pending->is_free = false;
	note_record(projector, reserve->utc_ns);
	return OK;
}

enum result projector_settle(struct projector *projector,
    const struct ledger_settle *settle, struct error *err)
{
	uint64_t place = idmap_take(&projector->index, &settle->attempt);
	struct store_attempt attempt;

	note_record(projector, settle->utc_ns);
	if (place == IDMAP_NONE)
		return OK;
	attempt = projector->pending[place].attempt;
	attempt.state = LEDGER_SETTLED;
	attempt.settle = *settle;
	if (drop_pending(projector, (size_t)place, err) != OK)
		return FAILED;
	return end_attempt(projector, &attempt, err);
}

enum result projector_lose(struct projector *projector,
    projector_over_fn *is_over, void *arg, struct error *err)
{
	for (size_t i = 0; i < projector->n_pending; i++) {
		struct pending *pending = &projector->pending[i];
		struct store_attempt attempt = pending->attempt;

		if (pending->is_free || !is_over(&attempt.place, arg))
			continue;
		attempt.state = LEDGER_UNKNOWN;
		idmap_take(&projector->index, &attempt.reserve.attempt);
		if (drop_pending(projector, i, err) != OK ||
		    end_attempt(projector, &attempt, err) != OK)
			return FAILED;
	}
	return OK;
}

/* --- writing -----------------------------------------------------------------
 */

/* The first bucket of a level that is kept at second <now>. */
static int64_t kept_from(enum rollup_level level, int64_t now)
{
	int64_t kept = rollup_kept_seconds(level);

	return kept ? rollup_bucket(now - kept, rollup_seconds(level))
		    : INT64_MIN;
}

static enum result add_cells(struct projector *projector,
    enum rollup_level level, unsigned mask, int64_t from, struct error *err)
{
	struct rollup_map *cells = &projector->coarse;

	if (mask == ROLLUP_ALL) {
		cells = &projector->levels[level];
	} else {
		rollup_map_clear(cells);
		rollup_map_coarsen(
		    cells, &projector->levels[level], level, mask, from);
	}
	for (size_t i = 0; i < cells->n; i++)
		if (cells->cells[i].key.bucket >= from &&
		    store_add(projector->store, level, mask, &cells->cells[i],
			err) != OK)
			return FAILED;
	return OK;
}

static enum result flush_level(struct projector *projector,
    enum rollup_level level, int64_t now, struct error *err)
{
	const struct rollup_map *finer = level == ROLLUP_MINUTE
					     ? &projector->minutes
					     : &projector->levels[level - 1];
	int64_t from = kept_from(level, now);

	rollup_map_clear(&projector->levels[level]);
	rollup_map_coarsen(
	    &projector->levels[level], finer, level, ROLLUP_ALL, INT64_MIN);
	for (size_t i = 0; i < ROLLUP_MASKS; i++)
		if (add_cells(projector, level, rollup_masks[i], from, err) !=
		    OK)
			return FAILED;
	return OK;
}

static enum result flush_pending(struct projector *projector, struct error *err)
{
	for (size_t i = 0; i < projector->n_pending; i++) {
		struct pending *pending = &projector->pending[i];

		if (pending->is_free || pending->is_stored)
			continue;
		if (store_put_pending(
			projector->store, &pending->attempt, err) != OK)
			return FAILED;
		pending->is_stored = true;
	}
	return OK;
}

static enum result prune_attempts(
    struct projector *projector, struct error *err)
{
	int64_t excess = projector->state.attempts - projector->attempts_max;
	int64_t dropped;

	if (excess <= projector->attempts_max / PRUNE_PART)
		return OK;
	if (store_prune_attempts(projector->store, excess, &dropped, err) != OK)
		return FAILED;
	projector->state.attempts -= dropped;
	return OK;
}

static enum result prune_cells(
    struct projector *projector, int64_t now, struct error *err)
{
	if (now - projector->pruned_s < PRUNE_EVERY_S)
		return OK;
	projector->pruned_s = now;
	for (unsigned level = 0; level < ROLLUP_LEVELS; level++) {
		int64_t before = kept_from((enum rollup_level)level, now);

		for (size_t i = 0; before != INT64_MIN && i < ROLLUP_MASKS; i++)
			if (store_prune(projector->store,
				(enum rollup_level)level, rollup_masks[i],
				before, err) != OK)
				return FAILED;
	}
	return OK;
}

enum result projector_flush(
    struct projector *projector, int64_t now_ns, struct error *err)
{
	int64_t now = floor_seconds(now_ns);

	for (unsigned level = 0; level < ROLLUP_LEVELS; level++)
		if (flush_level(
			projector, (enum rollup_level)level, now, err) != OK)
			return FAILED;
	rollup_map_clear(&projector->minutes);
	if (flush_pending(projector, err) != OK ||
	    prune_attempts(projector, err) != OK ||
	    prune_cells(projector, now, err) != OK)
		return FAILED;
	return store_put_state(projector->store, &projector->state, err);
}
