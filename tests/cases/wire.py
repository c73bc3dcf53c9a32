# wire.py -- HTTP/1.1 by hand, for both ends of the gateway.
# SPDX-License-Identifier: Apache-2.0
"""A client that sends the bytes it is given, and an upstream that does too.

Both read strictly: an answer or a request that is framed wrongly raises
WireError, so that every test checks the framing of what passes through it.
Nothing here waits longer than the timeout it was made with.
"""
import json
import socket
import ssl
import struct
import threading
import time

TIMEOUT = 15.0


class WireError(Exception):
    """The peer broke HTTP, or did not answer in time."""


class Ended(WireError):
    """The connection ended before the message did."""


def parse_head(raw):
    """The start line and the headers (name, value) of a message's head."""
    lines = raw.decode("latin-1").split("\r\n")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise WireError(f"ill-formed header line {line!r}")
        headers.append((name.lower(), value.strip(" \t")))
    return lines[0], headers


def find_header(headers, name):
    """The value of the one header <name>, or None."""
    values = [value for key, value in headers if key == name.lower()]
    if len(values) > 1:
        raise WireError(f"{len(values)} headers {name}")
    return values[0] if values else None


class Peer:
    """A socket with what was read from it and not used yet."""

    def __init__(self, sock, timeout=TIMEOUT):
        self.sock = sock
        self.timeout = timeout
        self.pending = b""
        self.ended = None  # "closed" or "reset"
        sock.settimeout(timeout)

    def send(self, data):
        self.sock.sendall(data)

    def fill(self, deadline):
        """Reads more; False at the connection's end."""
        if self.ended:
            return False
        left = deadline - time.monotonic()
        if left <= 0:
            raise WireError(f"nothing in time after {self.pending[-200:]!r}")
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(65536)
        except (socket.timeout, ssl.SSLWantReadError) as error:
            raise WireError(
                f"nothing in time after {self.pending[-200:]!r}") from error
        except (ConnectionError, ssl.SSLError):
            self.ended = "reset"
            return False
        if not data:
            self.ended = "closed"
            return False
        self.pending += data
        return True

    def until(self, mark, timeout=None):
        """The bytes up to and with <mark>."""
        deadline = time.monotonic() + (timeout or self.timeout)
        at = 0
        while True:
            found = self.pending.find(mark, max(0, at - len(mark)))
            if found >= 0:
                found += len(mark)
                data, self.pending = self.pending[:found], self.pending[found:]
                return data
            at = len(self.pending)
            if not self.fill(deadline):
                raise Ended(f"{self.ended} after {self.pending[-300:]!r}")

    def exactly(self, length, timeout=None):
        deadline = time.monotonic() + (timeout or self.timeout)
        pieces, left = [], length
        while len(self.pending) < left:
            pieces.append(self.pending)
            left -= len(self.pending)
            self.pending = b""
            if not self.fill(deadline):
                self.pending = b"".join(pieces)
                raise Ended(f"{self.ended} after {len(self.pending)} bytes"
                            f" of {length}")
        pieces.append(self.pending[:left])
        self.pending = self.pending[left:]
        return b"".join(pieces)

    def rest(self, timeout=None):
        """Everything up to the connection's end."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while self.fill(deadline):
            pass
        data, self.pending = self.pending, b""
        return data

    def chunk(self, timeout=None):
        """The next chunk's data; empty for the last, whose trailers are read."""
        line = self.until(b"\r\n", timeout)[:-2]
        try:
            size = int(line.split(b";")[0], 16)
        except ValueError as error:
            raise WireError(f"ill-formed chunk size {line!r}") from error
        if size == 0:
            while self.until(b"\r\n", timeout) != b"\r\n":
                pass
            return b""
        data = self.exactly(size + 2, timeout)
        if data[-2:] != b"\r\n":
            raise WireError(f"chunk of {size} bytes ends with {data[-2:]!r}")
        return data[:-2]

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Ends the connection by a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    def wait_end(self, timeout=None):
        """Waits for the peer's end; returns "closed" or "reset"."""
        self.rest(timeout)
        return self.ended

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Answer:
    """One response, whole or cut."""

    def __init__(self, line, headers):
        words = line.split(" ", 2)
        self.version = words[0]
        self.status = int(words[1])
        self.headers = headers
        self.body = b""
        self.framing = None  # "length", "chunked", "close" or "none"
        self.is_whole = False
        self.end = None  # how the connection ended where it was cut

    def header(self, name):
        return find_header(self.headers, name)

    def json(self):
        return json.loads(self.body)

    def code(self):
        """The code of one of the API's error objects."""
        return self.json()["error"]["code"]

    def events(self):
        """The raw events of a stream, without their empty lines."""
        return [event for event in self.body.split(b"\n\n") if event]

    def data(self):
        """What stands behind "data: " in each event that is not a comment."""
        return [event[6:] for event in self.events()
                if event.startswith(b"data: ")]

    def chunks(self):
        """The JSON objects of a stream."""
        return [json.loads(data) for data in self.data() if data != b"[DONE]"]

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:400]!r}>"


class Client(Peer):
    """A connection to the gateway."""

    def __init__(self, port, timeout=TIMEOUT, tls=None, name="localhost",
                 receive_buffer=None):
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                            receive_buffer)
        sock.settimeout(timeout)
        sock.connect(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            sock = tls.wrap_socket(sock, server_hostname=name)
        super().__init__(sock, timeout)

    def read_head(self, timeout=None):
        raw = self.until(b"\r\n\r\n", timeout)[:-4]
        return Answer(*parse_head(raw))

    def read_body(self, answer, method="POST", timeout=None):
        """Fills answer.body; a cut one stays with is_whole False."""
        length = answer.header("content-length")
        coding = answer.header("transfer-encoding")
        pieces = []
        if length is not None and coding is not None:
            raise WireError("a length and a transfer coding")
        try:
            if (method == "HEAD" or answer.status in (204, 304) or
                    answer.status < 200):
                answer.framing = "none"
            elif coding is not None:
                if coding.lower() != "chunked":
                    raise WireError(f"transfer-encoding {coding}")
                answer.framing = "chunked"
                for data in iter(lambda: self.chunk(timeout), b""):
                    pieces.append(data)
            elif length is not None:
                answer.framing = "length"
                pieces.append(self.exactly(int(length), timeout))
            else:
                answer.framing = "close"
                pieces.append(self.rest(timeout))
                if self.ended != "closed":
                    raise Ended(self.ended)
            answer.is_whole = True
        except Ended:
            answer.end = self.ended
            if answer.framing == "length":
                pieces.append(self.pending)
                self.pending = b""
        answer.body = b"".join(pieces)
        return answer

    def read_answer(self, method="POST", timeout=None):
        """The next final answer; interim ones may come before any."""
        answer = self.read_head(timeout)
        while answer.status == 100:
            answer = self.read_head(timeout)
        return self.read_body(answer, method, timeout)

    def ask(self, data, method="POST"):
        self.send(data)
        return self.read_answer(method)


def request(method, path, headers=(), body=None, host="localhost"):
    """A request's bytes; headers as pairs, the body's length is added."""
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


class Incoming:
    """One request as the upstream got it."""

    def __init__(self, line, headers, body, at):
        self.method, self.target, self.version = line.split(" ")
        self.headers = headers
        self.body = body
        self.at = at
        self.closed_at = None  # when the gateway closed, while answering

    def header(self, name):
        return find_header(self.headers, name)

    def json(self):
        return json.loads(self.body)


class Upstream:
    """A scripted upstream: a thread for each connection.

    answer(peer, incoming) sends what it wants to; returning True keeps the
    connection for further requests. script[model] goes before it.
    """

    def __init__(self, answer, tls=None):
        self.answer = answer
        self.script = {}
        self.requests = []
        self.connections = 0
        self.lock = threading.Lock()
        self.tls = tls
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(512)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
            threading.Thread(target=self._serve, args=(sock,),
                             daemon=True).start()

    def _serve(self, sock):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            peer = Peer(sock, timeout=120)
            while self._serve_one(peer):
                pass
            peer.close()
        except (OSError, WireError, ValueError):
            sock.close()

    def _serve_one(self, peer):
        raw = peer.until(b"\r\n\r\n")[:-4]
        line, headers = parse_head(raw)
        length = int(find_header(headers, "content-length") or 0)
        incoming = Incoming(line, headers, peer.exactly(length),
                            time.monotonic())
        with self.lock:
            self.requests.append(incoming)
        try:
            model = json.loads(incoming.body).get("model")
        except ValueError:
            model = None
        return self.script.get(model, self.answer)(peer, incoming)

    def last(self):
        with self.lock:
            return self.requests[-1]

    def count(self):
        with self.lock:
            return len(self.requests)

    def clear(self):
        """Forgets the script and what came."""
        with self.lock:
            self.script = {}
            self.requests = []

    def close(self):
        """Ends listening; the thread is woken before its descriptor goes."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(TIMEOUT)
        self.listener.close()


def note_close(peer, incoming, timeout=30.0):
    """Waits for the gateway's close and notes when it came."""
    try:
        peer.wait_end(timeout)
    except WireError:
        return
    incoming.closed_at = time.monotonic()


def response(status, body, headers=(), kind="application/json"):
    """A response's bytes with a length."""
    lines = [f"HTTP/1.1 {status} Status"]
    if kind:
        lines.append(f"content-type: {kind}")
    lines += [f"{name}: {value}" for name, value in headers]
    lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


STREAM_HEAD = (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
               b"transfer-encoding: chunked\r\n\r\n")


def chunked(data):
    return b"%x\r\n%s\r\n" % (len(data), data)
