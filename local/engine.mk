# engine.mk -- local/: model files, their arithmetic on the CPU, sampling.
libsluice_a_SOURCES += \
	local/cpu/cpu.c local/cpu/cpu.h \
	local/cpu/kernel.h \
	local/cpu/ops.c \
	local/cpu/plain.c \
	local/cpu/pool.c local/cpu/pool.h \
	local/kv.c local/kv.h \
	local/local.h \
	local/model.h \
	local/model/bind.c local/model/parts.h \
	local/model/config.c local/model/config.h \
	local/model/config_gguf.c \
	local/model/config_json.c \
	local/model/config_table.h \
	local/model/embed.c \
	local/model/family.c local/model/family.h \
	local/model/forward.c local/model/forward.h \
	local/model/model.c local/model/model.h \
	local/model/rope.c local/model/rope.h \
	local/model/session.c \
	local/quant.c local/quant.h \
	local/sample.c local/sample.h \
	local/weights/gguf.c local/weights/gguf.h \
	local/weights/safetensors.c local/weights/safetensors.h \
	local/weights/tensor.c local/weights/tensor.h \
	local/weights/weights.c local/weights/weights.h

UNIT_TESTS += \
	tests/unit/test_model
tests_unit_test_model_SOURCES = tests/unit/test_model.c \
	tests/unit/model_fixture.c tests/unit/model_fixture.h
EXTRA_DIST += tests/data/models tools/make-model-goldens.py
