/* test_prefix.c -- pages are found again by those who begin alike. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "local/scheduler/prefix.h"

/* One full layer and one that sees 20 tokens, of two numbers each. */
static const struct kv_shape shapes[KV_GROUPS] = {
    {.n_slots = 1, .n_heads = 1, .head_dim = 2},
    {.n_slots = 1, .n_heads = 1, .head_dim = 2, .window = 20},
};
#define PAGE ((uint64_t)2 * KV_PAGE_TOKENS * 2 * 4)
#define PAGES 6

/* A text of PAGES pages, computed in steps of one and entered. */
struct fixture {
	struct kv_pool *pool;
	struct prefix *prefix;
	uint32_t tokens[PAGES * KV_PAGE_TOKENS];
	struct prefix_hash hashes[PAGES];
	struct prefix_entry *entries[PAGES];
	struct kv kv;
};

static void enter_text(struct fixture *f, uint32_t first_token, uint32_t n)
{
	struct prefix_hash root = prefix_root(f->prefix, SPAN("tenant"), 0);
	struct kv_block block;
	struct error err;

	kv_init(&f->kv, f->pool);
	for (uint32_t i = 0; i < n * KV_PAGE_TOKENS; i++)
		f->tokens[i] = first_token + i;
	for (uint32_t i = 0; i < n; i++) {
		f->hashes[i] = prefix_next(i ? &f->hashes[i - 1] : &root,
		    f->tokens + i * KV_PAGE_TOKENS);
		assert_int_equal(
		    kv_grow(&f->kv, (i + 1) * KV_PAGE_TOKENS, &err), OK);
		kv_slide(&f->kv, (i + 1) * KV_PAGE_TOKENS);
		block = kv_keep(&f->kv, i);
		f->entries[i] = prefix_enter(f->prefix, &f->hashes[i], &block);
	}
}

static void make(struct fixture *f, uint64_t pages)
{
	f->pool = kv_pool_new(shapes, pages * PAGE);
	f->prefix = prefix_new(f->pool, true);
}

static void leave(struct fixture *f, uint32_t n)
{
	prefix_leave(f->prefix, f->entries, n);
	kv_clear(&f->kv);
}

static void unmake(struct fixture *f)
{
	prefix_free(&f->prefix);
	assert_int_equal(kv_pool_used(f->pool) + kv_pool_idle(f->pool), 0);
	kv_pool_free(&f->pool);
}

static uint32_t search(struct fixture *f, uint32_t n)
{
	struct prefix_entry *found[PAGES];

	return prefix_find(
	    f->prefix, &(struct prefix_search){
			   .hashes = f->hashes, .n = n, .entries = found});
}

static void tells_apart_whose_text_and_what_came_before(void **state)
{
	struct fixture f;
	uint32_t tokens[KV_PAGE_TOKENS] = {1, 2, 3};
	struct prefix_hash a, b, c, d;

	(void)state;
	make(&f, 100);
	a = prefix_root(f.prefix, SPAN("a"), 0);
	b = prefix_root(f.prefix, SPAN("b"), 0);
	c = prefix_root(f.prefix, SPAN("a"), 1);
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_memory_not_equal(&a, &c, sizeof(a));
	c = prefix_next(&a, tokens);
	d = prefix_next(&b, tokens);
	assert_memory_not_equal(&c, &d, sizeof(c));
	d = prefix_next(&a, tokens);
	assert_memory_equal(&c, &d, sizeof(c));
	tokens[15] = 1;
	d = prefix_next(&a, tokens);
	assert_memory_not_equal(&c, &d, sizeof(c));
	unmake(&f);
}

static void finds_the_longest_row_of_pages(void **state)
{
	struct fixture f;
	struct prefix_hash other;

	(void)state;
	make(&f, 100);
	enter_text(&f, 0, PAGES);
	assert_int_equal(search(&f, PAGES), PAGES);
	assert_int_equal(search(&f, 2), 2);
	other = f.hashes[3];
	f.hashes[3].bytes[0] ^= 1;
	assert_int_equal(search(&f, PAGES), 3);
	f.hashes[3] = other;
	leave(&f, PAGES);
	assert_int_equal(kv_pool_used(f.pool), 0);
	assert_int_equal(kv_pool_idle(f.pool), 2 * PAGES * PAGE);
	assert_int_equal(search(&f, PAGES), PAGES);
	unmake(&f);
}

static void lets_another_sequence_go_on(void **state)
{
	struct kv_place place = {.group = 0};
	struct fixture f;
	struct kv kv;

	(void)state;
	make(&f, 100);
	enter_text(&f, 0, PAGES);
	((float *)kv_tile(&f.kv, &place, 16))[3] = 7;
	leave(&f, PAGES);
	kv_init(&kv, f.pool);
	for (uint32_t i = 0; i < 3; i++) {
		prefix_hold(f.prefix, f.entries[i]);
		kv_adopt(&kv, prefix_block(f.entries[i]));
	}
	assert_int_equal(kv.length, 48);
	assert_true(((float *)kv_tile(&kv, &place, 16))[3] == 7);
	assert_int_equal(kv_pool_used(f.pool), 6 * PAGE);
	/* Its next tokens see 29 and up. */
	kv_slide(&kv, 48);
	assert_int_equal(kv_pool_used(f.pool), 5 * PAGE);
	assert_int_equal(kv_bytes(&kv), 5 * PAGE);
	/* A page that others may read is not written to. */
	assert_false(kv_truncate(&kv, 40));
	assert_true(kv_truncate(&kv, 48));
	prefix_leave(f.prefix, f.entries, 3);
	kv_clear(&kv);
	unmake(&f);
}

static void drops_the_last_page_of_who_left_first(void **state)
{
	struct fixture f, g;

	(void)state;
	make(&f, 4 * PAGES);
	g.pool = f.pool;
	g.prefix = f.prefix;
	enter_text(&f, 0, PAGES);
	enter_text(&g, 1000, PAGES);
	leave(&f, PAGES);
	leave(&g, PAGES);
	assert_true(prefix_make_room(f.prefix, 4 * PAGE));
	assert_int_equal(search(&f, PAGES), PAGES - 2);
	assert_int_equal(search(&g, PAGES), PAGES);
	assert_true(prefix_make_room(f.prefix, (uint64_t)4 * PAGES * PAGE));
	assert_int_equal(prefix_count(f.prefix), 0);
	assert_false(
	    prefix_make_room(f.prefix, (uint64_t)(4 * PAGES + 1) * PAGE));
	unmake(&f);
}

static void strips_what_a_window_passed_of_pages_in_use(void **state)
{
	struct fixture f;

	(void)state;
	make(&f, 2 * PAGES);
	enter_text(&f, 0, PAGES);
	/* The sequence uses all full pages and the window's last two. */
	assert_int_equal(kv_pool_idle(f.pool), (PAGES - 2) * PAGE);
	assert_true(prefix_make_room(f.prefix, 2 * PAGE));
	assert_int_equal(kv_pool_idle(f.pool), (PAGES - 4) * PAGE);
	/* Short of pages 0 and 1 of the window nobody goes on at 1 or 2. */
	assert_int_equal(search(&f, 2), 0);
	assert_int_equal(search(&f, PAGES), PAGES);
	leave(&f, PAGES);
	unmake(&f);
}

static void keeps_nothing_when_told_so(void **state)
{
	struct fixture f;

	(void)state;
	f.pool = kv_pool_new(shapes, 100 * PAGE);
	f.prefix = prefix_new(f.pool, false);
	enter_text(&f, 0, PAGES);
	assert_int_equal(search(&f, PAGES), PAGES);
	leave(&f, PAGES);
	assert_int_equal(prefix_count(f.prefix), 0);
	unmake(&f);
}

static void finds_all_of_many(void **state)
{
	static struct fixture f[200];

	(void)state;
	make(&f[0], 200 * 2 * PAGES);
	for (uint32_t i = 0; i < 200; i++) {
		f[i].pool = f[0].pool;
		f[i].prefix = f[0].prefix;
		enter_text(&f[i], i * 1000, PAGES);
	}
	for (uint32_t i = 0; i < 200; i++) {
		assert_int_equal(search(&f[i], PAGES), PAGES);
		leave(&f[i], PAGES);
	}
	assert_int_equal(prefix_count(f[0].prefix), 200 * PAGES);
	unmake(&f[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tells_apart_whose_text_and_what_came_before),
	    cmocka_unit_test(finds_the_longest_row_of_pages),
	    cmocka_unit_test(lets_another_sequence_go_on),
	    cmocka_unit_test(drops_the_last_page_of_who_left_first),
	    cmocka_unit_test(strips_what_a_window_passed_of_pages_in_use),
	    cmocka_unit_test(keeps_nothing_when_told_so),
	    cmocka_unit_test(finds_all_of_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
