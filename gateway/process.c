/* process.c -- what the process takes of the machine, for the metrics. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "gateway/process.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

#define NS_PER_US INT64_C(1000)

void process_metrics_init(struct process_metrics *process,
    struct metrics *metrics, int64_t started_utc_ns)
{
	process->cpu = metrics_get(metrics, METRIC_PROCESS_CPU, NULL);
	process->resident = metrics_get(metrics, METRIC_PROCESS_RESIDENT, NULL);
	process->virtual = metrics_get(metrics, METRIC_PROCESS_VIRTUAL, NULL);
	process->fds = metrics_get(metrics, METRIC_PROCESS_FDS, NULL);
	process->max_fds = metrics_get(metrics, METRIC_PROCESS_MAX_FDS, NULL);
	metric_set(metrics_get(metrics, METRIC_PROCESS_START, NULL),
	    started_utc_ns / NS_PER_S);
	metric_set(metrics_get(metrics, METRIC_BUILD_INFO,
		       (const char *const[]){PACKAGE_VERSION}),
	    1);
}

static int64_t nanoseconds(struct timeval time)
{
	return time.tv_sec * NS_PER_S + time.tv_usec * NS_PER_US;
}

static void read_cpu(struct metric *cpu)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) == 0)
		metric_add(cpu, nanoseconds(usage.ru_utime) +
				    nanoseconds(usage.ru_stime) -
				    metric_value(cpu));
}

static void read_memory(struct process_metrics *process)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long page = sysconf(_SC_PAGESIZE);
	long long total, resident;

	if (!file)
		return;
	if (fscanf(file, "%lld %lld", &total, &resident) == 2) {
		metric_set(process->virtual, total * page);
		metric_set(process->resident, resident * page);
	}
	fclose(file);
}

static void read_descriptors(struct process_metrics *process)
{
	DIR *folder = opendir("/proc/self/fd");
	struct rlimit limit;
	int64_t n = -1; /* the folder's own */

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		metric_set(process->max_fds, (int64_t)limit.rlim_cur);
	if (!folder)
		return;
	for (const struct dirent *one; (one = readdir(folder));)
		n += one->d_name[0] != '.';
	closedir(folder);
	metric_set(process->fds, n);
}

void process_metrics_read(struct process_metrics *process)
{
	read_cpu(process->cpu);
	read_memory(process);
	read_descriptors(process);
}
