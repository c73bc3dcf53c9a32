#!/usr/bin/env python3
"""Times the gateway beside nginx and haproxy: same machine, same fake provider, interleaved rounds.

CPU time is the proxy's own (user and system, from /proc), per request or per relayed event; medians
over the rounds are printed with every round's figure, and everything goes to a JSON file. Loopback only.

    bench/gateway/run.py --build build [--rounds 5] [--only requests,paced,unpaced,latency,idle,streams]
"""
import argparse, json, os, resource, shutil, signal, socket, statistics, subprocess, sys, tempfile, time

TICK = os.sysconf("SC_CLK_TCK")
HERE = os.path.dirname(os.path.abspath(__file__))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"nothing listens on {port}")


def children(pid):
    found = [pid]
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                for child in f.read().split():
                    found += children(int(child))
    except FileNotFoundError:
        pass
    return found


def cpu_seconds(pid):
    total = 0.0
    for p in children(pid):
        try:
            for task in os.listdir(f"/proc/{p}/task"):
                # schedstat counts nanoseconds, stat only ticks
                with open(f"/proc/{p}/task/{task}/schedstat") as f:
                    total += int(f.read().split()[0]) / 1e9
        except FileNotFoundError:
            pass
    return total


def thread_seconds(pid, name):
    """CPU time of the threads whose name begins with <name>; 0 where there is none."""
    total = 0.0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/comm") as f:
                if not f.read().startswith(name):
                    continue
            with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                total += int(f.read().split()[0]) / 1e9
        except FileNotFoundError:
            pass
    return total


def rss_kib(pid):
    total = 0
    for p in children(pid):
        with open(f"/proc/{p}/status") as f:
            for line in f:
                if line.startswith("VmRSS"):
                    total += int(line.split()[1])
    return total


class Peer:
    """One proxy in front of the fake provider."""

    def __init__(self, name, port, argv, env=None, log=None):
        self.name, self.port = name, port
        self.log = open(log, "wb")
        self.process = subprocess.Popen(argv, env=env, stdout=self.log, stderr=subprocess.STDOUT)
        try:
            wait_port(port)
        except SystemExit:
            with open(log) as f:
                raise SystemExit(f"{name} does not listen on {port}:\n{f.read()[-2000:]}")

    def cpu(self):
        return cpu_seconds(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_provider(build, tmp):
    port = free_port()
    argv = [f"{build}/tests/fake_provider/fake_provider", "--listen", f"127.0.0.1:{port}",
            "--models", "auto,small-1,large-1", "--quiet"]
    return Peer("provider", port, argv, log=f"{tmp}/provider.log")


def start_nginx(upstream, tmp):
    port = free_port()
    conf = f"""
worker_processes 1; daemon off; pid {tmp}/nginx.pid; error_log {tmp}/nginx.err;
worker_rlimit_nofile 65536;
events {{ worker_connections 32768; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {tmp}/nginx-body;
  proxy_temp_path {tmp}/nginx-proxy; fastcgi_temp_path {tmp}/f; uwsgi_temp_path {tmp}/u; scgi_temp_path {tmp}/s;
  upstream u {{ server 127.0.0.1:{upstream}; keepalive 20000; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    location /unbuffered/ {{ proxy_pass http://u/; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; }}
  }}
}}"""
    with open(f"{tmp}/nginx.conf", "w") as f:
        f.write(conf)
    return Peer("nginx", port, ["nginx", "-p", tmp, "-c", f"{tmp}/nginx.conf"], log=f"{tmp}/nginx.log")


def start_haproxy(upstream, tmp):
    port = free_port()
    with open(f"{tmp}/haproxy.cfg", "w") as f:
        f.write(f"""
global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 60s
  http-reuse always
  option http-keep-alive
frontend f
  bind 127.0.0.1:{port}
  default_backend b
backend b
  server s 127.0.0.1:{upstream} pool-max-conn 20000
""")
    return Peer("haproxy", port, ["haproxy", "-db", "-f", f"{tmp}/haproxy.cfg"], log=f"{tmp}/haproxy.log")


def start_sluice(build, upstream, tmp):
    port, admin = free_port(), free_port()
    state = f"{tmp}/state"
    shutil.rmtree(state, ignore_errors=True)
    with open(f"{tmp}/sluice.yaml", "w") as f:
        f.write(f"""
listen: 127.0.0.1:{port}
admin: 127.0.0.1:{admin}
workers: 1
state: {state}
limits: {{idle: 600s}}
keys:
  - {{name: bench, key: bench-key-0000}}
providers:
  - {{name: up, dialect: openai, base_url: "http://127.0.0.1:{upstream}/v1", api_key: upstream-key,
      pool: {{idle: 20000, keep: 30s}}}}
models:
  - {{name: up/small, provider: up, upstream: small-1, price: {{input: 0.10, output: 0.40}}, context: 128000}}
  - {{name: up/large, provider: up, upstream: large-1, price: {{input: 2.00, cached_input: 0.20, output: 10.00}}, context: 200000}}
policy: {tmp}/policy.yaml
""")
    with open(f"{tmp}/policy.yaml", "w") as f:
        f.write("""
name: bench
baseline: up/large
use: [up/small, up/large]
rules:
  - {name: code, when: 'request.task == "code" && request.tokens > 2000', use: [up/large]}
  - {name: hard, when: 'request.difficulty > 0.9', use: [up/large, up/small]}
""")
    peer = Peer("sluice", port, [f"{build}/sluice", "serve", "--config", f"{tmp}/sluice.yaml"], log=f"{tmp}/sluice.log")
    peer.admin = admin
    return peer


def body(tmp, name, bytes_, **more):
    """A chat request of about <bytes_> bytes."""
    text = ("Please explain in plain words how a heat pump moves warmth from a cold garden into a warm house, what the "
            "refrigerant does on its way round, and why the pump gives more heat than the electricity it takes. ")
    request = {"model": more.pop("model", "auto"), "messages": [{"role": "system", "content": "You answer briefly."},
               {"role": "user", "content": ""}], "temperature": 0.2, "max_tokens": 200, **more}
    directives = request.pop("directives", "")
    want = bytes_ - len(json.dumps(request)) - len(directives)
    request["messages"][1]["content"] = (text * (want // len(text) + 1))[:max(want, 8)] + directives
    path = f"{tmp}/{name}.json"
    with open(path, "w") as f:
        json.dump(request, f)
    return path


def load(build, port, **options):
    argv = [f"{build}/bench/load", "--port", str(port)]
    for key, value in options.items():
        argv += [f"--{key}", str(value)]
    done = subprocess.run(argv, stdout=subprocess.PIPE)
    result = json.loads(done.stdout)
    if result["bad_status"] or result["failed"]:
        raise SystemExit(f"{result['failed']} failed, {result['bad_status']} not 200: {' '.join(argv)}")
    return result


def measure(build, peer, unit, **options):
    pid = peer.process.pid
    before, worker = peer.cpu(), thread_seconds(pid, "worker")
    result = load(build, peer.port, **options)
    cpu, worker = peer.cpu() - before, thread_seconds(pid, "worker") - worker
    units = result[unit]
    return {"cpu_us": cpu / units * 1e6 if units else None,
            "worker_us": worker / units * 1e6 if units else None, "units": units, **result}


def table(title, rows, peers, key="cpu_us"):
    base = statistics.median(r[key] for r in rows["nginx"]) if "nginx" in rows else None
    print(f"\n{title}")
    for peer in peers:
        if peer not in rows:
            continue
        values = [r[key] for r in rows[peer]]
        median = statistics.median(values)
        ratio = f"{median / base:5.2f} x nginx" if base else ""
        # Our own share that no request waits for: the ledger's and the projection's threads.
        worker = statistics.median(r.get("worker_us") or 0 for r in rows[peer])
        beside = f"   (its worker {worker:.2f})" if worker and key == "cpu_us" else ""
        print(f"  {peer:8} {median:9.2f} us  {ratio}   rounds: " + " ".join(f"{v:.2f}" for v in values) + beside)


def rounds_of(build, peers, rounds, unit, path_of, **options):
    rows = {}
    for peer in peers:  # warm-up, not counted
        load(build, peer.port, path=path_of(peer), **{**options, "seconds": 1, "requests": 2000})
    for _ in range(rounds):
        for peer in peers:
            rows.setdefault(peer.name, []).append(measure(build, peer, unit, path=path_of(peer), **options))
    return rows


def chat(peer):
    return "/v1/chat/completions"


def unbuffered(peer):
    return "/unbuffered/v1/chat/completions" if peer.name == "nginx" else "/v1/chat/completions"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", default="requests,paced,unpaced,latency,idle,streams")
    parser.add_argument("--out", default="")
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    only = set(args.only.split(","))
    tmp = tempfile.mkdtemp(prefix="sluice-bench-")
    os.chmod(tmp, 0o755)
    provider = start_provider(build, tmp)
    peers = []
    results = {"machine": machine()}
    print(results["machine"])
    try:
        peers.append(start_nginx(provider.port, tmp))
        if shutil.which("haproxy"):
            peers.append(start_haproxy(provider.port, tmp))
        peers.append(start_sluice(build, provider.port, tmp))
        names = [p.name for p in peers]
        sluice = peers[-1]
        results["start_rss_kib"] = rss_kib(sluice.process.pid)
        print(f"sluice resident after start: {results['start_rss_kib']} KiB")
        small = body(tmp, "small", 1024, model="auto")
        if "requests" in only:
            rows = rounds_of(build, peers, args.rounds, "done", chat, body=small, connections=64, seconds=args.seconds)
            results["requests"] = rows
            table("CPU per request (1 KB asked, 0.5 KB answered, 64 connections)", rows, names)
            table("  p50 latency under that load", rows, names, "p50_us")
        if "paced" in only:
            stream = body(tmp, "paced", 1024, stream=True, directives="[[tokens=200 pace=20]]")
            rows = rounds_of(build, peers, args.rounds, "events", unbuffered, body=stream, connections=64,
                             requests=64, seconds=60)
            results["paced"] = rows
            table("CPU per relayed event (64 streams, 200 events, paced at 20 ms)", rows, names)
        if "unpaced" in only:
            stream = body(tmp, "unpaced", 1024, stream=True, directives="[[tokens=200]]")
            rows = rounds_of(build, peers, args.rounds, "events", unbuffered, body=stream, connections=64,
                             seconds=args.seconds)
            results["unpaced"] = rows
            table("CPU per relayed event (64 streams, 200 events, unpaced)", rows, names)
        if "latency" in only:
            latency(build, provider, peers, small, args, results)
        if "idle" in only:
            idle(sluice, results)
        if "streams" in only:
            streams(build, sluice, tmp, results)
    finally:
        for peer in peers:
            peer.stop()
        provider.stop()
        shutil.rmtree(tmp, ignore_errors=True)
    if args.out:
        with open(args.out, "w") as f:
            json.dump(results, f, indent=1)


def latency(build, provider, peers, small, args, results):
    """Added latency at half of what the slower of both saturates at, against the provider asked directly."""
    top = min(load(build, p.port, path=chat(p), body=small, connections=64, seconds=2)["per_second"] for p in peers)
    rate = int(top / 2)
    rows = {}
    everyone = [provider] + peers
    for _ in range(args.rounds):
        for peer in everyone:
            rows.setdefault(peer.name, []).append(
                load(build, peer.port, path=chat(peer), body=small, rate=rate, seconds=args.seconds))
    print(f"\nLatency at {rate} requests/s (half of the slowest's saturation), microseconds")
    direct = {q: statistics.median(r[q] for r in rows["provider"]) for q in ("p50_us", "p99_us")}
    for peer in everyone:
        p50, p99 = (statistics.median(r[q] for r in rows[peer.name]) for q in ("p50_us", "p99_us"))
        print(f"  {peer.name:8} p50 {p50:8.1f} (added {p50 - direct['p50_us']:7.1f})  p99 {p99:8.1f} "
              f"(added {p99 - direct['p99_us']:7.1f})")
    results["latency"] = {"rate": rate, "rows": rows}


def idle(sluice, results, count=5000):
    """Resident memory for each further idle keep-alive connection."""
    sockets = []
    request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"

    def open_some(n):
        for _ in range(n):
            s = socket.create_connection(("127.0.0.1", sluice.port))
            s.sendall(request)
            s.recv(4096)
            sockets.append(s)

    open_some(500)
    before = rss_kib(sluice.process.pid)
    open_some(count)
    after = rss_kib(sluice.process.pid)
    for s in sockets:
        s.close()
    each = (after - before) * 1024 / count
    results["idle_bytes"] = each
    print(f"\nidle keep-alive connections: {each:.0f} bytes each ({before} KiB at 500, {after} KiB at {count + 500})")


def streams(build, sluice, tmp, results, count=10000):
    """<count> streams at once: none may be lost."""
    # A stream takes two descriptors of the proxy's; some systems allow fewer than 10,000 need.
    count = min(count, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100) // 2)
    path = body(tmp, "many", 1024, stream=True, directives="[[tokens=20 pace=1000]]")
    result = load(build, sluice.port, path="/v1/chat/completions", body=path, connections=count, requests=count,
                  seconds=120)
    result["rss_kib"] = rss_kib(sluice.process.pid)
    results["streams"] = result
    print(f"\n{count} concurrent streams: done {result['done']}, failed {result['failed']}, peak {result['peak']}, "
          f"events {result['events']}, resident after {result['rss_kib']} KiB")


def machine():
    with open("/proc/cpuinfo") as f:
        model = next(line.split(":")[1].strip() for line in f if line.startswith("model name"))
    versions = []
    for argv in (["nginx", "-v"], ["haproxy", "-v"]):
        if shutil.which(argv[0]):
            done = subprocess.run(argv, capture_output=True, text=True)
            versions.append((done.stdout + done.stderr).split("\n")[0])
    return f"{model}, {os.cpu_count()} CPUs, Linux {os.uname().release}; " + "; ".join(versions)


if __name__ == "__main__":
    main()
