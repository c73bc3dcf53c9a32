# terminal.py -- one program as the job of a shell, on a terminal of its own.
# SPDX-License-Identifier: Apache-2.0
import os
import pty
import select
import signal
import time

from checks import Failed
from programs import environment

TIMEOUT = 60


def _place(job, in_front):
    """A group of its own, as shell and job each see to before they go on."""
    try:
        os.setpgid(job, job)
    except PermissionError:
        pass  # it has done so itself, and runs its program
    if in_front:
        os.tcsetpgrp(0, job)


def _run_job(args, in_front, stdout):
    _place(os.getpid(), in_front)
    for number in (signal.SIGTTOU, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    if stdout is not None:
        os.dup2(stdout, 1)
    os.execve(args[0], args, environment())


def _be_shell(job, commands, reports):
    """Tells each change of the job; continues it as it is told."""
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        os.tcsetpgrp(0, os.getpgrp())
        os.write(reports, f"{status}\n".encode())
        if not os.WIFSTOPPED(status):
            return
        command = os.read(commands, 1)
        if not command:
            return
        if command == b"f":
            os.tcsetpgrp(0, job)
        os.killpg(job, signal.SIGCONT)


class Terminal:
    """A terminal, a shell that leads its session, and the shell's one job."""

    def __init__(self, args, in_front=True, stdout=None):
        commands, self.commands = os.pipe()
        self.reports, reports = os.pipe()
        self.seen = b""
        self.shell, self.fd = pty.fork()
        if self.shell == 0:
            try:
                os.close(self.commands)
                os.close(self.reports)
                # What takes the terminal back is not in front.
                signal.signal(signal.SIGTTOU, signal.SIG_IGN)
                job = os.fork()
                if job == 0:
                    _run_job(args, in_front, stdout)
                if stdout is not None:
                    os.close(stdout)
                _place(job, in_front)
                os.write(reports, f"{job}\n".encode())
                _be_shell(job, commands, reports)
            finally:
                os._exit(0)
        os.close(commands)
        os.close(reports)
        self.job = self._report()

    def _read(self, fd, what):
        if not select.select([fd], [], [], TIMEOUT)[0]:
            raise Failed(f"not within {TIMEOUT} s: {what}; "
                         f"the terminal shows {self.seen!r}")
        return os.read(fd, 4096)

    def _report(self):
        line = b""
        while not line.endswith(b"\n"):
            piece = self._read(self.reports, "the shell tells something")
            if not piece:
                raise Failed("the shell is gone")
            line += piece
        return int(line)

    def type(self, text):
        os.write(self.fd, text)

    def expect(self, text):
        """Reads until the terminal shows <text>, which is dropped."""
        deadline = time.monotonic() + TIMEOUT
        while text not in self.seen and time.monotonic() < deadline:
            self.seen += self._read(self.fd, text)
        self.seen = self.seen.split(text, 1)[1]

    def rest(self):
        """All that is shown to the end of the session."""
        try:
            while True:
                piece = self._read(self.fd, "the end")
                if not piece:
                    break
                self.seen += piece
        except OSError:
            pass  # how a terminal ends
        return self.seen

    def change(self):
        """What becomes of the job: ("stopped" or "ended by", signal), or
        ("exited", status)."""
        status = self._report()
        if os.WIFSTOPPED(status):
            return "stopped", os.WSTOPSIG(status)
        if os.WIFSIGNALED(status):
            return "ended by", os.WTERMSIG(status)
        return "exited", os.WEXITSTATUS(status)

    def go_on(self, in_front):
        """What fg and bg do."""
        os.write(self.commands, b"f" if in_front else b"b")

    def close(self):
        """The window is closed."""
        for fd in (self.fd, self.commands, self.reports):
            os.close(fd)
        os.waitpid(self.shell, 0)
