#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every text of the JSON conformance corpus is accepted or refused as it must.

The corpus is not part of the source tree: it is looked for in the folder that
SLUICE_SHARED_DATA names, and without it this test is skipped.
"""
import base64
import gzip
import json
import os
import subprocess
import sys

SKIP = 77


def corpus_path():
    top = os.environ.get("top_srcdir") or os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "..", "..")
    data = os.environ.get("SLUICE_SHARED_DATA") or os.path.join(
        top, "..", "shared", "data")
    return os.path.join(data, "conformance", "json_parsing.jsonl.gz")


def mistake_of(case, echo):
    """What is wrong with our verdict on one case, or None."""
    text = base64.b64decode(case["bytes_base64"])
    run = subprocess.run([echo], input=text, capture_output=True, timeout=60)
    words = run.stdout.decode().split(None, 2)
    if run.returncode != 0 or not words:
        return f"ended with {run.returncode}: {run.stderr.decode()[:500]}"
    if words[0] == "reject":
        if len(words) != 3 or not 0 <= int(words[1]) <= len(text):
            return f"a refusal without place and reason: {words}"
    elif words != ["accept"]:
        return f"unknown verdict {words}"
    if case["expect"] not in ("either", words[0]):
        return f"expected {case['expect']}, got {' '.join(words)}"
    if words[0] == "accept":
        try:
            json.loads(text.decode("utf-8"))
        except RecursionError:
            pass
        except ValueError as error:
            return f"accepted, but another reader says: {error}"
    return None


def main():
    path = corpus_path()
    if not os.path.exists(path):
        print(f"skipped: no corpus at {path}")
        return SKIP
    echo = os.environ.get("JSON_ECHO", os.path.join("tests", "json_echo"))
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    failed = 0
    for case in cases:
        mistake = mistake_of(case, echo)
        if mistake:
            failed += 1
            print(f"{case['name']}: {mistake}")
    print(f"{len(cases)} texts, {failed} read wrongly")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
