#!/usr/bin/env python3
# engine_apart.py -- what computes has a session of its own, and shows nothing
# of it to who started it.
# SPDX-License-Identifier: Apache-2.0
import contextlib
import fcntl
import os
import select

from engine import *  # noqa: F403
from harness import *  # noqa: F403
from terminal import Terminal

ENABLED = "/proc/sys/kernel/sched_autogroup_enabled"
LINE = b'{"prompt": "Hello"}\n'


def why_not():
    """Why nothing goes apart here, or None."""
    try:
        with open(ENABLED, encoding="ascii") as text:
            is_enabled = int(text.read()) == 1
    except OSError:
        is_enabled = False
    if not is_enabled:
        return "this system has no autogroups"
    if os.nice(0) > 0 or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return "whoever runs this gives way to others"
    return None


WHY_NOT = why_not()


def case_apart(function):
    """A case about what happens where programs do go apart."""
    if WHY_NOT is None:
        return case(function)
    print(f"skipped: {function.__name__.replace('_', ' ')}: {WHY_NOT}")
    return function


# --- processes -----------------------------------------------------------------

def stat(pid):
    """State, parent, group and session of a process; None without one."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as text:
            words = text.read().rpartition(")")[2].split()
    except OSError:
        return None
    return words[0], int(words[1]), int(words[2]), int(words[3])


def children(pid):
    found = {int(name): stat(name) for name in os.listdir("/proc")
             if name.isdigit()}
    return [one for one, what in found.items() if what and what[1] == pid]


def program_of(started):
    """The program that the process <started> stays behind for."""
    def probe():
        return [one for one in children(started) if stat(one)
                and stat(one)[3] == one]
    return eventually(probe, f"{started} has a child that leads a session")[0]


def is_in_state(state, *pids):
    return all(stat(pid) and stat(pid)[0] == state for pid in pids)


class Ends:
    """Waits for the end of a process that is not ours."""

    def __init__(self, pid):
        self.pid = pid
        self.fd = os.pidfd_open(pid)

    def check(self):
        is_over = select.select([self.fd], [], [], 30)[0]
        os.close(self.fd)
        check(is_over, f"{self.pid} goes on: {stat(self.pid)}")


@contextlib.contextmanager
def running(place, *flags, before=None, **options):
    """`sluice generate` that has answered one line and waits for more."""
    process = subprocess.Popen(
        [SLUICE, "generate", "--model", place.model, "--max-tokens", "5",
         *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment(), preexec_fn=before,
        **options)
    try:
        answer_one(process)
        yield process
    finally:
        process.kill()
        process.wait(30)
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def answer_one(process):
    process.stdin.write(LINE)
    process.stdin.flush()
    check(select.select([process.stdout], [], [], 60)[0], "no answer")
    answer = json.loads(process.stdout.readline())
    check_equal(len(answer["ids"]), 5)


def full_pipe():
    """A pipe that takes nothing: who writes to it waits."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, b" " * fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ))
    return reader, writer


class Models(Place):  # noqa: F405
    """One that has a model that ends no text."""

    def __init__(self):
        super().__init__()
        self.model = self.checkpoint("llama", "free")
        for name in ("config.json", "generation_config.json"):
            with open(self.path("free", name), encoding="utf-8") as file:
                settings = json.load(file)
            self.write(f"free/{name}", {**settings, "eos_token_id": None})
        self.text = ask_one("generate", self.model, {"prompt": "Hello"},
                            "--max-tokens", "5")["text"].encode()

    def chat(self, **options):
        return Terminal([SLUICE, "generate", "--model", self.model,
                         "--max-tokens", "5"], **options)

    def answer_on(self, terminal):
        terminal.type(LINE)
        terminal.expect(self.text.replace(b"\n", b"\r\n") + b"\r\n")


# --- where it is -----------------------------------------------------------------

@case_apart
def what_reads_lines_and_computes_has_a_session_of_its_own(place):
    bert = place.checkpoint("bert")
    for command, model in (("generate", place.model), ("score", place.model),
                           ("embed", bert), ("classify", bert)):
        with subprocess.Popen([SLUICE, command, "--model", model],
                              stdin=subprocess.PIPE, env=environment()) as one:
            program = program_of(one.pid)
            check_equal(stat(one.pid)[3], os.getsid(0), command)
            check_equal(stat(program)[1], one.pid, command)
            one.stdin.close()
            check_equal(one.wait(60), 0, command)
        check_equal(stat(program), None, command)


@case_apart
def what_computes_without_lines_has_one_too(place):
    rows = [{"prompt": [5, 6 + i], "expected": "x"} for i in range(60)]
    data = place.write("rows.jsonl", "".join(
        json.dumps(row) + "\n" for row in rows))
    for args in (("bench", place.model, "--prompt", "4", "--tokens", "2"),
                 ("calibrate", "--model", place.model, "--data", data,
                  "--max-tokens", "1", "--rows", "/dev/stdout")):
        reader, writer = full_pipe()
        with subprocess.Popen([SLUICE, *args], stdout=writer,
                              stderr=subprocess.DEVNULL,
                              stdin=subprocess.DEVNULL,
                              env=environment()) as one:
            os.close(writer)
            check_equal(stat(program_of(one.pid))[1], one.pid, args)
            with open(reader, "rb") as text:
                text.read()
            one.wait(60)


@case
def who_gives_way_stays_where_it_is(place):
    with running(place, before=lambda: os.nice(5)) as process:
        check_equal(children(process.pid), [])
        check_equal(stat(process.pid)[3], os.getsid(0))


@case
def who_leads_a_session_stays_in_it(place):
    with running(place, start_new_session=True) as process:
        check_equal(children(process.pid), [])
        check_equal(stat(process.pid)[3], process.pid)


# --- how it ends -----------------------------------------------------------------

@case
def status_and_messages_are_the_same_apart(place):
    def run(args, text, **options):
        done = subprocess.run([SLUICE, *args], input=text, capture_output=True,
                              timeout=60, env=environment(), **options)
        return done.returncode, done.stdout, done.stderr

    generate = ("generate", "--max-tokens", "5", "--model")
    for args, text, status in (
            ((*generate, place.model), LINE + LINE, 0),
            ((*generate, place.model), LINE + b"{]\n" + LINE, 1),
            ((*generate, place.path("none")), LINE, 1),
            (("generate", "--help"), b"", 0),
            (("bench",), b"", 2), (("embed", "--bogus"), b"", 2)):
        apart = run(args, text)
        check_equal(apart[0], status, args)
        check_equal(apart, run(args, text, start_new_session=True), args)


@case_apart
def signals_reach_the_program_and_end_both(place):
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM,
                   signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM):
        with running(place) as process:
            program = Ends(program_of(process.pid))
            process.send_signal(number)
            check_equal(process.wait(30), -number)
            program.check()


@case_apart
def a_signal_that_is_ignored_ends_nothing(place):
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    with running(place, before=ignore) as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGWINCH)
        answer_one(process)
        process.stdin.close()
        check_equal(process.wait(60), 0)


@case_apart
def kill_9_leaves_nothing_running(place):
    for is_stopped in (False, True):
        with running(place) as process:
            program = Ends(program_of(process.pid))
            if is_stopped:
                process.send_signal(signal.SIGTSTP)
                eventually(lambda: is_in_state("T", program.pid, process.pid),
                           "both are stopped")
            process.kill()
            check_equal(process.wait(30), -signal.SIGKILL)
            program.check()


@case_apart
def a_program_that_is_killed_is_seen_as_killed(place):
    with running(place) as process:
        os.kill(program_of(process.pid), signal.SIGKILL)
        check_equal(process.wait(30), -signal.SIGKILL)


@case
def a_reader_that_is_gone_ends_it_as_ever(place):
    ends = []
    for is_leader in (False, True):
        with running(place, start_new_session=is_leader) as process:
            process.stdout.close()
            process.stdin.write(LINE)
            process.stdin.flush()
            ends.append((process.wait(30), process.stderr.read()))
    check_equal(ends[0], ends[1])
    check_equal(ends[0][0], -signal.SIGPIPE)


@case_apart
def the_end_of_the_output_is_the_programs(place):
    # What was started cannot end here, and holds no end of the pipe.
    with running(place) as process:
        program = program_of(process.pid)
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: is_in_state("T", process.pid), "it is stopped")
        os.kill(program, signal.SIGKILL)
        for output in (process.stdout, process.stderr):
            check(select.select([output], [], [], 30)[0], "no end is seen")
            check_equal(output.read(), b"")
        check_equal(process.poll(), None)
        process.send_signal(signal.SIGCONT)
        check_equal(process.wait(30), -signal.SIGKILL)


# --- as a job on a terminal --------------------------------------------------------

@case
def ctrl_c_ends_a_chat_as_ever(place):
    ends = []
    for prefix in ([], [shutil.which("nice"), "-n", "1"]):
        terminal = Terminal([*prefix, SLUICE, "generate", "--model",
                             place.model, "--max-tokens", "5"])
        place.answer_on(terminal)
        if not prefix and WHY_NOT is None:
            program_of(terminal.job)
        terminal.type(b"\x03")
        ends.append((terminal.change(), terminal.rest()))
        terminal.close()
    check_equal(ends[0], ends[1])
    check_equal(ends[0][0], ("ended by", signal.SIGINT))


@case
def ctrl_z_stops_a_chat_and_fg_goes_on_with_it(place):
    terminal = place.chat()
    place.answer_on(terminal)
    parts = [terminal.job]
    if WHY_NOT is None:
        parts.append(program_of(terminal.job))
    for _ in range(3):
        terminal.type(b"\x1a")
        check_equal(terminal.change(), ("stopped", signal.SIGTSTP))
        eventually(lambda: is_in_state("T", *parts), "all of it is stopped")
        terminal.go_on(in_front=True)
        place.answer_on(terminal)
    terminal.type(b"\x04")
    check_equal(terminal.change(), ("exited", 0))
    terminal.close()


@case
def in_the_background_it_takes_nothing_that_is_typed(place):
    for is_born_there in (True, False):
        terminal = place.chat(in_front=not is_born_there)
        if not is_born_there:
            place.answer_on(terminal)
            terminal.type(b"\x1a")
            check_equal(terminal.change(), ("stopped", signal.SIGTSTP))
            terminal.go_on(in_front=False)
        check_equal(terminal.change(), ("stopped", signal.SIGTTIN))
        parts = [terminal.job, *children(terminal.job)]
        eventually(lambda: is_in_state("T", *parts), "all of it is stopped")
        terminal.go_on(in_front=True)
        place.answer_on(terminal)
        terminal.type(b"\x04")
        check_equal(terminal.change(), ("exited", 0))
        terminal.close()


@case
def what_waits_in_the_background_can_be_ended(place):
    terminal = place.chat()
    place.answer_on(terminal)
    terminal.type(b"\x1a")
    check_equal(terminal.change(), ("stopped", signal.SIGTSTP))
    # As `kill %1` does.
    os.killpg(terminal.job, signal.SIGTERM)
    terminal.go_on(in_front=False)
    check_equal(terminal.change(), ("ended by", signal.SIGTERM))
    terminal.close()


@case
def what_reads_nothing_goes_on_in_the_background(place):
    reader, writer = full_pipe()
    terminal = Terminal([SLUICE, "bench", place.model, "--prompt", "4",
                         "--tokens", "2"], stdout=writer)
    os.close(writer)
    if WHY_NOT is None:
        program_of(terminal.job)
    terminal.type(b"\x1a")
    check_equal(terminal.change(), ("stopped", signal.SIGTSTP))
    terminal.go_on(in_front=False)
    with open(reader, "rb") as text:
        check(b"prefill" in text.read(), "no figures")
    check_equal(terminal.change(), ("exited", 0))
    terminal.close()


@case_apart
def a_terminal_that_is_closed_ends_the_program(place):
    terminal = place.chat()
    place.answer_on(terminal)
    program = Ends(program_of(terminal.job))
    terminal.close()
    program.check()


if __name__ == "__main__":
    run_cases(Models)
