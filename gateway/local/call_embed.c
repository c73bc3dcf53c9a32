/* call_embed.c -- a local call whose answer is vectors. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/call_parts.h"

static void on_data(void *arg, struct span bytes)
{
	struct local_call *call = arg;

	call_give(call, bytes);
}

static void on_done(void *arg)
{
	struct local_call *call = arg;

	call->was_told = true;
	call->options.handler->on_done(call->options.arg);
}

static void on_refused(void *arg, const struct dialect_error *error)
{
	call_refuse(arg, 400, error, 0);
}

static void on_not_taken(
    void *arg, const struct job_offer *offer, const struct error *err)
{
	call_refuse_job(arg, offer, err);
}

static void on_failed(void *arg, enum job_end end, const char *detail)
{
	struct local_call *call = arg;

	if (end == JOB_LATE && !call->has_head)
		call_refuse_late(call);
	else
		call_fail(call, LOCAL_CALL_FAILED, detail);
}

static const struct embed_handler handler = {
    .on_data = on_data,
    .on_done = on_done,
    .on_refused = on_refused,
    .on_not_taken = on_not_taken,
    .on_failed = on_failed,
};

void call_start_embed(struct local_call *call, struct embed_input *input)
{
	call->embed =
	    embed_new(call->loop, &(struct embed_options){
				      .model = call->options.model,
				      .name = call->options.config->name,
				      .input = input,
				      .tenant = call->options.tenant,
				      .priority = call->options.priority,
				      .handler = &handler,
				      .arg = call,
				  });
	embed_start(call->embed);
}

void call_open_embed(struct local_call *call)
{
	const struct dialect_request *request = call->options.request;
	struct embed_input *input;

	if (embed_input_is_long(request, CALL_READ_HERE)) {
		if (!call_read_apart(call))
			call_refuse_late(call);
		return;
	}
	input = embed_input_new(&(struct embed_source){
	    .request = request,
	    .parts = call->parts,
	    .name = call->options.config->name,
	});
	/* Who refuses says so in the input. */
	(void)!embed_input_begin(input);
	call_start_embed(call, input);
}
