# local.mk -- gateway/: the program.
libsluice_a_SOURCES += \
	gateway/access_log.c gateway/access_log.h \
	gateway/admin.c gateway/admin.h \
	gateway/admin_breakdown.c \
	gateway/admin_job.c gateway/admin_job.h \
	gateway/admin_overview.c \
	gateway/admin_range.c gateway/admin_range.h \
	gateway/admin_request.c \
	gateway/admin_page.c \
	gateway/admin_requests.c \
	gateway/admin_spend.c \
	gateway/admin_summary.c \
	gateway/answer.c \
	gateway/answer_cache.c gateway/answer_cache.h \
	gateway/attend.c \
	gateway/classified.c gateway/classified.h \
	gateway/cascade.c gateway/cascade.h \
	gateway/cmd_bench.c \
	gateway/cmd_calibrate.c \
	gateway/cmd_check.c \
	gateway/cmd_classify.c \
	gateway/cmd_detokenize.c \
	gateway/cmd_embed.c \
	gateway/cmd_generate.c \
	gateway/cmd_ledger.c \
	gateway/cmd_model.c \
	gateway/cmd_pull.c \
	gateway/cmd_route.c \
	gateway/cmd_score.c \
	gateway/cmd_serve.c \
	gateway/cmd_spend.c \
	gateway/cmd_template.c \
	gateway/cmd_tokenize.c \
	gateway/cmd_version.c \
	gateway/command.c gateway/command.h \
	gateway/config.c gateway/config.h \
	gateway/config_local.c \
	gateway/config_sampling.c \
	gateway/config_model.c \
	gateway/config_provider.c \
	gateway/config_read.c gateway/config_reader.h \
	gateway/config_tables.c gateway/config_tables.h \
	gateway/engine.c gateway/engine.h \
	gateway/csv.c gateway/csv.h \
	gateway/expected.c gateway/expected.h \
	gateway/files.c gateway/files.h \
	gateway/find_ledger.c \
	gateway/gateway.c gateway/gateway.h \
	gateway/headers.c gateway/headers.h \
	gateway/hit.c \
	gateway/keep.c gateway/keep.h \
	gateway/line.c gateway/line.h \
	gateway/look_up.c gateway/look_up.h \
	gateway/generate_line.c gateway/generate_line.h \
	gateway/line.c gateway/line.h \
	gateway/lines.c gateway/lines.h \
	gateway/local/ask.c gateway/local/ask.h gateway/local/ask_parts.h \
	gateway/local/ask_chat.c \
	gateway/local/ask_messages.c \
	gateway/local/ask_options.c \
	gateway/local/ask_prompt.c \
	gateway/local/ask_tools.c \
	gateway/local/call.c gateway/local/call.h gateway/local/call_parts.h \
	gateway/local/call_begin.c \
	gateway/local/call_embed.c \
	gateway/local/call_hold.c \
	gateway/local/call_post.c gateway/local/call_post.h \
	gateway/local/call_read.c \
	gateway/local/call_text.c \
	gateway/local/call.h \
	gateway/local/class_memo.c gateway/local/class_memo.h \
	gateway/local/classes.c gateway/local/classes.h \
	gateway/local/cost.c gateway/local/cost.h \
	gateway/local/embed.c gateway/local/embed.h \
	gateway/local/embed_input.c gateway/local/embed_input.h \
	gateway/local/encode.c gateway/local/encode.h \
	gateway/local/encoder_text.c gateway/local/encoder_text.h \
	gateway/local/hold.c gateway/local/hold.h \
	gateway/local/sampling.c gateway/local/sampling.h \
	gateway/local/say.c gateway/local/say.h gateway/local/say_parts.h \
	gateway/local/say_json.c \
	gateway/local/say_logprobs.c \
	gateway/local/float_text.c gateway/local/float_text.h \
	gateway/local/model.h \
	gateway/local/models.c gateway/local/models.h \
	gateway/local/models_load.c \
	gateway/local/models_metrics.c \
	gateway/local/probe.c gateway/local/probe.h \
	gateway/loading.c gateway/loading.h \
	gateway/metrics.c gateway/metrics.h \
	gateway/models.c \
	gateway/process.c gateway/process.h \
	gateway/ready.c gateway/ready.h \
	gateway/pull/pull.h \
	gateway/pull/pull_answer.c gateway/pull/pull_answer.h \
	gateway/pull/pull_choose.c gateway/pull/pull_choose.h \
	gateway/pull/pull_fetch.c gateway/pull/pull_fetch.h \
	gateway/pull/pull_file.c gateway/pull/pull_file.h \
	gateway/pull/pull_get.c gateway/pull/pull_get.h \
	gateway/pull/pull_hub.c gateway/pull/pull_hub.h \
	gateway/pull/pull_listing.c gateway/pull/pull_listing.h \
	gateway/pull/pull_name.c gateway/pull/pull_name.h \
	gateway/pull/pull_near.c gateway/pull/pull_near.h \
	gateway/pull/pull_part.c gateway/pull/pull_part.h \
	gateway/pull/pull_progress.c gateway/pull/pull_progress.h \
	gateway/pull/pull_run.c \
	gateway/pull/pull_store.c gateway/pull/pull_store.h \
	gateway/pull/pull_url.c gateway/pull/pull_url.h \
	gateway/recent.c gateway/recent.h \
	gateway/record.c \
	gateway/relay.c gateway/relay.h \
	gateway/relay_body.c \
	gateway/relay_stream.c \
	gateway/request.c gateway/request.h \
	gateway/routes.c gateway/routes.h \
	gateway/send.c \
	gateway/settle.c \
	gateway/signals.c gateway/signals.h \
	gateway/snapshot.c gateway/snapshot.h \
	gateway/source.c gateway/source.h \
	gateway/upstream.c gateway/upstream.h \
	gateway/worker.c gateway/worker.h

bin_PROGRAMS += sluice
sluice_SOURCES = gateway/main.c
sluice_LDADD = libsluice.a $(SLUICE_LIBS)

UNIT_TESTS += \
	tests/unit/test_access_log \
	tests/unit/test_class_memo \
	tests/unit/test_call_post \
	tests/unit/test_classified \
	tests/unit/test_command \
	tests/unit/test_config \
	tests/unit/test_cost \
	tests/unit/test_sampling \
	tests/unit/test_cascade \
	tests/unit/test_csv \
	tests/unit/test_expected \
	tests/unit/test_files \
	tests/unit/test_float_text \
	tests/unit/test_headers \
	tests/unit/test_find_ledger \
	tests/unit/test_line \
	tests/unit/test_hold \
	tests/unit/test_say \
	tests/unit/test_models \
	tests/unit/test_process \
	tests/unit/test_pull_answer \
	tests/unit/test_pull_choose \
	tests/unit/test_pull_listing \
	tests/unit/test_pull_name \
	tests/unit/test_pull_near \
	tests/unit/test_pull_part \
	tests/unit/test_pull_progress \
	tests/unit/test_pull_store \
	tests/unit/test_pull_url \
	tests/unit/test_recent \
	tests/unit/test_routes \
	tests/unit/test_settle \
	tests/unit/test_signals \
	tests/unit/test_snapshot \
	tests/unit/test_upstream
PLACE = tests/unit/gateway_help.c tests/unit/gateway_help.h
CAPTURE = tests/unit/capture.c tests/unit/capture.h
tests_unit_test_cascade_SOURCES = tests/unit/test_cascade.c
tests_unit_test_expected_SOURCES = tests/unit/test_expected.c
tests_unit_test_access_log_SOURCES = tests/unit/test_access_log.c
tests_unit_test_class_memo_SOURCES = tests/unit/test_class_memo.c
tests_unit_test_call_post_SOURCES = tests/unit/test_call_post.c
tests_unit_test_classified_SOURCES = tests/unit/test_classified.c
tests_unit_test_command_SOURCES = tests/unit/test_command.c $(CAPTURE)
tests_unit_test_config_SOURCES = tests/unit/test_config.c $(PLACE)
tests_unit_test_cost_SOURCES = tests/unit/test_cost.c
tests_unit_test_sampling_SOURCES = tests/unit/test_sampling.c
tests_unit_test_csv_SOURCES = tests/unit/test_csv.c
tests_unit_test_files_SOURCES = tests/unit/test_files.c $(PLACE)
tests_unit_test_float_text_SOURCES = tests/unit/test_float_text.c
tests_unit_test_headers_SOURCES = tests/unit/test_headers.c
tests_unit_test_find_ledger_SOURCES = tests/unit/test_find_ledger.c $(PLACE) \
	$(CAPTURE)
tests_unit_test_line_SOURCES = tests/unit/test_line.c
tests_unit_test_hold_SOURCES = tests/unit/test_hold.c
tests_unit_test_say_SOURCES = tests/unit/test_say.c
tests_unit_test_models_SOURCES = tests/unit/test_models.c $(PLACE) \
	tests/unit/certificates.c tests/unit/certificates.h
tests_unit_test_process_SOURCES = tests/unit/test_process.c
tests_unit_test_pull_answer_SOURCES = tests/unit/test_pull_answer.c
tests_unit_test_pull_choose_SOURCES = tests/unit/test_pull_choose.c
tests_unit_test_pull_listing_SOURCES = tests/unit/test_pull_listing.c
tests_unit_test_pull_name_SOURCES = tests/unit/test_pull_name.c
tests_unit_test_pull_near_SOURCES = tests/unit/test_pull_near.c
tests_unit_test_pull_part_SOURCES = tests/unit/test_pull_part.c $(PLACE)
tests_unit_test_pull_progress_SOURCES = tests/unit/test_pull_progress.c
tests_unit_test_pull_store_SOURCES = tests/unit/test_pull_store.c $(PLACE)
tests_unit_test_pull_url_SOURCES = tests/unit/test_pull_url.c
tests_unit_test_recent_SOURCES = tests/unit/test_recent.c
tests_unit_test_routes_SOURCES = tests/unit/test_routes.c
tests_unit_test_settle_SOURCES = tests/unit/test_settle.c $(PLACE)
tests_unit_test_signals_SOURCES = tests/unit/test_signals.c
tests_unit_test_snapshot_SOURCES = tests/unit/test_snapshot.c $(PLACE)
tests_unit_test_upstream_SOURCES = tests/unit/test_upstream.c
