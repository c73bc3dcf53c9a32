# fake_provider_client.py -- starts the simulated provider and talks to it, for tests.
# SPDX-License-Identifier: Apache-2.0
"""Bytes in, bytes out, so that a test sees what no HTTP library would show it."""
import json
import os
import re
import socket
import subprocess
import time
import unittest

BINARY = os.environ.get("FAKE_PROVIDER", os.path.join("tests", "fake_provider", "fake_provider"))
PATIENCE = 60  # seconds before a test that waits is a failure


class Answer:
    """One HTTP/1.x answer taken apart from the bytes of a connection."""

    def __init__(self, raw):
        head, self.after = raw.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        self.version, self.status = lines[0].split(" ")[0], int(lines[0].split(" ")[1])
        self.headers = [line.split(": ", 1) for line in lines[1:]]
        self.chunks, self.whole = [], False
        if self["transfer-encoding"] == "chunked":
            self.read_chunks(self.after)
            self.body = b"".join(self.chunks)
        else:
            self.body = self.after
            self.whole = self["content-length"] is None or len(self.body) >= int(self["content-length"])
            if self["content-length"]:
                self.body = self.body[:int(self["content-length"])]

    def __getitem__(self, name):
        return next((value for key, value in self.headers if key == name), None)

    def read_chunks(self, rest):
        while b"\r\n" in rest:
            size, rest = rest.split(b"\r\n", 1)
            if int(size, 16) == 0:
                self.whole = True
                return
            self.chunks.append(rest[:int(size, 16)])
            rest = rest[int(size, 16) + 2:]

    def json(self):
        return json.loads(self.body)

    def datas(self):
        """What stands behind each event's "data: "."""
        return [event[len(b"data: "):] for event in self.body.split(b"\n\n") if event]

    def events(self):
        return [json.loads(data) for data in self.datas() if data != b"[DONE]"]

    def deltas(self, name):
        return [choice["delta"][name] for event in self.events() for choice in event["choices"]
                if choice["delta"].get(name)]


def request(method, path, body=b"", *headers):
    lines = [f"{method} {path} HTTP/1.1", "host: test", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Provider:
    """A running fake provider; ask() opens a connection for each request."""

    def __init__(self, *options, context=None, control=True):
        argv = [BINARY, "--listen", "127.0.0.1:0", *(["--control", "127.0.0.1:0"] if control else []), *options]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self.context = context
        self.line = self.process.stdout.readline()
        ports = [int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", self.line)]
        self.port, self.control_port = ports[0], ports[-1]

    def close(self):
        self.process.terminate()
        self.process.stdout.close()
        return self.process.wait(PATIENCE)

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        return self.context.wrap_socket(sock, server_hostname="localhost") if self.context else sock

    def raw(self, data):
        """All that comes back until the connection ends, however it ends."""
        got = b""
        with self.connect() as sock:
            sock.sendall(data)
            self.ending = "closed"
            while True:
                try:
                    part = sock.recv(65536)
                except ConnectionResetError:
                    self.ending = "reset"
                    return got
                if not part:
                    return got
                got += part

    def ask(self, method, path, body=b"", *headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Answer(self.raw(request(method, path, data, "connection: close", *headers)))

    def chat(self, content="Hello.", *headers, **members):
        body = {"model": "small-1", "messages": [{"role": "user", "content": content}], **members}
        return self.ask("POST", "/v1/chat/completions", body, *headers)

    def stream(self, content="Hello.", *headers, **members):
        return self.chat(content, *headers, stream=True, **members)

    def control(self, method, path, body=b""):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        with socket.create_connection(("127.0.0.1", self.control_port), PATIENCE) as sock:
            sock.sendall(request(method, path, data, "connection: close"))
            return Answer(b"".join(iter(lambda: sock.recv(65536), b"")))

    def script(self, directives, model="small-1", times=1):
        return self.control("POST", "/script", {"model": model, "times": times, "directives": directives})

    def billed(self):
        return [json.loads(line) for line in self.control("GET", "/billed").body.splitlines()]

    def requests(self):
        return [json.loads(line) for line in self.control("GET", "/requests").body.splitlines()]

    def await_end(self):
        """The last request's record, once it has ended."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            records = self.requests()
            if records and records[-1]["outcome"] != "under_way":
                return records[-1]
        raise AssertionError("the request did not end")


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = Provider()

    @classmethod
    def tearDownClass(cls):
        status = cls.provider.close()
        assert status == 0, f"the fake provider ended with {status}"

    def setUp(self):
        self.assertEqual(self.provider.control("POST", "/reset").status, 200)

    def error(self, answer, status, code=None):
        self.assertEqual(answer.status, status)
        error = answer.json()["error"]
        self.assertEqual(set(error), {"message", "type", "param", "code"})
        self.assertEqual(error["code"], code)
        return error
