/* ready.c -- whether requests can be answered, and how local models stand. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ready.h"

static bool write_load(const struct local_model *model, struct buf *out)
{
	struct lane_stats stats;

	local_model_stats(model, &stats);
	return buf_printf(out,
	    ", \"waiting\": %u, \"running\": %u, \"kv_used_bytes\": %llu, "
	    "\"kv_max_bytes\": %llu, \"prompt_tokens\": %llu, "
	    "\"output_tokens\": %llu, \"busy_seconds\": %.3f",
	    stats.waiting, stats.running,
	    (unsigned long long)stats.kv_used_bytes,
	    (unsigned long long)stats.kv_max_bytes,
	    (unsigned long long)stats.prompt_tokens,
	    (unsigned long long)stats.output_tokens,
	    (double)stats.busy_ns / (double)NS_PER_S);
}

static bool write_detail(const struct local_model *model, struct buf *out)
{
	enum local_state state = local_model_state(model);
	int64_t loading_ns;
	const char *stage = local_model_stage(model, &loading_ns);
	struct error why;
	bool ok = buf_printf(out, ", \"loading_seconds\": %.3f",
	    (double)loading_ns / (double)NS_PER_S);

	if (state == LOCAL_LOADING)
		ok = ok && buf_printf(out, ", \"stage\": \"%s\"", stage);
	local_model_error(model, &why);
	if (why.text[0])
		ok = ok && buf_append(out, SPAN(", \"error\": ")) &&
		     json_write_string(out, span_of(why.text));
	if (state == LOCAL_READY)
		ok = ok && write_load(model, out);
	return ok;
}

static bool write_local(const char *name, const struct local_model *model,
    bool for_anybody, struct buf *out)
{
	return buf_append(out, SPAN("{\"model\": ")) &&
	       json_write_string(out, span_of(name)) &&
	       buf_printf(out, ", \"state\": \"%s\"",
		   local_state_name(local_model_state(model))) &&
	       (for_anybody || write_detail(model, out)) &&
	       buf_append(out, SPAN("}"));
}

bool ready_write_locals(
    const struct snapshot *snapshot, bool for_anybody, struct buf *out)
{
	const struct config *config = snapshot->config;
	bool is_first = true;
	bool ok = true;

	for (size_t i = 0; ok && i < config->n_models; i++) {
		if (!snapshot->locals[i])
			continue;
		ok = buf_append(
			 out, is_first ? SPAN(", \"local\": [") : SPAN(", ")) &&
		     write_local(config->models[i].name, snapshot->locals[i],
			 for_anybody, out);
		is_first = false;
	}
	return ok && (is_first || buf_append(out, SPAN("]")));
}

/* "ok" when any model that serves an endpoint may be asked. */
static const char *find_status(const struct snapshot *snapshot)
{
	const struct config *config = snapshot->config;
	const char *status = config->n_models > 0 ? "failed" : "ok";

	for (size_t i = 0; i < config->n_models; i++) {
		const struct local_model *model = snapshot->locals[i];

		if (config->models[i].capabilities == 0)
			continue;
		if (!model || local_model_state(model) == LOCAL_READY)
			return "ok";
		if (local_model_state(model) == LOCAL_LOADING)
			status = "loading";
	}
	return status;
}

int ready_write(const struct snapshot *snapshot, bool is_draining,
    bool for_anybody, struct buf *out)
{
	const char *status = is_draining ? "draining" : find_status(snapshot);

	if (!buf_printf(out, "{\"status\": \"%s\"", status) ||
	    !ready_write_locals(snapshot, for_anybody, out) ||
	    !buf_append(out, SPAN("}\n")))
		buf_consume(out, SIZE_MAX);
	return strcmp(status, "ok") ? 503 : 200;
}
