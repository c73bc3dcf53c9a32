#!/usr/bin/env python3
# gateway_drain.py -- how the gateway goes down.
# SPDX-License-Identifier: Apache-2.0
"""SIGTERM lets requests finish; a second one and the deadline do not."""
import signal
import threading
import urllib.error

from harness import *  # noqa: F403


class Held:
    """Streams that wait in their middle until they are let go."""

    def __init__(self, bench, n=5, **changes):
        self.go = threading.Event()
        self.gateway = bench.add(settings(bench.upstream.port, **changes))

        def wait(peer, _):
            return send_stream(peer, stream_events(["one", "two"]), self.hold)
        bench.upstream.script["small-1"] = wait
        self.clients, self.answers = [], []
        self.first = True
        for _ in range(n):
            client = self.gateway.connect()
            client.send(Gateway.bytes(chat(stream=True)))
            self.clients.append(client)
        eventually(lambda: bench.upstream.count() == n, "streams are open")

    def hold(self):
        self.go.wait(30)

    def finish(self):
        """Lets them go and reads every answer."""
        self.go.set()
        return [client.read_answer() for client in self.clients]

    def terminate(self):
        self.gateway.process.signal(signal.SIGTERM)
        eventually(lambda: b"drain" in self.gateway.process.err(),
                   "it begins to drain")


@case
def sigterm_lets_streams_finish_and_exits_0(bench):
    held = Held(bench)
    held.terminate()
    check(held.gateway.process.is_running(), "it waits for the streams")
    for answer in held.finish():
        check_equal((answer.status, answer.is_whole), (200, True))
        check(answer.body.endswith(DONE), answer.body)
    check_equal(held.gateway.process.wait(20), 0)
    rows = held.gateway.export()
    check_equal([row["outcome"] for row in rows], ["completed"] * 5)


@case
def new_requests_are_refused_while_it_drains(bench):
    held = Held(bench, 1)
    kept = held.gateway.connect()
    check_equal(kept.ask(Gateway.bytes(None, "/v1/models",
                                       method="GET")).status, 200)
    held.terminate()
    try:
        answer = held.gateway.ask(chat())
        check_equal((answer.status, answer.code()), (503, "draining"))
        check(answer.header("retry-after"), answer)
    except (ConnectionError, WireError):
        pass  # the port is closed: as good
    try:
        answer = kept.ask(Gateway.bytes(chat()))
        check_equal((answer.status, answer.code()), (503, "draining"))
        check_equal(answer.header("connection"), "close")
    except (ConnectionError, WireError):
        pass
    try:
        ready = get(held.gateway.admin, "/readyz")
        raise Failed(f"ready while it drains: {ready}")
    except urllib.error.HTTPError as error:
        check_equal(error.code, 503, "readyz")
    check_equal(json.loads(get(held.gateway.admin, "/healthz"))["status"],
                "ok", "healthz on the admin port")
    check_equal(held.finish()[0].is_whole, True)
    check_equal(held.gateway.process.wait(20), 0)


@case
def a_second_sigterm_stops_at_once(bench):
    held = Held(bench)
    held.terminate()
    began = time.monotonic()
    held.gateway.process.signal(signal.SIGTERM)
    status = held.gateway.process.wait(10)
    check(time.monotonic() - began < 5, "it took too long")
    check(status in (0, 1), "exit status", status)
    for client in held.clients:
        check(client.wait_end(5) in ("closed", "reset"), "cut off")
    held.go.set()
    held.gateway.start()
    states = [row["state"] for row in held.gateway.export()]
    check_equal((len(states), "reserved" in states), (5, False))


@case
def the_drain_has_a_deadline(bench):
    held = Held(bench, 2, drain="500ms")
    began = time.monotonic()
    held.terminate()
    held.gateway.process.wait(10)
    took = time.monotonic() - began
    check(0.3 < took < 6, "it took", took)
    held.go.set()


@case
def what_is_cut_off_can_not_be_taken_for_whole(bench):
    """Also where an answer ends with its connection."""
    held = Held(bench, 0, drain="100ms")

    def tell_part(peer, _):
        peer.send(STREAM_HEAD + chunked(delta("one")))
        held.hold()
        return False
    bench.upstream.script["small-1"] = tell_part
    with held.gateway.connect() as client:
        client.send(Gateway.bytes(chat(stream=True)).replace(
            b"HTTP/1.1", b"HTTP/1.0", 1))
        check_equal(client.read_head().header("content-length"), None)
        held.terminate()
        held.gateway.process.wait(20)
        check_equal(client.wait_end(5), "reset")
    held.go.set()


@case
def an_idle_gateway_stops_at_once(bench):
    gateway = bench.add(settings(bench.upstream.port))
    idle = [gateway.connect() for _ in range(20)]
    check_equal(idle[0].ask(Gateway.bytes(chat())).status, 200)
    began = time.monotonic()
    check_equal(gateway.stop(), None)
    check(time.monotonic() - began < 5, "it took too long")
    for client in idle:
        check_equal(client.wait_end(5), "closed")


@case
def the_port_can_be_bound_again_at_once(bench):
    gateway = bench.add(settings(bench.upstream.port))
    for _ in range(3):
        check_equal(gateway.ask(chat()).status, 200)
        check_equal(gateway.stop(), None)
        gateway.start()


@case
def a_port_that_is_taken_is_said_and_exits_1(bench):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        for name in ("listen", "admin"):
            made = settings(bench.upstream.port,
                            **{name: f"127.0.0.1:{port}"})
            folder = os.path.join(bench.folder, f"taken-{name}")
            os.makedirs(folder)
            gateway = Gateway(folder, made, POLICY).start(wait=False)
            check_equal(gateway.process.wait(20), 1, name)
            check(str(port).encode() in gateway.process.err(),
                  gateway.process.err())


if __name__ == "__main__":
    run_cases(Bench)
