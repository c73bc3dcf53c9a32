#!/usr/bin/env python3
# engine_model.py -- what a checkpoint is, what it needs, how fast it runs.
# SPDX-License-Identifier: Apache-2.0
import json

from engine import *  # noqa: F403
from harness import *  # noqa: F403


def about(model, *flags):
    done = sluice("model", model, *flags, text=b"")
    check_equal(done.returncode, 0, done.stderr)
    return done.stdout.decode()


def bench(model, *flags):
    done = sluice("bench", model, "--json", *flags, text=b"")
    check_equal(done.returncode, 0, done.stderr)
    return json.loads(done.stdout)


@case
def a_directory_is_told_of(place):
    model = place.checkpoint("llama", "card")
    place.write("card/README.md",
                "---\nlanguage: en\nlicense: mit\n---\nlicense: no\n")
    told = json.loads(about(model, "--json"))
    for name, value in {
            "name": "card", "licence": "mit", "family": "llama",
            "is_encoder": False, "layers": 2, "hidden": 36, "heads": 6,
            "kv_heads": 2, "head_dim": 6, "vocabulary": 101, "context": 256,
            "tokenizer_tokens": 101, "chat_template": False}.items():
        check_equal(told[name], value, name)
    check_equal(sum(one["bytes"] for one in told["weights"]),
                4 * told["parameters"])
    check_equal(told["weights"][0]["type"], "F32")
    # Two layers of two KV heads of six values, keys and values, in F32.
    memory = told["memory"]
    check_equal(memory["kv_1000_tokens_bytes"], 1008 * 2 * 2 * 6 * 2 * 4)
    check_equal((memory["weights_fit"], memory["context_that_fits"]),
                (True, 256))
    check(memory["available_bytes"] <= memory["machine_bytes"])
    check(memory["packed_bytes"] <= memory["computing_bytes"])
    text = about(model)
    for word in ("licence     mit", "context     256 tokens", "F32: ",
                 "fits        the whole context"):
        check(word in text, word, "is not in", text)


@case
def a_window_bounds_keys_and_values(place):
    told = json.loads(about(place.checkpoint("gemma3"), "--json"))
    # A full layer keeps all; the two others a window, a chunk and a page.
    kept = 1008 + 2 * 96
    check_equal(told["memory"]["kv_1000_tokens_bytes"],
                kept * 2 * 10 * 2 * 4)


@case
def what_lacks_a_tokenizer_is_told_of_all_the_same(_):
    model = os.path.join(CHECKPOINTS, "qwen3")
    told = json.loads(about(model, "--json"))
    check("tokenizer.json" in told["tokenizer_error"], told)
    check_equal(told["weights"][0]["type"], "BF16")
    check("not usable" in about(model))


@case
def an_encoders_labels_are_told(place):
    told = json.loads(about(place.checkpoint("bert"), "--json"))
    check_equal(told["labels"], ["LABEL_0", "LABEL_1", "LABEL_2"])
    check_equal(told["is_encoder"], True)


@case
def what_cannot_be_used_is_refused_by_name(place):
    done = sluice("model", place.path("nowhere"))
    check_equal((done.returncode, done.stdout), (1, b""))
    check(b"nowhere" in done.stderr, done.stderr)
    model = place.checkpoint("llama", "odd")
    with open(place.path("odd", "config.json"), encoding="utf-8") as file:
        settings = json.load(file)
    place.write("odd/config.json", dict(settings, num_experts=8))
    done = sluice("model", model)
    check_equal(done.returncode, 1)
    check(b"num_experts" in done.stderr, done.stderr)
    check_equal(sluice("model").returncode, 2)
    check_equal(sluice("bench").returncode, 2)
    check_equal(sluice("bench", "x", "--exact", "--int8").returncode, 2)


@case
def a_bench_tells_speed_and_memory(place):
    model = place.checkpoint("llama")
    told = bench(model, "--prompt", "40", "--tokens", "20", "--threads", "2",
                 "--batch", "3")
    check_equal((told["threads"], told["batch"], told["prompt_tokens"],
                 told["decode_tokens"]), (2, 3, 40, 60))
    for name in ("prefill_tok_s", "decode_tok_s", "decode_bytes_s",
                 "read_bandwidth_bytes_s", "peak_resident_bytes",
                 "prefill_wall_s", "decode_wall_s"):
        check(told[name] > 0, name, told)
    done = sluice("bench", model, "--tokens", "0")
    check_equal(done.returncode, 0)
    check(b"prefill" in done.stdout and b"decode" not in done.stdout,
          done.stdout)
    done = sluice("bench", model, "--prompt", "250", "--tokens", "20")
    check_equal(done.returncode, 1)
    check(b"256" in done.stderr, done.stderr)


@case
def an_encoder_decodes_nothing(place):
    told = bench(place.checkpoint("bert"), "--prompt", "20", "--batch", "4")
    check_equal((told["decode_tok_s"], told["prefill_tok_s"] > 0),
                (None, True))


@case
def smollm2_stays_small(_):
    if not needs(SMOLLM2) or sanitized():
        return
    told = json.loads(about(SMOLLM2, "--json"))
    check_equal((told["licence"], told["parameters"], told["chat_template"]),
                ("apache-2.0", 134515008, True))
    told = bench(SMOLLM2, "--prompt", "32", "--tokens", "8")
    # Beyond the file, what takes its place, and 40 tokens' keys and values.
    check(told["peak_resident_bytes"] - told["packed_bytes"]
          - 40 * 46080 < 60 << 20, told)


if __name__ == "__main__":
    run_cases(Place)
