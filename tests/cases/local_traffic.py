# local_traffic.py -- random traffic to models inside, each answer checked.
# SPDX-License-Identifier: Apache-2.0
"""What gateway_local_chaos.py asks and how it judges what it is told.

A Book knows what `sluice generate` and `sluice embed` say to a set of texts by
the same checkpoints, in plain arithmetic: greedy answers are compared with it,
so nobody can be given what was written for another. A Crowd is clients that
ask by dice, and leave, dawdle or stall by dice too.
"""
import array
import base64
import math
import threading
import traceback

from engine import ask as engine_ask
from harness import *  # noqa: F403

CHAT = ("{% for m in messages %}<|im_start|>{{ m.role }} {{ m.content }}"
        "<|im_end|>{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant {% endif %}")
TOOLS = ("{% for t in tools or [] %}{{ t.function.name }}<tool_call>"
         "{% endfor %}" + CHAT)
TINY, CALLS, BERT = "local/tiny", "local/tools", "local/bert"
LENGTHS = (3, 24, 80)
ENDLESS = {"2": -100, "4": -100}  # the ends of a text
BOUND = 30.0  # seconds that any read may take, but on a slow build
SCHEMA = {"type": "object", "properties": {
    "c": {"enum": ["a", "b"]}, "n": {"type": "boolean"}},
    "required": ["c", "n"], "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "w", "parameters": SCHEMA}}
FAULTS = ["", "", "", "status=503", "status=429 retry_after=1", "reset",
          "hangup", "garbage", "cut=200", "cut_event=3", "error_event=2",
          "tokens=30 pace=5", "delay=200", "stall=forever", "no_usage",
          "malformed_event=1", "split=random:4"]


class Book:
    """What the engine says to each text, greedily and at each length."""

    def __init__(self, paths, count=12, dice=random.Random(11)):
        letters = "abcdefghijklmnopqrstuvwxyz0123456789"
        self.texts = [
            f"{i} " + "".join(dice.choice(letters) for _ in range(
                dice.choice([4, 9, 30, 70]))) for i in range(count)]
        self.said = {}  # (model, endpoint, prefix, i, length)
        for model in (TINY, CALLS):
            self.generate(model, paths[model])
        self.vectors = engine_ask("embed", paths[BERT], *self.texts,
                                  flags=("--exact",))

    def generate(self, model, path):
        for prefix in ("", "unsure ", "sure ", "agree "):
            places = [(endpoint, i, length)
                      for endpoint in ("chat", "completions")
                      for i in range(len(self.texts)) for length in LENGTHS]
            rows = []
            for endpoint, i, length in places:
                text = prefix + self.texts[i]
                rows.append({"max_tokens": length, **(
                    {"prompt": text} if endpoint == "completions" else
                    {"messages": [{"role": "user", "content": text}]})})
            answers = engine_ask("generate", path, *rows,
                                 flags=("--exact", "--context", "256"))
            for (endpoint, i, length), one in zip(places, answers):
                self.said[model, endpoint, prefix, i, length] = one


class Question:
    """One request by dice, and what may be answered."""

    def __init__(self, book, dice):
        self.book, self.dice = book, dice
        self.i = dice.randrange(len(book.texts))
        self.length = dice.choice(LENGTHS)
        self.kind = dice.choice(
            ["chat"] * 4 + ["completions"] * 2 + ["schema", "tools", "drawn",
                            "logprobs", "embeddings", "upstream", "stop"])
        self.model = TINY if dice.random() < 0.6 else CALLS
        self.prefix = ""
        self.is_auto = dice.random() < 0.4 and self.kind != "tools"
        if self.is_auto:
            self.prefix = dice.choice(["", "unsure ", "sure ", "agree "])
        self.n = dice.choice([1, 1, 1, 2, 4])
        if dice.random() < 0.15:  # one that a cache may know
            self.i, self.length, self.n, self.kind = 0, 3, 1, "chat"
            self.model, self.is_auto, self.prefix = TINY, False, ""
        self.path = "/v1/chat/completions"
        self.body = getattr(self, "make_" + self.kind)()
        if self.kind != "embeddings" and dice.random() < 0.5:
            self.body["stream"] = True
            self.body["stream_options"] = {"include_usage": True}

    def text(self):
        return self.prefix + self.book.texts[self.i]

    def name(self):
        return "auto" if self.is_auto else self.model

    def make_chat(self, **more):
        body = chat(self.text(), self.name(), max_tokens=self.length, **more)
        body.setdefault("temperature", 0)
        if self.n > 1:
            body["n"] = self.n
        return body

    def make_completions(self):
        self.path = "/v1/completions"
        body = {"model": self.name(), "prompt": self.text(), "temperature": 0,
                "max_tokens": self.length}
        if self.n > 1:
            body["n"] = self.n
        return body

    def make_schema(self):
        return self.make_chat(temperature=1, seed=self.i, response_format={
            "type": "json_schema", "json_schema": {
                "name": "x", "strict": True, "schema": SCHEMA}})

    def make_tools(self):
        self.model, self.n = CALLS, 1
        return self.make_chat(temperature=1, tools=[TOOL],
                              tool_choice="required")

    def make_drawn(self):
        self.n = self.dice.choice([2, 4, 6])
        return self.make_chat(temperature=1.2, logit_bias=ENDLESS, seed=5,
                              frequency_penalty=0.5)

    def make_logprobs(self):
        self.is_auto = False
        return self.make_chat(logprobs=True, top_logprobs=20)

    def make_stop(self):
        self.is_auto, self.prefix, self.n = False, "", 1
        said = self.wanted(self.model)["text"]
        at = min(6, max(0, len(said) - 2))
        self.stop = said[at:at + 2] or "never"
        return self.make_chat(stop=[self.stop, "\u00e9"])

    def make_embeddings(self):
        self.path = "/v1/embeddings"
        self.list = [self.dice.randrange(len(self.book.texts)) for _ in
                     range(self.dice.choice([1, 2, 8, 40]))]
        return {"model": BERT, "input": [self.book.texts[i]
                                         for i in self.list],
                "encoding_format": self.dice.choice(["float", "base64"])}

    def make_upstream(self):
        self.is_auto = self.dice.random() < 0.5
        self.model, self.prefix, self.n = "up/small", "", 1
        return chat(f"[[{self.dice.choice(FAULTS)}]] elsewhere",
                    "auto" if self.is_auto else self.model, max_tokens=60)

    def wanted(self, model):
        endpoint = "completions" if "completions" == self.kind else "chat"
        return self.book.said[model, endpoint, self.prefix, self.i,
                              self.length]


# --- reading -------------------------------------------------------------------

def is_stream(answer):
    return (answer.header("content-type") or "").startswith(
        "text/event-stream")


class Said:
    """What an answer of chat or completions says, in either form."""

    def __init__(self, answer):
        self.texts, self.reasons, self.calls, self.tops = {}, {}, {}, {}
        self.usage = None
        for chunk in answer.chunks() if is_stream(answer) else [answer.json()]:
            check("error" not in chunk, "an error in a whole answer", chunk)
            self.usage = chunk.get("usage") or self.usage
            for choice in chunk["choices"]:
                self.take(choice)

    def take(self, choice):
        i = choice["index"]
        part = choice.get("delta") or choice.get("message") or {}
        text = choice.get("text") or part.get("content") or ""
        self.texts[i] = self.texts.get(i, "") + text
        for call in part.get("tool_calls") or []:
            calls = self.calls.setdefault(i, {})
            key = call.get("index", len(calls))
            calls[key] = calls.get(key, "") + (
                call["function"].get("arguments") or "")
        if choice.get("finish_reason"):
            check(i not in self.reasons, "two finish reasons", choice)
            self.reasons[i] = choice["finish_reason"]
        entries = (choice.get("logprobs") or {}).get("content") or []
        self.tops[i] = self.tops.get(i, []) + entries


def judge_local(question, model, answer):
    """A whole answer of a model inside."""
    if question.kind == "embeddings":
        judge_vectors(question, answer.json())
        return None
    said = Said(answer)
    n = question.n
    check_equal(sorted(said.reasons), list(range(n)), question.body)
    check(said.usage, "usage", answer)
    check(set(said.reasons.values()) <= {"stop", "length", "tool_calls"},
          said.reasons)
    if question.kind in ("chat", "completions", "logprobs"):
        wanted = question.wanted(model)
        # What most of three samples say need not be the likeliest.
        is_sampled = question.prefix == "agree " and n == 1
        for i in range(0 if is_sampled else n):
            check_equal((said.texts[i], said.reasons[i]),
                        (wanted["text"], wanted["finish_reason"]),
                        f"{answer.header('x-sluice-request-id')} {model} "
                        f"{question.body}")
        check_equal(said.usage["prompt_tokens"],
                    wanted["usage"]["prompt_tokens"], question.body)
        if not is_sampled:
            check_equal(said.usage["completion_tokens"],
                        n * wanted["usage"]["completion_tokens"],
                        question.body)
    elif question.kind == "stop":
        wanted = question.wanted(model)["text"]
        check_equal(said.texts[0], wanted.split(question.stop)[0],
                    question.body)
    if question.kind == "logprobs":
        check_equal(sum(map(len, said.tops.values())),
                    said.usage["completion_tokens"], "logprobs")
    judge_form(question, said)
    return said.usage


def judge_form(question, said):
    if question.kind == "schema":
        for i, reason in said.reasons.items():
            if reason == "stop":
                value = json.loads(said.texts[i])
                check(sorted(value) == ["c", "n"] and value["c"] in "ab" and
                      isinstance(value["n"], bool), value)
    if question.kind == "tools" and said.reasons[0] == "tool_calls":
        for arguments in said.calls[0].values():
            check_equal(sorted(json.loads(arguments)), ["c", "n"])


def judge_vectors(question, body):
    check_equal([one["index"] for one in body["data"]],
                list(range(len(question.list))))
    for one, i in zip(body["data"], question.list):
        vector = one["embedding"]
        if isinstance(vector, str):
            vector = floats(base64.b64decode(vector))
        wanted = question.book.vectors[i]
        near = sum(a * b for a, b in zip(vector, wanted))
        size = math.sqrt(sum(a * a for a in wanted)
                         * sum(a * a for a in vector))
        check(len(vector) == len(wanted) and near / size > 0.999,
              "another text's vector", i, vector[:4], wanted[:4])


def floats(raw):
    values = array.array("f")
    values.frombytes(raw)
    return list(values)


# --- clients -------------------------------------------------------------------

class Crowd:
    """Threads that ask by dice until told to stop."""

    def __init__(self, gateway, book, keys, seed, bound=BOUND):
        self.gateway, self.book, self.keys = gateway, book, keys
        self.bound = bound
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.problems = []
        self.counts = {}
        self.told = {}  # request id: (key, amounts or None, local usage)
        self.is_reloading = False
        self.threads = []
        self.seed = seed
        self.slowest = 0.0

    def note(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def start(self, count):
        self.threads = [threading.Thread(
            target=self.run, args=(self.seed * 1000 + i,), daemon=True)
            for i in range(count)]
        for thread in self.threads:
            thread.start()

    def finish(self):
        self.over.set()
        for thread in self.threads:
            thread.join(4 * self.bound)
        stuck = sum(thread.is_alive() for thread in self.threads)
        if stuck:
            self.problems.append(f"{stuck} clients hang")

    def run(self, seed):
        dice = random.Random(seed)
        while not self.over.is_set():
            try:
                options = {"timeout": self.bound}
                if dice.random() < 0.2:
                    options["receive_buffer"] = 4096
                with self.gateway.connect(**options) as client:
                    while not self.over.is_set() and self.one(dice, client):
                        pass
            except Ended:
                self.note("closed before an answer")
            except (WireError, ValueError, Failed, KeyError, TypeError,
                    IndexError) as error:
                with self.lock:
                    self.problems.append(
                        f"{error!r} {traceback.format_exc()[-900:]}")
                if len(self.problems) > 20:
                    return
            except OSError:
                self.note("reset")

    def one(self, dice, client):
        """One request; whether the connection is still good."""
        question = Question(self.book, dice)
        key = dice.choice(list(self.keys))
        headers = []
        if dice.random() < 0.5:
            headers.append(("cache-control", dice.choice(
                ["no-store", "no-cache"])))
        data = Gateway.bytes(question.body, question.path, self.keys[key],
                             headers)
        way = dice.random()
        if way < 0.04:  # leaves within its own request
            client.send(data[:dice.randrange(1, len(data))])
            return self.leave(dice, client)
        began = time.monotonic()
        client.send(data)
        if way < 0.08:  # before the head, at once or a little later
            self.over.wait(dice.choice([0, 0, 0.005, 0.05]))
            return self.leave(dice, client)
        if way < 0.2:  # within the answer
            try:
                client.exactly(dice.choice([1, 100, 600, 1500, 6000]))
            except WireError:
                pass
            return self.leave(dice, client)
        if way < 0.3:  # stalls, and then goes on
            self.over.wait(dice.random() * 1.5)
        answer = client.read_head()
        if way < 0.3:
            self.over.wait(dice.random() * 0.5)
        answer = client.read_body(answer)
        if way >= 0.3:
            self.slowest = max(self.slowest, time.monotonic() - began)
        self.judge(question, key, answer)
        return answer.is_whole and answer.header("connection") != "close"

    def leave(self, dice, client):
        self.note("left")
        if dice.random() < 0.5:
            client.reset()
        return False

    # --- judging

    def judge(self, question, key, answer):
        model = answer.header("x-sluice-model")
        where = "local" if (model or "").startswith("local/") else "up"
        self.note(f"{where} {answer.status}"
                  f"{'' if answer.is_whole else ' cut'}")
        check(answer.header("x-sluice-request-id"), "no id", answer)
        if not answer.is_whole:
            check(where == "up", "a local answer was cut", question.body,
                  answer.body[-300:])
            return
        usage = None
        if answer.status == 200:
            if is_stream(answer):
                check_stream(answer, question.body)
            if where == "local":
                usage = judge_local(question, model, answer)
        else:
            self.judge_refusal(question, where, answer)
        cost_text = answer.header("x-sluice-cost-usd")
        with self.lock:
            self.told[answer.header("x-sluice-request-id")] = (
                key, amounts(answer) if cost_text else None, usage,
                answer.header("x-sluice-cache"))

    def judge_refusal(self, question, where, answer):
        """What may be refused, and how."""
        error = answer.json()["error"]
        if answer.status == 429:
            if where == "local":
                check(int(answer.header("retry-after")) >= 1, answer)
                check_equal(error["code"], "engine_overloaded", answer)
        elif answer.status in (503, 404):
            is_away = error["code"] in ("model_loading", "model_not_found",
                                        "model_unavailable")
            is_ours = question.kind == "upstream" or question.is_auto
            check(is_ours or (is_away and self.is_reloading),
                  question.body, answer)
        else:
            check(answer.status in (502, 504) and (
                question.is_auto or question.kind == "upstream"),
                question.body, answer)


def check_stream(answer, body):
    is_done = answer.body.endswith(DONE)
    is_finished = is_done or b'"finish_reason":' in answer.body
    check(is_finished, "[DONE]", body, answer.body[-300:])
    check_equal(answer.body.count(b": x-sluice-cost"), 1, "comments")
