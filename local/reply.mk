# reply.mk -- local/reply/: reasoning, content and calls apart.
libsluice_a_SOURCES += \
	local/reply.h \
	local/reply/reply.c local/reply/reply_state.h \
	local/reply/reply_call.c \
	local/reply/reply_format.c local/reply/reply_format.h \
	local/reply/reply_json.c local/reply/reply_json.h

UNIT_TESTS += \
	tests/unit/test_reply \
	tests/unit/test_reply_call \
	tests/unit/test_reply_format \
	tests/unit/test_reply_json \
	tests/unit/test_reply_template
REPLY_FIXTURE = tests/unit/reply_fixture.c tests/unit/reply_fixture.h
tests_unit_test_reply_SOURCES = tests/unit/test_reply.c $(REPLY_FIXTURE)
tests_unit_test_reply_call_SOURCES = tests/unit/test_reply_call.c \
	$(REPLY_FIXTURE)
tests_unit_test_reply_format_SOURCES = tests/unit/test_reply_format.c
tests_unit_test_reply_format_CPPFLAGS = $(AM_CPPFLAGS) \
	-DTEST_DATA=\"$(abs_top_srcdir)/tests/data\"
tests_unit_test_reply_json_SOURCES = tests/unit/test_reply_json.c
tests_unit_test_reply_template_SOURCES = tests/unit/test_reply_template.c \
	$(REPLY_FIXTURE) tests/unit/template_fixture.h
tests_unit_test_reply_template_CPPFLAGS = $(AM_CPPFLAGS) \
	-DTEST_DATA=\"$(abs_top_srcdir)/tests/data\"
