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
	router/decide.c \
	router/decide.h \
	router/escalate.c \
	router/features.c \
	router/language.c \
	router/names.c \
	router/policy.c \
	router/policy.h \
	router/refuse.c \
	router/router.h \
	router/scan.c \
	router/scan.h \
	router/words.c \
	router/words.h

UNIT_TESTS += \
	tests/unit/test_cel \
	tests/unit/test_decide \
	tests/unit/test_features \
	tests/unit/test_policy
tests_unit_test_cel_SOURCES = tests/unit/test_cel.c \
	tests/unit/router_fixture.h
tests_unit_test_decide_SOURCES = tests/unit/test_decide.c \
	tests/unit/router_fixture.h
tests_unit_test_features_SOURCES = tests/unit/test_features.c
tests_unit_test_policy_SOURCES = tests/unit/test_policy.c \
	tests/unit/router_fixture.h

EXTRA_DIST += \
	policies/balanced.yaml \
	policies/cost-first.yaml \
	policies/quality-first.yaml \
	tests/data/tasks.jsonl
