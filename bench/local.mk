# local.mk -- bench/
EXTRA_PROGRAMS += bench/ledger_bench
bench_ledger_bench_SOURCES = bench/ledger_bench.c
