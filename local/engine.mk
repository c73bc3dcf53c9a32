# engine.mk -- local/: model files, their arithmetic on the CPU, sampling.
libsluice_a_SOURCES += \
	local/cpu/attend.c \
	local/cpu/avx2.c local/cpu/avx2.h local/cpu/avx2_few.h \
	local/cpu/avx2_blend.c \
	local/cpu/avx2_block.c \
	local/cpu/avx2_float.c \
	local/cpu/avx2_gemm.c \
	local/cpu/avx2_ops.c \
	local/cpu/avx2_packed.c \
	local/cpu/avx2_panel.c \
	local/cpu/avx2_quads.c \
	local/cpu/avx2_rows.c \
	local/cpu/avx512.c local/cpu/avx512.h \
	local/cpu/avx512_bf16.c \
	local/cpu/avx512_blend.c \
	local/cpu/avx512_float.c \
	local/cpu/avx512_ops.c \
	local/cpu/avx512_rows.c \
	local/cpu/avx512_vnni.c \
	local/cpu/avx512_words.c local/cpu/avx512_words.h \
	local/cpu/cpu.c local/cpu/cpu.h \
	local/cpu/kernel.h \
	local/cpu/pack.c local/cpu/packed.h \
	local/cpu/plain.c \
	local/cpu/spread.h \
	local/cpu/crew.c local/cpu/crew.h \
	local/cpu/pace.c local/cpu/pace.h \
	local/kv.c local/kv.h \
	local/local.h \
	local/draw.c local/draw.h \
	local/logits.c local/logits.h \
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
	local/confidence.h local/sample.c local/sample.h local/scheduler.h \
	local/weights/gguf.c local/weights/gguf.h \
	local/weights/safetensors.c local/weights/safetensors.h \
	local/weights/tensor.c local/weights/tensor.h \
	local/weights/weights.c local/weights/weights.h

# The tests of the kernels once more, for AVX-512 where there is none.
if HAVE_SIMDE
check_LIBRARIES = libavx512_portable.a
libavx512_portable_a_SOURCES = tests/unit/avx512_portable.h \
	tests/unit/kernels_portable.c tests/unit/kernels_under_test.h \
	local/cpu/avx512.c local/cpu/avx512.h \
	local/cpu/avx512_bf16.c \
	local/cpu/avx512_blend.c \
	local/cpu/avx512_float.c \
	local/cpu/avx512_ops.c \
	local/cpu/avx512_rows.c \
	local/cpu/avx512_vnni.c \
	local/cpu/avx512_words.c local/cpu/avx512_words.h
libavx512_portable_a_CPPFLAGS = $(AM_CPPFLAGS) \
	-include $(top_srcdir)/tests/unit/avx512_portable.h
libavx512_portable_a_CFLAGS = $(AM_CFLAGS) $(PORTABLE_CFLAGS)
tests_unit_test_avx512_LDADD = libavx512_portable.a $(LDADD)
tests_unit_test_avx512_ops_LDADD = libavx512_portable.a $(LDADD)
PORTABLE_KERNELS =
else
PORTABLE_KERNELS = tests/unit/kernels_none.c
endif

UNIT_TESTS += \
	tests/unit/test_avx512 \
	tests/unit/test_avx512_ops \
	tests/unit/test_bind \
	tests/unit/test_model_config \
	tests/unit/test_cpu \
	tests/unit/test_cpu_ops \
	tests/unit/test_gguf \
	tests/unit/test_kv \
	tests/unit/test_logits \
	tests/unit/test_model \
	tests/unit/test_crew \
	tests/unit/test_draw \
	tests/unit/test_pace \
	tests/unit/test_quant \
	tests/unit/test_real_models \
	tests/unit/test_safetensors \
	tests/unit/test_sample
MODEL_FIXTURE = tests/unit/model_fixture.c tests/unit/model_fixture.h
tests_unit_test_bind_SOURCES = tests/unit/test_bind.c $(MODEL_FIXTURE)
tests_unit_test_model_config_SOURCES = tests/unit/test_model_config.c $(MODEL_FIXTURE)
tests_unit_test_cpu_SOURCES = tests/unit/test_cpu.c \
	tests/unit/kernels_native.c tests/unit/kernels_under_test.h
tests_unit_test_cpu_ops_SOURCES = tests/unit/test_cpu_ops.c \
	tests/unit/kernels_native.c tests/unit/kernels_under_test.h
tests_unit_test_avx512_SOURCES = tests/unit/test_cpu.c \
	tests/unit/kernels_under_test.h $(PORTABLE_KERNELS)
tests_unit_test_avx512_ops_SOURCES = tests/unit/test_cpu_ops.c \
	tests/unit/kernels_under_test.h $(PORTABLE_KERNELS)
tests_unit_test_gguf_SOURCES = tests/unit/test_gguf.c
tests_unit_test_kv_SOURCES = tests/unit/test_kv.c
tests_unit_test_logits_SOURCES = tests/unit/test_logits.c tests/unit/logits_plain.c
tests_unit_test_model_SOURCES = tests/unit/test_model.c $(MODEL_FIXTURE)
tests_unit_test_crew_SOURCES = tests/unit/test_crew.c
tests_unit_test_draw_SOURCES = tests/unit/test_draw.c
tests_unit_test_pace_SOURCES = tests/unit/test_pace.c
tests_unit_test_quant_SOURCES = tests/unit/test_quant.c $(MODEL_FIXTURE)
tests_unit_test_real_models_SOURCES = tests/unit/test_real_models.c \
	$(MODEL_FIXTURE)
tests_unit_test_safetensors_SOURCES = tests/unit/test_safetensors.c \
	$(MODEL_FIXTURE)
tests_unit_test_sample_SOURCES = tests/unit/test_sample.c
EXTRA_DIST += tests/data/models tools/fetch-models \
	tools/make-model-goldens.py
