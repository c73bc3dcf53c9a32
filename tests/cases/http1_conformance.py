#!/usr/bin/env python3
# http1_conformance.py -- the HTTP/1.1 codec against llhttp's own test suite.
# SPDX-License-Identifier: Apache-2.0
"""Runs tests/http1_echo over recorded messages and compares what it read.

The recording (http1_cases.jsonl) holds messages and the log of events that
llhttp 9 in its strict mode makes of them. What is asked:

- a message that llhttp refuses is refused;
- one that it accepts is understood the same: method, target, version or
  status, every header, the bytes of the body, the number of messages.

Many recorded requests have no Host, which HTTP/1.1 obliges us to refuse. Those
must be refused for that, and are then read again with a Host put in, so that
the rest of them is compared too. Likewise a message to be refused is mended
where it has a fault that is not the recorded one: the fragment of its target
is dropped, and one that the recording cuts short gets its empty line.

DIFFERENCES lists, one by one, where we are right to differ, and what we do.
Exit 77 (skipped) when the recording is absent.

usage: http1_conformance.py [-v]      (in the build directory)
"""
import base64
import json
import os
import re
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
DATA = os.environ.get("SLUICE_SHARED_DATA",
                      os.path.join(SOURCE, "..", "shared", "data"))
CASES = os.path.join(DATA, "conformance", "http1_cases.jsonl")
ECHO = os.environ.get("HTTP1_ECHO", os.path.join("tests", "http1_echo"))
HOST = b"conformance.test"

# (why we differ, how reading must end, the cases as "file: name").
DIFFERENCES = [
    ("the record runs into the next one of its source, its log is the other's",
     "closed", [
         "request/connection.md: CRLF between requests, explicit `close`"]),
    ("the same", "refused 400 bare LF", [
        "response/sample.md: Google 301"]),
    ("llhttp's harness skips bodies here; we read them", "cut body", [
        "request/content-length.md: "
        "Content-Length reset when no body is received"]),
    ("a method is any token (RFC 9110 9.1); the server answers 405",
     "closed 0", [
         "request/invalid.md: HTTP protocol and ANNOUNCE method"]),
    ("the same", "end", [
        "request/invalid.md: Invalid method"]),
    ("* is the target of OPTIONS alone (RFC 9112 3.2.4)",
     "refused 400 target *", [
         "request/method.md: M-SEARCH request",
         "request/method.md: PRI request HTTP2"]),
    ("another protocol", "refused 400 ill-formed version", [
        "request/method.md: SOURCE request with ICE",
        "request/method.md: OPTIONS request with RTSP",
        "request/method.md: ANNOUNCE request with RTSP",
        "response/sample.md: RTSP response",
        "response/sample.md: ICE response"]),
    ("HTTP/0.9", "refused 400 request line without a version", [
        "request/sample.md: No HTTP version"]),
    ("HTTP/0.9", "refused 505", [
        "response/sample.md: HTTP version 0.9"]),
    ("codings besides chunked are not implemented", "refused 501", [
        "request/transfer-encoding.md: "
        "POST with `chunked` as last transfer-encoding",
        "request/transfer-encoding.md: "
        "POST with `chunked` as last transfer-encoding (multiple headers)",
        "response/transfer-encoding.md: "
        "`chunked` before other transfer-encoding",
        "response/transfer-encoding.md: "
        "multiple transfer-encoding where chunked is not the last one",
        "response/transfer-encoding.md: `chunkedchunked` transfer-encoding "
        "does not enable chunked enconding"]),
    ("a target has no fragment (RFC 9112 3.2)",
     "refused 400 a byte that does not belong in a target", [
         "request/uri.md: Fragment in URI"]),
    ("user information is to be an error (RFC 9110 4.2.4)",
     "refused 400 ill-formed host in the target", [
         "request/uri.md: `host:port` and basic auth"]),
    ("an empty line is forgiven before a request only (RFC 9112 2.2)",
     "refused 400 ill-formed version", [
         "response/connection.md: HTTP 304 with Content-Length",
         "response/connection.md: HTTP 100 first, then 400",
         "response/pipelining.md: Should parse multiple events",
         "response/sample.md: Response starting with CRLF"]),
]

# llhttp's harness skips these bodies; an answer to HEAD has none either.
SKIPPED_BODIES = [
    "response/content-length.md: "
    "Content-Length reset when no body is received",
]


def message():
    return {"method": b"", "url": b"", "status": b"", "version": b"",
            "code": None, "headers": [], "body": b"", "has_head": False,
            "is_complete": False}


def read_log(log, raw):
    """llhttp's events as messages, and whether it paused at an upgrade."""
    messages, in_head, paused = [], False, False
    name, value = b"", b""
    for line in log.split("\n"):
        span = re.match(r"off=(\d+) len=(\d+) span\[(\w+)\]=", line)
        if "message begin" in line:
            messages.append(message())
            in_head, name, value = True, b"", b""
        elif span:
            at, length, kind = int(span[1]), int(span[2]), span[3]
            data = raw[at:at + length]
            now = messages[-1]
            if kind == "header_field":
                name += data
            elif kind == "header_value":
                value += data
            elif kind == "body" or kind in now:
                now[kind] += data
        elif "header_value complete" in line:
            if in_head:
                # The log counts a byte past 127 as two: a CR slips in.
                messages[-1]["headers"].append((name, value.strip(b" \t\r")))
            name, value = b"", b""
        elif "headers complete" in line:
            in_head = False
            messages[-1]["has_head"] = True
            code = re.search(r"status=(\d+)", line)
            messages[-1]["code"] = code and int(code[1])
        elif "message complete" in line:
            messages[-1]["is_complete"] = True
        elif "Pause on" in line:
            paused = True
    return [m for m in messages if m["has_head"]], paused


def unescape(text):
    return re.sub(rb"\\x(..)", lambda m: bytes([int(m[1], 16)]), text)


def run_echo(raw, side):
    """What the codec read: messages, and the line that says why it stopped."""
    out = subprocess.run([ECHO, side], input=raw, stdout=subprocess.PIPE,
                         check=True, timeout=20).stdout
    messages, last = [], ""
    now = message()
    for line in out.split(b"\n")[:-1]:
        key, _, rest = line.partition(b" ")
        rest = unescape(rest)
        if key in (b"method", b"status"):
            now = message()
            messages.append(now)
        if key == b"method":
            now["method"] = rest
        elif key == b"target":
            now["url"] = rest
        elif key == b"status":
            now["code"] = int(rest)
        elif key == b"reason":
            now["status"] = rest
        elif key == b"version":
            now["version"] = rest
        elif key == b"header":
            name, _, value = rest.partition(b": ")
            now["headers"].append((name, value))
        elif key == b"body":
            now["body"] = rest
        elif line == b"message complete":
            now["is_complete"] = True
        last = line.decode("latin-1")
    return messages, last


def with_host(raw):
    """A Host after each request line that is followed by none."""
    out, at = b"", 0
    for line in re.finditer(rb"[!-~]+ ([!-~]+) HTTP/\d\.\d\r\n", raw):
        head = raw[line.end():].split(b"\r\n\r\n")[0]
        named = re.match(rb"(?i)https?://([^/?]*)", line[1])
        out += raw[at:line.end()]
        if not re.search(rb"(?im)^host[ \t]*:", head):
            out += b"Host: " + (named[1] if named else HOST) + b"\r\n"
        at = line.end()
    return out + raw[at:]


def endings(raw, side):
    """How reading ends: of <raw>, then past each fault not asked about."""
    mends = {
        "refused 400 a byte that does not belong in a target":
            lambda raw: re.sub(rb"\A([^\r#]*)#[!-~]*", rb"\1", raw),
        "refused 400 no Host": with_host,
        "cut head": lambda raw: raw + b"\r\n\r\n",
    }
    ends = [run_echo(raw, side)[1]]
    while ends[-1] in mends:
        raw = mends.pop(ends[-1])(raw)
        ends.append(run_echo(raw, side)[1])
    return ends


def differs(expected, paused, messages, last):
    """The first difference, or None."""
    if paused:  # llhttp has no opinion on what follows an upgrade
        messages = messages[:len(expected)]
    if len(messages) != len(expected):
        return f"{len(messages)} messages instead of {len(expected)} ({last})"
    for want, got in zip(expected, messages):
        pairs = [(key, want[key], got[key]) for key in
                 ("method", "url", "version", "code", "headers", "body")]
        if want["code"]:
            pairs.append(("reason", want["status"], got["status"]))
        for key, wanted, seen in pairs:
            if wanted != seen:
                return f"{key}: {seen!r} instead of {wanted!r} ({last})"
        if want["is_complete"] and not got["is_complete"]:
            return f"message not complete ({last})"
    return None


def is_refusal(last):
    """Refused, or bytes after the last message that were not read."""
    return last.startswith("refused") or (
        last.startswith("closed") and last != "closed 0")


def check_refused(raw, side):
    ends = endings(raw, side)
    for end in ends:
        if not is_refusal(end) and end != "cut head":
            return f"accepted ({end})"
    return None if is_refusal(ends[-1]) else f"not refused ({ends[-1]})"


def check_understood(raw, log, side):
    expected, paused = read_log(log, raw)
    messages, last = run_echo(raw, side)
    if last == "refused 400 no Host":
        messages, last = run_echo(with_host(raw), side)
        for read, wanted in zip(messages, expected):
            if b"host" not in [name.lower() for name, _ in wanted["headers"]]:
                del read["headers"][0]  # the one put in
    return differs(expected, paused, messages, last)


def check_difference(raw, side, wanted):
    ends = endings(raw, side)
    if not any(end.startswith(wanted) for end in ends):
        return f"ended with {ends[-1]!r}, not {wanted!r} as listed"
    return None


def check(case, name):
    raw = base64.b64decode(case["raw_base64"])
    side = case["type"]
    for _, wanted, names in DIFFERENCES:
        if name in names:
            return check_difference(raw, side, wanted)
    if name in SKIPPED_BODIES:
        side = "response-to-head"
    if case["must_error"]:
        return check_refused(raw, side)
    return check_understood(raw, case["log"], side)


def main():
    verbose = "-v" in sys.argv[1:]
    if not os.path.exists(CASES):
        print(f"skipped: {CASES} is absent")
        return 77
    with open(CASES, encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    unseen = {name for _, _, names in DIFFERENCES for name in names}
    n_listed, n_failed = len(unseen), 0
    for case in cases:
        name = case["file"] + ": " + case["name"]
        unseen.discard(name)
        problem = check(case, name)
        n_failed += problem is not None
        if problem:
            print(f"FAIL {name}: {problem}")
        elif verbose:
            print(f"ok {name}")
    for name in unseen:
        print(f"FAIL {name}: a listed difference that no case has")
        n_failed += 1
    n_refused = sum(case["must_error"] for case in cases)
    print(f"{len(cases)} cases ({n_refused} to be refused), {n_failed} failed,"
          f" {n_listed} deliberate differences")
    return 1 if n_failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
