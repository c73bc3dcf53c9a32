# local_api.py -- asks a model inside, and reads what comes in both forms.
# SPDX-License-Identifier: Apache-2.0
"""Answers as a client sees them: a stream's events joined by their index, and
the same of an object.
"""
from harness import chat, check_equal, json

TINY = "local/tiny"


def ask(bench, model=TINY, content="Hello there", status=200, **more):
    """A chat, its JSON answer."""
    more.setdefault("max_tokens", 8)
    more.setdefault("seed", 7)
    answer = bench.gateway.ask(chat(content, model, **more))
    check_equal(answer.status, status, answer.body)
    return answer.json()


def events(answer):
    """The JSON of a stream's events, which ends as it should."""
    datas = [block[6:] for block in answer.body.decode().split("\n\n")
             if block.startswith("data: ")]
    check_equal(datas[-1], "[DONE]", answer.body[-300:])
    return [json.loads(data) for data in datas[:-1]]


def stream(bench, model=TINY, content="Hello there", **more):
    more.setdefault("max_tokens", 8)
    more.setdefault("seed", 7)
    answer = bench.gateway.ask(chat(
        content, model, stream=True,
        stream_options={"include_usage": True}, **more))
    check_equal(answer.status, 200, answer.body)
    return events(answer)


def joined(chunks):
    """What a client makes of a stream of chat: message, logprobs, reason."""
    out = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            one = out.setdefault(choice["index"], {
                "content": "", "calls": {}, "logprobs": [], "reason": None})
            delta = choice["delta"]
            one["content"] += delta.get("content") or ""
            for call in delta.get("tool_calls", []):
                said = one["calls"].setdefault(call["index"], ["", "", ""])
                said[0] += call.get("id", "")
                said[1] += call["function"].get("name", "")
                said[2] += call["function"].get("arguments", "")
            one["logprobs"] += (choice["logprobs"] or {}).get("content", [])
            one["reason"] = choice["finish_reason"] or one["reason"]
    return out


def told(answer):
    """The same of an answer that is not a stream."""
    return {choice["index"]: {
        "content": choice["message"]["content"] or "",
        "calls": {i: [call["id"], call["function"]["name"],
                      call["function"]["arguments"]]
                  for i, call in enumerate(
                      choice["message"].get("tool_calls", []))},
        "logprobs": (choice["logprobs"] or {}).get("content", []),
        "reason": choice["finish_reason"]} for choice in answer["choices"]}
