# checks.py -- cases, what they check, and where the programs are.
# SPDX-License-Identifier: Apache-2.0
"""What harness.py says of cases; for modules that need no gateway.

BUILD_DIR names the build directory; without it that is where we are, or build/
in it. A program that is not there means that this test is skipped (77).
Arguments on the command line choose cases by a part of their name.
"""
import os
import subprocess
import sys
import threading
import time
import traceback

from wire import WireError

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("BUILD_DIR") or (
    "." if os.path.exists("sluice") else "build"))
SLUICE = os.path.join(BUILD, "sluice")
DATA = os.environ.get("SLUICE_SHARED_DATA",
                      os.path.join(SOURCE, "..", "shared", "data"))
SKIP = 77

_cases = []


def case(function):
    """Marks a test; it gets the bench."""
    _cases.append(function)
    return function


class Failed(Exception):
    """A check that did not hold."""


def check(is_true, *what):
    if not is_true:
        raise Failed(" ".join(str(word) for word in what))


def check_equal(got, wanted, what=""):
    if got != wanted:
        raise Failed(f"{what}: got {short(got)}, wanted {short(wanted)}")


def short(value):
    text = repr(value)
    return text if len(text) < 600 else f"{text[:300]} ... {text[-200:]}"


def eventually(probe, what, timeout=10.0):
    """Polls until probe() is true and returns its value; bounded."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"not within {timeout} s: {what}")
        pause.wait(0.01)


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIP)


def run_cases(make_bench, only=None):
    """Runs the marked cases on one bench; exits 0, 1 or 77."""
    if not os.path.exists(SLUICE):
        skip(f"{SLUICE} is not built")
    wanted = sys.argv[1:]
    cases = [one for one in (only or _cases)
             if not wanted or any(word in one.__name__ for word in wanted)]
    failed = 0
    bench = make_bench()
    try:
        for one in cases:
            name = one.__name__.replace("_", " ")
            began = time.monotonic()
            try:
                one(bench)
                print(f"ok {name} ({time.monotonic() - began:.2f} s)")
            except (Failed, WireError, OSError, ValueError, KeyError,
                    IndexError, TypeError, AttributeError,
                    subprocess.SubprocessError) as error:
                failed += 1
                print(f"FAIL {name}: {type(error).__name__}: {error}")
                if not isinstance(error, Failed):
                    traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
            bench.between_cases()
    finally:
        problem = bench.close()
    if problem:
        failed += 1
        print(f"FAIL stops cleanly: {problem}")
    if failed:
        print(f"{failed} of {len(cases)} failed")
        sys.exit(1)
    print(f"ok {len(cases)}")
