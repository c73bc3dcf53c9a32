# local.mk -- ledger/: the log of money, its readers and its sums.
libsluice_a_SOURCES += \
	ledger/dictionary.c ledger/dictionary.h \
	ledger/files.c ledger/files.h \
	ledger/format.c ledger/format.h \
	ledger/histogram.c ledger/histogram.h \
	ledger/id.c \
	ledger/idmap.c ledger/idmap.h \
	ledger/inside.h \
	ledger/ledger.c ledger/ledger.h \
	ledger/lock.c \
	ledger/names.c ledger/names.h \
	ledger/part.c ledger/part.h \
	ledger/price.c \
	ledger/projection.c ledger/projection.h \
	ledger/projection_read.c \
	ledger/projector.c ledger/projector.h \
	ledger/question.c ledger/question.h \
	ledger/read.c ledger/read.h \
	ledger/recover.c \
	ledger/rollup.c ledger/rollup.h \
	ledger/row.c \
	ledger/scan.c ledger/scan.h \
	ledger/segment.c ledger/segment.h \
	ledger/source.c ledger/source.h \
	ledger/spend.c \
	ledger/store.c ledger/store.h ledger/store_inside.h \
	ledger/store_rows.c \
	ledger/tail.c ledger/tail.h \
	ledger/thread.c \
	ledger/writer.c

UNIT_TESTS += \
	tests/unit/test_ledger \
	tests/unit/test_ledger_format \
	tests/unit/test_ledger_recover \
	tests/unit/test_histogram \
	tests/unit/test_price \
	tests/unit/test_projection \
	tests/unit/test_projection_faults \
	tests/unit/test_spend \
	tests/unit/test_store
tests_unit_test_ledger_SOURCES = tests/unit/test_ledger.c \
	tests/unit/ledger_help.c tests/unit/ledger_help.h
tests_unit_test_ledger_format_SOURCES = tests/unit/test_ledger_format.c \
	tests/unit/ledger_help.c tests/unit/ledger_help.h
tests_unit_test_ledger_recover_SOURCES = tests/unit/test_ledger_recover.c \
	tests/unit/ledger_help.c tests/unit/ledger_help.h
tests_unit_test_price_SOURCES = tests/unit/test_price.c
tests_unit_test_histogram_SOURCES = tests/unit/test_histogram.c
PROJECTION_HELP = tests/unit/projection_help.c tests/unit/projection_help.h \
	tests/unit/ledger_help.c tests/unit/ledger_help.h
tests_unit_test_projection_SOURCES = tests/unit/test_projection.c \
	$(PROJECTION_HELP)
tests_unit_test_projection_faults_SOURCES = \
	tests/unit/test_projection_faults.c $(PROJECTION_HELP)
tests_unit_test_store_SOURCES = tests/unit/test_store.c \
	tests/unit/ledger_help.c tests/unit/ledger_help.h
tests_unit_test_spend_SOURCES = tests/unit/test_spend.c \
	tests/unit/ledger_help.c tests/unit/ledger_help.h
