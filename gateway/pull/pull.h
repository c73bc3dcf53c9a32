/* pull.h -- models by name: fetched from a hub, and found where they lie. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PULL_PULL_H
#define GATEWAY_PULL_PULL_H

#include "gateway/pull/pull_name.h"

/*
 * A model is named hf:owner/name[@revision][:file]. `sluice pull` asks the hub
 * which commit the revision is, and fetches all by that commit into
 *
 *     ${SLUICE_CACHE:-${XDG_CACHE_HOME:-~/.cache}/sluice}/models/hf/
 *         owner/name/<commit>/config.json ...
 *         owner/name/refs/<revision>      the commit that it was
 *
 * Each file is written as FILE.part, its size and SHA-256 are checked, and
 * only then does it get its name; <commit>/.complete comes last. So what has
 * its name is whole, whatever happened on the way.
 */

/* What `sluice pull` was told. */
struct pull_options {
	const char *name;
	const char *to;       /* a folder instead of the cache, or NULL */
	const char *endpoint; /* HF_ENDPOINT, or NULL: the hub itself */
	const char *token;    /* HF_TOKEN, or NULL */
	int64_t timeout_ns;   /* of a connection, a silence */
	unsigned tries;       /* in a row without progress, for each file */
};

/*
 * Fetches; the progress goes to standard error. Sets <path> (malloc'ed, the
 * caller's) to what a model is opened by: the folder, or the one file.
 */
enum result pull_run(const struct pull_options *options, char **path,
    struct error *err) must_check;

/*
 * Where a pulled model lies: a malloc'ed path to open it by, or NULL with what
 * to do in <err>. Asks nobody but the file system. <text> is a name.
 */
char *pull_resolve(const char *text, struct error *err) must_check;

#endif
