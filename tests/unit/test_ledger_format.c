/* test_ledger_format.c -- headers, records, scanning and parsing of bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ledger/source.h"
#include "tests/unit/ledger_help.h"

#define IDENTITY UINT32_C(0x1234abcd)
#define SEQUENCE 7

static const struct format_header a_header = {
    .writer = 3,
    .sequence = SEQUENCE,
    .created_utc_ns = INT64_C(1795392000123456789),
    .run = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
    .pid = 4242,
    .boot = {9, 8, 7},
};

static enum format_header_state read_page(const uint8_t *page)
{
	struct format_header header;
	uint32_t identity;
	const char *why;

	return format_read_header(page, &header, &identity, &why);
}

/* --- the header --------------------------------------------------------------
 */

static void a_header_comes_back_as_it_was(void **state)
{
	uint8_t page[FORMAT_HEADER_LEN];
	struct format_header header;
	uint32_t identity = 0, made;
	const char *why;

	(void)state;
	made = format_write_header(&a_header, page);
	assert_int_equal(format_read_header(page, &header, &identity, &why),
	    FORMAT_HEADER_GOOD);
	assert_int_equal(identity, made);
	assert_int_equal(header.writer, 3);
	assert_int_equal(header.sequence, SEQUENCE);
	assert_int_equal(header.created_utc_ns, a_header.created_utc_ns);
	assert_memory_equal(header.run, a_header.run, FORMAT_RUN_LEN);
	assert_int_equal(header.pid, 4242);
	assert_memory_equal(header.boot, a_header.boot, FORMAT_BOOT_LEN);
	assert_false(format_is_rebooted(&header, a_header.boot));
	assert_true(format_is_rebooted(&header, a_header.run));
	memset(header.boot, 0, FORMAT_BOOT_LEN);
	assert_true(format_is_rebooted(&header, header.boot));
	assert_int_equal(format_mark(page), 0);
	assert_false(format_is_doubted(page));
}

static void either_copy_of_a_header_is_enough(void **state)
{
	uint8_t page[FORMAT_HEADER_LEN];

	(void)state;
	for (size_t i = 0; i < 80; i++) {
		format_write_header(&a_header, page);
		page[i] ^= 0x40;
		assert_int_equal(read_page(page), FORMAT_HEADER_SCARRED);
		page[i] ^= 0x40;
		page[2048 + i] ^= 0x01;
		assert_int_equal(read_page(page), FORMAT_HEADER_SCARRED);
		page[i] ^= 0x40;
		assert_int_equal(read_page(page), FORMAT_HEADER_BAD);
	}
}

static void any_other_byte_of_a_header_is_watched_but_the_mark(void **state)
{
	uint8_t page[FORMAT_HEADER_LEN];

	(void)state;
	for (size_t i = 80; i < FORMAT_HEADER_LEN; i++) {
		bool is_free =
		    i >= FORMAT_MARK_OFFSET && i < FORMAT_DOUBT_OFFSET + 8;

		format_write_header(&a_header, page);
		page[i] ^= 0x80;
		assert_int_equal(read_page(page),
		    is_free ? FORMAT_HEADER_GOOD : FORMAT_HEADER_SCARRED);
	}
}

static void a_header_of_another_format_is_refused(void **state)
{
	uint8_t page[FORMAT_HEADER_LEN];
	struct format_header header;
	uint32_t identity, crc;
	const char *why = NULL;

	(void)state;
	format_write_header(&a_header, page);
	page[8] = 2;
	crc = hash_crc32c(0, page, 76);
	for (int i = 0; i < 4; i++)
		page[76 + i] = (uint8_t)(crc >> (8 * i));
	memcpy(page + 2048, page, 80);
	assert_int_equal(format_read_header(page, &header, &identity, &why),
	    FORMAT_HEADER_BAD);
	assert_non_null(strstr(why, "version"));
}

/* --- records -----------------------------------------------------------------
 */

static void a_reserve_comes_back_with_its_extremes(void **state)
{
	const struct format_reserve in = {
	    .request = help_id(UINT64_MAX),
	    .attempt = help_id(77),
	    .utc_ns = INT64_MIN,
	    .estimated_cost_nano = MONEY_UNPRICED,
	    .attempt_number = UINT32_MAX,
	    .key = 1,
	    .model = UINT32_MAX,
	    .rule = 0,
	    .task = UINT32_MAX - 1,
	    .kind = LEDGER_CACHE_HIT,
	    .source = LEDGER_SOURCE_COALESCED,
	    .answer_of = help_id(UINT64_MAX - 1),
	};
	struct format_reserve out;
	uint8_t slot[FORMAT_SLOT_LEN];

	(void)state;
	format_write_reserve(&in, slot);
	assert_int_equal(format_kind(slot), FORMAT_RESERVE);
	assert_true(format_read_reserve(slot, &out));
	assert_memory_equal(out.request.bytes, in.request.bytes, 16);
	assert_memory_equal(out.attempt.bytes, in.attempt.bytes, 16);
	assert_true(out.utc_ns == INT64_MIN);
	assert_true(out.estimated_cost_nano == MONEY_UNPRICED);
	assert_true(out.attempt_number == UINT32_MAX);
	assert_int_equal(out.key, 1);
	assert_true(out.model == UINT32_MAX);
	assert_int_equal(out.rule, 0);
	assert_int_equal(out.kind, LEDGER_CACHE_HIT);
	assert_true(format_reserves(slot, &in.attempt));
	assert_false(format_reserves(slot, &in.request));
	assert_true(out.task == UINT32_MAX - 1);
	assert_int_equal(out.source, LEDGER_SOURCE_COALESCED);
	assert_memory_equal(out.answer_of.bytes, in.answer_of.bytes, 16);
	slot[72] = LEDGER_CACHE_HIT + 1;
	assert_false(format_read_reserve(slot, &out));
	slot[72] = LEDGER_CACHE_HIT;
	slot[73] = LEDGER_SOURCE_COALESCED + 1;
	assert_false(format_read_reserve(slot, &out));
}

static void what_an_older_version_left_zero_is_not_known(void **state)
{
	const struct format_reserve reserve = {
	    .task = 3,
	    .source = LEDGER_SOURCE_REDIS,
	    .answer_of = help_id(4),
	};
	const struct format_settle settle = {
	    .settle = {.first_token_ns = 1, .duration_ns = 2, .followers = 3},
	};
	struct format_reserve old_reserve;
	struct format_settle old_settle;
	uint8_t slot[FORMAT_SLOT_LEN];

	(void)state;
	format_write_reserve(&reserve, slot);
	memset(slot + 73, 0, FORMAT_SLOT_LEN - 73);
	assert_true(format_read_reserve(slot, &old_reserve));
	assert_int_equal(old_reserve.task, 0);
	assert_int_equal(old_reserve.source, LEDGER_SOURCE_NONE);
	assert_true(ledger_id_is_zero(&old_reserve.answer_of));
	assert_false(ledger_id_is_zero(&reserve.answer_of));
	format_write_settle(&settle, slot);
	memset(slot + 98, 0, FORMAT_SLOT_LEN - 98);
	assert_true(format_read_settle(slot, &old_settle));
	assert_int_equal(old_settle.settle.first_token_ns, 0);
	assert_int_equal(old_settle.settle.duration_ns, 0);
	assert_int_equal(old_settle.settle.followers, 0);
}

static void a_settle_comes_back_with_its_extremes(void **state)
{
	const struct format_settle in = {
	    .settle =
		{
		    .attempt = help_id(5),
		    .utc_ns = INT64_MAX,
		    .outcome = LEDGER_REFUSED,
		    .status = -1,
		    .input_tokens = INT64_MAX,
		    .cached_tokens = 0,
		    .output_tokens = 1,
		    .is_estimated = true,
		    .cost_nano = MONEY_UNPRICED,
		    .baseline_nano = 12,
		    .saved_nano = -13,
		    .first_token_ns = INT64_MAX - 1,
		    .duration_ns = INT64_MAX,
		    .followers = UINT32_MAX,
		},
	    .reserve_sequence = UINT64_C(0x123456789abc),
	    .reserve_slot = FORMAT_SLOTS_MAX,
	};
	struct format_settle out;
	uint8_t slot[FORMAT_SLOT_LEN];

	(void)state;
	format_write_settle(&in, slot);
	assert_int_equal(format_kind(slot), FORMAT_SETTLE);
	assert_true(format_read_settle(slot, &out));
	assert_memory_equal(
	    out.settle.attempt.bytes, in.settle.attempt.bytes, 16);
	assert_true(out.settle.utc_ns == INT64_MAX);
	assert_int_equal(out.settle.outcome, LEDGER_REFUSED);
	assert_int_equal(out.settle.status, -1);
	assert_true(out.settle.input_tokens == INT64_MAX);
	assert_int_equal(out.settle.cached_tokens, 0);
	assert_int_equal(out.settle.output_tokens, 1);
	assert_true(out.settle.is_estimated);
	assert_true(out.settle.cost_nano == MONEY_UNPRICED);
	assert_int_equal(out.settle.baseline_nano, 12);
	assert_int_equal(out.settle.saved_nano, -13);
	assert_true(out.reserve_sequence == in.reserve_sequence);
	assert_int_equal(out.reserve_slot, FORMAT_SLOTS_MAX);
	assert_true(out.settle.first_token_ns == INT64_MAX - 1);
	assert_true(out.settle.duration_ns == INT64_MAX);
	assert_true(out.settle.followers == UINT32_MAX);
	slot[96] = LEDGER_OUTCOMES;
	assert_false(format_read_settle(slot, &out));
	slot[96] = 0;
	slot[97] = 2;
	assert_false(format_read_settle(slot, &out));
}

static void a_record_stands_little_endian_at_fixed_offsets(void **state)
{
	const struct format_reserve in = {
	    .utc_ns = 0x0102030405060708,
	    .attempt_number = 0x0a0b0c0d,
	    .kind = LEDGER_LOCAL,
	};
	const uint8_t time[] = {8, 7, 6, 5, 4, 3, 2, 1};
	const uint8_t number[] = {0x0d, 0x0c, 0x0b, 0x0a};
	/* CRC-32C from identity over the index and the slot, by hand. */
	const uint8_t index[8] = {9};
	uint8_t slot[FORMAT_SLOT_LEN];
	uint32_t crc;

	(void)state;
	format_write_reserve(&in, slot);
	format_seal_slot(slot, IDENTITY, 9);
	assert_int_equal(slot[4], 2);
	assert_memory_equal(slot + 40, time, sizeof(time));
	assert_memory_equal(slot + 56, number, sizeof(number));
	assert_int_equal(slot[72], 1);
	crc = hash_crc32c(hash_crc32c(IDENTITY, index, 8), slot + 4, 124);
	for (int i = 0; i < 4; i++)
		assert_int_equal(slot[i], (uint8_t)(crc >> (8 * i)));
}

static void one_changed_bit_anywhere_makes_a_record_bad(void **state)
{
	const struct format_settle in = {.settle = help_settle(3)};
	uint8_t slot[FORMAT_SLOT_LEN];

	(void)state;
	format_write_settle(&in, slot);
	format_seal_slot(slot, IDENTITY, 5);
	assert_int_equal(format_check_slot(slot, IDENTITY, 5), FORMAT_IS_GOOD);
	for (size_t bit = 0; bit < (size_t)8 * FORMAT_SLOT_LEN; bit++) {
		slot[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
		    format_check_slot(slot, IDENTITY, 5), FORMAT_IS_BAD);
		slot[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void a_record_elsewhere_is_no_record(void **state)
{
	uint8_t slot[FORMAT_SLOT_LEN];

	(void)state;
	format_write_plain(FORMAT_SEAL, 1, slot);
	format_seal_slot(slot, IDENTITY, 5);
	assert_int_equal(format_check_slot(slot, IDENTITY, 6), FORMAT_IS_BAD);
	assert_int_equal(
	    format_check_slot(slot, IDENTITY + 1, 5), FORMAT_IS_BAD);
	memset(slot, 0, sizeof(slot));
	assert_int_equal(format_check_slot(slot, IDENTITY, 5), FORMAT_IS_EMPTY);
	slot[127] = 1;
	assert_int_equal(format_check_slot(slot, IDENTITY, 5), FORMAT_IS_BAD);
}

/* --- a segment's slots -------------------------------------------------------
 */

#define SLOTS 512

struct slots {
	uint8_t bytes[SLOTS][FORMAT_SLOT_LEN];
	uint32_t n;
	struct names pool;
	struct far_settles far;
	struct source source;
	size_t damages[4];
	struct ledger_damage last;
	bool is_rebooted;
};

static void count_damage(const struct ledger_damage *damage, void *arg)
{
	struct slots *slots = arg;

	slots->damages[damage->kind]++;
	slots->last = *damage;
}

static uint32_t put(struct slots *slots, uint8_t *slot)
{
	format_seal_slot(slot, IDENTITY, slots->n);
	memcpy(slots->bytes[slots->n], slot, FORMAT_SLOT_LEN);
	return slots->n++;
}

static uint32_t put_reserve(
    struct slots *slots, uint64_t number, int64_t utc_ns)
{
	const struct format_reserve reserve = {
	    .attempt = help_id(number), .utc_ns = utc_ns, .key = 1};
	uint8_t slot[FORMAT_SLOT_LEN];

	format_write_reserve(&reserve, slot);
	return put(slots, slot);
}

static void put_settle(
    struct slots *slots, uint64_t number, uint64_t sequence, uint32_t at)
{
	const struct format_settle settle = {.settle = help_settle(number),
	    .reserve_sequence = sequence,
	    .reserve_slot = at};
	uint8_t slot[FORMAT_SLOT_LEN];

	format_write_settle(&settle, slot);
	put(slots, slot);
}

static void put_name_part(
    struct slots *slots, uint32_t id, const char *text, uint8_t part)
{
	const struct format_name name = {
	    .id = id, .part = part, .bytes = span_of(text)};
	uint8_t slot[FORMAT_SLOT_LEN];

	format_write_name(&name, slot);
	put(slots, slot);
}

static void parse(struct slots *slots, uint64_t mark)
{
	struct survey survey = {.sequence = SEQUENCE,
	    .identity = IDENTITY,
	    .min_utc_ns = INT64_MAX,
	    .max_utc_ns = INT64_MIN};

	source_free(&slots->source);
	slots->source = (struct source){
	    .sequence = SEQUENCE, .slots = slots->bytes[0], .n = SLOTS};
	memset(slots->damages, 0, sizeof(slots->damages));
	survey_slots(&survey, slots->bytes[0], 0, SLOTS, &slots->far);
	slots->source.scan = (struct scan){
	    .file = "file",
	    .identity = IDENTITY,
	    .mark = mark,
	    .is_rebooted = slots->is_rebooted,
	    .damage = count_damage,
	    .arg = slots,
	};
	source_parse(&slots->source, &slots->pool, false);
}

static int begin_slots(void **state)
{
	*state = mem_new(struct slots);
	return 0;
}

static int end_slots(void **state)
{
	struct slots *slots = *state;

	source_free(&slots->source);
	far_free(&slots->far);
	names_clear(&slots->pool);
	free(slots);
	return 0;
}

static size_t damages(const struct slots *slots)
{
	return slots->damages[0] + slots->damages[1] + slots->damages[2] +
	       slots->damages[3];
}

static void rows_come_in_order_of_time_with_their_settles(void **state)
{
	struct slots *slots = *state;
	const uint64_t expected[] = {3, 1, 2};
	struct ledger_row row;
	uint32_t second;

	put_name_part(slots, 1, "team", 0);
	put_reserve(slots, 1, 100);
	second = put_reserve(slots, 2, 200);
	put_reserve(slots, 3, 50); /* the clock was set back */
	put_settle(slots, 2, SEQUENCE, second);
	put_settle(slots, 3, SEQUENCE - 1, 0); /* as if in an older segment */
	parse(slots, slots->n);
	assert_int_equal(damages(slots), 0);
	assert_int_equal(slots->source.n_rows, 3);
	for (int i = 0; i < 3; i++) {
		source_row(&slots->source, &slots->far, &row);
		assert_int_equal(
		    help_number(&row.reserve.attempt), expected[i]);
		assert_string_equal(row.reserve.key, "team");
		assert_string_equal(row.reserve.model, "");
		assert_int_equal(row.state,
		    expected[i] == 1 ? LEDGER_UNKNOWN : LEDGER_SETTLED);
		assert_int_equal(row.settle.cost_nano,
		    expected[i] == 1 ? 0 : (int64_t)expected[i]);
	}
	assert_false(source_has_row(&slots->source));
}

static void the_first_settle_of_an_attempt_counts(void **state)
{
	struct slots *slots = *state;
	struct ledger_row row;
	uint32_t at = put_reserve(slots, 1, 100);

	put_settle(slots, 1, SEQUENCE, at);
	put_settle(slots, 1, SEQUENCE, at);
	slots->n--;
	slots->bytes[slots->n][56] = 99; /* another cost */
	format_seal_slot(slots->bytes[slots->n], IDENTITY, slots->n);
	slots->n++;
	parse(slots, slots->n);
	source_row(&slots->source, &slots->far, &row);
	assert_int_equal(row.settle.cost_nano, 1);
}

static void a_settle_that_points_elsewhere_is_not_taken(void **state)
{
	struct slots *slots = *state;
	struct ledger_row row;

	put_reserve(slots, 1, 100);
	put_settle(slots, 2, SEQUENCE, 0);          /* another attempt */
	put_settle(slots, 1, SEQUENCE, 1);          /* not a reserve */
	put_settle(slots, 1, SEQUENCE, UINT32_MAX); /* behind itself */
	parse(slots, slots->n);
	source_row(&slots->source, &slots->far, &row);
	assert_int_equal(row.state, LEDGER_UNKNOWN);
}

static void names_of_every_length_come_back(void **state)
{
	struct slots *slots = *state;
	char text[LEDGER_NAME_MAX + 1];

	for (size_t len = 1; len <= LEDGER_NAME_MAX; len++) {
		struct ledger_row row;

		memset(text, 'a' + (int)(len % 26), len);
		text[len] = '\0';
		memset(slots->bytes, 0, sizeof(slots->bytes));
		slots->n = 0;
		for (size_t i = 0; i < format_name_slots(len); i++)
			put_name_part(slots, 1, text, (uint8_t)i);
		put_reserve(slots, 1, 100);
		parse(slots, slots->n);
		source_row(&slots->source, &slots->far, &row);
		assert_string_equal(row.reserve.key, text);
	}
}

static void a_damaged_name_costs_the_name_and_not_the_row(void **state)
{
	struct slots *slots = *state;
	char text[200];
	struct ledger_row row;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	put_name_part(slots, 1, text, 0);
	put_name_part(slots, 1, text, 1);
	put_reserve(slots, 1, 100);
	slots->bytes[1][20] ^= 1;
	parse(slots, slots->n);
	assert_int_equal(slots->damages[LEDGER_CORRUPT], 1);
	source_row(&slots->source, &slots->far, &row);
	assert_string_equal(row.reserve.key, "(lost)");
}

/* --- judging damage ----------------------------------------------------------
 */

static void fill(struct slots *slots, uint32_t n)
{
	while (slots->n < n)
		put_reserve(slots, slots->n, slots->n);
}

static void a_record_cut_short_at_the_end_is_a_torn_tail(void **state)
{
	struct slots *slots = *state;

	for (size_t stored = 1; stored < FORMAT_SLOT_LEN; stored++) {
		memset(slots->bytes, 0, sizeof(slots->bytes));
		slots->n = 0;
		fill(slots, 10);
		/* The rest of it was never stored. */
		memset(slots->bytes[9] + stored, 0, FORMAT_SLOT_LEN - stored);
		if (!memcmp(slots->bytes[9], slots->bytes[11], 128))
			continue;
		parse(slots, 4);
		/* What ends in zeros may have been stored whole. */
		if (slots->source.n_rows == 10)
			continue;
		assert_int_equal(slots->source.n_rows, 9);
		assert_int_equal(damages(slots), 1);
		assert_int_equal(slots->damages[LEDGER_TORN_TAIL], 1);
		assert_int_equal(slots->last.offset, 4096 + 9 * 128);
	}
}

static void damage_in_the_middle_is_told_and_read_past(void **state)
{
	struct slots *slots = *state;

	fill(slots, 20);
	slots->bytes[4][60] ^= 0x10;
	slots->bytes[5][60] ^= 0x10;
	parse(slots, 20);
	assert_int_equal(slots->source.n_rows, 18);
	assert_int_equal(damages(slots), 1);
	assert_int_equal(slots->damages[LEDGER_CORRUPT], 1);
	assert_int_equal(slots->last.offset, 4096 + 4 * 128);
	assert_string_equal(slots->last.file, "file");
	/* The mark does not make it better. */
	parse(slots, 0);
	assert_int_equal(slots->damages[LEDGER_CORRUPT], 1);
	/* Nor do zeros where records were synced. */
	memset(slots->bytes[4], 0, (size_t)4 * FORMAT_SLOT_LEN);
	parse(slots, 20);
	assert_int_equal(slots->damages[LEDGER_CORRUPT], 1);
	assert_int_equal(slots->source.n_rows, 16);
}

static void a_gap_that_a_power_cut_left_is_a_torn_part(void **state)
{
	struct slots *slots = *state;

	fill(slots, 100);
	memset(slots->bytes[32], 0, (size_t)32 * FORMAT_SLOT_LEN);
	slots->bytes[32][5] = 1;
	slots->is_rebooted = true;
	parse(slots, 32);
	assert_int_equal(slots->source.n_rows, 68);
	assert_int_equal(damages(slots), 1);
	assert_int_equal(slots->damages[LEDGER_TORN_TAIL], 1);
	assert_true(slots->source.scan.has_gaps);
	/* The same where it was synced, */
	parse(slots, 33);
	assert_int_equal(slots->damages[LEDGER_CORRUPT], 1);
	/* and when there was no power cut. */
	slots->is_rebooted = false;
	parse(slots, 32);
	assert_int_equal(slots->damages[LEDGER_CORRUPT], 1);
}

static void more_than_one_lost_synced_record_is_damage(void **state)
{
	struct slots *slots = *state;

	fill(slots, 10);
	parse(slots, 11);
	assert_int_equal(slots->damages[LEDGER_TORN_TAIL], 1);
	parse(slots, 12);
	assert_int_equal(slots->damages[LEDGER_TORN_TAIL], 0);
	assert_int_equal(slots->damages[LEDGER_CORRUPT], 1);
}

static void bytes_after_the_seal_are_a_torn_tail(void **state)
{
	struct slots *slots = *state;
	uint8_t slot[FORMAT_SLOT_LEN];

	fill(slots, 10);
	format_write_plain(FORMAT_SEAL, 1, slot);
	put(slots, slot);
	parse(slots, 11);
	assert_int_equal(damages(slots), 0);
	assert_true(slots->source.scan.is_sealed);
	memcpy(slots->bytes[11], "garbage", 7);
	parse(slots, 11);
	assert_int_equal(damages(slots), 1);
	assert_int_equal(slots->damages[LEDGER_TORN_TAIL], 1);
}

int main(void)
{
#define slots_test(name)                                                       \
	cmocka_unit_test_setup_teardown(name, begin_slots, end_slots)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_header_comes_back_as_it_was),
	    cmocka_unit_test(either_copy_of_a_header_is_enough),
	    cmocka_unit_test(
		any_other_byte_of_a_header_is_watched_but_the_mark),
	    cmocka_unit_test(a_header_of_another_format_is_refused),
	    cmocka_unit_test(a_reserve_comes_back_with_its_extremes),
	    cmocka_unit_test(what_an_older_version_left_zero_is_not_known),
	    cmocka_unit_test(a_settle_comes_back_with_its_extremes),
	    cmocka_unit_test(a_record_stands_little_endian_at_fixed_offsets),
	    cmocka_unit_test(one_changed_bit_anywhere_makes_a_record_bad),
	    cmocka_unit_test(a_record_elsewhere_is_no_record),
	    slots_test(rows_come_in_order_of_time_with_their_settles),
	    slots_test(the_first_settle_of_an_attempt_counts),
	    slots_test(a_settle_that_points_elsewhere_is_not_taken),
	    slots_test(names_of_every_length_come_back),
	    slots_test(a_damaged_name_costs_the_name_and_not_the_row),
	    slots_test(a_record_cut_short_at_the_end_is_a_torn_tail),
	    slots_test(damage_in_the_middle_is_told_and_read_past),
	    slots_test(a_gap_that_a_power_cut_left_is_a_torn_part),
	    slots_test(more_than_one_lost_synced_record_is_damage),
	    slots_test(bytes_after_the_seal_are_a_torn_tail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
