#!/usr/bin/env python3
# gateway_models.py -- models inside: they come, go and fail beside requests.
# SPDX-License-Identifier: Apache-2.0
"""Tiny checkpoints, loaded behind requests to an upstream."""
import threading

from engine import BOS, Place, template
from harness import *  # noqa: F403

CHAT = "{{ bos_token }}{% for m in messages %}{{ m.content }}\n{% endfor %}"
TOOLS = CHAT + "{% for t in tools or [] %}{{ t.function.name }}{% endfor %}"
POWER = {"watts": 65, "tariff": "0.30", "hour": "0.05"}


class Models(Bench):
    """The usual bench, with checkpoints beside it."""

    def __init__(self):
        self.place = Place()
        self.llama = self.place.checkpoint("llama", chat=CHAT)
        self.qwen = self.place.checkpoint("qwen3", chat=TOOLS)
        self.bert = self.place.checkpoint("bert")
        super().__init__(local=[self.local("local/llama", self.llama)])

    @staticmethod
    def local(name, path, **more):
        return dict({"name": name, "path": path,
                     "price": {"input": 1, "output": 2}}, **more)

    def close(self):
        problem = super().close()
        self.place.close()
        return problem

    def load(self, *locals_, **changes):
        """Reloads with these local models."""
        made = dict(self.gateway.settings, local=list(locals_), **changes)
        if not locals_:
            del made["local"]
        self.gateway.write(made)
        return self.gateway.reload()

    def usual(self):
        return self.local("local/llama", self.llama)

    def ready(self, port=None):
        """{name: what /readyz says of it}, its status and word."""
        with Client(port or self.gateway.admin) as client:
            answer = client.ask(request("GET", "/readyz", ()))
        body = answer.json()
        return (answer.status, body["status"],
                {one["model"]: one for one in body.get("local", [])})

    def state(self, name):
        return self.ready()[2].get(name, {}).get("state")

    def wait(self, name, state="ready"):
        eventually(lambda: self.state(name) == state,
                   f"{name} is {state}", 30)

    def check(self, *locals_, **changes):
        """What `sluice check` prints of these local models, and its status."""
        made = dict(self.gateway.settings, local=list(locals_), **changes)
        path = os.path.join(self.gateway.folder, "checked.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(to_yaml(made))
        done = sluice("check", "--config", path)
        return (done.returncode, done.stdout.decode(), done.stderr.decode())


# --- coming and going --------------------------------------------------------

@case
def a_model_loads_behind_requests_and_becomes_ready(bench):
    check_equal(bench.gateway.ask(chat()).status, 200)
    bench.wait("local/llama")
    status, word, models = bench.ready()
    check_equal((status, word), (200, "ok"))
    one = models["local/llama"]
    check(one["loading_seconds"] > 0 and one["output_tokens"] >= 1, one)
    check_equal(bench.ready(bench.gateway.port)[2],
                {"local/llama": {"model": "local/llama", "state": "ready"}},
                "what anybody is told")
    gateway = bench.gateway
    check_equal(gateway.metric("sluice_local_model_state"), 1)
    for name in ("sluice_local_model_load_seconds_total",
                 "sluice_local_weight_bytes", "sluice_local_busy_seconds_total",
                 "sluice_local_steps_total", "sluice_local_rows_total"):
        check(gateway.metric(name, model="local/llama") > 0, name)
    check_equal(gateway.metric("sluice_local_kv_bytes", part="max"), 2**30)
    log = gateway.process.err()
    for stage in (b"tokenizer", b"weights", b"first token"):
        check(b'stage="' + stage in log, stage, log)
    check(b"event=local_model_ready model=local/llama" in log, log)


@case
def the_list_of_models_has_those_inside(bench):
    answer = bench.gateway.ask(None, "/v1/models", method="GET")
    owners = {one["id"]: one["owned_by"] for one in answer.json()["data"]}
    check_equal(owners["local/llama"], "local")
    check_equal(owners["up/small"], "up")


@case
def the_summary_tells_of_them(bench):
    bench.wait("local/llama")
    local = json.loads(get(bench.gateway.admin, "/api/summary"))["local"]
    check_equal([(one["model"], one["state"]) for one in local],
                [("local/llama", "ready")])


@case
def a_reload_adds_and_removes_models_while_requests_go_on(bench):
    bench.wait("local/llama")
    over = threading.Event()
    wrong = []

    def keep_asking():
        while not over.is_set():
            answer = bench.gateway.ask(chat())
            if answer.status != 200:
                wrong.append(answer)
    thread = threading.Thread(target=keep_asking)
    thread.start()
    try:
        answer = bench.load(bench.usual(), bench.local("local/qwen", bench.qwen),
                            bench.local("local/bert", bench.bert))
        check_equal(answer.status, 200, answer.body)
        check_equal(bench.state("local/llama"), "ready", "the one that stays")
        for name in ("local/qwen", "local/bert"):
            bench.wait(name)
        check_equal(bench.load(bench.usual()).status, 200)
        check_equal(set(bench.ready()[2]), {"local/llama"})
        eventually(lambda: bench.gateway.metric(
            "sluice_local_model_state", model="local/qwen") == 3,
            "the removed one is closed")
    finally:
        over.set()
        thread.join(30)
    check_equal(wrong, [])
    log = bench.gateway.process.err()
    check_equal(log.count(b"local_model_ready model=local/llama"), 1)


@case
def what_a_model_is_decides_whether_it_loads_anew(bench):
    bench.wait("local/llama")
    gateway = bench.gateway

    def loads():
        return gateway.process.err().count(
            b"local_model_ready model=local/llama")
    before = loads()
    for change in ({"power": POWER, "price": None}, {"price": {"input": 9}},
                   {"escalate": {"below": "0.5", "to": "up/large"}},
                   {"capabilities": ["completions"]},
                   {"sampling": {"temperature": 0.5}}, {"sampling": "model"}):
        one = {key: value for key, value in
               dict(bench.usual(), **change).items() if value is not None}
        check_equal(bench.load(one).status, 200)
        check_equal(bench.state("local/llama"), "ready", change)
    check_equal(loads(), before)
    for change in ({"batch": 2}, {"context": 128}, {"backend": "exact"}):
        check_equal(bench.load(dict(bench.usual(), **change)).status, 200)
        before += 1
        eventually(lambda: loads() == before, f"loaded anew: {change}", 20)
    # And when its files change.
    bench.place.write("llama/chat_template.jinja", CHAT + " ")
    check_equal(bench.load(dict(bench.usual(), backend="exact")).status, 200)
    eventually(lambda: loads() == before + 1, "loaded anew", 20)
    check_equal(bench.load(bench.usual()).status, 200)
    bench.wait("local/llama")


@case
def reloads_in_a_row_leave_the_last_one_loaded(bench):
    for i in range(12):
        one = bench.local("local/qwen", bench.qwen, batch=i % 3 + 1)
        check_equal(bench.load(*([one] if i % 4 else [one, bench.usual()])
                               ).status, 200)
    check_equal(bench.load(bench.usual(), bench.local(
        "local/qwen", bench.qwen, batch=7)).status, 200)
    for name in ("local/llama", "local/qwen"):
        bench.wait(name)
    check_equal(bench.load(bench.usual()).status, 200)


@case
def reloads_break_no_answer_of_a_model_that_stays_or_goes(bench):
    bench.wait("local/llama")
    gateway = bench.gateway
    over = threading.Event()
    seen, wrong = {}, []

    def keep_asking(model, stream):
        while not over.is_set():
            answer = gateway.ask(chat("hello", model, stream=stream,
                                      max_tokens=24))
            code = answer.status if answer.status == 200 else \
                answer.json()["error"]["code"]
            seen[model, code] = seen.get((model, code), 0) + 1
            if model == "local/llama" and code != 200 or not answer.is_whole:
                wrong.append((model, code, answer.body))
    threads = [threading.Thread(target=keep_asking, args=one)
               for one in (("local/llama", True), ("local/llama", False),
                           ("local/qwen", True), ("local/qwen", False))]
    for thread in threads:
        thread.start()
    try:
        for i in range(12):
            here = [bench.usual()]
            if i % 3:
                here.append(bench.local("local/qwen", bench.qwen, batch=i % 2
                                        + 1))
            check_equal(bench.load(*here).status, 200)
            if i % 3 == 2:
                bench.wait("local/qwen")
        # Some answers of the one that comes and goes.
        check_equal(bench.load(bench.usual(), bench.local(
            "local/qwen", bench.qwen)).status, 200)
        eventually(lambda: ("local/qwen", 200) in seen, "it answered", 20)
    finally:
        over.set()
        for thread in threads:
            thread.join(30)
    check_equal(wrong, [], seen)
    check(set(code for _, code in seen) <= {
        200, "model_not_found", "model_loading", "model_unavailable"}, seen)
    check_equal(bench.load(bench.usual()).status, 200)
    eventually(lambda: gateway.metric("sluice_local_model_state",
                                      model="local/qwen") == 3, "closed")
    check_equal(gateway.metric("sluice_local_kv_bytes", part="used"), 0)


@case
def a_changed_engine_waits_for_a_restart_and_says_so(bench):
    check_equal(bench.load(bench.usual(), engine={"memory": "8MiB"}).status,
                200)
    check(b"event=needs_restart key=engine" in bench.gateway.process.err())

    def share():
        bench.gateway.ask(chat(model="local/llama", max_tokens=1))
        return bench.gateway.metric("sluice_local_kv_bytes", part="max",
                                    model="local/llama")
    eventually(lambda: share() == 2**30, "all of the old memory")
    check_equal(bench.load(bench.usual()).status, 200)


# --- failing -----------------------------------------------------------------

@case
def a_model_that_cannot_load_is_shown_with_its_reason(bench):
    made = settings(bench.upstream.port, engine={"memory": "4KiB"},
                    local=[bench.usual(), bench.local("local/bert",
                                                      bench.bert)])
    gateway = bench.add(made, name="failing")
    other = Models.__new__(Models)
    other.gateway = gateway
    other.wait("local/llama", "failed")
    other.wait("local/bert")
    status, word, models = other.ready()
    check_equal((status, word), (200, "ok"))
    check("keys and values" in models["local/llama"]["error"], models)
    check("error" not in other.ready(gateway.port)[2]["local/llama"])
    check_equal(gateway.metric("sluice_local_model_state",
                               model="local/llama"), 2)
    check(b"event=local_model_failed model=local/llama"
          in gateway.process.err())
    check_equal(gateway.ask(chat()).status, 200, "others go on")
    answer = gateway.ask(chat(model="local/llama"))
    check_equal((answer.status, answer.json()["error"]["code"]),
                (503, "model_unavailable"))
    check("keys and values" in answer.json()["error"]["message"], answer.body)
    # A reload tries again.
    check_equal(gateway.reload().status, 200)
    eventually(lambda: gateway.process.err().count(
        b"local_model_failed model=local/llama") == 2, "tried again")
    check_equal(gateway.process.err().count(
        b"local_model_ready model=local/bert"), 1)


@case
def the_next_candidate_answers_for_one_that_is_not_ready(bench):
    policy = {"name": "inside", "baseline": "up/large",
              "use": ["local/llama", "up/small"]}
    made = settings(bench.upstream.port, engine={"memory": "4KiB"},
                    local=[bench.usual()])
    gateway = bench.add(made, policy, name="next")
    for _ in range(20):
        answer = gateway.ask(chat(model="auto"))
        check_equal((answer.status, answer.header("x-sluice-model")),
                    (200, "up/small"))
    # The router went past it: nothing was tried in vain.
    check_equal(gateway.metric("sluice_upstream_attempts_total",
                               model="local/llama"), 0)


@case
def without_another_model_it_is_not_ready_before_one_is(bench):
    policy = {"name": "inside", "baseline": "local/llama",
              "use": ["local/llama"]}
    made = settings(0, engine={"memory": "4KiB"}, local=[bench.usual()])
    del made["providers"], made["models"]
    made["keys"] = [{"name": "team-a", "key": KEY}]
    gateway = bench.add(made, policy, name="alone", wait=False)
    other = Models.__new__(Models)
    other.gateway = gateway

    def answer():
        try:
            return other.ready()
        except OSError:
            return None
    eventually(lambda: answer() and answer()[1] == "failed", "it has failed")
    check_equal(other.ready()[0], 503)
    check_equal(other.ready(gateway.port)[0], 503)


@case
def a_stop_while_a_model_loads_is_prompt(bench):
    made = settings(bench.upstream.port, local=[
        bench.local(f"local/{i}", bench.llama, batch=i + 1)
        for i in range(20)])
    gateway = bench.add(made, name="stopped", wait=False)
    eventually(lambda: b"event=serving" in gateway.process.err(), "it serves")
    check_equal(gateway.stop(20), None)


# --- what check says ---------------------------------------------------------

@case
def check_counts_and_reads_them(bench):
    status, out, err = bench.check(bench.usual(), bench.local(
        "local/bert", bench.bert, **{"class": "kind"}))
    check_equal(status, 0, out)
    check("2 local" in out, out)
    check_equal(err, "")
    status, out, err = bench.check(
        {"name": "local/llama", "path": bench.llama})
    check('"local/llama" has no price' in err, err)
    status, out, err = bench.check(bench.usual(), engine={"memory": "4KiB"})
    check("a text of full length" in err, err)
    status, out, err = bench.check(bench.usual(), engine={"memory": "16TiB"})
    check("this machine has" in err, err)


@case
def every_mistake_has_its_place(bench):
    llama = bench.usual()
    bad = bench.place.path("llama", "config.json")
    for change, word in (
            ({"path": "nowhere"}, "No such file"),
            ({"path": bad}, "config.json"),
            ({"path": "hf:someone/something"}, "sluice pull"),
            ({"context": 100000}, "at most the model's 256 tokens"),
            ({"backend": "cqu"}, 'did you mean "cpu"?'),
            ({"bach": 3}, 'did you mean "batch"?'),
            ({"power": POWER}, "two ways"),
            ({"power": {"watts": 1}, "price": None}, '"tariff" is missing'),
            ({"power": dict(POWER, watts="1.2345"), "price": None},
             "three fractional digits"),
            ({"power": dict(POWER, hour="-1"), "price": None},
             '"hour" must be 0 to 100000'),
            ({"escalate": {"below": "0.5", "to": "up/lrge"}},
             'did you mean "up/large"?'),
            ({"escalate": {"below": "0.5", "to": "local/llama"}}, "itself"),
            ({"calibration": "nowhere.json"}, "nowhere.json"),
            ({"class": "kind"}, "no classification head"),
            ({"class": "a b"}, "letters, digits"),
            ({"capabilities": ["embeddings"]}, "encoder"),
            ({"capabilities": ["chat", "tols"]}, 'did you mean "tools"?'),
            ({"name": "up/small"}, 'a second model named "up/small"'),
            ({"name": "auto"}, "leave the choice"),
            ({"sampling": "modle"}, '"sampling" must be model or {temp'),
            ({"sampling": {"temprature": 1}}, 'did you mean "temperature"?'),
            ({"sampling": {"temperature": "hot"}},
             '"temperature" must be 0 to 2'),
            ({"sampling": {"temperature": 2.5}},
             '"temperature" must be 0 to 2, a plain decimal, got "2.5"'),
            ({"sampling": {"top_p": [1]}}, '"top_p"'),
            ({"sampling": {"top_k": -1}}, '"top_k"'),
            ({"sampling": {"repetition_penalty": 0}},
             '"repetition_penalty" must be 0.01 to 10'),
            ({"sampling": [1]}, 'local[].sampling must be a map'),
            ({"sampling": "model", "path": bench.bert},
             '"sampling": ' + bench.bert + " is an encoder"),
            ({"weight": 0}, '"weight" must be 1 to 1000')):
        one = {key: value for key, value in dict(llama, **change).items()
               if value is not None}
        status, out, _ = bench.check(one)
        check(status == 1 and re.search(
            r"checked\.yaml:\d+:\d+: .*" + re.escape(word), out), change, out)
    status, out, _ = bench.check(
        bench.local("local/a", bench.bert, **{"class": "kind"}),
        bench.local("local/b", bench.bert, **{"class": "kind"}))
    check('a second class named "kind"' in out, out)
    status, out, _ = bench.check(engine={"threads": "many"})
    check('"threads" must be auto or 1 to 256' in out, out)


@case
def what_a_checkpoint_can_is_known_before_it_loads(bench):
    policy = os.path.join(bench.gateway.folder, "policy-inside.yaml")
    with open(policy, "w", encoding="utf-8") as out:
        out.write(to_yaml({"name": "p", "baseline": "up/large", "use": [
            "local/llama", "local/qwen", "local/bert"]}))
    made = dict(bench.gateway.settings, policy="policy-inside.yaml", local=[
        bench.usual(), bench.local("local/qwen", bench.qwen),
        bench.local("local/bert", bench.bert)])
    path = os.path.join(bench.gateway.folder, "routed.yaml")
    with open(path, "w", encoding="utf-8") as out:
        out.write(to_yaml(made))

    def eligible(body):
        done = sluice("route", "--config", path,
                      text=json.dumps(body).encode())
        answer = json.loads(done.stdout)
        return {one["model"] for one in answer.get("candidates", [])
                if one["eligible"]}
    check_equal(eligible(chat(model="auto")), {"local/llama", "local/qwen"})
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    check_equal(eligible(chat(model="auto", tools=[tool])), {"local/qwen"})
    check_equal(eligible({"model": "auto", "input": "x"}), {"local/bert"})
    check_equal(eligible(chat("word " * 300, model="auto")), set())


# --- how they sample ---------------------------------------------------------

def said(bench, status=200, **more):
    answer = bench.gateway.ask(chat("Hello", "local/llama", **dict(
        {"max_tokens": 16, "seed": 3}, **more)))
    check_equal(answer.status, status, answer.body)
    return answer.json()["choices"][0]["message"]["content"]


@case
def a_model_may_have_sampling_of_its_own(bench):
    def load(sampling):
        check_equal(bench.load(dict(bench.usual(), sampling=sampling)).status,
                    200, sampling)
        bench.wait("local/llama")

    config = bench.place.path("llama", "generation_config.json")
    with open(config, encoding="utf-8") as file:
        before = json.load(file)
    bench.wait("local/llama")
    greedy, drawn = said(bench, temperature=0), said(bench)
    check(greedy != drawn, greedy)
    for sampling in ({"temperature": 0}, {"top_k": 1}, {"top_p": "0.000001"},
                     {"min_p": 1}):
        load(sampling)
        check_equal(said(bench), greedy, sampling)
        # What a request says goes before it, each parameter by itself.
        check_equal(said(bench, temperature=1, top_k=0, top_p=1, min_p=0),
                    drawn, sampling)
    load({"repetition_penalty": 1.5})
    check(said(bench, temperature=0) != greedy)
    check_equal(said(bench, temperature=0, repetition_penalty=1), greedy)
    for suggested, wanted in (
            ({"temperature": 0.7, "top_k": 1}, greedy),
            ({"do_sample": False, "temperature": 0.7}, greedy),
            ({"do_sample": True, "top_p": 1.0, "top_k": 0}, drawn),
            ({"temperature": None}, drawn), ({}, drawn)):
        bench.place.write("llama/generation_config.json",
                          dict(before, **suggested))
        load("model")
        check_equal(said(bench), wanted, suggested)
        load({})
        check_equal(said(bench), drawn, suggested)
    for content, word in (({"top_p": "much"}, '"top_p" must be 0 to 1'),
                          ({"temperature": -1}, '"temperature" must be 0 to'),
                          ([], "must be an object")):
        bench.place.write("llama/generation_config.json", content)
        status, out, _ = bench.check(dict(bench.usual(), sampling="model"))
        check(status == 1 and "generation_config.json" in out and
              word in out, out)
    os.remove(config)
    status, out, _ = bench.check(dict(bench.usual(), sampling="model"))
    check(status == 1 and re.search(
        r'\d+:\d+: "sampling": .* has no generation_config\.json', out), out)
    bench.place.write("llama/generation_config.json", before)
    load({})


@case
def the_cache_goes_by_what_the_request_says(bench):
    def state(sampling, **more):
        check_equal(bench.load(dict(bench.usual(), sampling=sampling),
                               cache={"store": "memory"}).status, 200)
        bench.wait("local/llama")
        answer = bench.gateway.ask(chat("cached", "local/llama", max_tokens=4,
                                        **more))
        check_equal(answer.status, 200, answer.body)
        return answer.header("x-sluice-cache")

    for sampling in ({"temperature": "0.7"}, {"temperature": 0}):
        for _ in range(2):
            check_equal(state(sampling), "bypass", "nobody said 0")
    check_equal(state({}, temperature=0), "miss")
    # Nothing of this shapes a greedy answer.
    check_equal(state({"temperature": "0.7", "top_p": "0.5", "top_k": 3},
                      temperature=0), "hit")
    penalty = {"repetition_penalty": "1.3"}
    check_equal(state(penalty, temperature=0), "miss")
    check_equal(state(penalty, temperature=0), "hit")
    said_so = dict(temperature=0, repetition_penalty=1)
    check_equal(state(penalty, **said_so), "miss")
    check_equal(state({}, **said_so), "hit")
    bench.load(bench.usual())


if __name__ == "__main__":
    run_cases(Models)
