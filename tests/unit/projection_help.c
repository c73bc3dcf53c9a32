/* projection_help.c -- random ledgers, and what their logs say. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/unit/projection_help.h"

#define SMALL ((size_t)16 << 10) /* a segment of 96 slots */

/* --- a ledger of anything ----------------------------------------------------
 */

uint64_t world_seed;

uint64_t world_draw(uint64_t below)
{
	world_seed ^= world_seed << 13;
	world_seed ^= world_seed >> 7;
	world_seed ^= world_seed << 17;
	return world_seed % below;
}

int64_t world_now(void)
{
	return WORLD_NOW;
}

int world_begin(void **state)
{
	struct world *world = mem_new(struct world);

	help_make_directory(world->directory);
	snprintf(world->path, sizeof(world->path), "%s/projection.sqlite",
	    world->directory);
	world->utc_ns = WORLD_NOW - 20 * WORLD_DAY * NS_PER_S;
	world->next_id = 1;
	*state = world;
	return 0;
}

int world_end(void **state)
{
	struct world *world = *state;

	ledger_close(&world->ledger);
	help_remove_directory(world->directory);
	free(world);
	return 0;
}

void world_open(struct world *world)
{
	world->ledger = help_open(world->directory, WORLD_WRITERS, SMALL);
	world->n_open = 0;
}

const char *world_one_of(const char *const *names, size_t n)
{
	return names[world_draw(n)];
}

static struct ledger_id reserve(struct world *world, unsigned writer,
    const struct ledger_id *request, uint32_t number)
{
	struct ledger_reserve reserve = {
	    .request = *request,
	    .attempt = help_id(world->next_id++),
	    .attempt_number = number,
	    .utc_ns = world->utc_ns,
	    .kind = LEDGER_UPSTREAM,
	    .key = ONE_OF("team-a", "team-b", ""),
	    .model = ONE_OF("up/small", "up/large", "m\"odd,"),
	    .rule = ONE_OF("default", "long"),
	    .task = ONE_OF("", "code", "chat"),
	    .estimated_cost_nano = world_draw(2) ? MONEY_UNPRICED : 5,
	};
	struct error err;

	/* Two may be of one moment; a clock may be set back. */
	world->utc_ns +=
	    (int64_t)world_draw(3) * (int64_t)world_draw(3600) * NS_PER_S;
	if (world_draw(50) == 0)
		world->utc_ns -= 60 * NS_PER_S;
	if (world_draw(4) == 0) {
		reserve.kind = LEDGER_CACHE_HIT;
		reserve.source =
		    (enum ledger_source)world_draw(LEDGER_OUTCOMES);
		reserve.answer_of = help_id(world_draw(100));
	}
	assert_int_equal(ledger_reserve(ledger_writer(world->ledger, writer),
			     &reserve, &err),
	    OK);
	return reserve.attempt;
}

static int64_t draw_amount(void)
{
	return world_draw(10) == 0 ? MONEY_UNPRICED
				   : (int64_t)world_draw(1000000) - 100;
}

static enum ledger_outcome settle(
    struct world *world, unsigned writer, const struct ledger_id *attempt)
{
	const struct ledger_settle settle = {
	    .attempt = *attempt,
	    .utc_ns = world->utc_ns + 1,
	    .outcome = (enum ledger_outcome)world_draw(5),
	    .status = 200,
	    .input_tokens = (int64_t)world_draw(1000),
	    .cached_tokens = (int64_t)world_draw(10),
	    .output_tokens = (int64_t)world_draw(100),
	    .is_estimated = world_draw(5) == 0,
	    .cost_nano = draw_amount(),
	    .baseline_nano = draw_amount(),
	    .saved_nano = draw_amount(),
	    .first_token_ns =
		(int64_t)world_draw(2) * (int64_t)world_draw(NS_PER_S),
	    .duration_ns = (int64_t)world_draw(100) * NS_PER_S,
	    .followers = (uint32_t)world_draw(3),
	};

	ledger_settle(ledger_writer(world->ledger, writer), &settle);
	return settle.outcome;
}

/* A request: attempts until one completes or they are enough. */
static void ask_once(struct world *world)
{
	unsigned writer = (unsigned)world_draw(WORLD_WRITERS);
	struct ledger_id request = help_id(UINT64_MAX - world->next_id);

	for (uint32_t number = 1; number <= 3; number++) {
		struct ledger_id attempt =
		    reserve(world, writer, &request, number);

		if (world_draw(10) == 0 && world->n_open < 64) {
			world->open[world->n_open] = attempt;
			world->writer_of[world->n_open++] = writer;
			return;
		}
		if (settle(world, writer, &attempt) == LEDGER_COMPLETED)
			return;
	}
}

static void end_one(struct world *world)
{
	size_t i;

	if (world->n_open == 0)
		return;
	i = world_draw(world->n_open);
	settle(world, world->writer_of[i], &world->open[i]);
	world->n_open--;
	world->open[i] = world->open[world->n_open];
	world->writer_of[i] = world->writer_of[world->n_open];
}

void world_work(struct world *world, size_t steps)
{
	while (steps-- > 0) {
		if (world_draw(4) == 0)
			end_one(world);
		else
			ask_once(world);
	}
}

/* --- what the log says -------------------------------------------------------
 */

static bool take_row(const struct ledger_row *row, void *arg)
{
	struct log *log = arg;
	struct told *told;

	log->rows = mem_realloc(log->rows, (log->n + 1) * sizeof(*log->rows));
	told = &log->rows[log->n++];
	*told = (struct told){
	    .request = row->reserve.request,
	    .second = row->reserve.utc_ns / NS_PER_S,
	    .settle = row->settle,
	    .kind = row->reserve.kind,
	    .state = row->state,
	    .is_last = true,
	};
	snprintf(told->names[PROJECTION_KEY], 32, "%s", row->reserve.key);
	snprintf(told->names[PROJECTION_MODEL], 32, "%s", row->reserve.model);
	snprintf(told->names[PROJECTION_RULE], 32, "%s", row->reserve.rule);
	snprintf(told->names[PROJECTION_TASK], 32, "%s", row->reserve.task);
	for (size_t i = 0; i + 1 < log->n; i++)
		if (!memcmp(&log->rows[i].request, &told->request,
			sizeof(told->request)))
			log->rows[i].is_last = false;
	return true;
}

struct log world_log(const struct world *world)
{
	struct log log = {0};
	struct error err;

	assert_int_equal(
	    ledger_read(world->directory, take_row, NULL, &log, &err), OK);
	return log;
}

static bool is_wanted(
    const struct told *row, const struct projection_query *query)
{
	for (size_t i = 0; i < PROJECTION_DIMS; i++)
		if (query->names[i] &&
		    strcmp(query->names[i], row->names[i]) != 0)
			return false;
	return row->second >= query->since_s && row->second < query->until_s;
}

static void add(int64_t *sum, int64_t amount)
{
	if (amount != MONEY_UNPRICED)
		*sum += amount;
}

static enum projection_outcome outcome_of(const struct told *row)
{
	if (row->state != LEDGER_SETTLED)
		return PROJECTION_UNKNOWN;
	/* One that was given up and had nobody after it. */
	if (row->settle.outcome == LEDGER_ESCALATED)
		return PROJECTION_UPSTREAM_DIED;
	return (enum projection_outcome)row->settle.outcome;
}

static void count_row(struct projection_sum *sum, const struct told *row)
{
	const struct ledger_settle *end = &row->settle;

	sum->cache_hits += row->kind == LEDGER_CACHE_HIT;
	sum->unknown += row->state == LEDGER_UNKNOWN;
	sum->requests += row->is_last;
	if (row->is_last)
		sum->outcomes[outcome_of(row)]++;
	if (row->state != LEDGER_SETTLED)
		return;
	sum->escalated += end->outcome == LEDGER_ESCALATED;
	sum->estimated += end->is_estimated;
	sum->unpriced += end->cost_nano == MONEY_UNPRICED ||
			 end->baseline_nano == MONEY_UNPRICED ||
			 end->saved_nano == MONEY_UNPRICED;
	add(&sum->cost_nano, end->cost_nano);
	add(&sum->baseline_nano, end->baseline_nano);
	add(&sum->saved_nano, end->saved_nano);
	if (row->kind == LEDGER_CACHE_HIT)
		add(&sum->saved_by_cache_nano, end->saved_nano);
	sum->input_tokens += end->input_tokens;
	sum->cached_tokens += end->cached_tokens;
	sum->output_tokens += end->output_tokens;
}

struct projection_sum log_sum(
    const struct log *log, const struct projection_query *query)
{
	struct projection_sum sum = {0};

	for (size_t i = 0; i < log->n; i++)
		if (is_wanted(&log->rows[i], query))
			count_row(&sum, &log->rows[i]);
	return sum;
}

void sums_must_equal(
    const struct projection_sum *a, const struct projection_sum *b)
{
	int64_t sources = 0, outcomes = 0;

	assert_int_equal(a->requests, b->requests);
	assert_int_equal(a->cache_hits, b->cache_hits);
	assert_int_equal(a->cost_nano, b->cost_nano);
	assert_int_equal(a->baseline_nano, b->baseline_nano);
	assert_int_equal(a->saved_nano, b->saved_nano);
	assert_int_equal(a->saved_by_cache_nano, b->saved_by_cache_nano);
	assert_int_equal(a->unknown, b->unknown);
	assert_int_equal(a->estimated, b->estimated);
	assert_int_equal(a->unpriced, b->unpriced);
	assert_int_equal(a->escalated, b->escalated);
	assert_int_equal(a->input_tokens, b->input_tokens);
	assert_int_equal(a->cached_tokens, b->cached_tokens);
	assert_int_equal(a->output_tokens, b->output_tokens);
	assert_memory_equal(a->outcomes, b->outcomes, sizeof(a->outcomes));
	for (size_t i = 0; i <= LEDGER_SOURCE_COALESCED; i++)
		sources += a->sources[i];
	for (size_t i = 0; i < PROJECTION_OUTCOMES; i++)
		outcomes += a->outcomes[i];
	assert_int_equal(sources, a->requests);
	assert_int_equal(outcomes, a->requests);
	assert_int_equal(a->errors, a->requests -
					a->outcomes[PROJECTION_COMPLETED] -
					a->outcomes[PROJECTION_CLIENT_GONE]);
}

/* --- projecting --------------------------------------------------------------
 */

struct projection_options world_options(const struct world *world)
{
	return (struct projection_options){
	    .ledger = world->directory,
	    .path = world->path,
	    .utc_ns = world_now,
	};
}

/* Opens, projects what is there, and closes. */
void world_project(const struct world *world)
{
	const struct projection_options options = world_options(world);
	struct error err;
	struct projection *projection = projection_open(&options, &err);

	assert_non_null(projection);
	projection_close(&projection);
	assert_null(projection);
}

void world_must_have_all(const struct world *world, const struct log *log)
{
	const struct projection_query always = {.until_s = INT64_MAX};
	struct projection_sum want = log_sum(log, &always), got;
	struct ledger_query query = {0};
	struct ledger_spend spend;
	struct error err;
	int64_t as_of;

	assert_int_equal(
	    projection_read_total(world->path, &got, &as_of, &err), OK);
	sums_must_equal(&got, &want);
	assert_int_equal(
	    ledger_spend(world->directory, &query, &spend, &err), OK);
	assert_int_equal(got.requests, spend.total.requests);
	assert_int_equal(got.cache_hits, spend.total.cache_hits);
	assert_int_equal(got.cost_nano, spend.total.cost_nano);
	assert_int_equal(got.baseline_nano, spend.total.baseline_nano);
	assert_int_equal(got.saved_nano, spend.total.saved_nano);
	assert_int_equal(got.unknown, spend.total.unknown);
	assert_int_equal(got.estimated, spend.total.estimated);
	assert_int_equal(got.unpriced, spend.total.unpriced);
	ledger_spend_free(&spend);
}

/* All rows of a table as one text, names instead of their numbers. */
static char *dump(const char *path, const char *text)
{
	sqlite3_stmt *row;
	sqlite3 *db;
	struct buf buf;
	char *all;

	buf_init(&buf, 64 << 20);
	assert_int_equal(
	    sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(db, text, -1, &row, NULL), SQLITE_OK);
	while (sqlite3_step(row) == SQLITE_ROW)
		for (int i = 0; i < sqlite3_column_count(row); i++)
			assert_true(buf_printf(&buf, "%s%c",
			    (const char *)sqlite3_column_text(row, i),
			    i + 1 < sqlite3_column_count(row) ? ' ' : '\n'));
	sqlite3_finalize(row);
	sqlite3_close(db);
	all = mem_alloc(buf_len(&buf) + 1);
	if (buf_len(&buf) > 0)
		memcpy(all, buf_span(&buf).ptr, buf_len(&buf));
	all[buf_len(&buf)] = '\0';
	buf_free(&buf);
	return all;
}

#define NAMED                                                                  \
	"(SELECT name FROM names WHERE id = t.key),"                           \
	"(SELECT name FROM names WHERE id = t.model),"                         \
	"(SELECT name FROM names WHERE id = t.rule),"                          \
	"(SELECT name FROM names WHERE id = t.task)"

char *world_dump(const struct world *world)
{
	static const char *const texts[] = {
	    "SELECT level, mask, bucket, " NAMED
	    ", rows, cache_hits, unknown, estimated, unpriced, escalated, input_tokens,"
	    " cached_tokens, output_tokens, cost_nano, baseline_nano,"
	    " saved_nano, saved_by_cache_nano, requests, requests_completed,"
	    " requests_client_gone, requests_upstream_died,"
	    " requests_timed_out, requests_refused, requests_unknown,"
	    " requests_memory, requests_near, requests_redis,"
	    " requests_coalesced, hex(first_token), hex(duration)"
	    " FROM rollups t WHERE rows <> 0 OR requests <> 0"
	    " ORDER BY 1, 2, 3, 4, 5, 6, 7",
	    "SELECT hex(request), hex(attempt), " NAMED
	    ", number, kind, source, hex(answer_of), utc_ns, estimated_nano,"
	    " writer, sequence, slot, state, outcome, status, ended_ns,"
	    " input_tokens, cached_tokens, output_tokens, estimated,"
	    " cost_nano, baseline_nano, saved_nano, first_token_ns,"
	    " duration_ns, followers, counted FROM attempts t ORDER BY 1, 2",
	    "SELECT count(*) FROM pending",
	    "SELECT writer, sequence, identity, next FROM cursors",
	    "SELECT as_of_ns, attempts, records, rows FROM state",
	    "SELECT name FROM names ORDER BY name",
	};
	struct buf buf;
	char *all;

	buf_init(&buf, 128 << 20);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *part = dump(world->path, texts[i]);

		assert_true(buf_append(&buf, span_of(part)));
		free(part);
	}
	assert_true(buf_append(&buf, span_make("", 1)));
	all = mem_strdup(buf_span(&buf).ptr);
	buf_free(&buf);
	return all;
}

void world_rebuild(const struct world *world)
{
	const struct projection_options options = world_options(world);
	struct error err = {{0}};
	int64_t records;

	if (projection_rebuild(&options, NULL, NULL, &records, &err) != OK)
		fail_msg("%s", err.text);
}

int64_t world_records(const struct world *world)
{
	int64_t records = -1;
	sqlite3_stmt *row;
	sqlite3 *db;

	if (sqlite3_open_v2(world->path, &db, SQLITE_OPEN_READONLY, NULL) ==
		SQLITE_OK &&
	    sqlite3_prepare_v2(
		db, "SELECT records FROM state", -1, &row, NULL) == SQLITE_OK) {
		if (sqlite3_step(row) == SQLITE_ROW)
			records = sqlite3_column_int64(row, 0);
		sqlite3_finalize(row);
	}
	sqlite3_close(db);
	return records;
}
