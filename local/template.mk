# template.mk -- local/template/: chat templates.
libsluice_a_SOURCES += \
	local/template.h \
	local/template/builtin.h \
	local/template/call.c \
	local/template/case.c \
	local/template/compare.c \
	local/template/conditions.c \
	local/template/data.c \
	local/template/dict.c \
	local/template/eval.c \
	local/template/exec.c \
	local/template/filters.c \
	local/template/filters_list.c \
	local/template/format.c \
	local/template/globals.c \
	local/template/lex.c \
	local/template/lex_string.c \
	local/template/loop.c \
	local/template/methods.c local/template/methods.h \
	local/template/number.c \
	local/template/objects.c \
	local/template/operators.c \
	local/template/parse.c \
	local/template/parse_expression.c \
	local/template/parse_postfix.c \
	local/template/parse_primary.c \
	local/template/parse_statement.c \
	local/template/print.c \
	local/template/run.h \
	local/template/scope.c \
	local/template/strftime.c \
	local/template/strings.c \
	local/template/subscript.c \
	local/template/template.c \
	local/template/text.c local/template/text.h \
	local/template/tojson.c \
	local/template/tree.h \
	local/template/value.c local/template/value.h

UNIT_TESTS += \
	tests/unit/test_lex \
	tests/unit/test_parse \
	tests/unit/test_template
tests_unit_test_lex_SOURCES = tests/unit/test_lex.c
tests_unit_test_parse_SOURCES = tests/unit/test_parse.c
tests_unit_test_template_SOURCES = tests/unit/test_template.c \
	tests/unit/template_fixture.h
tests_unit_test_template_CPPFLAGS = $(AM_CPPFLAGS) \
	-DTEST_DATA=\"$(abs_top_srcdir)/tests/data\"

EXTRA_DIST += \
	tests/data/templates \
	tools/make-template-goldens.py \
	tools/template_cases.py

EXTRA_PROGRAMS += bench/template_bench
bench_template_bench_SOURCES = bench/template_bench.c
