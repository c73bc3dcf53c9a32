/* writer.c -- reserves and settles: one thread's end of the ledger. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger/inside.h"

/* Key, model, rule, task. */
#define RESERVE_NAMES 4

/* At most: names of the longest kind and the reserve itself. */
#define RESERVE_SLOTS (RESERVE_NAMES * FORMAT_NAME_SLOTS_MAX + 1)

/* Past this many names a writer forgets them and writes each again. */
#define NAMES_MAX 4096

/*
 * An outstanding attempt is kept with its reserve's place in one number: the
 * low 24 bits the slot, the others the segment's sequence.
 */
#define PLACE_SLOT_BITS 24
#define PLACE_SLOT_MASK ((UINT64_C(1) << PLACE_SLOT_BITS) - 1)

_Static_assert(FORMAT_SLOTS_MAX <= PLACE_SLOT_MASK, "a slot fits its bits");

/* --- segments ----------------------------------------------------------------
 */

/* Under making. */
static struct segment *make_segment(
    struct ledger_writer *writer, struct error *err)
{
	const struct ledger *ledger = writer->ledger;
	struct segment_plan plan = {
	    .directory = ledger->directory,
	    .slots = ledger->slots,
	    .header =
		{
		    .writer = writer->number,
		    .sequence = writer->next_sequence,
		    .created_utc_ns = clock_utc_ns(),
		    .pid = (uint32_t)getpid(),
		},
	};
	struct segment *segment;

	memcpy(plan.header.run, ledger->run, FORMAT_RUN_LEN);
	memcpy(plan.header.boot, ledger->boot, FORMAT_BOOT_LEN);
	segment = segment_create(&plan, &ledger->io, err);
	if (segment)
		writer->next_sequence++;
	return segment;
}

enum result writer_open(struct ledger_writer *writer, struct error *err)
{
	pthread_mutex_lock(&writer->making);
	writer->current = make_segment(writer, err);
	pthread_mutex_unlock(&writer->making);
	return writer->current ? OK : FAILED;
}

enum result writer_prepare_next(struct ledger_writer *writer, struct error *err)
{
	struct ledger *ledger = writer->ledger;
	struct segment *made;
	bool is_there;

	pthread_mutex_lock(&writer->making);
	pthread_mutex_lock(&ledger->mutex);
	is_there = writer->next != NULL;
	pthread_mutex_unlock(&ledger->mutex);
	if (!is_there) {
		made = make_segment(writer, err);
		pthread_mutex_lock(&ledger->mutex);
		writer->next = made;
		pthread_mutex_unlock(&ledger->mutex);
		is_there = made != NULL;
	}
	pthread_mutex_unlock(&writer->making);
	return is_there ? OK : FAILED;
}

void writer_close(struct ledger_writer *writer)
{
	segment_close(&writer->next);
	if (writer->current) {
		if (segment_used(writer->current) > 0)
			segment_seal(writer->current, clock_utc_ns());
		thread_sync(writer->ledger, writer->current);
		segment_close(&writer->current);
	}
	names_clear(&writer->names);
	idmap_free(&writer->outstanding);
	pthread_mutex_destroy(&writer->making);
}

/*
 * Goes on in the next segment. Usually the thread has made it and this is two
 * stores under a mutex that is never held over I/O.
 */
static enum result turn(struct ledger_writer *writer, struct error *err)
{
	struct ledger *ledger = writer->ledger;
	struct segment *old = writer->current;

	if (writer_prepare_next(writer, err) != OK)
		return FAILED;
	segment_seal(old, clock_utc_ns());
	pthread_mutex_lock(&ledger->mutex);
	writer->current = writer->next;
	writer->next = NULL;
	list_push_back(&ledger->retired, &old->link);
	pthread_cond_signal(&ledger->wake);
	pthread_mutex_unlock(&ledger->mutex);
	writer->names_written = 0;
	return OK;
}

/*
 * Sees to it that the current segment has room for this reserve, for the
 * settles of all that are outstanding and of this one, and for the seal.
 */
static enum result make_room(struct ledger_writer *writer, struct error *err)
{
	const struct segment *segment = writer->current;
	size_t need = RESERVE_SLOTS + writer->outstanding.count + 2;

	if (segment_used(segment) + need <= segment->slots)
		return OK;
	if (need > segment->slots) {
		error_set(err,
		    "%s: %zu attempts are outstanding, more than a segment has "
		    "room to settle; make segments larger, or send less",
		    writer->ledger->directory, writer->outstanding.count);
		return FAILED;
	}
	return turn(writer, err);
}

/* --- records -----------------------------------------------------------------
 */

/* The name's number in the current segment; written there when it is new. */
static uint32_t number_of(struct ledger_writer *writer, struct span text)
{
	struct segment *segment = writer->current;
	struct format_name record = {.bytes = text};
	uint8_t slot[FORMAT_SLOT_LEN];
	struct name *name;

	if (text.len == 0)
		return 0;
	name = names_intern(&writer->names, text);
	if (name->sequence == segment->sequence)
		return name->id;
	name->sequence = segment->sequence;
	name->id = ++writer->names_written;
	record.id = name->id;
	for (size_t i = 0; i < format_name_slots(text.len); i++) {
		record.part = (uint8_t)i;
		format_write_name(&record, slot);
		segment_append(segment, slot);
	}
	return name->id;
}

static bool names_fit(const struct span *names, struct error *err)
{
	for (int i = 0; i < RESERVE_NAMES; i++) {
		if (names[i].len <= LEDGER_NAME_MAX)
			continue;
		error_set(err,
		    "ledger: the name %.*s... has %zu bytes, at most %d can be "
		    "recorded; shorten it",
		    SPAN_FMT(span_head(names[i], 40)), names[i].len,
		    LEDGER_NAME_MAX);
		return false;
	}
	return true;
}

enum result ledger_reserve(struct ledger_writer *writer,
    const struct ledger_reserve *reserve, struct error *err)
{
	const struct span names[RESERVE_NAMES] = {span_of(reserve->key),
	    span_of(reserve->model), span_of(reserve->rule),
	    span_of(reserve->task)};
	struct format_reserve record = {
	    .request = reserve->request,
	    .attempt = reserve->attempt,
	    .utc_ns = reserve->utc_ns,
	    .estimated_cost_nano = reserve->estimated_cost_nano,
	    .attempt_number = reserve->attempt_number,
	    .kind = reserve->kind,
	    .source = reserve->source,
	    .answer_of = reserve->answer_of,
	};
	uint8_t slot[FORMAT_SLOT_LEN];
	uint64_t *place;
	uint32_t index;

	if (atomic_load_explicit(
		&writer->ledger->has_failed, memory_order_acquire)) {
		error_set(err, "%s", writer->ledger->failure.text);
		return FAILED;
	}
	if (!names_fit(names, err) || make_room(writer, err) != OK)
		return FAILED;
	if (writer->names.count > NAMES_MAX)
		names_clear(&writer->names);
	record.key = number_of(writer, names[0]);
	record.model = number_of(writer, names[1]);
	record.rule = number_of(writer, names[2]);
	record.task = number_of(writer, names[3]);
	place = idmap_put(&writer->outstanding, &reserve->attempt);
	assert(*place == IDMAP_NONE); /* an attempt is reserved once */
	format_write_reserve(&record, slot);
	index = segment_append(writer->current, slot);
	*place = writer->current->sequence << PLACE_SLOT_BITS | index;
	return OK;
}

void ledger_settle(
    struct ledger_writer *writer, const struct ledger_settle *settle)
{
	struct format_settle record = {.settle = *settle};
	uint64_t place = idmap_take(&writer->outstanding, &settle->attempt);
	uint8_t slot[FORMAT_SLOT_LEN];

	if (place == IDMAP_NONE) {
		char text[LEDGER_ID_TEXT_MAX];

		ledger_id_format_attempt(&settle->attempt, text);
		log_error("ledger", "settled_without_reserve",
		    "attempt=%s writer=%u", text, writer->number);
		return;
	}
	record.reserve_sequence = place >> PLACE_SLOT_BITS;
	record.reserve_slot = (uint32_t)(place & PLACE_SLOT_MASK);
	format_write_settle(&record, slot);
	segment_append(writer->current, slot);
}
