#!/usr/bin/env python3
# run.py -- runs the official SDKs' tests against a gateway of their own.
# SPDX-License-Identifier: Apache-2.0
"""usage: run.py [python|node] [part of a check's name]

Both without a name. What an SDK needs is installed once, under
${XDG_CACHE_HOME:-~/.cache}/sluice-tests, in a folder named by the hash of its
pinned versions. Exit 77 where it is neither there nor can be installed.
BUILD_DIR as for tests/cases.
"""
import hashlib
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "cases"))

from harness import (DeadPort, FakeBench, KEY, KEY_B,  # noqa: E402
                     SKIP, SLUICE, environment)

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME")
                     or os.path.expanduser("~/.cache"), "sluice-tests")


def place(kind, *files):
    """The folder for what <files> pin."""
    digest = hashlib.sha256(sys.version.encode())
    for name in files:
        with open(os.path.join(HERE, kind, name), "rb") as data:
            digest.update(data.read())
    return os.path.join(CACHE, f"{kind}-{digest.hexdigest()[:16]}")


def install(folder, steps, prepare=None):
    """Runs <steps> in a new folder; False when one of them fails."""
    if os.path.exists(folder):
        return True
    unfinished = f"{folder}.{os.getpid()}"
    os.makedirs(unfinished)
    if prepare:
        prepare(unfinished)
    for step in steps:
        done = subprocess.run(step, cwd=unfinished, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=300)
        if done.returncode:
            print(done.stdout.decode(errors="replace")[-2000:])
            shutil.rmtree(unfinished)
            return False
    try:
        os.rename(unfinished, folder)
    except OSError:  # another run was faster
        shutil.rmtree(unfinished)
    return True


def python_command():
    pins = os.path.join(HERE, "python", "requirements.txt")
    folder = place("python", "requirements.txt")
    if not install(folder, [[
            sys.executable, "-m", "pip", "-q", "--disable-pip-version-check",
            "install", "--no-deps", "--target", "packages", "-r", pins]]):
        return None
    return ([sys.executable, os.path.join(HERE, "python", "client.py")],
            {"PYTHONPATH": os.path.join(folder, "packages")})


def node_command():
    if not shutil.which("npm") or not shutil.which("node"):
        return None
    folder = place("node", "package.json", "package-lock.json")

    def prepare(unfinished):
        for name in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(HERE, "node", name), unfinished)
    if not install(folder, [["npm", "ci", "--ignore-scripts", "--no-audit",
                             "--no-fund"]], prepare):
        return None
    # Modules are looked for beside the file that imports them.
    shutil.copy(os.path.join(HERE, "node", "client.mjs"), folder)
    return ["node", os.path.join(folder, "client.mjs")], {}


COMMANDS = {"python": python_command, "node": node_command}


def run(kind, words):
    made = COMMANDS[kind]()
    if not made:
        print(f"skipped: the SDK for {kind} cannot be installed here")
        return SKIP
    command, more = made
    bench, dead = FakeBench(), DeadPort()
    try:
        done = subprocess.run(command + words, timeout=300, env=environment(
            BASE_URL=f"http://127.0.0.1:{bench.gateway.port}/v1",
            DEAD_URL=f"http://127.0.0.1:{dead.port}/v1",
            CONTROL=f"http://127.0.0.1:{bench.provider.control}",
            ADMIN=f"http://127.0.0.1:{bench.gateway.admin}",
            KEY=KEY, NARROW_KEY=KEY_B, **more))
        status = done.returncode
    finally:
        dead.close()
        problem = bench.close()
    if problem:
        print(f"FAIL stops cleanly: {problem}")
    return 1 if status or problem else 0


def main():
    kinds = [sys.argv[1]] if len(sys.argv) > 1 else list(COMMANDS)
    if any(kind not in COMMANDS for kind in kinds):
        sys.exit(__doc__)
    if not os.path.exists(SLUICE):
        print(f"skipped: {SLUICE} is not built")
        return SKIP
    results = [run(kind, sys.argv[2:]) for kind in kinds]
    return 1 if 1 in results else max(results)


if __name__ == "__main__":
    sys.exit(main())
