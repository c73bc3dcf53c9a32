# grammar.mk -- local/grammar/: answers that are held to a JSON schema.
libsluice_a_SOURCES += \
	local/grammar.h \
	local/grammar/body.c \
	local/grammar/charset.c local/grammar/charset.h \
	local/grammar/check.c \
	local/grammar/compile.c local/grammar/compile.h \
	local/grammar/dfa.c local/grammar/dfa.h \
	local/grammar/format.c local/grammar/format.h \
	local/grammar/mask.c local/grammar/mask.h \
	local/grammar/nfa.c \
	local/grammar/number.c local/grammar/number.h \
	local/grammar/program.h \
	local/grammar/regex.c local/grammar/regex.h \
	local/grammar/run.c local/grammar/run.h local/grammar/run_parts.h \
	local/grammar/run_sole.c \
	local/grammar/schema.c \
	local/grammar/schema_container.c \
	local/grammar/schema_keyword.c \
	local/grammar/schema_ref.c \
	local/grammar/schema_type.c \
	local/grammar/schema_value.c \
	local/grammar/spell.c \
	local/grammar/state.c \
	local/grammar/vocab.c local/grammar/vocab.h

# Walks schemas of JSON lines, for tests/cases/grammar.py.
check_PROGRAMS += tests/grammar_echo
tests_grammar_echo_SOURCES = tests/grammar_echo.c

UNIT_TESTS += tests/unit/test_grammar tests/unit/test_grammar_schema
tests_unit_test_grammar_SOURCES = tests/unit/test_grammar.c \
	tests/unit/grammar_fixture.h
tests_unit_test_grammar_schema_SOURCES = tests/unit/test_grammar_schema.c \
	tests/unit/grammar_fixture.h

dist_check_SCRIPTS += tests/cases/grammar.py
EXTRA_DIST += tests/cases/grammar_schemas.py
TESTS += tests/cases/grammar.py

EXTRA_PROGRAMS += bench/grammar_bench
bench_grammar_bench_SOURCES = bench/grammar_bench.c
