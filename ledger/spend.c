/* spend.c -- sums over the ledger: in all, and by key, model, rule or day. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "ledger/idmap.h"
#include "ledger/names.h"
#include "ledger/read.h"

/* "2026-11-23" and its NUL. */
#define DAY_TEXT_MAX 11
#define NS_PER_DAY (86400 * NS_PER_S)

struct summing {
	struct ledger_query query;
	struct ledger_spend *spend;
	size_t cap;            /* of spend->rows */
	struct names names;    /* each with its row's index, plus 1, as id */
	struct idmap requests; /* to the row that counts the request */
	int64_t day;           /* the one that <day_row> is for */
	size_t day_row;
};

static void add(int64_t *sum, int64_t amount)
{
	if (amount != MONEY_UNPRICED &&
	    __builtin_add_overflow(*sum, amount, sum))
		*sum = amount > 0 ? INT64_MAX : -INT64_MAX;
}

static void add_row(struct ledger_sum *sum, const struct ledger_row *row)
{
	const struct ledger_settle *settle = &row->settle;

	sum->cache_hits += row->reserve.kind == LEDGER_CACHE_HIT;
	sum->unknown += row->state == LEDGER_UNKNOWN;
	if (row->state != LEDGER_SETTLED)
		return;
	sum->estimated += settle->is_estimated;
	sum->unpriced += settle->cost_nano == MONEY_UNPRICED ||
			 settle->baseline_nano == MONEY_UNPRICED ||
			 settle->saved_nano == MONEY_UNPRICED;
	add(&sum->cost_nano, settle->cost_nano);
	add(&sum->baseline_nano, settle->baseline_nano);
	add(&sum->saved_nano, settle->saved_nano);
}

/* The index of the table's row of that name, made when new. */
static size_t row_named(struct summing *summing, const char *text)
{
	struct name *name = names_intern(&summing->names, span_of(text));
	struct ledger_spend *spend = summing->spend;

	if (name->id == 0) {
		if (spend->n_rows == summing->cap) {
			summing->cap = summing->cap ? summing->cap * 2 : 16;
			spend->rows = mem_realloc(
			    spend->rows, summing->cap * sizeof(*spend->rows));
		}
		spend->rows[spend->n_rows++] =
		    (struct ledger_sum){.name = mem_strdup(text)};
		name->id = (uint32_t)spend->n_rows;
	}
	return name->id - 1;
}

static size_t row_of_day(struct summing *summing, int64_t utc_ns)
{
	int64_t day = utc_ns / NS_PER_DAY - (utc_ns % NS_PER_DAY < 0);
	char text[CLOCK_TEXT_MAX];

	/* Rows come in order of time, so that days change rarely. */
	if (summing->spend->n_rows == 0 || day != summing->day) {
		clock_format_utc(utc_ns, text);
		text[DAY_TEXT_MAX - 1] = '\0';
		summing->day = day;
		summing->day_row = row_named(summing, text);
	}
	return summing->day_row;
}

/* The row of the table that <row> falls in. */
static size_t choose_row(
    struct summing *summing, const struct ledger_reserve *reserve)
{
	switch (summing->query.by) {
	case LEDGER_BY_KEY:
		return row_named(summing, reserve->key);
	case LEDGER_BY_MODEL:
		return row_named(summing, reserve->model);
	case LEDGER_BY_RULE:
		return row_named(summing, reserve->rule);
	case LEDGER_BY_TASK:
		return row_named(summing, reserve->task);
	case LEDGER_BY_DAY:
		return row_of_day(summing, reserve->utc_ns);
	case LEDGER_BY_NOTHING:
		break;
	}
	return 0;
}

/* Counts the request once, in the table under its last attempt. */
static void count_request(
    struct summing *summing, const struct ledger_reserve *reserve, size_t index)
{
	struct ledger_sum *rows = summing->spend->rows;
	uint64_t *before = idmap_put(&summing->requests, &reserve->request);

	if (*before == IDMAP_NONE)
		summing->spend->total.requests++;
	else if (rows)
		rows[*before].requests--;
	if (rows)
		rows[index].requests++;
	*before = index;
}

static bool take_row(const struct ledger_row *row, void *arg)
{
	struct summing *summing = arg;
	size_t index = choose_row(summing, &row->reserve);

	add_row(&summing->spend->total, row);
	if (summing->spend->rows)
		add_row(&summing->spend->rows[index], row);
	count_request(summing, &row->reserve, index);
	return true;
}

static void take_damage(const struct ledger_damage *damage, void *arg)
{
	struct summing *summing = arg;

	(void)damage;
	summing->spend->n_damages++;
}

static int compare_names(const void *left, const void *right)
{
	const struct ledger_sum *a = left, *b = right;

	return strcmp(a->name, b->name);
}

static int compare_costs(const void *left, const void *right)
{
	const struct ledger_sum *a = left, *b = right;

	if (a->cost_nano != b->cost_nano)
		return a->cost_nano > b->cost_nano ? -1 : 1;
	return strcmp(a->name, b->name);
}

enum result ledger_spend(const char *directory,
    const struct ledger_query *query, struct ledger_spend *spend,
    struct error *err)
{
	struct summing summing = {.query = *query, .spend = spend};
	const struct read_plan plan = {
	    .directory = directory,
	    .since_ns = query->since_ns ? query->since_ns : INT64_MIN,
	    .until_ns = query->until_ns ? query->until_ns : INT64_MAX,
	    .io = &segment_io_real,
	    .row = take_row,
	    .damage = take_damage,
	    .arg = &summing,
	};
	enum result result;

	*spend = (struct ledger_spend){.total = {.name = ""}};
	result = read_rows(&plan, err);
	if (result != OK)
		ledger_spend_free(spend);
	else if (spend->n_rows > 0)
		qsort(spend->rows, spend->n_rows, sizeof(*spend->rows),
		    query->by == LEDGER_BY_DAY ? compare_names : compare_costs);
	idmap_free(&summing.requests);
	names_clear(&summing.names);
	return result;
}

void ledger_spend_free(struct ledger_spend *spend)
{
	for (size_t i = 0; i < spend->n_rows; i++) {
		/* The table owns its names; the type says const to readers. */
		void *name;

		memcpy(&name, &spend->rows[i].name, sizeof(name));
		free(name);
	}
	free(spend->rows);
	*spend = (struct ledger_spend){.total = {.name = ""}};
}
