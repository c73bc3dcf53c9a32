/* test_apart.c -- where a program goes apart, and how both parts end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/apart.h"

/* Exit statuses of what is tried. */
enum {
	IS_APART = 40,
	STAYS,
	IS_WRONG,
	CANNOT,
};

/* Where a program is that was started as process <started>. */
static int place_of(pid_t started)
{
	if (getpid() == started)
		return STAYS;
	return getppid() == started && getsid(0) == getpid() &&
		       getsid(started) != getpid()
		   ? IS_APART
		   : IS_WRONG;
}

/*
 * Starts a process that prepares itself and goes apart; how it ended, as
 * waitpid tells. <prepare> may be NULL; <program> gets the number of what was
 * started and returns an exit status.
 */
static int try(bool (*prepare)(void), int (*program)(pid_t started))
{
	pid_t started = fork();
	int status;

	assert_true(started >= 0);
	if (started > 0) {
		assert_int_equal(waitpid(started, &status, 0), started);
		return status;
	}
	started = getpid();
	if (prepare && !prepare())
		_exit(CANNOT);
	if (!apart_go(false, &status))
		_exit(status);
	_exit(program(started));
}

/* Skips a test that needs what apart.h says that going apart needs. */
static void need_apart(void)
{
	FILE *file = fopen("/proc/sys/kernel/sched_autogroup_enabled", "re");
	bool is_enabled = file && fgetc(file) == '1';

	if (file)
		fclose(file);
	if (is_enabled && getpriority(PRIO_PROCESS, 0) <= 0 &&
	    sched_getscheduler(0) == SCHED_OTHER)
		return;
	print_message("no autogroups here, or who runs this gives way\n");
	skip();
}

static void assert_stays(bool (*prepare)(void))
{
	int status = try(prepare, place_of);

	if (WEXITSTATUS(status) == CANNOT)
		skip();
	assert_int_equal(WEXITSTATUS(status), STAYS);
}

static void goes_on_in_a_session_of_its_own(void **state)
{
	(void)state;
	need_apart();
	assert_int_equal(WEXITSTATUS(try(NULL, place_of)), IS_APART);
}

/* --- where it stays ------------------------------------------------------- */

static bool be_nice(void)
{
	return setpriority(PRIO_PROCESS, 0, 19) == 0;
}

static bool be_batch(void)
{
	const struct sched_param param = {0};

	return sched_setscheduler(0, SCHED_BATCH, &param) == 0;
}

static bool lead(void)
{
	return setsid() == getpid();
}

/* In a session that was made for it, and as its second process. */
static bool be_in_a_nice_group(void)
{
	FILE *file;
	pid_t second;
	int status;

	if (!lead() || !(file = fopen("/proc/self/autogroup", "w")))
		return false;
	fputs("5", file);
	if (fclose(file) != 0)
		return false;
	second = fork();
	if (second == 0)
		return true;
	_exit(second > 0 && waitpid(second, &status, 0) == second
		  ? WEXITSTATUS(status)
		  : CANNOT);
}

/* Its number is not what <try> knows; that it is no leader says the same. */
static int second_of(pid_t started)
{
	(void)started;
	return getsid(0) == getpid() ? IS_APART : STAYS;
}

static void stays_where_a_niceness_gives_way(void **state)
{
	(void)state;
	assert_stays(be_nice);
}

static void stays_where_its_group_gives_way(void **state)
{
	int status = try(be_in_a_nice_group, second_of);

	(void)state;
	if (WEXITSTATUS(status) == CANNOT)
		skip();
	assert_int_equal(WEXITSTATUS(status), STAYS);
}

static void stays_with_another_policy(void **state)
{
	(void)state;
	assert_stays(be_batch);
}

static void stays_in_a_session_that_it_leads(void **state)
{
	(void)state;
	assert_stays(lead);
}

/* --- how it ends ---------------------------------------------------------- */

static int exit_with_7(pid_t started)
{
	(void)started;
	return 7;
}

static int die_of_quit(pid_t started)
{
	(void)started;
	raise(SIGQUIT);
	return IS_WRONG;
}

static int terminate_what_was_started(pid_t started)
{
	kill(started, SIGTERM);
	pause();
	return IS_WRONG;
}

static int kill_what_was_started(pid_t started)
{
	kill(started, SIGKILL);
	pause();
	return IS_WRONG;
}

static void ends_with_the_programs_status(void **state)
{
	int status = try(NULL, exit_with_7);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void ends_by_the_programs_signal_without_a_core(void **state)
{
	const struct rlimit none = {0, 0};
	int status;

	(void)state;
	need_apart();
	/* The program leaves none either, in a folder of tests. */
	setrlimit(RLIMIT_CORE, &none);
	status = try(NULL, die_of_quit);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGQUIT);
	assert_false(WCOREDUMP(status));
}

static void passes_a_signal_on_and_ends_by_it(void **state)
{
	int status = try(NULL, terminate_what_was_started);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

/* The reading end says when nobody has the writing end any more. */
static void takes_the_program_along_when_killed(void **state)
{
	int ends[2], status;
	char byte;

	(void)state;
	need_apart();
	assert_int_equal(pipe(ends), 0);
	status = try(NULL, kill_what_was_started);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
}

/* --- what the program finds ----------------------------------------------- */

static bool ignore_and_block(void)
{
	const struct sigaction ignored = {.sa_handler = SIG_IGN};
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, SIGUSR2);
	return sigaction(SIGCHLD, &ignored, NULL) == 0 &&
	       sigprocmask(SIG_SETMASK, &one, NULL) == 0;
}

static int has_kept_its_signals(pid_t started)
{
	struct sigaction child;
	sigset_t mask;
	bool is_kept = sigaction(SIGCHLD, NULL, &child) == 0 &&
		       child.sa_handler == SIG_IGN &&
		       sigprocmask(SIG_SETMASK, NULL, &mask) == 0;

	(void)started;
	for (int number = 1; number <= SIGTERM; number++)
		is_kept &= sigismember(&mask, number) == (number == SIGUSR2);
	return is_kept ? 7 : IS_WRONG;
}

static void keeps_its_signals_and_is_waited_for(void **state)
{
	(void)state;
	assert_int_equal(
	    WEXITSTATUS(try(ignore_and_block, has_kept_its_signals)), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(goes_on_in_a_session_of_its_own),
	    cmocka_unit_test(stays_where_a_niceness_gives_way),
	    cmocka_unit_test(stays_where_its_group_gives_way),
	    cmocka_unit_test(stays_with_another_policy),
	    cmocka_unit_test(stays_in_a_session_that_it_leads),
	    cmocka_unit_test(ends_with_the_programs_status),
	    cmocka_unit_test(ends_by_the_programs_signal_without_a_core),
	    cmocka_unit_test(passes_a_signal_on_and_ends_by_it),
	    cmocka_unit_test(takes_the_program_along_when_killed),
	    cmocka_unit_test(keeps_its_signals_and_is_waited_for),
	};

	/* A broken test would wait for ever. */
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
