/* confidence.h -- how likely an answer is right, from how it was written. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CONFIDENCE_H
#define LOCAL_CONFIDENCE_H

#include "local/sample.h"

/*
 * The summary of a text's choices becomes a handful of features, these by a
 * fitted weight each one score, and a fitted, monotone map turns the score into
 * the share of answers like it that were right. `sluice calibrate` fits weights
 * and map of one model on rows whose answers are known. Without them the mean
 * log-probability's exponential stands in, which orders answers but promises
 * nothing.
 */
enum {
	CONFIDENCE_FEATURES = 8,
	CONFIDENCE_POINTS_MAX = 64
};

/* Their names, in the order of all arrays here: "mean_logprob" ... */
extern const char *const confidence_names[CONFIDENCE_FEATURES];

/* The features of a text of at least one token; zeros for none. */
void confidence_features(
    const struct sample_summary *summary, double out[CONFIDENCE_FEATURES]);

struct confidence_point {
	double score, chance;
};

struct confidence_map {
	/* score = bias + sum of weights * (feature - means) / scales */
	double means[CONFIDENCE_FEATURES], scales[CONFIDENCE_FEATURES];
	double weights[CONFIDENCE_FEATURES], bias;
	/* (n_points) both ascending; between them a straight line, outside of
	   them the nearest. */
	struct confidence_point points[CONFIDENCE_POINTS_MAX];
	size_t n_points;
	uint32_t hold; /* tokens of each answer that it was fitted on; 0: all */
};

/*
 * Reads the text of a calibration file into a new map. NULL with what is wrong
 * with it in <err>.
 */
struct confidence_map *confidence_map_new(
    struct span text, struct error *err) must_check;
void confidence_map_free(struct confidence_map **map);

double confidence_score(const struct confidence_map *map,
    const double features[CONFIDENCE_FEATURES]);

/* The chance that the map gives a score. */
double confidence_chance(const struct confidence_map *map, double score);

/*
 * 0 to 1, of a text so far; <map> may be NULL. 0.5 for no tokens. Any thread.
 */
double confidence_of(
    const struct confidence_map *map, const struct sample_summary *summary);

#endif
