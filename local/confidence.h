/* confidence.h -- how likely an answer is right, from how it was written. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CONFIDENCE_H
#define LOCAL_CONFIDENCE_H

#include "local/sample.h"

/*
 * The summary of a text's choices (their log-probabilities, margins, entropies,
 * the worst stretch) becomes one score, and a fitted, monotone map turns the
 * score into the share of answers like it that were right. `sluice calibrate`
 * fits the map of one model on rows whose answers are known. Without one the
 * score itself stands for it, which orders answers but promises nothing.
 */
struct confidence_map;

/*
 * Reads the text of a calibration file. NULL with what is wrong with it in
 * <err>.
 */
struct confidence_map *confidence_map_new(
    struct span text, struct error *err) must_check;
void confidence_map_free(struct confidence_map **map);

/*
 * 0 to 1, of a text so far; <map> may be NULL. 0.5 for no tokens. Any thread.
 */
double confidence_of(
    const struct confidence_map *map, const struct sample_summary *summary);

#endif
