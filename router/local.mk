# local.mk -- router/: features, policies, decisions.
libsluice_a_SOURCES += \
	router/cel.h \
	router/cel_check.c \
	router/cel_eval.c \
	router/cel_lex.c \
	router/cel_parse.c \
	router/cel_regex.c \
	router/decide.c \
	router/features.c \
	router/language.c \
	router/names.c \
	router/policy.c router/policy.h \
	router/router.h \
	router/scan.c router/scan.h \
	router/words.c router/words.h
EXTRA_DIST += \
	policies/balanced.yaml \
	policies/cost-first.yaml \
	policies/quality-first.yaml \
	tests/data/tasks.jsonl
