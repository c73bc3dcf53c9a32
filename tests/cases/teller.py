# teller.py -- questions that say how they are to be answered, and who does.
# SPDX-License-Identifier: Apache-2.0
"""An upstream that answers each question as its plan says, and remembers.

A question's text is JSON: a number and a plan. Each answer carries its attempt
(x-request-id) as its id and in its text, so that whoever is given it can be
told whose it is: which question's, of which tenant, by which model.
"""
import json
import random
import threading

from wire import STREAM_HEAD, chunked, response

# How often each fate comes in a hundred questions.
FATES = [
    ("usual", 46), ("length", 3), ("tool", 4), ("choices", 4),
    ("no_usage", 4), ("no_done", 3), ("cut", 4), ("hangup", 3),
    ("status", 5), ("refused", 3), ("error_event", 4), ("silent", 3),
    ("stalls", 2), ("huge", 1), ("long", 3), ("other_form", 4),
    ("first_fails", 4),
]
ENDPOINTS = {"chat": "/v1/chat/completions", "text": "/v1/completions",
             "embed": "/v1/embeddings"}


def make_plan(dice):
    fate = dice.choices([name for name, _ in FATES],
                        [weight for _, weight in FATES])[0]
    return {"fate": fate, "words": dice.randrange(1, 14),
            "at": dice.randrange(0, 6), "pace": dice.choice([0, 0, 2, 8, 25]),
            "wait": dice.choice([0, 0, 5, 30, 80]),
            "status": dice.choice([408, 429, 500, 503])}


def make_question(dice, number):
    """One question as a request's members, but for form and model."""
    endpoint = dice.choices(list(ENDPOINTS), [70, 15, 15])[0]
    text = json.dumps({"number": number, "plan": make_plan(dice)})
    body = {"temperature": 0}
    if dice.random() < 0.08:
        body["temperature"] = 0.7
    if endpoint == "chat":
        body["messages"] = [{"role": "user", "content": text}]
    elif endpoint == "text":
        body["prompt"] = text
    else:
        body = {"input": text}
    return {"endpoint": endpoint, "body": body,
            "model": dice.choice(["auto"] * 3 + ["up/small", "up/large",
                                                  "up/dark"])}


def text_of(body):
    """A request's question, whoever sent it."""
    if "messages" in body:
        return body["messages"][0]["content"]
    return body.get("prompt") or body["input"]


class Said:
    """What one attempt was answered."""

    def __init__(self, attempt, body):
        self.attempt = attempt
        self.question = text_of(body)
        self.model = body["model"]
        dice = random.Random(attempt)
        self.plan = json.loads(self.question)["plan"]
        self.fate = self.plan["fate"]
        self.n = 2 if self.fate == "choices" else 1
        self.finish = {"length": "length", "tool": "tool_calls"}.get(
            self.fate, "stop")
        self.words = [[f" {attempt}"] + [
            f" w{i}-{choice}" for i in range(self.plan["words"])]
            for choice in range(self.n)]
        if self.fate == "long":
            self.words = [[f" {attempt}"] + ["z" * 4000] * 60]
        elif self.fate == "huge":
            self.words = [[f" {attempt}", "y" * (5 << 20)]]
        self.usage = None
        if self.fate != "no_usage":
            prompt, output = dice.randrange(1, 500), dice.randrange(1, 90)
            self.usage = {"prompt_tokens": prompt, "completion_tokens": output,
                          "total_tokens": prompt + output}
        self.n_calls = 1

    def texts(self):
        return ["".join(words) for words in self.words]

    # --- as JSON

    def json(self, is_chat):
        choices = []
        for i, text in enumerate(self.texts()):
            choice = {"index": i, "finish_reason": self.finish}
            if not is_chat:
                choice["text"] = text
            elif self.fate == "tool":
                choice["message"] = {"role": "assistant", "content": None,
                                     "tool_calls": [self.tool(text)]}
            else:
                choice["message"] = {"role": "assistant", "content": text}
            choices.append(choice)
        made = {"id": self.attempt, "created": 1700000000,
                "object": "chat.completion" if is_chat else "text_completion",
                "model": self.model, "choices": choices}
        if self.usage:
            made["usage"] = self.usage
        return json.dumps(made).encode()

    def vector(self):
        made = {"object": "list", "id": self.attempt, "model": self.model,
                "data": [{"object": "embedding", "index": 0,
                          "embedding": [0.5]}]}
        if self.usage:
            made["usage"] = {"prompt_tokens": self.usage["prompt_tokens"],
                             "total_tokens": self.usage["prompt_tokens"]}
        return json.dumps(made).encode()

    def tool(self, arguments, **more):
        return {"id": "call_1", "type": "function", "function": {
            "name": "look", "arguments": arguments}, **more}

    # --- as a stream

    def event(self, is_chat, choices, **more):
        made = {"id": self.attempt, "created": 1700000000,
                "object": ("chat.completion.chunk" if is_chat
                           else "text_completion"),
                "model": self.model, "choices": choices, **more}
        return b"data: " + json.dumps(made).encode() + b"\n\n"

    def choice(self, is_chat, index, word=None, finish=None):
        made = {"index": index, "finish_reason": finish}
        if not is_chat:
            return {**made, "text": word or ""}
        inner = {}
        if word is not None and self.fate == "tool":
            inner = {"tool_calls": [
                {"index": 0, "function": {"arguments": word}}]}
        elif word is not None:
            inner = {"content": word}
        return {**made, "delta": inner}

    def events(self, is_chat, tells_usage):
        found = []
        if is_chat:
            for i in range(self.n):
                first = {"role": "assistant", "content": ""}
                if self.fate == "tool":
                    first = {"role": "assistant", "content": None,
                             "tool_calls": [self.tool("", index=0)]}
                found.append(self.event(True, [
                    {"index": i, "delta": first, "finish_reason": None}]))
        for step in range(len(self.words[0])):
            for i in range(self.n):
                found.append(self.event(is_chat, [self.choice(
                    is_chat, i, self.words[i][step])]))
        for i in range(self.n):
            found.append(self.event(is_chat, [self.choice(
                is_chat, i, finish=self.finish)]))
        if tells_usage and self.usage:
            found.append(self.event(is_chat, [], usage=self.usage))
        if self.fate != "no_done":
            found.append(b"data: [DONE]\n\n")
        return found


class Teller:
    """The upstream's answer function."""

    def __init__(self):
        self.said = {}
        self.lock = threading.Lock()
        self.ends = threading.Event()  # no more pauses

    def __call__(self, peer, incoming):
        body = incoming.json()
        attempt = incoming.header("x-request-id")
        said = Said(attempt, body)
        with self.lock:
            if attempt in self.said:
                self.said[attempt].n_calls += 1
            else:
                self.said[attempt] = said
        self.pause(said.plan["wait"])
        return self.answer(peer, incoming, body, said)

    def pause(self, milliseconds):
        if milliseconds:
            self.ends.wait(milliseconds / 1000)

    def answer(self, peer, incoming, body, said):
        fate, is_chat = said.fate, "messages" in body
        if fate == "hangup":
            return False
        if fate == "silent":
            return self.stay_silent(peer)
        if fate == "status":
            return self.fail(peer, said.plan["status"])
        if fate == "refused":
            return self.fail(peer, 400)
        if fate == "first_fails" and said.model == "small-1":
            return self.fail(peer, 503)
        if incoming.target.endswith("/embeddings"):
            peer.send(response(200, said.vector()))
            return True
        streams = bool(body.get("stream")) != (fate == "other_form")
        if not streams:
            return self.tell_whole(peer, said, is_chat)
        options = body.get("stream_options") or {}
        return self.tell(peer, said, said.events(
            is_chat, options.get("include_usage") or not body.get("stream")))

    def stay_silent(self, peer):
        """Until the gateway has given up."""
        peer.wait_end(10)
        return False

    @staticmethod
    def fail(peer, status):
        peer.send(response(status, json.dumps({"error": {
            "message": "planned", "type": "t", "param": None,
            "code": "planned"}}).encode()))
        return True

    def tell_whole(self, peer, said, is_chat):
        data = response(200, said.json(is_chat))
        if said.fate == "cut":
            peer.send(data[:-7])
            return False
        if said.fate == "stalls":
            peer.send(data[:-7])
            return self.stay_silent(peer)
        peer.send(data)
        return True

    def tell(self, peer, said, events):
        peer.send(STREAM_HEAD)
        for i, event in enumerate(events):
            if i == said.plan["at"] + 1:
                if said.fate == "cut":
                    return False
                if said.fate == "stalls":
                    return self.stay_silent(peer)
                if said.fate == "error_event":
                    peer.send(chunked(b'data: {"error": {"message": "planned",'
                                      b' "type": "t", "code": "planned"}}\n\n')
                              + b"0\r\n\r\n")
                    return True
            self.pause(said.plan["pace"])
            peer.send(chunked(event))
        peer.send(b"0\r\n\r\n")
        return True
