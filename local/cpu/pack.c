/* pack.c -- lays weights out once, so that they are multiplied faster. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/mman.h>

#include "local/cpu/spread.h"

/*
 * All matrices of a model go into one mapping, which asks for huge pages: a
 * pass reads it from its beginning to its end.
 */
struct pack_job {
	struct cpu *cpu;
	struct matrix *const *matrices;
	struct packed *packed;
	uint32_t *first_task; /* (n + 1) */
};

static enum packed_kind kind_of(
    enum tensor_type type, const struct pack_options *options)
{
	switch (type) {
	case TENSOR_Q4_0:
	case TENSOR_Q4_1:
		return PACKED_NIBBLES;
	case TENSOR_Q8_0:
		return PACKED_BYTES;
	case TENSOR_F16:
	case TENSOR_BF16:
		return options->shortens ? PACKED_BYTES : PACKED_NOT;
	case TENSOR_F32:
		return options->encodes ? PACKED_FLOATS : PACKED_NOT;
	default:
		return PACKED_NOT;
	}
}

/* How a matrix would be packed; one that stays as it is has no groups. */
static struct packed plan(
    const struct matrix *m, const struct pack_options *options)
{
	enum packed_kind kind = kind_of(m->type, options);
	struct packed packed = {.kind = kind};

	if (!m->data || m->packed || kind == PACKED_NOT ||
	    (kind != PACKED_FLOATS && m->cols % BLOCK_COLS))
		return packed;
	packed.groups = (m->rows + GROUP_ROWS - 1) / GROUP_ROWS;
	packed.blocks = m->cols / BLOCK_COLS;
	if (kind == PACKED_FLOATS)
		packed.group_bytes = (size_t)m->cols * GROUP_ROWS * 4;
	else
		packed.group_bytes =
		    packed.blocks * (kind == PACKED_NIBBLES
					    ? PACKED_NIBBLES_BYTES
					    : PACKED_BYTES_BYTES);
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

static struct pack_store *new_store(uint32_t n, uint64_t bytes)
{
	struct pack_store *store = mem_new(struct pack_store);

	store->packed = mem_zalloc((n + 1) * sizeof(*store->packed));
	store->bytes = bytes;
	store->data = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (store->data == MAP_FAILED) {
		free(store->packed);
		free(store);
		return NULL;
	}
	(void)madvise(store->data, bytes, MADV_HUGEPAGE);
	return store;
}

/*
 * Packs what was chosen: <packed> (n) describes, in which a matrix that stays
 * has no groups. Where there is no room nothing is packed: slower, not wrong.
 */
static void pack_all(struct cpu *cpu, struct matrix *const *matrices,
    struct packed *packed, uint32_t n)
{
	struct pack_job job = {cpu, matrices, NULL, NULL};
	uint64_t bytes = 0;
	struct pack_store *store;

	for (uint32_t i = 0; i < n; i++)
		bytes += bytes_of(&packed[i]);
	store = bytes ? new_store(n, bytes) : NULL;
	if (!store)
		return;
	memcpy(store->packed, packed, n * sizeof(*packed));
	store->next = cpu->store;
	cpu->store = store;
	job.packed = store->packed;
	job.first_task = mem_zalloc((n + 1) * sizeof(*job.first_task));
	bytes = 0;
	for (uint32_t i = 0; i < n; i++) {
		job.packed[i].data = store->data + bytes;
		bytes += bytes_of(&job.packed[i]);
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

void cpu_pack(struct cpu *cpu, struct matrix *const *matrices, uint32_t n,
    const struct pack_options *options)
{
	struct packed *packed;

	if (!cpu->kernels->pack)
		return;
	packed = mem_zalloc((n + 1) * sizeof(*packed));
	for (uint32_t i = 0; i < n; i++)
		packed[i] = plan(matrices[i], options);
	pack_all(cpu, matrices, packed, n);
	free(packed);
}

uint64_t cpu_packed_bytes(const struct cpu *cpu)
{
	uint64_t sum = 0;

	for (const struct pack_store *s = cpu->store; s; s = s->next)
		sum += s->bytes;
	return sum;
}

void pack_free(struct pack_store **store)
{
	while (*store) {
		struct pack_store *next = (*store)->next;

		munmap((*store)->data, (*store)->bytes);
		free((*store)->packed);
		free(*store);
		*store = next;
	}
}
