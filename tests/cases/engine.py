# engine.py -- what the tests of the engine's commands share: tiny checkpoints.
# SPDX-License-Identifier: Apache-2.0
"""The checkpoints of tests/data/models have no tokenizer: one of 101 tokens is
made here, of single characters and a few words, for directories and for GGUF
files. What transformers computes with them lies beside them.
"""
import array
import json
import os
import shutil
import struct
import sys
import tempfile

from harness import SLUICE, SOURCE, check, check_equal, sluice

CHECKPOINTS = os.path.join(SOURCE, "tests", "data", "models")
TEMPLATES = os.path.join(SOURCE, "tests", "data", "templates")
TOKENIZERS = os.path.join(SOURCE, "tests", "data", "tokenizers")
CACHE = os.path.join(
    os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")),
    "sluice", "models")
SMOLLM2 = os.path.join(CACHE, "SmolLM2-135M-Instruct.Q4_1.gguf")
MINILM = os.path.join(CACHE, "all-MiniLM-L6-v2")

# Pad, BOS, EOS, two control tokens; then characters, as GPT-2 writes them.
SPECIAL = ["<pad>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
CHARACTERS = ["\u0120", "\u010a"] + [chr(c) for c in range(33, 127)]
VOCABULARY = SPECIAL + CHARACTERS  # 101 of them
BOS, EOS, START, END = 1, 2, 3, 4


def sanitized():
    """Whether the programs are slow, as those with sanitizers are."""
    with open(SLUICE, "rb") as file:
        text = file.read()
    return b"__asan_init" in text or b"__tsan_init" in text


def read_safetensors(path):
    """Every tensor of F32 or I32 as (shape, flat array)."""
    with open(path, "rb") as file:
        raw = file.read()
    size = struct.unpack("<Q", raw[:8])[0]
    out = {}
    for name, one in json.loads(raw[8:8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = one["data_offsets"]
        values = array.array({"F32": "f", "I32": "i"}[one["dtype"]])
        values.frombytes(raw[8 + size + begin:8 + size + end])
        out[name] = (one["shape"], values)
    return out


def golden(name):
    return read_safetensors(os.path.join(CHECKPOINTS, name, "golden.safetensors"))


def tokenizer_json(adds_bos=False):
    added = [{"id": i, "content": text, "single_word": False, "lstrip": False,
              "rstrip": False, "normalized": False, "special": True}
             for i, text in enumerate(SPECIAL)]
    bos = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    pair = {"Sequence": {"id": "B", "type_id": 1}}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False,
                          "trim_offsets": True, "use_regex": True},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [bos, text] if adds_bos else [text],
            "pair": [bos, text, bos, pair] if adds_bos else [text, pair],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [BOS],
                                       "tokens": ["<s>"]}}},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True,
                    "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False,
                  "byte_fallback": False, "ignore_merges": False,
                  "vocab": {text: i for i, text in enumerate(VOCABULARY)},
                  "merges": []},
    }


def template(name):
    with open(os.path.join(TEMPLATES, name + ".jinja"),
              encoding="utf-8") as file:
        return file.read()


class Place:
    """A folder for the checkpoints that one test program makes."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="sluice-engine-")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, content):
        """A file of text, bytes or JSON below the folder; its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not isinstance(content, (str, bytes)):
            content = json.dumps(content)
        if isinstance(content, str):
            content = content.encode()
        with open(path, "wb") as file:
            file.write(content)
        return path

    def text_only(self, name, chat=None, config=None, adds_bos=False):
        """A directory without weights."""
        self.write(f"{name}/tokenizer.json", tokenizer_json(adds_bos))
        self.write(f"{name}/tokenizer_config.json", dict(
            {"bos_token": "<s>", "eos_token": {"content": "</s>"}},
            **(config or {})))
        if chat is not None:
            self.write(f"{name}/chat_template.jinja", chat)
        return self.path(name)

    def checkpoint(self, model, name=None, **text):
        """A checkpoint of tests/data/models with the small tokenizer."""
        shutil.rmtree(self.path(name or model), ignore_errors=True)
        folder = self.text_only(name or model, **text)
        shutil.copytree(os.path.join(CHECKPOINTS, model), folder,
                        dirs_exist_ok=True)
        return folder

    def gguf(self, model, chat=None):
        """The same as a GGUF file."""
        with open(os.path.join(CHECKPOINTS, model + ".gguf"), "rb") as file:
            raw = file.read()
        return self.write(model + ".gguf", add_keys(raw, gguf_keys(chat)))

    def between_cases(self):
        pass

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


# --- GGUF --------------------------------------------------------------------

def gguf_text(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def gguf_keys(chat):
    """The tokenizer's keys as (name, type and value)."""
    def texts(values):
        return struct.pack("<IIQ", 9, 8, len(values)) + \
            b"".join(map(gguf_text, values))

    types = [3] * len(SPECIAL) + [1] * len(CHARACTERS)
    keys = {
        "tokenizer.ggml.model": struct.pack("<I", 8) + gguf_text("gpt2"),
        "tokenizer.ggml.pre": struct.pack("<I", 8) + gguf_text("gpt-2"),
        "tokenizer.ggml.tokens": texts(VOCABULARY),
        "tokenizer.ggml.token_type": struct.pack("<IIQ", 9, 5, len(types)) +
        struct.pack(f"<{len(types)}i", *types),
        "tokenizer.ggml.merges": texts([]),
        "tokenizer.ggml.bos_token_id": struct.pack("<II", 4, BOS),
        "tokenizer.ggml.eos_token_id": struct.pack("<II", 4, EOS),
    }
    if chat is not None:
        keys["tokenizer.chat_template"] = \
            struct.pack("<I", 8) + gguf_text(chat)
    return keys


def value_end(raw, at, kind):
    """Where a value of <kind> that begins at <at> ends."""
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8,
             12: 8}
    if kind in sizes:
        return at + sizes[kind]
    if kind == 8:
        return at + 8 + struct.unpack_from("<Q", raw, at)[0]
    inner, n = struct.unpack_from("<IQ", raw, at)
    at += 12
    for _ in range(n):
        at = value_end(raw, at, inner)
    return at


def add_keys(raw, keys):
    """The file with these keys, which take the place of others of the same
    name; the tensors' data moves to the next 32."""
    magic, version, tensors, n_keys = struct.unpack_from("<4sIQQ", raw)
    at = 24
    kept = []
    for _ in range(n_keys):
        begin = at
        end = at + 8 + struct.unpack_from("<Q", raw, at)[0]
        at = value_end(raw, end + 4, struct.unpack_from("<I", raw, end)[0])
        if raw[begin + 8:end].decode() not in keys:
            kept.append(raw[begin:at])
    end_of_keys = at
    for _ in range(tensors):
        at += 8 + struct.unpack_from("<Q", raw, at)[0]
        at += 4 + 8 * struct.unpack_from("<I", raw, at)[0] + 12
    data = raw[(at + 31) // 32 * 32:]
    head = struct.pack("<4sIQQ", magic, version, tensors,
                       len(kept) + len(keys)) + b"".join(kept)
    for name, value in keys.items():
        head += gguf_text(name) + value
    head += raw[end_of_keys:at]
    return head + b"\0" * (-len(head) % 32) + data


def with_template(model, path, chat):
    """A copy of the GGUF file <model> at <path> with another template."""
    with open(model, "rb") as file:
        raw = file.read()
    with open(path, "wb") as file:
        file.write(add_keys(raw, {"tokenizer.chat_template":
                                  struct.pack("<I", 8) + gguf_text(chat)}))
    return path


# --- commands ----------------------------------------------------------------

class Answers(list):
    """The JSON of each line of standard output, status, standard error."""

    def __init__(self, done):
        super().__init__(json.loads(line)
                         for line in done.stdout.splitlines())
        self.status = done.returncode
        self.err = done.stderr.decode()


def ask(command, model, *rows, flags=(), timeout=120):
    """Sends rows as lines: JSON of what is not bytes."""
    text = b"".join((row if isinstance(row, bytes)
                     else json.dumps(row).encode()) + b"\n" for row in rows)
    answers = Answers(sluice(command, "--model", model, *flags, text=text,
                             timeout=timeout))
    check_equal(len(answers), len(rows), f"answers, {answers.err}")
    return answers


def ask_one(command, model, row, *flags):
    """One row that must be answered."""
    answers = ask(command, model, row, flags=flags)
    check(answers.status == 0 and not is_error(answers[0]),
          answers, answers.err)
    return answers[0]


def is_error(answer):
    return isinstance(answer, dict) and set(answer) == {"error"}


def refused(command, model, *words, flags=()):
    """The command ends with 1 and a message that holds each word."""
    done = sluice(command, "--model", model, *flags, text=b"")
    message = done.stderr.decode()
    check_equal((done.returncode, done.stdout), (1, b""), message)
    for word in words:
        check(word in message, f"{word!r} is not in", message)


def check_near(got, wanted, tolerance, what=""):
    check_equal(len(got), len(wanted), what)
    worst = max((abs(a - b) for a, b in zip(got, wanted)), default=0)
    check(worst <= tolerance, what, f"differs by {worst}")


def needs(path):
    """Skips the rest of a case, with a word, where a model is not there."""
    if os.path.exists(path):
        return True
    print(f"   no {os.path.basename(path)}: run tools/fetch-models")
    return False


sys.dont_write_bytecode = True
