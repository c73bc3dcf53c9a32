/* hosts.h -- inside net/: the hosts file. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_HOSTS_H
#define NET_HOSTS_H

#include "base/base.h"
#include "net/resolve.h"

/*
 * The file is kept as text and searched line by line: names are looked up
 * when a connection is made and nothing is remembered of them, which is rare,
 * and the file is short. It is read again when it has changed.
 */
#define HOSTS_BYTES_MAX (1024 * 1024) /* what lies behind is not read */

/* What is known of a name, before ports and order. */
struct address_set {
	size_t n_v4;
	size_t n_v6;
	struct in_addr v4[RESOLVE_FAMILY_MAX];
	struct in6_addr v6[RESOLVE_FAMILY_MAX];
};

/* Drop what no longer fits. */
void address_set_add_v4(struct address_set *set, const struct in_addr *address);
void address_set_add_v6(
    struct address_set *set, const struct in6_addr *address);

/*
 * The addresses with <port>, families taking turns. IPv4 goes first: on
 * servers a broken IPv6 is much commoner than a broken IPv4. <turn> rotates
 * each family, so that connections spread over a name's addresses.
 */
void address_set_order(const struct address_set *set, uint16_t port,
    unsigned turn, struct addresses *out);

/* Tells a changed file from the one that was read. */
struct file_mark {
	int64_t mtime_ns;
	int64_t size;
	uint64_t inode;
};

/* Whether <path> is no longer as <mark> says; brings <mark> up to date. */
bool file_mark_changed(struct file_mark *mark, const char *path);

struct hosts {
	char *text; /* NULL when the file cannot be read */
	size_t len;
};

/* Replaces what was read before. */
void hosts_load(struct hosts *hosts, const char *path);
void hosts_clear(struct hosts *hosts);

/*
 * All addresses of <name> (any case); false when the file has none. localhost
 * and what ends in .localhost are known without a file (RFC 6761, 6.3).
 */
bool hosts_find(
    const struct hosts *hosts, struct span name, struct address_set *out);

#endif
