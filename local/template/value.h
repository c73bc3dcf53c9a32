/* value.h -- what a template computes with: Python's values, as far as needed.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TEMPLATE_VALUE_H
#define LOCAL_TEMPLATE_VALUE_H

#include "base/base.h"

/*
 * Private to local/template/. Everything lives in an arena and is dropped with
 * it. Strings, lists and dicts never change once they are made (the sandbox of
 * HF's environment allows no other), so that values can be copied freely; only
 * namespaces, loops, cyclers, joiners and the place of an iterator change.
 * Lists cannot hold themselves, namespaces can: what walks values recursively
 * counts its depth (VALUE_NEST_MAX).
 */
struct run;
struct node;
struct scope;

#define VALUE_NEST_MAX 160 /* above JSON_DEPTH_MAX */

enum value_kind {
	VALUE_MISSING, /* an argument that was not given */
	VALUE_UNDEFINED,
	VALUE_NONE,
	VALUE_BOOLEAN,
	VALUE_INTEGER,
	VALUE_BIG, /* an int past 64 bits: its digits, for printing only */
	VALUE_REAL,
	VALUE_STRING,
	VALUE_LIST, /* and everything else that is iterated over */
	VALUE_DICT,
	VALUE_NAMESPACE,
	VALUE_MACRO,
	VALUE_FUNCTION, /* a global one */
	VALUE_METHOD,   /* of a value, bound */
	VALUE_LOOP,
	VALUE_CYCLER,
	VALUE_JOINER,
};

struct value {
	uint8_t kind; /* enum value_kind */
	union {
		bool boolean;
		int64_t integer;
		double real;
		struct text *text; /* STRING, BIG */
		struct sequence *list;
		struct dict *dict;
		struct space *space;
		struct macro *macro;
		const struct builtin *function;
		struct method *method;
		struct loop *loop;
		struct cycler *cycler;
		struct joiner *joiner;
		struct undefined *undefined;
	} as;
};

/* Where a string may still grow in place: see text.c. */
struct tail {
	size_t used, cap;
	char *bytes;    /* (cap), the first <used> in use */
	uint8_t *marks; /* (cap) */
};

/*
 * UTF-8 with a mark for each byte: 1 is trusted, 0 is not. Where all are the
 * same <marks> is NULL and is_trusted tells.
 */
struct text {
	const char *ptr;
	const uint8_t *marks; /* (len) or NULL */
	size_t len;
	struct tail *tail;
	bool is_trusted;
	bool is_joined; /* came of a concatenation */
};

enum list_kind {
	LIST_LIST,
	LIST_TUPLE,
	LIST_RANGE,
	LIST_KEYS, /* views of a dict */
	LIST_VALUES,
	LIST_ITEMS,
	LIST_ITERATOR, /* can be gone through once */
};

struct sequence {
	enum list_kind kind;
	size_t count;
	size_t at; /* ITERATOR: the next item */
	struct value *items;
	int64_t range[3]; /* RANGE: start, stop, step */
};

struct entry {
	struct value key, value;
};

struct dict {
	size_t count;
	struct entry *entries; /* (count), in order of insertion */
	uint32_t *order;       /* (count) by key; NULL for a short dict */
};

/* A namespace: few names, searched one by one. */
struct space {
	size_t count, cap;
	struct entry *entries;
};

struct macro {
	const struct node *node; /* NODE_MACRO or NODE_CALL_BLOCK */
	struct scope *scope;     /* where it was defined */
};

struct method {
	const struct builtin *builtin;
	struct value self;
};

struct cycler {
	size_t at, count;
	struct value *items;
};

struct joiner {
	struct value separator;
	bool is_used;
};

/* What is missing, for the message of who goes on to use it. */
struct undefined {
	const char *hint;  /* the whole message, or NULL */
	struct span owner; /* "dict object"; empty for a variable */
	struct span name;
};

/* --- making values ------------------------------------------------------ */

#define VALUE_OF_NONE ((struct value){.kind = VALUE_NONE})

static inline struct value value_bool(bool boolean)
{
	return (struct value){.kind = VALUE_BOOLEAN, .as.boolean = boolean};
}

static inline struct value value_int(int64_t integer)
{
	return (struct value){.kind = VALUE_INTEGER, .as.integer = integer};
}

static inline struct value value_real(double real)
{
	return (struct value){.kind = VALUE_REAL, .as.real = real};
}

static inline bool value_is(const struct value *value, enum value_kind kind)
{
	return value->kind == kind;
}

static inline bool value_is_list(const struct value *value, enum list_kind kind)
{
	return value->kind == VALUE_LIST && value->as.list->kind == kind;
}

static inline struct span text_span(const struct text *text)
{
	return span_make(text->ptr, text->len);
}

/* Whether each of its bytes may be trusted. */
static inline bool text_is_trusted(const struct text *text)
{
	return !text->marks && text->is_trusted;
}

/* A string of <bytes>, which are not copied. False: the run has failed. */
bool jinja_string(struct run *run, struct span bytes, bool is_trusted,
    struct value *out) must_check;

/* A list with room for <count> items, to be filled. */
bool jinja_list(struct run *run, enum list_kind kind, size_t count,
    struct value *out) must_check;

/* An undefined one, of a variable or of what <owner> lacks; by a hint. */
bool jinja_undefined(struct run *run, struct span owner, struct span name,
    struct value *out) must_check;
bool jinja_undefined_hint(
    struct run *run, const char *hint, struct value *out) must_check;

/*
 * A dict of <entries> (count), which are kept: of keys that stand twice the
 * first place and the last value count. Fails on keys that cannot be hashed.
 */
bool jinja_dict(struct run *run, struct entry *entries, size_t count,
    struct value *out) must_check;

/* --- asking them -------------------------------------------------------- */

/* Python's name of the type: "str", "NoneType", "dict". */
const char *jinja_type(const struct value *value);

/* How Jinja names a value in messages: "dict object", "None". */
struct span jinja_owner(const struct value *value);

bool jinja_is_true(const struct value *value);

/* The number of bool, int and float; false for others. */
bool jinja_number(const struct value *value, double *out);

/* A bool or an int; false for others. */
bool jinja_whole(const struct value *value, int64_t *out);

/* Whether it can be a dict's key: None, numbers, strings, tuples of them. */
bool jinja_is_key(const struct value *value);

/* The value of <key>, NULL when there is none. */
const struct value *jinja_dict_get(
    struct run *run, const struct dict *dict, const struct value *key);
struct value *jinja_space_find(const struct space *space, struct span key);

/* Sets a name of a namespace. */
bool jinja_space_set(struct run *run, struct space *space,
    const struct value *key, const struct value *value) must_check;

/* Python's ==. */
bool jinja_equal(struct run *run, const struct value *a, const struct value *b,
    bool *out) must_check;

/*
 * Python's ordering: <0, 0, >0, or ORDER_NONE (neither, for what is not a
 * number); fails for values that have none.
 */
#define ORDER_NONE 1000
bool jinja_order(struct run *run, const struct value *a, const struct value *b,
    int *out) must_check;

/* Python's <item> in <container>. */
bool jinja_contains(struct run *run, const struct value *container,
    const struct value *item, bool *out) must_check;

/* len(). */
bool jinja_length(
    struct run *run, const struct value *value, int64_t *out) must_check;

/* --- going through them ------------------------------------------------- */

/* The items of anything iterable: what is left of an iterator is used up. */
struct items {
	const struct value *at;
	size_t count;
};
bool jinja_iterate(
    struct run *run, const struct value *value, struct items *out) must_check;

/* list(value) as a list, a tuple or an iterator. */
bool jinja_collect(struct run *run, const struct value *value,
    enum list_kind kind, struct value *out) must_check;

/* keys(), values(), items() of a dict: one view. */
bool jinja_view(struct run *run, const struct dict *dict, enum list_kind kind,
    struct value *out) must_check;

#endif
