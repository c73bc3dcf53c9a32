# local.mk -- local/: the inference engine.
libsluice_a_SOURCES += \
	local/tokenizer.h \
	local/tokenizer/added.c local/tokenizer/added.h \
	local/tokenizer/bpe.c \
	local/tokenizer/bytes.c \
	local/tokenizer/charsmap.c \
	local/tokenizer/decode.c local/tokenizer/decode.h \
	local/tokenizer/decode_bytes.c local/tokenizer/decode_token.c \
	local/tokenizer/encode.c \
	local/tokenizer/internal.h \
	local/tokenizer/load.c local/tokenizer/load.h \
	local/tokenizer/load_arrays.c local/tokenizer/load_arrays.h \
	local/tokenizer/load_decoder.c \
	local/tokenizer/load_merges.c \
	local/tokenizer/load_model.c \
	local/tokenizer/load_normalizer.c \
	local/tokenizer/load_splitter.c \
	local/tokenizer/load_steps.c \
	local/tokenizer/load_template.c \
	local/tokenizer/model.c local/tokenizer/model.h \
	local/tokenizer/normalize.c local/tokenizer/normalize.h \
	local/tokenizer/pattern.c local/tokenizer/pattern.h \
	local/tokenizer/scan.c \
	local/tokenizer/split.c local/tokenizer/split.h \
	local/tokenizer/steps.c \
	local/tokenizer/tokenizer.c \
	local/tokenizer/unicode.c local/tokenizer/unicode.h \
	local/tokenizer/unicode_table.c \
	local/tokenizer/unigram.c \
	local/tokenizer/vocab.c local/tokenizer/vocab.h

UNIT_TESTS += \
	tests/unit/test_tokenizer \
	tests/unit/test_tokenizer_arrays \
	tests/unit/test_tokenizer_load \
	tests/unit/test_tokenizer_scan \
	tests/unit/test_tokenizer_unicode
tests_unit_test_tokenizer_SOURCES = tests/unit/test_tokenizer.c \
	tests/unit/tokenizer_fixture.h
tests_unit_test_tokenizer_arrays_SOURCES = \
	tests/unit/test_tokenizer_arrays.c tests/unit/tokenizer_fixture.h
tests_unit_test_tokenizer_load_SOURCES = tests/unit/test_tokenizer_load.c \
	tests/unit/tokenizer_fixture.h
tests_unit_test_tokenizer_scan_SOURCES = tests/unit/test_tokenizer_scan.c
tests_unit_test_tokenizer_unicode_SOURCES = \
	tests/unit/test_tokenizer_unicode.c

TOKENIZER_KINDS = deepseek gpt2 llama3 o200k qwen2 spm-metaspace \
	spm-prepend unigram wordpiece
EXTRA_DIST += tools/make-tokenizer-goldens.py tools/make-unicode-table.py \
	$(TOKENIZER_KINDS:%=tests/data/tokenizers/%.json) \
	$(TOKENIZER_KINDS:%=tests/data/tokenizers/%.goldens)

# Answers JSON lines, for tools/make-tokenizer-goldens.py compare.
check_PROGRAMS += tests/tokenizer_echo
tests_tokenizer_echo_SOURCES = tests/tokenizer_echo.c

libsluice_a_SOURCES += \
	local/scheduler.h \
	local/scheduler/admit.c \
	local/scheduler/chain.c \
	local/scheduler/encode.c \
	local/scheduler/internal.h \
	local/scheduler/job.c \
	local/scheduler/lane.c \
	local/scheduler/masks.c \
	local/scheduler/prefix.c local/scheduler/prefix.h \
	local/scheduler/queue.c \
	local/scheduler/scheduler.c \
	local/scheduler/tell.c \
	local/scheduler/text.c \
	local/scheduler/turns.c local/scheduler/turns.h \
	local/scheduler/vocab.c

UNIT_TESTS += \
	tests/unit/test_prefix \
	tests/unit/test_scheduler \
	tests/unit/test_scheduler_lanes \
	tests/unit/test_scheduler_prefix \
	tests/unit/test_scheduler_queue \
	tests/unit/test_scheduler_stress \
	tests/unit/test_scheduler_text \
	tests/unit/test_turns
SCHEDULER_FIXTURE = tests/unit/scheduler_fixture.c \
	tests/unit/scheduler_fixture.h \
	tests/unit/model_fixture.c tests/unit/model_fixture.h
tests_unit_test_prefix_SOURCES = tests/unit/test_prefix.c
tests_unit_test_scheduler_SOURCES = tests/unit/test_scheduler.c \
	$(SCHEDULER_FIXTURE)
tests_unit_test_scheduler_lanes_SOURCES = \
	tests/unit/test_scheduler_lanes.c $(SCHEDULER_FIXTURE)
tests_unit_test_scheduler_prefix_SOURCES = \
	tests/unit/test_scheduler_prefix.c $(SCHEDULER_FIXTURE)
tests_unit_test_scheduler_queue_SOURCES = \
	tests/unit/test_scheduler_queue.c $(SCHEDULER_FIXTURE)
tests_unit_test_scheduler_stress_SOURCES = \
	tests/unit/test_scheduler_stress.c $(SCHEDULER_FIXTURE)
tests_unit_test_turns_SOURCES = tests/unit/test_turns.c
tests_unit_test_scheduler_text_SOURCES = \
	tests/unit/test_scheduler_text.c tests/unit/grammar_fixture.h \
	$(SCHEDULER_FIXTURE)
