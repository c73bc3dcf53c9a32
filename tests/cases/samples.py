#!/usr/bin/env python3
# samples.py -- the configuration and the policies that ship are without mistake.
# SPDX-License-Identifier: Apache-2.0
"""`sluice check` on etc/sluice.yaml, with each policy of policies/ in turn."""
import glob
import os
import subprocess
import sys
import tempfile

from engine import Place

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SLUICE = os.path.join(os.path.abspath(os.environ.get("BUILD_DIR", "build")),
                      "sluice")
SAMPLE = os.path.join(TOP, "etc", "sluice.yaml")
SECRETS = {"SLUICE_KEY_TEAM_A": "sk-one-of-the-callers",
           "SLUICE_KEY_PRODUCT": "sk-another-of-them", "UP_KEY": "sk-upstream"}


def check(config, environment):
    run = subprocess.run([SLUICE, "check", "--config", config],
                         env=environment, capture_output=True, text=True,
                         timeout=60)
    return run.returncode, run.stdout + run.stderr


def main():
    if not os.path.exists(SLUICE):
        print(f"skipped: no {SLUICE}")
        return 77
    failures = []

    def expect(is_true, what):
        print("ok" if is_true else "FAILED", what)
        if not is_true:
            failures.append(what)

    status, said = check(SAMPLE, SECRETS)
    expect(status == 0, f"etc/sluice.yaml is without mistake: {said}")
    status, said = check(SAMPLE, {})
    expect(status == 1, "without its environment it is refused")
    for name in SECRETS:
        expect(name in said, f"the refusal names {name}")

    policies = sorted(glob.glob(os.path.join(TOP, "policies", "*.yaml")))
    expect(len(policies) >= 3, "there are three policies or more")
    with open(SAMPLE, encoding="utf-8") as file:
        sample = file.read()
    # Some name a model inside, which the sample has not.
    place = Place()
    model = place.checkpoint("llama", chat="{{ messages[0].content }}")
    inside = f"local:\n  - {{name: local/small, path: \"{model}\"}}\n"
    for policy in policies:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
            config.write(sample.replace("../policies/balanced.yaml", policy))
            with open(policy, encoding="utf-8") as file:
                config.write(inside if "local/small" in file.read() else "")
            config.flush()
            status, said = check(config.name, SECRETS)
        expect(status == 0, f"{os.path.basename(policy)}: {said}")
    place.close()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
