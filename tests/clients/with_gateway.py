#!/usr/bin/env python3
# with_gateway.py -- runs one official SDK's tests against a gateway of its own.
# SPDX-License-Identifier: Apache-2.0
"""usage: with_gateway.py python|node [part of a check's name]

tools/client-env has the SDK that the folder's lock file pins. Exit 77 where it
is neither there nor can be installed. BUILD_DIR as for tests/cases.
"""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "cases"))
sys.dont_write_bytecode = True

from harness import (DeadPort, FAKE, FakeBench, KEY, KEY_B,  # noqa: E402
                     SKIP, SLUICE, environment)


def command(kind, env):
    if kind == "python":
        return [os.path.join(env, "bin", "python"),
                os.path.join(HERE, kind, "client.py")]
    # Node looks for modules beside the file that imports them.
    copied = os.path.join(env, "client.mjs")
    shutil.copy(os.path.join(HERE, kind, "client.mjs"), copied)
    return ["node", copied]


def run(kind, env, words):
    bench, dead = FakeBench(), DeadPort()
    try:
        status = subprocess.run(
            command(kind, env) + words, timeout=280, env=environment(
                BASE_URL=f"http://127.0.0.1:{bench.gateway.port}/v1",
                DEAD_URL=f"http://127.0.0.1:{dead.port}/v1",
                CONTROL=f"http://127.0.0.1:{bench.provider.control}",
                ADMIN=f"http://127.0.0.1:{bench.gateway.admin}",
                KEY=KEY, NARROW_KEY=KEY_B)).returncode
    finally:
        dead.close()
        problem = bench.close()
    if problem:
        print(f"FAIL stops cleanly: {problem}")
    return 1 if status or problem else 0


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in ("python", "node"):
        print(__doc__, file=sys.stderr)
        return 2
    for program in (SLUICE, FAKE):
        if not program or not os.path.exists(program):
            print(f"skipped: {program or 'fake_provider'} is not built")
            return SKIP
    kind = sys.argv[1]
    made = subprocess.run(
        [os.path.join(TOP, "tools", "client-env"), os.path.join(HERE, kind)],
        stdout=subprocess.PIPE, timeout=280)
    if made.returncode:
        print(f"skipped: the SDK for {kind} cannot be had here")
        return made.returncode
    return run(kind, made.stdout.decode().strip(), sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
