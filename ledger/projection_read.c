/* projection_read.c -- overviews, tables, totals and attempts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "ledger/question.h"

/* --- overview ----------------------------------------------------------------
 */

struct series {
	const struct projection_query *query;
	struct rollup *points; /* (n) */
};

static struct rollup *point_of(sqlite3_stmt *row, void *arg)
{
	struct series *series = arg;
	int64_t bucket = sqlite3_column_int64(row, QUESTION_BUCKET);

	return &series->points[(bucket - series->query->since_s) /
			       series->query->step_s];
}

static enum result read_series(
    struct question *question, struct series *series, struct error *err)
{
	const struct projection_query *query = series->query;
	const struct stretch stretch = {
	    question_level(query->step_s), query->since_s, query->until_s};
	const struct question_sink sink = {point_of, series};

	if (question->is_nothing)
		return OK;
	return question_add(question, &stretch, question->filters, &sink, err);
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
		    .sum = question_sum(&series.points[i]),
		};
		rollup_merge(total, &series.points[i]);
	}
	overview->total = question_sum(total);
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
	return code == SQLITE_DONE ? OK : question_fail(question, code, err);
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
	size_t n = question_cover(query, stretches);

	if (question_prepare(question, text, err) != OK)
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

	if (question_prepare(question, "SELECT as_of_ns FROM state", err) != OK)
		return FAILED;
	code = sqlite3_step(question->statement);
	if (code != SQLITE_ROW)
		return question_fail(question, code, err);
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
	result = question_begin_query(&question, path, query, err);
	if (result == OK)
		result = read_points(&question, query, overview, err);
	if (result == OK)
		result = read_all_names(&question, query, overview->names, err);
	if (result == OK)
		result = read_as_of(&question, &overview->as_of_ns, err);
	question_end(&question);
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

	key.names[0] =
	    (uint32_t)sqlite3_column_int64(row, QUESTION_NAMES + (int)by->dim);
	return rollup_map_get(&by->map, &key);
}

static enum result read_cells(struct question *question,
    const struct projection_query *query, struct by_name *by, struct error *err)
{
	unsigned wanted = question->filters | 1u << by->dim;
	struct stretch stretches[STRETCHES_MAX];
	size_t n = question_cover(query, stretches);
	const struct question_sink sink = {row_of, by};

	if (question->is_nothing)
		return OK;
	for (size_t i = 0; i < n; i++)
		if (question_add(question, &stretches[i], wanted, &sink, err) !=
		    OK)
			return FAILED;
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
	if (question_prepare(
		question, "SELECT name FROM names WHERE id = ?", err) != OK)
		return FAILED;
	table->rows = mem_zalloc(map->n * sizeof(*table->rows) + 1);
	for (size_t i = 0; i < map->n; i++) {
		const struct rollup_cell *cell = &map->cells[i];

		/* All of its requests may have moved elsewhere. */
		if (cell->rollup.sums[ROLLUP_ROWS] == 0)
			continue;
		table->rows[table->n++] = (struct projection_row){
		    .name = name_of(question, cell->key.names[0]),
		    .sum = question_sum(&cell->rollup),
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
	result = question_begin_query(&question, path, query, err);
	if (result == OK)
		result = read_cells(&question, query, &by_name, err);
	if (result == OK)
		result = make_rows(&question, &by_name.map, table, err);
	question_end(&question);
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
	const struct question_sink sink = {only_one, total};
	struct question question;
	enum result result = question_begin_query(&question, path, &all, err);

	if (result == OK)
		result = read_as_of(&question, as_of_ns, err);
	if (result == OK)
		result = question_add(&question, &always, 0, &sink, err);
	*sum = question_sum(total);
	question_end(&question);
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
	enum result result = question_begin(&question, path, err);
	int code = SQLITE_DONE;

	if (result == OK)
		result = question_prepare(&question, attempts_text, err);
	if (result != OK)
		goto out;
	sqlite3_bind_blob(question.statement, 1, request->bytes,
	    (int)sizeof(request->bytes), SQLITE_STATIC);
	while ((code = sqlite3_step(question.statement)) == SQLITE_ROW)
		if (!give_attempt(question.statement, row, arg))
			break;
	if (code != SQLITE_DONE && code != SQLITE_ROW)
		result = question_fail(&question, code, err);
out:
	question_end(&question);
	return result;
}
