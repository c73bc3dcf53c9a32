#!/usr/bin/env python3
# engine_encoders.py -- embeddings and classes of texts.
# SPDX-License-Identifier: Apache-2.0
import math

from engine import *  # noqa: F403
from harness import *  # noqa: F403

ENCODERS = ["bert", "distilbert", "xlm-roberta", "modernbert"]
SENTENCES = [  # those of tools/make-model-goldens.py
    "That is a happy person",
    "A quick brown fox jumps over the lazy dog near the river bank.",
    "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)",
    "Gross margins fell to 41.7% in Q3, while operating costs rose.",
]
POOLING = "sentence_transformers.models.Pooling"
NORMALIZE = "sentence_transformers.models.Normalize"


def text_of(name):
    """The golden ids of an encoder, as the text that gives them."""
    table = {"\u0120": " ", "\u010a": "\n"}
    return "".join(table.get(VOCABULARY[i], VOCABULARY[i])
                   for i in golden(name)["ids"][1])


def normalised(vector):
    length = math.sqrt(sum(x * x for x in vector))
    return [x / length for x in vector]


def edit(place, name, **members):
    with open(place.path(name), encoding="utf-8") as file:
        settings = json.load(file)
    settings.update(members)
    place.write(name, {key: value for key, value in settings.items()
                       if value is not None})


def sentences(place, name, *modules, **pooling):
    """A sentence-transformers checkpoint of bert."""
    model = place.checkpoint("bert", name)
    place.write(f"{name}/modules.json", [
        {"idx": 0, "path": "", "type":
         "sentence_transformers.models.Transformer"}] + [
        {"idx": i + 1, "path": f"{i + 1}_Part", "type": kind}
        for i, kind in enumerate(modules)])
    place.write(f"{name}/1_Part/config.json", pooling)
    return model


# --- embed -------------------------------------------------------------------

@case
def every_encoder_embeds_as_transformers_does(place):
    for name in ENCODERS:
        model = place.checkpoint(name)
        for flags, tolerance in ((("--exact",), 1e-5), ((), 1e-4)):
            check_near(ask_one("embed", model, text_of(name), *flags),
                       golden(name)["hidden"][1], tolerance, name)
    check_near(ask_one("embed", place.gguf("bert"), text_of("bert"),
                       "--exact"), golden("bert")["hidden"][1], 1e-5, "GGUF")


@case
def pooling_is_what_the_checkpoint_says(place):
    text, mean = text_of("bert"), list(golden("bert")["hidden"][1])
    model = sentences(place, "mean", POOLING, pooling_mode_mean_tokens=True)
    check_near(ask_one("embed", model, text, "--exact"), mean, 1e-5)
    model = sentences(place, "unit", POOLING, NORMALIZE,
                      pooling_mode_mean_tokens=True)
    unit = ask_one("embed", model, text, "--exact")
    check_near(unit, normalised(mean), 1e-5)
    model = sentences(place, "cls", POOLING, NORMALIZE,
                      pooling_mode_cls_token=True)
    cls = ask_one("embed", model, text, "--exact")
    check_near([sum(x * x for x in cls)], [1], 1e-5)
    check(max(abs(a - b) for a, b in zip(cls, unit)) > 0.01)
    check_equal(ask_one("embed", model, f" \n\u3000{text}\t\u2029", "--exact"), cls)


@case
def modules_that_are_not_supported_are_refused(place):
    model = sentences(place, "dense", POOLING,
                      "sentence_transformers.models.Dense",
                      pooling_mode_mean_tokens=True)
    refused("embed", model, "modules.json", "Dense")
    model = sentences(place, "max", POOLING, pooling_mode_max_tokens=True)
    refused("embed", model, "1_Part/config.json", "pooling_mode_max_tokens")
    model = sentences(place, "both", POOLING, pooling_mode_mean_tokens=True,
                      pooling_mode_cls_token=True)
    refused("embed", model, "1_Part/config.json", "more than one")
    model = sentences(place, "lower", POOLING, pooling_mode_cls_token=True)
    place.write("lower/sentence_bert_config.json", {"do_lower_case": True})
    refused("embed", model, "sentence_bert_config.json", "do_lower_case")
    model = sentences(place, "outside", POOLING, pooling_mode_cls_token=True)
    place.write("outside/modules.json", [{"path": "../x", "type": POOLING}])
    refused("embed", model, "modules.json", "path")


@case
def long_texts_are_cut_where_the_checkpoint_says_so(place):
    model = sentences(place, "cut", POOLING, pooling_mode_mean_tokens=True)
    place.write("cut/tokenizer.json", tokenizer_json(adds_bos=True))
    place.write("cut/sentence_bert_config.json", {"max_seq_length": 11})
    answers = ask("embed", model, "abcdefghij", "abcdefghijklm", "abcdefghi")
    check_equal(answers.status, 0)
    check_equal(answers[0], answers[1])
    check(answers[0] != answers[2])
    check("line 2: 14 tokens, cut to the 11" in answers.err, answers.err)
    check("line 1" not in answers.err, answers.err)


@case
def texts_past_the_context_are_errors(place):
    model = place.checkpoint("bert")
    answers = ask("embed", model, "a" * 80, "a" * 81, "", 3, ["a"])
    check_equal((answers.status, [is_error(one) for one in answers]),
                (1, [False, True, True, True, True]))
    check("80" in answers[1]["error"], answers[1])


@case
def a_language_model_embeds_only_when_it_says_how(place):
    refused("embed", place.checkpoint("qwen3"), "pooling")
    model = place.checkpoint("qwen3", "embedder")
    place.write("embedder/modules.json", [
        {"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": POOLING},
        {"path": "2_Normalize", "type": NORMALIZE}])
    place.write("embedder/1_Pooling/config.json",
                {"pooling_mode_lasttoken": True})
    vector = ask_one("embed", model, "Hello")
    check_near([sum(x * x for x in vector)], [1], 1e-5)


@case
def minilm_embeds_as_torch_does(_):
    if not needs(MINILM):
        return
    wanted = read_safetensors(os.path.join(CHECKPOINTS, "minilm.safetensors"))
    for flags in (("--exact",), ("--threads", "2")):
        answers = ask("embed", MINILM, *SENTENCES, flags=flags)
        for i, vector in enumerate(answers):
            check_near(vector, wanted[f"embedding{i}"][1], 1e-5, flags)
    rounded = ask("embed", MINILM, *SENTENCES, flags=("--int8",))
    for i, vector in enumerate(rounded):
        cosine = sum(a * b for a, b in zip(vector, wanted[f"embedding{i}"][1]))
        check(cosine > 0.995, cosine)
    ids = ask("tokenize", MINILM, *SENTENCES)
    check_equal(list(ids), [list(wanted[f"ids{i}"][1]) for i in range(4)])


# --- classify ----------------------------------------------------------------

def softmax(logits):
    weights = [math.exp(x - max(logits)) for x in logits]
    return [x / sum(weights) for x in weights]


def sigmoid(logits):
    return [1 / (1 + math.exp(-x)) for x in logits]


@case
def every_classifier_gives_transformers_logits(place):
    for name in ENCODERS:
        answer = ask_one("classify", place.checkpoint(name), text_of(name),
                         "--exact")
        logits = list(golden(name)["logits"][1])
        check_near(answer["logits"], logits, 1e-4, name)
        check_equal(list(answer["scores"]), ["LABEL_0", "LABEL_1", "LABEL_2"])
        check_near(list(answer["scores"].values()), softmax(logits), 1e-4)
        check_equal(answer["label"], f"LABEL_{logits.index(max(logits))}")


@case
def labels_and_their_meaning_come_from_the_configuration(place):
    model = place.checkpoint("bert", "labelled")
    labels = ["no", "may\u00e9be", "yes"]
    logits = list(golden("bert")["logits"][1])
    for problem, wanted in (("single_label_classification", softmax),
                            ("multi_label_classification", sigmoid),
                            ("regression", list)):
        edit(place, "labelled/config.json", problem_type=problem,
             id2label={str(i): text for i, text in enumerate(labels)})
        answer = ask_one("classify", model, text_of("bert"), "--exact")
        check_equal(list(answer["scores"]), labels)
        check_near(list(answer["scores"].values()), wanted(logits), 1e-4,
                   problem)
    edit(place, "labelled/config.json", problem_type="guessing")
    refused("classify", model, "problem_type", "guessing")


@case
def a_pair_is_not_its_texts_joined(place):
    model = place.checkpoint("bert")
    answers = ask("classify", model, ["abc", "def"], "abcdef", ["abc", "def"],
                  ["def", "abc"])
    check_equal(answers.status, 0)
    check_equal(answers[0], answers[2])
    check(answers[0] != answers[1] and answers[0] != answers[3])
    check_near([sum(answers[0]["scores"].values())], [1], 1e-5)


@case
def what_cannot_be_classified_is_an_error(place):
    model = place.checkpoint("bert")
    answers = ask("classify", model, "a", 1, [], ["a"], ["a", "b", "c"],
                  ["a", 1], "a" * 81, ["a" * 40, "b" * 41], {"text": "a"})
    check_equal([is_error(one) for one in answers], [False] + [True] * 8)
    check_equal(answers.status, 1)
    refused("classify", place.checkpoint("llama"), "classification head")
    if needs(MINILM):
        refused("classify", MINILM, "classification head")


if __name__ == "__main__":
    run_cases(Place)
