/* replay_main.c -- runs a harness once over each file of its corpus. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Linked with one fuzz_x.c where there is no libFuzzer. The files to run are
 * the arguments; without any, those of $srcdir/fuzz/corpus/x, x being what
 * follows "replay_" in the program's name. A harness that finds a fault aborts,
 * and the last line printed names the file.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	INPUT_MAX = 1 << 24
};

static int complain(const char *path)
{
	fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
	return 1;
}

static int replay_file(const char *path)
{
	static uint8_t bytes[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	uint8_t *exact;
	size_t len;

	if (!file)
		return complain(path);
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	/* A block of its own size, so that reading past its end is seen. */
	exact = malloc(len ? len : 1);
	if (!exact)
		return complain(path);
	memcpy(exact, bytes, len);
	puts(path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return 0;
}

static int is_plain(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int replay_folder(const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, is_plain, alphasort);
	int failures = 0;

	if (n <= 0) {
		fprintf(stderr, "replay: %s: %s\n", folder,
		    n < 0 ? strerror(errno) : "is empty");
		return 1;
	}
	for (int i = 0; i < n; i++) {
		char path[4096];
		int len = snprintf(
		    path, sizeof(path), "%s/%s", folder, entries[i]->d_name);

		if (len < 0 || (size_t)len >= sizeof(path))
			failures++;
		else
			failures += replay_file(path);
		free(entries[i]);
	}
	free(entries);
	return failures > 0;
}

int main(int argc, char **argv)
{
	const char *name = strstr(argv[0], "replay_");
	const char *top = getenv("srcdir");
	char folder[4096];
	int failures = 0;

	for (int i = 1; i < argc; i++)
		failures += replay_file(argv[i]);
	if (argc > 1)
		return failures > 0;
	if (!name) {
		fprintf(stderr, "replay: give the files to run\n");
		return 2;
	}
	snprintf(folder, sizeof(folder), "%s/fuzz/corpus/%s", top ? top : ".",
	    name + strlen("replay_"));
	return replay_folder(folder);
}
