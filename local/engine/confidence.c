/* confidence.c -- how likely an answer is right, from how it was written. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/confidence.h"

#include <math.h>
#include <stdlib.h>

#include "base/json.h"

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define LOWEST (-20.0) /* nat; what is less likely is as good as that */

const char *const confidence_names[CONFIDENCE_FEATURES] = {
    "mean_logprob",
    "min_logprob",
    "min_window_logprob",
    "first_logprob",
    "margin_p10",
    "margin_median",
    "mean_entropy",
    "log_tokens",
};

static double bounded(double value)
{
	return value > LOWEST ? value : LOWEST;
}

void confidence_features(
    const struct sample_summary *summary, double out[CONFIDENCE_FEATURES])
{
	uint32_t n = summary->n;
	uint32_t first = n < SAMPLE_FIRST ? n : SAMPLE_FIRST;

	memset(out, 0, CONFIDENCE_FEATURES * sizeof(*out));
	if (n == 0)
		return;
	out[0] = bounded(sample_mean_logprob(summary));
	out[1] = bounded((double)summary->min_logprob);
	out[2] = bounded((double)summary->min_window);
	out[3] = bounded(summary->sum_first / first);
	out[4] = sample_margin(summary, 0.1);
	out[5] = sample_margin(summary, 0.5);
	out[6] = summary->sum_entropy / n;
	out[7] = log((double)n);
}

double confidence_score(const struct confidence_map *map,
    const double features[CONFIDENCE_FEATURES])
{
	double score = map->bias;

	for (int i = 0; i < CONFIDENCE_FEATURES; i++)
		score += map->weights[i] * (features[i] - map->means[i]) /
			 map->scales[i];
	return score;
}

double confidence_chance(const struct confidence_map *map, double score)
{
	const struct confidence_point *p = map->points;
	size_t i = 1;

	if (score <= p[0].score)
		return p[0].chance;
	while (i < map->n_points && score > p[i].score)
		i++;
	if (i == map->n_points)
		return p[i - 1].chance;
	return p[i - 1].chance + (p[i].chance - p[i - 1].chance) *
				     (score - p[i - 1].score) /
				     (p[i].score - p[i - 1].score);
}

double confidence_of(
    const struct confidence_map *map, const struct sample_summary *summary)
{
	double features[CONFIDENCE_FEATURES];

	if (summary->n == 0)
		return 0.5;
	if (!map)
		return exp(bounded(sample_mean_logprob(summary)));
	confidence_features(summary, features);
	return confidence_chance(map, confidence_score(map, features));
}

/* --- the file ----------------------------------------------------------- */

struct reading {
	struct json_doc doc;
	struct confidence_map *map;
	struct error *err;
};

static bool number_at(
    const struct reading *r, uint32_t node, const char *name, double *out)
{
	if (node != JSON_NONE && json_double(&r->doc, node, out) &&
	    isfinite(*out))
		return true;
	error_set(r->err, "\"%s\" must be a number", name);
	return false;
}

/* {"name": number, ...} with every feature's name. */
static bool read_features(
    const struct reading *r, const char *name, double out[CONFIDENCE_FEATURES])
{
	uint32_t map = json_find(&r->doc, 0, span_of(name));

	if (map == JSON_NONE || !json_is(&r->doc, map, JSON_OBJECT)) {
		error_set(r->err, "\"%s\" must be an object", name);
		return false;
	}
	for (int i = 0; i < CONFIDENCE_FEATURES; i++) {
		const char *feature = confidence_names[i];

		if (!number_at(r, json_find(&r->doc, map, span_of(feature)),
			feature, &out[i]))
			return false;
	}
	return true;
}

static bool add_point(const struct reading *r, double score, double chance)
{
	struct confidence_map *map = r->map;
	const struct confidence_point *last =
	    map->n_points ? &map->points[map->n_points - 1] : NULL;

	if (map->n_points == CONFIDENCE_POINTS_MAX || chance < 0 ||
	    chance > 1 ||
	    (last && (score <= last->score || chance < last->chance))) {
		error_set(r->err,
		    "\"map\" must be up to %d pairs [score, chance], both "
		    "rising",
		    CONFIDENCE_POINTS_MAX);
		return false;
	}
	map->points[map->n_points++] = (struct confidence_point){score, chance};
	return true;
}

static bool read_points(const struct reading *r)
{
	const struct json_doc *doc = &r->doc;
	uint32_t list = json_find(doc, 0, SPAN("map"));
	double score, chance;

	if (list == JSON_NONE || !json_is(doc, list, JSON_ARRAY) ||
	    json_count(doc, list) == 0) {
		error_set(r->err, "\"map\" must be a list of pairs");
		return false;
	}
	json_for_each(doc, list, pair) {
		if (!json_is(doc, pair, JSON_ARRAY) ||
		    json_count(doc, pair) != 2) {
			error_set(r->err, "\"map\" must be a list of pairs");
			return false;
		}
		if (!number_at(r, pair + 1, "map", &score) ||
		    !number_at(r, pair + 2, "map", &chance) ||
		    !add_point(r, score, chance))
			return false;
	}
	return true;
}

static bool read_map(const struct reading *r)
{
	const struct json_doc *doc = &r->doc;
	struct confidence_map *map = r->map;
	double hold = 0;

	if (!json_is(doc, 0, JSON_OBJECT)) {
		error_set(r->err, "a calibration must be an object");
		return false;
	}
	if (!read_features(r, "means", map->means) ||
	    !read_features(r, "scales", map->scales) ||
	    !read_features(r, "weights", map->weights) ||
	    !number_at(
		r, json_find(doc, 0, SPAN("bias")), "bias", &map->bias) ||
	    !number_at(r, json_find(doc, 0, SPAN("hold")), "hold", &hold))
		return false;
	for (int i = 0; i < CONFIDENCE_FEATURES; i++) {
		if (map->scales[i] > 0)
			continue;
		error_set(r->err, "\"scales\" must be above 0");
		return false;
	}
	map->hold = hold > 0 && hold < 1e9 ? (uint32_t)hold : 0;
	return read_points(r);
}

struct confidence_map *confidence_map_new(struct span text, struct error *err)
{
	struct reading r = {.err = err};
	struct json_fault fault;
	struct arena arena;

	arena_init(&arena, FILE_MAX_BYTES * 4);
	r.map = mem_new(struct confidence_map);
	if (text.len > FILE_MAX_BYTES ||
	    !json_parse(text, &arena, &r.doc, &fault)) {
		error_set(err, "a calibration must be a JSON object of at most "
			       "1 MiB");
		confidence_map_free(&r.map);
	} else if (!read_map(&r)) {
		confidence_map_free(&r.map);
	}
	arena_free(&arena);
	return r.map;
}

void confidence_map_free(struct confidence_map **map)
{
	free(*map);
	*map = NULL;
}
