/* fuzz_ledger.c -- bytes of a segment to the ledger's reader. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "ledger/source.h"

/*
 * The first byte chooses. With bit 0 the rest is a whole segment as it may
 * stand on disk, header page first. Without it the rest is slots, which get
 * their checksums here: else no input but the corpus would get past them.
 * Bit 1: the system was started anew; bit 2: its process lives and the file is
 * cut within a slot.
 * The second byte is the mark when there is no header.
 */
#define IDENTITY 1
#define SEQUENCE 2

static void note_damage(const struct ledger_damage *damage, void *arg)
{
	assert(memchr(damage->detail, '\0', sizeof(damage->detail)));
	++*(uint64_t *)arg;
}

/* Every row is well-formed whatever the bytes were. */
static void check_row(const struct ledger_row *row)
{
	struct buf buf;

	assert(strlen(row->reserve.key) <= LEDGER_NAME_MAX);
	assert(strlen(row->reserve.model) <= LEDGER_NAME_MAX);
	assert(strlen(row->reserve.rule) <= LEDGER_NAME_MAX);
	assert(row->reserve.kind <= LEDGER_CACHE_HIT);
	assert(row->settle.outcome < LEDGER_OUTCOMES);
	if (row->state == LEDGER_SETTLED)
		assert(!memcmp(
		    row->reserve.attempt.bytes, row->settle.attempt.bytes, 16));
	buf_init(&buf, (size_t)64 << 10);
	if (!ledger_row_write_json(row, &buf))
		abort();
	buf_free(&buf);
}

static void read_slots(struct source *source, uint64_t *damages)
{
	struct survey survey = {
	    .sequence = source->sequence,
	    .identity = source->scan.identity,
	    .min_utc_ns = INT64_MAX,
	    .max_utc_ns = INT64_MIN,
	};
	struct far_settles far = {0};
	struct names pool = {0};
	int64_t last = INT64_MIN;

	survey_slots(&survey, source->slots, 0, source->n, &far);
	source_parse(source, &pool, source->is_live);
	assert(source->n_rows <= source->n);
	assert(*damages == source->scan.torn + source->scan.corrupt);
	while (source_has_row(source)) {
		struct ledger_row row;

		assert(source_time(source) >= last);
		last = source_time(source);
		assert(last >= survey.min_utc_ns && last <= survey.max_utc_ns);
		source_row(source, &far, &row);
		check_row(&row);
	}
	source_free(source);
	far_free(&far);
	names_clear(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t damages = 0;
	struct format_header header = {.sequence = SEQUENCE};
	struct source source = {.scan = {.file = "fuzz",
				    .identity = IDENTITY,
				    .damage = note_damage,
				    .arg = &damages}};
	const char *why;
	uint8_t *slots;
	int choice;

	if (size < 2)
		return 0;
	choice = data[0];
	source.scan.mark = data[1];
	data += 2;
	size -= 2;
	if (choice & 1) {
		if (size < FORMAT_HEADER_LEN ||
		    format_read_header(data, &header, &source.scan.identity,
			&why) == FORMAT_HEADER_BAD)
			return 0;
		source.scan.mark = format_mark(data);
		data += FORMAT_HEADER_LEN;
		size -= FORMAT_HEADER_LEN;
	}
	source.n = (uint32_t)(size / FORMAT_SLOT_LEN);
	slots = mem_alloc((size_t)source.n * FORMAT_SLOT_LEN);
	memcpy(slots, data, (size_t)source.n * FORMAT_SLOT_LEN);
	for (uint32_t i = 0; !(choice & 1) && i < source.n; i++)
		if (slots[i * FORMAT_SLOT_LEN + 4] != FORMAT_EMPTY)
			format_seal_slot(
			    slots + i * FORMAT_SLOT_LEN, IDENTITY, i);
	source.slots = slots;
	source.sequence = header.sequence;
	source.scan.is_rebooted = choice & 2;
	source.is_live = choice & 4;
	read_slots(&source, &damages);
	free(slots);
	return 0;
}
