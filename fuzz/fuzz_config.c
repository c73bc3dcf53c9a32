/* fuzz_config.c -- any bytes as the gateway's configuration file. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * A configuration is there or its mistakes are, never both and never neither;
 * one that was read holds together. Files live in memory: the input, and a
 * policy that it may name as ${POLICY}.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char policy[] = "name: fuzz\nbaseline: up/large\n"
			     "use: [up/small, up/large]\n";
static char policy_path[32];

static void require(bool claim)
{
	if (!claim)
		abort();
}

/* An open file with these bytes; its path goes to <path>. */
static int make_file(const void *bytes, size_t len, char path[32])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	require(fd >= 0);
	require(write(fd, bytes, len) == (ssize_t)len);
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

static const char *look_up(const char *name, void *arg)
{
	(void)arg;
	if (strcmp(name, "POLICY") == 0)
		return policy_path;
	return name[0] == 'K' ? "a-key-of-some-length" : NULL;
}

static void check(const struct config *config)
{
	require(config->policy && config->n_models > 0);
	require(config->n_models <= CONFIG_MODELS_MAX);
	require(config->n_keys <= CONFIG_KEYS_MAX);
	for (size_t i = 0; i < config->n_models; i++) {
		const struct config_model *model = &config->models[i];

		require(model->provider >= config->providers);
		require(
		    model->provider < config->providers + config->n_providers);
		require(config_find_model(config, span_of(model->name)) == i);
	}
	for (size_t i = 0; i < config->n_keys; i++) {
		const struct config_key *key = &config->keys[i];

		require(config_key_named(config, span_of(key->name)) == key);
		require(config_find_key(config, &key->digest));
	}
	for (size_t i = 0; i < config->n_providers; i++) {
		require(config->providers[i].host);
		require(config->providers[i].port > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mistakes *mistakes = mistakes_new();
	struct config *config;
	char path[32];
	int fd;

	if (!policy_path[0])
		make_file(policy, sizeof(policy) - 1, policy_path);
	fd = make_file(data, size, path);
	config = config_load(path, look_up, mistakes);
	require(!config == (mistakes_count(mistakes) > 0));
	if (config) {
		config_warnings(config, mistakes);
		check(config);
	}
	config_unref(&config);
	mistakes_free(&mistakes);
	close(fd);
	return 0;
}
