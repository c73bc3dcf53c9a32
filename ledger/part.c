/* part.c -- one segment file as a reader finds it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Slots that are read at a time: 256 KiB stay in the processor's cache. */
#define CHUNK_SLOTS 2048u

/* What an unreadable sector costs. */
#define PAGE_LEN 4096u

void part_report(struct part_context *context, const char *path,
    enum ledger_damage_kind kind, const char *detail)
{
	struct scan scan = {
	    .file = path, .damage = context->damage, .arg = context->arg};

	if (context->counts && kind == LEDGER_BAD_HEADER)
		context->counts->bad_headers++;
	if (context->counts && kind == LEDGER_MISSING)
		context->counts->missing++;
	if (context->counts && kind == LEDGER_CORRUPT)
		context->counts->corrupt++;
	scan_report(&scan, kind, 0, "%s", detail);
}

size_t part_read_slots(int fd, uint8_t *slots, uint64_t first, size_t n)
{
	size_t len = n * FORMAT_SLOT_LEN, done = 0;

	while (done < len) {
		uint64_t at = format_offset(first) + done;
		ssize_t got = files_read(fd, slots + done, len - done, at);

		if (got >= 0) {
			done += (size_t)got;
			break;
		}
		for (size_t page = 0; page < PAGE_LEN && done < len;
		     page += FORMAT_SLOT_LEN, done += FORMAT_SLOT_LEN) {
			got = files_read(fd, slots + done, FORMAT_SLOT_LEN,
			    format_offset(first) + done);
			if (got < FORMAT_SLOT_LEN)
				memset(slots + done, 0, FORMAT_SLOT_LEN);
		}
	}
	return done / FORMAT_SLOT_LEN;
}

/* Whether the file ends within a slot and that has anything in it. */
static bool ends_in_slot(int fd, uint64_t slots)
{
	uint8_t slot[FORMAT_SLOT_LEN] = {0};
	ssize_t got = files_read(fd, slot, sizeof(slot), format_offset(slots));

	for (ssize_t i = 0; i < got; i++)
		if (slot[i])
			return true;
	return false;
}

/* The header page; false when there is no reading it. */
static bool read_header(
    struct part *part, int fd, uint8_t *page, struct part_context *context)
{
	const char *why = "it is shorter than a header";
	ssize_t got = files_read(fd, page, FORMAT_HEADER_LEN, 0);

	if (got < 0)
		why = strerror(errno);
	if (got < FORMAT_HEADER_LEN) {
		part_report(context, part->path, LEDGER_BAD_HEADER, why);
		return false;
	}
	switch (format_read_header(
	    page, &part->header, &part->survey.identity, &why)) {
	case FORMAT_HEADER_GOOD:
		return true;
	case FORMAT_HEADER_SCARRED:
		part_report(context, part->path, LEDGER_BAD_HEADER, why);
		return true;
	case FORMAT_HEADER_BAD:
		break;
	}
	part_report(context, part->path, LEDGER_BAD_HEADER, why);
	return false;
}

static bool is_alive(
    const struct part *part, const struct part_context *context)
{
	int64_t tag = lock_tag(part->header.run);

	if (context->lock_fd < 0)
		return false;
	/* One that died since is as it was when the reading began. */
	return tag == context->live_tag || lock_is_held(context->lock_fd, tag);
}

/* How many slots may be shown; what nobody will sync is synced here. */
static enum result choose_slots(struct part *part, int fd, const uint8_t *page,
    struct part_context *context, struct error *err)
{
	struct stat status;
	uint64_t slots = 0;
	int error;

	if (fstat(fd, &status) == 0 && status.st_size > FORMAT_HEADER_LEN)
		slots = ((uint64_t)status.st_size - FORMAT_HEADER_LEN) /
			FORMAT_SLOT_LEN;
	if (slots > FORMAT_SLOTS_MAX)
		slots = FORMAT_SLOTS_MAX;
	part->mark = format_mark(page);
	if (part->mark > FORMAT_SLOTS_MAX) {
		part_report(context, part->path, LEDGER_BAD_HEADER,
		    "its mark is past the longest segment");
		part->mark = 0;
	}
	part->n = slots;
	if (part->is_live || format_is_doubted(page)) {
		if (part->mark < slots)
			part->n = part->mark;
		return OK;
	}
	part->is_cut = ends_in_slot(fd, slots);
	if (part->mark == slots)
		return OK; /* sealed, synced and trimmed */
	error = context->io->sync(fd, part->path, context->io->arg);
	if (error == 0 || error == EROFS || error == EINVAL)
		return OK;
	error_set(err, "%s: cannot sync the ledger: %s; check the disk",
	    part->path, strerror(error));
	return FAILED;
}

static void survey_file(struct part *part, int fd, struct part_context *context)
{
	uint8_t *slots = mem_alloc((size_t)CHUNK_SLOTS * FORMAT_SLOT_LEN);
	uint64_t at = 0;

	while (at < part->n) {
		size_t want = part->n - at < CHUNK_SLOTS
				  ? (size_t)(part->n - at)
				  : CHUNK_SLOTS;
		size_t got = part_read_slots(fd, slots, at, want);

		survey_slots(&part->survey, slots, at, got, &context->far);
		at += got;
		if (got < want)
			break;
	}
	free(slots);
}

/* Header, liveness and length of the open file <fd>. */
static enum result look(struct part *part, const struct segment_file *file,
    int fd, struct part_context *context, struct error *err)
{
	uint8_t page[FORMAT_HEADER_LEN];

	if (!read_header(part, fd, page, context))
		return OK;
	/* A copy under another name would count its rows twice. */
	if (part->header.writer != file->writer ||
	    part->header.sequence != file->sequence) {
		part_report(context, part->path, LEDGER_BAD_HEADER,
		    "it is another segment's copy: give it its own name back");
		return OK;
	}
	part->is_there = true;
	part->is_live = is_alive(part, context);
	part->survey.sequence = part->header.sequence;
	part->survey.min_utc_ns = INT64_MAX;
	part->survey.max_utc_ns = INT64_MIN;
	return choose_slots(part, fd, page, context, err);
}

enum result part_open(struct part *part, const struct segment_file *file,
    struct part_context *context, int *fd, struct error *err)
{
	enum result result;

	*fd = open(file->path, O_RDONLY | O_CLOEXEC);
	*part = (struct part){.path = file->path};
	if (*fd < 0) {
		/* A segment without a record is removed by its writer. */
		if (errno != ENOENT)
			part_report(context, part->path, LEDGER_BAD_HEADER,
			    strerror(errno));
		return OK;
	}
	result = look(part, file, *fd, context, err);
	if (result == OK && part->is_there)
		return OK;
	close(*fd);
	*fd = -1;
	return result;
}

enum result part_survey(struct part *part, const struct segment_file *file,
    struct part_context *context, struct error *err)
{
	enum result result;
	int fd;

	result = part_open(part, file, context, &fd, err);
	if (fd < 0)
		return result;
	survey_file(part, fd, context);
	close(fd);
	return OK;
}

void part_load(struct part *part, struct part_context *context)
{
	struct source *source = &part->source;
	int fd = open(part->path, O_RDONLY | O_CLOEXEC);
	size_t got = 0;

	*source = (struct source){
	    .sequence = part->header.sequence, .is_live = part->is_live};
	part->slots = mem_alloc((size_t)part->n * FORMAT_SLOT_LEN + 1);
	if (fd >= 0) {
		got = part_read_slots(fd, part->slots, 0, (size_t)part->n);
		close(fd);
	}
	source->slots = part->slots;
	source->n = (uint32_t)got;
	source->scan = (struct scan){
	    .file = part->path,
	    .identity = part->survey.identity,
	    .mark = part->mark,
	    .is_rebooted = format_is_rebooted(&part->header, context->boot),
	    .damage = context->damage,
	    .arg = context->arg,
	};
	source_parse(source, &context->pool, part->is_cut);
	if (context->counts) {
		context->counts->records += source->scan.good;
		context->counts->torn_tails += source->scan.torn;
		context->counts->corrupt += source->scan.corrupt;
	}
}

void part_unload(struct part *part)
{
	source_free(&part->source);
	free(part->slots);
	part->slots = NULL;
}
