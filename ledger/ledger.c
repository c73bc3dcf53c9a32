/* ledger.c -- opens and closes the ledger. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "ledger/files.h"
#include "ledger/inside.h"

#define SEGMENT_BYTES (16u << 20)
#define SYNC_NS (200 * NS_PER_MS)
#define SLOTS_MIN 64u

/* Slots in a file of about <bytes>. */
static uint32_t slots_of(size_t bytes)
{
	size_t slots;

	if (bytes == 0)
		bytes = SEGMENT_BYTES;
	slots = bytes > FORMAT_HEADER_LEN
		    ? (bytes - FORMAT_HEADER_LEN) / FORMAT_SLOT_LEN
		    : 0;
	if (slots < SLOTS_MIN)
		slots = SLOTS_MIN;
	return slots < FORMAT_SLOTS_MAX ? (uint32_t)slots : FORMAT_SLOTS_MAX;
}

static enum result draw_run(struct ledger *ledger, struct error *err)
{
	/* Up to 256 bytes come at once or not at all (getrandom(2)). */
	if (getrandom(ledger->run, FORMAT_RUN_LEN, 0) == FORMAT_RUN_LEN)
		return OK;
	error_set(err, "ledger: the kernel gives no random bytes: %s",
	    strerror(errno));
	return FAILED;
}

static struct ledger *new_ledger(
    const struct ledger_options *options, const struct segment_io *io)
{
	struct ledger *ledger = mem_new(struct ledger);

	assert(options->writers > 0 && options->writers <= FILES_WRITERS_MAX);
	ledger->directory = mem_strdup(options->directory);
	ledger->lock_fd = -1;
	ledger->io = *io;
	io->boot(ledger->boot, io->arg);
	ledger->slots = slots_of(options->segment_bytes);
	ledger->sync_ns = options->sync_ns ? options->sync_ns : SYNC_NS;
	ledger->n_writers = options->writers;
	ledger->writers =
	    mem_zalloc(options->writers * sizeof(*ledger->writers));
	list_init(&ledger->retired);
	pthread_mutex_init(&ledger->mutex, NULL);
	for (unsigned i = 0; i < ledger->n_writers; i++) {
		struct ledger_writer *writer = &ledger->writers[i];

		writer->ledger = ledger;
		writer->number = i;
		pthread_mutex_init(&writer->making, NULL);
	}
	return ledger;
}

/* Everything but the thread, which is gone or was never there. */
static void free_ledger(struct ledger *ledger)
{
	struct list *link;

	while ((link = list_pop_front(&ledger->retired))) {
		struct segment *segment =
		    container_of(link, struct segment, link);

		thread_sync(ledger, segment);
		segment_close(&segment);
	}
	for (unsigned i = 0; i < ledger->n_writers; i++)
		writer_close(&ledger->writers[i]);
	/* The lock goes last: till here the files are this process's. */
	if (ledger->lock_fd >= 0)
		close(ledger->lock_fd);
	pthread_mutex_destroy(&ledger->mutex);
	free(ledger->writers);
	free(ledger->directory);
	free(ledger);
}

static enum result open_writers(struct ledger *ledger, struct error *err)
{
	uint64_t *next = mem_zalloc(ledger->n_writers * sizeof(*next));
	enum result result = recover(
	    ledger->directory, &ledger->io, next, ledger->n_writers, err);

	for (unsigned i = 0; i < ledger->n_writers && result == OK; i++) {
		ledger->writers[i].next_sequence = next[i];
		result = writer_open(&ledger->writers[i], err);
	}
	free(next);
	return result;
}

struct ledger *ledger_open_with(const struct ledger_options *options,
    const struct segment_io *io, struct error *err)
{
	struct ledger *ledger = new_ledger(options, io);

	if (files_make_directory(ledger->directory, err) != OK ||
	    draw_run(ledger, err) != OK)
		goto failed;
	ledger->lock_fd = lock_take(ledger->directory, ledger->run, err);
	if (ledger->lock_fd < 0 || open_writers(ledger, err) != OK ||
	    thread_start(ledger, err) != OK)
		goto failed;
	return ledger;

failed:
	free_ledger(ledger);
	return NULL;
}

struct ledger *ledger_open(
    const struct ledger_options *options, struct error *err)
{
	return ledger_open_with(options, &segment_io_real, err);
}

void ledger_close(struct ledger **ledger)
{
	if (!*ledger)
		return;
	thread_stop(*ledger);
	free_ledger(*ledger);
	*ledger = NULL;
}

struct ledger_writer *ledger_writer(struct ledger *ledger, unsigned i)
{
	assert(i < ledger->n_writers);
	return &ledger->writers[i];
}
