/* provider.h -- what the parts of the fake provider share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_PROVIDER_PROVIDER_H
#define FAKE_PROVIDER_PROVIDER_H

#include <stdatomic.h>

#include "net/net.h"

/*
 * One process, N workers, each with its own loop and its own listener on the
 * same port; the control port belongs to the first. What workers share is
 * either set before they start or guards itself: scripts, records, the billing
 * log and the counters below.
 */
#define PROVIDER_CREATED "1767225600" /* every answer's: 2026-01-01 */

/* A request's head as the codec reads it, and how large a body may be. */
#define PROVIDER_BODY_MAX ((size_t)16 * 1024 * 1024)

struct billed;
struct records;
struct scripts;

struct provider {
	const char *api_key; /* NULL: any, or none */
	struct span models;  /* comma list */
	unsigned tokens;     /* of an answer that nothing else sets */
	int64_t pace;        /* ms between events, the same */
	int64_t idle_ns;     /* before a connection without a request ends */
	bool shares_port;    /* there is more than one worker */
	struct tls_context *tls;
	struct billed *billed;   /* NULL: nobody asks */
	struct records *records; /* NULL: nobody asks */
	struct scripts *scripts; /* NULL: none can come */
	atomic_uint_fast64_t connections;
};

struct billing;

/* One thread's state; scratch is good until its next request. */
struct worker {
	struct provider *provider;
	struct loop *loop;
	struct billing *billing; /* NULL like provider->billed */
	struct list callers;
	struct http1_head head;
	struct buf scratch;
	struct buf text;
	struct buf pieces;
};

#endif
