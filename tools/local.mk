# local.mk -- tools/: the house checks, and what makes the generated documents.
HOUSE_TESTS = \
	tools/check-banned \
	tools/check-docs \
	tools/check-format \
	tools/check-layers \
	tools/check-lengths \
	tools/check-scripts \
	tools/check-tests \
	tools/check-words
TESTS += $(HOUSE_TESTS)
dist_check_SCRIPTS += $(HOUSE_TESTS)

EXTRA_DIST += \
	tools/cppcheck.suppr \
	tools/deps \
	tools/emulate-avx512 \
	tools/fuzz \
	tools/fuzz-all \
	tools/house.py \
	tools/lengths.allow \
	tools/lint \
	tools/tests.exempt \
	tools/words.ignore

noinst_PROGRAMS += tools/write_docs
tools_write_docs_SOURCES = tools/write_docs.c
tools_write_docs_LDADD = libsluice.a $(SLUICE_LIBS)

# Writes them into the source tree.
docs: tools/write_docs$(EXEEXT)
	tools/write_docs configuration >$(top_srcdir)/docs/configuration.md
	tools/write_docs metrics >$(top_srcdir)/docs/metrics.md
.PHONY: docs
