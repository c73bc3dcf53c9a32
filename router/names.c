/* names.c -- the words for tasks, capabilities and verdicts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "router/router.h"

#include <assert.h>

const char *router_task_name(enum router_task task)
{
	static const char *const names[TASK_COUNT] = {
	    [TASK_CODE] = "code",
	    [TASK_MATHEMATICS] = "mathematics",
	    [TASK_EXTRACTION] = "extraction",
	    [TASK_SUMMARISING] = "summarising",
	    [TASK_TRANSLATION] = "translation",
	    [TASK_CLASSIFICATION] = "classification",
	    [TASK_QUESTION] = "question",
	    [TASK_CHAT] = "chat",
	    [TASK_CREATIVE] = "creative",
	};

	assert(task < TASK_COUNT);
	return names[task];
}

unsigned router_capability(struct span name)
{
	static const struct {
		const char *name;
		unsigned bit;
	} capabilities[] = {
	    {"chat", CAN_CHAT},
	    {"completions", CAN_COMPLETIONS},
	    {"embeddings", CAN_EMBEDDINGS},
	    {"tools", CAN_TOOLS},
	    {"json", CAN_JSON},
	    {"vision", CAN_VISION},
	    {"audio", CAN_AUDIO},
	};

	for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]);
	     i++) {
		if (span_eq(name, span_of(capabilities[i].name)))
			return capabilities[i].bit;
	}
	return 0;
}

const char *router_verdict_name(enum router_verdict verdict)
{
	switch (verdict) {
	case MODEL_IN:
		return "in";
	case MODEL_NOT_ALLOWED:
		return "not_allowed";
	case MODEL_NO_ENDPOINT:
		return "no_endpoint";
	case MODEL_NO_TOOLS:
		return "no_tools";
	case MODEL_NO_JSON:
		return "no_json";
	case MODEL_NO_VISION:
		return "no_vision";
	case MODEL_NO_AUDIO:
		return "no_audio";
	case MODEL_CONTEXT:
		return "context";
	}
	assert(0 && "a verdict without a name");
	return "in";
}
