#!/usr/bin/env python3
# gateway_tls.py -- TLS on both sides, with certificates that are wrong too.
# SPDX-License-Identifier: Apache-2.0
"""Inbound against OpenSSL's own client, outbound against a TLS upstream."""
import ssl
import warnings

from harness import *  # noqa: F403


warnings.simplefilter("ignore", DeprecationWarning)


def openssl(*args, text=None):
    done = subprocess.run(["openssl", *args], input=text, capture_output=True,
                          timeout=60)
    if done.returncode:
        raise Failed(f"openssl {args}: {done.stderr.decode()}")
    return done.stdout


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder, name):
        self.folder = folder
        self.cert = os.path.join(folder, f"{name}.pem")
        self.key = os.path.join(folder, f"{name}.key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", f"/CN={name}", "-keyout", self.key, "-out",
                self.cert)

    def issue(self, name, names, *dates):
        """A server's certificate for the subject names; its two paths."""
        base = os.path.join(self.folder, name)
        openssl("req", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", base + ".key", "-out", base + ".csr")
        with open(base + ".ext", "w", encoding="ascii") as out:
            out.write(f"subjectAltName={names}\nbasicConstraints=CA:FALSE\n")
        if not dates:
            openssl("x509", "-req", "-in", base + ".csr", "-CA", self.cert,
                    "-CAkey", self.key, "-days", "20", "-CAcreateserial",
                    "-extfile", base + ".ext", "-out", base + ".pem")
            return base + ".pem", base + ".key"
        # `x509` makes no certificate that has ended; `ca` does.
        config = base + ".cnf"
        with open(config, "w", encoding="ascii") as out:
            out.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={base}.db\n"
                      f"new_certs_dir={self.folder}\nserial={base}.srl\n"
                      "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied"
                      "\n")
        for path, text in ((base + ".db", ""), (base + ".srl", "1000\n")):
            with open(path, "w", encoding="ascii") as out:
                out.write(text)
        openssl("ca", "-batch", "-config", config, "-in", base + ".csr",
                "-cert", self.cert, "-keyfile", self.key, "-startdate",
                dates[0], "-enddate", dates[1], "-extfile", base + ".ext",
                "-out", base + ".pem", "-notext")
        return base + ".pem", base + ".key"


def tls_upstream(pair, asked=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    if asked is not None:
        def note(sock, name, _):
            asked.append((name, sock.session_reused))
        context.sni_callback = note
    return Upstream(usual_answer, tls=context)


class TlsBench(Bench):
    """The usual bench, certificates, and a gateway with TLS."""

    def __init__(self):
        super().__init__()
        self.ca = Authority(self.folder, "authority")
        self.stranger = Authority(self.folder, "stranger")
        self.server = self.ca.issue("gateway", "DNS:localhost,IP:127.0.0.1")
        self.made = settings(self.upstream.port, tls={
            "cert": self.server[0], "key": self.server[1]})
        self.tls_gateway = self.add(self.made)

    def context(self, authority=None):
        return ssl.create_default_context(
            cafile=(authority or self.ca).cert)

    def outbound(self, upstream, host="localhost", ca=True, env=None):
        """A gateway whose provider is <upstream> by TLS."""
        more = {"ca": self.ca.cert} if ca else {}
        return self.add(settings(0, providers=[dict(
            provider(1, breaker={"failures": 1000000},
                     timeouts={"tls": "1s"}, **more),
            base_url=f"https://{host}:{upstream.port}/v1")], workers=1),
            env=env)


@case
def the_data_port_speaks_tls(bench):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = bench.context()
        context.minimum_version = context.maximum_version = version
        with bench.tls_gateway.connect(tls=context) as client:
            for stream in (False, True, False):
                answer = client.ask(Gateway.bytes(chat(stream=stream)))
                check_equal((answer.status, answer.is_whole), (200, True))
            big = client.ask(Gateway.bytes(chat("x" * 500_000)))
            check_equal(big.status, 200)


@case
def old_protocols_are_refused(bench):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(bench.ca.cert)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        bench.tls_gateway.connect(tls=context)
        raise Failed("TLS 1.1 was taken")
    except (ssl.SSLError, ConnectionError):
        pass


@case
def openssls_own_client_gets_its_answer(bench):
    body = json.dumps(chat()).encode()
    asked = Gateway.bytes(body, headers=[("connection", "close")])
    done = subprocess.run(
        ["openssl", "s_client", "-connect",
         f"127.0.0.1:{bench.tls_gateway.port}", "-servername", "localhost",
         "-CAfile", bench.ca.cert, "-verify_return_error", "-quiet",
         "-ign_eof"], input=asked, capture_output=True, timeout=30)
    check(b"HTTP/1.1 200" in done.stdout, done)


@case
def plain_http_on_the_tls_port_harms_nobody(bench):
    for data in (Gateway.bytes(chat()), b"\x16\x03\x01\xff\xff" + b"x" * 64,
                 b"\x80" * 20):
        with bench.tls_gateway.connect() as client:
            client.send(data)
            seen = client.rest(15)
            check(b"HTTP/1.1 200" not in seen, seen)
    with bench.tls_gateway.connect(tls=bench.context()) as client:
        check_equal(client.ask(Gateway.bytes(chat())).status, 200)


@case
def a_new_certificate_is_taken_by_a_reload(bench):
    gateway = bench.tls_gateway

    def serial():
        with gateway.connect(tls=bench.context()) as client:
            return client.sock.getpeercert()["serialNumber"]
    with gateway.connect(tls=bench.context()) as old:
        check_equal(old.ask(Gateway.bytes(chat())).status, 200)
        first = serial()
        again = bench.ca.issue("again", "DNS:localhost,IP:127.0.0.1")
        for new, path in zip(again, bench.server):
            os.replace(new, path)
        check_equal(gateway.reload().status, 200)
        check(serial() != first, "the old certificate is still shown")
        check_equal(old.ask(Gateway.bytes(chat())).status, 200,
                    "connections of before go on")
    before = gateway.metric("sluice_config_reload_failures_total")
    with open(bench.server[1], "r+b") as key:
        kept = key.read()
        key.seek(0)
        key.write(b"-----NOTHING")
    second = serial()
    check_equal(gateway.reload().status, 422, "a bad key")
    check_equal(gateway.metric("sluice_config_reload_failures_total"),
                before + 1)
    check_equal(serial(), second)
    with open(bench.server[1], "wb") as key:
        key.write(kept)
    check_equal(gateway.reload().status, 200)


@case
def an_upstream_with_a_private_authority_is_verified(bench):
    asked = []
    upstream = tls_upstream(bench.ca.issue("up", "DNS:localhost"), asked)
    gateway = bench.outbound(upstream)
    for stream in (False, True):
        answer = gateway.ask(chat(stream=stream))
        check_equal((answer.status, answer.is_whole), (200, True), answer.body)
    check_equal(asked[0][0], "localhost", "SNI")
    check_equal(upstream.connections, 1, "one handshake for two requests")
    check_equal(upstream.last().header("host"), f"localhost:{upstream.port}")
    upstream.close()


@case
def an_upstream_by_address_is_verified_without_sni(bench):
    asked = []
    upstream = tls_upstream(bench.ca.issue("addr", "IP:127.0.0.1"), asked)
    gateway = bench.outbound(upstream, "127.0.0.1")
    check_equal(gateway.ask(chat()).status, 200)
    check_equal([name for name, _ in asked], [None])
    upstream.close()


@case
def ssl_cert_file_is_honoured(bench):
    upstream = tls_upstream(bench.ca.issue("sys", "DNS:localhost"))
    gateway = bench.outbound(upstream, ca=False,
                             env={"SSL_CERT_FILE": bench.ca.cert})
    check_equal(gateway.ask(chat()).status, 200)
    upstream.close()


@case
def sessions_are_resumed_for_new_connections(bench):
    asked = []
    pair = bench.ca.issue("resume", "DNS:localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)

    class Closing(Upstream):
        def _serve_one(self, peer):
            super()._serve_one(peer)
            asked.append(peer.sock.session_reused)
            return False
    upstream = Closing(usual_answer, tls=context)
    made = settings(0, workers=1, providers=[dict(
        provider(1, ca=bench.ca.cert),
        base_url=f"https://localhost:{upstream.port}/v1")])
    gateway = bench.add(made)
    for _ in range(3):
        check_equal(gateway.ask(chat()).status, 200)
    check(asked[0] is False and True in asked[1:], asked)
    upstream.close()


@case
def wrong_certificates_are_refused_and_nothing_is_sent(bench):
    ended = ("20200101000000Z", "20200201000000Z")
    ahead = ("20990101000000Z", "20991231000000Z")
    ways = {
        "another name": (bench.ca.issue("n", "DNS:other.example"),
                         rb"name|host"),
        "expired": (bench.ca.issue("e", "DNS:localhost", *ended), rb"expired"),
        "not yet valid": (bench.ca.issue("y", "DNS:localhost", *ahead),
                          rb"not yet"),
        "a stranger's": (bench.stranger.issue("s", "DNS:localhost"),
                         rb"issuer|self|verif|trust|authority"),
        "by address only": (bench.ca.issue("a", "IP:127.0.0.1"),
                            rb"name|host"),
    }
    for name, (pair, reason) in ways.items():
        upstream = tls_upstream(pair)
        gateway = bench.outbound(upstream)
        answer = gateway.ask(chat())
        check_equal((answer.status, answer.code()),
                    (502, "upstream_unreachable"), name)
        check_equal(upstream.count(), 0, f"{name}: requests sent")
        log = gateway.process.err()
        check(re.search(rb"(?i)certificate|" + reason, log) and
              re.search(rb"(?i)" + reason, log), name, "not in the log:", log)
        row, = gateway.rows(answer)
        check_equal((row["cost_nano_usd"], row["input_tokens"]), (0, 0), name)
        upstream.close()


@case
def a_system_that_does_not_know_the_authority_refuses(bench):
    upstream = tls_upstream(bench.ca.issue("p", "DNS:localhost"))
    gateway = bench.outbound(upstream, ca=False)
    check_equal(gateway.ask(chat()).status, 502)
    check_equal(upstream.count(), 0)
    upstream.close()


@case
def a_plain_upstream_behind_https_is_unreachable(bench):
    gateway = bench.outbound(bench.upstream)
    answer = gateway.ask(chat())
    check_equal((answer.status, answer.code()), (502, "upstream_unreachable"))


@case
def a_stream_cut_without_close_notify_is_no_whole_one(bench):
    """A body that ends with the connection could be cut by anybody."""
    upstream = tls_upstream(bench.ca.issue("cut", "DNS:localhost"))

    def cut(peer, _):
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                  b"connection: close\r\n\r\n" + completion()[:60])
        raw = socket.socket(fileno=peer.sock.detach())
        raw.shutdown(socket.SHUT_RDWR)
        raw.close()
        raise WireError("over")
    upstream.script["small-1"] = cut
    gateway = bench.outbound(upstream)
    answer = gateway.ask(chat())
    check_equal(answer.status, 502)
    upstream.close()


if __name__ == "__main__":
    if not shutil.which("openssl"):
        skip("there is no openssl command")
    run_cases(TlsBench)
