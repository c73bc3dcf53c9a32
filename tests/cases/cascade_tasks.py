#!/usr/bin/env python3
# cascade_tasks.py -- bench/cascade/tasks.py makes rows with known answers.
# SPDX-License-Identifier: Apache-2.0
import gzip
import json
import os
import subprocess
import sys

from engine import *  # noqa: F403
from harness import *  # noqa: F403

TASKS = os.path.join(SOURCE, "bench", "cascade", "tasks.py")
HEAD = "Complete the assertion.\n\n"


def prompt(code, call):
    return f"{HEAD}[PYTHON]\n{code}\nassert {call} == ??\n[/PYTHON]"


def row(name, text, **quality):
    return {"id": name, "group": "crux", "prompt": text, "quality": quality}


# The id, the function, the call, and the literal or None where there is none.
FUNCTIONS = [
    ("capitals", "def f(x):\n    return x.upper()", "f('it is')", "'IT IS'"),
    ("minus", "def f(x):\n    return -x", "f(5)", "-5"),
    ("list", "def f(x):\n    return list(x)", "f('ab')", "['a', 'b']"),
    ("quote", "def f(x):\n    return x + \"'\"", "f('a')", '"a\'"'),
    ("says", "def f(x):\n    print('out')\n    return x", "f(1)", "1"),
    ("fails", "def f(x):\n    return x[9]", "f('a')", None),
    ("ends", "def f(x):\n    raise SystemExit", "f(1)", None),
    ("spins", "def f(x):\n    while True:\n        pass", "f(1)", None),
    ("swells", "def f(x):\n    return len('a' * x)", "f(1 << 40)", None),
    ("long", "def f(x):\n    return 'a' * x", "f(10000)", None),
    ("reads", "def f(x):\n    return open(x).read(1)", "f('/etc/passwd')",
     None),
    ("calls", "def f(x):\n    import socket\n    socket.socket()\n"
     "    return x", "f(1)", None),
    ("no-order", "def f(x):\n    return list(set(x.split()))",
     "f('the way in which one set of seven words is kept')", None),
    ("no-literal", "def f(x):\n    return f", "f(1)", None),
]


def make(place, rows, *flags, name="routing.jsonl"):
    text = "".join(json.dumps(one) + "\n" for one in rows).encode()
    data = place.write(name, gzip.compress(text) if name.endswith("gz")
                       else text)
    return subprocess.run(
        [sys.executable, TASKS, "--out", place.path("out"), "--routing", data,
         *flags], capture_output=True, text=True, timeout=120, check=False)


def made(place, task="crux"):
    with open(place.path("out", task + ".jsonl"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@case
def what_a_function_gives_back_is_the_known_answer(place):
    rows = [row(name, prompt(code, call), big=1, small=0)
            for name, code, call, _ in FUNCTIONS]
    done = make(place, rows, "--strong", "big", name="routing.jsonl.gz")
    check_equal(done.returncode, 0, done.stderr)
    got = {one["id"]: one for one in made(place)}
    wanted = {name: (call, literal)
              for name, _, call, literal in FUNCTIONS if literal}
    check_equal(sorted(got), sorted(wanted))
    check(f"{len(wanted)} rows, {len(rows) - len(wanted)} left out"
          in done.stdout, done.stdout)
    for name, (call, literal) in wanted.items():
        one = got[name]
        check_equal((one["match"], one["strong"]), ("verbatim", 1), name)
        check_equal(one["expected"][0], literal, name)
        check(f"assert {call} == {literal}" in one["expected"], one)
        check(call in one["messages"][-1]["content"], one)
        check(HEAD not in json.dumps(one), one)
    check('["a", "b"]' in got["list"]["expected"], got["list"])


@case
def a_rows_strong_is_that_models_measured_quality(place):
    text = prompt("def f(x):\n    return x", "f(1)")
    done = make(place, [row("a", text, big=1, small=0),
                        row("b", text, big=0.25, small=1),
                        row("never-asked", text, small=1),
                        row("odd", text, big=7),
                        row("no-function", "What is 2 + 2?", big=1)],
                "--strong", "big")
    check_equal(done.returncode, 0, done.stderr)
    check_equal([(one["id"], one["strong"]) for one in made(place)],
                [("a", 1), ("b", 0.25)])
    check("3 left out" in done.stdout, done.stdout)
    check(len(made(place, "sums")) == 300, "the other sets are made too")


@case
def a_model_that_the_file_has_not_is_refused_with_near_names(place):
    rows = [row("a", prompt("def f(x):\n    return x", "f(1)"), big_one=1)]
    done = make(place, rows, "--strong", "big-one")
    check_equal(done.returncode, 1, done.stderr)
    check('no quality of "big-one"; near names: big_one' in done.stderr,
          done.stderr)
    done = make(place, rows)
    check_equal(done.returncode, 2, done.stderr)
    check("--routing and --strong go together" in done.stderr, done.stderr)


if __name__ == "__main__":
    run_cases(Place)
