# local.mk -- dialect/: the wire formats of LLM APIs.
libsluice_a_SOURCES += \
	dialect/dialect.h \
	dialect/error_body.c \
	dialect/estimate.c \
	dialect/openai.h \
	dialect/openai_answer.c \
	dialect/openai_edit.c \
	dialect/openai_prompt.c \
	dialect/openai_request.c \
	dialect/openai_stream.c

UNIT_TESTS += \
	tests/unit/test_dialect_request \
	tests/unit/test_dialect_edit \
	tests/unit/test_dialect_answer \
	tests/unit/test_dialect_stream \
	tests/unit/test_estimate
tests_unit_test_dialect_request_SOURCES = tests/unit/test_dialect_request.c
tests_unit_test_dialect_edit_SOURCES = tests/unit/test_dialect_edit.c
tests_unit_test_dialect_answer_SOURCES = tests/unit/test_dialect_answer.c
tests_unit_test_dialect_stream_SOURCES = tests/unit/test_dialect_stream.c
tests_unit_test_estimate_SOURCES = tests/unit/test_estimate.c
tests_unit_test_estimate_CPPFLAGS = $(AM_CPPFLAGS) \
	-DTEST_DATA=\"$(abs_top_srcdir)/tests/data\"
EXTRA_DIST += tests/data/token_counts.jsonl tools/token_counts.mjs
