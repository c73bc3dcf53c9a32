/* hash.h -- SHA-256 for keys and secrets, CRC-32C for records, a fast hash. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/span.h"

#define SHA256_LEN 32

struct sha256 {
	uint8_t bytes[SHA256_LEN];
};

/* SHA-256 of <bytes>. Thread-safe, allocates nothing after a thread's first. */
struct sha256 hash_sha256(struct span bytes);

/* Equal or not, in time that depends on neither. */
bool hash_eq_constant_time(const struct sha256 *a, const struct sha256 *b);

/* 64 hexadecimal digits in either case to a digest; false when ill-formed. */
bool hash_parse_hex(struct span text, struct sha256 *out);

/*
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4) of <len> bytes, going on from
 * <crc> (0 to start).
 */
uint32_t hash_crc32c(uint32_t crc, const void *bytes, size_t len);

/* The same without the processor's help: what hash_crc32c is tested against. */
uint32_t hash_crc32c_portable(uint32_t crc, const void *bytes, size_t len);

/* A fast hash for in-process tables; not for untrusted keys without a seed. */
uint64_t hash_fast(struct span bytes, uint64_t seed);

#endif
