/* test_kv.c -- pages are given, found, slid out of and given back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "local/kv.h"

/* Two full layers and three that see 20 tokens; one head of two numbers. */
static const struct kv_shape shapes[KV_GROUPS] = {
    {.n_slots = 2, .n_heads = 1, .head_dim = 2},
    {.n_slots = 3, .n_heads = 1, .head_dim = 2, .window = 20},
};
#define FULL_PAGE (2 * 2 * KV_PAGE_TOKENS * 2 * 4)
#define SLIDING_PAGE (3 * 2 * KV_PAGE_TOKENS * 2 * 4)

static void gives_every_place_its_own_tile(void **state)
{
	struct kv_pool *pool = kv_pool_new(shapes, 1 << 20);
	struct error err;
	struct kv kv;
	float mark = 0;

	(void)state;
	kv_init(&kv, pool);
	assert_int_equal(kv_grow(&kv, 33, &err), OK);
	assert_int_equal(kv_pool_used(pool), 3 * (FULL_PAGE + SLIDING_PAGE));
	assert_int_equal(kv_token_bytes(pool), (FULL_PAGE + SLIDING_PAGE) / 16);
	for (int pass = 0; pass < 2; pass++) {
		mark = 0;
		for (uint32_t i = 0; i < 33; i += 16) {
			for (uint32_t s = 0; s < 10; s++) {
				struct kv_place place = {.group = s >= 4,
				    .slot = s >= 4 ? (s - 4) / 2 : s / 2,
				    .is_value = s % 2};
				float *tile = kv_tile(&kv, &place, i);

				mark++;
				if (pass == 0)
					tile[0] = tile[31] = mark;
				assert_true(tile[0] == mark);
				assert_true(tile[31] == mark);
			}
		}
	}
	kv_clear(&kv);
	assert_int_equal(kv_pool_used(pool), 0);
	kv_pool_free(&pool);
}

static void gives_halves_half_the_room(void **state)
{
	struct kv_shape halves[KV_GROUPS] = {shapes[0], shapes[1]};
	struct kv_place key = {.slot = 1},
			value = {.slot = 1, .is_value = true};
	struct kv_pool *pool;
	struct error err;
	struct kv kv;

	(void)state;
	halves[0].is_half = true;
	assert_int_equal(kv_page_bytes(&halves[0]), FULL_PAGE / 2);
	pool = kv_pool_new(halves, 1 << 20);
	kv_init(&kv, pool);
	assert_true(kv_is_half(&kv, 0));
	assert_false(kv_is_half(&kv, 1));
	assert_int_equal(kv_grow(&kv, 16, &err), OK);
	assert_int_equal(kv_pool_used(pool), FULL_PAGE / 2 + SLIDING_PAGE);
	assert_ptr_equal((char *)kv_tile(&kv, &key, 0) + 2 * KV_PAGE_TOKENS * 2,
	    kv_tile(&kv, &value, 0));
	kv_clear(&kv);
	kv_pool_free(&pool);
}

static void gives_back_what_a_window_has_passed(void **state)
{
	struct kv_pool *pool = kv_pool_new(shapes, 1 << 20);
	struct error err;
	struct kv kv;

	(void)state;
	kv_init(&kv, pool);
	assert_int_equal(kv_grow(&kv, 48, &err), OK);
	/* Token 35 sees 16 and up, token 34 still sees 15. */
	kv_slide(&kv, 34);
	assert_int_equal(kv_pool_used(pool), 3 * (FULL_PAGE + SLIDING_PAGE));
	kv_slide(&kv, 35);
	assert_int_equal(kv_pool_used(pool), 3 * FULL_PAGE + 2 * SLIDING_PAGE);
	assert_false(kv_truncate(&kv, 30));
	assert_int_equal(kv.length, 48);
	assert_true(kv_truncate(&kv, 40));
	assert_int_equal(kv.length, 40);
	kv_clear(&kv);
	assert_int_equal(kv_pool_used(pool), 0);
	kv_pool_free(&pool);
}

static void refuses_more_than_its_bytes(void **state)
{
	struct kv_pool *pool =
	    kv_pool_new(shapes, 2 * (FULL_PAGE + SLIDING_PAGE));
	struct error err;
	struct kv first, second;

	(void)state;
	kv_init(&first, pool);
	kv_init(&second, pool);
	assert_int_equal(kv_grow(&first, 16, &err), OK);
	assert_int_equal(kv_grow(&second, 17, &err), FAILED);
	assert_non_null(strstr(err.text, "17 tokens do not fit"));
	assert_int_equal(second.length, 0);
	assert_int_equal(kv_pool_used(pool), FULL_PAGE + SLIDING_PAGE);
	kv_clear(&first);
	assert_int_equal(kv_grow(&second, 32, &err), OK);
	kv_clear(&second);
	kv_pool_free(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives_every_place_its_own_tile),
	    cmocka_unit_test(gives_halves_half_the_room),
	    cmocka_unit_test(gives_back_what_a_window_has_passed),
	    cmocka_unit_test(refuses_more_than_its_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
