#!/usr/bin/env python3
# gateway_embeddings.py -- vectors from encoders in this process.
# SPDX-License-Identifier: Apache-2.0
"""/v1/embeddings against what `sluice embed` gives, and golden vectors."""
import base64
import math
import struct

from engine import (CHECKPOINTS, MINILM, Place, VOCABULARY, sanitized,
                    ask as engine_ask, read_safetensors)
from harness import *  # noqa: F403

TEXTS = ["hello", "a cat", "one two three", "x", "Claudius, 12 + 30 = 42"]
SENTENCES = [  # those of tools/make-model-goldens.py
    "That is a happy person",
    "A quick brown fox jumps over the lazy dog near the river bank.",
    "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)",
    "Gross margins fell to 41.7% in Q3, while operating costs rose.",
]
POLICY_INSIDE = {"name": "inside", "baseline": "up/embed",
                 "use": ["local/bert", "up/large"]}
POWER = {"watts": 65, "tariff": "0.30", "hour": "0.05"}


class Embeddings(Bench):
    def __init__(self):
        self.place = Place()
        self.bert = self.place.checkpoint("bert")
        self.llama = self.place.checkpoint("llama")
        self.cut = self.place.checkpoint("bert", "cut")
        self.place.write("cut/modules.json", [
            {"idx": 0, "path": "", "type":
             "sentence_transformers.models.Transformer"},
            {"idx": 1, "path": "1_Pooling", "type":
             "sentence_transformers.models.Pooling"}])
        self.place.write("cut/1_Pooling/config.json",
                         {"pooling_mode_mean_tokens": True})
        self.place.write("cut/sentence_bert_config.json",
                         {"max_seq_length": 10})
        local = [self.one("local/bert", self.bert, price={"input": 3}),
                 self.one("local/exact", self.bert, backend="exact",
                          power=POWER),
                 self.one("local/cut", self.cut),
                 self.one("local/llama", self.llama)]
        self.has_minilm = os.path.exists(
            os.path.join(MINILM, "model.safetensors"))
        if self.has_minilm:
            local.append(self.one("local/minilm", MINILM))
        super().__init__(POLICY_INSIDE, local=local,
                         cache={"store": "memory"}, workers=1)
        for one in local:
            eventually(lambda name=one["name"]: self.gateway.metric(
                "sluice_local_model_state", model=name) == 1,
                f"{one['name']} is ready", 60)

    @staticmethod
    def one(name, path, **more):
        return dict({"name": name, "path": path}, **more)

    def close(self):
        problem = super().close()
        self.place.close()
        return problem

    def ask(self, input_, model="local/bert", headers=(), **more):
        return self.gateway.ask({"model": model, "input": input_, **more},
                                "/v1/embeddings", headers=headers)

    def vectors(self, input_, model="local/bert", timeout=None, **more):
        if timeout:
            with self.gateway.connect(timeout=timeout) as client:
                answer = client.ask(self.gateway.bytes(
                    {"model": model, "input": input_, **more},
                    "/v1/embeddings"))
        else:
            answer = self.ask(input_, model, **more)
        check_equal(answer.status, 200, answer.body[:400])
        body = answer.json()
        check_equal((body["object"], body["model"]), ("list", model))
        check_equal([(one["object"], one["index"]) for one in body["data"]],
                    [("embedding", i) for i in range(len(body["data"]))])
        return [one["embedding"] for one in body["data"]]


def floats(text):
    raw = base64.b64decode(text)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def far(a, b):
    return max(abs(x - y) for x, y in zip(a, b))


# --- what is answered ----------------------------------------------------------

@case
def texts_get_the_vectors_that_the_command_gives(bench):
    for model, path, flags in (("local/bert", bench.bert, ()),
                               ("local/exact", bench.bert, ("--exact",))):
        wanted = list(engine_ask("embed", path, *TEXTS, flags=flags))
        got = bench.vectors(TEXTS, model)
        for text, one, other in zip(TEXTS, got, wanted):
            check_equal(len(one), len(other))
            check(far(one, other) < 1e-5, text, far(one, other))
        check(far(bench.vectors(TEXTS[0], model)[0], wanted[0]) < 1e-5)


@case
def one_text_alone_and_among_others_is_the_same(bench):
    together = bench.vectors(TEXTS)
    for text, vector in zip(TEXTS, together):
        check(far(bench.vectors([text])[0], vector) < 1e-5, text)


@case
def tokens_are_taken_as_they_are(bench):
    ids = engine_ask("tokenize", bench.bert, *TEXTS)
    wanted = bench.vectors(TEXTS)
    check(far(bench.vectors(ids[0])[0], wanted[0]) < 1e-5, "a list of tokens")
    for one, other in zip(bench.vectors(list(ids)), wanted):
        check(far(one, other) < 1e-5, "lists of tokens")


@case
def base64_holds_the_same_floats(bench):
    for model in ("local/bert", "local/exact"):
        plain = bench.vectors(TEXTS, model, encoding_format="float")
        packed = bench.vectors(TEXTS, model, encoding_format="base64")
        for one, other in zip(plain, packed):
            # Text that is read as a double, and then as a float.
            check_equal([struct.unpack("<f", struct.pack("<f", x))[0]
                         for x in one], floats(other))


@case
def fewer_dimensions_are_cut_and_at_length_one(bench):
    whole = bench.vectors(TEXTS)
    for n in (1, 7, 36):
        for one, other in zip(bench.vectors(TEXTS, dimensions=n), whole):
            check_equal(len(one), n)
            if n == 36:
                check_equal(one, other)
                continue
            length = math.sqrt(sum(x * x for x in other[:n]))
            check(far(one, [x / length for x in other[:n]]) < 1e-6, n)


@case
def minilm_gives_the_golden_vectors(bench):
    if not bench.has_minilm:
        print("skipped: all-MiniLM-L6-v2 is not there "
              "(tools/fetch-models)")
        return
    wanted = read_safetensors(os.path.join(CHECKPOINTS, "minilm.safetensors"))
    for i, vector in enumerate(bench.vectors(SENTENCES, "local/minilm")):
        check(far(vector, wanted[f"embedding{i}"][1]) < 1e-5, i)


@case
def a_thousand_texts_are_answered_in_one_piece(bench):
    # More than is read, and more than is written, in one turn of the loop.
    # Sanitizers make the arithmetic some fifty times slower.
    n = 250 if sanitized() else 1000
    texts = [f"text {i % 50} ".ljust(78, "y") for i in range(n)]
    vectors = bench.vectors(texts, timeout=120)
    check_equal(len(vectors), n)
    for i in range(50, n):
        check(far(vectors[i], vectors[i % 50]) < 1e-5, i)


@case
def usage_counts_every_token(bench):
    ids = engine_ask("tokenize", bench.bert, *TEXTS)
    answer = bench.ask(TEXTS, headers=[("cache-control", "no-store")])
    n = sum(map(len, ids))
    check_equal(answer.json()["usage"],
                {"prompt_tokens": n, "total_tokens": n})
    check_equal(amounts(answer)[0], 3000 * n, "3 dollars a million")
    row, = bench.gateway.rows(answer)
    check_equal((row["kind"], row["model"], row["input_tokens"],
                 row["output_tokens"], row["estimated"], row["outcome"],
                 row["cost_nano_usd"]),
                ("local", "local/bert", n, 0, False, "completed", 3000 * n))


def busy_ns(bench, model):
    return round(bench.gateway.metric("sluice_local_busy_seconds_total",
                                      model=model) * 1e9)


@case
def time_has_a_price_where_power_is_given(bench):
    before = busy_ns(bench, "local/exact")
    answer = bench.ask(["power " + text for text in TEXTS], "local/exact",
                       headers=[("cache-control", "no-store")])
    cost, baseline, saved = amounts(answer)
    # 65 W at $0.30 a kWh, and $0.05 an hour. The batch that it was in took
    # a little longer than its own computing, and is counted a little later.
    per_hour = 65 * 300_000_000 // 1000 + 50_000_000
    eventually(lambda: 0 < cost <= per_hour * (
        busy_ns(bench, "local/exact") - before) // (3600 * 10**9) + 1, cost)
    check_equal((baseline, saved), (cost, 0), "pinned")
    row, = bench.gateway.rows(answer)
    check_equal(row["cost_nano_usd"], cost)
    check_equal(bench.ask("x", "local/cut", headers=[
        ("cache-control", "no-store")]).header("x-sluice-cost-usd"),
        "unpriced")


@case
def the_policy_may_choose_it_and_the_cache_keeps_it(bench):
    text = "kept for the next one"
    first = bench.ask(text, "auto")
    check_equal((first.status, first.header("x-sluice-model"),
                 first.header("x-sluice-cache")), (200, "local/bert", "miss"))
    again = bench.ask(text, "auto")
    check_equal((again.header("x-sluice-cache"), again.json()["data"]),
                ("hit", first.json()["data"]))
    other = bench.ask(text, "local/exact")
    check_equal(other.header("x-sluice-cache"), "miss", "another backend")


# --- what is refused -----------------------------------------------------------

def refusal(answer):
    return answer.status, answer.json()["error"]["code"], \
        answer.json()["error"]["param"]


@case
def what_cannot_be_answered_is_named(bench):
    for more, wanted in (
            ({"input_": ""}, (400, "invalid_value", "input")),
            ({"input_": []}, (400, "invalid_value", "input")),
            ({"input_": ["a", ""]}, (400, "invalid_value", "input")),
            ({"input_": ["a", 1]}, (400, "invalid_value", "input")),
            ({"input_": [[1], [2, 101]]}, (400, "invalid_value", "input")),
            ({"input_": [-1]}, (400, "invalid_value", "input")),
            ({"input_": ["a"] * 2049}, (400, "invalid_value", "input")),
            ({"input_": "a", "dimensions": 37},
             (400, "invalid_value", "dimensions")),
            ({"input_": "a", "dimensions": 0},
             (400, "invalid_value", "dimensions")),
            ({"input_": "a", "dimensions": "x"},
             (400, "invalid_value", "dimensions")),
            ({"input_": "a", "encoding_format": "hex"},
             (400, "invalid_value", "encoding_format")),
            ({"input_": ["a", "b" * 81]},
             (400, "context_length_exceeded", "input")),
            ({"input_": [5] * 81},
             (400, "context_length_exceeded", "input"))):
        check_equal(refusal(bench.ask(**more)), wanted, more)
    answer = bench.ask(["a", "b" * 81])
    check(b"80 tokens, but text 1 has 81" in answer.body, answer.body)


@case
def a_text_is_cut_where_the_checkpoint_says_so(bench):
    long = "abcdefghijklmnop"
    check(far(bench.vectors(long, "local/cut")[0],
              bench.vectors(long[:10], "local/cut")[0]) < 1e-6)
    check(far(bench.vectors(long, "local/cut")[0],
              bench.vectors(long[:9], "local/cut")[0]) > 1e-4)


@case
def control_tokens_in_a_text_are_text(bench):
    ids = engine_ask("tokenize", bench.bert, "</s>", flags=("--plain",))[0]
    check(len(ids) == 4 and "</s>" in VOCABULARY, ids)
    check_equal(bench.ask("</s>").json()["usage"]["prompt_tokens"], 4)


@case
def a_language_model_gives_no_vectors_and_an_encoder_no_chat(bench):
    answer = bench.ask("x", "local/llama")
    check_equal(answer.status, 400, answer.body)
    check("local/llama" in answer.json()["error"]["message"], answer.body)
    answer = bench.gateway.ask(chat(model="local/bert"))
    check_equal(answer.status, 400, answer.body)
    check("local/bert" in answer.json()["error"]["message"], answer.body)


@case
def a_client_that_leaves_is_no_trouble(bench):
    body = json.dumps({"model": "local/exact", "input": [
        f"gone {i}" for i in range(500)]}).encode()
    for _ in range(10):
        with bench.gateway.connect() as client:
            client.send(bench.gateway.bytes(body, "/v1/embeddings"))
    check_equal(len(bench.vectors("hello")), 1)


def has_reader(bench):
    """Whether a request is being read on a thread of its own."""
    tasks = f"/proc/{bench.gateway.process.pid}/task"
    for task in os.listdir(tasks):
        try:
            with open(os.path.join(tasks, task, "comm")) as file:
                if file.read().strip() == "request-reader":
                    return True
        except OSError:
            pass  # it has ended
    return False


@case
def others_are_served_while_a_long_text_is_read(bench):
    for text in ("ab " * 3 * 2**20, ["x", "ab " * 3 * 2**20]):
        long = bench.gateway.bytes({"model": "local/bert", "input": text},
                                   "/v1/embeddings")
        served = 0
        with bench.gateway.connect(timeout=60) as client:
            client.send(long)
            eventually(lambda: has_reader(bench), "it is being read")
            while has_reader(bench):
                check_equal(len(bench.vectors("hello")), 1)
                served += 1
            check_equal(refusal(client.read_answer()),
                        (400, "context_length_exceeded", "input"))
        check(served > 0, "nobody else was served")


@case
def a_long_text_that_is_cut_gets_its_vector(bench):
    wanted = bench.vectors("ababababab", "local/cut")[0]
    for text in ("ab" * 2**16, ["x", "ab" * 2**16, "y"]):
        got = bench.vectors(text, "local/cut", timeout=60)
        check(far(got[len(got) // 2], wanted) < 1e-6, len(got))


@case
def who_leaves_while_a_long_text_is_read_is_no_trouble(bench):
    long = bench.gateway.bytes(
        {"model": "local/bert", "input": "ab " * 2**21}, "/v1/embeddings")
    for _ in range(4):
        with bench.gateway.connect() as client:
            client.send(long)
            eventually(lambda: has_reader(bench), "it is being read")
            client.reset()
        check_equal(len(bench.vectors("hello")), 1)
    eventually(lambda: not has_reader(bench), "all are read", 60)
    eventually(lambda: not bench.gateway.metric("sluice_requests_in_flight"),
               "nothing is under way")


if __name__ == "__main__":
    run_cases(Embeddings)
