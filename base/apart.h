/* apart.h -- a program in a session of its own, for its share of the time. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_APART_H
#define BASE_APART_H

#include <stdbool.h>

#include "base/error.h"

/*
 * Linux may schedule by autogroups, a group for each session: processors are
 * shared between the groups first, and between the threads of a group then
 * (source: sched(7), "The autogroup feature"; setsid(2) makes a group). A
 * terminal is one session: two threads that compute beside four busy loops of
 * the same terminal get a third of the time, and half of it in a session of
 * their own.
 *
 * In a new session Ctrl-C, Ctrl-Z and the shell's job control reach nobody. So
 * the program becomes a child of what was started. That one stays where it was:
 * it passes each signal on, is stopped and continued with the program, and ends
 * as the program ends. SIGKILL, which nobody can take, ends both. SIGSTOP,
 * which nobody can take either, stops only the one it is sent to; and what else
 * is done to a process by its number (a look at its memory, a renice) concerns
 * that process alone.
 *
 * Nothing is done where it would not help: without autogroups, in a session's
 * leader (a service, or what setsid started), and where somebody asked to give
 * way (a niceness above 0 of the process or its group, another scheduling
 * policy), since a niceness counts only beside the same session's. Where
 * cgroups share the processors, as they do between services and containers,
 * sessions are of no account; there it neither helps nor harms.
 */

/*
 * Goes on as the program, in a session of its own where that helps; to be
 * called before there is any thread. True in the program, wherever it is now:
 * what fails leaves it where it was. False in the process that stays behind,
 * once the program is over, with the exit <status> to end with, its standard
 * input and output closed; where a signal ended the program, that ends this
 * process here.
 *
 * <reads_input>: the program reads standard input. Where that is the terminal,
 * it must not take what is typed for the job in front: started in the
 * background it stays in its session, and sent there it is stopped at once
 * (SIGTTIN) instead of when it reads, which cannot be seen from outside.
 */
bool apart_go(bool reads_input, int *status) must_check;

#endif
