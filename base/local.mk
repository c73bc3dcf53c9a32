# local.mk -- base/: what every other folder stands on.
libsluice_a_SOURCES += \
	base/apart.c base/apart.h \
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
	base/settings.c base/settings.h \
	base/span.c base/span.h \
	base/utf8.c base/utf8.h \
	base/yaml.h

UNIT_TESTS += \
	tests/unit/test_apart \
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
	tests/unit/test_settings \
	tests/unit/test_span \
	tests/unit/test_utf8
tests_unit_test_apart_SOURCES = tests/unit/test_apart.c
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
tests_unit_test_settings_SOURCES = tests/unit/test_settings.c
tests_unit_test_span_SOURCES = tests/unit/test_span.c
tests_unit_test_utf8_SOURCES = tests/unit/test_utf8.c

# JSON and YAML
libsluice_a_SOURCES += \
	base/json.c \
	base/json_keys.c \
	base/json_number.c \
	base/json_out.c base/json_out.h \
	base/json_scan.h \
	base/json_string.c \
	base/json_tree.c \
	base/yaml.c \
	base/yaml_expand.c

UNIT_TESTS += \
	tests/unit/test_json \
	tests/unit/test_json_out \
	tests/unit/test_json_peer \
	tests/unit/test_json_tree \
	tests/unit/test_json_values \
	tests/unit/test_yaml \
	tests/unit/test_yaml_expand
tests_unit_test_json_SOURCES = tests/unit/test_json.c \
	tests/unit/json_fixture.h
tests_unit_test_json_out_SOURCES = tests/unit/test_json_out.c
tests_unit_test_json_peer_SOURCES = tests/unit/test_json_peer.c
tests_unit_test_json_tree_SOURCES = tests/unit/test_json_tree.c \
	tests/unit/json_fixture.h
tests_unit_test_json_values_SOURCES = tests/unit/test_json_values.c \
	tests/unit/json_fixture.h
tests_unit_test_yaml_SOURCES = tests/unit/test_yaml.c \
	tests/unit/yaml_fixture.h
tests_unit_test_yaml_expand_SOURCES = tests/unit/test_yaml_expand.c \
	tests/unit/yaml_fixture.h

# The corpus of JSON texts that readers disagree about, where it is there.
check_PROGRAMS += tests/json_echo
tests_json_echo_SOURCES = tests/json_echo.c
tests_json_echo_LDADD = libsluice.a
dist_check_SCRIPTS += tests/cases/json_conformance.py
TESTS += tests/cases/json_conformance.py
