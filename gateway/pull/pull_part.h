/* pull_part.h -- a file while it is being fetched. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PULL_PULL_PART_H
#define GATEWAY_PULL_PULL_PART_H

#include "net/net.h"

/*
 * The bytes lie in FILE.part and the entity tag that they belong to in
 * FILE.part.etag, so that another process can go on where this one ended. The
 * SHA-256 is of all of them: what was there before is read once more, a slice
 * at a time. FILE appears when size and hash are right and the bytes are on
 * the disk; what is wrong is deleted.
 */
#define PULL_ETAG_MAX 200

struct pull_part {
	char *path; /* FILE */
	char *part; /* FILE.part */
	char *mark; /* FILE.part.etag */
	int fd;
	int64_t have;   /* bytes in it */
	int64_t hashed; /* of them, in <digest> */
	struct digest *digest;
	char etag[PULL_ETAG_MAX + 1]; /* "": not known, so never resumed */
};

/* <path> is FILE; makes its folder. Takes a copy. */
enum result pull_part_open(
    struct pull_part *part, const char *path, struct error *err) must_check;

/*
 * Opens FILE itself where it has <size> bytes, only to be hashed; false where
 * it is not there, or of another size.
 */
bool pull_part_open_whole(
    struct pull_part *part, const char *path, int64_t size) must_check;

/* Whether all of it is hashed, to <sha>. */
bool pull_part_is(const struct pull_part *part, const struct sha256 *sha);

/* Keeps what is there for the next time. Harmless when it is not open. */
void pull_part_close(struct pull_part *part);

/* Hashes the next slice of what was there; AGAIN while some is left. */
enum result pull_part_hash(
    struct pull_part *part, struct error *err) must_check;

/* Drops what is there; the bytes to come belong to <etag>, which is cut. */
enum result pull_part_restart(
    struct pull_part *part, struct span etag, struct error *err) must_check;

/* Appends; all before must be hashed. */
enum result pull_part_write(
    struct pull_part *part, struct span bytes, struct error *err) must_check;

/*
 * The end: <size> (-1: not known) and <sha> (NULL: not known) must be right,
 * else it is deleted and FAILED names both. OK: FILE is there.
 */
enum result pull_part_finish(struct pull_part *part, int64_t size,
    const struct sha256 *sha, struct error *err) must_check;

/* Deletes what is there. */
void pull_part_delete(struct pull_part *part);

#endif
