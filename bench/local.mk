# local.mk -- bench/: not built by default, make bench/NAME.

EXTRA_PROGRAMS += bench/codec_bench
bench_codec_bench_SOURCES = bench/codec_bench.c

EXTRA_PROGRAMS += bench/json_bench
bench_json_bench_SOURCES = bench/json_bench.c

EXTRA_PROGRAMS += bench/client_bench
bench_client_bench_SOURCES = bench/client_bench.c
EXTRA_PROGRAMS += bench/dialect_bench
bench_dialect_bench_SOURCES = bench/dialect_bench.c
EXTRA_PROGRAMS += bench/server_bench
bench_server_bench_SOURCES = bench/server_bench.c
EXTRA_PROGRAMS += bench/load
bench_load_SOURCES = bench/gateway/load.c
EXTRA_DIST += bench/gateway/run.py bench/gateway/cache.py \
	bench/gateway/local_beside.py bench/gateway/local_overload.py
EXTRA_DIST += bench/cascade/crux.py bench/cascade/tasks.py
EXTRA_PROGRAMS += bench/ledger_bench
bench_ledger_bench_SOURCES = bench/ledger_bench.c
EXTRA_PROGRAMS += bench/projection_bench
bench_projection_bench_SOURCES = bench/projection_bench.c
EXTRA_PROGRAMS += bench/router_bench
bench_router_bench_SOURCES = bench/router_bench.c

EXTRA_PROGRAMS += bench/tokenizer_bench
bench_tokenizer_bench_SOURCES = bench/tokenizer_bench.c

EXTRA_PROGRAMS += bench/replay_bench
bench_replay_bench_SOURCES = bench/replay_bench.c
EXTRA_PROGRAMS += bench/cache_bench
bench_cache_bench_SOURCES = bench/cache_bench.c bench/cache_trace.c \
	bench/cache_trace.h
EXTRA_DIST += bench/results

EXTRA_PROGRAMS += bench/redis_bench
bench_redis_bench_SOURCES = bench/redis_bench.c bench/redis_place.c \
	bench/redis_place.h
EXTRA_PROGRAMS += bench/engine_bench
bench_engine_bench_SOURCES = bench/engine_bench.c
EXTRA_DIST += bench/engine/run.py bench/engine/make_checkpoint.py \
	bench/engine/peer.cjs bench/engine/peer_torch.py bench/engine/package.json \
	bench/engine/package-lock.json
EXTRA_PROGRAMS += bench/scheduler_bench
bench_scheduler_bench_SOURCES = bench/scheduler_bench.c
