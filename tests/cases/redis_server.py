# redis_server.py -- a real redis-server for as long as a test needs it.
# SPDX-License-Identifier: Apache-2.0
"""Whoever uses it looks for the program first: shutil.which("redis-server")."""
import signal
import socket

from harness import Process, eventually, free_port


class Redis:
    """A redis-server of our own, keeping nothing on disk."""

    def __init__(self, folder, *options, port=None):
        self.folder = folder
        self.port = port or free_port()
        self.options = options
        self.process = None
        self.start()

    def start(self):
        self.process = Process("redis", [
            "redis-server", "--port", str(self.port), "--bind", "127.0.0.1",
            "--save", "", "--appendonly", "no", "--dir", self.folder,
            *self.options], self.folder)
        eventually(self.answers, "redis answers")

    def answers(self):
        try:
            return self.say("PING")[:1] in (b"+", b"-")
        except OSError:
            return False

    def say(self, *words):
        """One command; all that comes back at once."""
        text = b"".join(b"$%d\r\n%s\r\n" % (len(word), word)
                        for word in (w if isinstance(w, bytes) else w.encode()
                                     for w in words))
        with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
            sock.sendall(b"*%d\r\n" % len(words) + text)
            return sock.recv(1 << 20)

    def keys(self):
        return [line for line in self.say("KEYS", "sluice:*").split(b"\r\n")
                if line.startswith(b"sluice:")]

    def stop(self):
        self.process.signal(signal.SIGCONT)
        self.process.kill()
