/* apart.c -- a program in a session of its own, for its share of the time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/apart.h"

#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENABLED "/proc/sys/kernel/sched_autogroup_enabled"
#define GROUP "/proc/self/autogroup"

/* Seen from the process that stays behind. */
struct apart {
	pid_t program;
	bool reads_terminal;
};

/* Whether the terminal that standard input is has another job in front. */
static bool is_behind(void)
{
	/* Below 0 where it is no terminal, or not the session's. */
	pid_t front = tcgetpgrp(STDIN_FILENO);

	return front > 0 && front != getpgrp();
}

/* The number that the first line of <path> ends with; false without it. */
static bool read_number(const char *path, long *number)
{
	FILE *file = fopen(path, "re");
	char line[128];
	const char *last;
	bool is_there;

	if (!file)
		return false;
	is_there = fgets(line, sizeof(line), file) != NULL;
	fclose(file);
	if (!is_there)
		return false;
	last = strrchr(line, ' ');
	*number = strtol(last ? last : line, NULL, 10);
	return true;
}

static bool would_help(bool reads_input)
{
	long is_enabled, niceness;

	/* What is in no session yet has no group to tell of. */
	return read_number(ENABLED, &is_enabled) && is_enabled == 1 &&
	       !(read_number(GROUP, &niceness) && niceness > 0) &&
	       getpriority(PRIO_PROCESS, 0) <= 0 &&
	       sched_getscheduler(0) == SCHED_OTHER && getsid(0) != getpid() &&
	       !(reads_input && is_behind());
}

/* --- the program ---------------------------------------------------------- */

static void leave(pid_t behind)
{
	/* Whoever kills what was started means the program. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != behind)
		raise(SIGKILL); /* it was over before it was watched */
	(void)setsid();
}

/* --- what stays behind: all signals are blocked and taken one by one ------ */

/* Lets <number> do to this process what it does. */
static void suffer(int number)
{
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, number);
	raise(number);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	sigprocmask(SIG_BLOCK, &one, NULL);
}

/*
 * Stops the program, then this process by <number>, so that the shell sees what
 * it would have seen. The program itself cannot be stopped by <number>: nobody
 * is in its session who could continue it, so the system ignores that.
 */
static void stop(const struct apart *apart, int number)
{
	siginfo_t how = {.si_pid = 0};
	sigset_t pending;

	kill(apart->program, SIGSTOP);
	/* What was passed on before may end it instead. */
	waitid(P_PID, (id_t)apart->program, &how, WSTOPPED | WEXITED | WNOWAIT);
	if (how.si_code != CLD_STOPPED)
		return;
	suffer(number);
	/*
	 * Here somebody has continued it, which is taken in turn; or it was not
	 * stopped, in a group without a shell or with the signal ignored, as
	 * the program would not have been.
	 */
	sigpending(&pending);
	if (!sigismember(&pending, SIGCONT))
		kill(apart->program, SIGCONT);
}

/* Ends by <number>, as the program did, or with what shells make of that. */
static int end_by(int number)
{
	const struct sigaction usual = {.sa_handler = SIG_DFL};

	/* The program has left its core; that of this process says nothing. */
	prctl(PR_SET_DUMPABLE, 0);
	sigaction(number, &usual, NULL);
	suffer(number);
	return 128 + number;
}

/* True when the program is over. */
static bool is_over(const struct apart *apart, int *status)
{
	int how;

	if (waitpid(apart->program, &how, WNOHANG) != apart->program)
		return false;
	*status = WIFSIGNALED(how) ? end_by(WTERMSIG(how)) : WEXITSTATUS(how);
	return true;
}

static void pass_on(const struct apart *apart, int number)
{
	kill(apart->program, number);
	/* One that is held back in the background must get to see it. */
	kill(apart->program, SIGCONT);
}

static int stay_behind(const struct apart *apart)
{
	sigset_t all;
	int status;

	sigfillset(&all);
	/* Whoever waits at the other end of a pipe waits for the program. */
	close_range(apart->reads_terminal ? 1 : 0, UINT_MAX, 0);
	for (;;) {
		int number = sigwaitinfo(&all, NULL);

		switch (number) {
		case -1: /* being continued interrupts it */
			break;
		case SIGCHLD:
			if (is_over(apart, &status))
				return status;
			break;
		case SIGTSTP:
		case SIGTTIN:
		case SIGTTOU:
			stop(apart, number);
			break;
		case SIGCONT:
			if (apart->reads_terminal && is_behind())
				stop(apart, SIGTTIN);
			else
				kill(apart->program, SIGCONT);
			break;
		default:
			pass_on(apart, number);
		}
	}
}

bool apart_go(bool reads_input, int *status)
{
	const struct sigaction usual = {.sa_handler = SIG_DFL};
	struct apart apart;
	struct sigaction child;
	sigset_t all, mask;
	pid_t self = getpid();

	if (!would_help(reads_input))
		return true;
	apart.reads_terminal = reads_input && tcgetpgrp(STDIN_FILENO) >= 0;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	/* Who ignores it gets no status to wait for. */
	sigaction(SIGCHLD, &usual, &child);
	apart.program = fork();
	if (apart.program > 0) {
		*status = stay_behind(&apart);
		return false;
	}
	if (apart.program == 0)
		leave(self);
	sigaction(SIGCHLD, &child, NULL);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return true;
}
