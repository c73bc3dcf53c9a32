/* pull_listing.h -- what a hub says of a model: commit, licence, files. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PULL_PULL_LISTING_H
#define GATEWAY_PULL_PULL_LISTING_H

#include "gateway/pull/pull_name.h"

#define PULL_LISTING_BYTES_MAX ((size_t)32 << 20)
#define PULL_ENTRIES_MAX 65536

struct pull_entry {
	const char *path; /* below the repository, safe */
	int64_t size;     /* bytes; -1: not said */
	bool has_sha;
	struct sha256 sha;
};

struct pull_listing {
	struct arena arena; /* holds the rest */
	char commit[PULL_COMMIT_LEN + 1];
	const char *id;      /* owner/name as the hub has it now, or NULL */
	const char *licence; /* NULL: not said */
	struct pull_entry *entries;
	size_t n;
};

/*
 * Reads the answer to GET /api/models/owner/name/revision/REVISION?blobs=true.
 * FAILED with the member at fault when it is not one, and when a path in it
 * would lead out of a folder: then <listing> holds nothing.
 */
enum result pull_listing_read(struct pull_listing *listing, struct span json,
    struct error *err) must_check;
void pull_listing_free(struct pull_listing *listing);

/* The entry of <path>, or NULL. */
const struct pull_entry *pull_listing_find(
    const struct pull_listing *listing, struct span path);

#endif
