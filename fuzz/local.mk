# local.mk -- fuzz/: harnesses; each is fuzz_x.c, corpus/x/ and x.dict.
# With --enable-fuzzers they are libFuzzer programs (tools/fuzz builds and runs
# them); without, replay_x runs each file of the corpus once, in `make check`.
EXTRA_DIST += fuzz/corpus \
	fuzz/cache_entry.dict \
	fuzz/cache_key.dict \
	fuzz/cel.dict \
	fuzz/config.dict \
	fuzz/dialect.dict \
	fuzz/http1.dict \
	fuzz/json.dict \
	fuzz/ledger.dict \
	fuzz/policy.dict \
	fuzz/pull.dict \
	fuzz/gguf.dict \
	fuzz/grammar.dict \
	fuzz/model_config.dict \
	fuzz/redis_url.dict \
	fuzz/replay.dict \
	fuzz/reply.dict \
	fuzz/safetensors.dict \
	fuzz/sse.dict \
	fuzz/template.dict \
	fuzz/tokenizer.dict \
	fuzz/yaml.dict

if FUZZERS
noinst_PROGRAMS += \
	fuzz/fuzz_cache_entry \
	fuzz/fuzz_cache_key \
	fuzz/fuzz_cel \
	fuzz/fuzz_config \
	fuzz/fuzz_dialect \
	fuzz/fuzz_http1 \
	fuzz/fuzz_json \
	fuzz/fuzz_ledger \
	fuzz/fuzz_policy \
	fuzz/fuzz_pull \
	fuzz/fuzz_gguf \
	fuzz/fuzz_grammar \
	fuzz/fuzz_model_config \
	fuzz/fuzz_redis_url \
	fuzz/fuzz_replay \
	fuzz/fuzz_reply \
	fuzz/fuzz_safetensors \
	fuzz/fuzz_sse \
	fuzz/fuzz_template \
	fuzz/fuzz_tokenizer \
	fuzz/fuzz_yaml
FUZZER_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_fuzz_cache_entry_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_cache_key_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_cel_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_config_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_dialect_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_http1_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_json_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_ledger_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_policy_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_pull_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_gguf_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_grammar_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_model_config_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_redis_url_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_replay_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_reply_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_safetensors_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_sse_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_template_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_tokenizer_LDFLAGS = $(FUZZER_LINK)
fuzz_fuzz_yaml_LDFLAGS = $(FUZZER_LINK)
else
REPLAYS = \
	fuzz/replay_cache_entry \
	fuzz/replay_cache_key \
	fuzz/replay_cel \
	fuzz/replay_config \
	fuzz/replay_dialect \
	fuzz/replay_http1 \
	fuzz/replay_json \
	fuzz/replay_ledger \
	fuzz/replay_policy \
	fuzz/replay_pull \
	fuzz/replay_gguf \
	fuzz/replay_grammar \
	fuzz/replay_model_config \
	fuzz/replay_redis_url \
	fuzz/replay_replay \
	fuzz/replay_reply \
	fuzz/replay_safetensors \
	fuzz/replay_sse \
	fuzz/replay_template \
	fuzz/replay_tokenizer \
	fuzz/replay_yaml
check_PROGRAMS += $(REPLAYS)
TESTS += $(REPLAYS)
endif

fuzz_fuzz_cache_entry_SOURCES = fuzz/fuzz_cache_entry.c
fuzz_fuzz_cache_key_SOURCES = fuzz/fuzz_cache_key.c
fuzz_fuzz_cel_SOURCES = fuzz/fuzz_cel.c
fuzz_fuzz_config_SOURCES = fuzz/fuzz_config.c
fuzz_fuzz_dialect_SOURCES = fuzz/fuzz_dialect.c
fuzz_fuzz_http1_SOURCES = fuzz/fuzz_http1.c
fuzz_fuzz_json_SOURCES = fuzz/fuzz_json.c
fuzz_fuzz_ledger_SOURCES = fuzz/fuzz_ledger.c
fuzz_fuzz_policy_SOURCES = fuzz/fuzz_policy.c
fuzz_fuzz_pull_SOURCES = fuzz/fuzz_pull.c
fuzz_fuzz_gguf_SOURCES = fuzz/fuzz_gguf.c
fuzz_fuzz_grammar_SOURCES = fuzz/fuzz_grammar.c
fuzz_fuzz_model_config_SOURCES = fuzz/fuzz_model_config.c
fuzz_fuzz_redis_url_SOURCES = fuzz/fuzz_redis_url.c
fuzz_fuzz_replay_SOURCES = fuzz/fuzz_replay.c
fuzz_fuzz_reply_SOURCES = fuzz/fuzz_reply.c
fuzz_fuzz_safetensors_SOURCES = fuzz/fuzz_safetensors.c
fuzz_fuzz_sse_SOURCES = fuzz/fuzz_sse.c
fuzz_fuzz_template_SOURCES = fuzz/fuzz_template.c
fuzz_fuzz_tokenizer_SOURCES = fuzz/fuzz_tokenizer.c
fuzz_fuzz_yaml_SOURCES = fuzz/fuzz_yaml.c
fuzz_replay_cache_entry_SOURCES = fuzz/fuzz_cache_entry.c fuzz/replay_main.c
fuzz_replay_cache_key_SOURCES = fuzz/fuzz_cache_key.c fuzz/replay_main.c
fuzz_replay_cel_SOURCES = fuzz/fuzz_cel.c fuzz/replay_main.c
fuzz_replay_config_SOURCES = fuzz/fuzz_config.c fuzz/replay_main.c
fuzz_replay_dialect_SOURCES = fuzz/fuzz_dialect.c fuzz/replay_main.c
fuzz_replay_http1_SOURCES = fuzz/fuzz_http1.c fuzz/replay_main.c
fuzz_replay_json_SOURCES = fuzz/fuzz_json.c fuzz/replay_main.c
fuzz_replay_ledger_SOURCES = fuzz/fuzz_ledger.c fuzz/replay_main.c
fuzz_replay_policy_SOURCES = fuzz/fuzz_policy.c fuzz/replay_main.c
fuzz_replay_pull_SOURCES = fuzz/fuzz_pull.c fuzz/replay_main.c
fuzz_replay_gguf_SOURCES = fuzz/fuzz_gguf.c fuzz/replay_main.c
fuzz_replay_grammar_SOURCES = fuzz/fuzz_grammar.c fuzz/replay_main.c
fuzz_replay_model_config_SOURCES = fuzz/fuzz_model_config.c fuzz/replay_main.c
fuzz_replay_redis_url_SOURCES = fuzz/fuzz_redis_url.c fuzz/replay_main.c
fuzz_replay_replay_SOURCES = fuzz/fuzz_replay.c fuzz/replay_main.c
fuzz_replay_reply_SOURCES = fuzz/fuzz_reply.c fuzz/replay_main.c
fuzz_replay_safetensors_SOURCES = fuzz/fuzz_safetensors.c fuzz/replay_main.c
fuzz_replay_sse_SOURCES = fuzz/fuzz_sse.c fuzz/replay_main.c
fuzz_replay_template_SOURCES = fuzz/fuzz_template.c fuzz/replay_main.c
fuzz_replay_tokenizer_SOURCES = fuzz/fuzz_tokenizer.c fuzz/replay_main.c
fuzz_replay_yaml_SOURCES = fuzz/fuzz_yaml.c fuzz/replay_main.c
