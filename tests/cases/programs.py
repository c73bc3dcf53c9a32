# programs.py -- ports of our own, and programs that run on them.
# SPDX-License-Identifier: Apache-2.0
import fcntl
import os
import random
import re
import signal
import socket
import subprocess
import tempfile
import urllib.request

from checks import SLUICE

_held = []  # locks of the ports that are ours until we end


def free_port():
    """A port that no other test takes, and no outgoing connection."""
    folder = os.path.join(tempfile.gettempdir(), "sluice-test-ports")
    os.makedirs(folder, exist_ok=True)
    while True:
        port = random.randrange(20000, 32768)
        lock = open(os.path.join(folder, str(port)), "wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as sock:
                sock.bind(("127.0.0.1", port))
        except OSError:
            lock.close()
            continue
        _held.append(lock)
        return port


class DeadPort:
    """A port that refuses connections for as long as this lives."""

    def __init__(self):
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]

    def close(self):
        self.sock.close()


def environment(**more):
    """What our programs are started with: nothing that changes answers."""
    kept = {name: value for name, value in os.environ.items()
            if not name.lower().endswith("_proxy")}
    kept.setdefault("ASAN_OPTIONS",
                    "abort_on_error=0:exitcode=99:detect_leaks=1")
    kept.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    kept.update(more)
    return kept


def sluice(*args, text=b"", env=None, timeout=60):
    """Runs one command to its end."""
    return subprocess.run([SLUICE, *args], input=text, capture_output=True,
                          timeout=timeout, env=environment(**(env or {})))


class Process:
    """A program in the background; its output goes to files."""

    def __init__(self, name, args, folder, env=None, **options):
        self.name = name
        self.out_path = os.path.join(folder, f"{name}.out")
        self.err_path = os.path.join(folder, f"{name}.err")
        with open(self.out_path, "ab") as out, \
                open(self.err_path, "ab") as err:
            self.process = subprocess.Popen(
                args, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env=environment(**(env or {})), cwd=folder, **options)
        self.pid = self.process.pid

    def out(self):
        with open(self.out_path, "rb") as text:
            return text.read()

    def err(self):
        with open(self.err_path, "rb") as text:
            return text.read()

    def is_running(self):
        return self.process.poll() is None

    def signal(self, number):
        if self.is_running():
            self.process.send_signal(number)

    def kill(self):
        """kill -9, and waits."""
        self.signal(signal.SIGKILL)
        self.process.wait(30)

    def wait(self, timeout=40):
        return self.process.wait(timeout)

    def stop(self, timeout=40):
        """SIGTERM; what is wrong with its end, or None."""
        self.signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return f"{self.name} did not stop in {timeout} s"
        return self.judge(status)

    def judge(self, status):
        text = self.err().decode("utf-8", "replace")
        for mark in ("ERROR: AddressSanitizer", "runtime error:",
                     "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer"):
            if mark in text:
                at = text.index(mark)
                return f"{self.name}: {text[at:at + 3000]}"
        if status != 0:
            return f"{self.name} ended with {status}: {text[-800:]}"
        return None

    def rss_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0


def memory_factor(process):
    """How much more memory a build with sanitizers may take."""
    with open(f"/proc/{process.pid}/maps", encoding="utf-8") as lines:
        return 4 if re.search(r"lib[at]san", lines.read()) else 1


def get(port, path, timeout=10):
    """The body of a simple GET; an HTTP error raises."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{path}",
                     timeout=timeout) as answer:
        return answer.read()
