/* test_json_tree.c -- walking a document, finding members, equal keys. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/json_fixture.h"

#include <stdio.h>

/* --- walking -------------------------------------------------------------- */

static void walks_arrays_and_objects(void **state)
{
	struct fixture *f = *state;
	struct buf seen;

	accept(f, "[[1,2],{\"a\":{\"b\":3}},\"s\",[]]");
	buf_init(&seen, 64);
	json_for_each(&f->doc, 0, node) {
		assert_true(buf_append(&seen, json_raw(&f->doc, node)));
		assert_true(buf_append(&seen, SPAN(";")));
	}
	assert_span(buf_span(&seen), "[1,2];{\"a\":{\"b\":3}};\"s\";[];");
	buf_free(&seen);
	assert_int_equal(json_count(&f->doc, 0), 4);
	assert_int_equal(json_count(&f->doc, 1), 2);
	assert_int_equal(json_count(&f->doc, 4), 1);
	assert_int_equal(json_first(&f->doc, 4), 5);
	assert_int_equal(json_after(&f->doc, 4, 5), 6);
	assert_int_equal(json_after(&f->doc, 4, 6), JSON_NONE);
}

static void gives_no_children_to_what_has_none(void **state)
{
	struct fixture *f = *state;

	accept(f, "[[],{},\"s\",1]");
	for (uint32_t node = 1; node < f->doc.count; node++) {
		assert_int_equal(json_first(&f->doc, node), JSON_NONE);
		assert_int_equal(json_count(&f->doc, node), 0);
	}
	assert_int_equal(json_first(&f->doc, JSON_NONE), JSON_NONE);
	assert_int_equal(json_count(&f->doc, JSON_NONE), 0);
}

static void finds_members_by_their_decoded_key(void **state)
{
	struct fixture *f = *state;
	struct json_doc *doc = &f->doc;

	accept(f, "{\"mod\\u0065l\":1,\"Model\":2,\"\":3,\"m\":{\"model\":4},"
		  "\"mode\":5,\"\\ud83d\\ude00\":6,\"a\\u0000b\":7}");
	assert_span(json_raw(doc, json_find(doc, 0, SPAN("model"))), "1");
	assert_span(json_raw(doc, json_find(doc, 0, SPAN("Model"))), "2");
	assert_span(json_raw(doc, json_find(doc, 0, SPAN(""))), "3");
	assert_span(json_raw(doc, json_find(doc, 0, SPAN("mode"))), "5");
	assert_span(
	    json_raw(doc, json_find(doc, 0, SPAN("\xf0\x9f\x98\x80"))), "6");
	assert_span(json_raw(doc, json_find(doc, 0, SPAN("a\0b"))), "7");
	assert_int_equal(json_find(doc, 0, SPAN("models")), JSON_NONE);
	assert_int_equal(json_find(doc, 0, SPAN("mod\\u0065l")), JSON_NONE);
	assert_int_equal(json_find(doc, 0, SPAN("a")), JSON_NONE);
	assert_int_equal(json_find(doc, JSON_NONE, SPAN("model")), JSON_NONE);
	assert_int_equal(json_find(doc, 1, SPAN("model")), JSON_NONE);
}

static void lets_the_last_of_equal_keys_count(void **state)
{
	struct fixture *f = *state;

	accept(f, "{\"a\":1,\"b\":2,\"\\u0061\":3}");
	assert_span(json_raw(&f->doc, json_find(&f->doc, 0, SPAN("a"))), "3");
}

/* --- unique keys ---------------------------------------------------------- */

static void assert_twin(struct fixture *f, const char *text, size_t offset)
{
	accept(f, text);
	if (json_keys_are_unique(&f->doc, 0, &f->arena, &f->fault))
		fail_msg("no twin seen in %s", text);
	assert_non_null(f->fault.reason);
	assert_int_equal(f->fault.offset, offset);
}

static void assert_unique(struct fixture *f, const char *text)
{
	accept(f, text);
	assert_true(json_keys_are_unique(&f->doc, 0, &f->arena, &f->fault));
}

static void refuses_keys_that_stand_twice(void **state)
{
	struct fixture *f = *state;

	assert_twin(f, "{\"a\":1,\"a\":2}", 7);
	assert_twin(f, "{\"model\":1,\"x\":0,\"MODEL\":2}", 17);
	assert_twin(f, "{\"model\":1,\"mod\\u0065l\":2}", 11);
	assert_twin(f, "{\"model\":1,\"mod\\u0045l\":2}", 11);
	assert_twin(f, "{\"\":1,\"\":2}", 6);
	/* Of several, the first one in the text is named. */
	assert_twin(f, "{\"b\":1,\"a\":1,\"A\":1,\"b\":1,\"a\":1}", 13);
	assert_twin(f, "{\"\xc3\xa9\":1,\"\\u00e9\":2}", 8);
}

static void lets_different_keys_pass(void **state)
{
	struct fixture *f = *state;

	assert_unique(f, "{}");
	assert_unique(f, "{\"a\":1}");
	assert_unique(f, "{\"a\":{\"a\":1,\"a\":2},\"b\":[]}");
	assert_unique(f, "{\"a\":1,\"aa\":1,\"\":1,\"a\\u0000\":1}");
	/* [ and { are 32 apart and no letters, nor are E-acute and e-acute. */
	assert_unique(f, "{\"[\":1,\"{\":1,\"@\":1,\"`\":1}");
	assert_unique(f, "{\"\xc3\x89\":1,\"\xc3\xa9\":2}");
	assert_unique(f, "[\"a\",\"a\"]");
	assert_unique(f, "\"a\"");
}

static void tells_long_keys_apart_by_their_last_byte(void **state)
{
	struct fixture *f = *state;

	for (size_t len = 250; len < 520; len += 3) {
		char a[600], text[1300];

		memset(a, 'k', len);
		a[len] = '\0';
		snprintf(text, sizeof(text), "{\"%sx\":1,\"%sy\":2}", a, a);
		assert_unique(f, text);
		snprintf(text, sizeof(text), "{\"%sx\":1,\"%sX\":2}", a, a);
		assert_twin(f, text, len + 7);
	}
}

/* So many that some 32-bit hashes are sure to be equal. */
static void checks_several_hundred_thousand_keys(void **state)
{
	struct fixture *f = *state;
	enum {
		N = 400000,
		PAIR = 12
	};
	char *text = arena_alloc(&f->arena, N * PAIR + 32);
	size_t len = 0;

	assert_non_null(text);
	for (int i = 0; i < N; i++)
		len += (size_t)snprintf(text + len, PAIR + 2, "%c\"k%06d\":0",
		    i == 0 ? '{' : ',', i);
	memcpy(text + len, ",\"K050000\":1}", 14);
	assert_true(json_parse(
	    span_make(text, len + 13), &f->arena, &f->doc, &f->fault));
	assert_false(json_keys_are_unique(&f->doc, 0, &f->arena, &f->fault));
	assert_int_equal(f->fault.offset, len + 1);
	text[len] = '}';
	assert_true(json_parse(
	    span_make(text, len + 1), &f->arena, &f->doc, &f->fault));
	assert_true(json_keys_are_unique(&f->doc, 0, &f->arena, &f->fault));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(walks_arrays_and_objects),
	    TEST(gives_no_children_to_what_has_none),
	    TEST(finds_members_by_their_decoded_key),
	    TEST(lets_the_last_of_equal_keys_count),
	    TEST(refuses_keys_that_stand_twice),
	    TEST(lets_different_keys_pass),
	    TEST(tells_long_keys_apart_by_their_last_byte),
	    TEST(checks_several_hundred_thousand_keys),
	};

	return cmocka_run_group_tests_name("json_tree", tests, NULL, NULL);
}
