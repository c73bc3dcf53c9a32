/* gateway_help.c -- what the gateway's tests share: a folder with files. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/gateway_help.h"

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char policy[] = "name: p\n"
			     "baseline: up/small\n"
			     "use: [up/small]\n";

int place_set_up(void **state)
{
	struct place *place = mem_new(struct place);
	const char *parent = getenv("TMPDIR");

	snprintf(place->folder, sizeof(place->folder), "%s/gateway-test-XXXXXX",
	    parent ? parent : "/tmp");
	assert_non_null(mkdtemp(place->folder));
	place_write(place, "policy.yaml", policy);
	*state = place;
	return 0;
}

/* Removes a folder with all files in it, and folders one level deep. */
static void remove_folder(int parent, const char *name, int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(fd);
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    unlinkat(dirfd(dir), entry->d_name, 0) && depth > 0)
			remove_folder(dirfd(dir), entry->d_name, depth - 1);
	closedir(dir);
	assert_int_equal(unlinkat(parent, name, AT_REMOVEDIR), 0);
}

int place_tear_down(void **state)
{
	struct place *place = *state;

	config_unref(&place->config);
	mistakes_free(&place->mistakes);
	remove_folder(AT_FDCWD, place->folder, 1);
	free(place);
	return 0;
}

const char *place_path(const struct place *place, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", place->folder, name);
	return path;
}

void place_write(const struct place *place, const char *name, const char *text)
{
	FILE *file = fopen(place_path(place, name), "w");

	assert_non_null(file);
	assert_int_equal(fputs(text, file) >= 0, 1);
	assert_int_equal(fclose(file), 0);
}

static const char *lookup(const char *name, void *arg)
{
	(void)arg;
	if (!strcmp(name, "KEY"))
		return "sk-environment";
	if (!strcmp(name, "HOST_NAME"))
		return "example.com";
	return NULL;
}

void place_load(struct place *place, const char *text)
{
	char path[256];

	place_write(place, "sluice.yaml", text);
	snprintf(path, sizeof(path), "%s/sluice.yaml", place->folder);
	config_unref(&place->config);
	mistakes_free(&place->mistakes);
	place->mistakes = mistakes_new();
	place->config = config_load(path, lookup, place->mistakes);
}

const struct config *place_load_well(struct place *place, const char *text)
{
	place_load(place, text);
	if (mistakes_count(place->mistakes) > 0)
		fail_msg("%s", mistakes_line(place->mistakes, 0));
	assert_non_null(place->config);
	return place->config;
}

void place_assert_said(const struct place *place, const char *mistake)
{
	char line[1200];

	snprintf(
	    line, sizeof(line), "%s/sluice.yaml:%s", place->folder, mistake);
	for (size_t i = 0; i < mistakes_count(place->mistakes); i++)
		if (!strcmp(mistakes_line(place->mistakes, i), line))
			return;
	fail_msg("not said: %s, but (of %zu): %s", line,
	    mistakes_count(place->mistakes),
	    mistakes_count(place->mistakes) ? mistakes_line(place->mistakes, 0)
					    : "nothing");
}

void place_assert_refused(
    struct place *place, const char *text, const char *mistake)
{
	place_load(place, text);
	place_assert_said(place, mistake);
	assert_int_equal(mistakes_count(place->mistakes), 1);
	assert_null(place->config);
}
