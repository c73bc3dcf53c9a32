/* projection_read.c -- answers questions from the projection's file. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/projection.h"

#include <stdlib.h>

#include "ledger/store.h"

#define POINTS_MAX 200
#define SPAN_MAX_S (INT64_C(3653) * 86400)

/* How long a reader waits for a writer's moment. */
#define BUSY_MS 1000

/* Of the time that cells are kept, what may be missing at its beginning. */
#define KEPT_SLACK_S 7200

_Static_assert((int)PROJECTION_DIMS == (int)ROLLUP_DIMS &&
		   (int)PROJECTION_TASK == (int)ROLLUP_TASK,
    "the public dimensions are the cells'");

/* --- plan --------------------------------------------------------------------
 */

static int64_t ceiling(int64_t second, int64_t step)
{
	return rollup_bucket(second + step - 1, step);
}

static bool is_kept(enum rollup_level level, int64_t since, int64_t now)
{
	int64_t kept = rollup_kept_seconds(level);

	return kept == 0 || since >= now - kept + KEPT_SLACK_S;
}

/* The coarsest level whose buckets make up a step. */
static enum rollup_level level_of(int64_t step)
{
	if (step % rollup_seconds(ROLLUP_DAY) == 0)
		return ROLLUP_DAY;
	return step % rollup_seconds(ROLLUP_HOUR) == 0 ? ROLLUP_HOUR
						       : ROLLUP_MINUTE;
}

bool projection_plan(int64_t since_ns, int64_t until_ns, int64_t now_ns,
    struct projection_query *query)
{
	static const int64_t steps[] = {
	    60, 300, 900, 3600, 10800, 21600, 86400, 604800};
	const size_t n = sizeof(steps) / sizeof(steps[0]);
	int64_t since = since_ns / NS_PER_S;
	int64_t until = until_ns / NS_PER_S + (until_ns % NS_PER_S > 0);
	size_t i = 0;

	if (since < 0 || until <= since || until - since > SPAN_MAX_S)
		return false;
	while (i + 1 < n &&
	       ((until - since + steps[i] - 1) / steps[i] > POINTS_MAX ||
		   !is_kept(level_of(steps[i]), since, now_ns / NS_PER_S)))
		i++;
	*query = (struct projection_query){
	    .since_s = rollup_bucket(since, steps[i]),
	    .until_s = ceiling(until, steps[i]),
	    .step_s = steps[i],
	};
	return true;
}

/* --- one question ------------------------------------------------------------
 */

/* A reader's connection, and the query with its names as numbers. */
struct question {
	const char *path;
	sqlite3 *db;
	sqlite3_stmt *statement;
	int64_t names[ROLLUP_DIMS]; /* -1: all */
	unsigned filters;           /* the dimensions that are filtered */
	bool is_nothing;            /* a name that is nowhere */
};

static enum result fail(struct question *question, int code, struct error *err)
{
	error_set(err, "%s: cannot read the projection: %s", question->path,
	    question->db ? sqlite3_errmsg(question->db) : sqlite3_errstr(code));
	return FAILED;
}

/* Takes the place of the statement before it. */
static enum result prepare(
    struct question *question, const char *text, struct error *err)
{
	int code;

	sqlite3_finalize(question->statement);
	question->statement = NULL;
	code = sqlite3_prepare_v2(
	    question->db, text, -1, &question->statement, NULL);
	return code == SQLITE_OK ? OK : fail(question, code, err);
}

/* Everything that follows sees the file as it is now. */
static enum result begin(
    struct question *question, const char *path, struct error *err)
{
	int code;

	*question = (struct question){.path = path};
	code = sqlite3_open_v2(path, &question->db,
	    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (code != SQLITE_OK)
		return fail(question, code, err);
	sqlite3_busy_timeout(question->db, BUSY_MS);
	code = sqlite3_exec(question->db,
	    "PRAGMA mmap_size = 0; PRAGMA cache_size = -4096; BEGIN", NULL,
	    NULL, NULL);
	return code == SQLITE_OK ? OK : fail(question, code, err);
}

static void end(struct question *question)
{
	sqlite3_finalize(question->statement);
	sqlite3_close(question->db);
}

static enum result find_names(struct question *question,
    const struct projection_query *query, struct error *err)
{
	for (unsigned dim = 0; dim < ROLLUP_DIMS; dim++) {
		const char *name = query->names[dim];
		int code;

		question->names[dim] = -1;
		if (!name)
			continue;
		question->filters |= 1u << dim;
		question->names[dim] = 0;
		if (!*name)
			continue;
		if (prepare(question, "SELECT id FROM names WHERE name = ?",
			err) != OK)
			return FAILED;
		sqlite3_bind_text(
		    question->statement, 1, name, -1, SQLITE_STATIC);
		code = sqlite3_step(question->statement);
		if (code == SQLITE_ROW)
			question->names[dim] =
			    sqlite3_column_int64(question->statement, 0);
		else if (code == SQLITE_DONE)
			question->is_nothing = true;
		else
			return fail(question, code, err);
	}
	return OK;
}

static enum result begin_query(struct question *question, const char *path,
    const struct projection_query *query, struct error *err)
{
	if (begin(question, path, err) != OK)
		return FAILED;
	return find_names(question, query, err);
}

/* --- sums --------------------------------------------------------------------
 */

static void take_outcomes(
    struct projection_sum *sum, const struct rollup *rollup)
{
	static const enum rollup_sum outcomes[PROJECTION_OUTCOMES] = {
	    [PROJECTION_COMPLETED] = ROLLUP_COMPLETED,
	    [PROJECTION_CLIENT_GONE] = ROLLUP_CLIENT_GONE,
	    [PROJECTION_UPSTREAM_DIED] = ROLLUP_UPSTREAM_DIED,
	    [PROJECTION_TIMED_OUT] = ROLLUP_TIMED_OUT,
	    [PROJECTION_REFUSED] = ROLLUP_REFUSED,
	    [PROJECTION_UNKNOWN] = ROLLUP_LOST,
	};
	static const enum rollup_sum sources[] = {
	    [LEDGER_SOURCE_MEMORY] = ROLLUP_MEMORY,
	    [LEDGER_SOURCE_NEAR] = ROLLUP_NEAR,
	    [LEDGER_SOURCE_REDIS] = ROLLUP_REDIS,
	    [LEDGER_SOURCE_COALESCED] = ROLLUP_COALESCED,
	};

	for (size_t i = 0; i < PROJECTION_OUTCOMES; i++)
		sum->outcomes[i] = rollup->sums[outcomes[i]];
	sum->errors = sum->outcomes[PROJECTION_UPSTREAM_DIED] +
		      sum->outcomes[PROJECTION_TIMED_OUT] +
		      sum->outcomes[PROJECTION_REFUSED] +
		      sum->outcomes[PROJECTION_UNKNOWN];
	sum->sources[LEDGER_SOURCE_NONE] = rollup->sums[ROLLUP_REQUESTS];
	for (size_t i = 1; i < sizeof(sources) / sizeof(sources[0]); i++) {
		sum->sources[i] = rollup->sums[sources[i]];
		sum->sources[LEDGER_SOURCE_NONE] -= sum->sources[i];
	}
}

static struct projection_sum sum_of(const struct rollup *rollup)
{
	const int64_t *sums = rollup->sums;
	struct projection_sum sum = {
	    .requests = sums[ROLLUP_REQUESTS],
	    .cache_hits = sums[ROLLUP_CACHE_HITS],
	    .cost_nano = sums[ROLLUP_COST],
	    .baseline_nano = sums[ROLLUP_BASELINE],
	    .saved_nano = sums[ROLLUP_SAVED],
	    .saved_by_cache_nano = sums[ROLLUP_SAVED_BY_CACHE],
	    .unknown = sums[ROLLUP_UNKNOWN],
	    .estimated = sums[ROLLUP_ESTIMATED],
	    .unpriced = sums[ROLLUP_UNPRICED],
	    .input_tokens = sums[ROLLUP_INPUT],
	    .cached_tokens = sums[ROLLUP_CACHED],
	    .output_tokens = sums[ROLLUP_OUTPUT],
	    .first_token_p50_ns = histogram_quantile(&rollup->first_token, .5),
	    .first_token_p95_ns = histogram_quantile(&rollup->first_token, .95),
	    .duration_p50_ns = histogram_quantile(&rollup->duration, .5),
	    .duration_p95_ns = histogram_quantile(&rollup->duration, .95),
	};

	take_outcomes(&sum, rollup);
	return sum;
}

/* --- cells -------------------------------------------------------------------
 */

/* The cells of one level from second <from> to <to>. */
struct stretch {
	enum rollup_level level;
	int64_t from, to;
};

#define STRETCHES_MAX 5

/*
 * Covers the range with as few cells as may be: days in the middle, hours
 * before and after, minutes at the ends. Returns how many stretches there are.
 */
static size_t cover(
    const struct projection_query *query, struct stretch *stretches)
{
	struct stretch rest = {ROLLUP_DAY, query->since_s, query->until_s};
	size_t n = 0;

	/* From both ends: what is not whole buckets of a coarser level. */
	for (unsigned level = ROLLUP_MINUTE; level < ROLLUP_DAY; level++) {
		int64_t coarser =
		    rollup_seconds((enum rollup_level)(level + 1));
		int64_t from = ceiling(rest.from, coarser);
		int64_t to = rollup_bucket(rest.to, coarser);

		if (from >= to) {
			rest.level = (enum rollup_level)level;
			break;
		}
		if (rest.from < from)
			stretches[n++] = (struct stretch){
			    (enum rollup_level)level, rest.from, from};
		if (to < rest.to)
			stretches[n++] = (struct stretch){
			    (enum rollup_level)level, to, rest.to};
		rest.from = from;
		rest.to = to;
	}
	stretches[n++] = rest;
	return n;
}

#define CELLS_OF                                                               \
	" FROM rollups WHERE level = ?1 AND mask = ?2 AND bucket >= ?3"        \
	" AND bucket < ?4 AND (?5 < 0 OR key = ?5) AND (?6 < 0 OR model = ?6)" \
	" AND (?7 < 0 OR rule = ?7) AND (?8 < 0 OR task = ?8)"

static void bind_cells(
    struct question *question, const struct stretch *stretch, unsigned mask)
{
	sqlite3_stmt *statement = question->statement;

	sqlite3_reset(statement);
	sqlite3_bind_int(statement, 1, (int)stretch->level);
	sqlite3_bind_int(statement, 2, (int)mask);
	sqlite3_bind_int64(statement, 3, stretch->from);
	sqlite3_bind_int64(statement, 4, stretch->to);
	for (int i = 0; i < ROLLUP_DIMS; i++)
		sqlite3_bind_int64(statement, 5 + i, question->names[i]);
}

/* Where a cell's sums go. */
typedef struct rollup *place_fn(sqlite3_stmt *row, void *arg);

static enum result add_cells(struct question *question, int first_sum,
    place_fn *place, void *arg, struct error *err)
{
	sqlite3_stmt *row = question->statement;
	int code;

	while ((code = sqlite3_step(row)) == SQLITE_ROW)
		if (!store_read_cell(row, first_sum, place(row, arg))) {
			error_set(
			    err, "%s: a histogram is damaged", question->path);
			return FAILED;
		}
	return code == SQLITE_DONE ? OK : fail(question, code, err);
}

/* --- overview ----------------------------------------------------------------
 */

struct series {
	const struct projection_query *query;
	struct rollup *points; /* (n) */
};

static struct rollup *point_of(sqlite3_stmt *row, void *arg)
{
	struct series *series = arg;
	int64_t bucket = sqlite3_column_int64(row, 0);

	return &series->points[(bucket - series->query->since_s) /
			       series->query->step_s];
}

static enum result read_series(
    struct question *question, struct series *series, struct error *err)
{
	const struct projection_query *query = series->query;
	const struct stretch stretch = {
	    level_of(query->step_s), query->since_s, query->until_s};

	if (question->is_nothing)
		return OK;
	if (prepare(question, "SELECT bucket, " STORE_CELL CELLS_OF, err) != OK)
		return FAILED;
	bind_cells(question, &stretch, rollup_mask_for(question->filters));
	return add_cells(question, 1, point_of, series, err);
}

static enum result read_points(struct question *question,
    const struct projection_query *query, struct projection_overview *overview,
    struct error *err)
{
	size_t n = (size_t)((query->until_s - query->since_s) / query->step_s);
	struct series series = {query, mem_zalloc(n * sizeof(struct rollup))};
	struct rollup *total = mem_new(struct rollup);
	enum result result = read_series(question, &series, err);

	overview->points = mem_zalloc(n * sizeof(*overview->points));
	overview->n_points = n;
	for (size_t i = 0; i < n; i++) {
		overview->points[i] = (struct projection_point){
		    .t = query->since_s + (int64_t)i * query->step_s,
		    .sum = sum_of(&series.points[i]),
		};
		rollup_merge(total, &series.points[i]);
	}
	overview->total = sum_of(total);
	free(total);
	free(series.points);
	return result;
}

static int compare_names(const void *left, const void *right)
{
	char *a, *b;

	memcpy(&a, left, sizeof(a));
	memcpy(&b, right, sizeof(b));
	return strcmp(a, b);
}

/* Adds the names that a stretch has cells of, whatever the filters. */
static enum result read_names(struct question *question,
    const struct stretch *stretch, unsigned dim, struct projection_names *names,
    struct error *err)
{
	sqlite3_stmt *row = question->statement;
	int code;

	sqlite3_reset(row);
	sqlite3_bind_int(row, 1, (int)stretch->level);
	sqlite3_bind_int(row, 2, 1 << dim);
	sqlite3_bind_int64(row, 3, stretch->from);
	sqlite3_bind_int64(row, 4, stretch->to);
	while ((code = sqlite3_step(row)) == SQLITE_ROW) {
		names->items =
		    mem_realloc(names->items, (names->n + 1) * sizeof(char *));
		names->items[names->n++] =
		    mem_strdup((const char *)sqlite3_column_text(row, 0));
	}
	return code == SQLITE_DONE ? OK : fail(question, code, err);
}

/* Sorts, and leaves each out that came twice. */
static void tidy(struct projection_names *names)
{
	size_t kept = 0;

	if (names->n > 0)
		qsort(names->items, names->n, sizeof(char *), compare_names);
	for (size_t i = 0; i < names->n; i++) {
		if (kept > 0 &&
		    !strcmp(names->items[kept - 1], names->items[i]))
			free(names->items[i]);
		else
			names->items[kept++] = names->items[i];
	}
	names->n = kept;
}

static enum result read_all_names(struct question *question,
    const struct projection_query *query, struct projection_names *names,
    struct error *err)
{
	/* Of a mask of one dimension the other three columns are 0. */
	static const char text[] =
	    "SELECT name FROM names WHERE id IN (SELECT DISTINCT"
	    " key + model + rule + task FROM rollups WHERE level = ?1"
	    " AND mask = ?2 AND bucket >= ?3 AND bucket < ?4)";
	struct stretch stretches[STRETCHES_MAX];
	size_t n = cover(query, stretches);

	if (prepare(question, text, err) != OK)
		return FAILED;
	for (unsigned dim = 0; dim < ROLLUP_DIMS; dim++) {
		for (size_t i = 0; i < n; i++)
			if (read_names(question, &stretches[i], dim,
				&names[dim], err) != OK)
				return FAILED;
		tidy(&names[dim]);
	}
	return OK;
}

static enum result read_as_of(
    struct question *question, int64_t *as_of_ns, struct error *err)
{
	int code;

	if (prepare(question, "SELECT as_of_ns FROM state", err) != OK)
		return FAILED;
	code = sqlite3_step(question->statement);
	if (code != SQLITE_ROW)
		return fail(question, code, err);
	*as_of_ns = sqlite3_column_int64(question->statement, 0);
	return OK;
}

enum result projection_read_overview(const char *path,
    const struct projection_query *query, struct projection_overview *overview,
    struct error *err)
{
	struct question question;
	enum result result;

	*overview = (struct projection_overview){0};
	result = begin_query(&question, path, query, err);
	if (result == OK)
		result = read_points(&question, query, overview, err);
	if (result == OK)
		result = read_all_names(&question, query, overview->names, err);
	if (result == OK)
		result = read_as_of(&question, &overview->as_of_ns, err);
	end(&question);
	if (result != OK)
		projection_free_overview(overview);
	return result;
}

void projection_free_overview(struct projection_overview *overview)
{
	for (size_t dim = 0; dim < PROJECTION_DIMS; dim++) {
		struct projection_names *names = &overview->names[dim];

		for (size_t i = 0; i < names->n; i++)
			free(names->items[i]);
		free(names->items);
	}
	free(overview->points);
	*overview = (struct projection_overview){0};
}

/* --- table -------------------------------------------------------------------
 */

struct by_name {
	enum projection_dim dim;
	struct rollup_map map;
};

static struct rollup *row_of(sqlite3_stmt *row, void *arg)
{
	struct by_name *by = arg;
	struct rollup_key key = {.bucket = 0};

	key.names[0] = (uint32_t)sqlite3_column_int64(row, (int)by->dim);
	return rollup_map_get(&by->map, &key);
}

static enum result read_cells(struct question *question,
    const struct projection_query *query, struct by_name *by, struct error *err)
{
	unsigned wanted = question->filters | 1u << by->dim;
	struct stretch stretches[STRETCHES_MAX];
	size_t n = cover(query, stretches);

	if (question->is_nothing)
		return OK;
	if (prepare(question,
		"SELECT key, model, rule, task, " STORE_CELL CELLS_OF,
		err) != OK)
		return FAILED;
	for (size_t i = 0; i < n; i++) {
		bind_cells(question, &stretches[i], rollup_mask_for(wanted));
		if (add_cells(question, ROLLUP_DIMS, row_of, by, err) != OK)
			return FAILED;
	}
	return OK;
}

static char *name_of(struct question *question, uint32_t id)
{
	sqlite3_stmt *row = question->statement;

	sqlite3_reset(row);
	sqlite3_bind_int64(row, 1, id);
	if (id == 0 || sqlite3_step(row) != SQLITE_ROW)
		return mem_strdup("");
	return mem_strdup((const char *)sqlite3_column_text(row, 0));
}

static int dearest_first(const void *left, const void *right)
{
	const struct projection_row *a = left, *b = right;

	if (a->sum.cost_nano != b->sum.cost_nano)
		return a->sum.cost_nano > b->sum.cost_nano ? -1 : 1;
	return strcmp(a->name, b->name);
}

static enum result make_rows(struct question *question,
    const struct rollup_map *map, struct projection_table *table,
    struct error *err)
{
	if (prepare(question, "SELECT name FROM names WHERE id = ?", err) != OK)
		return FAILED;
	table->rows = mem_zalloc(map->n * sizeof(*table->rows) + 1);
	for (size_t i = 0; i < map->n; i++) {
		const struct rollup_cell *cell = &map->cells[i];

		/* All of its requests may have moved elsewhere. */
		if (cell->rollup.sums[ROLLUP_ROWS] == 0)
			continue;
		table->rows[table->n++] = (struct projection_row){
		    .name = name_of(question, cell->key.names[0]),
		    .sum = sum_of(&cell->rollup),
		};
	}
	if (table->n > 0)
		qsort(
		    table->rows, table->n, sizeof(*table->rows), dearest_first);
	return OK;
}

enum result projection_read_table(const char *path,
    const struct projection_query *query, enum projection_dim by,
    struct projection_table *table, struct error *err)
{
	struct by_name by_name = {.dim = by};
	struct question question;
	enum result result;

	*table = (struct projection_table){0};
	result = begin_query(&question, path, query, err);
	if (result == OK)
		result = read_cells(&question, query, &by_name, err);
	if (result == OK)
		result = make_rows(&question, &by_name.map, table, err);
	end(&question);
	rollup_map_free(&by_name.map);
	return result;
}

void projection_free_table(struct projection_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		free(table->rows[i].name);
	free(table->rows);
	*table = (struct projection_table){0};
}

/* --- total, attempts ---------------------------------------------------------
 */

static struct rollup *only_one(sqlite3_stmt *row, void *arg)
{
	(void)row;
	return arg;
}

enum result projection_read_total(const char *path, struct projection_sum *sum,
    int64_t *as_of_ns, struct error *err)
{
	static const struct stretch always = {ROLLUP_DAY, INT64_MIN, INT64_MAX};
	const struct projection_query all = {.step_s = 1};
	struct rollup *total = mem_new(struct rollup);
	struct question question;
	enum result result = begin_query(&question, path, &all, err);

	if (result == OK)
		result = read_as_of(&question, as_of_ns, err);
	if (result == OK)
		result = prepare(&question, "SELECT " STORE_CELL CELLS_OF, err);
	if (result == OK) {
		bind_cells(&question, &always, 0);
		result = add_cells(&question, 0, only_one, total, err);
	}
	*sum = sum_of(total);
	end(&question);
	free(total);
	return result;
}

static bool give_attempt(sqlite3_stmt *row, ledger_row_fn *fn, void *arg)
{
	struct store_attempt attempt;
	struct ledger_row found;
	int names = STORE_RESERVE_COLUMNS;

	store_read_reserve(row, 0, &attempt);
	found.reserve = attempt.reserve;
	found.reserve.key = (const char *)sqlite3_column_text(row, names);
	found.reserve.model = (const char *)sqlite3_column_text(row, names + 1);
	found.reserve.rule = (const char *)sqlite3_column_text(row, names + 2);
	found.reserve.task = (const char *)sqlite3_column_text(row, names + 3);
	store_read_settle(row, names + ROLLUP_DIMS, &attempt);
	found.settle = attempt.settle;
	found.state = attempt.state;
	return fn(&found, arg);
}

#define NAME_OF(dim)                                                           \
	"coalesce((SELECT name FROM names WHERE id = a." dim "), ''), "
#define ALL_NAMES                                                              \
	NAME_OF("key") NAME_OF("model") NAME_OF("rule") NAME_OF("task")

/* What is pending has no columns of a settle: they read as zeros. */
static const char attempts_text[] =
    "SELECT " STORE_RESERVE ", " ALL_NAMES STORE_SETTLE
    " FROM attempts a WHERE request = ?1 UNION ALL"
    " SELECT " STORE_RESERVE ", " ALL_NAMES
    "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0"
    " FROM pending a WHERE request = ?1 ORDER BY number, utc_ns, attempt";

enum result projection_read_attempts(const char *path,
    const struct ledger_id *request, ledger_row_fn *row, void *arg,
    struct error *err)
{
	struct question question;
	enum result result = begin(&question, path, err);
	int code = SQLITE_DONE;

	if (result == OK)
		result = prepare(&question, attempts_text, err);
	if (result != OK)
		goto out;
	sqlite3_bind_blob(question.statement, 1, request->bytes,
	    (int)sizeof(request->bytes), SQLITE_STATIC);
	while ((code = sqlite3_step(question.statement)) == SQLITE_ROW)
		if (!give_attempt(question.statement, row, arg))
			break;
	if (code != SQLITE_DONE && code != SQLITE_ROW)
		result = fail(&question, code, err);
out:
	end(&question);
	return result;
}
