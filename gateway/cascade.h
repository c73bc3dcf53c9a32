/* cascade.h -- what giving unsure answers up costs, and what it is good for. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_CASCADE_H
#define GATEWAY_CASCADE_H

#include "base/base.h"

/*
 * Each row was answered by the local model, right or wrong, with a chance of
 * being right; another model would have answered it with some quality. For a
 * mark, rows whose chance lies below it go to the other model after the local
 * one has tried.
 */
struct cascade_row {
	double chance;
	bool is_right;
	double strong; /* quality of the other model's answer, 0..1 */
};

struct cascade_cost {
	double local, strong; /* of one answer, in any unit */
};

struct cascade_point {
	double mark;
	double share;   /* of the rows that are given up */
	double kept;    /* share of the kept ones that is right; NAN: none */
	double quality; /* of all answers together */
	double cost;    /* of one answer, on average */
	double random;  /* quality if as many were given up by lot */
};

/* The point of one mark; rows (n), n at least 1. */
struct cascade_point cascade_at(const struct cascade_row *rows, size_t n,
    const struct cascade_cost *cost, double mark);

/*
 * Appends an SVG image of quality by share given up, for every mark there is,
 * beside giving up by lot.
 */
bool cascade_plot(const struct cascade_row *rows, size_t n,
    const struct cascade_cost *cost, struct buf *out) must_check;

#endif
