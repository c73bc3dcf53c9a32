# local.mk -- gateway/: the program.
bin_PROGRAMS += sluice
sluice_SOURCES = gateway/main.c
sluice_LDADD = libsluice.a $(SLUICE_LIBS)
