#!/usr/bin/env python3
"""Writes local/tokenizer/unicode_table.c from what HF tokenizers itself does.

A tokenizer is exact only when it splits and folds every character as the
library does that made the vocabulary, and that library mixes several Unicode
versions (Oniguruma's, Rust's, three crates'). So each property is asked of the
library, for each code point, and not taken from a database.

    pip install tokenizers==0.23.3
    tools/make-unicode-table.py > local/tokenizer/unicode_table.c
"""
import sys

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

MARK = "\ua000"  # stands between two characters: inert everywhere
POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
CATEGORIES = ["Lu", "Ll", "Lt", "Lm", "Lo", "M", "N", "P", "S"]
PAGE = 128


def chunks():
    for start in range(0, len(POINTS), 20000):
        yield POINTS[start : start + 20000]


def matching(step):
    """Code points that a step which removes its matches removes."""
    found = set()
    for part in chunks():
        kept = set()
        for _, (start, end) in step.pre_tokenize_str("".join(map(chr, part))):
            kept.update(range(start, end))
        found.update(c for i, c in enumerate(part) if i not in kept)
    return found


def joining(step, before, after):
    """Code points that stay in one piece with <before>."""
    found = set()
    for part in chunks():
        text = "".join(before + chr(c) + after for c in part)
        for _, (start, end) in step.pre_tokenize_str(text):
            if start % 3 == 0 and end - start == 2:
                found.add(part[start // 3])
    return found


def mapped(normalizer):
    """What a normalizer makes of each code point by itself."""
    result = {ord(MARK): MARK}
    for part in chunks():
        part = [c for c in part if c != ord(MARK)]
        text = MARK.join(map(chr, part))
        out = normalizer.normalize_str(text).split(MARK)
        assert len(out) == len(part)
        result.update(zip(part, out))
    return result


def reordered(nfd):
    """Code points whose canonical combining class is not zero."""
    result = set()
    for part in chunks():
        part = [c for c in part if nfd[c] == chr(c) and c != ord(MARK)]
        above = [chr(c) + "\u0316" for c in part]
        below = ["\u0301" + chr(c) for c in part]
        for texts in (above, below):
            joined = MARK.join("a" + t for t in texts)
            out = normalizers.NFD().normalize_str(joined).split(MARK)
            result.update(c for c, t, o in zip(part, texts, out) if o != "a" + t)
    return result


def stable(form, composed_of, classes):
    whole = mapped(form)
    return {
        c for c in POINTS
        if whole[c] == chr(c) and c not in classes and c not in composed_of
    }


def bert(**on):
    flags = dict(clean_text=False, handle_chinese_chars=False,
                 strip_accents=False, lowercase=False)
    flags.update(on)
    return mapped(normalizers.BertNormalizer(**flags))


def properties():
    """Bit sets, low bits first; the category takes the first four."""
    isolate = pre_tokenizers.Split
    table = [0] * 0x110000
    for number, name in enumerate(CATEGORIES, 1):
        for c in matching(isolate(Regex(r"\p{%s}" % name), "removed")):
            assert table[c] == 0, hex(c)
            table[c] = number
    nfd = mapped(normalizers.NFD())
    classes = reordered(nfd)
    later = {ord(x) for t in nfd.values() for x in t[1:]}
    accents = mapped(normalizers.StripAccents())
    clean, marks = bert(clean_text=True), bert(strip_accents=True)
    flags = [
        matching(isolate(Regex(r"\s"), "removed")),
        joining(pre_tokenizers.Whitespace(), "a", " "),
        matching(pre_tokenizers.Punctuation("removed")),
        {c for c in POINTS if clean[c] == ""},
        joining(pre_tokenizers.Digits(individual_digits=False), "0", "a"),
        {c for c in POINTS if marks[c] == "" and nfd[c] == chr(c)},
        {c for c in POINTS if accents[c] == ""},
        stable(normalizers.NFC(), later, classes),
        stable(normalizers.NFD(), set(), classes),
        stable(normalizers.NFKC(), later, classes),
        stable(normalizers.NFKD(), set(), classes),
    ]
    assert matching(pre_tokenizers.WhitespaceSplit()) == flags[0]
    for bit, points in enumerate(flags, 4):
        for c in points:
            table[c] |= 1 << bit
    return table


def lower_ranges():
    """(first, last, stride, difference) runs of simple lower case."""
    lower = mapped(normalizers.Lowercase())
    assert [c for c in POINTS if len(lower[c]) != 1] == [0x130]
    runs = []
    for c in POINTS:
        if c == 0x130 or lower[c] == chr(c):
            continue
        delta = ord(lower[c]) - c
        if runs and runs[-1][3] == delta:
            first, last, stride, _ = runs[-1]
            step = c - last
            if step in (1, 2) and stride in (0, step):
                runs[-1] = (first, c, step, delta)
                continue
        runs.append((c, c, 0, delta))
    return [(a, b, s or 1, d) for a, b, s, d in runs]


def main():
    table = properties()
    pages, index = {}, []
    for start in range(0, 0x110000, PAGE):
        page = tuple(table[start : start + PAGE])
        index.append(pages.setdefault(page, len(pages)))
    out = sys.stdout.write
    out("/* unicode_table.c -- each character's properties, as HF tokenizers "
        "sees it. */\n"
        "/* SPDX-License-Identifier: Apache-2.0 */\n"
        "/* Written by tools/make-unicode-table.py (tokenizers "
        f"{tokenizers.__version__}); not by hand. */\n")
    out('#include "local/tokenizer/unicode.h"\n\n/* clang-format off */\n')
    out("const uint16_t unicode_index[%d] = {\n" % len(index))
    rows(out, index, 20)
    out("};\n\nconst uint16_t unicode_pages[%d][%d] = {\n" % (len(pages), PAGE))
    for page in pages:
        out("{\n")
        rows(out, page, 16)
        out("},\n")
    out("};\n\n")
    runs = lower_ranges()
    out("const struct unicode_run unicode_lower_runs[] = {\n")
    for first, last, stride, delta in runs:
        out("\t{0x%x, 0x%x, %d, %d},\n" % (first, last, stride, delta))
    out("};\n\nconst size_t unicode_lower_count = %d;\n" % len(runs))
    out("/* clang-format on */\n")


def rows(out, values, width):
    for start in range(0, len(values), width):
        out("\t" + ", ".join(map(str, values[start : start + width])) + ",\n")


if __name__ == "__main__":
    main()
