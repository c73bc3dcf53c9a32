/* spread.h -- the backend's own: threads, their memory, packed weights. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CPU_SPREAD_H
#define LOCAL_CPU_SPREAD_H

#include "local/cpu/kernel.h"

/* Memory that one thread uses during a task; grows to what a task needed. */
struct scratch {
	void *data;
	size_t bytes;
};

/* What cpu_pack made: see pack.c. */
struct pack_store {
	uint8_t *data;
	uint64_t bytes;
	struct packed *packed; /* (matrices packed) */
	struct pack_store *next;
};

struct cpu {
	struct crew *crew;
	const struct kernels *kernels;
	struct scratch *scratches; /* (threads) */
	int16_t *words;            /* of the operand last made */
	uint8_t *bytes;
	float *scales;
	size_t n_words;
	struct pack_store *store;
};

/* <bytes> of the thread's scratch, on 64 bytes, until it is asked again. */
void *spread_scratch(struct cpu *cpu, uint32_t thread, size_t bytes);

void pack_free(struct pack_store **store);

#endif
