# house.py -- what the house checks share: which files there are, and C code
# without its comments and strings.
# SPDX-License-Identifier: Apache-2.0
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SKIP = 77

# The folders that hold code, and the product among them.
PRODUCT = ["base", "net", "dialect", "router", "local", "cache", "ledger",
           "dashboard", "gateway"]
FOLDERS = PRODUCT + ["tests", "fuzz", "bench", "tools"]

_SKIPPED = {"__pycache__", "node_modules", ".venv", "autom4te.cache",
            "build-aux", "corpus"}
_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def files(folders, *endings):
    """Paths below TOP of the files in folders, those with one of the endings."""
    found = []
    for folder in folders:
        for path, names, plain in os.walk(os.path.join(TOP, folder)):
            names[:] = sorted(n for n in names if n not in _SKIPPED)
            found += [os.path.relpath(os.path.join(path, n), TOP)
                      for n in plain if not endings or n.endswith(endings)]
    return sorted(found)


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def _blank(match, strings_too):
    text = match.group(0)
    if text[0] == "/":
        return re.sub(r"[^\n]", " ", text)
    return text[0] + " " * (len(text) - 2) + text[-1] if strings_too else text


def without_comments(text, strings_too=False):
    """C code of the same length and lines, its comments (and strings) blank."""
    return _TOKEN.sub(lambda match: _blank(match, strings_too), text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def rows(path, fields):
    """The rows of a small table: words, the last field to the line's end."""
    found = []
    for number, line in enumerate(read(path).splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        row = line.split(None, fields - 1)
        if len(row) != fields:
            sys.exit(f"{path}:{number}: {fields} fields expected: {line}")
        found.append(row)
    return found


def finish(name, mistakes, passed):
    """Prints the mistakes and ends the program as its answer."""
    for mistake in mistakes:
        print(mistake)
    if mistakes:
        print(f"{name}: {len(mistakes)} mistakes")
        sys.exit(1)
    print(f"{name}: {passed}")
    sys.exit(0)
