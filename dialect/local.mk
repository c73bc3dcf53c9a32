# local.mk -- dialect/: the wire formats of LLM APIs.
libsluice_a_SOURCES += \
	dialect/dialect.h \
	dialect/error_body.c \
	dialect/estimate.c \
	dialect/events.c \
	dialect/events.h \
	dialect/keep.c \
	dialect/openai.h \
	dialect/openai_answer.c \
	dialect/openai_edit.c \
	dialect/openai_join.c \
	dialect/openai_join.h \
	dialect/openai_joined.c \
	dialect/openai_pieces.c \
	dialect/openai_prompt.c \
	dialect/openai_request.c \
	dialect/openai_split.c \
	dialect/openai_split.h \
	dialect/openai_split_read.c \
	dialect/openai_stream.c \
	dialect/openai_usage.c

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
UNIT_TESTS += \
	tests/unit/test_events \
	tests/unit/test_keep \
	tests/unit/test_openai_join \
	tests/unit/test_openai_split \
	tests/unit/test_replay
tests_unit_test_events_SOURCES = tests/unit/test_events.c \
	tests/unit/replay_fixture.h
tests_unit_test_keep_SOURCES = tests/unit/test_keep.c \
	tests/unit/replay_fixture.h
tests_unit_test_openai_join_SOURCES = tests/unit/test_openai_join.c \
	tests/unit/replay_fixture.h
tests_unit_test_openai_split_SOURCES = tests/unit/test_openai_split.c \
	tests/unit/replay_fixture.h
tests_unit_test_replay_SOURCES = tests/unit/test_replay.c \
	tests/unit/replay_fixture.h

check_PROGRAMS += tests/replay_echo
tests_replay_echo_SOURCES = tests/replay_echo.c
tests_replay_echo_LDADD = libsluice.a $(SLUICE_LIBS)
