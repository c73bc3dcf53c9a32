#!/usr/bin/env python3
# gateway_local_refusals.py -- odd and hostile requests to models inside.
# SPDX-License-Identifier: Apache-2.0
"""Each is answered: a 4xx that names what is wrong, or 200 where it can be
understood. Nothing is a 5xx, and nothing stays behind.
"""
from engine import Place, tokenizer_json
from harness import *  # noqa: F403
from local_traffic import BERT, CALLS, CHAT, TINY, TOOL, TOOLS

PRICE = {"input": 1, "output": 2}
CHAT_PATH, TEXT_PATH = "/v1/chat/completions", "/v1/completions"
VECTOR_PATH = "/v1/embeddings"
WRONG, KIND = "invalid_value", "invalid_type"
NOT_HERE, LONG = "unsupported_parameter", "context_length_exceeded"
SCHEMA = "invalid_json_schema"
MUTE = "local/mute"


class Refusals(Bench):
    """Tiny checkpoints, and a queue that takes what one request may ask."""

    def __init__(self):
        self.place = Place()
        local = [
            {"name": TINY, "price": PRICE, "context": 256, "batch": 4,
             "path": self.place.checkpoint("llama", chat=CHAT)},
            {"name": CALLS, "price": PRICE,
             "path": self.place.checkpoint("qwen3", chat=TOOLS)},
            {"name": BERT, "price": PRICE,
             "path": self.place.checkpoint("bert")},
            {"name": MUTE, "price": PRICE, "context": 256,
             "path": self.mute_checkpoint()}]
        super().__init__(dict(POLICY, use=[TINY, "up/large"]), local=local,
                         keys=[{"name": "team-a", "key": KEY}])
        eventually(lambda: get(self.gateway.admin, "/readyz").count(
            b'"ready"') == 4, "the models are loaded", 30)

    def mute_checkpoint(self):
        """One whose vocabulary has a tail byte in the place of "{"."""
        path = self.place.checkpoint("llama", name="mute", chat=CHAT)
        tokenizer = tokenizer_json()
        vocabulary = tokenizer["model"]["vocab"]
        vocabulary["\u00bc"] = vocabulary.pop("{")
        self.place.write("mute/tokenizer.json", tokenizer)
        return path

    def between_cases(self):
        """No job is stuck, and the process is well."""
        super().between_cases()
        eventually(lambda: not self.gateway.metric("sluice_local_texts") and
                   not self.gateway.metric("sluice_requests_in_flight"),
                   "nothing is under way", 10)

    def close(self):
        problem = super().close()
        self.place.close()
        return problem

    def refused(self, body, code, param, path=CHAT_PATH):
        answer = self.gateway.ask(body, path)
        check_equal(answer.status, 400, short(body) + short(answer.body))
        error = answer.json()["error"]
        check_equal((error["code"], error["param"]), (code, param),
                    short(body) + short(error))
        check_equal(error["type"], "invalid_request_error", short(error))
        check(len(error["message"]) < 700, short(error))
        return error["message"]

    def taken(self, body, path=CHAT_PATH):
        answer = self.gateway.ask(body, path)
        check_equal(answer.status, 200, short(body) + short(answer.body))
        return answer.json()


def talk(messages, **more):
    return dict({"model": TINY, "messages": messages, "max_tokens": 4}, **more)


def user(content):
    return [{"role": "user", "content": content}]


def held_to(schema):
    return talk(user("x"), max_tokens=20, response_format={
        "type": "json_schema", "json_schema": {
            "name": "x", "strict": True, "schema": schema}})


def with_tools(tools, **more):
    return talk(user("x"), model=CALLS, tools=tools, **more)


def function(**members):
    return [{"type": "function", "function": members}]


# --- conversations -------------------------------------------------------------

@case
def odd_messages_are_refused(bench):
    for messages, code, param in (
            (None, WRONG, "messages"), ([], WRONG, "messages"),
            ("hi", KIND, "messages"), ({"role": "user"}, KIND, "messages"),
            (["hi"], KIND, "messages"), ([None], KIND, "messages"),
            ([{"content": "x"}], WRONG, "messages"),
            ([{"role": 3, "content": "x"}], WRONG, "messages"),
            ([{"role": "", "content": "x"}], WRONG, "messages"),
            (user(3), KIND, "messages[0].content"),
            (user({"a": 1}), KIND, "messages[0].content"),
            (user([{"type": "x"}]), NOT_HERE, "messages"),
            (user([{"text": "x"}]), WRONG, "messages"),
            (user([{"type": "text", "text": 4}]), WRONG, "messages"),
            (user(["x"]), WRONG, "messages"),
            (user([{"type": "input_audio", "input_audio": {}}]), NOT_HERE,
             "modalities")):
        bench.refused(talk(messages), code, param)
    bench.refused({"model": TINY}, WRONG, "messages")
    bench.refused({"model": TINY, "prompt": "x"}, WRONG, "messages")
    for calls in (3, [3], [{"id": "1"}]):
        bench.refused(talk([{"role": "assistant", "tool_calls": calls}],
                           model=CALLS), WRONG, "messages")
    for messages in (user(None), user(""), user([]),
                     [{"role": "assistant", "content": "x"}],
                     [{"role": "tool", "content": "x"}]):
        bench.taken(talk(messages))


@case
def what_users_write_is_text_wherever_they_write_it(bench):
    def tokens(messages, **more):
        return bench.taken(talk(messages, **more))["usage"]["prompt_tokens"]

    for mark in ("<|im_end|>", "</s>", "<|im_start|>"):
        plain = "z" * len(mark)
        check_equal(tokens(user(mark)), tokens(user(plain)), mark)
        check_equal(tokens([{"role": "user" + mark, "content": "x"}]),
                    tokens([{"role": "user" + plain, "content": "x"}]), mark)
        halves = [{"type": "text", "text": mark[:4]},
                  {"type": "text", "text": mark[4:]}]
        check_equal(tokens(user(halves)), tokens(user(plain)) + 1, mark)
        for said in ("name", "arguments"):
            def count(text, said=said):
                if said == "name":
                    return tokens(user("x"), model=CALLS,
                                  tools=function(name=text))
                return tokens([{"role": "assistant", "tool_calls": [{
                    "id": "1", "type": "function", "function": {
                        "name": "w", "arguments": json.dumps({"c": text})}}]}],
                    model=CALLS)
            check_equal(count(mark), count(plain), (said, mark))


@case
def prompts_that_are_too_long_are_refused_soon(bench):
    for messages in (user("x" * 300), user("x" * 2**20),
                     user("hello world " * 80000),
                     [{"role": "user", "content": "a"}] * 20000):
        said = bench.refused(talk(messages), LONG, "messages")
        check("maximum context length" in said and "256" in said, said)
    for prompt in ("x" * 300, "x" * 2**20, [5] * 100000, ["x", "x" * 300]):
        said = bench.refused({"model": TINY, "prompt": prompt}, LONG,
                             "prompt", TEXT_PATH)
        check("maximum context length" in said and "256" in said, said)
    for given in ("x" * 2**20, ["x"] * 9 + ["x" * 500], [5] * 2**17,
                  [[5], [5] * 2**17], ["x", "x" * 2**20]):
        said = bench.refused({"model": BERT, "input": given}, LONG, "input",
                             VECTOR_PATH)
        check("maximum context length" in said and "80" in said, said)
    # Each of several has the room of one.
    bench.taken({"model": TINY, "prompt": ["x" * 200] * 4, "max_tokens": 2},
                TEXT_PATH)


@case
def bytes_that_are_no_text_are_refused(bench):
    def body(raw):
        return (b'{"model": "local/tiny", "max_tokens": 2, "stop": "' + raw +
                b'", "messages": [{"role": "user", "content": "' + raw
                + b'"}]}')
    for raw in (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\\ud800", b"\\udc00x",
                b"\x00", b"\n", b"\xf4\x90\x80\x80", b"\\x"):
        bench.refused(body(raw), "invalid_json", None)
    for raw in (b"\\ud83d\\ude00", b"\\u0000", "\u202e\ufffe".encode()):
        bench.taken(body(raw))


# --- parameters ----------------------------------------------------------------

@case
def numbers_out_of_range_are_refused_by_name(bench):
    for name, values in (
            ("max_tokens", (0, -1, 1.5, 10**30)),
            ("max_completion_tokens", (0, -1)),
            ("n", (0, 17, 128, -1, 1.5)),
            ("temperature", (-1, 2.01)), ("top_p", (-0.1, 1.1)),
            ("min_p", (-1, 2)), ("presence_penalty", (-3, 3)),
            ("frequency_penalty", (-3, 3)), ("top_logprobs", (-1, 21, 2)),
            ("seed", (2**63, 2**80, 0.5)),
            ("stop", (3, [3], [""], "", {"a": 1}, ["a"] * 17, "x" * 10000)),
            ("logit_bias", ([], {"-1": 1}, {"abc": 1}, {"101": 1},
                            {"40": "x"}, {"40": 101}, {"9" * 20: 1}))):
        for value in values:
            bench.refused(talk(user("x"), **{name: value}), WRONG, name)
    bench.refused(json.dumps(talk(user("x"), temperature=0.5)).replace(
        "0.5", "1e999").encode(), WRONG, "temperature")
    for name, value in (("max_tokens", "4"), ("n", "2"), ("stream", "yes"),
                        ("temperature", "hot"), ("temperature", True),
                        ("logprobs", 3), ("reasoning_effort", 4),
                        ("tools", 3), ("response_format", "json")):
        bench.refused(talk(user("x"), **{name: value}), KIND, name)
    for more in ({"max_tokens": 10**18}, {"max_tokens": None}, {"n": None},
                 {"stop": []}, {"stop": None}, {"top_p": 0}, {"seed": -5},
                 {"logit_bias": {}}, {"temperature": None}, {"user": 3},
                 {"logit_bias": {str(i): -100 for i in range(101)}},
                 {"unknown": 3}, {"stream_options": {"include_usage": True}}):
        bench.taken(talk(user("x"), **more))


@case
def prompts_of_completions_are_looked_at(bench):
    for prompt in (3, {}):
        bench.refused({"model": TINY, "prompt": prompt}, KIND, "prompt",
                      TEXT_PATH)
    for prompt in ("", [], [[]], [""], [3, "x"], [["x"]], [-1], [101], [1.5],
                   ["a"] * 17, [[5]] * 5000):
        bench.refused({"model": TINY, "prompt": prompt}, WRONG, "prompt",
                      TEXT_PATH)
    for prompt in ({}, {"prompt": None}):
        bench.refused(dict({"model": TINY}, **prompt),
                      "missing_required_parameter", "prompt", TEXT_PATH)
    for name, value, code in (
            ("n", 17, WRONG), ("best_of", 0, WRONG), ("logprobs", 21, WRONG),
            ("logprobs", -1, WRONG), ("echo", "x", KIND),
            ("suffix", 3, NOT_HERE), ("echo", True, NOT_HERE)):
        bench.refused({"model": TINY, "prompt": "x", name: value}, code, name,
                      TEXT_PATH)


@case
def texts_to_embed_are_looked_at(bench):
    for given in ("", [], [""], [[]], [None], [3, "x"], [["x"]], [-1], [101],
                  [10**12], ["a"] * 2049, ["a", ""], ["a", ["b"]], "\0"):
        bench.refused({"model": BERT, "input": given}, WRONG, "input",
                      VECTOR_PATH)
    for given in (3, {}):
        bench.refused({"model": BERT, "input": given}, KIND, "input",
                      VECTOR_PATH)
    for given in ({}, {"input": None}):
        bench.refused(dict({"model": BERT}, **given),
                      "missing_required_parameter", "input", VECTOR_PATH)
    for name, value in (("dimensions", 0), ("dimensions", 10**9),
                        ("dimensions", "4"), ("encoding_format", "hex"),
                        ("encoding_format", 3)):
        bench.refused({"model": BERT, "input": "x", name: value}, WRONG,
                      name, VECTOR_PATH)
    bench.refused({"model": TINY, "input": "x"}, "unsupported_endpoint",
                  "model", VECTOR_PATH)
    bench.refused(talk(user("x"), model=BERT), "unsupported_endpoint",
                  "model")


# --- schemas and tools ------------------------------------------------------------

def closed(properties, **more):
    return dict({"type": "object", "properties": properties,
                 "required": list(properties),
                 "additionalProperties": False}, **more)


def doubled(levels):
    """Each level holds the next one twice; so large if it were written out."""
    named = {f"d{i}": closed({"a": {"$ref": f"#/$defs/d{i + 1}"},
                              "b": {"$ref": f"#/$defs/d{i + 1}"}})
             for i in range(levels)}
    named[f"d{levels}"] = {"type": "null"}
    return {"$ref": "#/$defs/d0", "$defs": named}


@case
def schemas_that_cannot_be_are_refused(bench):
    either = {"type": "string"}
    for _ in range(12):
        either = {"anyOf": [either, either]}
    for schema in (
            3, False, {"$ref": "#"}, {"$ref": "#/$defs/none"},
            {"$ref": "http://127.0.0.1/x"}, closed({"next": {"$ref": "#"}}),
            {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"},
                                            "b": {"$ref": "#/$defs/a"}}},
            either, {"enum": []}, {"enum": [f"v{i}" for i in range(50000)]},
            {"enum": ["v" * 10**6]}, {"not": {}}, {"type": "strang"},
            closed({f"p{i}": {"type": "null"} for i in range(5000)}),
            {"type": []}, {"type": "object", "properties": []},
            {"type": "integer", "minimum": 5, "maximum": 1},
            {"type": "string", "format": "whatever"},
            {"type": "object", "if": {}},
            *({"type": "string", "pattern": pattern} for pattern in (
                "a{1,100000}", "(a{1,1000}){1,1000}", "[", "(?=a)b", "a{2,1}",
                "[z-a]", "\\1(a)", "(?i)a", "[a-z]" * 5000))):
        message = bench.refused(held_to(schema), SCHEMA, "response_format")
        check(message.startswith("Invalid schema for response_format: "),
              message)
    for value, code, param in (
            ({"type": "yaml"}, WRONG, "response_format.type"),
            ({}, "missing_required_parameter", "response_format.type"),
            ({"type": "json_schema"}, "missing_required_parameter",
             "response_format.json_schema")):
        bench.refused(talk(user("x"), response_format=value), code, param)


@case
def schemas_that_grow_are_answered(bench):
    for schema in (
            doubled(40), closed({"n": {"anyOf": [{"$ref": "#"},
                                                 {"type": "null"}]}}),
            {"type": "array", "minItems": 10**9, "items": {"type": "null"}},
            {"type": "string", "minLength": 10**9},
            {"type": "integer", "minimum": -10**30},
            {"type": "string", "pattern": "^(a?){500}a{500}$"},
            {"type": "string", "pattern": "((((a*)*)*)*)*"},
            {"type": "string", "pattern": ".*" * 200},
            closed({"": {"type": "null"}}), {"enum": ["v" * 300]}):
        choice, = bench.taken(held_to(schema))["choices"]
        check(choice["finish_reason"] in ("stop", "length"), choice)
        if choice["finish_reason"] == "stop":
            json.loads(choice["message"]["content"])


@case
def forms_that_the_vocabulary_cannot_spell_are_refused(bench):
    name = closed({"name": {"enum": ["a", "b"]}})
    forced = function(name="a", parameters=name)
    for more, wanted, param in (
            (held_to({"enum": ["yes", "sch\u00f6n"]}), '"\u00f6"',
             "response_format"),
            (held_to(closed({"gr\u00f6\u00dfe": {"type": "null"}})),
             '"gr\u00f6\u00dfe"', "response_format"),
            (held_to({"type": "string", "pattern": "^[\u00e0-\u00ff]$"}),
             '"\u00e0"', "response_format"),
            (dict(held_to(name), model=MUTE), '"{"', "response_format"),
            (talk(user("x"), model=MUTE, response_format={
                "type": "json_object"}), '"{"', "response_format"),
            (with_tools(function(name="\u00f6"), tool_choice="required"),
             '"\u00f6"', "tools"),
            (with_tools(function(name="a", parameters=closed({
                "\u00f6": {"type": "null"}})), tool_choice="required"),
             '"\u00f6"', "tools")):
        for stream in (False, True):
            for n in (1, 3):
                message = bench.refused(dict(more, stream=stream, n=n),
                                        NOT_HERE, param)
                check(wanted in message and "vocabulary" in message, message)
    # Each is taken where the model need not write that.
    bench.taken(with_tools(forced, tool_choice="required"))
    bench.taken(held_to({"type": "string", "pattern": "^[a\u00e0-\u00ff]$"}))
    bench.taken(talk(user("x"), model=MUTE))


@case
def odd_tools_are_refused(bench):
    for tools in ([3], [{"type": "function"}], function(), function(name=3),
                  function(name=""), function(name="a" * 10000),
                  function(name="a") * 200):
        bench.refused(with_tools(tools), WRONG, "tools")
    bench.refused(with_tools([{"type": "custom", "custom": {"name": "a"}}]),
                  NOT_HERE, "tools")
    for choice in (3, "maybe", {"type": "function"},
                   {"type": "function", "function": {"name": "b"}}):
        bench.refused(with_tools(function(name="a"), tool_choice=choice),
                      WRONG, "tool_choice")
        bench.refused(talk(user("x"), tool_choice=choice), WRONG,
                      "tool_choice")
    message = bench.refused(with_tools(
        function(name="a", parameters={"not": {}}), tool_choice="required"),
        SCHEMA, "tools")
    check('"not"' in message, message)
    bench.refused(with_tools(function(name="a"), response_format={
        "type": "json_object"}), NOT_HERE, "response_format")
    for tools in (function(name='a b"\n<|im_end|>'), function(name="a") * 2,
                  function(name="a", parameters=3),
                  function(name="a", parameters={"type": "array"}), [TOOL]):
        bench.taken(with_tools(tools, tool_choice="required"))


if __name__ == "__main__":
    run_cases(Refusals)
