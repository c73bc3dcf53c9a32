#!/usr/bin/env python3
# gateway_limits.py -- what happens when something runs out or is far too much.
# SPDX-License-Identifier: Apache-2.0
"""Descriptors, disk, memory; heads, events and bodies without end."""
import resource
import threading

from harness import *  # noqa: F403

NO_BREAKER = {"failures": 1000000}


def make_bench():
    bench = Bench()
    bench.gateway = bench.add(settings(
        bench.upstream.port, workers=1, providers=[provider(
            bench.upstream.port, breaker=NO_BREAKER,
            timeouts={"silence": "2s", "first_byte": "2s"})]))
    return bench


def limit(gateway, kind, value):
    pid = gateway.process.pid
    resource.prlimit(pid, kind, (value, resource.prlimit(pid, kind)[1]))


def check_growth(gateway, most, call):
    """The resident memory rises by at most <most> KiB while <call> runs."""
    peak = [gateway.process.rss_kib()]
    before, over = peak[0], threading.Event()

    def watch():
        while not over.wait(0.005):
            peak[0] = max(peak[0], gateway.process.rss_kib())
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        call()
    finally:
        over.set()
        watcher.join()
    grown = peak[0] - before
    check(grown < most * memory_factor(gateway.process),
          f"{grown} KiB more resident, at most {most} wanted")


@case
def out_of_descriptors_it_waits_and_goes_on(bench):
    gateway = bench.add(settings(bench.upstream.port, workers=1))
    check_equal(gateway.ask(chat()).status, 200)
    used = len(os.listdir(f"/proc/{gateway.process.pid}/fd"))
    limit(gateway, resource.RLIMIT_NOFILE, used + 12)
    clients = [gateway.connect() for _ in range(40)]
    first = clients[0]
    first.send(Gateway.bytes(chat()))
    check(first.read_answer().status in (200, 502), "a connection it has")
    for client in clients:
        client.close()
    eventually(lambda: gateway.ask(chat()).status == 200,
               "it serves again", 10)
    check_equal(gateway.rows(gateway.ask(chat()))[0]["outcome"], "completed")


def fill(gateway):
    """Asks until an answer is no 200; that answer."""
    data = Gateway.bytes(chat()) * 50
    with gateway.connect() as client:
        for _ in range(4000):
            client.send(data)
            for answer in [client.read_answer() for _ in range(50)]:
                if answer.status != 200:
                    return answer
    raise Failed("200,000 requests did not fill its files")


@case
def without_room_for_the_ledger_nothing_is_sent(bench):
    """A file that cannot grow is met before a request is sent."""
    if not os.environ.get("LONG"):
        print("   (30 s, by LONG=1 only)")
        return
    gateway = bench.add(settings(bench.upstream.port, workers=1), wait=False)
    gateway.process.kill()
    # The limit's signal is ignored, so that it is met as a full disk is.
    gateway.start(restore_signals=False)
    limit(gateway, resource.RLIMIT_FSIZE, 4096)
    refused = fill(gateway)
    check_equal(refused.status, 503)
    check(refused.json()["error"]["message"], refused)
    check(gateway.metric("sluice_ledger_failures_total") > 0, "metrics")
    sent = bench.upstream.count()
    eventually(lambda: len(gateway.export()) == sent,
               "what was sent is on record", 5)
    limit(gateway, resource.RLIMIT_FSIZE, 1 << 30)
    eventually(lambda: gateway.ask(chat()).status == 200,
               "there is room again", 15)
    check_equal(len(gateway.rows(gateway.ask(chat()))), 1)


@case
def without_room_at_start_it_says_so_and_exits_1(bench):
    gateway = bench.add(settings(bench.upstream.port), wait=False)
    gateway.process.kill()
    small = resource.RLIMIT_FSIZE, (4096, 1 << 30)
    gateway.start(wait=False, restore_signals=False,
                  preexec_fn=lambda: resource.setrlimit(*small))
    check_equal(gateway.process.wait(20), 1)
    check(b"state" in gateway.process.err(), gateway.process.err())
    gateway.start()
    check_equal(gateway.ask(chat()).status, 200)


@case
def a_state_that_cannot_be_written_is_said_at_start(bench):
    folder = os.path.join(bench.folder, "unwritable")
    os.makedirs(folder)
    with open(os.path.join(folder, "state"), "w", encoding="ascii") as out:
        out.write("a file where the folder would be")
    gateway = Gateway(folder, settings(bench.upstream.port), POLICY)
    gateway.start(wait=False)
    check_equal(gateway.process.wait(20), 1)
    check(b"state" in gateway.process.err(), gateway.process.err())


@case
def an_upstream_head_without_end_is_given_up(bench):
    def endless(peer, _):
        peer.send(b"HTTP/1.1 200 OK\r\n")
        for i in range(20_000):
            peer.send(b"x-%d: %s\r\n" % (i, b"y" * 500))
        return False
    bench.upstream.script["small-1"] = endless

    def ask():
        answer = bench.gateway.ask(chat())
        check_equal((answer.status, answer.code()), (502, "upstream_failed"))
    check_growth(bench.gateway, 4 << 10, ask)


@case
def interim_answers_without_end_are_given_up(bench):
    def endless(peer, _):
        for _ in range(200_000):
            peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        return False
    bench.upstream.script["small-1"] = endless
    answer = bench.gateway.ask(chat())
    check(answer.status in (502, 504), answer)


@case
def an_event_without_end_is_given_up(bench):
    def endless(peer, _):
        peer.send(STREAM_HEAD + chunked(delta("one")) + chunked(b"data: "))
        for _ in range(64 * 16):
            peer.send(chunked(b"x" * 65536))
        return False
    bench.upstream.script["small-1"] = endless

    def ask():
        answer = bench.gateway.ask(chat(stream=True))
        check_equal((answer.status, answer.is_whole), (200, False))
        check(answer.body.startswith(delta("one")), short(answer.body))
        row, = bench.gateway.rows(answer)
        check_equal(row["outcome"], "upstream_died")
    check_growth(bench.gateway, 40 << 10, ask)


@case
def comments_without_end_before_content_are_not_all_held(bench):
    comment = b": " + b"c" * 1000 + b"\n\n"

    def chatter(peer, _):
        peer.send(STREAM_HEAD)
        for _ in range(8000):
            peer.send(chunked(comment))
        for event in stream_events():
            peer.send(chunked(event))
        peer.send(b"0\r\n\r\n")
        return True
    bench.upstream.script["small-1"] = chatter

    def ask():
        answer = bench.gateway.ask(chat(stream=True))
        check_equal((answer.status, answer.is_whole), (200, True))
        check_equal(answer.body.count(comment), 8000)
    check_growth(bench.gateway, 8 << 10, ask)


@case
def a_json_answer_without_end_is_passed_and_bounded(bench):
    """64 MiB without a length: held to 4 MiB, then passed."""
    def endless(peer, _):
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                  b"transfer-encoding: chunked\r\n\r\n")
        for _ in range(1024):
            peer.send(chunked(b" " * 65536))
        peer.send(chunked(completion()) + b"0\r\n\r\n")
        return True
    bench.upstream.script["small-1"] = endless

    def ask():
        answer = bench.gateway.ask(chat())
        check_equal((answer.status, answer.is_whole, len(answer.body)),
                    (200, True, 65536 * 1024 + len(completion())))
    check_growth(bench.gateway, 32 << 10, ask)


@case
def many_bodies_that_stop_in_the_middle_are_bounded_and_end(bench):
    gateway = bench.add(settings(bench.upstream.port, workers=1,
                                 limits={"idle": "1s"}))
    body = json.dumps(chat("x" * 200_000)).encode()
    data = Gateway.bytes(body)[:-1000]
    clients = []

    def ask():
        for _ in range(60):
            client = gateway.connect()
            client.send(data)
            clients.append(client)
        for client in clients:
            check_equal(client.read_answer(timeout=10).status, 408)
    check_growth(gateway, 60 * 500, ask)
    check_equal(gateway.ask(chat()).status, 200)


@case
def a_compressed_body_is_refused_415(bench):
    answer = bench.gateway.ask(b"\x1f\x8b", headers=[
        ("content-encoding", "gzip")])
    check_equal(answer.status, 415)
    check_equal(bench.upstream.count(), 0)


@case
def idle_connections_are_cheap(bench):
    gateway = bench.add(settings(bench.upstream.port, workers=1))
    clients = []

    def connect(n):
        for _ in range(n):
            client = gateway.connect()
            check_equal(client.ask(request("GET", "/healthz"),
                                   "GET").status, 200)
            clients.append(client)
    connect(200)
    before = gateway.process.rss_kib()
    connect(700)
    each = (gateway.process.rss_kib() - before) / 700
    print(f"   {each:.2f} KiB for an idle connection")
    check(each < 2 * memory_factor(gateway.process),
          f"{each} KiB for an idle connection")
    for client in clients:
        client.close()


@case
def ipv6_is_served(bench):
    with socket.socket(socket.AF_INET6) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            print("   (no IPv6 here)")
            return
        port = sock.getsockname()[1]
    made = settings(bench.upstream.port)
    made["listen"] = f"[::1]:{port}"
    folder = os.path.join(bench.folder, "six")
    os.makedirs(folder)
    gateway = Gateway(folder, made, POLICY)
    bench.others.append(gateway)
    gateway.start(wait=False)

    def connected():
        try:
            return socket.create_connection(("::1", port), 1)
        except ConnectionRefusedError:
            check(gateway.process.is_running(), gateway.process.err())
            return None
    from wire import Peer
    with Peer(eventually(connected, "it listens")) as peer:
        peer.send(request("GET", "/healthz", host="[::1]"))
        check(peer.until(b"\r\n").startswith(b"HTTP/1.1 200"), "healthz")


if __name__ == "__main__":
    run_cases(make_bench)
