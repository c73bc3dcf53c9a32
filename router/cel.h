/* cel.h -- a policy's conditions: a typed subset of CEL, compiled at load. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROUTER_CEL_H
#define ROUTER_CEL_H

#include "router/router.h"

/*
 * Private to router/. An expression goes through three hands: the lexer and
 * parser make an array of nodes (cel_lex.c, cel_parse.c), the checker gives
 * each node its type, resolves names to numbers and compiles patterns
 * (cel_check.c, cel_regex.c), the evaluator walks the same array (cel_eval.c).
 * A node's depth is bounded when it is made, so every walk's recursion is too.
 *
 * The subset: || && ! == != < <= > >= in + - ( ), strings, numbers, true,
 * false, lists, startsWith, endsWith, contains, matches, size, and the
 * variables of cel_variables. As in CEL && and || do not care which side
 * failed when the other decides, and an int may be compared with a double but
 * not added to one. Unlike CEL, a header that the request lacks is "" (ask with
 * `"name" in request.headers`), and a pattern must be a literal.
 *
 * Source: the CEL language definition, github.com/google/cel-spec.
 */
#define CEL_DEPTH_MAX 32            /* levels of an expression's tree */
#define CEL_TEXT_MAX ((size_t)8192) /* bytes of an expression */
#define CEL_NONE UINT32_MAX         /* "no such node" */

enum cel_type {
	CEL_BROKEN, /* already reported: fits everywhere */
	CEL_BOOL,
	CEL_INT,
	CEL_DOUBLE,
	CEL_STRING,
	CEL_LIST,
};

enum cel_op {
	/* As parsed; the checker replaces these. */
	CEL_OP_NAME,   /* as.text */
	CEL_OP_SELECT, /* child.as.text */
	CEL_OP_INDEX,  /* first child [second child] */
	CEL_OP_CALL,   /* as.text(children) */
	CEL_OP_METHOD, /* first child.as.text(other children) */
	/* Constants. */
	CEL_OP_BOOL,   /* as.boolean */
	CEL_OP_INT,    /* as.integer */
	CEL_OP_DOUBLE, /* as.real */
	CEL_OP_STRING, /* as.text, owned by the program */
	CEL_OP_LIST,   /* the children */
	/* Operators; || and && have two children or more. */
	CEL_OP_OR,
	CEL_OP_AND,
	CEL_OP_NOT,
	CEL_OP_NEGATE,
	CEL_OP_EQ,
	CEL_OP_NE,
	CEL_OP_LT,
	CEL_OP_LE,
	CEL_OP_GT,
	CEL_OP_GE,
	CEL_OP_IN,
	CEL_OP_ADD,
	CEL_OP_SUBTRACT,
	/* As resolved. */
	CEL_OP_VARIABLE,   /* as.variable */
	CEL_OP_HEADER,     /* as.text: the name in lower case */
	CEL_OP_HAS_HEADER, /* the same */
	CEL_OP_MODEL,      /* as.model */
	CEL_OP_STARTS_WITH,
	CEL_OP_ENDS_WITH,
	CEL_OP_CONTAINS,
	CEL_OP_MATCHES, /* first child; as.regex */
	CEL_OP_SIZE,
};

/* One row a variable: name, type, number. The only list of them there is. */
#define CEL_VARIABLES(row)                                                     \
	row("request.task", CEL_STRING, VARIABLE_TASK) row("request.language", \
	    CEL_STRING, VARIABLE_LANGUAGE) row("request.model", CEL_STRING,    \
	    VARIABLE_MODEL) row("request.endpoint", CEL_STRING,                \
	    VARIABLE_ENDPOINT) row("request.tokens", CEL_INT, VARIABLE_TOKENS) \
	    row("request.turns", CEL_INT, VARIABLE_TURNS) row(                 \
		"request.difficulty", CEL_DOUBLE, VARIABLE_DIFFICULTY)         \
		row("request.tools", CEL_BOOL, VARIABLE_TOOLS)                 \
		    row("request.images", CEL_BOOL, VARIABLE_IMAGES) row(      \
			"request.json_schema", CEL_BOOL, VARIABLE_JSON_SCHEMA) \
			row("request.stream", CEL_BOOL, VARIABLE_STREAM) row(  \
			    "request.text", CEL_STRING, VARIABLE_TEXT)         \
			    row("key.name", CEL_STRING, VARIABLE_KEY_NAME)     \
				row("key.tags", CEL_LIST, VARIABLE_KEY_TAGS)

enum cel_variable {
#define CEL_VARIABLE_ENUM(name, type, number) number,
	CEL_VARIABLES(CEL_VARIABLE_ENUM)
#undef CEL_VARIABLE_ENUM
	VARIABLE_COUNT,
};

/*
 * What models["name"] has, and what a classifier said: request.class["name"]
 * and request.score["name"], with the name that it is offered under.
 */
enum cel_model_field {
	MODEL_FIELD_QUEUE,
	MODEL_FIELD_KV_FREE,
	MODEL_FIELD_HEALTHY,
	MODEL_FIELD_CLASS,
	MODEL_FIELD_SCORE,
};

struct cel_regex;

struct cel_node {
	uint8_t op;     /* enum cel_op */
	uint8_t type;   /* enum cel_type, set by the checker */
	uint8_t item;   /* a list's elements; CEL_BROKEN for [] */
	uint8_t depth;  /* 1 for a leaf, at most CEL_DEPTH_MAX */
	uint32_t at;    /* byte offset in the expression */
	uint32_t first; /* first child or CEL_NONE */
	uint32_t next;  /* next sibling or CEL_NONE */
	union {
		bool boolean;
		int64_t integer;
		double real;
		struct span text;
		enum cel_variable variable;
		struct {
			size_t index;
			enum cel_model_field field;
		} model;
		struct cel_regex *regex; /* owned by the program */
	} as;
};

struct cel_program {
	struct cel_node *nodes; /* (n_nodes) owned */
	size_t n_nodes;
	size_t cap;
	uint32_t root;
	struct arena strings; /* constants' text, headers' names */
};

/* Where an expression stands in its file, and where its mistakes go. */
struct cel_source {
	const char *file;
	const struct yaml_node *node; /* its text is the expression */
	struct mistakes *mistakes;
};

/*
 * Adds a mistake at byte <at> of the expression. The column is exact for a
 * plain or quoted scalar on one line. YAML's text no longer says which quotes
 * stood there: one with a double quote in it is taken for single-quoted, one
 * with only apostrophes for double-quoted. A block or folded scalar of more
 * than one line has lost its places, so its mistakes stand where it begins.
 */
void cel_mistake(const struct cel_source *source, size_t at, const char *fmt,
    ...) printf_like(3, 4);

/* --- the steps, in order ------------------------------------------------ */

enum cel_token_kind {
	TOKEN_END,
	TOKEN_BAD, /* a mistake was added */
	TOKEN_NAME,
	TOKEN_INT,
	TOKEN_DOUBLE,
	TOKEN_STRING,
	TOKEN_OR,
	TOKEN_AND,
	TOKEN_NOT,
	TOKEN_EQ,
	TOKEN_NE,
	TOKEN_LT,
	TOKEN_LE,
	TOKEN_GT,
	TOKEN_GE,
	TOKEN_IN,
	TOKEN_PLUS,
	TOKEN_MINUS,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_OPEN_LIST,
	TOKEN_CLOSE_LIST,
	TOKEN_COMMA,
	TOKEN_DOT,
};

struct cel_token {
	enum cel_token_kind kind;
	uint32_t at;      /* byte offset in the expression */
	struct span raw;  /* its bytes there */
	struct span text; /* TOKEN_STRING: decoded */
	uint64_t integer; /* TOKEN_INT, at most 2^63 */
	double real;
};

/* The token at or after byte <from>; decoded strings come from <strings>. */
struct cel_token cel_lex(
    const struct cel_source *source, size_t from, struct arena *strings);

/* Fills <program>'s nodes and root; false when a mistake was added. */
bool cel_parse(
    const struct cel_source *source, struct cel_program *program) must_check;

/*
 * Parses, checks and compiles the expression of <source>, which must be a
 * bool. Names in models[...] are those of <models> (n). NULL when mistakes
 * were added; all of the expression's, unless it cannot be parsed.
 */
struct cel_program *cel_compile(const struct cel_source *source,
    const struct router_model *models, size_t n_models);
void cel_free(struct cel_program **program);

/*
 * Evaluates against <question>; memory comes from <arena> alone. False when it
 * failed (a pattern's match limit, an overflow, the arena exhausted), with
 * <why> in words; <value> is then false.
 */
bool cel_eval(const struct cel_program *program,
    const struct router_question *question, struct arena *arena, bool *value,
    const char **why) must_check;

/* --- patterns ----------------------------------------------------------- */

/* A pattern's mistake: the byte where, and what. */
struct cel_regex_fault {
	size_t at;
	char reason[160];
};

/*
 * Compiles <pattern>, in RE2's syntax, by PCRE2: what RE2 has not (look-around,
 * back references, recursion, possessive and atomic groups, verbs) is refused,
 * and so is \z, for which $ stands. NULL with <fault> set.
 */
struct cel_regex *cel_regex_new(
    struct span pattern, struct cel_regex_fault *fault);
void cel_regex_free(struct cel_regex **regex);

#define CEL_MATCH_STEPS 10000
#define CEL_MATCH_TEXT_MAX ((size_t)1024 * 1024)

/*
 * Whether <regex> matches somewhere in <text>. Time is bounded three ways: a
 * match that backtracks more than CEL_MATCH_STEPS fails, so does a text of more
 * than CEL_MATCH_TEXT_MAX bytes, and a text of more than 8 KiB is searched in
 * windows of that size that overlap by 1 KiB, since even `a.*b` takes time
 * quadratic in the window. A match longer than the overlap can be missed where
 * two windows meet. False with <why> set when it failed.
 */
bool cel_regex_match(const struct cel_regex *regex, struct span text,
    struct arena *arena, bool *matches, const char **why) must_check;

#endif
