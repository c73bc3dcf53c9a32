/* access_log.h -- one JSON line a request on standard output. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_ACCESS_LOG_H
#define GATEWAY_ACCESS_LOG_H

#include "net/net.h"

/*
 * Lines are gathered and written when a turn leaves 32 KiB of them or 100 ms
 * have passed, with as few system calls as that needs. A reader that does not
 * keep up loses lines, never the gateway its time: what cannot be written at
 * once beyond 1 MiB is dropped and counted. Never a prompt or a key in it.
 */
struct access_log;

/* What a line says; NULL texts are left out, money may be unpriced. */
struct access_line {
	int64_t utc_ns;
	const char *id;
	const char *peer;
	const char *key;
	const char *method;
	struct span path;
	int status;
	const char *model;
	const char *rule;
	const char *cache;
	const char *outcome;
	bool stream;
	unsigned attempts;
	int64_t input_tokens, cached_tokens, output_tokens;
	bool is_estimated;
	int64_t cost_nano, baseline_nano, saved_nano;
	int64_t duration_ns;
	int64_t first_token_ns; /* -1: none */
	int64_t upstream_ns;    /* of the last attempt; -1: none */
};

struct access_log *access_log_new(struct loop *loop, int fd);
void access_log_free(struct access_log **log);
void access_log_write(struct access_log *log, const struct access_line *line);

/* The line as JSON, without a newline: also the admin API's view of it. */
bool access_line_write_json(const struct access_line *line, struct buf *out);

#endif
