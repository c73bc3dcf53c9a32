/* test_cache_key.c -- equal requests have equal keys, other ones others. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/json_fixture.h"

#include "base/hash.h"
#include "cache/key.h"

/*
 * Documents are made up as trees from a seeded generator. A tree is printed
 * with its members shuffled and blanks strewn in; what cache_canonical makes of
 * that is compared with a plain recursive printer, which finds the smallest
 * name by looking at all. Then one thing in the tree is changed: the keys must
 * differ exactly when the plain printer's texts do.
 */
#define CHILDREN_MAX 8

struct name {
	struct span raw; /* as written between the quotes */
	struct span decoded;
};

struct tree {
	enum json_type type;
	struct span raw;         /* a scalar as written */
	const struct name *name; /* of a member */
	uint32_t n;
	struct tree *children[CHILDREN_MAX];
};

struct maker {
	struct arena arena;
	uint64_t state;
};

#define NAME(raw, decoded)                                                     \
	{                                                                      \
		{raw, sizeof(raw) - 1},                                        \
		{                                                              \
			decoded, sizeof(decoded) - 1                           \
		}                                                              \
	}
#define PLAIN(name) NAME(name, name)

static const struct name names[] = {PLAIN("a"), NAME("\\u0061", "a"),
    PLAIN("b"), PLAIN("ab"), NAME("a\\u0062", "ab"), PLAIN(""), PLAIN("A"),
    PLAIN("\xc3\xa9"), NAME("\\u00e9", "\xc3\xa9"), NAME("\\/", "/"),
    PLAIN("/"), NAME("\\u0000", "\0"), NAME("a\\u0000", "a\0"),
    NAME("\\ud83d\\ude00", "\xf0\x9f\x98\x80"), PLAIN("model"),
    PLAIN("messages"), PLAIN("temperature"), PLAIN("stream"),
    NAME("str\\u0065am", "stream"), PLAIN("stream_options"), PLAIN("user"),
    PLAIN("metadata"), PLAIN("service_tier"), PLAIN("streams")};

#define SCALAR(type, raw)                                                      \
	{                                                                      \
		type,                                                          \
		{                                                              \
			raw, sizeof(raw) - 1                                   \
		}                                                              \
	}

static const struct {
	enum json_type type;
	struct span raw;
} scalars[] = {SCALAR(JSON_NULL, "null"), SCALAR(JSON_TRUE, "true"),
    SCALAR(JSON_FALSE, "false"), SCALAR(JSON_NUMBER, "0"),
    SCALAR(JSON_NUMBER, "-0"), SCALAR(JSON_NUMBER, "1"),
    SCALAR(JSON_NUMBER, "1.0"), SCALAR(JSON_NUMBER, "1e0"),
    SCALAR(JSON_NUMBER, "12345678901234567890"), SCALAR(JSON_STRING, "\"\""),
    SCALAR(JSON_STRING, "\"1\""), SCALAR(JSON_STRING, "\"null\""),
    SCALAR(JSON_STRING, "\"{}\""), SCALAR(JSON_STRING, "\" a , b \""),
    SCALAR(JSON_STRING, "\"\\u0061\""), SCALAR(JSON_STRING, "\"a\""),
    SCALAR(JSON_STRING, "\"\\\"\\\\\""), SCALAR(JSON_STRING, "\"\xc3\xa9\"")};

#define COUNT(list) (uint32_t)(sizeof(list) / sizeof(*(list)))

/* --- making --------------------------------------------------------------- */

static uint32_t draw(struct maker *m, uint32_t below)
{
	m->state = m->state * UINT64_C(6364136223846793005) + 1;
	return (uint32_t)(m->state >> 33) % below;
}

static void set_scalar(struct maker *m, struct tree *t)
{
	uint32_t which = draw(m, COUNT(scalars));

	t->type = scalars[which].type;
	t->raw = scalars[which].raw;
	t->n = 0;
}

static struct tree *make(struct maker *m, uint32_t depth, bool is_object)
{
	struct tree *t = arena_new(&m->arena, struct tree);
	uint32_t kind = is_object ? 3 : draw(m, 4);

	assert_non_null(t);
	if (depth == 0 || kind < 2) {
		set_scalar(m, t);
		return t;
	}
	t->type = kind == 2 ? JSON_ARRAY : JSON_OBJECT;
	t->n = draw(m, CHILDREN_MAX);
	for (uint32_t i = 0; i < t->n; i++) {
		t->children[i] = make(m, depth - 1, false);
		t->children[i]->name = &names[draw(m, COUNT(names))];
	}
	return t;
}

/* Any node below <t>, or <t> itself. */
static struct tree *pick(struct maker *m, struct tree *t)
{
	while (t->n > 0 && draw(m, 4) > 0)
		t = t->children[draw(m, t->n)];
	return t;
}

static void remove_child(struct tree *t, uint32_t at)
{
	t->n--;
	for (uint32_t i = at; i < t->n; i++)
		t->children[i] = t->children[i + 1];
}

/* --- printing ------------------------------------------------------------- */

static void put(struct buf *out, struct span text)
{
	assert_true(buf_append(out, text));
}

static void clear(struct buf *buf)
{
	buf_consume(buf, buf_len(buf));
}

static int compare(struct span a, struct span b)
{
	int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static void put_name(struct buf *out, const struct name *name)
{
	put(out, SPAN("\""));
	put(out, name->raw);
	put(out, SPAN("\""));
}

static bool is_denied(struct span name)
{
	return span_eq(name, SPAN("stream")) ||
	       span_eq(name, SPAN("stream_options")) ||
	       span_eq(name, SPAN("user")) || span_eq(name, SPAN("metadata")) ||
	       span_eq(name, SPAN("service_tier"));
}

/* What the canonical text must be, made the slow way. */
static void print_plainly(const struct tree *t, struct buf *out, bool is_top)
{
	bool is_done[CHILDREN_MAX] = {false}, is_first = true;

	if (t->type != JSON_ARRAY && t->type != JSON_OBJECT) {
		put(out, t->raw);
		return;
	}
	put(out, t->type == JSON_OBJECT ? SPAN("{") : SPAN("["));
	for (uint32_t round = 0; round < t->n; round++) {
		uint32_t next = CHILDREN_MAX;

		for (uint32_t i = 0; i < t->n; i++) {
			if (is_done[i])
				continue;
			if (next == CHILDREN_MAX ||
			    (t->type == JSON_OBJECT &&
				compare(t->children[i]->name->decoded,
				    t->children[next]->name->decoded) < 0))
				next = i;
		}
		is_done[next] = true;
		if (is_top && is_denied(t->children[next]->name->decoded))
			continue;
		if (!is_first)
			put(out, SPAN(","));
		is_first = false;
		if (t->type == JSON_OBJECT) {
			put_name(out, t->children[next]->name);
			put(out, SPAN(":"));
		}
		print_plainly(t->children[next], out, false);
	}
	put(out, t->type == JSON_OBJECT ? SPAN("}") : SPAN("]"));
}

static void put_blank(struct maker *m, struct buf *out)
{
	static const char *const blanks[] = {"", "", "", " ", "\n\t", "\r\n  "};

	put(out, span_of(blanks[draw(m, COUNT(blanks))]));
}

/* The next to print: any member whose namesakes before it are printed. */
static uint32_t draw_next(
    struct maker *m, const struct tree *t, const bool *is_done)
{
	uint32_t at = draw(m, t->n);

	while (is_done[at])
		at = (at + 1) % t->n;
	for (uint32_t i = 0; i < at; i++) {
		if (!is_done[i] && span_eq(t->children[i]->name->decoded,
				       t->children[at]->name->decoded))
			return i;
	}
	return at;
}

static void print_shuffled(
    struct maker *m, const struct tree *t, struct buf *out)
{
	bool is_done[CHILDREN_MAX] = {false};

	put_blank(m, out);
	if (t->type != JSON_ARRAY && t->type != JSON_OBJECT) {
		put(out, t->raw);
		put_blank(m, out);
		return;
	}
	put(out, t->type == JSON_OBJECT ? SPAN("{") : SPAN("["));
	put_blank(m, out);
	for (uint32_t round = 0; round < t->n; round++) {
		uint32_t next = round;

		if (round > 0)
			put(out, SPAN(","));
		if (t->type == JSON_OBJECT) {
			next = draw_next(m, t, is_done);
			put_blank(m, out);
			put_name(out, t->children[next]->name);
			put_blank(m, out);
			put(out, SPAN(":"));
		}
		is_done[next] = true;
		print_shuffled(m, t->children[next], out);
	}
	put(out, t->type == JSON_OBJECT ? SPAN("}") : SPAN("]"));
	put_blank(m, out);
}

/* --- changing ------------------------------------------------------------- */

enum change {
	OTHER_SCALAR,
	OTHER_STRING_BYTE,
	OTHER_TYPE,
	WRAPPED,
	SWAPPED,
	ADDED,
	REMOVED,
	RENAMED,
	MOVED,
	CHANGES,
};

/* A text as a string: 1 and "1", null and "null". */
static void quote(struct maker *m, struct tree *t)
{
	char *text;

	if (t->n > 0 || t->raw.len == 0 || t->raw.ptr[0] == '"')
		return;
	text = arena_printf(&m->arena, "\"%.*s\"", SPAN_FMT(t->raw));
	assert_non_null(text);
	t->type = JSON_STRING;
	t->raw = span_of(text);
}

static void change_byte(struct maker *m, struct tree *t)
{
	char *text;

	if (t->type != JSON_STRING)
		return;
	text = arena_printf(
	    &m->arena, "%.*s \"", SPAN_FMT(span_head(t->raw, t->raw.len - 1)));
	assert_non_null(text);
	t->raw = span_of(text);
}

static void wrap(struct maker *m, struct tree *t)
{
	struct tree *inner = arena_new(&m->arena, struct tree);

	assert_non_null(inner);
	*inner = *t;
	inner->name = &names[0];
	t->type = JSON_ARRAY;
	t->n = 1;
	t->children[0] = inner;
}

/* Two values change places: in an object the names stay where they are. */
static void swap(struct maker *m, struct tree *t)
{
	uint32_t a, b;
	const struct name *name;
	struct tree *kept;

	if (t->n < 2)
		return;
	a = draw(m, t->n);
	b = draw(m, t->n);
	kept = t->children[a];
	name = kept->name;
	t->children[a] = t->children[b];
	t->children[b] = kept;
	kept->name = t->children[a]->name;
	t->children[a]->name = name;
}

static void add(struct maker *m, struct tree *t, struct tree *child)
{
	if (t->n == CHILDREN_MAX ||
	    (t->type != JSON_ARRAY && t->type != JSON_OBJECT))
		return;
	child->name = &names[draw(m, COUNT(names))];
	t->children[t->n++] = child;
}

static void change(struct maker *m, struct tree *root, enum change how)
{
	struct tree *t = pick(m, root), *child;

	if (how == SWAPPED || how == ADDED) {
		if (how == SWAPPED)
			swap(m, t);
		else
			add(m, t, make(m, 1, false));
		return;
	}
	if (how == REMOVED || how == RENAMED || how == MOVED) {
		uint32_t at = t->n ? draw(m, t->n) : 0;

		if (t->n == 0)
			return;
		child = t->children[at];
		if (how == RENAMED)
			child->name = &names[draw(m, COUNT(names))];
		else
			remove_child(t, at);
		if (how == MOVED)
			add(m, pick(m, root), child);
		return;
	}
	if (t == root)
		return;
	if (how == OTHER_SCALAR && t->n == 0)
		set_scalar(m, t);
	else if (how == OTHER_STRING_BYTE)
		change_byte(m, t);
	else if (how == OTHER_TYPE)
		quote(m, t);
	else if (how == WRAPPED)
		wrap(m, t);
}

/* --- properties ----------------------------------------------------------- */

static struct cache_question question_of(const struct json_doc *body)
{
	return (struct cache_question){
	    .tenant = SPAN("team-a"),
	    .upstream = SPAN("up https://api.example.com/v1 large-1"),
	    .policy = SPAN("balanced"),
	    .endpoint = SPAN("chat"),
	    .body = body,
	};
}

static struct sha256 key_of(struct fixture *f, struct span text)
{
	struct cache_question question = question_of(&f->doc);
	struct sha256 key;

	if (!parse(f, text))
		fail_msg("%.*s: %s", SPAN_FMT(text), f->fault.reason);
	assert_true(cache_key(&question, &f->arena, &key));
	return key;
}

static bool is_same(const struct sha256 *a, const struct sha256 *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Prints <t> twice and compares; leaves the plain text in <plain>. */
static struct sha256 check_tree(
    struct fixture *f, struct maker *m, const struct tree *t, struct buf *plain)
{
	struct sha256 keys[2];
	struct buf text;

	buf_init(&text, (size_t)1 << 20);
	clear(plain);
	print_plainly(t, plain, true);
	for (int i = 0; i < 2; i++) {
		struct span canonical;

		clear(&text);
		print_shuffled(m, t, &text);
		keys[i] = key_of(f, buf_span(&text));
		canonical = cache_canonical(&f->doc, &f->arena);
		if (!span_eq(canonical, buf_span(plain)))
			fail_msg("%.*s\nbecame   %.*s\nand not  %.*s",
			    SPAN_FMT(buf_span(&text)), SPAN_FMT(canonical),
			    SPAN_FMT(buf_span(plain)));
	}
	assert_true(is_same(&keys[0], &keys[1]));
	buf_free(&text);
	return keys[0];
}

static void order_and_blanks_keep_the_key_and_any_meaning_changes_it(
    void **state)
{
	struct fixture *f = *state;
	int changed[CHANGES] = {0}, kept = 0;
	struct maker m = {.state = 4711};
	struct buf plain, other;

	arena_init(&m.arena, (size_t)64 << 20);
	buf_init(&plain, (size_t)1 << 20);
	buf_init(&other, (size_t)1 << 20);
	for (int i = 0; i < 6000; i++) {
		enum change how = (enum change)(i % CHANGES);
		struct tree *t = make(&m, 4, true);
		struct sha256 before = check_tree(f, &m, t, &plain), after;
		bool is_other;

		change(&m, t, how);
		after = check_tree(f, &m, t, &other);
		is_other = !span_eq(buf_span(&plain), buf_span(&other));
		if (is_same(&before, &after) == is_other)
			fail_msg("%.*s and %.*s: %s keys",
			    SPAN_FMT(buf_span(&plain)),
			    SPAN_FMT(buf_span(&other)),
			    is_other ? "same" : "other");
		*(is_other ? &changed[how] : &kept) += 1;
		arena_reset(&m.arena);
		arena_reset(&f->arena);
	}
	for (int i = 0; i < CHANGES; i++)
		assert_true(changed[i] > 50);
	assert_true(kept > 50);
	arena_free(&m.arena);
	buf_free(&plain);
	buf_free(&other);
}

/* --- cases ---------------------------------------------------------------- */

static void canonical_text_of_known_requests(void **state)
{
	static const char *const rows[][2] = {
	    {"{}", "{}"},
	    {" {\t} ", "{}"},
	    {"{\"b\":[ ],\"a\":{ }}", "{\"a\":{},\"b\":[]}"},
	    {"{\"stream\":true}", "{}"},
	    {"{\"user\":\"u\",\"metadata\":{\"a\":1},\"stream\":1,\"x\":1,"
	     "\"service_tier\":\"flex\",\"stream_options\":{}}",
		"{\"x\":1}"},
	    {"{\"str\\u0065am\":true,\"Stream\":1}", "{\"Stream\":1}"},
	    {"{\"m\":{\"user\":1,\"stream\":2}}",
		"{\"m\":{\"stream\":2,\"user\":1}}"},
	    {"{\"x\":2,\"x\":1}", "{\"x\":2,\"x\":1}"},
	    {"{\"x\":2,\"w\":0,\"\\u0078\":1}",
		"{\"w\":0,\"x\":2,\"\\u0078\":1}"},
	    {"{\"ab\":1,\"a\":2,\"b\":3,\"\":4}",
		"{\"\":4,\"a\":2,\"ab\":1,\"b\":3}"},
	    {"{\"a\":[{\"c\":1,\"b\":2},[3 , 1]]}",
		"{\"a\":[{\"b\":2,\"c\":1},[3,1]]}"},
	    {"{\"a\":1.0,\"b\":\"\\u0041 \"}",
		"{\"a\":1.0,\"b\":\"\\u0041 \"}"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		accept(f, rows[i][0]);
		assert_span(cache_canonical(&f->doc, &f->arena), rows[i][1]);
	}
}

/* The frames stand in the test too: replicas of other builds must agree. */
static void the_key_is_sha256_over_framed_parts(void **state)
{
	static const char *const parts[] = {"sluice-cache-key-1", "team-a",
	    "up https://api.example.com/v1 large-1", "balanced", "chat", "",
	    "{\"a\":1,\"b\":2}"};
	struct sha256 key = key_of(*state, SPAN("{\"b\":2, \"a\":1}")), other;
	struct buf tuple;

	buf_init(&tuple, 1024);
	for (size_t i = 0; i < COUNT(parts); i++) {
		char len[8] = {(char)strlen(parts[i])};

		put(&tuple, span_make(len, sizeof(len)));
		put(&tuple, span_of(parts[i]));
	}
	other = hash_sha256(buf_span(&tuple));
	assert_memory_equal(&key, &other, sizeof(key));
	buf_free(&tuple);
}

static void each_part_of_the_question_is_in_the_key(void **state)
{
	struct fixture *f = *state;
	struct cache_question questions[8];
	struct sha256 keys[8];

	accept(f, "{\"model\":\"auto\"}");
	for (int i = 0; i < 8; i++) {
		questions[i] = question_of(&f->doc);
		questions[i].tenant = SPAN("a");
		questions[i].upstream = SPAN("bc");
	}
	questions[1].tenant = SPAN("ab"); /* "a" + "bc" is "ab" + "c" */
	questions[1].upstream = SPAN("c");
	questions[2].tenant = SPAN("");
	questions[2].upstream = SPAN("abc");
	questions[3].policy = SPAN("cost-first");
	questions[4].endpoint = SPAN("completions");
	questions[5].headers = SPAN("openai-beta: x");
	questions[6].tenant = SPAN("b");
	questions[7].upstream = span_make("bc\0", 3);
	for (int i = 0; i < 8; i++) {
		assert_true(cache_key(&questions[i], &f->arena, &keys[i]));
		for (int j = 0; j < i; j++)
			assert_false(is_same(&keys[i], &keys[j]));
	}
}

static void a_body_that_is_no_object_has_no_key(void **state)
{
	static const char *const bodies[] = {"[]", "1", "\"{}\"", "null"};
	struct fixture *f = *state;
	struct sha256 key;

	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct cache_question question = question_of(&f->doc);

		accept(f, bodies[i]);
		assert_false(cache_key(&question, &f->arena, &key));
	}
}

static void too_little_memory_is_no_key(void **state)
{
	struct span text = SPAN("{\"b\":{\"\\u0061\":[1,{}]},\"a\":{\"c\":1}}");
	struct fixture *f = *state;
	struct cache_question question = question_of(&f->doc);
	bool has_key = false, has_text = false;
	size_t max;

	assert_true(parse(f, text));
	for (max = 0; !has_key || !has_text; max += 16) {
		struct arena scratch;
		struct sha256 key;

		assert_true(max < 1024);
		arena_init(&scratch, max);
		has_key = cache_key(&question, &scratch, &key);
		arena_reset(&scratch);
		has_text = cache_canonical(&f->doc, &scratch).ptr != NULL;
		arena_free(&scratch);
	}
	assert_true(max > 200);
}

static void goes_as_deep_as_the_reader_does(void **state)
{
	struct fixture *f = *state;
	struct buf in, out;

	buf_init(&in, 4096);
	buf_init(&out, 4096);
	for (int i = 0; i < JSON_DEPTH_MAX / 2; i++) {
		put(&in, SPAN("{\"b\":[ "));
		put(&out,
		    i ? SPAN("{\"a\":1,\"b\":[") : SPAN("{\"a\":0,\"b\":["));
	}
	for (int i = JSON_DEPTH_MAX / 2; i > 0; i--) {
		put(&in, i > 1 ? SPAN("],\"a\":1}") : SPAN("],\"a\":0}"));
		put(&out, SPAN("]}"));
	}
	assert_true(parse(f, buf_span(&in)));
	assert_true(
	    span_eq(cache_canonical(&f->doc, &f->arena), buf_span(&out)));
	buf_free(&in);
	buf_free(&out);
}

/* <n> members of <prefix> and a number that falls or rises. */
static void put_members(
    struct buf *out, const char *prefix, int n, bool is_falling)
{
	clear(out);
	for (int i = 0; i < n; i++)
		assert_true(buf_printf(out, "%c\"%s%06d\":%d", i ? ',' : '{',
		    prefix, is_falling ? n - 1 - i : i,
		    is_falling ? n - 1 - i : i));
	put(out, SPAN("}"));
}

static void sorts_a_hundred_thousand_members(void **state)
{
	struct fixture *f = *state;
	struct buf falling, rising;
	struct sha256 a, b;

	buf_init(&falling, (size_t)16 << 20);
	buf_init(&rising, (size_t)16 << 20);
	put_members(&falling, "parameter-with-a-long-name-", 100000, true);
	put_members(&rising, "parameter-with-a-long-name-", 100000, false);
	a = key_of(f, buf_span(&falling));
	assert_true(
	    span_eq(cache_canonical(&f->doc, &f->arena), buf_span(&rising)));
	b = key_of(f, buf_span(&rising));
	assert_true(is_same(&a, &b));
	put_members(&falling, "p\\u0061r-", 100000, true);
	put_members(&rising, "p\\u0061r-", 100000, false);
	a = key_of(f, buf_span(&falling));
	b = key_of(f, buf_span(&rising));
	assert_true(is_same(&a, &b));
	buf_free(&falling);
	buf_free(&rising);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(order_and_blanks_keep_the_key_and_any_meaning_changes_it),
	    TEST(canonical_text_of_known_requests),
	    TEST(the_key_is_sha256_over_framed_parts),
	    TEST(each_part_of_the_question_is_in_the_key),
	    TEST(a_body_that_is_no_object_has_no_key),
	    TEST(too_little_memory_is_no_key),
	    TEST(goes_as_deep_as_the_reader_does),
	    TEST(sorts_a_hundred_thousand_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
