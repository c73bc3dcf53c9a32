/* bench_memory.c -- how fast this machine's memory is read. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "local/bench.h"
#include "local/cpu/crew.h"

/*
 * Each thread takes pieces of a block that no cache holds and adds up its
 * words, in vectors wide enough that adding takes less time than loading.
 */
#define PIECE ((size_t)1 << 20) /* bytes of a task */
#define PASSES 4                /* the first warms the pages */

typedef uint64_t words __attribute__((vector_size(32), aligned(32)));

struct read_job {
	const words *block; /* (pieces * PIECE / sizeof(words)) */
	uint64_t *sums;     /* (pieces), so that nothing is optimised away */
};

static inline __attribute__((always_inline)) uint64_t add_words(
    const words *at, size_t n)
{
	words a = {0}, b = {0}, c = {0}, d = {0};

	for (size_t i = 0; i + 4 <= n; i += 4) {
		a += at[i];
		b += at[i + 1];
		c += at[i + 2];
		d += at[i + 3];
	}
	a += b + c + d;
	return a[0] + a[1] + a[2] + a[3];
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t add_wide(
    const words *at, size_t n)
{
	return add_words(at, n);
}

static bool is_wide(void)
{
	return __builtin_cpu_supports("avx2");
}
#else
#define add_wide add_words
static bool is_wide(void)
{
	return false;
}
#endif

static void read_piece(void *arg, uint32_t task, uint32_t thread)
{
	struct read_job *job = arg;
	size_t n = PIECE / sizeof(words);
	const words *at = job->block + (size_t)task * n;

	(void)thread;
	job->sums[task] = is_wide() ? add_wide(at, n) : add_words(at, n);
}

double bench_read_memory(uint32_t threads, uint64_t bytes)
{
	uint32_t pieces = (uint32_t)(bytes / PIECE);
	struct read_job job = {0};
	struct error err;
	struct crew *crew = crew_new(threads, &err);
	double best = 0;
	void *block;

	assert(pieces > 0);
	if (!crew)
		return 0;
	block = aligned_alloc(PIECE, (size_t)pieces * PIECE);
	job.sums = mem_zalloc(pieces * sizeof(*job.sums));
	if (block) {
		memset(block, 1, (size_t)pieces * PIECE);
		job.block = block;
	}
	for (int pass = 0; block && pass < PASSES; pass++) {
		int64_t start = clock_mono_ns(), took;
		double speed;

		crew_run(crew, read_piece, &job, pieces);
		took = clock_mono_ns() - start;
		speed = (double)pieces * (double)PIECE /
			((double)(took > 0 ? took : 1) / (double)NS_PER_S);
		if (pass > 0 && speed > best)
			best = speed;
	}
	free(block);
	free(job.sums);
	crew_free(&crew);
	return best;
}
