# local.mk -- base/: what every other folder stands on.
libsluice_a_SOURCES += \
	base/arena.c base/arena.h \
	base/base.h \
	base/buf.c base/buf.h \
	base/clock.c base/clock.h \
	base/error.c base/error.h \
	base/hash.c base/hash.h \
	base/json.h \
	base/list.h \
	base/log.c base/log.h \
	base/memory.c base/memory.h \
	base/metric.c base/metric.h \
	base/mistakes.c base/mistakes.h \
	base/money.c base/money.h \
	base/secret.c base/secret.h \
	base/span.c base/span.h \
	base/utf8.c base/utf8.h \
	base/yaml.h

UNIT_TESTS += \
	tests/unit/test_arena \
	tests/unit/test_buf \
	tests/unit/test_clock \
	tests/unit/test_error \
	tests/unit/test_hash \
	tests/unit/test_list \
	tests/unit/test_log \
	tests/unit/test_metric \
	tests/unit/test_mistakes \
	tests/unit/test_money \
	tests/unit/test_secret \
	tests/unit/test_span \
	tests/unit/test_utf8
tests_unit_test_arena_SOURCES = tests/unit/test_arena.c
tests_unit_test_buf_SOURCES = tests/unit/test_buf.c
tests_unit_test_clock_SOURCES = tests/unit/test_clock.c
tests_unit_test_error_SOURCES = tests/unit/test_error.c
tests_unit_test_hash_SOURCES = tests/unit/test_hash.c
tests_unit_test_list_SOURCES = tests/unit/test_list.c
tests_unit_test_log_SOURCES = tests/unit/test_log.c
tests_unit_test_metric_SOURCES = tests/unit/test_metric.c
tests_unit_test_mistakes_SOURCES = tests/unit/test_mistakes.c
tests_unit_test_money_SOURCES = tests/unit/test_money.c
tests_unit_test_secret_SOURCES = tests/unit/test_secret.c
tests_unit_test_span_SOURCES = tests/unit/test_span.c
tests_unit_test_utf8_SOURCES = tests/unit/test_utf8.c
