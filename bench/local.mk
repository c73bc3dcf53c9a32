# local.mk -- bench/

# Not built by default: make bench/codec_bench
EXTRA_PROGRAMS += bench/codec_bench
bench_codec_bench_SOURCES = bench/codec_bench.c
