/* access_log.h -- one JSON line a request on standard output. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_ACCESS_LOG_H
#define GATEWAY_ACCESS_LOG_H

#include "gateway/line.h"
#include "net/net.h"

/*
 * Lines are gathered and written when a turn leaves 32 KiB of them or 100 ms
 * have passed, with as few system calls as that needs. A reader that does not
 * keep up loses lines, never the gateway its time: what cannot be written at
 * once beyond 1 MiB is dropped and counted, and so is a line above 4 KiB, which
 * no names of sensible length make. Several may share <fd>: lines stay whole.
 * Never a prompt or a key in it.
 */
struct access_log;

/* <fd> stays the caller's; -1: nothing is written. */
struct access_log *access_log_new(struct loop *loop, int fd);
void access_log_free(struct access_log **log);
void access_log_write(struct access_log *log, const struct line *line);

#endif
