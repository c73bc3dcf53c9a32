/* source.c -- where an attempt's answer comes from. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/source.h"

#include "gateway/relay.h"

/* --- an upstream's call ----------------------------------------------------
 */

static void on_sent(struct call *call, void *arg)
{
	(void)call;
	(void)arg;
}

static void on_head(struct call *call, const struct http1_head *head, void *arg)
{
	(void)call;
	relay_take_head(arg, &(struct relay_head){
				 .status = head->status,
				 .headers = head->headers,
				 .n_headers = head->n_headers,
				 .length = head->framing == HTTP1_LENGTH
					       ? (int64_t)head->content_length
					       : -1,
			     });
}

static void on_data(struct call *call, struct span bytes, void *arg)
{
	(void)call;
	relay_take_data(arg, bytes);
}

static void on_done(struct call *call, void *arg)
{
	struct request *request = arg;

	(void)call;
	request->attempt.call = NULL;
	relay_take_done(request);
}

static enum attempt_failure kind_of(enum call_failure failure)
{
	switch (failure) {
	case CALL_NO_NAME:
	case CALL_NO_CONNECTION:
	case CALL_TLS:
		return ATTEMPT_AWAY;
	case CALL_FIRST_BYTE_TIMEOUT:
	case CALL_SILENCE_TIMEOUT:
	case CALL_TOTAL_TIMEOUT:
		return ATTEMPT_LATE;
	case CALL_CLOSED:
	case CALL_ILL_FORMED:
		return ATTEMPT_BROKEN;
	}
	return ATTEMPT_BROKEN;
}

static void on_failed(
    struct call *call, enum call_failure failure, const char *detail, void *arg)
{
	struct request *request = arg;

	(void)call;
	request->attempt.call = NULL;
	relay_take_failure(
	    request, kind_of(failure), call_failure_name(failure), detail);
}

const struct call_handler source_call_handler = {
    .on_sent = on_sent,
    .on_head = on_head,
    .on_data = on_data,
    .on_done = on_done,
    .on_failed = on_failed,
};

/* --- a model in this process ------------------------------------------------
 */

static void on_local_head(
    void *arg, int status, const struct http1_header *headers, size_t n)
{
	relay_take_head(arg, &(struct relay_head){
				 .status = status,
				 .headers = headers,
				 .n_headers = n,
				 .length = -1,
			     });
}

static void on_local_data(void *arg, struct span bytes)
{
	relay_take_data(arg, bytes);
}

static void on_local_done(void *arg)
{
	relay_take_done(arg);
}

static void on_local_failed(
    void *arg, enum local_call_failure failure, const char *detail)
{
	bool is_unsure = failure == LOCAL_CALL_UNSURE;

	relay_take_failure(arg, is_unsure ? ATTEMPT_UNSURE : ATTEMPT_BROKEN,
	    is_unsure ? "unsure" : "engine", detail);
}

static bool may_give_up(void *arg)
{
	return relay_has_next(arg);
}

const struct local_call_handler source_local_handler = {
    .on_head = on_local_head,
    .on_data = on_local_data,
    .on_done = on_local_done,
    .on_failed = on_local_failed,
    .may_give_up = may_give_up,
};

/* --- whatever it is ---------------------------------------------------------
 */

bool source_is_there(const struct attempt *attempt)
{
	return attempt->call || attempt->local;
}

void source_pause(struct attempt *attempt)
{
	if (attempt->call)
		call_pause(attempt->call);
	else if (attempt->local)
		local_call_pause(attempt->local);
}

void source_resume(struct attempt *attempt)
{
	if (attempt->call)
		call_resume(attempt->call);
	else if (attempt->local)
		local_call_resume(attempt->local);
}

void source_let_go(struct attempt *attempt)
{
	if (attempt->call)
		call_detach(&attempt->call);
	local_call_cancel(&attempt->local);
}

void source_drop(struct attempt *attempt)
{
	if (attempt->call)
		call_cancel(&attempt->call);
	local_call_cancel(&attempt->local);
}

bool source_was_asked(const struct attempt *attempt)
{
	return attempt->status != 0 || attempt->failure > ATTEMPT_AWAY ||
	       (attempt->call && call_was_sent(attempt->call));
}
