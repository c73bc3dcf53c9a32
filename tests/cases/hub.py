# hub.py -- a model hub on loopback, with the faults that hubs have.
# SPDX-License-Identifier: Apache-2.0
"""It speaks what `sluice pull` asks: GET /api/models/O/N/revision/R?blobs=true
and GET /O/N/resolve/COMMIT/PATH, over TLS with a private authority. Large files
are sent on to a second server, the "CDN", which has another name and port.
"""
import hashlib
import json
import socket
import ssl
import struct
import subprocess
import os
import threading
import urllib.parse

from harness import Failed
from wire import Upstream, response

COMMIT = "c0ffee" + "0" * 34
NEXT = "beef" + "1" * 36


def openssl(*args):
    done = subprocess.run(["openssl", *args], capture_output=True, timeout=60)
    if done.returncode:
        raise Failed(f"openssl {args}: {done.stderr.decode()}")


class Authority:
    """A certificate for both names of loopback, and who signed it."""

    def __init__(self, folder, name):
        base = os.path.join(folder, name)
        self.roots = base + ".pem"
        ext = base + ".ext"
        with open(ext, "w", encoding="ascii") as out:
            out.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n"
                      "basicConstraints=CA:FALSE\n")
        new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes")
        openssl(*new, "-x509", "-days", "30", "-subj", f"/CN={name}",
                "-keyout", base + ".key", "-out", self.roots)
        openssl(*new, "-subj", "/CN=hub", "-keyout", base + "-hub.key",
                "-out", base + "-hub.csr")
        openssl("x509", "-req", "-in", base + "-hub.csr", "-CA", self.roots,
                "-CAkey", base + ".key", "-days", "20", "-CAcreateserial",
                "-extfile", ext, "-out", base + "-hub.pem")
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(base + "-hub.pem", base + "-hub.key")


class Repo:
    """One repository's files at one commit."""

    def __init__(self, files, commit=COMMIT, linked=(), licence="apache-2.0"):
        self.files = dict(files)
        self.commit = commit
        self.linked = set(linked)  # lie on the CDN
        self.licence = licence
        self.says = {}  # path: what the list says otherwise

    def sibling(self, path):
        data = self.files[path]
        one = {"rfilename": path, "size": len(data),
               "blobId": hashlib.sha1(data).hexdigest()}
        if path in self.linked:
            one["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(),
                          "size": len(data), "pointerSize": 134}
        one.update(self.says.get(path, {}))
        return one

    def info(self, name):
        return {"_id": "0", "id": name, "sha": self.commit, "gated": False,
                "tags": ["transformers", f"license:{self.licence}"],
                "cardData": {"license": self.licence},
                "siblings": [self.sibling(path) for path in self.files]}


class Hub:
    """The hub and its CDN; faults are functions that tests put in.

    fault[(where, path)](peer, incoming, data) answers instead, where "hub" or
    "cdn"; path is the file's, or "list". It returns what an answer returns.
    """

    def __init__(self, tls):
        self.repos = {}    # "owner/name": {revision: Repo}
        self.fault = {}
        self.lock = threading.Lock()
        self.scheme = "https" if tls else "http"
        self.hub = Upstream(self.answer_hub, tls)
        self.cdn = Upstream(self.answer_cdn, tls)
        self.url = f"{self.scheme}://localhost:{self.hub.port}"

    def add(self, name, repo, *revisions):
        for revision in revisions or ("main",):
            self.repos.setdefault(name, {})[revision] = repo
        self.repos[name][repo.commit] = repo

    def clear(self):
        self.repos = {}
        self.fault = {}
        self.hub.clear()
        self.cdn.clear()

    def close(self):
        self.hub.close()
        self.cdn.close()

    # --- what was asked

    def asked(self, where="hub"):
        server = self.hub if where == "hub" else self.cdn
        with server.lock:
            return list(server.requests)

    def ranges(self, path):
        """The Range headers of all requests for a file's bytes."""
        return [one.header("range") for one in
                self.asked("hub") + self.asked("cdn")
                if urllib.parse.unquote(one.target).split("?")[0]
                .endswith("/" + path)]

    # --- answers

    def faulty(self, where, path, *args):
        with self.lock:
            fault = self.fault.get((where, path))
        return fault(*args) if fault else None

    def answer_hub(self, peer, incoming):
        path = urllib.parse.unquote(incoming.target.split("?")[0])
        words = path.split("/")
        if path == "/api/models":
            return self.answer_search(peer, incoming)
        if path.startswith("/api/models/"):
            return self.answer_list(peer, incoming, words)
        if len(words) < 6:
            return self.refuse(peer, 404)
        name, commit = "/".join(words[1:3]), words[4]
        file = "/".join(words[5:])
        repo = self.repos.get(name, {}).get(commit)
        if not repo or file not in repo.files:
            return self.refuse(peer, 404, "EntryNotFound")
        data = repo.files[file]
        kept = self.faulty("hub", file, peer, incoming, data)
        if kept is not None:
            return kept
        if file in repo.linked:
            return self.send_on(peer, file, data)
        return send_file(peer, incoming, data)

    def answer_list(self, peer, incoming, words):
        name, what = "/".join(words[3:5]), words[5:]
        kept = self.faulty("hub", "list", peer, incoming, b"")
        if kept is not None:
            return kept
        if name not in self.repos:
            return self.refuse(peer, 404, "RepoNotFound")
        revisions = self.repos[name]
        if what == ["refs"]:
            names = [{"name": one} for one in revisions if len(one) < 40]
            body = {"branches": names, "tags": []}
        elif "/".join(what[1:]) not in revisions:
            return self.refuse(peer, 404, "RevisionNotFound")
        else:
            body = revisions["/".join(what[1:])].info(name)
        peer.send(response(200, json.dumps(body).encode()))
        return True

    def answer_search(self, peer, incoming):
        """Models by their owner, or by a part of their name."""
        asked = dict(urllib.parse.parse_qsl(incoming.target.split("?")[1]))
        found = [name for name in self.repos
                 if name.startswith(asked.get("author", "") + "/")
                 or asked.get("search", "?") in name]
        body = json.dumps([{"id": name} for name in found]).encode()
        peer.send(response(200, body))
        return True

    def refuse(self, peer, status, code=None, headers=()):
        headers = list(headers)
        if code:
            headers.append(("x-error-code", code))
        peer.send(response(status, b'{"error": "no"}', headers))
        return True

    def send_on(self, peer, file, data, where=None, etag=None, size=None):
        """What the hub answers for a file that lies elsewhere."""
        where = where or (f"{self.scheme}://127.0.0.1:{self.cdn.port}"
                          f"/blobs/{urllib.parse.quote(file)}?sig=s1gned%2F")
        sha = etag or hashlib.sha256(data).hexdigest()
        peer.send(response(302, b"Found", [
            ("location", where), ("x-linked-etag", f'"{sha}"'),
            ("x-linked-size", str(len(data) if size is None else size)),
            ("x-repo-commit", COMMIT)]))
        return True

    def answer_cdn(self, peer, incoming):
        file = urllib.parse.unquote(
            incoming.target.split("?")[0]).removeprefix("/blobs/")
        data = next(repo.files[file] for revisions in self.repos.values()
                    for repo in revisions.values() if file in repo.files)
        kept = self.faulty("cdn", file, peer, incoming, data)
        if kept is not None:
            return kept
        return send_file(peer, incoming, data)


def first_byte(incoming):
    """The first byte that a Range asks for, or None."""
    value = incoming.header("range")
    return int(value.removeprefix("bytes=").rstrip("-")) if value else None


def file_head(incoming, data, etag=None):
    """A file's head with the range that was asked for, and those bytes."""
    etag = etag or hashlib.sha256(data).hexdigest()[:40]
    first = first_byte(incoming)
    if first is None:
        head = f"HTTP/1.1 200 OK\r\netag: \"{etag}\"\r\ncontent-length: " \
            f"{len(data)}\r\naccept-ranges: bytes\r\n\r\n"
        return head.encode(), data
    if first >= len(data):
        head = f"HTTP/1.1 416 No\r\ncontent-range: bytes */{len(data)}\r\n" \
            "content-length: 0\r\n\r\n"
        return head.encode(), b""
    rest = data[first:]
    head = f"HTTP/1.1 206 Partial\r\netag: \"{etag}\"\r\ncontent-length: " \
        f"{len(rest)}\r\ncontent-range: bytes {first}-{len(data) - 1}/" \
        f"{len(data)}\r\n\r\n"
    return head.encode(), rest


def send_file(peer, incoming, data, etag=None):
    head, body = file_head(incoming, data, etag)
    peer.send(head + body)
    return True


def cut_after(n):
    """A fault: the connection is reset after <n> bytes of the body."""
    def fault(peer, incoming, data):
        head, body = file_head(incoming, data)
        peer.send(head + body[:n])
        peer.half_close()
        return False
    return fault


def once(fault, times=1):
    """The fault for the first requests; then the usual answer."""
    left = [times]
    lock = threading.Lock()

    def counted(*args):
        with lock:
            left[0] -= 1
            if left[0] < 0:
                return None
        return fault(*args)
    return counted
