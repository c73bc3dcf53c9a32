# local.mk -- gateway/: the program.
libsluice_a_SOURCES += \
	gateway/access_log.c gateway/access_log.h \
	gateway/admin.c gateway/admin.h \
	gateway/admin_requests.c \
	gateway/admin_spend.c \
	gateway/answer.c \
	gateway/cmd_check.c \
	gateway/cmd_ledger.c \
	gateway/cmd_route.c \
	gateway/cmd_serve.c \
	gateway/cmd_spend.c \
	gateway/cmd_version.c \
	gateway/command.c gateway/command.h \
	gateway/config.c gateway/config.h \
	gateway/config_read.c \
	gateway/config_tables.c gateway/config_tables.h \
	gateway/files.c gateway/files.h \
	gateway/find_ledger.c \
	gateway/gateway.c gateway/gateway.h \
	gateway/line.c gateway/line.h \
	gateway/metrics.c gateway/metrics.h \
	gateway/models.c \
	gateway/recent.c gateway/recent.h \
	gateway/record.c \
	gateway/relay.c gateway/relay.h \
	gateway/relay_body.c \
	gateway/relay_stream.c \
	gateway/request.c gateway/request.h \
	gateway/routes.c gateway/routes.h \
	gateway/send.c \
	gateway/settle.c \
	gateway/signals.c gateway/signals.h \
	gateway/snapshot.c gateway/snapshot.h \
	gateway/upstream.c gateway/upstream.h \
	gateway/worker.c gateway/worker.h

bin_PROGRAMS += sluice
sluice_SOURCES = gateway/main.c
sluice_LDADD = libsluice.a $(SLUICE_LIBS)
