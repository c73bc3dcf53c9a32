/* bench.h -- how fast a model runs here, beside how fast memory is read. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_BENCH_H
#define LOCAL_BENCH_H

#include "local/model.h"

/*
 * Decoding reads all weights for each step, so the speed of memory bounds it:
 * both are measured in one run, by the same number of threads.
 */
struct bench_options {
	uint32_t prompt;  /* tokens of a text's prompt, at least 1 */
	uint32_t tokens;  /* decoded after it; 0: none */
	uint32_t batch;   /* texts at once, at least 1 */
	uint32_t threads; /* that the model was opened with */
	uint64_t memory;  /* bytes that the reading of memory may take */
};

struct bench_time {
	double wall_s, cpu_s; /* seconds; CPU time of all threads */
	uint64_t tokens;      /* computed in it */
};

struct bench_result {
	struct bench_time prefill; /* prompts; an encoder's texts */
	struct bench_time decode;  /* tokens 0: nothing was decoded */
	double decode_bytes_s;     /* weights read while decoding */
	double read_bytes_s;       /* memory read by as many threads */
	uint64_t peak_bytes; /* resident beyond the files, the most seen */
};

/* FAILED when the texts do not fit into the context or into memory. */
enum result bench_run(struct model *model, const struct bench_options *options,
    struct bench_result *out, struct error *err) must_check;

/*
 * Bytes a second that <threads> read from <bytes> of memory together, the best
 * of a few passes. What they read is freed again.
 */
double bench_read_memory(uint32_t threads, uint64_t bytes);

#endif
