# local.mk -- router/: features, policies, decisions.
libsluice_a_SOURCES += \
	router/cel.h \
	router/cel_check.c \
	router/cel_check.h \
	router/cel_eval.c \
	router/cel_lex.c \
	router/cel_names.c \
	router/cel_parse.c \
	router/cel_regex.c \
	router/names.c \
	router/router.h

UNIT_TESTS += \
	tests/unit/test_cel
tests_unit_test_cel_SOURCES = tests/unit/test_cel.c \
	tests/unit/router_fixture.h
