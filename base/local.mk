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
	base/metric.h \
	base/mistakes.h \
	base/money.h \
	base/secret.c base/secret.h \
	base/span.c base/span.h \
	base/utf8.c base/utf8.h \
	base/yaml.h
