/* test_arena.c -- alignment, bounds and what a reset keeps. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

static void hands_out_aligned_memory_that_does_not_overlap(void **state)
{
	struct arena arena;
	char *taken[500];
	size_t lens[500];

	(void)state;
	arena_init(&arena, (size_t)1 << 20);
	for (size_t i = 0; i < 500; i++) {
		lens[i] = i * 7 % 301;
		taken[i] = arena_alloc(&arena, lens[i]);
		assert_non_null(taken[i]);
		assert_int_equal((uintptr_t)taken[i] % 16, 0);
		memset(taken[i], (int)(i & 0x7f), lens[i]);
	}
	for (size_t i = 0; i < 500; i++) {
		for (size_t j = 0; j < lens[i]; j++)
			assert_int_equal(taken[i][j], i & 0x7f);
	}
	arena_free(&arena);
}

static void zeroes_what_was_used_before(void **state)
{
	struct arena arena;
	unsigned char *bytes;

	(void)state;
	arena_init(&arena, 4096);
	bytes = arena_alloc(&arena, 256);
	memset(bytes, 0xff, 256);
	arena_reset(&arena);
	bytes = arena_zalloc(&arena, 256);
	for (size_t i = 0; i < 256; i++)
		assert_int_equal(bytes[i], 0);
	arena_free(&arena);
}

static void refuses_to_pass_its_maximum(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 100); /* 112 in steps of 16 */
	assert_non_null(arena_alloc(&arena, 100));
	assert_null(arena_alloc(&arena, 1));
	assert_null(arena_zalloc(&arena, 1));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_copy(&arena, SPAN("x")).ptr);
	assert_null(arena_printf(&arena, "%d", 1));
	arena_reset(&arena);
	assert_null(arena_alloc(&arena, 113));
	assert_non_null(arena_alloc(&arena, 112));
	arena_free(&arena);
	arena_init(&arena, SIZE_MAX);
	assert_non_null(arena_alloc(&arena, 10));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_alloc(&arena, SIZE_MAX - 8));
	arena_free(&arena);
}

static void keeps_its_first_block_over_a_reset(void **state)
{
	struct arena arena;
	struct arena_block *first;
	char *start;

	(void)state;
	arena_init(&arena, (size_t)1 << 24);
	assert_null(arena.first);
	start = arena_alloc(&arena, 10);
	first = arena.first;
	assert_non_null(arena_alloc(&arena, 5000));
	assert_non_null(arena_alloc(&arena, 1000000));
	assert_non_null(arena_alloc(&arena, 60000));
	arena_reset(&arena);
	assert_ptr_equal(arena.first, first);
	assert_int_equal(arena.used, 0);
	assert_ptr_equal(arena_alloc(&arena, 10), start);
	arena_free(&arena);
	assert_null(arena.first);
	assert_non_null(arena_alloc(&arena, 10));
	arena_free(&arena);
}

static void goes_on_in_its_block_after_a_large_request(void **state)
{
	struct arena arena;
	struct arena_block *current;

	(void)state;
	arena_init(&arena, (size_t)1 << 24);
	assert_non_null(arena_alloc(&arena, 1000000));
	current = arena.current;
	assert_ptr_equal(current, arena.first);
	assert_non_null(arena_alloc(&arena, 100));
	assert_ptr_equal(arena.current, current);
	arena_free(&arena);
}

static void copies_and_formats_with_a_nul(void **state)
{
	struct arena arena;
	struct span copy;

	(void)state;
	arena_init(&arena, 4096);
	copy = arena_copy(&arena, span_head(SPAN("abcdef"), 3));
	assert_int_equal(copy.len, 3);
	assert_string_equal(copy.ptr, "abc");
	copy = arena_copy(&arena, span_make(NULL, 0));
	assert_int_equal(copy.len, 0);
	assert_string_equal(copy.ptr, "");
	assert_string_equal(arena_printf(&arena, "%s-%d", "x", 42), "x-42");
	arena_free(&arena);
}

static void poisons_what_is_not_handed_out(void **state)
{
	(void)state;
#if defined(__SANITIZE_ADDRESS__)
	struct arena arena;
	char *bytes;

	arena_init(&arena, 4096);
	bytes = arena_alloc(&arena, 32);
	assert_false(__asan_address_is_poisoned(bytes + 31));
	assert_true(__asan_address_is_poisoned(bytes + 32));
	bytes = arena_alloc(&arena, 13);
	assert_false(__asan_address_is_poisoned(bytes + 12));
	assert_true(__asan_address_is_poisoned(bytes + 13));
	arena_reset(&arena);
	assert_true(__asan_address_is_poisoned(bytes));
	arena_free(&arena);
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hands_out_aligned_memory_that_does_not_overlap),
	    cmocka_unit_test(zeroes_what_was_used_before),
	    cmocka_unit_test(refuses_to_pass_its_maximum),
	    cmocka_unit_test(keeps_its_first_block_over_a_reset),
	    cmocka_unit_test(goes_on_in_its_block_after_a_large_request),
	    cmocka_unit_test(copies_and_formats_with_a_nul),
	    cmocka_unit_test(poisons_what_is_not_handed_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
