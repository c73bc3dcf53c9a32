# local.mk -- local/: the inference engine.
libsluice_a_SOURCES += \
	local/tokenizer.h \
	local/tokenizer/added.c local/tokenizer/added.h \
	local/tokenizer/bpe.c \
	local/tokenizer/bytes.c \
	local/tokenizer/charsmap.c \
	local/tokenizer/decode.c \
	local/tokenizer/encode.c \
	local/tokenizer/internal.h \
	local/tokenizer/load.c local/tokenizer/load.h \
	local/tokenizer/load_arrays.c \
	local/tokenizer/load_model.c \
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
