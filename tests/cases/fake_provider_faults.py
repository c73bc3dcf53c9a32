#!/usr/bin/env python3
# fake_provider_faults.py -- the simulated provider fails as it is told to.
# SPDX-License-Identifier: Apache-2.0
"""Gives it each directive, in a message and by its control port.

usage: fake_provider_faults.py [-v] [TEST...]      (in the build directory, or FAKE_PROVIDER names the binary)
"""
import gzip
import hashlib
import json
import time
import unittest

from fake_provider_client import PATIENCE, Answer, Case, request


class Faults(Case):
    def test_status_gives_an_error_with_retry_after(self):
        answer = self.provider.chat("[[status=429 retry_after=7]]")
        self.assertEqual(answer["retry-after"], "7")
        self.error(answer, 429, "rate_limit_exceeded")
        self.error(self.provider.stream("[[status=503]]"), 503, "overloaded")
        self.error(self.provider.chat("[[status=418]]"), 418)
        self.assertEqual(self.provider.chat("[[status=204]]").after, b"")
        self.assertEqual(self.provider.billed(), [])

    def test_delay_comes_before_the_head(self):
        start = time.monotonic()
        self.assertEqual(self.provider.chat("[[delay=150]]").status, 200)
        self.assertGreaterEqual(time.monotonic() - start, 0.150)

    def test_pace_keeps_events_apart(self):
        start = time.monotonic()
        self.assertEqual(len(self.provider.stream("[[tokens=10 pace=10]]").deltas("content")), 10)
        self.assertGreaterEqual(time.monotonic() - start, 0.110)  # 12 events

    def first_part(self, data, marker):
        """A connection with what it got once <marker> has come."""
        sock, got = self.provider.connect(), b""
        sock.sendall(data)
        while marker not in got:
            part = sock.recv(65536)
            self.assertTrue(part, "ended before the marker")
            got += part
        return sock, got

    def stream_request(self, content):
        body = {"model": "small-1", "stream": True, "messages": [{"role": "user", "content": content}]}
        return request("POST", "/v1/chat/completions", json.dumps(body).encode(), "connection: close",
                       "x-request-id: attempt-7")

    def test_stall_stops_after_an_event_and_goes_on(self):
        answer = self.provider.stream("[[tokens=3 stall=100 at=2]]")
        self.assertEqual(len(answer.deltas("content")), 3)
        self.assertTrue(answer.whole)

    def test_stall_forever_is_ended_by_the_client(self):
        sock, got = self.first_part(self.stream_request("[[tokens=5 stall=forever at=3]]"), b"}\n\n\r\n")
        while got.count(b"data: ") < 3:
            got += sock.recv(65536)
        sock.settimeout(0.05)
        with self.assertRaises(TimeoutError):
            sock.recv(1)
        closed = time.monotonic_ns()
        sock.close()
        record = self.provider.await_end()
        self.assertEqual((record["outcome"], record["closed_early"], record["events_sent"]), ("client_gone", True, 3))
        self.assertGreaterEqual(record["ended_ns"], closed)
        self.assertGreaterEqual(record["gone_ms_after_last_write"], 50)
        bill, = self.provider.billed()
        self.assertEqual((bill["attempt"], bill["outcome"], bill["completion_tokens"]), ("attempt-7", "client_gone", 2))

    def test_stall_in_a_json_body_is_by_bytes(self):
        body = json.dumps({"model": "small-1", "messages": [{"role": "user", "content": "[[stall=forever at=10]]"}]})
        sock, got = self.first_part(request("POST", "/v1/chat/completions", body.encode()), b'{"id":"cha')
        self.assertTrue(got.endswith(b'{"id":"cha'))
        sock.close()
        self.assertEqual(self.provider.await_end()["bytes_sent"], 10)
        self.assertEqual(self.provider.billed()[0]["outcome"], "client_gone")

    def test_cut_closes_after_so_many_bytes(self):
        answer = self.provider.chat("[[cut=100]]")
        self.assertEqual((len(answer.body), answer.whole), (100, False))
        self.assertEqual(self.provider.chat("[[cut=0]]").after, b"")
        answer = self.provider.stream("[[cut=300]]")
        self.assertEqual((len(answer.body), answer.whole), (300, False))
        self.assertEqual(self.provider.ending, "closed")
        self.assertEqual([bill["outcome"] for bill in self.provider.billed()], ["cut"] * 3)
        self.assertEqual(self.provider.requests()[-1]["outcome"], "cut")

    def test_cut_past_the_end_does_nothing(self):
        self.assertTrue(self.provider.chat("[[cut=100000]]").whole)
        self.assertTrue(self.provider.stream("[[cut=100000 cut_event=1000]]").whole)

    def test_cut_event_closes_between_events(self):
        answer = self.provider.stream("[[tokens=9 cut_event=4]]")
        self.assertEqual((len(answer.events()), answer.whole), (4, False))
        self.assertEqual(self.provider.billed()[0]["completion_tokens"], 3)

    def test_reset_ends_by_rst(self):
        answer = Answer(self.provider.raw(self.stream_request("[[cut_event=2 reset]]")))
        self.assertEqual((len(answer.events()), self.provider.ending), (2, "reset"))
        self.assertEqual(self.provider.raw(self.stream_request("[[reset]]")), b"")
        self.assertEqual(self.provider.ending, "reset")
        self.assertEqual([bill["outcome"] for bill in self.provider.billed()], ["cut"])

    def test_hangup_and_garbage_give_no_answer(self):
        self.assertEqual(self.provider.raw(self.stream_request("[[hangup]]")), b"")
        self.assertEqual(self.provider.ending, "closed")
        self.assertIn(b"this is not HTTP", self.provider.raw(self.stream_request("[[garbage]]")))
        self.assertEqual(self.provider.billed(), [])
        self.provider.raw(self.stream_request("[[hangup bill]]"))
        self.assertEqual(self.provider.billed()[0]["outcome"], "cut")

    def test_malformed_event_stands_between_good_ones(self):
        datas = self.provider.stream("[[tokens=3 malformed_event=2]]").datas()
        self.assertEqual(len(datas), 7)
        with self.assertRaises(ValueError):
            json.loads(datas[2])
        self.assertTrue(all(json.loads(data) for data in datas[:2] + datas[3:-1]))

    def test_error_event_is_the_last(self):
        for index in 0, 3:
            answer = self.provider.stream(f"[[tokens=3 error_event={index}]]")
            self.assertEqual(len(answer.datas()), index + 1)
            self.assertEqual(answer.events()[-1]["error"]["type"], "server_error")
            self.assertTrue(answer.whole)

    def test_usage_can_be_missing_wrong_or_elsewhere(self):
        asked = {"stream_options": {"include_usage": True}}
        self.assertNotIn("usage", self.provider.chat("[[no_usage]]").json())
        self.assertFalse(any("usage" in event for event in self.provider.stream("[[no_usage]]", **asked).events()))
        self.assertEqual(self.provider.chat("[[wrong_usage=777]]").json()["usage"]["completion_tokens"], 777)
        events = self.provider.stream("[[wrong_usage=777]]", **asked).events()
        self.assertEqual(events[-1]["usage"]["completion_tokens"], 777)
        self.assertEqual(self.provider.billed()[-1]["completion_tokens"], 16)
        events = self.provider.stream("[[usage_in_last_content]]", **asked).events()
        self.assertEqual(events[-1]["choices"][0]["finish_reason"], "stop")
        self.assertEqual(events[-1]["usage"]["completion_tokens"], 16)
        events = self.provider.stream("[[tokens=3 usage_every_chunk]]").events()
        self.assertEqual([event["usage"]["completion_tokens"] for event in events], [0, 1, 2, 3, 3])

    def test_no_done_ends_without_it(self):
        answer = self.provider.stream("[[no_done]]")
        self.assertNotIn(b"[DONE]", answer.body)
        self.assertTrue(answer.whole)

    def test_split_cuts_anywhere(self):
        answer = self.provider.stream("[[tokens=20 split=7]]")
        self.assertEqual({len(chunk) for chunk in answer.chunks[:-1]}, {7})
        self.assertEqual(len(answer.deltas("content")), 20)
        random = self.provider.stream("[[tokens=20 split=random:5]]")
        self.assertEqual(len(random.deltas("content")), 20)
        self.assertGreater(len({len(chunk) for chunk in random.chunks}), 8)
        again = self.provider.stream("[[tokens=20 split=random:5]]")
        self.assertEqual(random.chunks, again.chunks)
        self.assertEqual(len(self.provider.chat("[[split=1]]").json()["choices"]), 1)
        self.assertEqual(len(self.provider.stream("[[split=1 cut=500]]").body), 500)
        self.assertEqual(len(self.provider.stream("[[split=64 cut_event=3 pace=5]]").events()), 3)

    def test_cached_reasoning_and_refusal(self):
        usage = self.provider.chat("x" * 80 + "[[cached=5]]").json()["usage"]
        self.assertEqual(usage["prompt_tokens_details"]["cached_tokens"], 5)
        self.assertEqual(self.provider.billed()[-1]["cached_tokens"], 5)
        usage = self.provider.chat("[[cached=5000]]").json()["usage"]
        self.assertEqual(usage["prompt_tokens_details"]["cached_tokens"], usage["prompt_tokens"])
        answer = self.provider.stream("[[reasoning=4 tokens=3]]", stream_options={"include_usage": True})
        self.assertEqual((len(answer.deltas("reasoning_content")), len(answer.deltas("content"))), (4, 3))
        usage = answer.events()[-1]["usage"]
        self.assertEqual(usage["completion_tokens"], 7)
        self.assertEqual(usage["completion_tokens_details"]["reasoning_tokens"], 4)
        message = self.provider.chat("[[refusal]]").json()["choices"][0]["message"]
        self.assertIsNone(message["content"])
        self.assertEqual("".join(self.provider.stream("[[refusal]]").deltas("refusal")), message["refusal"])

    def test_echo_proves_the_body_s_bytes(self):
        body = b'{ "model":"small-1",  "x":1.0e-00, "messages":[{"role":"user","content":"[[echo]]"}]}'
        answer = self.provider.ask("POST", "/v1/chat/completions", body)
        self.assertEqual(answer.json()["choices"][0]["message"]["content"], hashlib.sha256(body).hexdigest())
        self.assertEqual(self.provider.requests()[-1]["body"], body.decode())
        self.assertEqual(self.provider.requests()[-1]["body_sha256"], hashlib.sha256(body).hexdigest())

    def test_big_is_so_many_kibibytes(self):
        self.assertEqual(len(self.provider.chat("[[big=5000]]").json()["choices"][0]["message"]["content"]), 5120000)
        self.assertEqual(len("".join(self.provider.stream("[[big=300]]").deltas("content"))), 307200)

    def test_gzip_and_other_labels(self):
        answer = self.provider.chat("[[gzip tokens=3]]")
        self.assertEqual(answer["content-encoding"], "gzip")
        self.assertEqual(json.loads(gzip.decompress(answer.body))["usage"]["completion_tokens"], 3)
        answer = self.provider.stream("[[gzip tokens=3]]")
        self.assertTrue(gzip.decompress(answer.body).endswith(b"data: [DONE]\n\n"))
        self.assertEqual(len(json.loads(gzip.decompress(self.provider.chat("[[gzip big=200]]").body))["choices"]), 1)
        answer = self.provider.chat("[[encoding_header=br]]")
        self.assertEqual((answer["content-encoding"], answer.json()["object"]), ("br", "chat.completion"))

    def test_redirect_points_elsewhere(self):
        answer = self.provider.chat("[[redirect=http://127.0.0.1:1/v1]]")
        self.assertEqual((answer.status, answer["location"]), (302, "http://127.0.0.1:1/v1"))
        self.assertEqual(self.provider.chat("[[redirect=/x status=308]]").status, 308)

    def test_ways_of_ending_a_body(self):
        body = json.dumps({"model": "small-1", "messages": [{"role": "user", "content": "[[close]]"}]})
        self.assertEqual(Answer(self.provider.raw(request("POST", "/v1/chat/completions", body.encode())))["connection"],
                         "close")
        answer = self.provider.chat("[[http10]]")
        self.assertEqual((answer.version, answer.json()["object"]), ("HTTP/1.0", "chat.completion"))
        answer = self.provider.stream("[[http10]]")
        self.assertIsNone(answer["transfer-encoding"])
        self.assertEqual(answer.datas()[-1], b"[DONE]")
        answer = self.provider.chat("[[no_content_length]]")
        self.assertIsNone(answer["content-length"])
        self.assertEqual(answer.json()["object"], "chat.completion")

    def test_continue_sends_two_answers_before_the_last(self):
        raw = self.provider.raw(self.stream_request("[[continue]]"))
        parts = raw.split(b"\r\n\r\n", 2)
        self.assertTrue(parts[0].startswith(b"HTTP/1.1 100 "))
        self.assertTrue(parts[1].startswith(b"HTTP/1.1 103 "))
        self.assertEqual(Answer(parts[2]).datas()[-1], b"[DONE]")


class Control(Case):
    def test_a_script_applies_to_the_next_requests_of_its_model(self):
        self.assertEqual(self.provider.script("status=503 retry_after=2", times=2).status, 200)
        self.assertEqual(self.provider.chat(model="large-1").status, 200)
        self.assertEqual([self.provider.chat().status for _ in range(3)], [503, 503, 200])
        self.provider.script("status=500", model="*")
        self.assertEqual(self.provider.ask("GET", "/v1/models").status, 200)
        self.assertEqual([self.provider.chat(model="large-1").status, self.provider.chat().status], [500, 200])
        self.provider.script("status=502", model="/v1/models")
        self.assertEqual([self.provider.ask("GET", "/v1/models").status for _ in range(2)], [502, 200])

    def test_the_message_outweighs_the_script(self):
        self.provider.script("tokens=3 cached=1")
        usage = self.provider.chat("x [[tokens=4]]").json()["usage"]
        self.assertEqual((usage["completion_tokens"], usage["prompt_tokens_details"]["cached_tokens"]), (4, 1))

    def test_early_answers_before_the_body(self):
        self.provider.script("early status=429", model="*")
        with self.provider.connect() as sock:
            sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
            answer = Answer(b"".join(iter(lambda: sock.recv(65536), b"")))
        self.assertEqual((answer.status, answer["connection"], answer.whole), (429, "close", True))
        self.assertEqual(self.provider.chat().status, 200)
        self.assertEqual(len(self.provider.billed()), 1)

    def test_wrong_scripts_are_refused(self):
        for script in {}, {"model": "*"}, {"model": "*", "directives": "nonsense"}, \
                {"model": "*", "directives": "echo", "times": 0}, {"model": 1, "directives": "echo"}:
            self.error(self.provider.control("POST", "/script", script), 400, "bad_script")
        self.assertEqual(self.provider.control("POST", "/script", b"{").status, 400)
        self.assertEqual(self.provider.control("GET", "/script").status, 405)
        self.assertEqual(self.provider.control("GET", "/nothing").status, 404)

    def test_requests_show_what_came(self):
        self.provider.chat("Grüße", "X-Odd: a b")
        record, = self.provider.requests()
        self.assertEqual((record["method"], record["path"], record["status"]), ("POST", "/v1/chat/completions", 200))
        self.assertIn(["X-Odd", "a b"], record["headers"])
        self.assertEqual(json.loads(record["body"])["messages"][0]["content"], "Grüße")
        self.assertEqual((record["outcome"], record["closed_early"]), ("completed", False))
        self.assertLessEqual(record["began_ns"], record["received_ns"])
        self.assertLessEqual(record["received_ns"], record["ended_ns"])

    def test_a_client_that_leaves_its_body_unsent_is_seen(self):
        with self.provider.connect() as sock:
            sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
            deadline = time.monotonic() + PATIENCE
            while not self.provider.requests() and time.monotonic() < deadline:
                pass
        record = self.provider.await_end()
        self.assertEqual((record["outcome"], record["body"]), ("client_gone", None))
        self.assertEqual(self.provider.billed(), [])

    def test_reset_forgets_everything(self):
        self.provider.chat()
        self.provider.script("status=500")
        self.provider.control("POST", "/reset")
        self.assertEqual((self.provider.requests(), self.provider.billed()), ([], []))
        self.assertEqual(self.provider.chat().status, 200)


if __name__ == "__main__":
    unittest.main()
