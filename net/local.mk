# local.mk -- net/: bytes on the wire.

# --- the HTTP/1.1 codec and the event splitter
libsluice_a_SOURCES += \
	net/http1.h \
	net/http1_body.c \
	net/http1_chars.c \
	net/http1_facts.c \
	net/http1_head.c \
	net/http1_parts.h \
	net/http1_target.c \
	net/http1_write.c \
	net/net.h \
	net/scan.h \
	net/sse.c \
	net/sse.h
UNIT_TESTS += \
	tests/unit/test_http1 \
	tests/unit/test_http1_body \
	tests/unit/test_sse
tests_unit_test_http1_SOURCES = tests/unit/test_http1.c
tests_unit_test_http1_body_SOURCES = tests/unit/test_http1_body.c
tests_unit_test_sse_SOURCES = tests/unit/test_sse.c

# The codec against recorded messages: skipped where the recording is absent.
check_PROGRAMS += tests/http1_echo
tests_http1_echo_SOURCES = tests/http1_echo.c
dist_check_SCRIPTS += tests/cases/http1_conformance.py
TESTS += tests/cases/http1_conformance.py

# --- the loop and its streams
libsluice_a_SOURCES += \
	net/chain.c net/chain.h \
	net/loop.c net/loop.h net/loop_priv.h \
	net/stream.c net/stream.h net/stream_priv.h \
	net/stream_end.c net/stream_open.c net/stream_peer.c \
	net/stream_hub.c net/stream_hub.h \
	net/stream_io.h net/stream_plain.c net/stream_tls.c \
	net/tls.c net/tls.h net/tls_priv.h
UNIT_TESTS += \
	tests/unit/test_loop \
	tests/unit/test_stream \
	tests/unit/test_stream_end \
	tests/unit/test_stream_open \
	tests/unit/test_stream_peer \
	tests/unit/test_tls
STREAM_SIDE = tests/unit/stream_fixture.c tests/unit/stream_fixture.h
tests_unit_test_loop_SOURCES = tests/unit/test_loop.c
tests_unit_test_stream_SOURCES = tests/unit/test_stream.c $(STREAM_SIDE)
tests_unit_test_stream_end_SOURCES = tests/unit/test_stream_end.c \
	$(STREAM_SIDE)
tests_unit_test_stream_open_SOURCES = tests/unit/test_stream_open.c \
	$(STREAM_SIDE)
tests_unit_test_stream_peer_SOURCES = tests/unit/test_stream_peer.c \
	$(STREAM_SIDE)
tests_unit_test_tls_SOURCES = tests/unit/test_tls.c $(STREAM_SIDE) \
	tests/unit/certificates.c tests/unit/certificates.h

# --- the server
libsluice_a_SOURCES += \
	net/conn.c net/conn.h net/conn_read.c net/conn_time.c \
	net/exchange.c net/server.c net/server.h net/server_priv.h
UNIT_TESTS += \
	tests/unit/test_server \
	tests/unit/test_server_life
tests_unit_test_server_SOURCES = tests/unit/test_server.c \
	tests/unit/server_fixture.c tests/unit/server_fixture.h
tests_unit_test_server_life_SOURCES = tests/unit/test_server_life.c \
	tests/unit/server_fixture.c tests/unit/server_fixture.h \
	tests/unit/certificates.c tests/unit/certificates.h

# --- the client
libsluice_a_SOURCES += \
	net/call.c net/call.h \
	net/client.c net/client.h \
	net/dial.c net/dial.h \
	net/digest.c net/digest.h \
	net/hosts.c net/hosts.h \
	net/origin.c net/origin.h \
	net/pool.c net/pool.h \
	net/resolve.c net/resolve.h
UNIT_TESTS += \
	tests/unit/test_call \
	tests/unit/test_call_reset \
	tests/unit/test_client \
	tests/unit/test_client_keep \
	tests/unit/test_client_tls \
	tests/unit/test_dial \
	tests/unit/test_digest \
	tests/unit/test_hosts \
	tests/unit/test_pool \
	tests/unit/test_resolve
PEER = tests/unit/peer.c tests/unit/peer.h
tests_unit_test_call_SOURCES = tests/unit/test_call.c $(PEER)
tests_unit_test_call_reset_SOURCES = tests/unit/test_call_reset.c $(PEER) \
	tests/unit/certificates.c tests/unit/certificates.h
tests_unit_test_client_SOURCES = tests/unit/test_client.c $(PEER)
tests_unit_test_client_keep_SOURCES = tests/unit/test_client_keep.c $(PEER)
tests_unit_test_client_tls_SOURCES = tests/unit/test_client_tls.c $(PEER) \
	tests/unit/certificates.c tests/unit/certificates.h
tests_unit_test_dial_SOURCES = tests/unit/test_dial.c $(PEER)
tests_unit_test_digest_SOURCES = tests/unit/test_digest.c
tests_unit_test_hosts_SOURCES = tests/unit/test_hosts.c
tests_unit_test_pool_SOURCES = tests/unit/test_pool.c $(PEER)
tests_unit_test_resolve_SOURCES = tests/unit/test_resolve.c $(PEER)
