#!/usr/bin/env python3
# engine_real.py -- SmolLM2, where tools/fetch-models has put it.
# SPDX-License-Identifier: Apache-2.0
import os

from engine import *  # noqa: F403
from harness import *  # noqa: F403


@case
def smollm2_scores_real_text_as_its_plain_numbers(_):
    if not needs(SMOLLM2):
        return
    wanted = read_safetensors(os.path.join(CHECKPOINTS, "smollm2.safetensors"))
    n = 8 if sanitized() else None
    ids = list(wanted["ids"][1])[:n]
    answer = ask_one("score", SMOLLM2, {"ids": ids}, "--exact", "--top", "16")
    check_near(answer["logprobs"][1:], wanted["next"][1][:len(ids) - 1], 1e-3)
    top = wanted["top.logprobs"][1]
    for i, row in enumerate(answer["top"][1:]):
        check_near([logprob for _, logprob in row],
                   top[i * 16:(i + 1) * 16], 1e-3)
    text = ask_one("detokenize", SMOLLM2, list(wanted["ids"][1]))
    check("lighthouse keeper" in text and text.endswith("The end."), text)
    check_equal(ask_one("tokenize", SMOLLM2, text), list(wanted["ids"][1]))


@case
def smollm2_writes_the_same_greedy_tokens(_):
    if not needs(SMOLLM2):
        return
    wanted = read_safetensors(os.path.join(CHECKPOINTS, "smollm2.safetensors"))
    limit = 2 if sanitized() else 64
    prompts = [
        {"messages": [{"role": "system", "content": ""}, {
            "role": "user", "content": "What is the capital of France?"}]},
        {"prompt": "Once upon a time, in a village by the sea,"},
        {"prompt": list(wanted["prompt0"][1])}]
    # Sanitizers make plain arithmetic fifty times slower.
    asked = prompts[1:2] if sanitized() else prompts[1:]
    answers = ask("generate", SMOLLM2, *asked, flags=(
        "--exact", "--max-tokens", str(limit)), timeout=250)
    for answer, name in zip(answers, ("greedy1", "greedy0")):
        tokens = list(wanted[name][1])[:limit]
        if EOS in tokens:
            tokens = tokens[:tokens.index(EOS)]
        check_equal(answer["ids"], tokens, name)
        check_equal(answer["text"],
                    ask_one("detokenize", SMOLLM2, answer["ids"]))
    template = ask_one("template", SMOLLM2, dict(
        prompts[0], add_generation_prompt=True))
    check(template["text"].endswith(
        "user\nWhat is the capital of France?<|im_end|>\n"
        "<|im_start|>assistant\n"), template["text"])


@case
def smollm2_keeps_to_a_schema(_):
    if not needs(SMOLLM2) or sanitized():
        return
    schema = {"type": "object", "properties": {
        "city": {"type": "string", "maxLength": 20},
        "continent": {"enum": ["Africa", "Asia", "Europe"]}},
        "required": ["city", "continent"], "additionalProperties": False}
    answer = ask_one("generate", SMOLLM2, {
        "messages": [{"role": "user", "content":
                      "What is the capital of France? Answer in JSON."}],
        "schema": schema})
    check_equal(json.loads(answer["text"]),
                {"city": "Paris", "continent": "Europe"})
    check(0 < answer["confidence"]["tokens"] < len(answer["ids"]), answer)


@case
def smollm2_answers_in_whole_characters(_):
    if not needs(SMOLLM2):
        return
    line = json.dumps({"prompt": "\u4eca\u65e5\u306f\U0001f600 \U0001f30a",
                       "max_tokens": 4 if sanitized() else 24}).encode()
    done = sluice("generate", "--model", SMOLLM2, "--stream", "--temperature",
                  "2", "--seed", "5", text=line + b"\n")
    answer = json.loads(sluice("generate", "--model", SMOLLM2, "--temperature",
                               "2", "--seed", "5", text=line + b"\n").stdout)
    check_equal(done.stdout.decode("utf-8"), answer["text"] + "\n")


if __name__ == "__main__":
    run_cases(Place)
