# local.mk -- bench/

EXTRA_PROGRAMS += bench/json_bench
bench_json_bench_SOURCES = bench/json_bench.c

EXTRA_PROGRAMS += bench/router_bench
bench_router_bench_SOURCES = bench/router_bench.c
