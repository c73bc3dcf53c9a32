/* signals.h -- signals as events of the control loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_SIGNALS_H
#define GATEWAY_SIGNALS_H

#include "net/net.h"

/*
 * SIGHUP, SIGTERM and SIGINT are blocked in every thread and taken one by one
 * by a thread that waits for them and posts them to the loop: nothing runs in
 * a signal handler.
 */
struct signals;
typedef void signals_fn(int signal, void *arg);

/* Blocks the signals; call before any thread is started. */
void signals_block(void);

struct signals *signals_open(
    struct loop *loop, signals_fn *fn, void *arg, struct error *err) must_check;
void signals_close(struct signals **signals);

#endif
