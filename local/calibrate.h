/* calibrate.h -- fits the chance of being right to how answers were written. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CALIBRATE_H
#define LOCAL_CALIBRATE_H

#include "local/confidence.h"

/*
 * Weights by logistic regression with a ridge, then a monotone map by pooling
 * adjacent violators. Nothing is judged by what it was fitted on: the rows are
 * cut into five parts, each row's chance comes from a fit on the other four,
 * and the map that is kept is made from such scores too.
 */
struct calibrate_row {
	double features[CONFIDENCE_FEATURES];
	bool is_right;
	double chance; /* out: by the fits that did not see it */
	double score;  /* out: likewise */
};

#define CALIBRATE_ROWS_MIN 50

struct calibrate_quality {
	double share_right; /* of all rows */
	double auroc;       /* of the rows' chances; 0.5 is guessing */
	double ece;         /* mean distance of chance and share, ten bins of
			       equal count */
};

/*
 * Fits <map> to rows (n). FAILED when there are fewer than CALIBRATE_ROWS_MIN,
 * or all are right, or none is.
 */
enum result calibrate_fit(struct calibrate_row *rows, size_t n,
    struct confidence_map *map, struct calibrate_quality *quality,
    struct error *err) must_check;

/* The chance that a right row's score is above a wrong one's, ties half. */
double calibrate_auroc(const struct calibrate_row *rows, size_t n);

/* Appends the calibration file's text, which confidence_map_new reads. */
bool calibrate_write(const struct confidence_map *map,
    const struct calibrate_quality *quality, size_t n_rows,
    struct buf *out) must_check;

#endif
