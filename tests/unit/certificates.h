/* certificates.h -- keys and certificates made for one test. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CERTIFICATES_H
#define TESTS_UNIT_CERTIFICATES_H

/*
 * A self-signed P-256 certificate for <names> ("DNS:localhost,IP:127.0.0.1")
 * that is valid from two days ago until <days> from now (negative: expired), in
 * two PEM files of a fresh directory below $TMPDIR.
 */
struct certificate {
	char directory[64];
	char cert_file[80];
	char key_file[80];
};

void certificate_make(
    struct certificate *certificate, const char *names, int days);

/* Removes the files and their directory. */
void certificate_remove(struct certificate *certificate);

#endif
