/* tree.h -- a template read: its tokens, its tree and its names. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TEMPLATE_TREE_H
#define LOCAL_TEMPLATE_TREE_H

#include "local/template.h"
#include "local/template/value.h"

/* --- tokens (lex.c) ----------------------------------------------------- */

enum token_kind {
	TOKEN_END,
	TOKEN_DATA, /* text between tags */
	TOKEN_BLOCK_BEGIN,
	TOKEN_BLOCK_END,
	TOKEN_VARIABLE_BEGIN,
	TOKEN_VARIABLE_END,
	TOKEN_NAME,
	TOKEN_STRING,
	TOKEN_INTEGER,
	TOKEN_REAL,
	TOKEN_ADD,
	TOKEN_SUB,
	TOKEN_MUL,
	TOKEN_DIV,
	TOKEN_FLOOR,
	TOKEN_MOD,
	TOKEN_POWER,
	TOKEN_TILDE,
	TOKEN_EQ,
	TOKEN_NE,
	TOKEN_LT,
	TOKEN_LE,
	TOKEN_GT,
	TOKEN_GE,
	TOKEN_ASSIGN,
	TOKEN_DOT,
	TOKEN_COLON,
	TOKEN_COMMA,
	TOKEN_PIPE,
	TOKEN_SEMICOLON,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_OPEN_LIST,
	TOKEN_CLOSE_LIST,
	TOKEN_OPEN_DICT,
	TOKEN_CLOSE_DICT,
};

struct token {
	enum token_kind kind;
	uint32_t line;
	struct span text; /* as written; a string's and data's content */
	int64_t integer;
	double real;
};

enum lexer_state {
	LEX_DATA,
	LEX_BLOCK,
	LEX_VARIABLE
};

struct lexer {
	struct span source; /* newlines are \n */
	size_t at;
	uint32_t line;
	enum lexer_state state;
	enum token_kind begins; /* a tag begins here; TOKEN_END: none */
	bool is_line_start;     /* what was read last ended with a newline */
	uint32_t n_open;        /* brackets */
	char open[TEMPLATE_DEPTH_MAX];
	struct arena *arena;
	struct error *err;
};

/* Takes a copy of <source>, its newlines made \n, the last one dropped. */
bool jinja_lex_start(struct lexer *lexer, struct span source,
    struct arena *arena, struct error *err) must_check;

/* The next token; false with the error set. */
bool jinja_lex_next(struct lexer *lexer, struct token *out) must_check;

/* How messages name a kind of token. */
const char *jinja_token_name(enum token_kind kind);

/* A string literal's content, escapes decoded as Python's (lex_string.c). */
bool jinja_unescape(
    struct lexer *lexer, struct span quoted, struct span *out) must_check;

/* A number at <text>, its length in <len>; 0: there is none. */
bool jinja_lex_number(struct lexer *lexer, struct span text, struct token *out,
    size_t *len) must_check;

/* --- the tree ----------------------------------------------------------- */

/*
 * first, second and third are a node's children; lists hang together by next.
 * In a list of operands op tells how one joins what stands before it.
 */
enum node_kind {
	/* expressions */
	NODE_CONSTANT,  /* constant */
	NODE_NAME,      /* symbol */
	NODE_LIST,      /* first: the items */
	NODE_TUPLE,     /* the same */
	NODE_DICT,      /* first: key, value, key, value ... */
	NODE_ATTRIBUTE, /* first.text */
	NODE_ITEM,      /* first[second] */
	NODE_SLICE,     /* first[bounds]; second: three, absent ones NONE */
	NODE_ABSENT,    /* a bound that was left out */
	NODE_CALL,      /* first(second: arguments) */
	NODE_KEYWORD,   /* text=first */
	NODE_STAR,      /* *first */
	NODE_STARS,     /* **first */
	NODE_FILTER,    /* first | builtin(second); first NULL: the block */
	NODE_TEST,      /* first is builtin(second) */
	NODE_NOT,
	NODE_NEGATE,
	NODE_PLUS,
	NODE_AND,     /* first: the operands */
	NODE_OR,      /* the same */
	NODE_CONCAT,  /* the same */
	NODE_MATH,    /* the same, from left to right */
	NODE_COMPARE, /* the same, a chain as Python's */
	NODE_CHOICE,  /* second if first else third (or NULL) */
	NODE_SPACE,   /* symbol.text as a target */
	/* statements */
	NODE_DATA,         /* constant */
	NODE_PRINT,        /* first */
	NODE_IF,           /* first: its NODE_ARMs */
	NODE_ARM,          /* first: condition, NULL for else; body */
	NODE_FOR,          /* first in second if third: body; other: else */
	NODE_SET,          /* first = second */
	NODE_SET_BLOCK,    /* first = body through second, a filter or NULL */
	NODE_MACRO,        /* symbol(first: NODE_PARAMETERs): body */
	NODE_PARAMETER,    /* symbol, text, first: default or NULL */
	NODE_CALL_BLOCK,   /* second: the call, with a caller(first): body */
	NODE_FILTER_BLOCK, /* body through second */
	NODE_WITH,         /* first: its NODE_SETs; body */
	NODE_BREAK,
	NODE_CONTINUE,
	NODE_SCOPE, /* body, with variables of its own */
};

enum node_op {
	OP_NONE,
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_FLOOR,
	OP_MOD,
	OP_POWER,
	OP_EQ,
	OP_NE,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_IN,
	OP_NOT_IN,
};

/* What a macro's body mentions, and so takes beyond its parameters. */
enum macro_flags {
	MACRO_CALLER = 1,
	MACRO_KWARGS = 2,
	MACRO_VARARGS = 4,
};

struct node {
	uint8_t kind;  /* enum node_kind */
	uint8_t op;    /* enum node_op */
	uint8_t flags; /* a macro's; FOR: 1 is recursive */
	uint32_t line;
	uint32_t symbol;
	uint32_t count; /* of items, parameters, arguments without stars */
	struct text *text;
	struct node *next;
	struct node *first, *second, *third;
	struct node *body, *other;
	const struct builtin *builtin;
	struct value constant;
};

/* The template's names of variables, each a number. */
struct symbols {
	struct span *names;
	uint32_t count, cap;
	uint32_t loop, caller, kwargs, varargs; /* always there */
};

struct template
{
	struct arena arena;
	struct symbols symbols;
	const uint8_t *facts; /* (symbols.count) enum name_facts */
	struct node *body;
};

/* The number of <name>, SYMBOL_NONE when the template does not mention it. */
#define SYMBOL_NONE UINT32_MAX
#define TEMPLATE_NAMES_MAX 512
uint32_t jinja_symbol_find(const struct symbols *symbols, struct span name);

/* --- parsing (parse.c, parse_statement.c, parse_expression.c) ------------ */

/* What is known of a name once the whole template is read. */
enum name_facts {
	NAME_IS_SET = 1,    /* somewhere, somehow */
	NAME_IS_TESTED = 2, /* `x is defined` */
	NAME_IS_READ = 4,
};

/* A use that may have to be refused when all is read. */
struct pending {
	struct pending *next;
	uint32_t line, symbol;
	struct span method; /* or the attribute that is called */
};

struct parser {
	struct lexer lexer;
	struct token token, ahead; /* the present one and the next */
	bool has_ahead;
	struct template *template;
	struct arena *arena;
	struct error *err;
	uint8_t *facts; /* (symbols.cap) enum name_facts */
	struct pending *calls;
	uint32_t depth;
	uint32_t n_loops;   /* that a break here would end */
	uint8_t uses;       /* enum macro_flags of the macro around */
	const char *closes; /* the tags that end the block, for messages */
};

/* Fills the template's body; false with the parser's error set. */
bool jinja_parse(struct parser *parser, struct span source) must_check;

/* The pieces that its files share; NULL or false: failed. */
bool jinja_parse_fail(struct parser *parser, uint32_t line, const char *fmt,
    ...) printf_like(3, 4);
bool jinja_advance(struct parser *parser) must_check;
bool jinja_peek(struct parser *parser) must_check; /* fills ahead */
bool jinja_expect(struct parser *parser, enum token_kind kind) must_check;
bool jinja_skip_name(
    struct parser *parser, const char *name, bool *found) must_check;
bool jinja_at_name(const struct parser *parser, const char *name);
struct node *jinja_node(
    struct parser *parser, enum node_kind kind, uint32_t line);
bool jinja_enter(struct parser *parser) must_check; /* one level deeper */
void jinja_leave(struct parser *parser);
bool jinja_symbol(
    struct parser *parser, struct span name, uint32_t *out) must_check;
struct text *jinja_literal(struct parser *parser, struct span text);

struct node *jinja_parse_expression(struct parser *parser, bool takes_if);
/* a, b, c or a alone; <end> is a name that ends it, or NULL. */
struct node *jinja_parse_tuple(
    struct parser *parser, bool takes_if, const char *end);
struct node *jinja_parse_target(
    struct parser *parser, const char *end, bool takes_space);
struct node *jinja_parse_filters(
    struct parser *parser, struct node *node, bool is_inline);
struct node *jinja_parse_primary(struct parser *parser);
/* -x, or a value and what follows it. */
struct node *jinja_parse_operand(struct parser *parser, bool takes_filters);
struct node *jinja_parse_parameters(struct parser *parser, uint32_t *count);
struct node *jinja_parse_statement(struct parser *parser);
bool jinja_parse_body(struct parser *parser, const char *const *ends,
    struct node **out) must_check;

/* Refuses calls of functions and methods that there are none of. */
bool jinja_check_calls(struct parser *parser) must_check;

#endif
