# checkpoint.mk -- local/: checkpoints opened whole, and what is done with one.
libsluice_a_SOURCES += \
	local/bench.h \
	local/card.h \
	local/chat.h \
	local/checkpoint.h \
	local/calibrate.h local/engine/calibrate.c \
	local/engine/confidence.c \
	local/engine/beside.c local/engine/beside.h \
	local/engine/bound.c local/engine/bound.h \
	local/engine/bench.c \
	local/engine/bench_memory.c \
	local/engine/card.c \
	local/engine/chat.c \
	local/engine/checkpoint.c \
	local/engine/ends.c local/engine/ends.h \
	local/engine/generate.c \
	local/engine/machine.c local/engine/machine.h \
	local/engine/published.h \
	local/engine/published_gguf.c \
	local/engine/published_hf.c \
	local/engine/stop.c local/engine/stop.h \
	local/engine/token_bytes.c local/engine/token_bytes.h \
	local/engine/suggested.c \
	local/engine/writer.c local/engine/writer.h \
	local/generate.h \
	local/model/config_sentences.c \
	local/model/needs.c local/model/needs.h

UNIT_TESTS += \
	tests/unit/test_calibrate \
	tests/unit/test_chat \
	tests/unit/test_local_writer \
	tests/unit/test_stop
tests_unit_test_calibrate_SOURCES = tests/unit/test_calibrate.c
tests_unit_test_chat_SOURCES = tests/unit/test_chat.c \
	tests/unit/tokenizer_fixture.h
tests_unit_test_stop_SOURCES = tests/unit/test_stop.c
tests_unit_test_local_writer_SOURCES = tests/unit/test_local_writer.c \
	tests/unit/tokenizer_fixture.h
