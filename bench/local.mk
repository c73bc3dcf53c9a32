# local.mk -- bench/: not built by default, make bench/NAME.

EXTRA_PROGRAMS += bench/codec_bench
bench_codec_bench_SOURCES = bench/codec_bench.c

EXTRA_PROGRAMS += bench/json_bench
bench_json_bench_SOURCES = bench/json_bench.c

EXTRA_PROGRAMS += bench/client_bench
bench_client_bench_SOURCES = bench/client_bench.c

EXTRA_PROGRAMS += bench/tokenizer_bench
bench_tokenizer_bench_SOURCES = bench/tokenizer_bench.c
