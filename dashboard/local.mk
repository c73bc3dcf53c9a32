# local.mk -- dashboard/: the web page, embedded in the program.
libsluice_a_SOURCES += dashboard/assets.c dashboard/dashboard.h
nodist_libsluice_a_SOURCES = dashboard_embedded.c

PAGE_FILES = \
	dashboard/index.html \
	dashboard/icon.svg \
	dashboard/page.css \
	dashboard/parts.css \
	dashboard/theme.js \
	dashboard/api.js \
	dashboard/charts.js \
	dashboard/dom.js \
	dashboard/filters.js \
	dashboard/format.js \
	dashboard/headline.js \
	dashboard/latest.js \
	dashboard/page.js \
	dashboard/plot.js \
	dashboard/request.js \
	dashboard/state.js \
	dashboard/tables.js
EXTRA_DIST += dashboard/embed.sh $(PAGE_FILES)

# The page at /, everything else below /assets/ by its file's name. The file is
# made beside config.h: a build in the source tree leaves no code in a folder.
dashboard_embedded.c: $(srcdir)/dashboard/embed.sh $(PAGE_FILES) $(CHART_JS)
	$(AM_V_GEN)set -- /=$(srcdir)/dashboard/index.html; \
	for file in $(PAGE_FILES); do \
		name=$${file##*/}; \
		test $$name = index.html || \
			set -- "$$@" /assets/$$name=$(srcdir)/$$file; \
	done; \
	$(SHELL) $(srcdir)/dashboard/embed.sh "$$@" \
		/assets/chart.js=$(CHART_JS) >$@.new && mv $@.new $@
CLEANFILES += dashboard_embedded.c

UNIT_TESTS += tests/unit/test_assets
tests_unit_test_assets_SOURCES = tests/unit/test_assets.c
