/* digest.c -- SHA-256 of bytes as they arrive. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/digest.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/evp.h>

struct digest {
	EVP_MD_CTX *sum;
	EVP_MD_CTX *copy; /* of <sum>, to be ended for a value */
};

/* OpenSSL fails here only without memory or without its own SHA-256. */
struct digest *digest_new(void)
{
	struct digest *digest = mem_new(struct digest);

	digest->sum = EVP_MD_CTX_new();
	digest->copy = EVP_MD_CTX_new();
	assert(digest->sum && digest->copy);
	digest_reset(digest);
	return digest;
}

void digest_free(struct digest **digest)
{
	struct digest *d = *digest;

	*digest = NULL;
	if (!d)
		return;
	EVP_MD_CTX_free(d->sum);
	EVP_MD_CTX_free(d->copy);
	free(d);
}

void digest_reset(struct digest *digest)
{
	int is_fine = EVP_DigestInit_ex(digest->sum, EVP_sha256(), NULL);

	assert(is_fine == 1);
}

void digest_add(struct digest *digest, struct span bytes)
{
	int is_fine = EVP_DigestUpdate(digest->sum, bytes.ptr, bytes.len);

	assert(is_fine == 1);
}

struct sha256 digest_value(const struct digest *digest)
{
	struct sha256 value = {0};
	unsigned len = 0;
	bool is_fine = EVP_MD_CTX_copy_ex(digest->copy, digest->sum) == 1 &&
		       EVP_DigestFinal_ex(digest->copy, value.bytes, &len) == 1;

	assert(is_fine && len == SHA256_LEN);
	return value;
}
