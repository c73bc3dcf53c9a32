#!/usr/bin/env python3
# gateway_reload.py -- new files while requests are under way, and bad ones.
# SPDX-License-Identifier: Apache-2.0
"""Reload by SIGHUP and by the admin API; what `sluice check` says."""
import re
import signal
import threading

from harness import *  # noqa: F403

STREAMS = 100
BAD_POLICY = ('name: bad\nbaseline: up/laarge\nuse: [up/small, up/tiny]\n'
              'rules:\n'
              '  - {name: a, when: \'request.tokenz > 5\', use: [up/small]}\n'
              '  - {name: a, when: \'request.tokens > "x"\', '
              'use: [up/small]}\n'
              '  - {name: c, wen: \'true\', use: [up/small]}\n')


def to_large():
    return dict(POLICY, name="second", use=["up/large"])


def generation(gateway):
    return gateway.metric("sluice_config_generation")


def failures(gateway):
    return gateway.metric("sluice_config_reload_failures_total")


def model_of(gateway):
    return gateway.ask(chat(model="auto")).header("x-sluice-model")


@case
def a_policy_edited_while_streams_run_breaks_none(bench):
    gateway = bench.gateway
    go = threading.Event()

    def wait_in_the_middle(peer, _):
        return send_stream(peer, stream_events(["one", "two"]),
                           lambda: go.wait(20))
    bench.upstream.script["small-1"] = wait_in_the_middle
    answers = []

    def read_one():
        try:
            answers.append(gateway.ask(chat(model="auto", stream=True)))
        except WireError as error:
            answers.append(error)
    threads = [threading.Thread(target=read_one) for _ in range(STREAMS)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: bench.upstream.count() == STREAMS, "all streams run",
                   20)
        gateway.write(policy=to_large())
        answer = gateway.reload()
        check_equal(answer.status, 200, answer.body)
        check_equal(model_of(gateway), "up/large", "the next request")
    finally:
        go.set()
        for thread in threads:
            thread.join(30)
    check_equal(len(answers), STREAMS)
    for answer in answers:
        check(not isinstance(answer, WireError), answer)
        check_equal((answer.status, answer.is_whole,
                     answer.header("x-sluice-model")),
                    (200, True, "up/small"))
        check(answer.body.endswith(DONE), answer.body)
    gateway.write(policy=POLICY)
    check_equal(gateway.reload().status, 200)


@case
def sighup_reloads_too(bench):
    gateway = bench.gateway
    before = generation(gateway)
    gateway.write(policy=to_large())
    gateway.process.signal(signal.SIGHUP)
    eventually(lambda: generation(gateway) > before, "a new generation")
    check_equal(model_of(gateway), "up/large")
    gateway.write(policy=POLICY)
    gateway.process.signal(signal.SIGHUP)
    eventually(lambda: generation(gateway) > before + 1, "a new generation")
    check_equal(model_of(gateway), "up/small")


@case
def keys_prices_and_limits_change_with_a_reload(bench):
    gateway = bench.gateway
    other = "sk-canary-new-key-61"
    changed = dict(gateway.settings,
                   keys=[{"name": "new", "key": other}],
                   models=[dict(MODELS[0], price={"input": 1, "output": 1})]
                   + MODELS[1:])
    gateway.write(changed)
    check_equal(gateway.reload().status, 200)
    check_equal(gateway.ask(chat()).status, 401, "the old key")
    answer = gateway.ask(chat(), key=other)
    check_equal(amounts(answer)[0], 15 * 1000, "the new price")
    gateway.write(gateway.settings)
    check_equal(gateway.reload().status, 200)
    check_equal(gateway.ask(chat()).status, 200)


@case
def a_bad_file_changes_nothing_and_says_so(bench):
    gateway = bench.gateway
    before, failed = generation(gateway), failures(gateway)
    gateway.write(policy=BAD_POLICY)
    answer = gateway.reload()
    check_equal(answer.status, 422)
    text = answer.body.decode()
    for place, word in ((":2:", "up/large"), (":3:", "up/tiny"),
                        (":5:", "tokens"), (":6:", ""), (":7:", "when")):
        check(any(place in line and word in line
                  for line in flat_lines(answer.json())), place, word, text)
    check_equal((generation(gateway), failures(gateway)),
                (before, failed + 1))
    check_equal(model_of(gateway), "up/small", "the old policy")
    gateway.process.signal(signal.SIGHUP)
    eventually(lambda: failures(gateway) == failed + 2, "the failure counts")
    eventually(lambda: b"policy.yaml:2:" in gateway.process.err(),
               "the log says what is wrong")
    os.remove(gateway.policy)
    check_equal(gateway.reload().status, 422, "an absent policy")
    gateway.write(policy=": : [")
    check_equal(gateway.reload().status, 422, "no YAML")
    gateway.write(policy=POLICY)
    check_equal(gateway.reload().status, 200)
    check_equal(model_of(gateway), "up/small")


def flat_lines(value):
    """Every string within a JSON value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [line for one in value for line in flat_lines(one)]
    return []


@case
def what_needs_a_restart_is_said_and_kept(bench):
    gateway = bench.gateway
    other = free_port()
    changed = dict(gateway.settings, listen=f"127.0.0.1:{other}", workers=1,
                   state="./elsewhere")
    gateway.write(changed)
    answer = gateway.reload()
    check_equal(answer.status, 200, answer.body)
    for word in ("listen", "workers", "state"):
        said = answer.body + gateway.process.err()
        check(re.search(word.encode() + rb"[^\n]*restart|restart[^\n]*"
                        + word.encode(), said), word, "needs a restart", said)
    check_equal(gateway.ask(chat()).status, 200, "the old port")
    try:
        Client(other, timeout=1).close()
        raise Failed("the new port is open")
    except ConnectionRefusedError:
        pass
    check(not os.path.exists(os.path.join(gateway.folder, "elsewhere")),
          "a new state folder")
    gateway.write(gateway.settings)
    check_equal(gateway.reload().status, 200)


@case
def many_reloads_under_load_lose_nothing(bench):
    gateway = bench.gateway
    stop = threading.Event()
    wrong = []

    def load():
        with gateway.connect() as client:
            while not stop.is_set():
                answer = client.ask(Gateway.bytes(chat(model="auto")))
                if answer.status != 200:
                    wrong.append(answer)
    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(30):
        gateway.write(policy=to_large() if i % 2 else POLICY)
        check_equal(gateway.reload().status, 200)
    stop.set()
    for thread in threads:
        thread.join(20)
    check(not wrong, wrong[:3])
    gateway.write(policy=POLICY)
    gateway.reload()


# --- sluice check --------------------------------------------------------------

BAD_CONFIG = """\
listen: 127.0.0.1:99999
workers: many
lisen: 127.0.0.1:1
drain: 30 parsecs
limits: {body: 10MB, hedaers: 5}
keys:
  - {name: a}
  - {name: a, key: "${NOT_SET_ANYWHERE}"}
  - {name: b, key: x, key_sha256: zz, models: [up/smaall]}
providers:
  - {name: up, dialect: opnai, base_url: "ftp://x/v1"}
  - {name: up, base_url: "http://127.0.0.1:1/v1", tiemouts: {}}
models:
  - {name: up/small, provider: upp, price: {input: -1}}
  - {name: up/tiny, provider: up, price: {input: 0.0000000001}}
  - {name: up/small, provider: up, capabilities: [chta]}
policy: absent.yaml
"""


def check_config(folder, text, policy=None, env=None):
    path = os.path.join(folder, "checked.yaml")
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    if policy is not None:
        with open(os.path.join(folder, "policy.yaml"), "w",
                  encoding="utf-8") as out:
            out.write(policy)
    return path, sluice("check", "--config", path, env=env)


@case
def check_prints_every_mistake_in_one_run(bench):
    path, done = check_config(bench.folder, BAD_CONFIG)
    check_equal(done.returncode, 1)
    lines = done.stdout.decode().splitlines()
    found = {}
    for line in lines:
        match = re.match(r"(.+?):(\d+):(\d+): (.+)", line)
        check(match, "no FILE:LINE:COLUMN:", line)
        check_equal(match[1], path)
        found.setdefault(int(match[2]), []).append((int(match[3]), match[4]))
    text = "\n".join(lines)
    for at, word in ((1, ""), (2, "workers"), (3, "listen"), (4, "drain"),
                     (5, "headers"), (7, "key"), (8, "NOT_SET_ANYWHERE"),
                     (9, "up/small"), (11, "openai"), (12, "timeouts"),
                     (14, "up"), (15, ""), (16, "chat"), (17, "absent.yaml")):
        check(at in found, f"no mistake at line {at}:\n{text}")
        check(any(word in what for _, what in found[at]),
              f"line {at} does not say {word!r}:\n{text}")
    check(any(column == 1 for column, _ in found[3]), found[3])


@case
def check_prints_every_mistake_of_a_policy(bench):
    good = to_yaml(settings(1))
    path, done = check_config(bench.folder, good, BAD_POLICY)
    check_equal(done.returncode, 1)
    lines = done.stdout.decode().splitlines()
    for place, word in ((":2:11: ", "up/large"), (":3:17: ", "up/"),
                        (":5:", "tokens"), (":6:", ""), (":7:", "when")):
        check(any(line.startswith(os.path.dirname(path)) and
                  f"policy.yaml{place}" in line and word in line
                  for line in lines), place, word, "\n".join(lines))


@case
def check_is_silent_about_a_good_file_but_for_one_line(bench):
    _, done = check_config(bench.folder, to_yaml(settings(1)),
                           to_yaml(POLICY))
    check_equal(done.returncode, 0, done.stdout)
    check_equal(len(done.stdout.splitlines()), 1)
    bare = [{k: v for k, v in MODELS[0].items() if k != "price"}] + MODELS[1:]
    _, done = check_config(bench.folder, to_yaml(settings(1, models=bare)),
                           to_yaml(POLICY))
    check_equal(done.returncode, 0, done.stdout)
    check(b"up/small" in done.stdout + done.stderr and
          b"price" in done.stdout + done.stderr, "unpriced is said aloud")


@case
def variables_of_the_environment_are_expanded(bench):
    made = to_yaml(settings(1, keys=[
        {"name": "a", "key": "${THE_KEY}"},
        {"name": "b", "key": "${NO_SUCH_KEY:-fall-back-key}"},
        {"name": "$$dollar", "key": "third-key"}]))
    _, done = check_config(bench.folder, made, to_yaml(POLICY))
    check_equal(done.returncode, 1)
    check(b"THE_KEY" in done.stdout, done.stdout)
    _, done = check_config(bench.folder, made, to_yaml(POLICY),
                           env={"THE_KEY": "first-key"})
    check_equal(done.returncode, 0, done.stdout)


@case
def commands_say_how_they_are_used(bench):
    for command in ("serve", "check", "route", "spend", "ledger", "version"):
        done = sluice(command, "--help")
        check_equal(done.returncode, 0, command)
        check(b"xample" in done.stdout, command, "has no example")
    for args in ((), ("sreve",), ("check",), ("check", "--confg", "x"),
                 ("ledger", "--config", bench.gateway.config, "verifyy")):
        check_equal(sluice(*args).returncode, 2, args)
    near = sluice("sreve").stderr.decode()
    check("serve" in near, near)
    missing = sluice("check", "--config", "/no/such/file.yaml")
    check_equal(missing.returncode, 1)
    check(b"/no/such/file.yaml" in missing.stdout + missing.stderr, missing)


if __name__ == "__main__":
    run_cases(Bench)
