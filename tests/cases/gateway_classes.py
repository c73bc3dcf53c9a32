#!/usr/bin/env python3
# gateway_classes.py -- what a classifier inside says decides where to ask.
# SPDX-License-Identifier: Apache-2.0
"""A tiny classifier of three classes, and a policy that reads it."""
from engine import Place, ask as engine_ask
from harness import *  # noqa: F403

WORDS = ["hello", "sums", "code", "a cat", "why?", "ZZZ", "12 + 30", "x" * 60,
         "the end", "I, Claudius", "{}", "q", "!!!!", "one two three"]
POLICY_OF_CLASSES = {
    "name": "classes", "baseline": "up/large", "use": ["up/large"],
    "rules": [{"name": f"class-{i}", "use": ["up/small"],
               "when": f'request.class["kind"] == "LABEL_{i}" && '
                       'request.score["kind"] > 0.2'} for i in range(2)]}


class Classes(Bench):
    def __init__(self):
        self.place = Place()
        self.bert = self.place.checkpoint("bert")
        self.said = {}
        for word, answer in zip(WORDS, engine_ask("classify", self.bert,
                                                  *WORDS)):
            self.said[word] = answer
        super().__init__(POLICY_OF_CLASSES, local=[self.classifier()],
                         engine={"class_wait": "30s"})
        self.wait()

    def classifier(self, **more):
        return dict({"name": "local/kind", "path": self.bert,
                     "class": "kind"}, **more)

    def wait(self):
        eventually(lambda: self.gateway.metric(
            "sluice_local_model_state", model="local/kind") == 1, "it is ready")

    def close(self):
        problem = super().close()
        self.place.close()
        return problem

    def asked(self):
        """Texts that the classifier has read."""
        return self.gateway.metric("sluice_local_texts_total",
                                   model="local/kind", end="finished")


def rule_of(answer):
    return answer.header("x-sluice-rule")


def expected(said):
    label = said["label"]
    return (f"class-{label[-1]}" if label in ("LABEL_0", "LABEL_1")
            else "default")


@case
def a_request_goes_where_its_class_says(bench):
    rules = set()
    for word, said in bench.said.items():
        answer = bench.gateway.ask(chat(word, model="auto"))
        check_equal(answer.status, 200, answer.body)
        check_equal(rule_of(answer), expected(said), word)
        check_equal(answer.header("x-sluice-model"),
                    "up/large" if expected(said) == "default" else "up/small")
        rules.add(rule_of(answer))
    check(len(rules) > 1, "the words are of several classes", rules)


@case
def a_text_is_classified_once_by_each_worker(bench):
    before = bench.asked()
    word = "only once, and remembered"
    rules = {rule_of(bench.gateway.ask(chat(word, model="auto")))
             for _ in range(12)}
    check_equal(len(rules), 1)
    check(1 <= bench.asked() - before <= 2, "two workers", bench.asked(),
          before)


@case
def only_what_the_policy_decides_is_classified(bench):
    before = bench.asked()
    bench.gateway.ask(chat("nobody asks about this", model="up/small"))
    bench.gateway.ask({"model": "up/embed", "input": "nor about this"},
                      "/v1/embeddings")
    check_equal(bench.asked(), before)


@case
def a_long_text_is_cut_to_what_the_classifier_reads(bench):
    answer = bench.gateway.ask(chat("abcdefgh " * 4000, model="auto"))
    check_equal(answer.status, 200, answer.body)
    cut = ("abcdefgh " * 4000)[:80]
    said = engine_ask("classify", bench.bert, cut)[0]
    check_equal(rule_of(answer), expected(said))


@case
def a_classifier_is_no_model_for_answers(bench):
    answer = bench.gateway.ask(None, "/v1/models", method="GET")
    names = {one["id"] for one in answer.json()["data"]}
    check("local/kind" not in names, names)


@case
def one_that_is_not_there_in_time_has_said_nothing(bench):
    made = dict(bench.gateway.settings, engine={"class_wait": "0s"})
    gateway = bench.add(dict(made, listen=f"127.0.0.1:{free_port()}",
                             admin=f"127.0.0.1:{free_port()}"),
                        POLICY_OF_CLASSES, name="hurried")
    word = next(word for word, said in bench.said.items()
                if expected(said) != "default")
    answer = gateway.ask(chat(word, model="auto"))
    check_equal((answer.status, rule_of(answer)), (200, "default"))
    # What came late is known the next time.
    eventually(lambda: rule_of(gateway.ask(chat(word, model="auto")))
               == expected(bench.said[word]), "it is remembered")


@case
def a_client_that_leaves_meanwhile_is_no_trouble(bench):
    for i in range(20):
        with bench.gateway.connect() as client:
            client.send(bench.gateway.bytes(
                json.dumps(chat(f"left {i}", model="auto")).encode()))
    answer = bench.gateway.ask(chat("hello", model="auto"))
    check_equal(answer.status, 200)


@case
def the_dry_run_asks_the_classifier_too(bench):
    for word, said in list(bench.said.items())[:4]:
        done = sluice("route", "--config", bench.gateway.config,
                      text=json.dumps(chat(word, model="auto")).encode())
        check_equal(done.returncode, 0, done.stderr)
        told = json.loads(done.stdout)
        check_equal(told["rule"], expected(said), word)
        one = told["features"]["class"]["kind"]
        check_equal(one["label"], said["label"])
        check(abs(one["score"] - said["scores"][said["label"]]) < 1e-3, one)


@case
def a_policy_may_name_only_classifiers_that_there_are(bench):
    policy = dict(POLICY_OF_CLASSES, rules=[
        {"name": "a", "use": ["up/small"],
         "when": 'request.class["knd"] == "LABEL_0"'}])
    bench.gateway.write(policy=policy)
    answer = bench.gateway.reload()
    check_equal(answer.status, 422)
    check(b"kind" in answer.body, answer.body)
    bench.gateway.write(policy=POLICY_OF_CLASSES)
    check_equal(bench.gateway.reload().status, 200)


if __name__ == "__main__":
    run_cases(Classes)
