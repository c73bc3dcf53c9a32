/* pull_store.h -- the folders that pulled models lie in. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PULL_PULL_STORE_H
#define GATEWAY_PULL_PULL_STORE_H

#include "gateway/pull/pull_name.h"

/*
 * One repository's place: its folder in the cache, or the one that --to names,
 * held by a lock file while a pull writes there. In the cache each commit has
 * a folder of its own; --to's is the one folder for all.
 */
struct pull_store {
	char *root;
	bool is_cache;
	int lock; /* descriptor, -1: not held */
};

/* <to> NULL: the cache. Creates nothing yet; FAILED where there is no home. */
enum result pull_store_open(struct pull_store *store,
    const struct pull_name *name, const char *to, struct error *err) must_check;
void pull_store_close(struct pull_store *store);

/*
 * Makes the root and takes its lock, waiting for another process that has it,
 * which is said on standard error.
 */
enum result pull_store_lock(
    struct pull_store *store, struct error *err) must_check;

/* Where the files of <commit> lie; malloc'ed, the caller's. */
char *pull_store_folder(const struct pull_store *store, const char *commit);

/*
 * Notes that <revision> was <commit>, and for a pull without a file that all
 * of it is there and that <open>, "." or a file, is what a model is opened by.
 * The cache only.
 */
enum result pull_store_note(const struct pull_store *store,
    const char *revision, const char *commit, struct error *err) must_check;
enum result pull_store_seal(const struct pull_store *store, const char *commit,
    const char *open, struct error *err) must_check;

/* The path to open what <name> says by, if all of it is there; else NULL. */
char *pull_store_find(
    const struct pull_store *store, const struct pull_name *name);

/* FAILED, saying both sizes, where <bytes> more would not fit. */
enum result pull_store_has_room(const struct pull_store *store, int64_t bytes,
    struct error *err) must_check;

/* Makes every folder that leads to <path>, which is a file's. */
enum result pull_make_folders(const char *path, struct error *err) must_check;

/* "a/b" of "a" and "b"; malloc'ed. */
char *pull_join(const char *folder, const char *name);

#endif
