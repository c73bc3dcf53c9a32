# local.mk -- bench/

EXTRA_PROGRAMS += bench/json_bench
bench_json_bench_SOURCES = bench/json_bench.c

EXTRA_PROGRAMS += bench/ledger_bench
bench_ledger_bench_SOURCES = bench/ledger_bench.c
