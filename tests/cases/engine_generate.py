#!/usr/bin/env python3
# engine_generate.py -- log-probabilities and answers of language models.
# SPDX-License-Identifier: Apache-2.0
import math
import os
import pty
import select

from engine import *  # noqa: F403
from harness import *  # noqa: F403

DIRECTORIES = ["llama", "llama-linear", "llama3", "mistral", "qwen2",
               "qwen2-yarn", "qwen3", "gemma3", "phi3", "phi3-long",
               "phi3-short"]
FILES = ["llama", "llama3", "qwen2", "qwen3", "gemma3", "phi3-long"]
CHAT = "{% for m in messages %}{{ m.content }}{% endfor %}"


def wanted_logprobs(wanted, ids):
    """What score must say: None, then one for each id after the first."""
    (_, vocab), rows = wanted["logprobs"]
    return [rows[i * vocab + ids[i + 1]] for i in range(len(ids) - 1)]


def check_scores(model, wanted, tolerance, *flags):
    ids = list(wanted["ids"][1])
    answer = ask_one("score", model, {"ids": ids}, "--top", "3", *flags)
    check_equal(answer["ids"], ids)
    check_equal((answer["logprobs"][0], answer["top"][0]), (None, None))
    check_near(answer["logprobs"][1:], wanted_logprobs(wanted, ids),
               tolerance, model)
    (_, vocab), rows = wanted["logprobs"]
    for i, top in enumerate(answer["top"][1:]):
        row = rows[i * vocab:(i + 1) * vocab]
        best = sorted(row, reverse=True)[:3]
        check_near([logprob for _, logprob in top], best, tolerance)
        check_near([row[token] for token, _ in top], best, 2 * tolerance)


def greedy_of(wanted):
    """The golden tokens up to what ends a text, and how it ended."""
    tokens = list(wanted["greedy"][1])
    if EOS in tokens:
        return tokens[:tokens.index(EOS)], "stop"
    return tokens, "length"


def check_greedy(model, wanted, *flags):
    answer = ask_one("generate", model, {"prompt": list(wanted["ids"][1])},
                     "--max-tokens", "64", *flags)
    check_equal((answer["ids"], answer["finish_reason"]), greedy_of(wanted),
                model)
    n = len(answer["ids"])
    check_equal(answer["usage"], {"prompt_tokens": 45, "completion_tokens": n,
                                  "total_tokens": 45 + n})
    return answer


# --- the same numbers as transformers' ---------------------------------------

@case
def every_family_scores_as_transformers_does(place):
    for name in DIRECTORIES:
        model = place.checkpoint(name)
        check_scores(model, golden(name), 1e-4, "--exact")
        check_scores(model, golden(name), 1e-3, "--threads", "2")


@case
def every_family_writes_transformers_greedy_tokens(place):
    for name in DIRECTORIES:
        model = place.checkpoint(name)
        answer = check_greedy(model, golden(name), "--exact")
        # Chosen tokens' log-probabilities are what score gives them.
        ids = list(golden(name)["ids"][1]) + answer["ids"]
        scores = ask_one("score", model, {"ids": ids}, "--exact")
        check_near(answer["logprobs"],
                   scores["logprobs"][45:45 + len(answer["ids"])], 1e-4, name)


@case
def gguf_files_bring_their_own_tokenizer(place):
    for name in FILES:
        model = place.gguf(name, chat=CHAT)
        check_scores(model, golden(name), 1e-4, "--exact")
        check_greedy(model, golden(name), "--exact")
        asked = {"messages": [{"role": "user", "content": "Hi</s>"}]}
        answer = ask_one("template", model, asked)
        check_equal(answer["ids"], ask_one("tokenize", model, "Hi</s>",
                                           "--plain"))


@case
def text_is_scored_as_its_tokens_are(place):
    model = place.checkpoint("llama", "bos", adds_bos=True)
    answer = ask_one("score", model, {"text": "Hi<s>"})
    ids = ask_one("tokenize", model, "Hi<s>")
    check_equal(answer["ids"], ids)
    check_equal(answer, ask_one("score", model, {"ids": ids}))
    check_equal(len(ask_one("score", model, {"text": "a<s>"},
                            "--no-special", "--plain")["ids"]), 4)
    empty = ask_one("score", place.checkpoint("llama"), {"text": ""},
                    "--top", "2")
    check_equal(empty, {"ids": [], "logprobs": [], "top": []})


@case
def without_a_tokenizer_ids_are_enough(_):
    for name in ("qwen3", "qwen3.gguf"):
        model = os.path.join(CHECKPOINTS, name)
        check_scores(model, golden("qwen3"), 1e-4, "--exact")
        answer = check_greedy(model, golden("qwen3"), "--exact")
        check_equal(answer["text"], "")
        answers = ask("score", model, {"text": "a"}) + \
            ask("generate", model, {"prompt": "a"}, {"prompt": "a"})
        check(all("no tokenizer" in one["error"] for one in answers), answers)


# --- how texts end -----------------------------------------------------------

def free_text(place):
    """A model that goes on for ever, and what it writes greedily."""
    model = place.checkpoint("llama", "free")
    for name in ("config.json", "generation_config.json"):
        path = place.path("free", name)
        with open(path, encoding="utf-8") as file:
            settings = json.load(file)
        settings["eos_token_id"] = None
        place.write(f"free/{name}", settings)
    place.write("free/tokenizer_config.json", {"bos_token": "<s>"})
    whole = ask_one("generate", model, {"prompt": "Hello"},
                    "--max-tokens", "60")
    check_equal(len(whole["ids"]), 60)
    return model, whole


@case
def stop_strings_cut_before_themselves(place):
    model, whole = free_text(place)
    text = whole["text"]
    for first, length in ((0, 1), (7, 3), (20, 9), (31, 1)):
        stop = text[first:first + length]
        answer = ask_one("generate", model, {"prompt": "Hello"},
                         "--max-tokens", "60", "--stop", "never there",
                         "--stop", stop)
        at = text.index(stop)
        check_equal((answer["text"], answer["finish_reason"]),
                    (text[:at], "stop"), stop)
        n = len(answer["ids"])
        check_equal(answer["ids"], whole["ids"][:n])
        check_equal(answer["logprobs"], whole["logprobs"][:n])
        check_equal(ask_one("detokenize", model, answer["ids"]), text[:at])
        check_equal(answer["usage"]["completion_tokens"], n)
        check_equal(answer["confidence"]["tokens"], n)


@case
def stops_may_stand_in_the_line(place):
    model, whole = free_text(place)
    stop = whole["text"][10:14]
    at = whole["text"].index(stop)
    for value in (stop, ["nowhere", stop]):
        answer = ask_one("generate", model,
                         {"prompt": "Hello", "stop": value},
                         "--max-tokens", "60", "--stop", whole["text"][:2])
        check_equal(answer["text"], whole["text"][:at])


@case
def limits_are_told_from_ends(place):
    model, whole = free_text(place)
    answer = ask_one("generate", model, {"prompt": "Hello", "max_tokens": 5})
    check_equal((answer["ids"], answer["finish_reason"]),
                (whole["ids"][:5], "length"))
    answer = ask_one("generate", model, {"prompt": "Hello"}, "--context", "9")
    check_equal((answer["ids"], answer["finish_reason"]),
                (whole["ids"][:4], "length"))


@case
def every_end_that_is_named_anywhere_ends_the_text(place):
    model, whole = free_text(place)
    at = next(i for i in range(3, 60)
              if whole["ids"][i] not in whole["ids"][:i])
    end = whole["ids"][at]

    def ends():
        answer = ask_one("generate", model, {"prompt": "Hello"},
                         "--max-tokens", "60")
        return len(answer["ids"]) == at and answer["finish_reason"] == "stop"

    check(not ends())
    place.write("free/generation_config.json", {"eos_token_id": [99, end]})
    check(ends(), "generation_config.json")
    place.write("free/generation_config.json", {})
    place.write("free/tokenizer_config.json", {"eos_token": VOCABULARY[end]})
    check(ends(), "tokenizer_config.json")
    # What the template puts behind an answer, where it is a control token.
    whole_tokenizer = tokenizer_json()
    whole_tokenizer["added_tokens"].append(
        dict(whole_tokenizer["added_tokens"][0], id=end,
             content=VOCABULARY[end]))
    place.write("free/tokenizer.json", whole_tokenizer)
    place.write("free/tokenizer_config.json", {})
    check(not ends())
    place.write("free/chat_template.jinja",
                "{% for m in messages %}{{ m.content + "
                + json.dumps(VOCABULARY[end]) + " }}{% endfor %}")
    check(ends(), "chat template")


# --- sampling ----------------------------------------------------------------

@case
def seeds_repeat_and_differ(place):
    model, whole = free_text(place)

    def draw(*flags, **line):
        return ask_one("generate", model, dict({"prompt": "Hello"}, **line),
                       "--max-tokens", "30", *flags)["ids"]

    one = draw("--temperature", "1.5", "--seed", "7")
    check_equal(draw("--temperature", "1.5", "--seed", "7"), one)
    check_equal(draw(temperature=1.5, seed=7), one)
    check(draw("--temperature", "1.5", "--seed", "8") != one)
    check(draw("--temperature", "1.5") != whole["ids"][:30])
    check_equal(draw("--temperature", "0", "--seed", "3"), whole["ids"][:30])
    # Leaving out all but the likeliest is greedy, whatever the temperature.
    for flag in (("--top-k", "1"), ("--top-p", "0.000001"), ("--min-p", "1")):
        check_equal(draw("--temperature", "9", *flag), whole["ids"][:30])


@case
def what_the_model_suggests_may_be_taken(place):
    model, whole = free_text(place)

    def draw(suggested, *flags, **line):
        place.write("free/generation_config.json", suggested)
        return ask_one("generate", model, dict(line, prompt="Hello"),
                       "--max-tokens", "30", "--seed", "7", *flags)["ids"]

    greedy = whole["ids"][:30]
    warm = {"do_sample": True, "temperature": 1.5, "top_p": 0.9}
    drawn = draw({}, "--temperature", "1.5", "--top-p", "0.9")
    check(drawn != greedy)
    check_equal(draw(warm), greedy, "nobody asked for it")
    check_equal(draw(warm, "--suggested"), drawn)
    check_equal(draw(warm, "--suggested", "--temperature", "0"), greedy)
    check_equal(draw(warm, "--suggested", temperature=0), greedy)
    check_equal(draw(dict(warm, top_p=None), "--suggested", top_p=0.9), drawn)
    check_equal(draw(dict(warm, do_sample=False), "--suggested"), greedy)
    check_equal(draw({"do_sample": True}, "--suggested"),
                draw({}, "--temperature", "1"))
    place.write("free/generation_config.json", {"top_k": "few"})
    refused("generate", model, "generation_config.json", '"top_k"',
            flags=("--suggested",))
    refused("generate", place.gguf("llama"), "generation_config.json",
            flags=("--suggested",))


@case
def penalties_and_biases_change_the_choice(place):
    model, whole = free_text(place)
    first = whole["ids"][0]
    answer = ask_one("generate", model, {
        "prompt": "Hello", "max_tokens": 20, "logit_bias": {"40": 1000}})
    check_equal(answer["ids"], [40] * 20)
    check(max(answer["logprobs"]) < 0)  # of what the model thought
    answer = ask_one("generate", model, {
        "prompt": "Hello", "max_tokens": 20, "logit_bias": {str(first): -100}})
    check(first not in answer["ids"])
    penal = ask_one("generate", model, {"prompt": "Hello"}, "--max-tokens",
                    "60", "--presence-penalty", "100")["ids"]
    check_equal(len(set(penal)), 60)
    for name in ("--repetition-penalty", "--frequency-penalty"):
        check(ask_one("generate", model, {"prompt": "Hello"}, "--max-tokens",
                      "60", name, "3")["ids"] != whole["ids"], name)


@case
def confidence_sums_up_the_choices(place):
    _, whole = free_text(place)
    summary, logprobs = whole["confidence"], whole["logprobs"]
    windows = [sum(logprobs[i:i + 16]) / 16 for i in range(45)]
    check_equal(summary["tokens"], 60)
    check_near([summary["mean_logprob"], summary["min_logprob"],
                summary["min_window_logprob"]],
               [sum(logprobs) / 60, min(logprobs), min(windows)], 1e-5)
    check(summary["mean_margin"] >= 0 and summary["mean_entropy"] > 0)


# --- schemas -----------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {
    "name": {"enum": ["ann", "bob"]}, "n": {"type": "integer", "minimum": 0},
    "tags": {"type": "array", "items": {"type": "string", "maxLength": 4},
             "maxItems": 2}},
    "required": ["name", "n", "tags"], "additionalProperties": False}


def check_weather(text):
    value = json.loads(text)
    check_equal(list(value), ["name", "n", "tags"], text)
    check(value["name"] in ("ann", "bob") and value["n"] >= 0 and
          len(value["tags"]) <= 2 and
          all(len(one) <= 4 for one in value["tags"]), text)


@case
def a_schema_holds_the_answer_whatever_is_sampled(place):
    model, _ = free_text(place)
    schema = place.write("schema.json", SCHEMA)
    for flags in ((), ("--temperature", "2"),
                  ("--temperature", "3", "--seed", "9")):
        answer = ask_one("generate", model, {"prompt": "Hello"},
                         "--schema", schema, *flags)
        check_weather(answer["text"])
        check_equal(answer["finish_reason"], "stop")
        check_equal(ask_one("detokenize", model, answer["ids"]),
                    answer["text"])
        # Keys, brackets and the rest of a constant tell nothing.
        check(0 < answer["confidence"]["tokens"] < len(answer["ids"]) - 15,
              answer)
    answer = ask_one("generate", model, {"prompt": "Hello"}, "--schema",
                     schema, "--max-tokens", "9")
    check_equal((answer["finish_reason"], answer["text"][:9]),
                ("length", '{"name":"'))
    done = sluice("generate", "--model", model, "--schema", schema,
                  "--stream", text=b'{"prompt": "Hello"}\n')
    check_weather(done.stdout)


@case
def a_line_may_have_a_schema_of_its_own(place):
    model, whole = free_text(place)
    schema = place.write("schema.json", SCHEMA)
    for row, flags in (({"schema": {"const": "x y"}}, ()),
                       ({"schema": {"const": "x y"}}, ("--schema", schema))):
        answer = ask_one("generate", model, dict(row, prompt="Hello"), *flags)
        check_equal((answer["text"], answer["finish_reason"]),
                    ('"x y"', "stop"))
        check_equal(answer["confidence"]["tokens"], 0)
        # One token was left each time: what it did not have was taken.
        check_near([answer["confidence"]["mean_removed"]],
                   [sum(1 - math.exp(one) for one in answer["logprobs"]) / 5],
                   1e-5)
    check("mean_removed" not in whole["confidence"], whole)
    rows = [{"prompt": "Hello", "max_tokens": 200, "schema": one}
            for one in (None, {"const": 1}, None, True)]
    answers = ask("generate", model, *rows, flags=("--schema", schema))
    check_weather(answers[0]["text"])
    check_equal(answers[1]["text"], "1")
    check_equal(answers[2], answers[0])
    free, = ask("generate", model, {"prompt": "Hello", "schema": None},
                flags=("--max-tokens", "60"))
    check_equal(free["ids"], whole["ids"])


@case
def behind_a_thought_the_schema_begins(place):
    # "</think>" is what the free model would write only by chance.
    thinks = ("{% for m in messages %}{{ m.content }}{% endfor %}"
              "{% if add_generation_prompt %}<think>\n{% endif %}")
    model = place.checkpoint("llama", "thinks", chat=thinks)
    asked = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 12,
             "logit_bias": {"2": -1000, "4": -1000}}
    free = ask_one("generate", model, asked)
    held = ask_one("generate", model, dict(asked, schema={"const": "x"}))
    check_equal(held["ids"], free["ids"], "a thought is free")
    plain = ask_one("generate", model, {"prompt": "Hi",
                                        "schema": {"const": "x"}})
    check_equal(plain["text"], '"x"')


@case
def a_schema_that_cannot_be_is_named(place):
    model, _ = free_text(place)
    rows = [
        ({"if": {}}, 'schema: "if" is not supported'),
        ({"properties": {"a": {"not": {}}}},
         'schema.properties.a: "not" is not supported'),
        (3, "must be a schema"),
        ({"type": "integer", "minimum": 2, "maximum": 1}, "schema"),
        ({"enum": ["yes", "sch\u00f6n"]}, '"\u00f6"'),
    ]
    answers = ask("generate", model,
                  *[{"prompt": "a", "schema": one} for one, _ in rows])
    check_equal(answers.status, 1)
    for (row, word), answer in zip(rows, answers):
        check(is_error(answer) and word in answer["error"], row, answer)
    path = place.write("wrong.json", rows[1][0])
    refused("generate", model, "wrong.json: schema.properties.a", '"not"',
            flags=("--schema", path))
    path = place.write("wrong.json", "{")
    refused("generate", model, "wrong.json: is not JSON: byte 1",
            flags=("--schema", path))
    refused("generate", model, "nowhere.json",
            flags=("--schema", place.path("nowhere.json")))
    model = os.path.join(CHECKPOINTS, "qwen3")
    answer, = ask("generate", model, {"prompt": [5], "schema": True})
    check("no tokenizer" in answer["error"], answer)


# --- lines -------------------------------------------------------------------

@case
def lines_that_cannot_be_answered_say_why(place):
    model, _ = free_text(place)
    rows = [
        ({"prompt": ""}, "no tokens"),
        ({"prompt": 3}, "\"prompt\""),
        ({}, "messages"),
        ("Hello", "prompt"),
        ({"prompt": "a", "messages": []}, "prompt"),
        ({"messages": [{"role": "user", "content": "a"}]}, "chat template"),
        ({"prompt": [5, 101]}, "101"),
        ({"prompt": "a" * 256}, "256"),
        ({"prompt": "a" * 5000}, "context"),
        ({"prompt": "a", "temperature": -1}, "temperature"),
        ({"prompt": "a", "temperature": "hot"}, "temperature"),
        ({"prompt": "a", "max_tokens": 0}, "max_tokens"),
        ({"prompt": "a", "max_tokens": 1.5}, "max_tokens"),
        ({"prompt": "a", "top_p": 2}, "top_p"),
        ({"prompt": "a", "stop": 3}, "stop"),
        ({"prompt": "a", "stop": ["b", 1]}, "stop"),
        ({"prompt": "a", "stop": ""}, "stop"),
        ({"prompt": "a", "stop": ["b"] * 17}, "stop"),
        ({"prompt": "a", "logit_bias": {"x": 1}}, "logit_bias"),
        ({"prompt": "a", "logit_bias": {"101": 1}}, "101"),
        ({"prompt": "a", "seed": -1}, "seed"),
    ]
    answers = ask("generate", model, *[row for row, _ in rows],
                  {"prompt": "a", "max_tokens": 2, "top_k": None})
    check_equal(answers.status, 1)
    for (row, word), answer in zip(rows, answers):
        check(is_error(answer) and word in answer["error"], row, answer)
    check_equal(len(answers[-1]["ids"]), 2)
    rows = [{"text": "a" * 257}, {"ids": [1, 101]}, {"ids": "a"}, {"text": 1},
            {}, {"text": "a", "ids": [1]}, [1]]
    answers = ask("score", model, *rows)
    check_equal((answers.status, [is_error(one) for one in answers]),
                (1, [True] * len(rows)), answers)


@case
def wrong_flags_are_wrong_usage(place):
    model = place.checkpoint("llama")
    for flags in (("--temperature", "hot"), ("--max-tokens", "0"),
                  ("--top-p", "1.5"), ("--seed", "-1"), ("--top-k", "x"),
                  ("--threads", "0"), ("--context", "many"),
                  ("--temperature", "nan"), ("--stop", ""),
                  ("--stop", "x") * 17):
        done = sluice("generate", "--model", model, *flags)
        check_equal((done.returncode, done.stdout), (2, b""), flags)
        check(flags[0] in done.stderr.decode(), done.stderr)
    check_equal(sluice("score", "--model", model, "--top",
                       "0").returncode, 2)
    refused("generate", model, "--context", "256 tokens",
            flags=("--context", "257"))


@case
def an_encoder_writes_no_text(place):
    model = place.checkpoint("bert")
    refused("generate", model, "encoder")
    refused("score", model, "encoder")


@case
def what_is_damaged_is_refused_by_name(place):
    model = place.checkpoint("llama", "damaged")
    weights = place.path("damaged", "model.safetensors")
    with open(weights, "rb") as file:
        raw = file.read()
    place.write("damaged/model.safetensors", raw[:-1])
    refused("generate", model, "model.safetensors")
    place.write("damaged/model.safetensors", raw.replace(
        b"layers.1.mlp.up_proj", b"layers.1.mlp.xx_proj"))
    refused("generate", model, "layers.1.mlp.up_proj.weight", "missing")
    place.write("damaged/model.safetensors", raw)
    place.write("damaged/config.json", {"model_type": "mamba"})
    refused("generate", model, "config.json", "model_type", "mamba")
    os.remove(place.path("damaged/config.json"))
    refused("generate", model, "config.json")
    whole = place.gguf("llama")
    with open(whole, "rb") as file:
        raw = file.read()
    refused("generate", place.write("cut.gguf", raw[:-100]), "cut.gguf")
    other = raw.replace(b"tokenizer.ggml.pre\x08\0\0\0\x05",
                        b"tokenizer.ggml.pre\x08\0\0\0\x05")
    other = other.replace(b"gpt-2", b"gpt-x")
    refused("generate", place.write("other.gguf", other), "other.gguf",
            "tokenizer.ggml.pre", "gpt-x")


# --- streaming ---------------------------------------------------------------

@case
def a_stream_is_the_text_alone(place):
    model, whole = free_text(place)
    line = json.dumps({"prompt": "Hello"}).encode() + b"\n"
    done = sluice("generate", "--model", model, "--stream", "--max-tokens",
                  "60", text=line + b"{}\n")
    check_equal(done.stdout.decode(), whole["text"] + "\n")
    check_equal(done.returncode, 1)
    check(b"line 2: " in done.stderr, done.stderr)
    stop = whole["text"][20:29]
    done = sluice("generate", "--model", model, "--stream", "--max-tokens",
                  "60", "--stop", stop, text=line)
    check_equal(done.stdout.decode(),
                whole["text"][:whole["text"].index(stop)] + "\n")


@case
def a_terminal_gets_the_text_as_it_comes(place):
    model, whole = free_text(place)
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [SLUICE, "generate", "--model", model, "--max-tokens", "60"],
        stdin=follower, stdout=follower, stderr=subprocess.DEVNULL,
        env=environment())
    os.close(follower)
    os.write(leader, b'{"prompt": "Hello"}\n\x04')
    seen = b""
    try:
        while select.select([leader], [], [], 60)[0]:
            piece = os.read(leader, 4096)
            if not piece:
                break
            seen += piece
    except OSError:
        pass  # how a terminal ends
    check_equal(process.wait(60), 0)
    os.close(leader)
    check(whole["text"].replace("\n", "\r\n").encode() in seen, seen)


if __name__ == "__main__":
    run_cases(Place)
