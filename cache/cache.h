/* cache.h -- answers from before: their key, two stores, and flights. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

/*
 * A request that may be answered from before has a key: SHA-256 over who asks,
 * what would answer and the canonical request. An answer is kept as an entry,
 * immutable and counted by references: in the memory store, which all workers
 * share, and, where configured, in Redis, which replicas share; the memory
 * store then stands in front of it as the near cache. While an answer is being
 * made, equal requests attend its flight instead of asking the upstream again.
 *
 * Everything here fails open: what cannot be read, does not match or comes late
 * is a miss, and is counted.
 */
#include "cache/entry.h"
#include "cache/flight.h"
#include "cache/key.h"
#include "cache/memory_store.h"
#include "cache/redis.h"

#endif
