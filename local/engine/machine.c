/* machine.c -- the memory and processors that this process may use. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "local/engine/machine.h"

bool machine_number(const char *path, const char *name, uint64_t *out)
{
	FILE *file = fopen(path, "re");
	size_t len = strlen(name);
	char line[256];
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		char *end;

		if (strncmp(line, name, len) != 0)
			continue;
		*out = strtoull(line + len, &end, 10);
		found = end != line + len;
	}
	fclose(file);
	return found;
}

/*
 * A container's limit is not in /proc/meminfo. File pages count as used there,
 * though they are given back when memory is short.
 */
static void apply_limit(struct machine *m)
{
	uint64_t limit, used = 0, files = 0;

	if (machine_number("/sys/fs/cgroup/memory.max", "", &limit)) {
		(void)machine_number(
		    "/sys/fs/cgroup/memory.current", "", &used);
		(void)machine_number(
		    "/sys/fs/cgroup/memory.stat", "file ", &files);
	} else if (machine_number("/sys/fs/cgroup/memory/memory.limit_in_bytes",
		       "", &limit)) {
		(void)machine_number(
		    "/sys/fs/cgroup/memory/memory.usage_in_bytes", "", &used);
		(void)machine_number(
		    "/sys/fs/cgroup/memory/memory.stat", "cache ", &files);
	} else {
		return;
	}
	used = used > files ? used - files : 0;
	if (limit < m->memory)
		m->memory = limit;
	limit = limit > used ? limit - used : 0;
	if (limit < m->available)
		m->available = limit;
}

static uint32_t count_processors(void)
{
	uint64_t period = 0, quota = 0;
	cpu_set_t set;
	uint32_t n = 1;
	char line[64], *end;
	FILE *file;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = (uint32_t)CPU_COUNT(&set);
	file = fopen("/sys/fs/cgroup/cpu.max", "re");
	/* "max 100000", or microseconds of a period's. */
	if (file && fgets(line, sizeof(line), file)) {
		quota = strtoull(line, &end, 10);
		if (end != line)
			period = strtoull(end, NULL, 10);
	}
	if (file)
		fclose(file);
	if (period > 0 && (quota + period - 1) / period < n)
		n = (uint32_t)((quota + period - 1) / period);
	return n > 0 ? n : 1;
}

struct machine machine_read(void)
{
	struct machine m = {.threads = count_processors()};
	uint64_t kib;

	if (machine_number("/proc/meminfo", "MemTotal:", &kib))
		m.memory = kib * 1024;
	if (machine_number("/proc/meminfo", "MemAvailable:", &kib))
		m.available = kib * 1024;
	apply_limit(&m);
	return m;
}
