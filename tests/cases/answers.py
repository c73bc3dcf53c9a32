# answers.py -- what a scripted upstream says, in OpenAI's shapes.
# SPDX-License-Identifier: Apache-2.0
"""Answers and events as bytes, and functions that send them as an upstream."""
import json

from wire import STREAM_HEAD, chunked, response

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def completion(content="Hi there", model="small-1", usage=USAGE, **more):
    """A chat answer, spaced so that re-printing it would show."""
    answer = {"id": "chatcmpl-1", "object": "chat.completion",
              "created": 1700000000, "model": model,
              "choices": [{"index": 0, "finish_reason": "stop",
                           "message": {"role": "assistant",
                                       "content": content}}], **more}
    if usage is not None:
        answer["usage"] = usage
    return json.dumps(answer, indent=1, separators=(" , ", " :  ")).encode()


def delta(content=None, finish=None, usage="absent", **more):
    """One chunk's event of a chat stream."""
    inner = dict(more)
    if content is not None:
        inner["content"] = content
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk",
             "created": 1700000000, "model": "small-1",
             "choices": [{"index": 0, "delta": inner,
                          "finish_reason": finish}]}
    if usage != "absent":
        chunk["usage"] = usage
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def usage_event(usage=USAGE):
    return b"data: " + json.dumps(
        {"id": "chatcmpl-1", "object": "chat.completion.chunk",
         "created": 1700000000, "model": "small-1", "choices": [],
         "usage": usage}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def stream_events(words=("Hi", " there"), usage=USAGE):
    """The events of a usual stream; <usage> None: none is told."""
    events = [delta("", role="assistant")]
    events += [delta(word) for word in words]
    events.append(delta(finish="stop"))
    if usage is not None:
        events.append(usage_event(usage))
    return events + [DONE]


def send_stream(peer, events, pause=None):
    """Sends a whole stream, an event a chunk."""
    peer.send(STREAM_HEAD)
    for event in events:
        peer.send(chunked(event))
        if pause:
            pause()
    peer.send(b"0\r\n\r\n")
    return True


def usual_answer(peer, incoming):
    """What a healthy provider says; asks for usage are obeyed."""
    body = incoming.json()
    if incoming.target.endswith("/embeddings"):
        peer.send(response(200, json.dumps(
            {"object": "list", "model": body["model"],
             "data": [{"object": "embedding", "index": 0,
                       "embedding": [0.5, -0.25]}],
             "usage": {"prompt_tokens": 7, "total_tokens": 7}}).encode()))
        return True
    if body.get("stream"):
        asked = (body.get("stream_options") or {}).get("include_usage")
        return send_stream(peer, stream_events(usage=USAGE if asked else None))
    peer.send(response(200, completion(model=body["model"])))
    return True


def always(status, body=b'{"error": {"message": "no", "type": "t", '
           b'"param": null, "code": "scripted"}}', headers=()):
    """An answer function with one status."""
    def answer(peer, _):
        peer.send(response(status, body, headers))
        return True
    return answer


def says(data):
    """An answer function that sends raw bytes and closes."""
    def answer(peer, _):
        peer.send(data)
        return False
    return answer
