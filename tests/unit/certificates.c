/* certificates.c -- keys and certificates made for one test. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/certificates.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DAY 86400L

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert(extension);
	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
}

static X509 *make_cert(EVP_PKEY *key, const char *names, int days)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -2 * DAY);
	X509_gmtime_adj(X509_getm_notAfter(cert), days * DAY);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
	    (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(cert, subject);
	X509_set_pubkey(cert, key);
	add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(cert, NID_subject_alt_name, names);
	assert(X509_sign(cert, key, EVP_sha256()) > 0);
	return cert;
}

void certificate_make(
    struct certificate *certificate, const char *names, int days)
{
	const char *parent = getenv("TMPDIR");
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = make_cert(key, names, days);
	FILE *file;

	snprintf(certificate->directory, sizeof(certificate->directory),
	    "%.40s/sluice-XXXXXX", parent ? parent : "/tmp");
	assert(mkdtemp(certificate->directory));
	snprintf(certificate->cert_file, sizeof(certificate->cert_file),
	    "%s/cert.pem", certificate->directory);
	snprintf(certificate->key_file, sizeof(certificate->key_file),
	    "%s/key.pem", certificate->directory);
	file = fopen(certificate->cert_file, "w");
	assert(file && PEM_write_X509(file, cert) == 1);
	fclose(file);
	file = fopen(certificate->key_file, "w");
	assert(file &&
	       PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(file);
	X509_free(cert);
	EVP_PKEY_free(key);
}

void certificate_remove(struct certificate *certificate)
{
	unlink(certificate->cert_file);
	unlink(certificate->key_file);
	rmdir(certificate->directory);
}
