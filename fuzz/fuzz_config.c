/* fuzz_config.c -- a configuration file of any bytes: mistakes, never harm. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gateway/config.h"

/*
 * The reader takes a path, so the bytes stand in an anonymous file. The policy
 * that they name is not there, which is one mistake more; policies have a
 * harness of their own.
 */
static const char *lookup(const char *name, void *arg)
{
	(void)arg;
	return name[0] == 'K' ? "a-key-of-some-length" : NULL;
}

static int make_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("config", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mistakes *mistakes = mistakes_new();
	int fd = make_file(data, size);
	struct config *config;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	config = config_load(path, lookup, mistakes);
	/* Either a configuration or at least one mistake, never both. */
	if ((config != NULL) == (mistakes_count(mistakes) > 0))
		abort();
	config_unref(&config);
	mistakes_free(&mistakes);
	close(fd);
	return 0;
}
