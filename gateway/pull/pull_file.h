/* pull_file.h -- one file from the hub to the disk, however often it is cut. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PULL_PULL_FILE_H
#define GATEWAY_PULL_PULL_FILE_H

#include "gateway/pull/pull_answer.h"
#include "gateway/pull/pull_fetch.h"
#include "gateway/pull/pull_listing.h"
#include "gateway/pull/pull_part.h"
#include "gateway/pull/pull_progress.h"

/*
 * Walks through: what is there already is checked or hashed, the rest is asked
 * for by range, a cut asks again from where it came, and at the end size and
 * hash are checked. A server that has another entity tag now, or that does not
 * know ranges, makes it begin anew.
 */
struct pull_file;

/* What all files of a pull share. */
struct pull_work {
	struct pull_hub *hub;
	const struct pull_name *name;
	const char *page;   /* the model's, for people */
	const char *commit; /* that all files are of */
	const char *folder; /* they are put in */
	bool trusts_names;  /* what has its name and size is whole; else what
			       has its size and SHA-256 */
	struct pull_progress *progress;
	/* Over: OK, or FAILED for good with why; from the loop, once. It may
	 * start others, and frees none. */
	void (*on_over)(struct pull_file *file, enum result result, void *arg);
	void *arg;
};

/* Starts; <entry> and <work> must live as long. */
struct pull_file *pull_file_start(
    const struct pull_work *work, const struct pull_entry *entry);

/* Stops it, if it is not over, keeping its bytes for the next time. */
void pull_file_free(struct pull_file **file);

const struct pull_entry *pull_file_entry(const struct pull_file *file);

/* Why it is over, where it FAILED. */
const struct error *pull_file_error(const struct pull_file *file);

#endif
