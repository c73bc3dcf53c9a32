#!/usr/bin/env python3
# grammar.py -- what is written under a schema's masks is what it accepts.
# SPDX-License-Identifier: Apache-2.0
"""1,000 random schemas: dice write texts under their masks, token by token, and
jsonschema, which knows nothing of us, accepts each; values that satisfy them
are accepted, and changed ones where jsonschema refuses them are refused.
"""
import datetime
import ipaddress
import json
import os
import re
import subprocess
import sys
import uuid

from grammar_schemas import FORMATS, Maker, Values
from harness import BUILD, SKIP

SCHEMAS = 1000
WALKS = 2
TOP = os.environ.get("top_srcdir") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..")
TOKENIZERS = os.path.join(TOP, "tests", "data", "tokenizers")
ECHO = os.path.join(BUILD, "tests", "grammar_echo")
SPACINGS = [(",", ":"), (", ", ": "), (",", ": "), (", ", ":")]


def checks(jsonschema):
    """Of each format what Python's library reads."""
    checker = jsonschema.FormatChecker(formats=())

    def iso(text):
        return text[:-1] + "+00:00" if text.endswith("Z") else text

    def fraction(text):
        return re.sub(r"\.(\d+)", lambda m: "." + m[1].ljust(6, "0"), iso(text))

    readers = {
        "date": datetime.date.fromisoformat,
        "time": lambda t: datetime.time.fromisoformat(fraction(t)),
        "date-time": lambda t: datetime.datetime.fromisoformat(fraction(t)),
        "email": lambda t: re.fullmatch(r"[^@\s]+@([\w-]+\.)+\w+", t)[0],
        "uuid": uuid.UUID,
        "ipv4": ipaddress.IPv4Address,
        "ipv6": ipaddress.IPv6Address,
        "hostname": lambda t: re.fullmatch(
            r"(?!-)[\w-]{1,63}(?<!-)(\.(?!-)[\w-]{1,63}(?<!-))*", t)[0],
        "duration": lambda t: re.fullmatch(r"P(?=.)[0-9DYMW]*(T.+)?", t)[0],
    }
    assert set(readers) == set(FORMATS)
    for name, read in readers.items():
        def check(value, read=read):
            return not isinstance(value, str) or bool(read(value) or True)
        checker.checks(name, raises=(ValueError, TypeError))(check)
    return checker


def ask(kind, rows):
    text = "".join(json.dumps(row) + "\n" for row in rows)
    run = subprocess.run([ECHO, os.path.join(TOKENIZERS, kind + ".json")],
                         input=text.encode(), capture_output=True, timeout=240)
    if run.returncode != 0:
        print(run.stderr.decode()[-2000:])
        sys.exit(1)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(answers) == len(rows)
    return answers


def once(pairs):
    """An object whose keys are there once, but those that no schema names."""
    return dict(pairs)


def check_walks(kind, schemas, validators):
    """Texts written under the masks, and whether the schemas accept them."""
    rows = [{"schema": schema, "walks": WALKS, "seed": i}
            for i, schema in enumerate(schemas)]
    wrong = 0
    for schema, validator, answer in zip(schemas, validators, ask(kind, rows)):
        if "error" in answer:
            wrong += 1
            print(f"{kind}: refused: {answer['error']}: {json.dumps(schema)}")
            continue
        for text in answer["texts"]:
            try:
                value = json.loads(text, object_pairs_hook=once)
                mistakes = [e.message for e in validator.iter_errors(value)]
            except ValueError as error:
                mistakes = [str(error)]
            if mistakes:
                wrong += 1
                print(f"{kind}: {text!r}: {mistakes[0]}: {json.dumps(schema)}")
    return wrong


def text_of(value, seed):
    return json.dumps(value, ensure_ascii=False,
                      separators=SPACINGS[seed % len(SPACINGS)])


def has_lists(schema):
    """Whether a constant holds blanks, which it has in one spelling only."""
    text = json.dumps(schema)
    return '"k":' in text or "[null, {" in text


def check_values(kind, schemas, validators):
    """Values of the schemas, and those values with something changed."""
    rows, wanted, wrong = [], [], 0
    for i, (schema, validator) in enumerate(zip(schemas, validators)):
        spacing = 1 if has_lists(schema) else i
        good = [Values(schema, k).make(schema) for k in range(3)]
        bad = [value for value in map(spoil, good)
               if not validator.is_valid(value)]
        for value in good:
            assert validator.is_valid(value), (schema, value)
        rows.append({"schema": schema, "texts": [
            text_of(value, spacing) for value in good + bad]})
        wanted.append([True] * len(good) + [False] * len(bad))
    for row, answer, verdicts in zip(rows, ask(kind, rows), wanted):
        for text, got, want in zip(row["texts"], answer["accepted"], verdicts):
            if got != want:
                wrong += 1
                print(f"{kind}: {text!r} accepted: {got}: "
                      f"{json.dumps(row['schema'])}")
    assert sum(not want for row in wanted for want in row) > len(rows)
    return wrong


def spoil(value):
    """Another value, often one that the schema does not accept."""
    if isinstance(value, dict) and value:
        name = list(value)[len(value) // 2]
        return {**value, name: spoil(value[name])}
    if isinstance(value, list) and value:
        return value[:-1] + [spoil(value[-1])]
    if isinstance(value, str):
        return value + "\u00ff!" * 40
    return [value] if isinstance(value, bool) or value is None \
        else value + 1e15 if isinstance(value, (int, float)) else False


def main():
    try:
        import jsonschema
    except ImportError:
        print("skipped: no jsonschema here (tools/deps test)")
        return SKIP
    if not os.path.exists(ECHO):
        print(f"skipped: no {ECHO} here (make check builds it)")
        return SKIP
    schemas = [Maker(i).schema() for i in range(SCHEMAS)]
    checker = checks(jsonschema)
    validators = [jsonschema.Draft202012Validator(s, format_checker=checker)
                  for s in schemas]
    wrong = check_walks("gpt2", schemas, validators)
    wrong += check_walks("spm-metaspace", schemas[:200], validators)
    wrong += check_values("gpt2", schemas, validators)
    print(f"{len(schemas)} schemas, {wrong} mistakes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
