#!/usr/bin/env python3
# engine_calibrate.py -- when a local answer can be trusted.
# SPDX-License-Identifier: Apache-2.0
import json
import random

from engine import *  # noqa: F403
from harness import *  # noqa: F403

ROWS = 120


def questions():
    rng = random.Random(3)
    return [[rng.randrange(5, 101) for _ in range(6)] for _ in range(ROWS)]


def answers_of(model):
    return ask("generate", model,
               *({"prompt": ids, "max_tokens": 8} for ids in questions()))


def calibrate(place, model, rows, *flags):
    data = place.write("rows.jsonl", "".join(
        json.dumps(row) + "\n" for row in rows))
    return sluice("calibrate", "--model", model, "--data", data,
                  "--max-tokens", "8", *flags)


def rows_by(answers, is_right):
    """Rows whose expected text the model writes where <is_right> says so."""
    return [{"prompt": ids, "match": "exact",
             "expected": [a["text"]] if is_right(a) else "another answer"}
            for ids, a in zip(questions(), answers)]


@case
def sure_and_right_are_told_from_unsure_and_wrong(place):
    model = place.checkpoint("llama")
    answers = answers_of(model)
    means = sorted(a["confidence"]["mean_logprob"] for a in answers)
    middle = means[ROWS // 2]
    rows = rows_by(answers, lambda a: a["confidence"]["mean_logprob"] > middle
                   and a["text"].strip() != "")
    done = calibrate(place, model, rows, "--json",
                     "--out", place.path("map.json"),
                     "--plot", place.path("curve.svg"),
                     "--rows", place.path("told.jsonl"))
    check_equal(done.returncode, 0, done.stderr)
    told = json.loads(done.stdout)
    check_equal(told["rows"], ROWS)
    check(told["auroc"] > 0.9, told)
    check_equal([m["below"] for m in told["marks"]], [.5, .6, .7, .8, .9])
    shares = [m["escalated"] for m in told["marks"]]
    check_equal(shares, sorted(shares))
    check(all(m["quality"] >= m["by_lot"] - 1e-3 for m in told["marks"]), told)
    with open(place.path("map.json"), encoding="utf-8") as file:
        written = json.load(file)
    check_equal((written["rows"], written["hold"]), (ROWS, 48))
    with open(place.path("curve.svg"), encoding="utf-8") as file:
        check(file.read().startswith("<svg "), "no image")
    with open(place.path("told.jsonl"), encoding="utf-8") as file:
        check_equal([json.loads(line)["text"] for line in file],
                    [a["text"] for a in answers])


@case
def a_report_for_people_has_the_five_marks(place):
    model = place.checkpoint("llama")
    rows = rows_by(answers_of(model), lambda a: len(a["ids"]) % 2
                   or a["confidence"]["mean_margin"] > 0.5)
    done = calibrate(place, model, rows, "--local-cost", "0.1",
                     "--strong-cost", "2", "--strong-quality", "0.9")
    if done.returncode:
        check(b"nothing to tell apart" in done.stderr, done.stderr)
        return
    for word in (b"AUROC", b"ECE", b"0.5 ", b"0.9 "):
        check(word in done.stdout, done.stdout)


@case
def a_rows_own_strong_says_what_giving_it_up_brings(place):
    model = place.checkpoint("llama")
    answers = answers_of(model)
    rows = rows_by(answers, lambda a: a["confidence"]["mean_margin"] > 0.5)
    for i, row in enumerate(rows):
        row["strong"] = 0 if i % 4 else 1
    done = calibrate(place, model, rows, "--json", "--strong-quality", "0.9",
                     "--plot", place.path("curve.svg"))
    check_equal(done.returncode, 0, done.stderr)
    told = json.loads(done.stdout)
    right = told["share_right"]
    for mark in told["marks"]:
        by_lot = right + mark["escalated"] * (0.25 - right)
        check(abs(mark["by_lot"] - by_lot) < 2e-3, mark, right)
    done = calibrate(place, model, [{"prompt": [5], "expected": "x",
                                     "strong": 2}])
    check_equal(done.returncode, 1, done.stderr)
    check(b"strong" in done.stderr, done.stderr)


@case
def a_model_is_found_by_its_name_in_a_configuration(place):
    model = place.checkpoint("llama", chat="{{ messages[0].content }}")
    place.write("policy.yaml", "name: p\nbaseline: local/a\nuse: [local/a]\n")
    config = place.write("config.yaml", "listen: 127.0.0.1:0\n"
                         "admin: 127.0.0.1:0\nstate: ./state\n"
                         "policy: policy.yaml\nlocal:\n"
                         f"  - {{name: local/a, path: {model}}}\n")
    rows = [{"prompt": ids, "expected": "x"} for ids in questions()[:9]]
    data = place.write("rows.jsonl", "".join(
        json.dumps(row) + "\n" for row in rows))
    for name, words in (("local/a", b"9 rows: at least 50"),
                        ("local/b", b"no local model is called \"local/b\"")):
        done = sluice("calibrate", "--config", config, "--model", name,
                      "--data", data, "--max-tokens", "4")
        check_equal(done.returncode, 1, done.stderr)
        check(words in done.stderr, done.stderr)


@case
def what_is_wrong_is_said(place):
    model = place.checkpoint("llama")
    few = [{"prompt": ids, "expected": "x"} for ids in questions()[:9]]
    for done, code, words in [
            (sluice("calibrate", "--model", model), 2, b"--data FILE"),
            (sluice("calibrate", "--model", model, "--data", "/no/file"), 1,
             b"/no/file: No such file"),
            (calibrate(place, model, few), 1, b"9 rows: at least 50"),
            (calibrate(place, model, [{"prompt": [5]}]), 1,
             b"line 1: the line needs \"expected\""),
            (calibrate(place, model, [{"prompt": [5], "expected": "x",
                                       "match": "near"}]), 1,
             b"\"match\" must be contains, exact, starts, number or "
             b"verbatim"),
            (calibrate(place, model, few, "--hold", "x"), 2, b"--hold")]:
        check_equal(done.returncode, code, done.stderr)
        check(words in done.stderr, done.stderr)


if __name__ == "__main__":
    run_cases(Place)
