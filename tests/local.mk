# local.mk -- tests/
noinst_PROGRAMS += tests/fake_provider/fake_provider
tests_fake_provider_fake_provider_SOURCES = \
	tests/fake_provider/ask.c tests/fake_provider/ask.h \
	tests/fake_provider/billed.c tests/fake_provider/billed.h \
	tests/fake_provider/chat.c \
	tests/fake_provider/completion.h \
	tests/fake_provider/caller.c tests/fake_provider/caller.h \
	tests/fake_provider/control.c \
	tests/fake_provider/directives.c tests/fake_provider/directives.h \
	tests/fake_provider/embeddings.c tests/fake_provider/embeddings.h \
	tests/fake_provider/gzip.c tests/fake_provider/gzip.h \
	tests/fake_provider/listener.c tests/fake_provider/listener.h \
	tests/fake_provider/main.c \
	tests/fake_provider/out.c tests/fake_provider/out.h \
	tests/fake_provider/plan.c \
	tests/fake_provider/provider.h \
	tests/fake_provider/records.c tests/fake_provider/records.h \
	tests/fake_provider/render.c \
	tests/fake_provider/schema.c tests/fake_provider/schema.h \
	tests/fake_provider/scripts.c tests/fake_provider/scripts.h \
	tests/fake_provider/send.c \
	tests/fake_provider/service.c tests/fake_provider/service.h \
	tests/fake_provider/text.c \
	tests/fake_provider/words.c tests/fake_provider/words.h
tests_fake_provider_fake_provider_LDADD = libsluice.a $(SLUICE_LIBS)
EXTRA_DIST += tests/fake_provider/README.md

# The Python files of one folder import each other from there.
dist_check_SCRIPTS += \
	tests/cases/fake_provider.py \
	tests/cases/fake_provider_faults.py
EXTRA_DIST += tests/cases/fake_provider_client.py tests/data/alerts.yml
TESTS += \
	tests/cases/fake_provider.py \
	tests/cases/fake_provider_faults.py
