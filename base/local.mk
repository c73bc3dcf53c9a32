# local.mk -- base/: what every other folder stands on.
libsluice_a_SOURCES += \
	base/base.h
