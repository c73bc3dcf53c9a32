/* line.c -- what is told of a request when it is over, as JSON. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/line.h"

static void write_text(struct json_out *out, struct span name, struct span text)
{
	if (!text.ptr)
		return;
	json_out_name(out, name);
	json_out_string(out, text);
}

static void write_int(struct json_out *out, struct span name, int64_t value)
{
	json_out_name(out, name);
	json_out_int(out, value);
}

static void write_bool(struct json_out *out, struct span name, bool value)
{
	json_out_name(out, name);
	json_out_raw(out, value ? SPAN("true") : SPAN("false"));
}

static void write_money(struct json_out *out, struct span name, int64_t nano)
{
	json_out_name(out, name);
	if (nano == MONEY_UNPRICED)
		json_out_raw(out, SPAN("null"));
	else
		json_out_int(out, nano);
}

static void write_ms(struct json_out *out, struct span name, int64_t ns)
{
	if (ns < 0)
		return;
	json_out_name(out, name);
	json_out_decimal(out, ns / 1000, 3);
}

static void write_usage(const struct line *line, struct json_out *out)
{
	write_int(out, SPAN("input_tokens"), line->input_tokens);
	write_int(out, SPAN("cached_tokens"), line->cached_tokens);
	write_int(out, SPAN("output_tokens"), line->output_tokens);
	write_bool(out, SPAN("estimated"), line->is_estimated);
	write_money(out, SPAN("cost_nano_usd"), line->cost_nano);
	write_money(out, SPAN("baseline_nano_usd"), line->baseline_nano);
	write_money(out, SPAN("saved_nano_usd"), line->saved_nano);
}

static void write_texts(
    struct json_out *out, struct span name, const struct span *texts, size_t n)
{
	json_out_name(out, name);
	json_out_open(out, '[');
	for (size_t i = 0; i < n; i++) {
		json_out_next(out);
		json_out_string(out, texts[i]);
	}
	json_out_close(out, ']');
}

static void write_story(const struct line_story *story, struct json_out *out)
{
	const struct router_features *features = &story->features;

	json_out_name(out, SPAN("features"));
	json_out_open(out, '{');
	write_int(out, SPAN("tokens"), features->tokens);
	write_text(
	    out, SPAN("task"), span_of(router_task_name(features->task)));
	write_text(out, SPAN("language"), span_of(features->language));
	write_int(out, SPAN("turns"), features->turns);
	json_out_name(out, SPAN("difficulty"));
	json_out_decimal(out, (int64_t)(features->difficulty * 1000), 3);
	json_out_close(out, '}');
	write_texts(out, SPAN("reasons"), story->reasons, story->n_reasons);
	json_out_name(out, SPAN("candidates"));
	json_out_open(out, '[');
	for (size_t i = 0; i < story->n_candidates; i++) {
		json_out_next(out);
		json_out_open(out, '{');
		write_text(out, SPAN("model"), story->candidates[i]);
		write_text(out, SPAN("reason"), story->verdicts[i]);
		json_out_close(out, '}');
	}
	json_out_close(out, ']');
}

static void write_hold(const struct line *line, struct json_out *out)
{
	if (!line->held.ptr)
		return;
	write_text(out, SPAN("held_model"), line->held);
	write_text(out, SPAN("escalated"), line->escalated);
	if (line->confidence >= 0) {
		json_out_name(out, SPAN("confidence"));
		json_out_decimal(out, (int64_t)(line->confidence * 1000), 3);
	}
	write_ms(out, SPAN("held_ms"), line->held_ns);
}

void line_write_json(const struct line *line, const struct line_story *story,
    struct json_out *out)
{
	char time[CLOCK_TEXT_MAX];

	clock_format_utc(line->utc_ns, time);
	json_out_open(out, '{');
	write_text(out, SPAN("ts"), span_of(time));
	write_text(out, SPAN("request_id"), line->id);
	write_text(out, SPAN("peer"), line->peer);
	write_text(out, SPAN("key"), line->key);
	write_text(out, SPAN("method"), line->method);
	write_text(out, SPAN("path"), line->path);
	write_int(out, SPAN("status"), line->status);
	write_text(out, SPAN("model"), line->model);
	write_text(out, SPAN("rule"), line->rule);
	write_text(out, SPAN("task"), line->task);
	write_text(out, SPAN("cache"), line->cache);
	write_text(out, SPAN("outcome"), line->outcome);
	write_bool(out, SPAN("stream"), line->stream);
	if (!story)
		write_int(out, SPAN("attempts"), line->attempts);
	write_usage(line, out);
	write_ms(out, SPAN("ms"), line->duration_ns);
	write_ms(out, SPAN("first_token_ms"), line->first_token_ns);
	write_ms(out, SPAN("upstream_ms"), line->upstream_ns);
	write_hold(line, out);
	if (line->is_masked) {
		json_out_name(out, SPAN("mean_removed"));
		json_out_decimal(out, (int64_t)(line->removed * 1000 + 0.5), 3);
	}
	if (story && story->is_decided)
		write_story(story, out);
	json_out_close(out, '}');
}
