# crux.py -- what a Python function gives back, with a measured stronger model.
# SPDX-License-Identifier: Apache-2.0
"""Rows of routing data whose right answer can be computed.

A row of `sluice train` has a prompt and each model's quality, but no answer.
Where the prompt holds a Python function and an assertion to be completed, the
answer is what the function gives back: it is called in a process of its own,
under limits, and the row's quality of one model becomes the row's "strong".
"""
import ast
import difflib
import gzip
import json
import os
import re
import subprocess
import sys

SECONDS = 2
MEMORY = 256 << 20
LONGEST = 4096

ASSERTION = re.compile(r"\[PYTHON\]\n(?P<code>.*)\nassert (?P<call>.*) == \?\?"
                       r"\n\[/PYTHON\]\s*", re.DOTALL)
QUESTION = ("{code}\n\nWhat does {call} return? Answer with the Python literal "
            "only.")
# What an answer looks like: a model of 135 million parameters needs to see it.
EXAMPLES = [("def f(a, b):\n    return a + b", "f(2, 3)", "5"),
            ("def f(text):\n    return text[::-1]", "f('abc')", "'cba'")]

# Runs the function that comes on stdin. No file is opened once the limits
# stand, so that neither a file nor a socket nor a program is in reach.
CHILD = f"""
import json, os, resource, sys
told = json.load(sys.stdin)
sys.stdout = sys.stderr = None
resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS}, {SECONDS}))
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
names = {{"__name__": "crux"}}
exec(told["code"], names)
literal = repr(eval(told["call"], names))
os.write(1, literal.encode()[:{LONGEST} + 1])
"""


def run(code, call):
    """What <call> gives back, as Python writes it; None when it does not."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", CHILD],
            input=json.dumps({"code": code, "call": call}).encode(),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=os.sep,
            env={}, timeout=10 * SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode or len(done.stdout) > LONGEST:
        return None
    return done.stdout.decode(errors="replace")


def known_answer(code, call):
    """A literal that two processes agree on (sets of texts have no order)."""
    literal = run(code, call)
    try:
        ast.literal_eval(literal or "")
    except (SyntaxError, ValueError):
        return None
    return literal if run(code, call) == literal else None


def spellings(literal, call):
    """The ways to write it that are as right as Python's own."""
    out = [literal]
    if '"' not in literal and "\\" not in literal:
        out.append(literal.replace("'", '"'))
    return out + [f"{call} == {one}" for one in out] + \
        [f"assert {call} == {one}" for one in out]


def messages(code, call):
    out = []
    for example, asked, answer in EXAMPLES:
        out.append({"role": "user",
                    "content": QUESTION.format(code=example, call=asked)})
        out.append({"role": "assistant", "content": answer})
    return out + [{"role": "user",
                   "content": QUESTION.format(code=code, call=call)}]


def strong_of(row, strong):
    """The row's quality of that model, 0 to 1; None when it was not asked."""
    quality = row.get("quality", {}).get(strong)
    if isinstance(quality, (int, float)) and 0 <= quality <= 1:
        return quality
    return None


def read(path):
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def crux(path, strong):
    """The rows of <path> that have an answer, and how many had none."""
    rows, left_out = [], 0
    data = read(path)
    models = sorted({name for row in data for name in row.get("quality", {})})
    if strong not in models:
        near = difflib.get_close_matches(strong, models, 3, 0.3)
        raise SystemExit(f"{path}: no quality of \"{strong}\"; near names: "
                         f"{', '.join(near) or 'none'}")
    for row in data:
        found = ASSERTION.search(row.get("prompt", ""))
        quality = strong_of(row, strong)
        literal = None
        if found and quality is not None:
            literal = known_answer(found["code"], found["call"])
        if literal is None:
            left_out += 1
            continue
        rows.append({"id": row["id"],
                     "messages": messages(found["code"], found["call"]),
                     "expected": spellings(literal, found["call"]),
                     "match": "verbatim", "strong": quality})
    return rows, left_out
