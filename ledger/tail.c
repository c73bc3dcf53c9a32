/* tail.c -- follows the ledger's segments as they grow. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/tail.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Slots that are read at a time: 64 KiB. */
#define CHUNK_SLOTS 512u

struct tail_segment {
	char *path;
	unsigned writer;
	uint64_t sequence;
	uint32_t identity; /* 0 with next 0: not known yet */
	uint64_t next;     /* slots before this one are read or no records */
	uint64_t at;       /* where reading goes on, at least next */
	uint64_t n;        /* slots that may be read, as last looked */
	int64_t run_tag;
	int64_t time; /* of the last record */
	struct dictionary names;
	bool is_known;    /* it was there at the last refresh */
	bool is_seen;     /* opened, once */
	bool is_looked;   /* opened since the last refresh */
	bool is_finished; /* nothing more will come */
	bool is_live;
	bool is_over;   /* its process was gone at the last refresh */
	bool has_names; /* the dictionary has those before <at> */
	bool is_moved;  /* the cursor, since the last save */
};

struct tail {
	char *directory;
	struct tail_segment *segments; /* (n) by writer, then sequence */
	size_t n;
	struct part_context context;
	uint8_t *slots; /* (CHUNK_SLOTS, FORMAT_SLOT_LEN) */
	bool is_misfit;
	bool has_deaths;
};

struct tail *tail_new(const char *directory)
{
	struct tail *tail = mem_new(struct tail);

	tail->directory = mem_strdup(directory);
	tail->context.lock_fd = -1;
	tail->context.io = &segment_io_real;
	tail->slots = mem_alloc((size_t)CHUNK_SLOTS * FORMAT_SLOT_LEN);
	return tail;
}

static void free_segment(struct tail_segment *segment)
{
	dictionary_free(&segment->names);
	free(segment->path);
}

void tail_free(struct tail **tail)
{
	struct tail *old = *tail;

	if (!old)
		return;
	*tail = NULL;
	for (size_t i = 0; i < old->n; i++)
		free_segment(&old->segments[i]);
	if (old->context.lock_fd >= 0)
		close(old->context.lock_fd);
	names_clear(&old->context.pool);
	free(old->segments);
	free(old->slots);
	free(old->directory);
	free(old);
}

bool tail_is_misfit(const struct tail *tail)
{
	return tail->is_misfit;
}

static enum result misfit(struct tail *tail, const struct tail_segment *segment,
    const char *why, struct error *err)
{
	tail->is_misfit = true;
	error_set(err, "%s: segment %" PRIu64 " of writer %u: %s",
	    tail->directory, segment->sequence, segment->writer, why);
	return FAILED;
}

/* --- what there is -----------------------------------------------------------
 */

/* The first segment that does not come before the one named. */
static size_t lower_bound(
    const struct tail *tail, unsigned writer, uint64_t sequence)
{
	size_t low = 0, high = tail->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct tail_segment *at = &tail->segments[middle];

		if (at->writer < writer ||
		    (at->writer == writer && at->sequence < sequence))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(
    const struct tail *tail, size_t i, unsigned writer, uint64_t sequence)
{
	return i < tail->n && tail->segments[i].writer == writer &&
	       tail->segments[i].sequence == sequence;
}

/* The segment named, made when new. */
static struct tail_segment *segment_of(
    struct tail *tail, unsigned writer, uint64_t sequence)
{
	size_t i = lower_bound(tail, writer, sequence);
	struct tail_segment *segment;

	if (is_at(tail, i, writer, sequence))
		return &tail->segments[i];
	tail->segments = mem_realloc(
	    tail->segments, (tail->n + 1) * sizeof(*tail->segments));
	segment = &tail->segments[i];
	memmove(segment + 1, segment, (tail->n - i) * sizeof(*segment));
	tail->n++;
	*segment = (struct tail_segment){
	    .path =
		files_segment_path(tail->directory, sequence, writer, "seg"),
	    .writer = writer,
	    .sequence = sequence,
	    .time = INT64_MIN,
	};
	return segment;
}

void tail_set_cursor(struct tail *tail, const struct store_cursor *cursor)
{
	struct tail_segment *segment =
	    segment_of(tail, cursor->writer, cursor->sequence);

	segment->identity = cursor->identity;
	segment->next = cursor->next;
	segment->at = cursor->next;
}

/* Forgets those that are gone: never used ones, removed by their writer. */
static enum result drop_missing(struct tail *tail, struct error *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < tail->n; i++) {
		struct tail_segment *segment = &tail->segments[i];

		if (!segment->is_known && segment->next > 0)
			return misfit(tail, segment, "it is gone", err);
	}
	for (size_t i = 0; i < tail->n; i++) {
		if (tail->segments[i].is_known)
			tail->segments[kept++] = tail->segments[i];
		else
			free_segment(&tail->segments[i]);
	}
	tail->n = kept;
	return OK;
}

static enum result list_segments(struct tail *tail, struct error *err)
{
	struct segment_files files;

	if (files_list(tail->directory, &files, err) != OK)
		return FAILED;
	for (size_t i = 0; i < tail->n; i++)
		tail->segments[i].is_known = false;
	for (size_t i = 0; i < files.n; i++)
		segment_of(tail, files.items[i].writer, files.items[i].sequence)
		    ->is_known = true;
	files_free(&files);
	return drop_missing(tail, err);
}

enum result tail_refresh(struct tail *tail, struct error *err)
{
	int64_t tag = 0;
	bool is_held = false;

	if (tail->context.lock_fd < 0)
		tail->context.lock_fd = lock_open(tail->directory);
	/*
	 * Who is gone now has written all that it ever will: it is read to the
	 * end before anybody relies on its being gone.
	 */
	for (size_t i = 0; i < tail->n; i++) {
		struct tail_segment *segment = &tail->segments[i];

		segment->is_looked = false;
		if (segment->is_live && segment->run_tag != tag) {
			tag = segment->run_tag;
			is_held = lock_is_held(tail->context.lock_fd, tag);
		}
		segment->is_live = segment->is_live && is_held;
		if (segment->is_seen && !segment->is_live && !segment->is_over)
			tail->has_deaths = true;
		segment->is_over = segment->is_seen && !segment->is_live;
	}
	return list_segments(tail, err);
}

bool tail_is_over(const struct tail *tail, const struct place *place)
{
	size_t i = lower_bound(tail, place->writer, place->sequence);

	return is_at(tail, i, place->writer, place->sequence) &&
	       tail->segments[i].is_over;
}

bool tail_has_deaths(const struct tail *tail)
{
	return tail->has_deaths;
}

void tail_forget_deaths(struct tail *tail)
{
	tail->has_deaths = false;
}

/* --- reading -----------------------------------------------------------------
 */

/* Opens the segment to see how far it may be read. */
static enum result look(
    struct tail *tail, struct tail_segment *segment, int *fd, struct error *err)
{
	struct segment_file file = {
	    .path = segment->path,
	    .writer = segment->writer,
	    .sequence = segment->sequence,
	};
	struct part part;

	if (part_open(&part, &file, &tail->context, fd, err) != OK)
		return FAILED;
	segment->is_looked = true;
	segment->is_seen = true;
	if (!part.is_there) {
		if (segment->next > 0)
			return misfit(tail, segment, "it is no segment", err);
		segment->is_finished = true;
		return OK;
	}
	if (segment->next > 0 && segment->identity != part.survey.identity)
		return misfit(tail, segment, "it is another one", err);
	if (segment->next > part.n)
		return misfit(tail, segment, "it has become shorter", err);
	segment->identity = part.survey.identity;
	segment->run_tag = lock_tag(part.header.run);
	segment->is_live = part.is_live;
	segment->n = part.n;
	if (segment->time == INT64_MIN)
		segment->time = part.header.created_utc_ns;
	return OK;
}

/* The names that were written before the cursor. */
static void read_names(struct tail *tail, struct tail_segment *segment, int fd)
{
	for (uint64_t at = 0; at < segment->at;) {
		size_t want = segment->at - at < CHUNK_SLOTS
				  ? (size_t)(segment->at - at)
				  : CHUNK_SLOTS;
		size_t got = part_read_slots(fd, tail->slots, at, want);

		for (size_t i = 0; i < got; i++) {
			const uint8_t *slot = tail->slots + i * FORMAT_SLOT_LEN;

			if (format_kind(slot) == FORMAT_NAME &&
			    format_check_slot(slot, segment->identity,
				at + i) == FORMAT_IS_GOOD)
				dictionary_take(&segment->names, slot,
				    (uint32_t)(at + i), &tail->context.pool);
		}
		at += got;
		if (got < want)
			break;
	}
	segment->has_names = true;
}

static enum result give_reserve(struct tail_segment *segment,
    const uint8_t *slot, uint64_t index, const struct tail_sink *sink,
    struct error *err)
{
	const struct place place = {
	    .writer = segment->writer,
	    .sequence = segment->sequence,
	    .slot = (uint32_t)index,
	};
	struct format_reserve record;
	struct ledger_reserve reserve;

	if (!format_read_reserve(slot, &record))
		return OK;
	reserve = (struct ledger_reserve){
	    .request = record.request,
	    .attempt = record.attempt,
	    .utc_ns = record.utc_ns,
	    .attempt_number = record.attempt_number,
	    .kind = record.kind,
	    .key = dictionary_find(&segment->names, record.key),
	    .model = dictionary_find(&segment->names, record.model),
	    .rule = dictionary_find(&segment->names, record.rule),
	    .task = dictionary_find(&segment->names, record.task),
	    .estimated_cost_nano = record.estimated_cost_nano,
	    .source = record.source,
	    .answer_of = record.answer_of,
	};
	segment->time = reserve.utc_ns;
	return sink->reserve(sink->arg, &reserve, &place, err);
}

static enum result give_slot(struct tail *tail, struct tail_segment *segment,
    const uint8_t *slot, const struct tail_sink *sink, struct error *err)
{
	uint64_t index = segment->at;
	struct format_settle settle;

	switch (format_kind(slot)) {
	case FORMAT_NAME:
		dictionary_take(&segment->names, slot, (uint32_t)index,
		    &tail->context.pool);
		return OK;
	case FORMAT_RESERVE:
		return give_reserve(segment, slot, index, sink, err);
	case FORMAT_SETTLE:
		if (!format_read_settle(slot, &settle))
			return OK;
		segment->time = settle.settle.utc_ns;
		return sink->settle(sink->arg, &settle.settle, err);
	case FORMAT_SEAL:
		segment->is_finished = true;
		return OK;
	case FORMAT_EMPTY:
	case FORMAT_VOID:
		break;
	}
	return OK;
}

static enum result read_chunk(struct tail *tail, struct tail_segment *segment,
    int fd, const struct tail_sink *sink, struct error *err)
{
	uint64_t left = segment->n - segment->at;
	size_t want = left < CHUNK_SLOTS ? (size_t)left : CHUNK_SLOTS;
	size_t got;

	if (!segment->has_names)
		read_names(tail, segment, fd);
	got = part_read_slots(fd, tail->slots, segment->at, want);
	for (size_t i = 0; i < got; i++, segment->at++) {
		const uint8_t *slot = tail->slots + i * FORMAT_SLOT_LEN;

		/* What is no record is skipped: the ledger has said it. */
		if (format_check_slot(slot, segment->identity, segment->at) !=
		    FORMAT_IS_GOOD)
			continue;
		if (give_slot(tail, segment, slot, sink, err) != OK)
			return FAILED;
		segment->next = segment->at + 1;
		segment->is_moved = true;
	}
	if (got < want)
		segment->n = segment->at;
	return OK;
}

/* Whether there is more to read there; what is over is put away. */
static bool has_more(struct tail_segment *segment)
{
	if (!segment->is_finished && segment->at < segment->n)
		return true;
	/* A dead process adds nothing; a living one ends with a seal. */
	if (!segment->is_live)
		segment->is_finished = true;
	if (segment->is_finished) {
		dictionary_free(&segment->names);
		segment->has_names = false;
	}
	return false;
}

/*
 * The segment that lies furthest back of those that writers are at: of each
 * its first that is not finished.
 */
static enum result choose(
    struct tail *tail, struct tail_segment **chosen, struct error *err)
{
	unsigned writer = UINT_MAX; /* whose segment has been found */

	*chosen = NULL;
	for (size_t i = 0; i < tail->n; i++) {
		struct tail_segment *segment = &tail->segments[i];
		int fd = -1;

		if (segment->is_finished || segment->writer == writer)
			continue;
		if (!segment->is_looked && look(tail, segment, &fd, err) != OK)
			return FAILED;
		if (fd >= 0)
			close(fd);
		if (has_more(segment) &&
		    (!*chosen || segment->time < (*chosen)->time))
			*chosen = segment;
		/* The later ones wait until this one is done. */
		if (!segment->is_finished)
			writer = segment->writer;
	}
	return OK;
}

enum result tail_has_more(struct tail *tail, struct error *err)
{
	struct tail_segment *segment;

	if (choose(tail, &segment, err) != OK)
		return FAILED;
	return segment ? OK : AGAIN;
}

enum result tail_read(
    struct tail *tail, const struct tail_sink *sink, struct error *err)
{
	struct tail_segment *segment;
	enum result result;
	int fd;

	if (choose(tail, &segment, err) != OK)
		return FAILED;
	if (!segment)
		return AGAIN;
	if (look(tail, segment, &fd, err) != OK)
		return FAILED;
	if (fd < 0)
		return OK;
	result = read_chunk(tail, segment, fd, sink, err);
	close(fd);
	return result;
}

/* --- cursors -----------------------------------------------------------------
 */

enum result tail_save(struct tail *tail, struct store *store, struct error *err)
{
	for (size_t i = 0; i < tail->n; i++) {
		struct tail_segment *segment = &tail->segments[i];
		const struct store_cursor cursor = {
		    .writer = segment->writer,
		    .sequence = segment->sequence,
		    .identity = segment->identity,
		    .next = segment->next,
		};

		if (!segment->is_moved)
			continue;
		if (store_put_cursor(store, &cursor, err) != OK)
			return FAILED;
		segment->is_moved = false;
	}
	return OK;
}

void tail_progress(const struct tail *tail, uint64_t *done, uint64_t *all)
{
	*done = 0;
	*all = 0;
	for (size_t i = 0; i < tail->n; i++) {
		const struct tail_segment *segment = &tail->segments[i];
		struct stat status;
		uint64_t slots = segment->n;

		*done += segment->next;
		if (slots == 0 && stat(segment->path, &status) == 0 &&
		    status.st_size > FORMAT_HEADER_LEN)
			slots = ((uint64_t)status.st_size - FORMAT_HEADER_LEN) /
				FORMAT_SLOT_LEN;
		*all += slots;
	}
}
