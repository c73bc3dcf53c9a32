/* test_parse.c -- the trees of expressions and statements. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "local/template/run.h"
#include "local/template/tree.h"

struct parsed {
	struct template template;
	struct parser parser;
	struct error err;
	bool is_read;
};

static void parse(struct parsed *p, const char *source)
{
	*p = (struct parsed){.is_read = false};
	arena_init(&p->template.arena, 1 << 22);
	p->parser.template = &p->template;
	p->parser.arena = &p->template.arena;
	p->parser.err = &p->err;
	p->is_read = jinja_parse(&p->parser, span_of(source));
}

static void drop(struct parsed *p)
{
	arena_free(&p->template.arena);
}

/* An expression with all its brackets. */
static void show(const struct parsed *p, const struct node *node, struct buf *b)
{
	static const char *const ops[] = {"", "+", "-", "*", "/", "//", "%",
	    "**", "==", "!=", "<", "<=", ">", ">=", "in", "not in"};
	static const char *const words[] = {
	    [NODE_AND] = "and", [NODE_OR] = "or", [NODE_CONCAT] = "~"};
	const struct node *at;
	bool ok = true;

	switch (node->kind) {
	case NODE_CONSTANT:
		ok = node->constant.kind == VALUE_STRING
			 ? buf_printf(b, "'%.*s'",
			       SPAN_FMT(text_span(node->constant.as.text)))
			 : buf_printf(
			       b, "%lld", (long long)node->constant.as.integer);
		break;
	case NODE_NAME:
		ok = buf_append(b, p->template.symbols.names[node->symbol]);
		break;
	case NODE_NOT:
	case NODE_NEGATE:
		ok = buf_printf(b, node->kind == NODE_NOT ? "(not " : "(-");
		show(p, node->first, b);
		ok = ok && buf_printf(b, ")");
		break;
	case NODE_ATTRIBUTE:
		show(p, node->first, b);
		ok = buf_printf(b, ".%.*s", SPAN_FMT(text_span(node->text)));
		break;
	case NODE_FILTER:
	case NODE_TEST:
		ok = buf_printf(b, "(");
		show(p, node->first, b);
		ok = ok && buf_printf(b, "%s%s)",
			       node->kind == NODE_FILTER ? "|" : " is ",
			       node->builtin->name);
		break;
	case NODE_CHOICE:
		ok = buf_printf(b, "(");
		show(p, node->second, b);
		ok = ok && buf_printf(b, " if ");
		show(p, node->first, b);
		if (node->third) {
			ok = ok && buf_printf(b, " else ");
			show(p, node->third, b);
		}
		ok = ok && buf_printf(b, ")");
		break;
	default: /* chains, lists, tuples */
		ok = buf_printf(b, node->kind == NODE_LIST ? "[" : "(");
		for (at = node->first; at; at = at->next) {
			if (at != node->first)
				ok =
				    ok && buf_printf(b, " %s ",
					      node->kind == NODE_MATH ||
						      node->kind == NODE_COMPARE
						  ? ops[at->op]
					      : node->kind == NODE_AND ||
						      node->kind == NODE_OR ||
						      node->kind == NODE_CONCAT
						  ? words[node->kind]
						  : ",");
			show(p, at, b);
		}
		ok = ok && buf_printf(b, node->kind == NODE_LIST ? "]" : ")");
		break;
	}
	assert_true(ok);
}

static void check_tree(const char *expression, const char *expected)
{
	char source[256];
	struct parsed p;
	struct buf buf;

	snprintf(source, sizeof(source), "{{ %s }}", expression);
	parse(&p, source);
	if (!p.is_read)
		fail_msg("%s: %s", expression, p.err.text);
	buf_init(&buf, 4096);
	show(&p, p.template.body->first, &buf);
	assert_true(buf_append(&buf, span_make("", 1)));
	assert_string_equal(buf_span(&buf).ptr, expected);
	buf_free(&buf);
	drop(&p);
}

static void binds_operators_as_jinja_does(void **state)
{
	static const char *const rows[][2] = {
	    {"1 + 2 * 3 - 4", "(1 + (2 * 3) - 4)"},
	    {"2 ** 3 ** 4", "(2 ** 3 ** 4)"},
	    {"-a ** 2", "((-a) ** 2)"},
	    {"a ~ b + c ~ d", "((a ~ b) + (c ~ d))"},
	    {"a ~ b * c", "(a ~ (b * c))"},
	    {"not a == b", "(not (a == b))"},
	    {"not a and b or c", "(((not a) and b) or c)"},
	    {"a < b <= c", "(a < b <= c)"},
	    {"a not in b", "(a not in b)"},
	    {"not a in b", "(not (a in b))"},
	    {"a + b|upper", "(a + (b|upper))"},
	    {"-a|abs", "((-a)|abs)"},
	    {"a is defined and b", "((a is defined) and b)"},
	    {"a is not defined", "(not (a is defined))"},
	    {"a.b.c|upper|lower", "((a.b.c|upper)|lower)"},
	    {"a if b else c if d else e", "(a if b else (c if d else e))"},
	    {"a if b", "(a if b)"},
	    {"a if b or c else d", "(a if (b or c) else d)"},
	    {"(a, b)", "(a , b)"},
	    {"a, b", "(a , b)"},
	    {"[a, b,]", "[a , b]"},
	    {"'a' 'b'", "'ab'"},
	    {"a and b and c", "(a and b and c)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_tree(rows[i][0], rows[i][1]);
}

static void reads_the_parts_of_statements(void **state)
{
	const struct node *node;
	struct parsed p;

	(void)state;
	parse(&p, "{% for a, b in c if d recursive %}x{% else %}y{% endfor %}");
	assert_true(p.is_read);
	node = p.template.body;
	assert_int_equal(node->kind, NODE_FOR);
	assert_int_equal(node->first->kind, NODE_TUPLE);
	assert_int_equal(node->first->count, 2);
	assert_non_null(node->third);
	assert_int_equal(node->flags, 1);
	assert_int_equal(node->body->kind, NODE_DATA);
	assert_int_equal(node->other->kind, NODE_DATA);
	assert_null(node->next);
	drop(&p);

	parse(
	    &p, "{% if a %}1{% elif b %}2{% elif c %}3{% else %}4{% endif %}");
	assert_true(p.is_read);
	node = p.template.body->first;
	for (int i = 0; i < 4; i++, node = node->next) {
		assert_int_equal(node->kind, NODE_ARM);
		assert_true((node->first == NULL) == (i == 3));
	}
	assert_null(node);
	drop(&p);
}

static void notes_what_a_macro_takes_unasked(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, "{% macro a(x, y=1) %}{{ varargs }}{{ caller() }}"
		  "{% endmacro %}{% macro b() %}{{ kwargs }}{% endmacro %}");
	assert_true(p.is_read);
	assert_int_equal(p.template.body->count, 2);
	assert_int_equal(p.template.body->flags, MACRO_VARARGS | MACRO_CALLER);
	assert_int_equal(p.template.body->next->flags, MACRO_KWARGS);
	drop(&p);
}

static void numbers_each_name_once(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, "{{ a }}{{ b }}{{ a }}{% set c = a %}");
	assert_true(p.is_read);
	assert_int_equal(p.template.symbols.count, 4 + 3);
	assert_int_equal(p.template.body->first->symbol,
	    p.template.body->next->next->first->symbol);
	assert_int_equal(
	    jinja_symbol_find(&p.template.symbols, SPAN("zz")), SYMBOL_NONE);
	drop(&p);
}

static void gives_each_node_its_line(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, "a\n{{ b }}\n{% if c %}\n{{ d\n + e }}{% endif %}");
	assert_true(p.is_read);
	assert_int_equal(p.template.body->line, 1);
	assert_int_equal(p.template.body->next->line, 2);
	assert_int_equal(
	    p.template.body->next->next->next->first->body->line, 4);
	drop(&p);
}

static void refuses_what_is_ill_formed(void **state)
{
	static const char *const rows[][2] = {
	    {"{{ a. }}", "line 1: expected a name after \".\""},
	    {"{{ a[] }}", "line 1: expected an expression in \"[]\""},
	    {"{{ a[1 }}", "line 1: unexpected \"}\""},
	    {"{{ f(a=1, b) }}",
		"line 1: arguments in an order that no call has"},
	    {"{{ a is b is c }}", "line 1: unknown test \"b\""},
	    {"{{ a is string is none }}",
		"line 1: tests with \"is\" cannot be chained"},
	    {"{% if a %}{% endfor %}", "line 1: unknown statement \"endfor\""},
	    {"{% if a %}{% else %}{% elif b %}{% endif %}",
		"line 1: expected {% endif %}"},
	    {"{% for 1 in a %}{% endfor %}", "line 1: expected a name, got "
					     "a number"},
	    {"{% set none = 1 %}", "line 1: \"none\" cannot be assigned to"},
	    {"{% set loop = 1 %}", "line 1: \"loop\" cannot be assigned to"},
	    {"{% macro m(a=1, b) %}{% endmacro %}",
		"line 1: a parameter without a default follows one with"},
	    {"{% call a %}{% endcall %}", "line 1: expected a call"},
	    {"{% 5 %}", "line 1: expected the name of a statement"},
	    {"{% if a %}",
		"line 1: unexpected end of template, expected {% endif %}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct parsed p;

		parse(&p, rows[i][0]);
		assert_false(p.is_read);
		assert_string_equal(p.err.text, rows[i][1]);
		drop(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(binds_operators_as_jinja_does),
	    cmocka_unit_test(reads_the_parts_of_statements),
	    cmocka_unit_test(notes_what_a_macro_takes_unasked),
	    cmocka_unit_test(numbers_each_name_once),
	    cmocka_unit_test(gives_each_node_its_line),
	    cmocka_unit_test(refuses_what_is_ill_formed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
