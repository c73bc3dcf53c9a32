/* calibrate.c -- fits the chance of being right to how answers were written. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/calibrate.h"

#include <math.h>
#include <stdlib.h>

enum {
	N = CONFIDENCE_FEATURES,
	M = N + 1, /* and the bias */
	FOLDS = 5,
	ROUNDS = 50,
	BINS = 10
};

#define RIDGE 1.0

/* --- logistic regression ------------------------------------------------ */

/* Rows in a fold's fit: those of other folds; all for FOLDS. */
static bool is_in(size_t row, unsigned left_out)
{
	return row % FOLDS != left_out;
}

static void standardise(const struct calibrate_row *rows, size_t n,
    unsigned left_out, struct confidence_map *map)
{
	for (int k = 0; k < N; k++) {
		double sum = 0, squares = 0, count = 0;

		for (size_t i = 0; i < n; i++) {
			if (!is_in(i, left_out))
				continue;
			sum += rows[i].features[k];
			squares += rows[i].features[k] * rows[i].features[k];
			count++;
		}
		map->means[k] = sum / count;
		squares = squares / count - map->means[k] * map->means[k];
		map->scales[k] = squares > 1e-12 ? sqrt(squares) : 1;
	}
}

/* Solves a x = b for a symmetric, positive definite matrix; x in <b>. */
static void solve(double a[M][M], double b[M])
{
	for (int k = 0; k < M; k++) {
		for (int i = k + 1; i < M; i++) {
			double factor = a[i][k] / a[k][k];

			for (int j = k; j < M; j++)
				a[i][j] -= factor * a[k][j];
			b[i] -= factor * b[k];
		}
	}
	for (int k = M - 1; k >= 0; k--) {
		for (int j = k + 1; j < M; j++)
			b[k] -= a[k][j] * b[j];
		b[k] /= a[k][k];
	}
}

static double chance_of(double score)
{
	return 1 / (1 + exp(-score));
}

/* One step of Newton's method; how far it went. */
static double step(const struct calibrate_row *rows, size_t n,
    unsigned left_out, struct confidence_map *map)
{
	double a[M][M] = {{0}}, b[M] = {0}, x[M], far = 0;

	for (size_t i = 0; i < n; i++) {
		double p, weight;

		if (!is_in(i, left_out))
			continue;
		for (int k = 0; k < N; k++)
			x[k] = (rows[i].features[k] - map->means[k]) /
			       map->scales[k];
		x[N] = 1;
		p = chance_of(confidence_score(map, rows[i].features));
		weight = p * (1 - p) + 1e-9;
		for (int k = 0; k < M; k++) {
			b[k] += ((rows[i].is_right ? 1 : 0) - p) * x[k];
			for (int j = 0; j < M; j++)
				a[k][j] += weight * x[k] * x[j];
		}
	}
	for (int k = 0; k < N; k++) {
		a[k][k] += RIDGE;
		b[k] -= RIDGE * map->weights[k];
	}
	solve(a, b);
	for (int k = 0; k < N; k++) {
		map->weights[k] += b[k];
		far = fmax(far, fabs(b[k]));
	}
	map->bias += b[N];
	return fmax(far, fabs(b[N]));
}

static void fit_weights(const struct calibrate_row *rows, size_t n,
    unsigned left_out, struct confidence_map *map)
{
	memset(map, 0, sizeof(*map));
	standardise(rows, n, left_out, map);
	for (int i = 0; i < ROUNDS; i++) {
		if (step(rows, n, left_out, map) < 1e-9)
			break;
	}
}

/* --- the map ------------------------------------------------------------ */

struct block {
	double score, right, n; /* sums */
};

static double share(const struct block *block)
{
	return block->right / block->n;
}

static int by_score(const void *a, const void *b)
{
	const struct calibrate_row *const *x = a, *const *y = b;

	return ((*x)->score > (*y)->score) - ((*x)->score < (*y)->score);
}

/* Rows of a part, by their score; the caller frees. */
static const struct calibrate_row **sorted(const struct calibrate_row *rows,
    size_t n, unsigned left_out, size_t *count)
{
	const struct calibrate_row **order = mem_alloc(n * sizeof(*order) + 1);

	*count = 0;
	for (size_t i = 0; i < n; i++) {
		if (is_in(i, left_out))
			order[(*count)++] = &rows[i];
	}
	qsort(order, *count, sizeof(*order), by_score);
	return order;
}

/*
 * Rows fall into bins of equal count first, which bounds the points and keeps
 * a single row from making a step; a bin that is not above the one before it
 * joins it. Half a right and half a wrong row are added to each, so that no
 * chance is 0 or 1.
 */
static void fit_map(const struct calibrate_row *rows, size_t n,
    unsigned left_out, struct confidence_map *map)
{
	struct block blocks[CONFIDENCE_POINTS_MAX];
	size_t count, n_blocks = 0, bins;
	const struct calibrate_row **order = sorted(rows, n, left_out, &count);

	bins = count / 10;
	if (bins > CONFIDENCE_POINTS_MAX)
		bins = CONFIDENCE_POINTS_MAX;
	for (size_t bin = 0; bin < bins; bin++) {
		struct block *block = &blocks[n_blocks++];

		*block = (struct block){0};
		for (size_t i = bin * count / bins;
		     i < (bin + 1) * count / bins; i++) {
			block->score += order[i]->score;
			block->right += order[i]->is_right;
			block->n++;
		}
		while (n_blocks > 1 && share(&blocks[n_blocks - 2]) >=
					   share(&blocks[n_blocks - 1])) {
			n_blocks--;
			blocks[n_blocks - 1].score += blocks[n_blocks].score;
			blocks[n_blocks - 1].right += blocks[n_blocks].right;
			blocks[n_blocks - 1].n += blocks[n_blocks].n;
		}
	}
	free(order);
	map->n_points = 0;
	for (size_t i = 0; i < n_blocks; i++) {
		double score = blocks[i].score / blocks[i].n;
		double chance = (blocks[i].right + .5) / (blocks[i].n + 1);
		size_t at = map->n_points;

		/* What was added may turn two steps about; equal scores have
		   one chance. */
		if (at > 0 && (chance < map->points[at - 1].chance ||
				  score <= map->points[at - 1].score))
			continue;
		map->points[map->n_points++] =
		    (struct confidence_point){score, chance};
	}
}

/* --- how good it is ----------------------------------------------------- */

static int by_chance(const void *a, const void *b)
{
	const struct calibrate_row *const *x = a, *const *y = b;

	return ((*x)->chance > (*y)->chance) - ((*x)->chance < (*y)->chance);
}

/* All rows by their chance; the caller frees. */
static const struct calibrate_row **by_rising_chance(
    const struct calibrate_row *rows, size_t n)
{
	const struct calibrate_row **order = mem_alloc(n * sizeof(*order) + 1);

	for (size_t i = 0; i < n; i++)
		order[i] = &rows[i];
	qsort(order, n, sizeof(*order), by_chance);
	return order;
}

double calibrate_auroc(const struct calibrate_row *rows, size_t n)
{
	const struct calibrate_row **order = by_rising_chance(rows, n);
	double wrong = 0, right = 0, pairs = 0;

	for (size_t i = 0; i < n;) {
		double ties_wrong = 0, ties_right = 0;
		size_t k = i;

		for (; k < n && order[k]->chance <= order[i]->chance; k++) {
			ties_right += order[k]->is_right;
			ties_wrong += !order[k]->is_right;
		}
		pairs += ties_right * (wrong + ties_wrong / 2);
		wrong += ties_wrong;
		right += ties_right;
		i = k;
	}
	free(order);
	return right > 0 && wrong > 0 ? pairs / (right * wrong) : 0.5;
}

static double find_ece(const struct calibrate_row *rows, size_t n)
{
	const struct calibrate_row **order = by_rising_chance(rows, n);
	double sum = 0;

	for (size_t bin = 0; bin < BINS; bin++) {
		double far = 0;

		for (size_t i = bin * n / BINS; i < (bin + 1) * n / BINS; i++)
			far += order[i]->chance - (order[i]->is_right ? 1 : 0);
		sum += fabs(far);
	}
	free(order);
	return sum / (double)n;
}

enum result calibrate_fit(struct calibrate_row *rows, size_t n,
    struct confidence_map *map, struct calibrate_quality *quality,
    struct error *err)
{
	size_t right = 0;

	for (size_t i = 0; i < n; i++)
		right += rows[i].is_right;
	if (n < CALIBRATE_ROWS_MIN) {
		error_set(err, "%zu rows: at least %d are needed", n,
		    CALIBRATE_ROWS_MIN);
		return FAILED;
	}
	if (right == 0 || right == n) {
		error_set(err,
		    "of %zu rows %s is right: there is nothing to "
		    "tell apart",
		    n, right ? "every one" : "none");
		return FAILED;
	}
	for (unsigned fold = 0; fold < FOLDS; fold++) {
		fit_weights(rows, n, fold, map);
		for (size_t i = fold; i < n; i += FOLDS)
			rows[i].score = confidence_score(map, rows[i].features);
	}
	for (unsigned fold = 0; fold < FOLDS; fold++) {
		fit_map(rows, n, fold, map);
		for (size_t i = fold; i < n; i += FOLDS)
			rows[i].chance = confidence_chance(map, rows[i].score);
	}
	*quality = (struct calibrate_quality){
	    .share_right = (double)right / (double)n,
	    .auroc = calibrate_auroc(rows, n),
	    .ece = find_ece(rows, n),
	};
	fit_weights(rows, n, FOLDS, map);
	fit_map(rows, n, FOLDS, map);
	return OK;
}

/* --- the file ----------------------------------------------------------- */

static bool write_features(
    struct buf *out, const char *name, const double values[N])
{
	bool ok = buf_printf(out, "  \"%s\": {", name);

	for (int k = 0; ok && k < N; k++)
		ok = buf_printf(out, "%s\"%s\": %.9g", k ? ", " : "",
		    confidence_names[k], values[k]);
	return ok && buf_append(out, SPAN("},\n"));
}

bool calibrate_write(const struct confidence_map *map,
    const struct calibrate_quality *quality, size_t n_rows, struct buf *out)
{
	bool ok =
	    buf_printf(out,
		"{\n  \"rows\": %zu, \"share_right\": %.4f, \"auroc\": %.4f, "
		"\"ece\": %.4f,\n  \"hold\": %u,\n",
		n_rows, quality->share_right, quality->auroc, quality->ece,
		map->hold) &&
	    write_features(out, "means", map->means) &&
	    write_features(out, "scales", map->scales) &&
	    write_features(out, "weights", map->weights) &&
	    buf_printf(out, "  \"bias\": %.9g,\n  \"map\": [", map->bias);

	for (size_t i = 0; ok && i < map->n_points; i++)
		ok = buf_printf(out, "%s[%.9g, %.6f]", i ? ", " : "",
		    map->points[i].score, map->points[i].chance);
	return ok && buf_append(out, SPAN("]\n}\n"));
}
