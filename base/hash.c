/* hash.c -- SHA-256, CRC-32C and a fast hash. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* --- SHA-256 ---------------------------------------------------------------
 */

/*
 * EVP_Digest looks the algorithm up and allocates a context at every call,
 * which costs more than hashing a key. So the algorithm is fetched once and
 * each thread keeps one context, freed when the thread ends.
 */
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;
static pthread_key_t sha256_key;
static EVP_MD *sha256_md;
static _Thread_local EVP_MD_CTX *sha256_ctx;

/* OpenSSL fails here only without memory or without its own SHA-256. */
static void require(bool is_fine)
{
	if (is_fine)
		return;
	fputs("sluice: OpenSSL cannot compute SHA-256; check its "
	      "configuration and the memory limit\n",
	    stderr);
	abort();
}

static void free_context(void *ctx)
{
	EVP_MD_CTX_free(ctx);
	sha256_ctx = NULL;
}

static void fetch_sha256(void)
{
	sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
	require(sha256_md != NULL);
	require(pthread_key_create(&sha256_key, free_context) == 0);
}

static EVP_MD_CTX *thread_context(void)
{
	if (sha256_ctx)
		return sha256_ctx;
	pthread_once(&sha256_once, fetch_sha256);
	sha256_ctx = EVP_MD_CTX_new();
	require(sha256_ctx != NULL);
	require(pthread_setspecific(sha256_key, sha256_ctx) == 0);
	return sha256_ctx;
}

struct sha256 hash_sha256(struct span bytes)
{
	EVP_MD_CTX *ctx = thread_context();
	struct sha256 digest = {0};
	unsigned len = 0;

	require(EVP_DigestInit_ex2(ctx, sha256_md, NULL) == 1 &&
		EVP_DigestUpdate(ctx, bytes.ptr, bytes.len) == 1 &&
		EVP_DigestFinal_ex(ctx, digest.bytes, &len) == 1 &&
		len == SHA256_LEN);
	return digest;
}

bool hash_eq_constant_time(const struct sha256 *a, const struct sha256 *b)
{
	return CRYPTO_memcmp(a->bytes, b->bytes, SHA256_LEN) == 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hash_parse_hex(struct span text, struct sha256 *out)
{
	struct sha256 digest = {0};

	if (text.len != 2 * (size_t)SHA256_LEN)
		return false;
	for (size_t i = 0; i < SHA256_LEN; i++) {
		int high = hex_digit(text.ptr[2 * i]);
		int low = hex_digit(text.ptr[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		digest.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*out = digest;
	return true;
}

/* --- CRC-32C ---------------------------------------------------------------
 */

#define CRC32C_POLYNOMIAL UINT32_C(0x82f63b78) /* 0x1edc6f41, reflected */

static pthread_once_t crc_once = PTHREAD_ONCE_INIT;
static uint32_t crc_table[256]; /* remainder of each byte, one step */

static void fill_crc_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
		crc_table[i] = crc;
	}
}

uint32_t hash_crc32c_portable(uint32_t crc, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	pthread_once(&crc_once, fill_crc_table);
	crc = ~crc;
	for (size_t i = 0; i < len; i++)
		crc = crc >> 8 ^ crc_table[(crc ^ p[i]) & 0xff];
	return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(
    uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t wide = ~crc;

	for (; len >= 8; p += 8, len -= 8) {
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		wide = _mm_crc32_u64(wide, word);
	}
	crc = (uint32_t)wide;
	for (; len > 0; p++, len--)
		crc = _mm_crc32_u8(crc, *p);
	return ~crc;
}

uint32_t hash_crc32c(uint32_t crc, const void *bytes, size_t len)
{
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse42(crc, bytes, len);
	return hash_crc32c_portable(crc, bytes, len);
}
#else
uint32_t hash_crc32c(uint32_t crc, const void *bytes, size_t len)
{
	return hash_crc32c_portable(crc, bytes, len);
}
#endif

/* --- the fast hash ---------------------------------------------------------
 */

/* Odd numbers from the square roots of 2, 3 and 5: nothing up the sleeve. */
#define MIX_A UINT64_C(0x6a09e667f3bcc909)
#define MIX_B UINT64_C(0xbb67ae8584caa73b)
#define MIX_C UINT64_C(0x3c6ef372fe94f82b)

/* A 64 by 64 bit product folded on itself: every bit reaches every other. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Up to 8 bytes as one little number; a load when there are eight. */
static uint64_t load(const char *p, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, p, len < 8 ? len : 8);
	return word;
}

uint64_t hash_fast(struct span bytes, uint64_t seed)
{
	uint64_t state = mix(seed ^ MIX_A, bytes.len ^ MIX_B);
	const char *p = bytes.ptr;
	size_t len = bytes.len;

	for (; len > 16; p += 16, len -= 16)
		state = mix(
		    load(p, 8) ^ state ^ MIX_B, load(p + 8, 8) ^ state ^ MIX_C);
	if (len > 8)
		state = mix(load(p, 8) ^ state ^ MIX_B,
		    load(p + 8, len - 8) ^ state ^ MIX_C);
	else if (len > 0)
		state = mix(load(p, len) ^ state ^ MIX_B, state ^ MIX_C);
	return mix(state ^ MIX_A, MIX_C);
}
