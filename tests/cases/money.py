# money.py -- exact amounts, as the product is to count them.
# SPDX-License-Identifier: Apache-2.0
import re

from checks import Failed


def nano(text):
    """Nano-dollars of a plain decimal, exactly; None for "unpriced"."""
    if text == "unpriced":
        return None
    if not re.fullmatch(r"-?\d+(\.\d{1,9})?", text):
        raise Failed(f"{text!r} is no plain decimal with up to 9 digits")
    sign = -1 if text.startswith("-") else 1
    whole, _, part = text.lstrip("-").partition(".")
    return sign * (int(whole) * 10**9 + int(part.ljust(9, "0") or 0))


def amounts(answer):
    """(cost, baseline, saved) of the headers in nano-dollars."""
    return tuple(nano(answer.header(f"x-sluice-{name}-usd"))
                 for name in ("cost", "baseline", "saved"))


def half_even(femto):
    """Nano-dollars of an integer count of femto-dollars."""
    whole, rest = divmod(femto, 10**6)
    if rest * 2 > 10**6 or (rest * 2 == 10**6 and whole % 2 == 1):
        whole += 1
    return whole


def cost(price, fresh, cached, output):
    """Nano-dollars by <price> in femto-dollars a token."""
    return half_even(price["input"] * fresh
                     + price.get("cached_input", price["input"]) * cached
                     + price.get("output", 0) * output)


SMALL = {"input": 100_000_000, "output": 400_000_000}
LARGE = {"input": 2_000_000_000, "cached_input": 200_000_000,
         "output": 10_000_000_000}
