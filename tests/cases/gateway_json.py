#!/usr/bin/env python3
# gateway_json.py -- bodies that a lenient parser would misread are refused.
# SPDX-License-Identifier: Apache-2.0
"""JSON as clients may send it to a running gateway, and must not."""
import base64
import gzip

from harness import *  # noqa: F403

CORPUS = os.path.join(DATA, "conformance", "json_parsing.jsonl.gz")
MESSAGES = b'"messages":[{"role":"user","content":"x"}]'


def body(more):
    return b'{"model":"up/small",' + MESSAGES + b"," + more + b"}"


def refused(bench, text, *codes):
    answer = bench.gateway.ask(text)
    check_equal(answer.status, 400, f"{short(text)}: {answer.body}")
    check(answer.code() in codes, short(text), answer.code(), "not", codes)
    check_equal(bench.upstream.count(), 0, f"sent upstream: {short(text)}")


def passes(bench, text):
    bench.upstream.clear()
    answer = bench.gateway.ask(text)
    check_equal(answer.status, 200, f"{short(text)}: {answer.body}")
    check_equal(bench.upstream.last().body,
                text.replace(b'"up/small"', b'"small-1"'))


@case
def duplicate_members_are_refused_where_they_decide(bench):
    for text in (
            b'{"model":"up/small","model":"up/large",' + MESSAGES + b"}",
            b'{"Model":"up/large","model":"up/small",' + MESSAGES + b"}",
            b'{"model":"up/small","MODEL":"up/large",' + MESSAGES + b"}",
            b'{"model":"up/small","m\\u006fdel":"up/large",' + MESSAGES + b"}",
            b'{"model":"up/small","\\u004dodel":"up/large",' + MESSAGES + b"}",
            b'{"model":"up/small",' + MESSAGES + b"," + MESSAGES + b"}",
            body(b'"stream":false,"stream":true'),
            body(b'"stream":false,"Stream":true'),
            body(b'"max_tokens":1,"max_token\\u0073":9'),
            body(b'"temperature":0,"temperature":0'),
            body(b'"unknown":0,"unknown":1'),
            body(b'"stream":true,"stream_options":{"include_usage":false,'
                 b'"include_usage":true}'),
            body(b'"stream":true,"stream_options":{"include_usage":false,'
                 b'"Include_Usage":true}'),
            b'{"model":"up/small","messages":[{"role":"user","content":"x",'
            b'"content":"y"}]}',
            b'{"model":"up/small","messages":[{"role":"user","content":"x",'
            b'"Role":"system"}]}'):
        refused(bench, text, "duplicate_key")


@case
def equal_names_in_different_objects_are_no_duplicates(bench):
    passes(bench, body(b'"a":{"model":1,"b":{"model":2}},"b":[{"c":1},'
                       b'{"c":2}]'))


@case
def broken_json_is_refused(bench):
    good = body(b'"a":1')
    for text in (b"", b" ", b"null", b"[]", b'"x"', b"7", good[:-1],
                 good + b"x", good + good, b"\xef\xbb\xbf" + good,
                 good + b"\x00", body(b'"a":01'), body(b'"a":+1'),
                 body(b'"a":.5'), body(b'"a":1.'), body(b'"a":NaN'),
                 body(b'"a":tru'), body(b"'a':1"), body(b'"a":1,'),
                 body(b'"a" 1'), body(b'"a":"\\x"'), body(b'"a":"\\u12g4"'),
                 body(b'"a":1 /* c */'), body(b"a:1"),
                 body(b'"a":[1,]'), body(b'"a":"\x7f" "b"')):
        refused(bench, text, "invalid_json")


@case
def invalid_utf8_is_refused(bench):
    for bad in (b"\xff", b"\xc0\xaf", b"\xe2\x82", b"\xed\xa0\x80",
                b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\x80",
                b"\xe0\x80\xaf", b"\xc3("):
        refused(bench, body(b'"a":"' + bad + b'"'), "invalid_json")
        refused(bench, body(b'"' + bad + b'":1'), "invalid_json")


@case
def raw_control_characters_are_refused(bench):
    for byte in range(32):
        refused(bench, body(b'"a":"x' + bytes([byte]) + b'"'), "invalid_json")
    for byte in (0, 1, 8, 11, 12, 31):
        refused(bench, body(b'"a":' + bytes([byte]) + b"1"), "invalid_json")
    passes(bench, body(b'"a":"\\u0001\\n\x7f"'))


@case
def depth_128_passes_and_129_does_not(bench):
    def nested(depth, opening, closing):
        # The body itself is the first level.
        return body(b'"a":' + opening * (depth - 1) + b"1"
                    + closing * (depth - 1))
    passes(bench, nested(128, b"[", b"]"))
    passes(bench, nested(128, b'{"a":', b"}"))
    bench.upstream.clear()
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        refused(bench, nested(129, opening, closing), "invalid_json")
    refused(bench, body(b'"a":' + b"[" * 100000), "invalid_json")


@case
def odd_but_valid_numbers_pass_untouched(bench):
    passes(bench, body(
        b'"a":[1e400,-1E-400,9007199254740993,18446744073709551616,-0,'
        b'0.1000,1.0e+00,' + b"9" * 400 + b"]"))
    passes(bench, body(b'"seed":9007199254740993,"temperature":1.00e0'))


@case
def odd_but_valid_text_passes_untouched(bench):
    passes(bench, b'\r\n\t {"messages" : [ {"role" :"user","content":"'
           b'\\ud83d\\ude00 \xf0\x9f\x98\x80 \\/ \xef\xbf\xbf \\u0000"} ] ,'
           b' "model"\n:\n"up/small" }\n\n')


@case
def a_model_written_with_escapes_is_the_same_model(bench):
    text = b'{"model":"up\\/sm\\u0061ll",' + MESSAGES + b"}"
    answer = bench.gateway.ask(text)
    check_equal(answer.status, 200, answer.body)
    check_equal(bench.upstream.last().body, text.replace(
        b'"up\\/sm\\u0061ll"', b'"small-1"'))


@case
def members_of_the_wrong_kind_are_refused_or_passed_but_never_misread(bench):
    for text in (body(b'"stream":"true"'), body(b'"stream":1'),
                 body(b'"stream":true,"stream_options":"x"')):
        answer = bench.gateway.ask(text)
        check(answer.status in (200, 400), answer)
        if answer.status == 200:
            check_equal(bench.upstream.last().body,
                        text.replace(b'"up/small"', b'"small-1"'))


@case
def a_body_over_the_limit_is_refused_413(bench):
    gateway = bench.add(settings(bench.upstream.port,
                                 limits={"body": "64KiB"}))
    fits = body(b'"a":"' + b"x" * 100 + b'"')
    fits = body(b'"a":"' + b"x" * (100 + 65536 - len(fits)) + b'"')
    check_equal(len(fits), 65536)
    check_equal(gateway.ask(fits).status, 200)
    too_long = body(b'"a":"' + b"x" * 65536 + b'"')
    with gateway.connect() as client:
        answer = client.ask(gateway.bytes(too_long))
        check_equal(answer.status, 413)
        check_equal(answer.json()["error"]["type"], "invalid_request_error")
        check_equal(client.wait_end(), "closed")
    with gateway.connect() as client:
        head, _, _ = gateway.bytes(b"").partition(b"content-length")
        client.send(head + b"transfer-encoding: chunked\r\n\r\n")
        for _ in range(20):
            try:
                client.send(chunked(b" " * 4096))
            except OSError:
                break
        check_equal(client.read_answer().status, 413, "chunked")


def corpus():
    with gzip.open(CORPUS, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@case
def the_conformance_corpus_is_judged_as_it_says(bench):
    if not os.path.exists(CORPUS):
        print(f"   (no corpus at {CORPUS})")
        return
    wrong = []
    for one in corpus():
        text = base64.b64decode(one["bytes_base64"])
        bench.upstream.clear()
        sent = body(b'"a":' + text)
        answer = bench.gateway.ask(sent)
        if one["expect"] == "reject" and not rejects_as_a_member(text):
            continue
        if answer.status not in (200, 400):
            wrong.append(f"{one['name']}: {answer.status}")
        elif one["expect"] == "reject" and answer.status != 400:
            wrong.append(f"{one['name']}: accepted {short(text)}")
        elif one["expect"] == "accept" and answer.status != 200:
            wrong.append(f"{one['name']}: refused: {answer.body[:200]}")
        if answer.status == 200 and bench.upstream.last().body != sent.replace(
                b'"up/small"', b'"small-1"'):
            wrong.append(f"{one['name']}: changed on its way")
    check(not wrong, f"{len(wrong)} wrong:\n  " + "\n  ".join(wrong))


def rejects_as_a_member(text):
    """Whether a text that is wrong alone is wrong as a member's value too."""
    try:
        json.loads(body(b'"a":' + text).decode("utf-8"),
                   parse_constant=lambda name: int(name))
    except (ValueError, RecursionError):
        return True
    return b"\x00" in text


if __name__ == "__main__":
    run_cases(Bench)
