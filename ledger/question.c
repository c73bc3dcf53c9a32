/* question.c -- a reader's connection to the projection's file. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/question.h"

#define POINTS_MAX 200
#define SPAN_MAX_S (INT64_C(3653) * 86400)

/* How long a reader waits for a writer's moment. */
#define BUSY_MS 1000

/* How many cells are scanned in the time of one look for a cell. */
#define SEEK_COST 8

/* Of the time that cells are kept, what may be missing at its beginning. */
#define KEPT_SLACK_S (6 * 3600)

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
enum rollup_level question_level(int64_t step)
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
	while (
	    i + 1 < n &&
	    ((until - since + steps[i] - 1) / steps[i] > POINTS_MAX ||
		!is_kept(question_level(steps[i]), since, now_ns / NS_PER_S)))
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

enum result question_fail(
    struct question *question, int code, struct error *err)
{
	error_set(err, "%s: cannot read the projection: %s", question->path,
	    question->db ? sqlite3_errmsg(question->db) : sqlite3_errstr(code));
	return FAILED;
}

/* Takes the place of the statement before it. */
enum result question_prepare(
    struct question *question, const char *text, struct error *err)
{
	int code;

	sqlite3_finalize(question->statement);
	question->statement = NULL;
	code = sqlite3_prepare_v2(
	    question->db, text, -1, &question->statement, NULL);
	return code == SQLITE_OK ? OK : question_fail(question, code, err);
}

/* Everything that follows sees the file as it is now. */
enum result question_begin(
    struct question *question, const char *path, struct error *err)
{
	int code;

	*question = (struct question){.path = path};
	code = sqlite3_open_v2(path, &question->db,
	    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (code != SQLITE_OK)
		return question_fail(question, code, err);
	sqlite3_busy_timeout(question->db, BUSY_MS);
	code = sqlite3_exec(question->db,
	    "PRAGMA mmap_size = 0; PRAGMA cache_size = -4096; BEGIN", NULL,
	    NULL, NULL);
	return code == SQLITE_OK ? OK : question_fail(question, code, err);
}

void question_end(struct question *question)
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
		if (question_prepare(question,
			"SELECT id FROM names WHERE name = ?", err) != OK)
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
			return question_fail(question, code, err);
	}
	return OK;
}

enum result question_begin_query(struct question *question, const char *path,
    const struct projection_query *query, struct error *err)
{
	if (question_begin(question, path, err) != OK)
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

struct projection_sum question_sum(const struct rollup *rollup)
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
	    .escalated = sums[ROLLUP_ESCALATED],
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

/*
 * Covers the range with as few cells as may be: days in the middle, hours
 * before and after, minutes at the ends. Returns how many stretches there are.
 */
size_t question_cover(
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

#define COLUMNS "SELECT c.bucket, c.key, c.model, c.rule, c.task, " STORE_CELL
#define IN_STRETCH " level = ?1 AND bucket >= ?3 AND bucket < ?4"

/* Reads all cells of the stretch and leaves out what is not asked for. */
static const char scanned[] =
    COLUMNS " FROM rollups c WHERE" IN_STRETCH
	    " AND mask = ?2 AND (?5 < 0 OR key = ?5) AND (?6 < 0 OR model = ?6)"
	    " AND (?7 < 0 OR rule = ?7) AND (?8 < 0 OR task = ?8)";

/*
 * Looks for a cell in each bucket under each combination of names that may be
 * asked for: those that have been met, and of a filtered dimension its one.
 */
#define NAMES_OF(name, mask, parameter)                                        \
	" CROSS JOIN (SELECT DISTINCT " name " FROM rollups WHERE" IN_STRETCH  \
	" AND mask = " mask " AND (" parameter " < 0 OR " name " = " parameter \
	"))"
static const char sought[] = COLUMNS
    " FROM (SELECT bucket FROM rollups WHERE" IN_STRETCH
    " AND mask = 0) b" NAMES_OF("key", "1", "?5") "k" NAMES_OF("model", "2",
	"?6") "m" NAMES_OF("rule", "4", "?7") "r" NAMES_OF("task", "8",
	"?8") "t CROSS JOIN rollups c"
	      " WHERE c.level = ?1 AND c.mask = ?2 AND c.bucket = b.bucket"
	      " AND c.key = k.key AND c.model = m.model AND c.rule = r.rule"
	      " AND c.task = t.task";

static void bind_stretch(
    struct question *question, const struct stretch *stretch, unsigned mask)
{
	sqlite3_bind_int(question->statement, 1, (int)stretch->level);
	sqlite3_bind_int(question->statement, 2, (int)mask);
	sqlite3_bind_int64(question->statement, 3, stretch->from);
	sqlite3_bind_int64(question->statement, 4, stretch->to);
}

/* Of the cells of <mask>: their buckets, rows, and different names. */
static enum result count_cells(struct question *question,
    const struct stretch *stretch, unsigned mask, double counts[3],
    struct error *err)
{
	static const char text[] =
	    "SELECT count(*), total(rows),"
	    " count(DISTINCT key + model + rule + task) FROM rollups"
	    " WHERE" IN_STRETCH " AND mask = ?2";
	int code;

	if (question_prepare(question, text, err) != OK)
		return FAILED;
	bind_stretch(question, stretch, mask);
	code = sqlite3_step(question->statement);
	if (code != SQLITE_ROW)
		return question_fail(question, code, err);
	for (int i = 0; i < 3; i++)
		counts[i] = sqlite3_column_double(question->statement, i);
	return OK;
}

/*
 * Of the full cube, which is large where names combine freely, seeking may
 * read far less than scanning; where a dimension has many names, far more.
 * There are at most as many cells as rows.
 */
static enum result choose_text(struct question *question,
    const struct stretch *stretch, unsigned mask, const char **text,
    struct error *err)
{
	double counts[3], seeks, rows;

	*text = scanned;
	if (mask != ROLLUP_ALL)
		return OK;
	if (count_cells(question, stretch, 0, counts, err) != OK)
		return FAILED;
	seeks = counts[0];
	rows = counts[1];
	for (unsigned dim = 0; dim < ROLLUP_DIMS; dim++) {
		if (question->filters >> dim & 1)
			continue;
		if (count_cells(question, stretch, 1u << dim, counts, err) !=
		    OK)
			return FAILED;
		seeks *= counts[2];
	}
	if (seeks * SEEK_COST < rows)
		*text = sought;
	return OK;
}

enum result question_add(struct question *question,
    const struct stretch *stretch, unsigned wanted,
    const struct question_sink *sink, struct error *err)
{
	unsigned mask = rollup_mask_for(wanted);
	sqlite3_stmt *row;
	const char *text;
	int code;

	if (choose_text(question, stretch, mask, &text, err) != OK ||
	    question_prepare(question, text, err) != OK)
		return FAILED;
	row = question->statement;
	bind_stretch(question, stretch, mask);
	for (int i = 0; i < ROLLUP_DIMS; i++)
		sqlite3_bind_int64(row, 5 + i, question->names[i]);
	while ((code = sqlite3_step(row)) == SQLITE_ROW)
		if (!store_read_cell(
			row, QUESTION_SUMS, sink->place(row, sink->arg))) {
			error_set(
			    err, "%s: a histogram is damaged", question->path);
			return FAILED;
		}
	return code == SQLITE_DONE ? OK : question_fail(question, code, err);
}
