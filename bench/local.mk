# local.mk -- bench/

EXTRA_PROGRAMS += bench/json_bench
bench_json_bench_SOURCES = bench/json_bench.c

EXTRA_PROGRAMS += bench/dialect_bench
bench_dialect_bench_SOURCES = bench/dialect_bench.c
