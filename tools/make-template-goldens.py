#!/usr/bin/env python3
# make-template-goldens.py -- what HF transformers renders from the test templates.
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/templates/{goldens,expressions}.json.

The first holds every template of that folder rendered with every conversation
of conversations.json as tokenizer.apply_chat_template does it, the second a
table of small templates that say what each filter, test, method and statement
does. Needs `pip install transformers jinja2` (5.23 and 3.1.6 made the files
that are here); run it from anywhere.
"""
import copy
import datetime as real_datetime
import json
import os
import sys

import jinja2
from transformers.utils import chat_template_utils as hf

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "tests", "data", "templates")
NOW = real_datetime.datetime(2026, 1, 2, 3, 4, 5, 123456)

sys.path.insert(0, HERE)
from template_cases import CASES, CASE_DATA  # noqa: E402


class FixedDate(real_datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


def attempt(render):
    """A golden: the text, what the template raised, or that it failed."""
    try:
        return {"text": render()}
    except jinja2.exceptions.TemplateError as error:
        if type(error) is jinja2.exceptions.TemplateError:
            return {"raised": str(error)}
        return {"fails": True}
    except Exception:  # noqa: BLE001 -- whatever Python says, it is no text
        return {"fails": True}


def without_nulls(messages):
    """As apply_chat_template takes messages."""
    return [{k: v for k, v in m.items() if v is not None} for m in messages]


def render_chat(source, data, trusted):
    data = {**trusted, **data}
    data["messages"] = without_nulls(data["messages"])
    data["conversations"] = [data.pop("messages")]
    return hf.render_jinja_template(chat_template=source, **data)[0][0]


def render_case(source, data):
    # Some filters of Jinja change the lists they are given.
    return hf._compile_jinja_template(source).render(**copy.deepcopy(data))


def write(name, rows, head):
    path = os.path.join(DATA, name)
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write('{"now_ns": %d, %s"rows": [\n' % (
            NOW.replace(tzinfo=real_datetime.timezone.utc).timestamp() // 1
            * 10**9 + NOW.microsecond * 1000, head))
        file.write(",\n".join(
            json.dumps(row, ensure_ascii=False) for row in rows))
        file.write("\n]}\n")
    print(f"{name}: {len(rows)} rows, {os.path.getsize(path)} bytes")


def main():
    hf.datetime = FixedDate
    with open(os.path.join(DATA, "conversations.json"),
              encoding="utf-8") as file:
        chats = json.load(file)
    rows = []
    for name in sorted(os.listdir(DATA)):
        if not name.endswith(".jinja"):
            continue
        with open(os.path.join(DATA, name), encoding="utf-8",
                  newline="") as file:
            source = file.read()
        for chat, data in chats["conversations"].items():
            rows.append({"template": name.removesuffix(".jinja"),
                         "conversation": chat,
                         **attempt(lambda: render_chat(
                             source, data, chats["trusted"]))})
    write("goldens.json", rows, "")
    rows = [{"template": case,
             **attempt(lambda: render_case(case, CASE_DATA))}
            for case in CASES]
    write("expressions.json",
          [row for row in rows if " at 0x" not in row.get("text", "")],
          '"data": %s, ' % json.dumps(CASE_DATA, ensure_ascii=False))


main()
