#!/usr/bin/env python3
# fake_provider.py -- the simulated provider answers as an OpenAI server does.
# SPDX-License-Identifier: Apache-2.0
"""Starts tests/fake_provider/fake_provider and asks it for each shape of answer, with each option.

usage: fake_provider.py [-v] [TEST...]      (in the build directory, or FAKE_PROVIDER names the binary)
"""
import base64
import hashlib
import json
import math
import ssl
import struct
import subprocess
import tempfile
import threading
import unittest

from fake_provider_client import BINARY, Answer, Case, Provider, request


class Shapes(Case):
    def test_a_chat_answer_has_openai_s_shape(self):
        answer = self.provider.chat("x" * 401)
        body = answer.json()
        self.assertEqual(answer["server"], "fake_provider (simulated)")
        self.assertEqual(answer["content-type"], "application/json")
        self.assertEqual(body["object"], "chat.completion")
        self.assertEqual(body["system_fingerprint"], "simulated")
        self.assertEqual(body["choices"][0]["finish_reason"], "stop")
        self.assertEqual(len(body["choices"][0]["message"]["content"].split(" ")), 16)
        self.assertEqual(body["usage"]["prompt_tokens"], 100)
        self.assertEqual(body["usage"]["completion_tokens"], 16)
        self.assertEqual(body["usage"]["total_tokens"], 116)
        self.assertEqual(body["usage"]["prompt_tokens_details"]["cached_tokens"], 0)

    def test_the_same_request_has_the_same_answer(self):
        self.assertEqual(self.provider.chat("again").after, self.provider.chat("again").after)
        self.assertNotEqual(self.provider.chat("again").json()["id"], self.provider.chat("other").json()["id"])

    def test_a_stream_says_what_its_usage_counts(self):
        answer = self.provider.stream("[[tokens=5]]")
        self.assertEqual(answer["content-type"], "text/event-stream; charset=utf-8")
        self.assertTrue(answer.whole)
        self.assertEqual(answer.datas()[-1], b"[DONE]")
        self.assertEqual(len(answer.deltas("content")), 5)
        self.assertEqual(answer.events()[0]["choices"][0]["delta"]["role"], "assistant")
        self.assertEqual(answer.events()[-1]["choices"][0]["finish_reason"], "stop")
        self.assertFalse(any("usage" in event for event in answer.events()))

    def test_usage_comes_last_when_it_is_asked_for(self):
        events = self.provider.stream("[[tokens=5]]", stream_options={"include_usage": True}).events()
        self.assertTrue(all(event["usage"] is None for event in events[:-1]))
        self.assertEqual(events[-1]["choices"], [])
        self.assertEqual(events[-1]["usage"]["completion_tokens"], 5)

    def test_escapes_count_as_what_they_stand_for(self):
        body = b'{"model":"small-1","messages":[{"role":"user","content":"\\u0061\\n\\u0062c\\u20ac\\""}]}'
        usage = self.provider.ask("POST", "/v1/chat/completions", body).json()["usage"]
        self.assertEqual(usage["prompt_tokens"], len('a\nbc\u20ac"'.encode()) // 4)

    def test_parts_of_a_message_are_added_up(self):
        parts = [{"type": "text", "text": "x" * 40}, {"type": "image_url", "image_url": {"url": "data:,"}},
                 {"type": "text", "text": "y" * 40 + "[[tokens=2]]"}]
        usage = self.provider.chat(parts).json()["usage"]
        self.assertEqual((usage["prompt_tokens"], usage["completion_tokens"]), (23, 2))

    def test_n_choices_take_turns_in_a_stream(self):
        whole = self.provider.chat("[[tokens=3]]", n=3).json()
        self.assertEqual([choice["index"] for choice in whole["choices"]], [0, 1, 2])
        self.assertEqual(whole["usage"]["completion_tokens"], 9)
        events = self.provider.stream("[[tokens=3]]", n=3).events()
        self.assertEqual([event["choices"][0]["index"] for event in events], [0, 1, 2] * 5)

    def test_max_tokens_ends_it_with_length(self):
        for name in "max_tokens", "max_completion_tokens":
            body = self.provider.chat("[[tokens=50]]", **{name: 7}).json()
            self.assertEqual(body["choices"][0]["finish_reason"], "length")
            self.assertEqual(body["usage"]["completion_tokens"], 7)
        self.assertEqual(self.provider.chat(max_tokens=0).json()["choices"][0]["message"]["content"], "")

    def test_a_stop_sequence_ends_the_text_before_it(self):
        text = self.provider.chat("[[tokens=30]]").json()["choices"][0]["message"]["content"]
        for stop in text[40:44], [text[60:63], "never there"]:
            first = stop if isinstance(stop, str) else stop[0]
            choice = self.provider.chat("[[tokens=30]]", stop=stop).json()["choices"][0]
            self.assertNotIn(first, choice["message"]["content"])
            self.assertEqual(choice["finish_reason"], "stop")

    def test_logprobs_stand_beside_each_token(self):
        choice = self.provider.chat("[[tokens=4]]", logprobs=True, top_logprobs=2).json()["choices"][0]
        content = choice["logprobs"]["content"]
        self.assertEqual("".join(token["token"] for token in content), choice["message"]["content"])
        self.assertTrue(all(bytes(token["bytes"]).decode() == token["token"] for token in content))
        self.assertTrue(all(token["logprob"] < 0 and len(token["top_logprobs"]) == 2 for token in content))
        events = self.provider.stream("[[tokens=4]]", logprobs=True).events()
        self.assertEqual(sum(len(e["choices"][0]["logprobs"]["content"]) for e in events
                             if e["choices"][0]["logprobs"]), 4)

    TOOLS = [{"type": "function", "function": {"name": "other"}},
             {"type": "function", "function": {"name": "weather", "parameters": {
                 "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
                 "required": ["city"]}}}]
    WEATHER = {"type": "function", "function": {"name": "weather"}}

    def test_a_tool_is_called_when_asked_for(self):
        self.assertIsNone(self.provider.chat("hello", tools=self.TOOLS).json()["choices"][0]["message"]
                          .get("tool_calls"))
        choice = self.provider.chat("use a tool", tools=self.TOOLS).json()["choices"][0]
        self.assertEqual(choice["finish_reason"], "tool_calls")
        self.assertIsNone(choice["message"]["content"])
        self.assertEqual(choice["message"]["tool_calls"][0]["function"], {"name": "other", "arguments": "{}"})
        message = self.provider.chat("hello", tools=self.TOOLS, tool_choice="required").json()["choices"][0]["message"]
        self.assertEqual(message["tool_calls"][0]["type"], "function")
        message = self.provider.chat("use a tool", tools=self.TOOLS, tool_choice="none").json()["choices"][0]["message"]
        self.assertNotIn("tool_calls", message)

    def test_a_tool_s_result_is_answered_in_words(self):
        messages = [{"role": "user", "content": "use a tool"}, {"role": "assistant", "content": None},
                    {"role": "tool", "tool_call_id": "x", "content": "sunny"}]
        choice = self.provider.chat(messages=messages, tools=self.TOOLS).json()["choices"][0]
        self.assertEqual(choice["finish_reason"], "stop")

    def test_a_tool_call_streams_its_arguments_in_deltas(self):
        answer = self.provider.stream("hello [[calls=2]]", tools=self.TOOLS, tool_choice=self.WEATHER)
        deltas = [delta[0] for delta in answer.deltas("tool_calls")]
        for call in 0, 1:
            mine = [delta for delta in deltas if delta["index"] == call]
            self.assertEqual(mine[0]["function"], {"name": "weather", "arguments": ""})
            self.assertTrue(mine[0]["id"].startswith("call_"))
            self.assertGreater(len(mine), 3)
            arguments = json.loads("".join(delta["function"]["arguments"] for delta in mine))
            self.assertEqual(set(arguments), {"city", "days"})
            self.assertIsInstance(arguments["days"], int)
        self.assertEqual(answer.events()[-1]["choices"][0]["finish_reason"], "tool_calls")

    def test_json_mode_gives_an_object(self):
        choice = self.provider.chat(response_format={"type": "json_object"}).json()["choices"][0]
        self.assertIsInstance(json.loads(choice["message"]["content"]), dict)

    def test_a_schema_s_value_fits_it(self):
        schema = {"type": "object", "properties": {
            "name": {"type": "string", "minLength": 9, "maxLength": 9}, "when": {"type": "string", "format": "date"},
            "age": {"type": "integer", "minimum": 18, "maximum": 19}, "score": {"type": "number", "exclusiveMaximum": 3},
            "ok": {"type": "boolean"}, "kind": {"enum": ["a", "b"]}, "fixed": {"const": {"x": 1}},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 3},
            "maybe": {"anyOf": [{"$ref": "#/$defs/inner"}, {"type": "null"}]}, "either": {"type": ["null", "integer"]},
            "deep": {"type": "object", "properties": {"list": {"type": "array", "items": {"$ref": "#/$defs/inner"}}}}},
            "$defs": {"inner": {"type": "object", "properties": {"n": {"type": "integer"}}}}}
        form = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
        value = json.loads(self.provider.chat(response_format=form).json()["choices"][0]["message"]["content"])
        self.assertEqual(set(value), set(schema["properties"]))
        self.assertEqual(len(value["name"]), 9)
        self.assertRegex(value["when"], r"^\d{4}-\d\d-\d\d$")
        self.assertIn(value["age"], (18, 19))
        self.assertLess(value["score"], 3)
        self.assertIsInstance(value["ok"], bool)
        self.assertIn(value["kind"], ("a", "b"))
        self.assertEqual(value["fixed"], {"x": 1})
        self.assertEqual(len(value["tags"]), 3)
        self.assertIsInstance(value["maybe"]["n"], int)
        self.assertIsInstance(value["either"], int)
        self.assertIsInstance(value["deep"]["list"][1]["n"], int)

    def test_a_schema_that_refers_to_itself_ends(self):
        schema = {"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}}
        loop = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
        for one in schema, loop:
            form = {"type": "json_schema", "json_schema": {"name": "x", "schema": one}}
            json.loads(self.provider.chat(response_format=form).json()["choices"][0]["message"]["content"])

    def test_completions_answer_each_prompt(self):
        body = {"model": "small-1", "prompt": ["x" * 40, "[[tokens=3]]"], "n": 2, "logprobs": 1}
        whole = self.provider.ask("POST", "/v1/completions", body).json()
        self.assertEqual(whole["object"], "text_completion")
        self.assertEqual(len(whole["choices"]), 4)
        self.assertEqual(len(whole["choices"][3]["logprobs"]["tokens"]), 3)
        self.assertEqual((whole["usage"]["prompt_tokens"], whole["usage"]["completion_tokens"]), (13, 12))
        stream = self.provider.ask("POST", "/v1/completions", {
            "model": "small-1", "prompt": "go on [[tokens=3]]", "stream": True,
            "stream_options": {"include_usage": True}})
        texts = [choice["text"] for event in stream.events() for choice in event["choices"]]
        self.assertEqual((len(texts), texts[-1]), (4, ""))
        self.assertEqual(stream.events()[-1]["usage"]["completion_tokens"], 3)

    def test_embeddings_are_unit_vectors_in_both_encodings(self):
        body = {"model": "embed-1", "input": ["one text", "another"], "dimensions": 32}
        plain = self.provider.ask("POST", "/v1/embeddings", {**body, "encoding_format": "float"}).json()
        packed = self.provider.ask("POST", "/v1/embeddings", {**body, "encoding_format": "base64"}).json()
        for one, other in zip(plain["data"], packed["data"]):
            vector = struct.unpack("<32f", base64.b64decode(other["embedding"]))
            self.assertEqual([struct.unpack("<f", struct.pack("<f", x))[0] for x in one["embedding"]], list(vector))
            self.assertAlmostEqual(math.fsum(x * x for x in vector), 1, places=5)
        self.assertNotEqual(plain["data"][0]["embedding"], plain["data"][1]["embedding"])
        self.assertEqual(plain["usage"], {"prompt_tokens": 3, "total_tokens": 3})
        single = self.provider.ask("POST", "/v1/embeddings", {"model": "embed-1", "input": "one text"}).json()
        self.assertEqual(len(single["data"][0]["embedding"]), 256)
        tokens = self.provider.ask("POST", "/v1/embeddings", {"model": "embed-1", "input": [[1, 2, 3], [4]]}).json()
        self.assertEqual((len(tokens["data"]), tokens["usage"]["prompt_tokens"]), (2, 4))

    def test_models_are_listed_and_found(self):
        models = self.provider.ask("GET", "/v1/models").json()
        self.assertEqual([model["id"] for model in models["data"]][:2], ["small-1", "large-1"])
        self.assertEqual(self.provider.ask("GET", "/v1/models/large-1").json()["owned_by"], "simulated")
        self.error(self.provider.ask("GET", "/v1/models/none"), 404, "model_not_found")

    def test_head_has_the_length_without_the_body(self):
        answer = self.provider.ask("HEAD", "/v1/models")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertGreater(int(answer["content-length"]), 100)

    def test_an_http_1_0_client_is_answered_until_close(self):
        body = json.dumps({"model": "small-1", "stream": True, "messages": [{"role": "user", "content": "x"}]}).encode()
        data = request("POST", "/v1/chat/completions", body).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
        answer = Answer(self.provider.raw(data))
        self.assertIsNone(answer["transfer-encoding"])
        self.assertEqual(answer.datas()[-1], b"[DONE]")

    def test_pipelined_requests_are_answered_in_order(self):
        body = json.dumps({"model": "small-1", "messages": [{"role": "user", "content": "[[tokens=1]]"}]}).encode()
        one = request("POST", "/v1/chat/completions", body)
        got = self.provider.raw(one * 40 + request("GET", "/v1/models/large-1", b"", "connection: close"))
        self.assertEqual(got.count(b"chat.completion"), 40)
        self.assertIn(b'"id":"large-1"', got[got.rindex(b"\r\n\r\n"):])
        self.assertEqual(len({record["connection"] for record in self.provider.requests()}), 1)

    def test_a_body_in_chunks_is_read_like_any_other(self):
        body = json.dumps({"model": "small-1", "messages": [{"role": "user", "content": "[[echo]]"}]}).encode()
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7]) for i in range(0, len(body), 7))
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        answer = Answer(self.provider.raw(head + chunks + b"0\r\n\r\n"))
        self.assertEqual(answer.json()["choices"][0]["message"]["content"], hashlib.sha256(body).hexdigest())

    def test_a_large_body_that_waits_for_100_is_read(self):
        body = json.dumps({"model": "small-1", "messages": [{"role": "user", "content": "x" * 3000000 + "[[echo]]"}]})
        with self.provider.connect() as sock:
            sock.sendall(request("POST", "/v1/chat/completions", body.encode(), "expect: 100-continue",
                                 "connection: close")[:-len(body)])
            self.assertEqual(sock.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n")
            sock.sendall(body.encode())
            answer = Answer(b"".join(iter(lambda: sock.recv(65536), b"")))
        self.assertEqual(answer.json()["choices"][0]["message"]["content"],
                         hashlib.sha256(body.encode()).hexdigest())


class Refusals(Case):
    def test_bad_json_is_refused(self):
        for body in b"{", b"[]", b"", b'{"model":"small-1"} x':
            self.error(self.provider.ask("POST", "/v1/chat/completions", body), 400)

    def test_missing_and_wrong_members_are_named(self):
        self.error(self.provider.ask("POST", "/v1/chat/completions", {"messages": []}), 400)
        error = self.error(self.provider.ask("POST", "/v1/chat/completions", {"model": "small-1"}), 400,
                           "missing_required_parameter")
        self.assertEqual(error["param"], "messages")
        for member in {"n": 0}, {"n": 129}, {"max_tokens": -1}, {"top_logprobs": 21}, {"messages": []}, {"messages": [1]}:
            error = self.error(self.provider.chat(**member), 400)
            self.assertEqual(error["param"], list(member)[0])
        for wrong in {}, {"input": []}, {"input": [["x"]]}, {"input": "x", "dimensions": 0}, \
                {"input": "x", "encoding_format": "hex"}:
            self.error(self.provider.ask("POST", "/v1/embeddings", {"model": "embed-1", **wrong}), 400)

    def test_an_unknown_model_is_refused(self):
        error = self.error(self.provider.chat(model="gpt-none"), 404, "model_not_found")
        self.assertIn("gpt-none", error["message"])

    def test_unknown_paths_and_methods_are_refused(self):
        self.error(self.provider.ask("POST", "/v1/nothing"), 404, "unknown_url")
        self.error(self.provider.ask("GET", "/v1/chat/completions"), 405, "method_not_supported")

    def test_what_is_no_request_is_refused(self):
        for bad in b"GET / HTTP/1.1\nhost: x\n\n", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n" \
                   b"content-length: 2\r\n\r\n", b"CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\n\r\n", \
                   b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nz\r\n":
            self.assertIn(Answer(self.provider.raw(bad)).status, (400, 405))

    def test_a_body_past_the_limit_is_refused(self):
        head = request("POST", "/v1/chat/completions")
        self.assertEqual(Answer(self.provider.raw(head.replace(
            b"content-length: 0", b"transfer-encoding: chunked") + b"fffffff\r\n" + b"x" * 17000000)).status, 413)

    def test_mistaken_directives_are_refused(self):
        for wrong in "status", "status=9", "cut=-1", "reset=1", "echo nonsense", "split=random:x", "big=99999999", \
                "retry_after", "pace=fast", "tokens=forever":
            self.error(self.provider.chat(f"[[{wrong}]]"), 400, "bad_directive")
        self.error(self.provider.chat("[[tokens=1000000]]", n=2), 400)

    def test_brackets_that_are_no_directives_mean_nothing(self):
        for text in "[[ -f x ]] && y", "[[1, 2], [3, 4]]", "[[", "see [[Home page]]", "[[]]":
            self.assertEqual(self.provider.chat(text).status, 200)


class Options(unittest.TestCase):
    def start(self, *options, **more):
        provider = Provider(*options, **more)
        self.addCleanup(lambda: self.assertEqual(provider.close(), 0))
        return provider

    def test_a_key_is_asked_for(self):
        provider = self.start("--key", "sk-right")
        self.assertEqual(provider.chat().status, 401)
        wrong = provider.chat("x", "authorization: Bearer sk-wrong")
        self.assertEqual((wrong.status, wrong.json()["error"]["code"]), (401, "invalid_api_key"))
        self.assertNotIn(b"sk-wrong", wrong.body)
        self.assertEqual(provider.chat("x", "Authorization: bearer sk-right").status, 200)
        self.assertEqual(provider.ask("GET", "/v1/models").status, 401)

    def test_models_tokens_and_pace_are_options(self):
        provider = self.start("--models", "org/a,b", "--tokens", "3", "--pace", "1")
        self.assertEqual(provider.ask("GET", "/v1/models/org%2Fa").json()["id"], "org/a")
        self.assertEqual(provider.ask("GET", "/v1/models/org/a").json()["id"], "org/a")
        self.assertEqual(provider.chat(model="b").json()["usage"]["completion_tokens"], 3)
        self.assertEqual(len(provider.stream(model="org/a").deltas("content")), 3)

    def test_a_line_is_on_file_before_its_answer_leaves(self):
        with tempfile.NamedTemporaryFile("r") as log:
            provider = self.start("--billed", log.name, "--workers", "2", control=False)
            for i in range(1, 30):
                name = f"attempt-{i}"
                (provider.stream if i % 2 else provider.chat)("x", f"x-request-id: {name}")
                line = json.loads(log.readline())
                self.assertEqual((line["attempt"], line["outcome"]), (name, "completed"))
                self.assertEqual((line["stream"], line["completion_tokens"]), (i % 2 == 1, 16))

    def test_workers_share_a_port_and_the_logs(self):
        provider = self.start("--workers", "4")
        threads = [threading.Thread(target=lambda: [provider.chat() for _ in range(20)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(provider.requests()), 160)
        self.assertEqual([bill["seq"] for bill in provider.billed()], list(range(1, 161)))

    def test_many_streams_run_at_once(self):
        provider = self.start()
        body = json.dumps({"model": "small-1", "stream": True,
                           "messages": [{"role": "user", "content": "[[tokens=20 pace=10]]"}]}).encode()
        socks = [provider.connect() for _ in range(200)]
        for sock in socks:
            sock.sendall(request("POST", "/v1/chat/completions", body, "connection: close"))
        for sock in socks:
            answer = Answer(b"".join(iter(lambda: sock.recv(65536), b"")))
            self.assertEqual((len(answer.deltas("content")), answer.whole), (20, True))
            sock.close()

    def test_an_idle_connection_is_closed(self):
        provider = self.start("--idle", "1")
        with provider.connect() as sock:
            self.assertEqual(sock.recv(1), b"")

    def test_tls_carries_it_all(self):
        with tempfile.TemporaryDirectory() as folder:
            cert, key = f"{folder}/cert.pem", f"{folder}/key.pem"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                            "-addext", "subjectAltName=DNS:localhost"], check=True, stderr=subprocess.DEVNULL)
            provider = self.start("--tls", cert, key, context=ssl.create_default_context(cafile=cert))
            self.assertEqual(provider.stream().datas()[-1], b"[DONE]")
            self.assertEqual(provider.chat("[[big=300]]").status, 200)

    def test_a_port_in_use_is_not_shared(self):
        provider = self.start()
        done = subprocess.run([BINARY, "--listen", f"127.0.0.1:{provider.port}"], capture_output=True, text=True)
        self.assertEqual((done.returncode, "in use" in done.stderr), (1, True))

    def test_wrong_usage_says_so(self):
        for argv in ["--tokens", "x"], ["--workers", "0"], ["--nonsense"], ["word"], ["--tls", "one"]:
            done = subprocess.run([BINARY, *argv], capture_output=True, text=True)
            self.assertEqual((done.returncode, "Usage:" in done.stderr), (2, True))
        done = subprocess.run([BINARY, "--listen", "nowhere"], capture_output=True, text=True)
        self.assertEqual((done.returncode, "nowhere" in done.stderr), (1, True))
        self.assertEqual(subprocess.run([BINARY, "--help"], capture_output=True).returncode, 0)


if __name__ == "__main__":
    unittest.main()
