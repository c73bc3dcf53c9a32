/* cel_eval.c -- a compiled condition against one request. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cel.h"

#include <assert.h>
#include <math.h>

/*
 * The checker left nothing to go wrong but what depends on the request: a
 * pattern's limits, an overflow, the arena's end. A list is never built: its
 * value is the node that makes it, walked by a cursor.
 */
struct value {
	enum cel_type type;
	union {
		bool boolean;
		int64_t integer;
		double real;
		struct span text;
		uint32_t list; /* the node */
	} as;
};

struct machine {
	const struct cel_program *program;
	const struct router_question *question;
	struct arena *arena;
	const char *why; /* set when something failed */
};

static bool eval(struct machine *m, uint32_t index, struct value *out);

static const struct cel_node *node_at(const struct machine *m, uint32_t index)
{
	return &m->program->nodes[index];
}

static bool fail(struct machine *m, const char *why)
{
	m->why = why;
	return false;
}

static bool give_bool(struct value *out, bool boolean)
{
	*out = (struct value){.type = CEL_BOOL, .as.boolean = boolean};
	return true;
}

static bool give_int(struct value *out, int64_t integer)
{
	*out = (struct value){.type = CEL_INT, .as.integer = integer};
	return true;
}

static bool give_double(struct value *out, double real)
{
	*out = (struct value){.type = CEL_DOUBLE, .as.real = real};
	return true;
}

static bool give_text(struct value *out, struct span text)
{
	*out = (struct value){.type = CEL_STRING, .as.text = text};
	return true;
}

/* --- variables ---------------------------------------------------------- */

static const char *endpoint_word(enum router_endpoint endpoint)
{
	switch (endpoint) {
	case ROUTER_COMPLETIONS:
		return "completions";
	case ROUTER_EMBEDDINGS:
		return "embeddings";
	case ROUTER_CHAT:
		break;
	}
	return "chat";
}

static bool eval_variable(struct machine *m, uint32_t index, struct value *out)
{
	const struct router_question *q = m->question;
	const struct router_features *f = q->features;

	switch (node_at(m, index)->as.variable) {
	case VARIABLE_TASK:
		return give_text(out, span_of(router_task_name(f->task)));
	case VARIABLE_LANGUAGE:
		return give_text(out, span_of(f->language));
	case VARIABLE_MODEL:
		return give_text(out, q->input->model);
	case VARIABLE_ENDPOINT:
		return give_text(out, span_of(endpoint_word(f->endpoint)));
	case VARIABLE_TOKENS:
		return give_int(out, f->tokens);
	case VARIABLE_TURNS:
		return give_int(out, f->turns);
	case VARIABLE_DIFFICULTY:
		return give_double(out, f->difficulty);
	case VARIABLE_TOOLS:
		return give_bool(out, f->tools);
	case VARIABLE_IMAGES:
		return give_bool(out, f->images);
	case VARIABLE_JSON_SCHEMA:
		return give_bool(out, f->json_schema);
	case VARIABLE_STREAM:
		return give_bool(out, f->stream);
	case VARIABLE_TEXT:
		return give_text(out, q->input->last_user);
	case VARIABLE_KEY_NAME:
		return give_text(out, span_of(q->caller->name));
	case VARIABLE_KEY_TAGS:
		*out = (struct value){.type = CEL_LIST, .as.list = index};
		return true;
	case VARIABLE_COUNT:
		break;
	}
	assert(0 && "the checker knows every variable");
	return false;
}

static struct span header(const struct machine *m, uint32_t index)
{
	const struct router_question *q = m->question;

	if (!q->header)
		return span_make(NULL, 0);
	return q->header(q->header_arg, node_at(m, index)->as.text);
}

/* A classifier that was not asked, or in vain, says "" with score 0. */
static bool eval_class(
    const struct machine *m, const struct cel_node *node, struct value *out)
{
	static const struct router_class silent = {NULL, 0};
	const struct router_class *said = &silent;

	if (m->question->classes &&
	    m->question->classes[node->as.model.index].label)
		said = &m->question->classes[node->as.model.index];
	if (node->as.model.field == MODEL_FIELD_SCORE)
		return give_double(out, said->score);
	return give_text(out, said->label ? span_of(said->label) : SPAN(""));
}

/* Without a load snapshot (a dry run) every model is idle and well. */
static bool eval_model(struct machine *m, uint32_t index, struct value *out)
{
	static const struct router_load idle = {
	    .kv_free = 1, .is_healthy = true};
	const struct cel_node *node = node_at(m, index);
	const struct router_load *load = &idle;

	assert(node->as.model.index < m->question->n_models);
	if (m->question->load)
		load = &m->question->load[node->as.model.index];
	switch (node->as.model.field) {
	case MODEL_FIELD_QUEUE:
		return give_int(out, load->queue);
	case MODEL_FIELD_KV_FREE:
		return give_double(out, load->kv_free);
	case MODEL_FIELD_CLASS:
	case MODEL_FIELD_SCORE:
		return eval_class(m, node, out);
	case MODEL_FIELD_HEALTHY:
		break;
	}
	return give_bool(out, load->is_healthy);
}

/* --- comparing ---------------------------------------------------------- */

enum order {
	LESS,
	EQUAL,
	GREATER,
	UNORDERED, /* not a number */
};

/* By value, not by converting the int: 2^53 + 1 is more than 2^53. */
static enum order order_int_double(int64_t a, double b)
{
	int64_t whole;

	if (isnan(b))
		return UNORDERED;
	if (b >= 0x1p63)
		return LESS;
	if (b < -0x1p63)
		return GREATER;
	whole = (int64_t)b;
	if (a != whole)
		return a < whole ? LESS : GREATER;
	if (b > (double)whole)
		return LESS;
	return b < (double)whole ? GREATER : EQUAL;
}

static enum order reverse(enum order order)
{
	return order == LESS ? GREATER : order == GREATER ? LESS : order;
}

static enum order order_text(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int diff = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;

	if (diff != 0)
		return diff < 0 ? LESS : GREATER;
	if (a.len != b.len)
		return a.len < b.len ? LESS : GREATER;
	return EQUAL;
}

/* Two values that are no lists; what cannot be compared is UNORDERED. */
static enum order order_values(const struct value *a, const struct value *b)
{
	if (a->type == CEL_INT && b->type == CEL_DOUBLE)
		return order_int_double(a->as.integer, b->as.real);
	if (a->type == CEL_DOUBLE && b->type == CEL_INT)
		return reverse(order_int_double(b->as.integer, a->as.real));
	if (a->type != b->type)
		return UNORDERED;
	switch (a->type) {
	case CEL_INT:
		return a->as.integer < b->as.integer   ? LESS
		       : a->as.integer > b->as.integer ? GREATER
						       : EQUAL;
	case CEL_DOUBLE:
		return a->as.real < b->as.real                  ? LESS
		       : a->as.real > b->as.real                ? GREATER
		       : isnan(a->as.real) || isnan(b->as.real) ? UNORDERED
								: EQUAL;
	case CEL_STRING:
		return order_text(a->as.text, b->as.text);
	case CEL_BOOL:
		return a->as.boolean == b->as.boolean ? EQUAL : UNORDERED;
	default:
		return UNORDERED;
	}
}

/* --- lists -------------------------------------------------------------- */

struct cursor {
	uint32_t node; /* of a literal: the next element */
	size_t tag;    /* of key.tags: the next one */
	bool is_tags;
};

static struct cursor list_open(
    const struct machine *m, const struct value *list)
{
	const struct cel_node *node = node_at(m, list->as.list);

	return (struct cursor){
	    .node = node->first, .is_tags = node->op == CEL_OP_VARIABLE};
}

/* The next element; <is_end> instead when there is none. False on failure. */
static bool list_next(
    struct machine *m, struct cursor *cursor, struct value *out, bool *is_end)
{
	const struct router_caller *caller = m->question->caller;
	uint32_t node = cursor->node;

	if (cursor->is_tags) {
		*is_end = cursor->tag >= caller->n_tags;
		if (*is_end)
			return true;
		return give_text(out, span_of(caller->tags[cursor->tag++]));
	}
	*is_end = node == CEL_NONE;
	if (*is_end)
		return true;
	cursor->node = node_at(m, node)->next;
	return eval(m, node, out);
}

static bool lists_equal(struct machine *m, const struct value *a,
    const struct value *b, bool *equal)
{
	struct cursor left = list_open(m, a);
	struct cursor right = list_open(m, b);
	struct value x;
	struct value y;
	bool x_ends;
	bool y_ends;

	do {
		if (!list_next(m, &left, &x, &x_ends) ||
		    !list_next(m, &right, &y, &y_ends))
			return false;
		*equal = x_ends == y_ends &&
			 (x_ends || order_values(&x, &y) == EQUAL);
	} while (*equal && !x_ends);
	return true;
}

static bool eval_in(struct machine *m, uint32_t index, struct value *out)
{
	uint32_t left = node_at(m, index)->first;
	struct value wanted;
	struct value list;
	struct value item;
	struct cursor cursor;
	bool is_end = false;

	if (!eval(m, left, &wanted) || !eval(m, node_at(m, left)->next, &list))
		return false;
	cursor = list_open(m, &list);
	while (list_next(m, &cursor, &item, &is_end)) {
		if (is_end)
			return give_bool(out, false);
		if (order_values(&wanted, &item) == EQUAL)
			return give_bool(out, true);
	}
	return false;
}

/* --- operators ---------------------------------------------------------- */

/*
 * || and &&: the first operand that decides, decides, also when one before it
 * failed; that is CEL's rule, so that the order of operands does not matter.
 */
static bool eval_logic(struct machine *m, uint32_t index, struct value *out)
{
	bool decisive = node_at(m, index)->op == CEL_OP_OR;
	uint32_t child = node_at(m, index)->first;
	bool has_failed = false;
	struct value value;

	for (; child != CEL_NONE; child = node_at(m, child)->next) {
		if (!eval(m, child, &value))
			has_failed = true;
		else if (value.as.boolean == decisive)
			return give_bool(out, decisive);
	}
	return !has_failed && give_bool(out, !decisive);
}

static bool eval_comparison(
    struct machine *m, uint32_t index, struct value *out)
{
	enum cel_op op = (enum cel_op)node_at(m, index)->op;
	uint32_t left = node_at(m, index)->first;
	enum order order;
	struct value a;
	struct value b;
	bool equal;

	if (!eval(m, left, &a) || !eval(m, node_at(m, left)->next, &b))
		return false;
	if (a.type == CEL_LIST && b.type == CEL_LIST) {
		if (!lists_equal(m, &a, &b, &equal))
			return false;
		return give_bool(out, equal == (op == CEL_OP_EQ));
	}
	order = order_values(&a, &b);
	switch (op) {
	case CEL_OP_EQ:
		return give_bool(out, order == EQUAL);
	case CEL_OP_NE:
		return give_bool(out, order != EQUAL);
	case CEL_OP_LT:
		return give_bool(out, order == LESS);
	case CEL_OP_LE:
		return give_bool(out, order == LESS || order == EQUAL);
	case CEL_OP_GT:
		return give_bool(out, order == GREATER);
	default:
		return give_bool(out, order == GREATER || order == EQUAL);
	}
}

static bool concatenate(
    struct machine *m, struct span a, struct span b, struct value *out)
{
	char *text = arena_alloc(m->arena, a.len + b.len);

	if (!text)
		return fail(m, "the joined text is too long");
	if (a.len > 0)
		memcpy(text, a.ptr, a.len);
	if (b.len > 0)
		memcpy(text + a.len, b.ptr, b.len);
	return give_text(out, span_make(text, a.len + b.len));
}

static bool eval_sum(struct machine *m, uint32_t index, struct value *out)
{
	bool is_add = node_at(m, index)->op == CEL_OP_ADD;
	uint32_t left = node_at(m, index)->first;
	int64_t sum;
	bool overflows;
	struct value a;
	struct value b;

	if (!eval(m, left, &a) || !eval(m, node_at(m, left)->next, &b))
		return false;
	if (a.type == CEL_STRING)
		return concatenate(m, a.as.text, b.as.text, out);
	if (a.type == CEL_DOUBLE)
		return give_double(out,
		    is_add ? a.as.real + b.as.real : a.as.real - b.as.real);
	overflows =
	    is_add ? __builtin_add_overflow(a.as.integer, b.as.integer, &sum)
		   : __builtin_sub_overflow(a.as.integer, b.as.integer, &sum);
	if (overflows)
		return fail(m, "a sum is too large for an int");
	return give_int(out, sum);
}

static bool eval_negate(struct machine *m, uint32_t index, struct value *out)
{
	if (!eval(m, node_at(m, index)->first, out))
		return false;
	if (out->type == CEL_DOUBLE)
		return give_double(out, -out->as.real);
	if (out->as.integer == INT64_MIN)
		return fail(m, "a number is too large to be negated");
	return give_int(out, -out->as.integer);
}

/* --- functions ---------------------------------------------------------- */

static bool eval_strings(struct machine *m, uint32_t index, struct value *out)
{
	uint32_t left = node_at(m, index)->first;
	struct value a;
	struct value b;

	if (!eval(m, left, &a) || !eval(m, node_at(m, left)->next, &b))
		return false;
	switch ((enum cel_op)node_at(m, index)->op) {
	case CEL_OP_STARTS_WITH:
		return give_bool(out, span_starts_with(a.as.text, b.as.text));
	case CEL_OP_ENDS_WITH:
		return give_bool(out, span_ends_with(a.as.text, b.as.text));
	default:
		return give_bool(
		    out, span_find(a.as.text, b.as.text, 0) != SIZE_MAX);
	}
}

static bool eval_matches(struct machine *m, uint32_t index, struct value *out)
{
	const struct cel_node *node = node_at(m, index);
	struct value subject;
	bool matches = false;
	const char *why = NULL;

	if (!eval(m, node->first, &subject))
		return false;
	if (!cel_regex_match(
		node->as.regex, subject.as.text, m->arena, &matches, &why))
		return fail(m, why);
	return give_bool(out, matches);
}

/* Characters of a string, elements of a list. */
static bool eval_size(struct machine *m, uint32_t index, struct value *out)
{
	uint32_t child = node_at(m, index)->first;
	const struct cel_node *node = node_at(m, child);
	struct value value;
	int64_t n = 0;

	if (!eval(m, child, &value))
		return false;
	if (value.type == CEL_STRING) {
		for (size_t i = 0; i < value.as.text.len; i++) {
			unsigned char c = (unsigned char)value.as.text.ptr[i];

			n += (c & 0xc0) != 0x80;
		}
	} else if (node->op == CEL_OP_VARIABLE) {
		n = (int64_t)m->question->caller->n_tags;
	} else {
		uint32_t item = node->first;

		for (; item != CEL_NONE; item = node_at(m, item)->next)
			n++;
	}
	return give_int(out, n);
}

/* --- the walk ----------------------------------------------------------- */

/* Recurses no deeper than CEL_DEPTH_MAX: the parser refused what is. */
static bool eval(struct machine *m, uint32_t index, struct value *out)
{
	const struct cel_node *node = node_at(m, index);

	switch ((enum cel_op)node->op) {
	case CEL_OP_BOOL:
		return give_bool(out, node->as.boolean);
	case CEL_OP_INT:
		return give_int(out, node->as.integer);
	case CEL_OP_DOUBLE:
		return give_double(out, node->as.real);
	case CEL_OP_STRING:
		return give_text(out, node->as.text);
	case CEL_OP_LIST:
		*out = (struct value){.type = CEL_LIST, .as.list = index};
		return true;
	case CEL_OP_VARIABLE:
		return eval_variable(m, index, out);
	case CEL_OP_HEADER:
		return give_text(out, header(m, index));
	case CEL_OP_HAS_HEADER:
		return give_bool(out, header(m, index).ptr != NULL);
	case CEL_OP_MODEL:
		return eval_model(m, index, out);
	case CEL_OP_OR:
	case CEL_OP_AND:
		return eval_logic(m, index, out);
	case CEL_OP_NOT:
		return eval(m, node->first, out) &&
		       give_bool(out, !out->as.boolean);
	case CEL_OP_NEGATE:
		return eval_negate(m, index, out);
	case CEL_OP_IN:
		return eval_in(m, index, out);
	case CEL_OP_ADD:
	case CEL_OP_SUBTRACT:
		return eval_sum(m, index, out);
	case CEL_OP_MATCHES:
		return eval_matches(m, index, out);
	case CEL_OP_SIZE:
		return eval_size(m, index, out);
	case CEL_OP_STARTS_WITH:
	case CEL_OP_ENDS_WITH:
	case CEL_OP_CONTAINS:
		return eval_strings(m, index, out);
	default:
		return eval_comparison(m, index, out);
	}
}

bool cel_eval(const struct cel_program *program,
    const struct router_question *question, struct arena *arena, bool *value,
    const char **why)
{
	struct machine m = {
	    .program = program, .question = question, .arena = arena};
	struct value result;

	*value = false;
	if (!eval(&m, program->root, &result)) {
		*why = m.why;
		return false;
	}
	*value = result.as.boolean;
	return true;
}
