/* pack.c -- lays weights out once, so that they are multiplied faster. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/mman.h>

#include "local/cpu/spread.h"

/*
 * All matrices of a model go into one block, which asks for huge pages: a
 * pass reads it from its beginning to its end.
 */
#define HUGE_PAGE ((uint64_t)1 << 21)

struct pack_job {
	struct cpu *cpu;
	struct matrix *const *matrices;
	struct packed *packed;
	uint32_t *first_task; /* (n + 1) */
};

/* How floats are shortened: seven bits where eight would be no faster. */
static enum packed_kind short_kind(
    const struct cpu *cpu, const struct pack_options *options)
{
	return options->encodes && cpu->kernels->packs_short ? PACKED_SEVENS
							     : PACKED_BYTES;
}

static enum packed_kind kind_of(const struct cpu *cpu, const struct matrix *m,
    const struct pack_options *options)
{
	bool shortens = options->shortens;

	switch (m->type) {
	case TENSOR_Q4_0:
	case TENSOR_Q4_1:
		/* Quads and sevens want different operands: never both. */
		return shortens && !options->encodes &&
			       cpu->kernels->packs_short
			   ? PACKED_QUADS
			   : PACKED_NIBBLES;
	case TENSOR_Q8_0:
		return PACKED_BYTES;
	case TENSOR_F16:
	case TENSOR_BF16:
		return shortens ? short_kind(cpu, options) : PACKED_NOT;
	case TENSOR_F32:
		if (shortens && m->cols % BLOCK_COLS == 0)
			return short_kind(cpu, options);
		return options->encodes ? PACKED_FLOATS : PACKED_NOT;
	default:
		return PACKED_NOT;
	}
}

/* How a matrix would be packed; one that stays as it is has no groups. */
static struct packed plan(const struct cpu *cpu, const struct matrix *m,
    const struct pack_options *options)
{
	static const size_t block_bytes[] = {
	    [PACKED_NIBBLES] = PACKED_NIBBLES_BYTES,
	    [PACKED_BYTES] = PACKED_BYTES_BYTES,
	    [PACKED_FLOATS] = BLOCK_COLS * GROUP_ROWS * sizeof(float),
	    [PACKED_QUADS] = PACKED_QUADS_BYTES,
	    [PACKED_SEVENS] = PACKED_SEVENS_BYTES,
	};
	enum packed_kind kind = kind_of(cpu, m, options);
	struct packed packed = {.kind = kind};

	if (!m->data || m->packed || kind == PACKED_NOT ||
	    (kind != PACKED_FLOATS && m->cols % BLOCK_COLS))
		return packed;
	packed.groups = (m->rows + GROUP_ROWS - 1) / GROUP_ROWS;
	packed.blocks = m->cols / BLOCK_COLS;
	packed.block_bytes = block_bytes[kind];
	packed.group_bytes = packed.blocks * packed.block_bytes;
	if (kind == PACKED_FLOATS)
		packed.group_bytes =
		    (size_t)m->cols * GROUP_ROWS * sizeof(float);
	return packed;
}

static uint64_t bytes_of(const struct packed *packed)
{
	uint64_t bytes = (uint64_t)packed->groups * packed->group_bytes;

	return (bytes + 63) / 64 * 64;
}

static void pack_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct pack_job *job = arg;
	uint32_t i = 0;

	(void)thread;
	while (task >= job->first_task[i + 1])
		i++;
	job->cpu->kernels->pack(
	    &(struct packing){job->matrices[i], &job->packed[i]},
	    task - job->first_task[i]);
}

/* Room for <bytes>; takes <packed> over. NULL, and nothing taken: no room. */
static struct pack_store *new_store(struct packed *packed, uint64_t bytes)
{
	uint64_t whole = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	void *data = aligned_alloc(HUGE_PAGE, whole);
	struct pack_store *store;

	if (!data)
		return NULL;
	(void)madvise(data, whole, MADV_HUGEPAGE);
	store = mem_new(struct pack_store);
	store->packed = packed;
	store->bytes = bytes;
	store->data = data;
	return store;
}

/* Packs into <store>, whose descriptions are ready but for their data. */
static void pack_all(struct cpu *cpu, struct matrix *const *matrices,
    struct pack_store *store, uint32_t n)
{
	struct pack_job job = {cpu, matrices, store->packed, NULL};
	uint64_t at = 0;

	job.first_task = mem_zalloc((n + 1) * sizeof(*job.first_task));
	for (uint32_t i = 0; i < n; i++) {
		job.packed[i].data = store->data + at;
		at += bytes_of(&job.packed[i]);
		job.first_task[i + 1] =
		    job.first_task[i] + job.packed[i].groups;
	}
	crew_run(cpu->crew, pack_task, &job, job.first_task[n]);
	for (uint32_t i = 0; i < n; i++) {
		if (job.packed[i].groups)
			matrices[i]->packed = &job.packed[i];
	}
	free(job.first_task);
}

/* Where there is no room nothing is packed: slower, not wrong. */
uint64_t cpu_pack(struct cpu *cpu, struct matrix *const *matrices, uint32_t n,
    const struct pack_options *options)
{
	struct pack_store *store = NULL;
	struct packed *packed;
	uint64_t bytes = 0;

	if (!cpu->kernels->pack)
		return 0;
	packed = mem_zalloc((n + 1) * sizeof(*packed));
	for (uint32_t i = 0; i < n; i++) {
		packed[i] = plan(cpu, matrices[i], options);
		bytes += bytes_of(&packed[i]);
	}
	if (bytes && !options->is_plan)
		store = new_store(packed, bytes);
	if (!store) {
		free(packed);
		return options->is_plan ? bytes : 0;
	}
	store->next = cpu->store;
	cpu->store = store;
	pack_all(cpu, matrices, store, n);
	return bytes;
}

void pack_free(struct pack_store **store)
{
	while (*store) {
		struct pack_store *next = (*store)->next;

		free((*store)->data);
		free((*store)->packed);
		free(*store);
		*store = next;
	}
}
